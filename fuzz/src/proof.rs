//! Proofs of DPoP (RFC 9449) whose signature holds, whatever is in them, and requests that carry them.

use std::sync::LazyLock;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue, Request};
use jwt_core::adapter::Verdict;
use jwt_core::error::{AuthError, ProofError, Unavailable};
use jwt_core::{Authenticator, AuthenticatorBuilder, KeySet};

use crate::token::{SECRET, Stopped, sign};

const DPOP: HeaderName = HeaderName::from_static("dpop");

static KEY: LazyLock<Ed25519KeyPair> =
    LazyLock::new(|| Ed25519KeyPair::from_seed_unchecked(&[9; 32]).expect("a seed is 32 bytes"));

/// `x` of the public key.
pub(crate) static X: LazyLock<String> = LazyLock::new(|| URL_SAFE_NO_PAD.encode(KEY.public_key()));

/// A token that is bound to the key.
static TOKEN: LazyLock<String> = LazyLock::new(|| {
    let jkt = hash(format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, *X).as_bytes());
    let claims = format!(r#"{{"aud":"api","exp":1790000900,"sub":"alice","cnf":{{"jkt":"{jkt}"}}}}"#);
    sign(br#"{"alg":"HS256"}"#, claims.as_bytes())
});

/// `ath` of a proof for that token.
pub(crate) static ATH: LazyLock<String> = LazyLock::new(|| hash(TOKEN.as_bytes()));

fn hash(text: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, text))
}

/// The header of a good proof.
pub(crate) fn good_header() -> String {
    format!(r#"{{"typ":"dpop+jwt","alg":"Ed25519","jwk":{{"kty":"OKP","crv":"Ed25519","x":"{}"}}}}"#, *X)
}

/// Signs whatever bytes are given as header and claims.
pub(crate) fn sign_proof(header: &[u8], claims: &[u8]) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = KEY.sign(message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// The header and the claims, if these are three segments and the last is the key's signature of the others.
pub(crate) fn open_proof(proof: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let segments: Vec<&[u8]> = proof.split(|byte| *byte == b'.').collect();
    let [header, claims, signature] = segments.as_slice() else { return None };
    let decode = |segment: &[u8]| URL_SAFE_NO_PAD.decode(segment).ok();
    let message = &proof[..header.len() + 1 + claims.len()];
    UnparsedPublicKey::new(&ED25519, KEY.public_key()).verify(message, &decode(signature)?).ok()?;
    Some((decode(header)?, decode(claims)?))
}

/// An authenticator for the token.
pub(crate) fn authenticator() -> AuthenticatorBuilder<()> {
    let keys = KeySet::hs256(SECRET).expect("the secret is long enough");
    Authenticator::builder().keys(keys).audience("api").clock(Stopped)
}

/// A request with the token and that proof; `None` where no header field can hold it.
pub(crate) fn with_proof(target: &str, proof: &[u8]) -> Option<Request<()>> {
    let proof = HeaderValue::from_bytes(proof).ok()?;
    let request = Request::get(target).header(AUTHORIZATION, format!("DPoP {}", *TOKEN)).header(DPOP, proof);
    request.body(()).ok()
}

/// Whether everything in the proof is good. Whether it was used before comes last, and does not count here.
pub(crate) fn is_good(auth: &Authenticator<()>, request: &Request<()>) -> bool {
    match auth.authenticate(request) {
        Verdict::Verified(_)
        | Verdict::Rejected(
            AuthError::InvalidProof(ProofError::Replayed) | AuthError::Unavailable(Unavailable::Proofs),
        ) => true,
        Verdict::Rejected(AuthError::InvalidProof(_) | AuthError::InvalidToken(_)) => false,
        other => panic!("{request:?} became {other:?}"),
    }
}
