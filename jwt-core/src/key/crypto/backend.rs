//! What a library that signs and verifies has to do here.

use std::sync::Arc;

use super::{Material, PublicParts};
use crate::key::algorithm::{Algorithm, BackendName, Hash};
use crate::key::{KeyError, SigningError};

/// A library that signs and verifies. It is asked only for algorithms whose row names it, and only with keys of their
/// family that are not [weak](super::weak).
pub(super) trait Backend: Sync {
    fn name(&self) -> BackendName;

    fn verifying_key(&self, algorithm: Algorithm, material: &Material<'_>) -> Result<Arc<dyn Verify>, KeyError>;

    fn secret(&self, algorithm: Algorithm, secret: &[u8]) -> Result<Arc<dyn Sign>, KeyError>;

    /// `der` is PKCS#1 for RSA and PKCS#8 for the others.
    fn private_key(&self, algorithm: Algorithm, der: &[u8]) -> Result<Arc<dyn Sign>, KeyError>;

    /// A new private key.
    fn generate(&self, algorithm: Algorithm) -> Result<Arc<dyn Sign>, KeyError>;

    fn digest(&self, hash: Hash, message: &[u8]) -> Vec<u8>;

    /// Fills the bytes with random ones; `None` where the operating system gives none.
    fn random(&self, bytes: &mut [u8]) -> Option<()>;
}

/// A key that was parsed once, together with the algorithm that it is for.
pub(super) trait Verify: Send + Sync {
    fn verify(&self, message: &[u8], signature: &[u8]) -> bool;
}

/// A private key or secret that was parsed once, together with the algorithm that it signs by.
pub(super) trait Sign: Send + Sync {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningError>;

    /// The public half; `None` for a secret, which has none.
    fn public_parts(&self) -> Option<PublicParts>;
}
