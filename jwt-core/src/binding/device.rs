//! Proofs of browsers for device-bound logins (Device Bound Session Credentials, `typ` of `dbsc+jwt`).

use std::borrow::Cow;
use std::marker::PhantomData;

use serde::Deserialize;
use serde_json::{Value, json};

use super::dpop::{MAX_PROOF, malformed, own_key, read_header, signature, split};
use super::replay::Answer;
use super::{Binding, outcome};
use crate::claims::confirmation::Thumbprint;
use crate::clock::NumericDate;
use crate::error::{AuthError, Malformed, ProofError};
use crate::json::{StrictSeed, read_object};
use crate::key::VerifyingKey;
use crate::key::algorithm::Algorithm;
use crate::verify::UntrustedToken;

/// What browsers sign by.
const ALGORITHM: Algorithm = Algorithm::ES256;
const TYPE: &str = "dbsc+jwt";

/// A key that a browser has made for a login.
pub(crate) struct RegisteredKey {
    /// As the JSON of a JWK, with the members that make the key and no others.
    pub(crate) jwk: String,
    pub(crate) thumbprint: Thumbprint,
}

#[derive(Deserialize)]
struct Claims<'a> {
    #[serde(borrow)]
    jti: Option<Cow<'a, str>>,
    /// The session, in a refresh. Not every browser says it.
    #[serde(borrow)]
    sub: Option<Cow<'a, str>>,
}

/// The key of a registration, and the challenge that its proof answers: it is signed by the key in its own header.
pub(crate) fn registration(proof: &[u8]) -> Result<(RegisteredKey, String), ProofError> {
    let parts = parts_of(proof)?;
    let (header, algorithm) = read_header(parts.header, TYPE, &[ALGORITHM])?;
    let (thumbprint, key) = own_key(&header, algorithm)?;
    let challenge = challenge(&parts, &key, None)?;
    let member = |name: &str| header.get("jwk").and_then(|jwk| jwk.get(name)).cloned().unwrap_or(Value::Null);
    let jwk = json!({"kty": member("kty"), "crv": member("crv"), "x": member("x"), "y": member("y")}).to_string();
    Ok((RegisteredKey { jwk, thumbprint }, challenge))
}

/// The challenge that the proof of a refresh answers, which is signed by that key. `session` is what a proof that names one
/// has to name.
pub(crate) fn refresh(proof: &[u8], jwk: &str, session: &str) -> Result<String, ProofError> {
    let parts = parts_of(proof)?;
    read_header(parts.header, TYPE, &[ALGORITHM])?;
    let key = VerifyingKey::jwk(ALGORITHM, jwk).map_err(ProofError::Key)?;
    challenge(&parts, &key, Some(session))
}

/// Whether it may be a proof: nothing that is none reaches a store.
pub(crate) fn may_be_proof(proof: &[u8]) -> Result<(), ProofError> {
    read_header(parts_of(proof)?.header, TYPE, &[ALGORITHM]).map(drop)
}

fn parts_of(proof: &[u8]) -> Result<UntrustedToken<'_>, ProofError> {
    if proof.len() > MAX_PROOF { Err(ProofError::TooLong { limit: MAX_PROOF }) } else { split(proof) }
}

/// The signature is verified before the claims are read.
fn challenge(parts: &UntrustedToken<'_>, key: &VerifyingKey, session: Option<&str>) -> Result<String, ProofError> {
    if !key.verify(parts.message, &signature(parts)?) {
        return Err(ProofError::Signature);
    }
    let text = parts.claims().map_err(|_| ProofError::Malformed(Malformed::Claims))?;
    let claims: Claims<'_> =
        read_object(&text, StrictSeed(PhantomData)).map_err(|error| malformed(&error, Malformed::Claims))?;
    if claims.sub.is_some_and(|sub| session.is_some_and(|session| session != sub)) {
        return Err(ProofError::Claim("sub"));
    }
    claims.jti.map(Cow::into_owned).ok_or(ProofError::Claim("jti"))
}

impl Binding {
    /// Remembers that the proof of that challenge was used, until it is too old anyway.
    ///
    /// # Errors
    /// [`AuthError::InvalidProof`] where it was used before, [`AuthError::Unavailable`] where nobody can say.
    pub(crate) async fn use_challenge(
        &self,
        key: Thumbprint,
        challenge: &str,
        until: NumericDate,
        now: NumericDate,
    ) -> Result<(), AuthError> {
        let asked = self.proofs.used.first_use(self.proofs.used_proof(key, challenge, until), now);
        outcome(match asked {
            Answer::Now(first) => Some(first),
            Answer::Later(asking) => asking.await,
        })
    }
}
