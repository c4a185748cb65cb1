use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use super::{KeyError, check_secret, decode_secret, pem};
use crate::algorithm::Algorithm;
use crate::base64url;
use crate::crypto::PrivateKey;

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
    key: Arc<PrivateKey>,
}

impl SigningKey {
    /// An HMAC secret. `algorithm` is one of HS256, HS384 and HS512.
    pub fn secret(algorithm: Algorithm, secret: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        check_secret(algorithm, secret.as_ref())?;
        Ok(Self::new(algorithm, PrivateKey::secret(algorithm, secret.as_ref())?))
    }

    /// An HMAC secret in base64, of either alphabet, with or without padding.
    pub fn secret_base64(algorithm: Algorithm, secret: &str) -> Result<Self, KeyError> {
        Self::secret(algorithm, decode_secret(secret)?)
    }

    /// A private key in PEM: `PRIVATE KEY` (PKCS#8, not encrypted) or `RSA PRIVATE KEY` (PKCS#1).
    pub fn pem(algorithm: Algorithm, pem: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        let der = pem::private_key(algorithm, pem.as_ref())?;
        Ok(Self::new(algorithm, PrivateKey::der(algorithm, &der)?))
    }

    fn new(algorithm: Algorithm, key: PrivateKey) -> Self {
        Self { algorithm, kid: None, typ: "JWT".into(), key: Arc::new(key) }
    }

    /// Writes that name into the `kid` header of the tokens.
    #[must_use]
    pub fn with_kid(mut self, kid: impl Into<Arc<str>>) -> Self {
        self.kid = Some(kid.into());
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

    /// Signs `claims`, which must serialize to a JSON object, into a compact token (RFC 7515 §7.1).
    pub fn sign<T: Serialize + ?Sized>(&self, claims: &T) -> Result<String, SigningError> {
        #[derive(Serialize)]
        struct Header<'a> {
            alg: &'static str,
            typ: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            kid: Option<&'a str>,
        }
        let header = Header { alg: self.algorithm.as_str(), typ: &self.typ, kid: self.kid.as_deref() };
        let header = serde_json::to_vec(&header).map_err(|_| SigningError::Claims)?;
        let claims = serde_json::to_vec(claims).map_err(|_| SigningError::Claims)?;
        if claims.first() != Some(&b'{') {
            return Err(SigningError::Claims);
        }
        let message = format!("{}.{}", base64url::encode(header), base64url::encode(claims));
        let signature = base64url::encode(self.key.sign(message.as_bytes())?);
        Ok(format!("{message}.{signature}"))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("algorithm", &self.algorithm).field("kid", &self.kid).finish_non_exhaustive()
    }
}

/// Why a token could not be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SigningError {
    /// The claims do not serialize, or not to a JSON object.
    #[error("the claims do not serialize to a JSON object")]
    Claims,
    /// The backend could not sign.
    #[error("the signature could not be made")]
    Failed,
}
