//! What tutorials do: `jsonwebtoken::decode` with a key and a validation that were made at the start.

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};

use crate::tokens::{AUDIENCE, ISSUER, Key, User};

pub(crate) struct Recipe {
    key: DecodingKey,
    validation: Validation,
}

impl Recipe {
    pub(crate) fn new(key: &Key) -> Self {
        let pem = key.public_pem.as_bytes();
        let (algorithm, decoding) = match key.algorithm {
            jwt_core::Algorithm::HS256 => (Algorithm::HS256, Ok(DecodingKey::from_secret(key.secret.as_bytes()))),
            jwt_core::Algorithm::RS256 => (Algorithm::RS256, DecodingKey::from_rsa_pem(pem)),
            jwt_core::Algorithm::PS256 => (Algorithm::PS256, DecodingKey::from_rsa_pem(pem)),
            jwt_core::Algorithm::ES256 => (Algorithm::ES256, DecodingKey::from_ec_pem(pem)),
            jwt_core::Algorithm::EdDSA => (Algorithm::EdDSA, DecodingKey::from_ed_pem(pem)),
            other => panic!("no benchmark uses {other}"),
        };
        let mut validation = Validation::new(algorithm);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        Self { key: decoding.expect("a key"), validation }
    }

    pub(crate) fn verify(&self, token: &str) -> Option<User> {
        decode::<User>(token, &self.key, &self.validation).ok().map(|data| data.claims)
    }
}

/// Picks the backend that the floor and we have, too. The process has to be told: with the features that all the peers
/// together switch on, jsonwebtoken may find two backends, and then it panics.
pub(crate) fn install_provider() {
    jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default().expect("the first provider of the process");
}
