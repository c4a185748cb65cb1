//! The keys of an issuer: those of this process, and those that are elsewhere.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;

use super::IssueError;
use super::signer::{Signer, SignerError, SigningInput};
use crate::base64url;
use crate::key::crypto::{Material, PublicParts};
use crate::key::public_jwk::PublicJwk;
use crate::key::{Algorithm, KeyError, SigningKey, VerifyingKey, pem, signing_input};

/// How long a signer may take: longer than any that works.
const TIMEOUT: Duration = Duration::from_secs(3);

/// A key that signs the tokens of an [`Issuer`](crate::Issuer) and is elsewhere: in a key management service, a hardware
/// security module, Vault. Here is its public half, and the [`Signer`] that asks for a signature. Cheap to clone.
///
/// It is published, rotated and withdrawn like a [`SigningKey`]. Tokens are signed by
/// [`Issuer::sign_async`](crate::Issuer::sign_async), and by [`Logins`](crate::Logins).
///
/// ```
/// use jwt_core::issue::{RemoteSigningKey, Signer, Signing, SigningInput};
/// use jwt_core::{Algorithm, Issuer};
///
/// # struct KmsKey;
/// # impl Signer for KmsKey {
/// #     fn sign<'a>(&'a self, _: SigningInput<'a>) -> Signing<'a> { Box::pin(async { Ok(Vec::new()) }) }
/// # }
/// # fn example(public_key: &str) -> Result<(), Box<dyn std::error::Error>> {
/// let key = RemoteSigningKey::pem(Algorithm::ES256, public_key, KmsKey)?;
/// let issuer = Issuer::builder("https://auth.example.com").audience("api").signing_key(key).build()?;
/// # let _ = issuer;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct RemoteSigningKey {
    public: VerifyingKey,
    parts: Arc<PublicParts>,
    signer: Arc<dyn Signer>,
    timeout: Duration,
}

impl RemoteSigningKey {
    /// With the public half in PEM: what [`VerifyingKey::pem`] takes. `algorithm` is not one of HMAC.
    ///
    /// # Errors
    /// As [`VerifyingKey::pem`].
    pub fn pem(
        algorithm: Algorithm,
        public_key: impl AsRef<[u8]>,
        signer: impl Signer + 'static,
    ) -> Result<Self, KeyError> {
        pem::public_key(algorithm, public_key.as_ref(), |material| Self::new(algorithm, material, Arc::new(signer)))
    }

    /// The same with the public half in DER: what [`VerifyingKey::der`] takes.
    ///
    /// # Errors
    /// As [`VerifyingKey::der`].
    pub fn der(
        algorithm: Algorithm,
        public_key: impl AsRef<[u8]>,
        signer: impl Signer + 'static,
    ) -> Result<Self, KeyError> {
        let signer = Arc::new(signer);
        pem::public_key_der(algorithm, public_key.as_ref(), |material| Self::new(algorithm, material, signer.clone()))
    }

    fn new(algorithm: Algorithm, material: &Material<'_>, signer: Arc<dyn Signer>) -> Result<Self, KeyError> {
        let public = VerifyingKey::new(algorithm, material)?;
        let parts = match material {
            Material::Secret(_) => return Err(KeyError::WrongKind(algorithm)),
            Material::RsaComponents { n, e } => PublicParts::Rsa { n: n.to_vec(), e: e.to_vec() },
            Material::Bytes(bytes) => PublicParts::Bytes(bytes.to_vec()),
        };
        Ok(Self { public, parts: Arc::new(parts), signer, timeout: TIMEOUT })
    }

    /// Writes that name into the `kid` header of the tokens and into the JWK Set. Without it, the thumbprint of the key
    /// (RFC 7638).
    #[must_use]
    pub fn with_kid(mut self, kid: impl Into<Arc<str>>) -> Self {
        self.public = self.public.with_kid(kid);
        self
    }

    /// How long the signer may take for one token. 3 seconds.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The one algorithm that the key is for.
    pub fn algorithm(&self) -> Algorithm {
        self.public.algorithm()
    }

    /// The name of the key: `kid`.
    pub fn kid(&self) -> Option<&str> {
        self.public.kid()
    }

    async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignerError> {
        if Handle::try_current().is_err() {
            return Err(SignerError::NoRuntime);
        }
        let signing = self.signer.sign(SigningInput { algorithm: self.algorithm(), message });
        let signature = tokio::time::timeout(self.timeout, signing).await;
        let signature = signature.map_err(|_| SignerError::Timeout { after: self.timeout })??;
        if self.public.verify(message, &signature) { Ok(signature) } else { Err(SignerError::WrongSignature) }
    }
}

impl fmt::Debug for RemoteSigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteSigningKey")
            .field("algorithm", &self.algorithm())
            .field("kid", &self.kid())
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// A key of an [`Issuer`](crate::Issuer): a [`SigningKey`] of this process, or a [`RemoteSigningKey`].
#[derive(Clone)]
pub struct IssuerKey(Kind);

#[derive(Clone)]
enum Kind {
    Here(SigningKey),
    Elsewhere(RemoteSigningKey),
}
use Kind::{Elsewhere, Here};

impl From<SigningKey> for IssuerKey {
    fn from(key: SigningKey) -> Self {
        Self(Here(key))
    }
}

impl From<RemoteSigningKey> for IssuerKey {
    fn from(key: RemoteSigningKey) -> Self {
        Self(Elsewhere(key))
    }
}

impl IssuerKey {
    pub(super) fn algorithm(&self) -> Algorithm {
        match &self.0 {
            Here(key) => key.algorithm(),
            Elsewhere(key) => key.algorithm(),
        }
    }

    pub(super) fn kid(&self) -> Option<&str> {
        match &self.0 {
            Here(key) => key.kid(),
            Elsewhere(key) => key.kid(),
        }
    }

    pub(super) fn with_kid(self, kid: String) -> Self {
        Self(match self.0 {
            Here(key) => Here(key.with_kid(kid)),
            Elsewhere(key) => Elsewhere(key.with_kid(kid)),
        })
    }

    pub(super) fn verifying_key(&self) -> VerifyingKey {
        match &self.0 {
            Here(key) => key.verifying_key(),
            Elsewhere(key) => key.public.clone(),
        }
    }

    /// `None` for a secret.
    pub(super) fn public_jwk(&self) -> Option<PublicJwk> {
        match &self.0 {
            Here(key) => PublicJwk::of(key),
            Elsewhere(key) => PublicJwk::of_parts(key.algorithm(), &key.parts),
        }
    }

    /// Signs the JSON text of an object, where the key is here.
    pub(super) fn sign(&self, typ: &str, claims: &[u8]) -> Result<String, IssueError> {
        match &self.0 {
            Here(key) => Ok(key.sign_json(typ, claims)?),
            Elsewhere(_) => Err(IssueError::Elsewhere),
        }
    }

    /// The same, wherever the key is.
    pub(super) async fn sign_async(&self, typ: &str, claims: &[u8]) -> Result<String, IssueError> {
        let Elsewhere(key) = &self.0 else { return self.sign(typ, claims) };
        let message = signing_input(key.algorithm(), key.kid(), typ, claims)?;
        let signature = base64url::encode(key.sign(message.as_bytes()).await?);
        Ok(format!("{message}.{signature}"))
    }
}

impl fmt::Debug for IssuerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Here(key) => fmt::Debug::fmt(key, f),
            Elsewhere(key) => fmt::Debug::fmt(key, f),
        }
    }
}
