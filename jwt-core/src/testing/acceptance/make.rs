//! Tokens of any header and payload, signed with the secret of the suite.

use serde_json::{Value, json};

use crate::base64url;
use crate::key::algorithm::Algorithm;
use crate::key::crypto::PrivateKey;

pub(super) const SECRET: &[u8] = b"the acceptance suite's secret, known to all";
pub(super) const ISSUER: &str = "https://issuer.example.com";
pub(super) const AUDIENCE: &str = "api";
/// The time at which the clock of the authenticators stands still.
pub(super) const NOW: u64 = 1_790_000_000;
/// The header of a good token.
pub(super) const HS256: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

pub(super) fn good_claims() -> Value {
    json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "name": "Alice", "exp": NOW + 600, "iat": NOW})
}

/// Good claims with some of them replaced, or removed where the new value is null.
pub(super) fn claims_with(changes: &Value) -> Value {
    let mut claims = good_claims();
    for (name, value) in changes.as_object().into_iter().flatten() {
        claims[name] = value.clone();
    }
    if let Some(members) = claims.as_object_mut() {
        members.retain(|_, value| !value.is_null());
    }
    claims
}

/// Good claims as text, without `exp`, with members spelled out.
pub(super) fn claims_spelled(members: &str) -> String {
    format!(r#"{{"iss":"{ISSUER}","aud":"{AUDIENCE}","sub":"alice","name":"Alice",{members}}}"#)
}

pub(super) fn good() -> String {
    of(&good_claims())
}

/// A token of good claims with changes.
pub(super) fn with(changes: &Value) -> String {
    of(&claims_with(changes))
}

pub(super) fn of(claims: &Value) -> String {
    compact(HS256, claims.to_string())
}

/// A token of any header and any payload.
pub(super) fn compact(header: &str, payload: impl AsRef<[u8]>) -> String {
    sign(&format!("{}.{}", base64url::encode(header), base64url::encode(payload)))
}

/// Any text before the last dot, with its signature behind it.
pub(super) fn sign(message: &str) -> String {
    sign_by(SECRET, message)
}

pub(super) fn sign_by(secret: &[u8], message: &str) -> String {
    // Not by a signing key, which refuses a public key as a secret: that is what an attacker signs with.
    let key = PrivateKey::secret(Algorithm::HS256, secret).expect("the backend takes any secret");
    let signature = key.sign(message.as_bytes()).expect("the backend signs");
    format!("{message}.{}", base64url::encode(signature))
}
