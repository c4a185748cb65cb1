//! The pure-Rust backend: the provider of jsonwebtoken that is called by its name, never the process default, which
//! any crate may have switched to something else or to a panic.

use jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER;
use jsonwebtoken::jwk::{EllipticCurve, ThumbprintHash};
use jsonwebtoken::{Algorithm as Foreign, DecodingKey, EncodingKey};

use super::{Material, PublicParts};
use crate::key::algorithm::{Algorithm, Hash};
use crate::key::{KeyError, SigningError, pkcs8};

/// The largest modulus that this backend takes, in bits.
const MAX_RSA_BITS: usize = 4096;

/// A key that was checked once. Its verifier is neither `Send` nor `Sync`, so it is made anew at every signature.
pub(crate) struct PublicKey {
    algorithm: Foreign,
    key: DecodingKey,
}

impl PublicKey {
    pub(crate) fn new(algorithm: Algorithm, material: &Material<'_>) -> Result<Self, KeyError> {
        let key = match material {
            Material::Secret(secret) => DecodingKey::from_secret(secret),
            Material::RsaComponents { n, e } => {
                super::check_rsa(n, e)?;
                if n.len() * 8 > MAX_RSA_BITS {
                    return Err(KeyError::RsaSize { bits: n.len() * 8 });
                }
                if e.len() > 4 {
                    return Err(KeyError::RsaExponent);
                }
                DecodingKey::from_rsa_raw_components(n, e)
            }
            Material::EcPoint(point) => DecodingKey::from_ec_der(point),
            Material::Ed25519(bytes) => {
                // The length as well, since the backend takes the first 32 of however many bytes there are.
                super::check_ed25519(bytes)?;
                DecodingKey::from_ed_der(bytes)
            }
        };
        let key = Self { algorithm: foreign(algorithm)?, key };
        (DEFAULT_PROVIDER.verifier_factory)(&key.algorithm, &key.key).map_err(|_| KeyError::Invalid(algorithm))?;
        Ok(key)
    }

    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        (DEFAULT_PROVIDER.verifier_factory)(&self.algorithm, &self.key)
            .is_ok_and(|verifier| verifier.verify(message, &signature.to_vec()).is_ok())
    }
}

fn foreign(algorithm: Algorithm) -> Result<Foreign, KeyError> {
    Ok(match algorithm {
        Algorithm::HS256 => Foreign::HS256,
        Algorithm::HS384 => Foreign::HS384,
        Algorithm::HS512 => Foreign::HS512,
        Algorithm::RS256 => Foreign::RS256,
        Algorithm::RS384 => Foreign::RS384,
        Algorithm::RS512 => Foreign::RS512,
        Algorithm::PS256 => Foreign::PS256,
        Algorithm::PS384 => Foreign::PS384,
        Algorithm::PS512 => Foreign::PS512,
        Algorithm::ES256 => Foreign::ES256,
        Algorithm::ES384 => Foreign::ES384,
        Algorithm::EdDSA | Algorithm::Ed25519 => Foreign::EdDSA,
        Algorithm::ES512 => return Err(KeyError::NotInThisBackend(algorithm)),
    })
}

/// A private key or secret, together with the algorithm that it signs by.
pub(crate) struct PrivateKey {
    algorithm: Foreign,
    key: EncodingKey,
}

impl PrivateKey {
    pub(crate) fn secret(algorithm: Algorithm, secret: &[u8]) -> Result<Self, KeyError> {
        Self::new(algorithm, EncodingKey::from_secret(secret))
    }

    /// `der` is PKCS#1 for RSA and PKCS#8 for the others.
    pub(crate) fn der(algorithm: Algorithm, der: &[u8]) -> Result<Self, KeyError> {
        let key = match foreign(algorithm)? {
            Foreign::ES256 | Foreign::ES384 => EncodingKey::from_ec_der(der),
            Foreign::EdDSA => EncodingKey::from_ed_der(der),
            _ => {
                super::check_private_rsa(algorithm, der)?;
                EncodingKey::from_rsa_der(der)
            }
        };
        Self::new(algorithm, key)
    }

    /// A new key. Not of RSA, which jsonwebtoken does not make.
    pub(crate) fn generate(algorithm: Algorithm) -> Result<Self, KeyError> {
        let (failed, key_type) = (KeyError::Generate(algorithm), algorithm.key_type());
        let key = match foreign(algorithm)? {
            // A number at random is no scalar of the curve once in 2^32 at most, which the backend says when it reads it.
            Foreign::ES256 => {
                (0..4).find_map(|_| Self::der(algorithm, &pkcs8::ec(key_type, &random::<32>()?, None)).ok())
            }
            Foreign::ES384 => {
                (0..4).find_map(|_| Self::der(algorithm, &pkcs8::ec(key_type, &random::<48>()?, None)).ok())
            }
            Foreign::EdDSA => {
                random::<32>().and_then(|seed| Self::der(algorithm, &pkcs8::ed25519(key_type, &seed)).ok())
            }
            Foreign::HS256 | Foreign::HS384 | Foreign::HS512 => return Err(KeyError::WrongKind(algorithm)),
            _ => None,
        };
        key.ok_or(failed)
    }

    /// The public half; `None` for a secret, which has none.
    pub(crate) fn public_parts(&self, algorithm: Algorithm) -> Result<Option<PublicParts>, KeyError> {
        let (utils, der) = (&DEFAULT_PROVIDER.key_utils, self.key.as_bytes());
        let invalid = |_| KeyError::Invalid(algorithm);
        Ok(match self.algorithm {
            Foreign::HS256 | Foreign::HS384 | Foreign::HS512 => None,
            Foreign::ES256 | Foreign::ES384 => {
                let (_, x, y) = (utils.ec_pub_components_from_private_key)(der, self.algorithm).map_err(invalid)?;
                Some(PublicParts::EcPoint([&[4], x.as_slice(), y.as_slice()].concat()))
            }
            Foreign::EdDSA => {
                let x = (utils.ed_pub_components_from_private_key)(der, &EllipticCurve::Ed25519).map_err(invalid)?;
                Some(PublicParts::Ed25519(x))
            }
            _ => {
                let (n, e) = (utils.rsa_pub_components_from_private_key)(der).map_err(invalid)?;
                Some(PublicParts::Rsa { n, e })
            }
        })
    }

    fn new(algorithm: Algorithm, key: EncodingKey) -> Result<Self, KeyError> {
        let key = Self { algorithm: foreign(algorithm)?, key };
        (DEFAULT_PROVIDER.signer_factory)(&key.algorithm, &key.key).map_err(|_| KeyError::Invalid(algorithm))?;
        Ok(key)
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningError> {
        let signer = (DEFAULT_PROVIDER.signer_factory)(&self.algorithm, &self.key).map_err(|_| SigningError::Failed)?;
        signer.try_sign(message).map_err(|_| SigningError::Failed)
    }
}

/// Random bytes; `None` where the operating system gives none.
pub(crate) fn random<const N: usize>() -> Option<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).ok().map(|()| bytes)
}

/// By the hash function of that algorithm; that of Ed25519 is SHA-512.
pub(crate) fn digest(algorithm: Algorithm, message: &[u8]) -> Vec<u8> {
    let hash = match algorithm.hash() {
        Hash::Sha256 => ThumbprintHash::SHA256,
        Hash::Sha384 => ThumbprintHash::SHA384,
        Hash::Sha512 => ThumbprintHash::SHA512,
    };
    // Hashes of these names have nothing to fail at.
    (DEFAULT_PROVIDER.key_utils.compute_digest)(message, hash).unwrap_or_default()
}
