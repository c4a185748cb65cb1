//! A key that signs.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{KeyError, SigningError, VerifyingKey, pem, private_jwk, secret};
use crate::base64url;
use crate::claims::{self, ClaimsError, Noted};
use crate::facade::tracing;
use crate::key::algorithm::{Algorithm, Family};
use crate::key::crypto::{self, PrivateKey, PublicParts};

/// The longest `kid` that is read and written, in bytes.
pub(crate) const MAX_KID: usize = 1024;
/// The longest header that is read and written, in characters of base64url.
pub(crate) const MAX_HEADER: usize = 8 * 1024;

/// A key that signs tokens by exactly one algorithm, parsed once and cheap to clone.
///
/// ```
/// use jwt_core::{Algorithm, SigningKey};
///
/// #[derive(serde::Serialize)]
/// struct Claims {
///     sub: &'static str,
///     aud: &'static str,
///     exp: u64,
/// }
///
/// let key = SigningKey::secret(Algorithm::HS256, b"a secret of at least thirty-two bytes")?;
/// let token = key.sign(&Claims { sub: "alice", aud: "api", exp: 1_790_000_900 })?;
/// assert_eq!(token.split('.').count(), 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct SigningKey {
    algorithm: Algorithm,
    kid: Option<Arc<str>>,
    typ: Arc<str>,
    key: PrivateKey,
    public: VerifyingKey,
    /// `None` for a secret, which has no public half.
    parts: Option<Arc<PublicParts>>,
}

impl SigningKey {
    /// An HMAC secret. `algorithm` is one of HS256, HS384 and HS512. Refuses what [`VerifyingKey::secret`] refuses.
    pub fn secret(algorithm: Algorithm, secret: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        let public = VerifyingKey::secret(algorithm, secret.as_ref())?;
        let key = PrivateKey::secret(algorithm, secret.as_ref())?;
        Ok(Self { algorithm, kid: None, typ: "JWT".into(), key, public, parts: None })
    }

    /// An HMAC secret in base64, of either alphabet, with or without padding. Its bytes are checked as by
    /// [`secret`](Self::secret).
    pub fn secret_base64(algorithm: Algorithm, secret: &str) -> Result<Self, KeyError> {
        Self::secret(algorithm, secret::decode(secret)?)
    }

    /// A private key in PEM: `PRIVATE KEY` (PKCS#8, not encrypted) or `RSA PRIVATE KEY` (PKCS#1). Text around it
    /// is ignored. Several blocks, an encrypted key, a public key and a certificate are refused, each with an error that
    /// says what to do.
    pub fn pem(algorithm: Algorithm, pem: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        let der = pem::private_key(algorithm, pem.as_ref())?;
        Self::new(algorithm, PrivateKey::der(algorithm, &der)?)
    }

    /// A private JSON Web Key (RFC 7517, RFC 7518 §6) to be used with `algorithm`. Its `kid` is kept. An `alg` that names
    /// another algorithm, a `use` other than `sig`, a `key_ops` without `sign`, and public members that do not belong
    /// to the private ones are errors. An RSA key needs all of its numbers, and two primes.
    pub fn jwk(algorithm: Algorithm, jwk: &str) -> Result<Self, KeyError> {
        private_jwk::signing_key(algorithm, jwk)
    }

    /// A new key, for a first try and for tests. **It ends with the process**: after a restart, and on other instances,
    /// the tokens that it signed are refused. A warning in the log says so. An RSA key has 3072 bits and may take some
    /// seconds; the pure-Rust backend makes none, and no key for ES512 and ML-DSA.
    pub fn generate(algorithm: Algorithm) -> Result<Self, KeyError> {
        let key = match algorithm.family() {
            Family::Hmac => {
                let secret = crypto::random::<64>().ok_or(KeyError::Generate(algorithm))?;
                Self::secret(algorithm, &secret[..algorithm.least_secret()])
            }
            _ => Self::ephemeral(algorithm),
        }?;
        tracing::warn!(target: "jwt", %algorithm, "a signing key was generated: after a restart, and on other instances, the tokens that it signed cannot be verified; load one by `SigningKey::pem(…)`");
        Ok(key)
    }

    /// A new key that is meant to end with the process.
    pub(crate) fn ephemeral(algorithm: Algorithm) -> Result<Self, KeyError> {
        Self::new(algorithm, PrivateKey::generate(algorithm)?)
    }

    pub(super) fn new(algorithm: Algorithm, key: PrivateKey) -> Result<Self, KeyError> {
        let parts = key.public_parts().ok_or(KeyError::Invalid(algorithm))?;
        let public = VerifyingKey::new(algorithm, &parts.material())?;
        let parts = Some(Arc::new(parts));
        Ok(Self { algorithm, kid: None, typ: "JWT".into(), key, public, parts })
    }

    /// Writes that name into the `kid` header of the tokens.
    #[must_use]
    pub fn with_kid(mut self, kid: impl Into<Arc<str>>) -> Self {
        let kid = kid.into();
        self.public = self.public.with_kid(kid.clone());
        self.kid = Some(kid);
        self
    }

    /// Writes that into the `typ` header of the tokens, for example `at+jwt` (RFC 9068). Without it, `JWT`.
    #[must_use]
    pub fn with_typ(mut self, typ: impl Into<Arc<str>>) -> Self {
        self.typ = typ.into();
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

    /// The key that verifies what this one signs, under the same name: its public half or, for HMAC, the same secret.
    pub fn verifying_key(&self) -> VerifyingKey {
        self.public.clone()
    }

    pub(crate) fn public_parts(&self) -> Option<&PublicParts> {
        self.parts.as_deref()
    }

    /// Signs `claims`, which must serialize to a JSON object, into a compact token (RFC 7515 §7.1).
    ///
    /// # Errors
    /// For claims that no verifier accepts, whatever its configuration: registered claims of the wrong type, among them
    /// an `Option` that is `None` and serializes to `null`, and a member that is there twice. The same code reads them as
    /// in a verifier.
    pub fn sign<T: Serialize + ?Sized>(&self, claims: &T) -> Result<String, SigningError> {
        self.sign_json(&self.typ, &serde_json::to_vec(claims).map_err(|_| SigningError::Claims)?)
    }

    /// Signs the JSON text of an object.
    pub(crate) fn sign_json(&self, typ: &str, claims: &[u8]) -> Result<String, SigningError> {
        let message = signing_input(self.algorithm, self.kid.as_deref(), typ, claims)?;
        let signature = base64url::encode(self.signature(message.as_bytes())?);
        Ok(format!("{message}.{signature}"))
    }

    /// The bare signature of these bytes.
    pub(crate) fn signature(&self, message: &[u8]) -> Result<Vec<u8>, SigningError> {
        self.key.sign(message)
    }
}

/// What is signed of a token (RFC 7515 §5.1): header and claims, which are the JSON text of an object.
pub(crate) fn signing_input(
    algorithm: Algorithm,
    kid: Option<&str>,
    typ: &str,
    claims: &[u8],
) -> Result<String, SigningError> {
    #[derive(Serialize)]
    struct Header<'a> {
        alg: &'static str,
        typ: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        kid: Option<&'a str>,
    }
    check(claims)?;
    if let Some(bytes) = kid.map(str::len).filter(|bytes| *bytes > MAX_KID) {
        return Err(SigningError::KidTooLong { bytes, limit: MAX_KID });
    }
    let header = Header { alg: algorithm.as_str(), typ, kid };
    let header = serde_json::to_vec(&header).map_err(|_| SigningError::Claims)?;
    let header = base64url::encode(header);
    if header.len() > MAX_HEADER {
        return Err(SigningError::HeaderTooLong { bytes: header.len(), limit: MAX_HEADER });
    }
    Ok(format!("{header}.{}", base64url::encode(claims)))
}

/// Refuses what every verifier refuses.
fn check(claims: &[u8]) -> Result<(), SigningError> {
    #[derive(Deserialize)]
    struct Bound {
        #[serde(rename = "cnf")]
        _cnf: serde_json::Map<String, serde_json::Value>,
    }
    let json = std::str::from_utf8(claims).map_err(|_| SigningError::Claims)?;
    let mut noted = Noted::default();
    claims::read::<()>(json, &mut noted).map_err(|error| match error {
        ClaimsError::Registered(claim) => SigningError::ClaimType(claim),
        ClaimsError::Json(_) => SigningError::Claims,
    })?;
    if noted.names.contains("cnf") {
        serde_json::from_str::<Bound>(json).map_err(|_| SigningError::Confirmation)?;
    }
    Ok(())
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("algorithm", &self.algorithm).field("kid", &self.kid).finish_non_exhaustive()
    }
}
