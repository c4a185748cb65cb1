//! The forms in which keys are read, and several keys at once. `cargo run -p keys`
//!
//! A service would hold public keys only; the private ones beside them sign the tokens that are verified here.

use std::error::Error;

use jwt_core::error::TokenError;
use jwt_core::{Algorithm, AuthError, Authenticator, KeySet, SigningKey, Verifier, VerifyingKey};
use serde_json::json;

#[derive(serde::Deserialize)]
struct User {
    name: String,
}

const USAGE: &str = "\
The forms in which keys are read, and several keys at once. It prints what it does and ends.

usage: cargo run -p keys
";

fn main() -> Result<(), Box<dyn Error>> {
    command_line::arguments(USAGE, 0);
    // A public key in PEM, as `openssl pkey -pubout` writes it. PKCS#1 and certificates are read the same way.
    let rsa = VerifyingKey::pem(Algorithm::RS256, include_str!("../keys/rsa.pub.pem"))?;
    let certificate = VerifyingKey::pem(Algorithm::EdDSA, include_str!("../keys/ed25519.cert.pem"))?;

    // A JWK Set, as identity providers publish it. What cannot verify here is left out and reported.
    let jwks = KeySet::jwks(include_str!("../keys/jwks.json"))?;
    for skipped in jwks.skipped() {
        println!("key {:?} of the set is not used: {}", skipped.kid, skipped.reason);
    }

    // Several keys at once, each with its algorithm and its name: a rotation, or several issuers.
    let keys = jwks.keys().iter().cloned().chain([rsa.with_kid("rsa"), certificate.with_kid("ed25519")]);
    let verifier: Verifier<User> =
        Authenticator::builder().keys(KeySet::new(keys)?).audience("example").build_verifier()?;

    for (algorithm, kid, pem) in [
        (Algorithm::RS256, "rsa", include_str!("../keys/rsa.pem")),
        (Algorithm::ES256, "2026-11", include_str!("../keys/p256.pem")),
        (Algorithm::EdDSA, "ed25519", include_str!("../keys/ed25519.pem")),
    ] {
        let claims = json!({"name": "Alice", "aud": "example", "exp": 4_000_000_000_u64});
        let token = SigningKey::pem(algorithm, pem)?.with_kid(kid).sign(&claims)?;
        let user = verifier.verify(&token)?;
        println!("{algorithm} with the key {kid:?}: {}", user.name);

        // A key is bound to its algorithm and its name: under another name the same signature is worth nothing.
        let token = SigningKey::pem(algorithm, pem)?.with_kid("somebody else's").sign(&claims)?;
        assert!(matches!(verifier.verify(&token), Err(AuthError::InvalidToken(TokenError::UnknownKey))));
    }

    // Weak keys are refused when they are loaded, with what to do about it.
    if let Err(error) = KeySet::hs256("too short") {
        println!("refused: {error}");
    }
    Ok(())
}
