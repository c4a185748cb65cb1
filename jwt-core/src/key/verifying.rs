//! A key that verifies signatures.

use std::fmt;
use std::sync::Arc;

use super::{KeyError, check_secret, jwk, pem, secret};
use crate::key::algorithm::Algorithm;
use crate::key::crypto::{Material, PublicKey};

/// A key that verifies signatures of exactly one algorithm, parsed once and cheap to clone.
///
/// Weak keys are refused when they are loaded: HMAC secrets shorter than the output of the hash (RFC 7518 §3.2), RSA keys
/// of fewer than 2048 bits (RFC 7518 §3.3) or with an even exponent, Ed25519 points of small order.
///
/// ```
/// use jwt_core::{Algorithm, VerifyingKey};
///
/// let key = VerifyingKey::secret(Algorithm::HS256, b"a secret of at least thirty-two bytes")?.with_kid("2026-11");
/// assert_eq!(key.kid(), Some("2026-11"));
/// assert!(VerifyingKey::secret(Algorithm::HS256, b"short").is_err());
/// # Ok::<(), jwt_core::key::KeyError>(())
/// ```
#[derive(Clone)]
pub struct VerifyingKey {
    pub(super) algorithm: Algorithm,
    pub(super) kid: Option<Arc<str>>,
    pub(super) key: PublicKey,
    /// Nobody said that it is for this algorithm, and others would go with it as well.
    pub(super) assumed: bool,
    /// The bytes of a secret that looks like base64, which its owner may mean in the place of its text.
    pub(super) decoded: Option<PublicKey>,
}

impl VerifyingKey {
    /// An HMAC secret. `algorithm` is one of HS256, HS384 and HS512.
    ///
    /// # Errors
    /// [`KeyError::WeakSecret`] for fewer than 32, 48 or 64 bytes, [`KeyError::WrongKind`] for another algorithm, and
    /// [`KeyError::NotASecret`] for a key in PEM, DER or the form of OpenSSH, a certificate, a JWK, a JWK Set, a URL, and
    /// base64 of any of them: whoever knows a public key could sign with it.
    pub fn secret(algorithm: Algorithm, secret: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        let secret = secret.as_ref();
        check_secret(algorithm, secret)?;
        let decoded = secret::meant(secret);
        let decoded = decoded.and_then(|bytes| PublicKey::new(algorithm, &Material::Secret(&bytes)).ok());
        Ok(Self { decoded, ..Self::new(algorithm, &Material::Secret(secret))? })
    }

    /// An HMAC secret in base64, of either alphabet, with or without padding. Its bytes are checked as by
    /// [`secret`](Self::secret).
    pub fn secret_base64(algorithm: Algorithm, secret: &str) -> Result<Self, KeyError> {
        Self::secret(algorithm, secret::decode(secret)?)
    }

    /// A public key in PEM: `PUBLIC KEY` (SPKI), `RSA PUBLIC KEY` (PKCS#1) or `CERTIFICATE` (X.509, whose validity
    /// and issuer are *not* checked). Text around it is ignored. A private key is refused, and so are several
    /// blocks, since nothing says which one is meant. Each error says what was found and what to do.
    pub fn pem(algorithm: Algorithm, pem: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        pem::public_key(algorithm, pem.as_ref(), |material| Self::new(algorithm, material))
    }

    /// A public key in DER: SPKI, PKCS#1 or an X.509 certificate, as in [`pem`](Self::pem).
    pub fn der(algorithm: Algorithm, der: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        pem::public_key_der(algorithm, der.as_ref(), |material| Self::new(algorithm, material))
    }

    /// A JSON Web Key (RFC 7517) to be used with `algorithm`. Its `kid` is kept. An `alg` that names another
    /// algorithm, a `use` other than `sig` and a `key_ops` without `verify` are errors. Private members are ignored.
    pub fn jwk(algorithm: Algorithm, jwk: &str) -> Result<Self, KeyError> {
        jwk::Jwk::read(jwk)?.verifying_key(algorithm)
    }

    /// The same for a key whose writer is careless: base64url with padding, coordinates of elliptic curves without
    /// their leading zeros, and these or the numbers of RSA with a sign byte or zeros in front.
    pub fn lenient_jwk(algorithm: Algorithm, jwk: &str) -> Result<Self, KeyError> {
        jwk::Jwk::read(jwk)?.respelled().verifying_key(algorithm)
    }

    /// The same key under a name: a token with that name in its `kid` header is verified with it.
    #[must_use]
    pub fn with_kid(mut self, kid: impl Into<Arc<str>>) -> Self {
        self.kid = Some(kid.into());
        self
    }

    /// The one algorithm that the key is for.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The name of the key: `kid`.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    pub(crate) fn new(algorithm: Algorithm, material: &Material<'_>) -> Result<Self, KeyError> {
        Ok(Self { algorithm, kid: None, key: PublicKey::new(algorithm, material)?, assumed: false, decoded: None })
    }

    /// Whether it is a clone of that key, under the same name.
    #[allow(dead_code, reason = "for issuers (feature `login`)")]
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.key.is_same(&other.key) && self.kid == other.kid
    }

    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        self.key.verify(message, signature)
    }

    /// Whether the signature holds under the bytes that the secret stands for in base64: whoever loaded it meant those.
    pub(crate) fn is_meant_decoded(&self, message: &[u8], signature: &[u8]) -> bool {
        self.decoded.as_ref().is_some_and(|key| key.verify(message, signature))
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyingKey")
            .field("algorithm", &self.algorithm)
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}
