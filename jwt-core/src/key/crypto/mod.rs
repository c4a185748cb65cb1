//! Signatures, digests and random bytes, by the first of the compiled-in backends that has what is asked for.

#[cfg(feature = "aws-lc-rs")]
mod aws_lc;
mod backend;
mod material;
#[cfg(feature = "rust-crypto")]
mod rust_crypto;
mod weak;

use std::sync::Arc;

use backend::{Backend, Sign, Verify};
pub(crate) use material::{Material, PublicParts};

use crate::key::algorithm::{Algorithm, Family, Hash};
use crate::key::{KeyError, SigningError};

#[cfg(not(any(feature = "aws-lc-rs", feature = "rust-crypto")))]
compile_error!("jwt-core needs a signature backend: enable the feature `aws-lc-rs` (the default) or `rust-crypto`");

/// The compiled-in backends, the preferred one first.
const BACKENDS: &[&dyn Backend] = &[
    #[cfg(feature = "aws-lc-rs")]
    &aws_lc::AwsLcRs,
    #[cfg(feature = "rust-crypto")]
    &rust_crypto::RustCrypto,
];

/// For what does not depend on an algorithm.
const PREFERRED: &dyn Backend = BACKENDS[0];

fn backend_for(algorithm: Algorithm) -> Result<&'static dyn Backend, KeyError> {
    let has_it = |backend: &&&'static dyn Backend| algorithm.backends().contains(&backend.name());
    BACKENDS.iter().find(has_it).copied().ok_or(KeyError::NotInThisBackend(algorithm))
}

/// Whether a backend has the algorithm.
pub(crate) fn has(algorithm: Algorithm) -> bool {
    backend_for(algorithm).is_ok()
}

/// A key that verifies signatures of one algorithm. Cheap to clone.
#[derive(Clone)]
pub(crate) struct PublicKey(Arc<dyn Verify>);

impl PublicKey {
    pub(crate) fn new(algorithm: Algorithm, material: &Material<'_>) -> Result<Self, KeyError> {
        if !material.is_of(algorithm.family()) {
            return Err(KeyError::WrongKind(algorithm));
        }
        let backend = backend_for(algorithm)?;
        weak::check_public(algorithm, material)?;
        backend.verifying_key(algorithm, material).map(Self)
    }

    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        self.0.verify(message, signature)
    }

    /// Whether it is a clone of that key.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// A private key or secret that signs by one algorithm. Cheap to clone.
#[derive(Clone)]
pub(crate) struct PrivateKey(Arc<dyn Sign>);

impl PrivateKey {
    pub(crate) fn secret(algorithm: Algorithm, secret: &[u8]) -> Result<Self, KeyError> {
        match algorithm.family() {
            Family::Hmac => backend_for(algorithm)?.secret(algorithm, secret).map(Self),
            _ => Err(KeyError::WrongKind(algorithm)),
        }
    }

    /// `der` is PKCS#1 for RSA and PKCS#8 for the others.
    pub(crate) fn der(algorithm: Algorithm, der: &[u8]) -> Result<Self, KeyError> {
        let backend = backend_for(algorithm)?;
        match algorithm.family() {
            Family::Hmac => return Err(KeyError::WrongKind(algorithm)),
            Family::Rsa => weak::check_private_rsa(algorithm, der)?,
            Family::Ec | Family::Seed => {}
        }
        backend.private_key(algorithm, der).map(Self)
    }

    /// A new private key.
    pub(crate) fn generate(algorithm: Algorithm) -> Result<Self, KeyError> {
        match algorithm.family() {
            Family::Hmac => Err(KeyError::WrongKind(algorithm)),
            _ => backend_for(algorithm)?.generate(algorithm).map(Self),
        }
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningError> {
        self.0.sign(message)
    }

    /// The public half; `None` for a secret, which has none.
    pub(super) fn public_parts(&self) -> Option<PublicParts> {
        self.0.public_parts()
    }
}

/// Random bytes; `None` where the operating system gives none.
pub(crate) fn random<const N: usize>() -> Option<[u8; N]> {
    let mut bytes = [0; N];
    PREFERRED.random(&mut bytes).map(|()| bytes)
}

/// By the hash function of that algorithm; that of Ed25519 is SHA-512.
pub(crate) fn digest(algorithm: Algorithm, message: &[u8]) -> Vec<u8> {
    PREFERRED.digest(algorithm.hash(), message)
}

/// SHA-256.
#[allow(dead_code, reason = "for rooms behind features")]
pub(crate) fn sha256(message: &[u8]) -> Vec<u8> {
    PREFERRED.digest(Hash::Sha256, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::algorithm::BackendName;
    use crate::key::pkcs8;

    const MESSAGE: &[u8] = b"a message";
    const SECRET: &[u8] = &[7; 64];

    fn backends(algorithm: Algorithm) -> impl Iterator<Item = &'static dyn Backend> {
        BACKENDS.iter().copied().filter(move |backend| algorithm.backends().contains(&backend.name()))
    }

    /// A private key that is new, or the secret; `None` where the backend makes none.
    fn made(backend: &dyn Backend, algorithm: Algorithm) -> Option<Arc<dyn Sign>> {
        match algorithm.family() {
            Family::Hmac => backend.secret(algorithm, SECRET).ok(),
            _ => backend.generate(algorithm).ok(),
        }
    }

    #[test]
    fn what_one_backend_signs_each_of_them_verifies() {
        for algorithm in Algorithm::ALL.iter().copied() {
            for signer in backends(algorithm) {
                let key = made(signer, algorithm);
                if key.is_none() && signer.name() == BackendName::RustCrypto && algorithm.family() == Family::Rsa {
                    continue;
                }
                let key = key.unwrap();
                let signature = key.sign(MESSAGE).unwrap();
                assert!(signature.len() <= algorithm.max_signature(), "{algorithm}");
                let parts = key.public_parts();
                let material = parts.as_ref().map_or(Material::Secret(SECRET), PublicParts::material);
                for verifier in backends(algorithm) {
                    let who = format!("{algorithm}: {:?}, {:?}", signer.name(), verifier.name());
                    let key = verifier.verifying_key(algorithm, &material).unwrap();
                    assert!(key.verify(MESSAGE, &signature), "{who}");
                    assert!(!key.verify(b"another message", &signature), "{who}");
                    assert!(!key.verify(MESSAGE, &signature[1..]), "{who}");
                    assert!(!key.verify(MESSAGE, &[]), "{who}");
                }
            }
        }
    }

    #[test]
    fn backends_agree_on_public_halves() {
        for algorithm in Algorithm::ALL.iter().copied() {
            let key_type = algorithm.key_type();
            if matches!(key_type.family, Family::Hmac | Family::Rsa) {
                continue;
            }
            let mut number = vec![0x11; key_type.private];
            // Less than the order of P-521, whose first byte is one bit.
            number[0] = 0;
            let der = pkcs8::of(key_type, &number, None);
            let halves: Vec<_> = backends(algorithm)
                .map(|backend| backend.private_key(algorithm, &der).unwrap().public_parts().unwrap())
                .collect();
            assert!(halves.iter().all(|half| *half == halves[0]), "{algorithm}");
        }
    }

    #[test]
    fn backends_agree_on_digests_and_make_random_bytes() {
        for backend in BACKENDS {
            for algorithm in Algorithm::ALL {
                let digest = backend.digest(algorithm.hash(), MESSAGE);
                assert_eq!(digest.len(), algorithm.hash().len());
                assert_eq!(digest, PREFERRED.digest(algorithm.hash(), MESSAGE));
            }
            let (mut one, mut other) = ([0; 32], [0; 32]);
            backend.random(&mut one).and(backend.random(&mut other)).unwrap();
            assert_ne!(one, other);
        }
    }

    #[test]
    fn a_backend_is_asked_only_for_what_its_row_names() {
        for algorithm in Algorithm::ALL.iter().copied() {
            let expected = backends(algorithm).next().map(Backend::name);
            assert_eq!(backend_for(algorithm).ok().map(Backend::name), expected, "{algorithm}");
        }
    }
}
