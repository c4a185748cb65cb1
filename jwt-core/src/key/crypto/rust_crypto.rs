//! The pure-Rust backend, of the crates of RustCrypto. They are used themselves and not by way of jsonwebtoken, whose
//! choice of a backend is one for the whole process: an application may use jsonwebtoken beside this crate.

use std::marker::PhantomData;
use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use p256::ecdsa::signature::{SignatureEncoding, Signer, Verifier};
use p256::pkcs8::DecodePrivateKey;
use rsa::BoxedUint;
use rsa::pkcs1::DecodeRsaPrivateKey;
use rsa::traits::PublicKeyParts;
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::backend::{Backend, Sign, Verify};
use super::{Material, PublicParts};
use crate::key::algorithm::{Algorithm, BackendName, Family, Hash};
use crate::key::{KeyError, SigningError, pkcs8};

/// The longest public exponent that this backend takes, in bytes.
const MAX_RSA_EXPONENT: usize = 4;
/// A random number is no scalar of its curve once in 2^32 times at most, which the backend says when it reads it.
const SCALAR_TRIES: usize = 4;

pub(super) struct RustCrypto;

type VerifyRsa = fn(&rsa::PublicKey, &[u8], &[u8]) -> rsa::Result<()>;
type SignRsa = fn(&rsa::PrivateKey, &[u8]) -> rsa::Result<Vec<u8>>;

/// By what the library verifies and signs. The salt of PSS is as long as the hash (RFC 7518 §3.5); private keys are
/// blinded.
enum Primitive {
    Hs256,
    Hs384,
    Hs512,
    Rsa(VerifyRsa, SignRsa),
    P256,
    P384,
    Ed25519,
}

fn primitive(algorithm: Algorithm) -> Result<Primitive, KeyError> {
    use rsa::{PrivateKey as Private, PublicKey as Public};
    Ok(match algorithm {
        Algorithm::HS256 => Primitive::Hs256,
        Algorithm::HS384 => Primitive::Hs384,
        Algorithm::HS512 => Primitive::Hs512,
        Algorithm::RS256 => Primitive::Rsa(Public::pkcs1v15_verify::<Sha256>, Private::pkcs1v15_sign::<Sha256>),
        Algorithm::RS384 => Primitive::Rsa(Public::pkcs1v15_verify::<Sha384>, Private::pkcs1v15_sign::<Sha384>),
        Algorithm::RS512 => Primitive::Rsa(Public::pkcs1v15_verify::<Sha512>, Private::pkcs1v15_sign::<Sha512>),
        Algorithm::PS256 => Primitive::Rsa(Public::pss_verify::<Sha256>, Private::pss_sign::<Sha256>),
        Algorithm::PS384 => Primitive::Rsa(Public::pss_verify::<Sha384>, Private::pss_sign::<Sha384>),
        Algorithm::PS512 => Primitive::Rsa(Public::pss_verify::<Sha512>, Private::pss_sign::<Sha512>),
        Algorithm::ES256 => Primitive::P256,
        Algorithm::ES384 => Primitive::P384,
        Algorithm::EdDSA | Algorithm::Ed25519 => Primitive::Ed25519,
        _ => return Err(KeyError::NotInThisBackend(algorithm)),
    })
}

impl Backend for RustCrypto {
    fn name(&self) -> BackendName {
        BackendName::RustCrypto
    }

    fn verifying_key(&self, algorithm: Algorithm, material: &Material<'_>) -> Result<Arc<dyn Verify>, KeyError> {
        Ok(match (primitive(algorithm)?, material) {
            (Primitive::Hs256, Material::Secret(secret)) => keyed::<Hmac<Sha256>>(algorithm, secret)?,
            (Primitive::Hs384, Material::Secret(secret)) => keyed::<Hmac<Sha384>>(algorithm, secret)?,
            (Primitive::Hs512, Material::Secret(secret)) => keyed::<Hmac<Sha512>>(algorithm, secret)?,
            (Primitive::Rsa(verify, _), Material::RsaComponents { n, e }) => {
                if e.len() > MAX_RSA_EXPONENT {
                    return Err(KeyError::RsaExponent);
                }
                let number = BoxedUint::from_be_slice_vartime;
                let key = rsa::PublicKey::new(number(n), number(e)).map_err(|_| KeyError::Invalid(algorithm))?;
                Arc::new(RsaPublic { key, verify })
            }
            (Primitive::P256, Material::Bytes(point)) => {
                public::<_, p256::ecdsa::Signature>(algorithm, p256::ecdsa::VerifyingKey::from_sec1_bytes(point))?
            }
            (Primitive::P384, Material::Bytes(point)) => {
                public::<_, p384::ecdsa::Signature>(algorithm, p384::ecdsa::VerifyingKey::from_sec1_bytes(point))?
            }
            (Primitive::Ed25519, Material::Bytes(bytes)) => {
                public::<_, ed25519_dalek::Signature>(algorithm, ed25519_dalek::VerifyingKey::try_from(*bytes))?
            }
            _ => return Err(KeyError::WrongKind(algorithm)),
        })
    }

    fn secret(&self, algorithm: Algorithm, secret: &[u8]) -> Result<Arc<dyn Sign>, KeyError> {
        Ok(match primitive(algorithm)? {
            Primitive::Hs256 => keyed::<Hmac<Sha256>>(algorithm, secret)?,
            Primitive::Hs384 => keyed::<Hmac<Sha384>>(algorithm, secret)?,
            Primitive::Hs512 => keyed::<Hmac<Sha512>>(algorithm, secret)?,
            _ => return Err(KeyError::WrongKind(algorithm)),
        })
    }

    fn private_key(&self, algorithm: Algorithm, der: &[u8]) -> Result<Arc<dyn Sign>, KeyError> {
        let invalid = || KeyError::Invalid(algorithm);
        Ok(match primitive(algorithm)? {
            Primitive::Rsa(_, sign) => {
                Arc::new(RsaPrivate { key: rsa::PrivateKey::from_pkcs1_der(der).map_err(|_| invalid())?, sign })
            }
            Primitive::P256 => {
                let key = p256::ecdsa::SigningKey::from_pkcs8_der(der).map_err(|_| invalid())?;
                let public = key.verifying_key().to_sec1_point(false).as_bytes().to_vec();
                Arc::new(Private { key, public, signature: PhantomData::<fn() -> p256::ecdsa::Signature> })
            }
            Primitive::P384 => {
                let key = p384::ecdsa::SigningKey::from_pkcs8_der(der).map_err(|_| invalid())?;
                let public = key.verifying_key().to_sec1_point(false).as_bytes().to_vec();
                Arc::new(Private { key, public, signature: PhantomData::<fn() -> p384::ecdsa::Signature> })
            }
            Primitive::Ed25519 => {
                let key = ed25519_dalek::SigningKey::from_pkcs8_der(der).map_err(|_| invalid())?;
                let public = key.verifying_key().as_bytes().to_vec();
                Arc::new(Private { key, public, signature: PhantomData::<fn() -> ed25519_dalek::Signature> })
            }
            Primitive::Hs256 | Primitive::Hs384 | Primitive::Hs512 => return Err(KeyError::WrongKind(algorithm)),
        })
    }

    /// Not of RSA: to find two primes takes pure Rust seconds, and minutes where it was not optimized.
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
        match hash {
            Hash::Sha256 => Sha256::digest(message).to_vec(),
            Hash::Sha384 => Sha384::digest(message).to_vec(),
            Hash::Sha512 => Sha512::digest(message).to_vec(),
        }
    }

    fn random(&self, bytes: &mut [u8]) -> Option<()> {
        getrandom::fill(bytes).ok()
    }
}

/// A secret, as the state of a MAC that has read it.
struct Keyed<M>(M);

fn keyed<M: Mac + KeyInit>(algorithm: Algorithm, secret: &[u8]) -> Result<Arc<Keyed<M>>, KeyError> {
    <M as KeyInit>::new_from_slice(secret).map(|mac| Arc::new(Keyed(mac))).map_err(|_| KeyError::Invalid(algorithm))
}

impl<M: Mac + Clone + Send + Sync> Verify for Keyed<M> {
    fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        self.0.clone().chain_update(message).verify_slice(signature).is_ok()
    }
}

impl<M: Mac + Clone + Send + Sync> Sign for Keyed<M> {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningError> {
        Ok(self.0.clone().chain_update(message).finalize().into_bytes().to_vec())
    }

    fn public_parts(&self) -> Option<PublicParts> {
        None
    }
}

struct RsaPublic {
    key: rsa::PublicKey,
    verify: VerifyRsa,
}

impl Verify for RsaPublic {
    fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        (self.verify)(&self.key, message, signature).is_ok()
    }
}

struct RsaPrivate {
    key: rsa::PrivateKey,
    sign: SignRsa,
}

impl Sign for RsaPrivate {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningError> {
        (self.sign)(&self.key, message).map_err(|_| SigningError::Failed)
    }

    fn public_parts(&self) -> Option<PublicParts> {
        Some(PublicParts::Rsa { n: self.key.n_bytes().into_vec(), e: self.key.e_bytes().into_vec() })
    }
}

/// A public key of a curve, and the type of its signatures.
struct Public<K, S>(K, PhantomData<fn() -> S>);

fn public<K, S>(algorithm: Algorithm, key: Result<K, impl Sized>) -> Result<Arc<Public<K, S>>, KeyError> {
    key.map(|key| Arc::new(Public(key, PhantomData))).map_err(|_| KeyError::Invalid(algorithm))
}

impl<K: Verifier<S> + Send + Sync, S: SignatureEncoding> Verify for Public<K, S> {
    fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        S::try_from(signature).is_ok_and(|signature| self.0.verify(message, &signature).is_ok())
    }
}

/// A private key of a curve, its public half, and the type of its signatures.
struct Private<K, S> {
    key: K,
    public: Vec<u8>,
    signature: PhantomData<fn() -> S>,
}

impl<K: Signer<S> + Send + Sync, S: SignatureEncoding> Sign for Private<K, S> {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningError> {
        let signature = self.key.try_sign(message).map_err(|_| SigningError::Failed)?;
        Ok(signature.to_bytes().as_ref().to_vec())
    }

    fn public_parts(&self) -> Option<PublicParts> {
        Some(PublicParts::Bytes(self.public.clone()))
    }
}
