//! The pure-Rust backend: the provider of jsonwebtoken that is called by its name, never the process default, which
//! any crate may have switched to something else or to a panic.

use std::sync::Arc;

use jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER;
use jsonwebtoken::jwk::{EllipticCurve, ThumbprintHash};
use jsonwebtoken::{Algorithm as Foreign, DecodingKey, EncodingKey};

use super::backend::{Backend, Sign, Verify};
use super::{Material, PublicParts};
use crate::key::algorithm::{Algorithm, BackendName, Family, Hash};
use crate::key::{KeyError, SigningError, pkcs8};

/// The largest modulus that this backend takes, in bits.
const MAX_RSA_BITS: usize = 4096;
/// The longest public exponent that this backend takes, in bytes.
const MAX_RSA_EXPONENT: usize = 4;
/// A random number is no scalar of its curve once in 2^32 times at most, which the backend says when it reads it.
const SCALAR_TRIES: usize = 4;

pub(super) struct RustCrypto;

/// Called the same there, but for the newer name of Ed25519.
fn foreign(algorithm: Algorithm) -> Result<Foreign, KeyError> {
    let named = if algorithm == Algorithm::Ed25519 { Algorithm::EdDSA } else { algorithm };
    named.as_str().parse().map_err(|_| KeyError::NotInThisBackend(algorithm))
}

impl Backend for RustCrypto {
    fn name(&self) -> BackendName {
        BackendName::RustCrypto
    }

    fn verifying_key(&self, algorithm: Algorithm, material: &Material<'_>) -> Result<Arc<dyn Verify>, KeyError> {
        let key = match material {
            Material::Secret(secret) => DecodingKey::from_secret(secret),
            Material::RsaComponents { n, e } => {
                if n.len() * 8 > MAX_RSA_BITS {
                    return Err(KeyError::RsaSize { bits: n.len() * 8 });
                }
                if e.len() > MAX_RSA_EXPONENT {
                    return Err(KeyError::RsaExponent);
                }
                DecodingKey::from_rsa_raw_components(n, e)
            }
            Material::Bytes(point) if algorithm.family() == Family::Ec => DecodingKey::from_ec_der(point),
            Material::Bytes(bytes) => DecodingKey::from_ed_der(bytes),
        };
        let key = PublicKey { algorithm: foreign(algorithm)?, key };
        (DEFAULT_PROVIDER.verifier_factory)(&key.algorithm, &key.key).map_err(|_| KeyError::Invalid(algorithm))?;
        Ok(Arc::new(key))
    }

    fn secret(&self, algorithm: Algorithm, secret: &[u8]) -> Result<Arc<dyn Sign>, KeyError> {
        PrivateKey::checked(algorithm, EncodingKey::from_secret(secret))
    }

    fn private_key(&self, algorithm: Algorithm, der: &[u8]) -> Result<Arc<dyn Sign>, KeyError> {
        let key = match algorithm.family() {
            Family::Hmac => return Err(KeyError::WrongKind(algorithm)),
            Family::Rsa => EncodingKey::from_rsa_der(der),
            Family::Ec => EncodingKey::from_ec_der(der),
            Family::Seed => EncodingKey::from_ed_der(der),
        };
        PrivateKey::checked(algorithm, key)
    }

    /// Not of RSA, which jsonwebtoken does not make.
    fn generate(&self, algorithm: Algorithm) -> Result<Arc<dyn Sign>, KeyError> {
        let key_type = algorithm.key_type();
        let number = || {
            let mut bytes = vec![0; key_type.private];
            self.random(&mut bytes).map(|()| bytes)
        };
        let key = match key_type.family {
            Family::Hmac => return Err(KeyError::WrongKind(algorithm)),
            Family::Rsa => None,
            Family::Ec | Family::Seed => {
                (0..SCALAR_TRIES).find_map(|_| self.private_key(algorithm, &pkcs8::of(key_type, &number()?, None)).ok())
            }
        };
        key.ok_or(KeyError::Generate(algorithm))
    }

    fn digest(&self, hash: Hash, message: &[u8]) -> Vec<u8> {
        let hash = match hash {
            Hash::Sha256 => ThumbprintHash::SHA256,
            Hash::Sha384 => ThumbprintHash::SHA384,
            Hash::Sha512 => ThumbprintHash::SHA512,
        };
        // Hashes of these names cannot fail.
        (DEFAULT_PROVIDER.key_utils.compute_digest)(message, hash).unwrap_or_default()
    }

    fn random(&self, bytes: &mut [u8]) -> Option<()> {
        getrandom::fill(bytes).ok()
    }
}

/// A key that was checked once. Its verifier is neither `Send` nor `Sync`, so it is made again for every signature.
struct PublicKey {
    algorithm: Foreign,
    key: DecodingKey,
}

impl Verify for PublicKey {
    fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        (DEFAULT_PROVIDER.verifier_factory)(&self.algorithm, &self.key)
            .is_ok_and(|verifier| verifier.verify(message, &signature.to_vec()).is_ok())
    }
}

/// The same for a key that signs.
struct PrivateKey {
    family: Family,
    algorithm: Foreign,
    key: EncodingKey,
}

impl PrivateKey {
    fn checked(algorithm: Algorithm, key: EncodingKey) -> Result<Arc<dyn Sign>, KeyError> {
        let key = Self { family: algorithm.family(), algorithm: foreign(algorithm)?, key };
        (DEFAULT_PROVIDER.signer_factory)(&key.algorithm, &key.key).map_err(|_| KeyError::Invalid(algorithm))?;
        Ok(Arc::new(key))
    }
}

impl Sign for PrivateKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningError> {
        let signer = (DEFAULT_PROVIDER.signer_factory)(&self.algorithm, &self.key).map_err(|_| SigningError::Failed)?;
        signer.try_sign(message).map_err(|_| SigningError::Failed)
    }

    fn public_parts(&self) -> Option<PublicParts> {
        let (utils, der) = (&DEFAULT_PROVIDER.key_utils, self.key.as_bytes());
        Some(match self.family {
            Family::Hmac => return None,
            Family::Rsa => {
                let (n, e) = (utils.rsa_pub_components_from_private_key)(der).ok()?;
                PublicParts::Rsa { n, e }
            }
            Family::Ec => {
                let (_, x, y) = (utils.ec_pub_components_from_private_key)(der, self.algorithm).ok()?;
                PublicParts::Bytes([&[4], x.as_slice(), y.as_slice()].concat())
            }
            Family::Seed => {
                PublicParts::Bytes((utils.ed_pub_components_from_private_key)(der, &EllipticCurve::Ed25519).ok()?)
            }
        })
    }
}
