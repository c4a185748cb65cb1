use std::sync::LazyLock;

use jwt_core::{AuthError, Authenticator, KeySet, TokenCache, Verifier};
use serde_json::Value;

use crate::reference::{Demands, Json, Registered, header_is_good};
use crate::token::{SECRET, Stopped, open, sign};

const DEMANDS: Demands = Demands { issuer: None, audience: "api", required: None, max_age: None };

/// Public keys of RFC 7515 §A.3, RFC 8037 §A.2 and RFC 7520 §3.1, so that no family is refused for want of a key.
const PUBLIC_KEYS: &str = include_str!("../seeds/key_set/good-jwks-of-rfcs");

static VERIFIER: LazyLock<Verifier<Value>> = LazyLock::new(|| verifier(None));
static WITH_CACHE: LazyLock<Verifier<Value>> = LazyLock::new(|| verifier(Some(TokenCache::new().max_entries(64))));

fn verifier(cache: Option<TokenCache>) -> Verifier<Value> {
    let public = KeySet::jwks(PUBLIC_KEYS).expect("the keys of the RFCs are good");
    let unnamed = KeySet::hs256(SECRET).expect("the secret is long enough");
    let keys = public.keys().iter().chain(unnamed.keys()).cloned();
    let builder =
        Authenticator::builder().keys(KeySet::new(keys).expect("there are keys")).audience("api").clock(Stopped);
    let builder = match cache {
        Some(bound) => builder.cache(bound),
        None => builder,
    };
    builder.build_verifier().expect("it is configured completely")
}

/// The verdict, which is the same with a cache, the first time and the second.
fn verify(token: &[u8]) -> Result<(), AuthError> {
    let verdict = VERIFIER.verify(token).map(drop);
    for _ in 0..2 {
        let cached = WITH_CACHE.verify(token).map(drop);
        assert_eq!(format!("{cached:?}"), format!("{verdict:?}"), "judged otherwise with a cache");
    }
    verdict
}

/// Verifies the input as a token and, where it has two lines, the token whose header is the first line and whose
/// claims are the rest, validly signed.
pub fn compact_token(data: &[u8]) -> bool {
    let mut accepted = false;
    if verify(data).is_ok() {
        let (header, claims) = open(data).expect("only an HS256 token can be good: there is no other private key");
        assert!(is_good(&header, &claims, data.len()).unwrap_or(true), "accepted against the model");
        assert_unchangeable(data);
        accepted = true;
    }
    if let Some(end) = data.iter().position(|byte| *byte == b'\n') {
        let (header, claims) = (&data[..end], &data[end + 1..]);
        let token = sign(header, claims);
        let result = verify(token.as_ref());
        if let Some(good) = is_good(header, claims, token.len()) {
            assert_eq!(result.is_ok(), good, "{:?}", result.err());
        }
        // The second time, the header is a known one.
        assert_eq!(verify(token.as_ref()).is_ok(), result.is_ok(), "a token is judged otherwise the second time");
        accepted |= result.is_ok();
    }
    accepted
}

/// Whether a token that is validly signed is good; `None` where the model does not say.
fn is_good(header: &[u8], claims: &[u8], token_len: usize) -> Option<bool> {
    let segment_len = header.len().div_ceil(3) * 4 - (3 - header.len() % 3) % 3;
    let (Some(header), Some(claims)) = (Json::object(header), Json::object(claims)) else { return Some(false) };
    if header.has_private_names() || claims.has_private_names() {
        return None;
    }
    let registered = Registered::read(&claims);
    Some(
        token_len <= 16 * 1024
            && segment_len <= 8 * 1024
            && header_is_good(&header)
            && registered.is_ok_and(|registered| registered.satisfies(&claims, &DEMANDS)),
    )
}

/// No other bytes stand for the same token: none changed, none added, none left out.
fn assert_unchangeable(token: &[u8]) {
    for at in 0..token.len() {
        let mut changed = token.to_vec();
        changed[at] ^= 1;
        assert!(verify(&changed).is_err(), "byte {at} can be changed");
    }
    assert!(verify(&token[..token.len() - 1]).is_err(), "the last byte can be left out");
    for added in [&b"="[..], b".", b" ", b"\n", b"A", b"\0"] {
        assert!(verify(&[token, added].concat()).is_err(), "{added:?} can be added at the end");
        assert!(verify(&[added, token].concat()).is_err(), "{added:?} can be added at the front");
    }
}
