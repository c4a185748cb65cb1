//! A public key as it is written into a JWK Set, and as its thumbprint is made of it.

use serde::Serialize;

use super::SigningKey;
use crate::base64url;
use crate::key::algorithm::{Algorithm, Family};
use crate::key::crypto::{self, PublicParts};

/// The members of a public key that its thumbprint is made of, in the order of their names (RFC 7638 §3.2).
#[derive(Default, Serialize)]
pub(crate) struct PublicJwk {
    #[serde(skip_serializing_if = "Option::is_none")]
    alg: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    crv: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    e: Option<String>,
    kty: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    n: Option<String>,
    #[serde(rename = "pub", skip_serializing_if = "Option::is_none")]
    public: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    x: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    y: Option<String>,
}

impl PublicJwk {
    /// `None` for a secret.
    pub(crate) fn of(key: &SigningKey) -> Option<Self> {
        Self::of_parts(key.algorithm(), key.public_parts()?)
    }

    /// The same as it is published, which its thumbprint is not made of.
    #[allow(dead_code, reason = "for issuers (feature `login`)")]
    pub(crate) fn with_alg(self, algorithm: Algorithm) -> Self {
        Self { alg: Some(algorithm.as_str()), ..self }
    }

    /// The name that the key has by itself (RFC 7638).
    pub(crate) fn thumbprint(&self) -> Option<String> {
        Some(base64url::encode(crypto::sha256(&serde_json::to_vec(self).ok()?)))
    }

    /// `None` where the parts are not those of a key for the algorithm.
    pub(crate) fn of_parts(algorithm: Algorithm, parts: &PublicParts) -> Option<Self> {
        let key_type = algorithm.key_type();
        let text = |bytes: &[u8]| Some(base64url::encode(bytes));
        let mut jwk = Self { crv: key_type.crv, kty: key_type.kty, ..Self::default() };
        match parts {
            PublicParts::Rsa { n, e } => (jwk.n, jwk.e) = (text(n), text(e)),
            PublicParts::Bytes(point) if key_type.family == Family::Ec => {
                // One byte that says "uncompressed" (SEC 1 §2.3.3), then two coordinates of the same length.
                let (x, y) = point.get(1..)?.split_at_checked(key_type.public)?;
                (jwk.x, jwk.y) = (text(x), text(y));
            }
            // The only ones whose thumbprint is also of their algorithm (RFC 9964 §6).
            PublicParts::Bytes(bytes) if key_type.kty == "AKP" => {
                (jwk.alg, jwk.public) = (Some(algorithm.as_str()), text(bytes));
            }
            PublicParts::Bytes(bytes) => jwk.x = text(bytes),
        }
        Some(jwk)
    }
}
