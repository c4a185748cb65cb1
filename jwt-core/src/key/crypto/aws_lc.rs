//! The backend of aws-lc-rs.

use std::sync::Arc;

use aws_lc_rs::digest::{self, SHA256, SHA384, SHA512};
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED, ECDSA_P384_SHA384_FIXED_SIGNING,
    ECDSA_P521_SHA512_FIXED, ECDSA_P521_SHA512_FIXED_SIGNING, ED25519, EcdsaKeyPair, EcdsaSigningAlgorithm,
    Ed25519KeyPair, KeyPair, ML_DSA_44, ML_DSA_44_SIGNING, ML_DSA_65, ML_DSA_65_SIGNING, ML_DSA_87, ML_DSA_87_SIGNING,
    ParsedPublicKey, PqdsaKeyPair, PqdsaSigningAlgorithm, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding,
    RsaKeyPair, RsaPublicKeyComponents, VerificationAlgorithm,
};
use aws_lc_rs::{hmac, rand};

use super::backend::{Backend, Sign, Verify};
use super::{Material, PublicParts};
use crate::key::algorithm::{Algorithm, BackendName, Hash};
use crate::key::pem::rsa_components;
use crate::key::{KeyError, SigningError};

pub(super) struct AwsLcRs;

/// By what the library verifies and signs.
enum Primitive {
    Hmac(hmac::Algorithm),
    Rsa(&'static dyn VerificationAlgorithm, &'static dyn RsaEncoding),
    Ec(&'static dyn VerificationAlgorithm, &'static EcdsaSigningAlgorithm),
    Ed25519,
    MlDsa(&'static dyn VerificationAlgorithm, &'static PqdsaSigningAlgorithm),
}

fn primitive(algorithm: Algorithm) -> Primitive {
    match algorithm {
        Algorithm::HS256 => Primitive::Hmac(hmac::HMAC_SHA256),
        Algorithm::HS384 => Primitive::Hmac(hmac::HMAC_SHA384),
        Algorithm::HS512 => Primitive::Hmac(hmac::HMAC_SHA512),
        Algorithm::RS256 => Primitive::Rsa(&RSA_PKCS1_2048_8192_SHA256, &RSA_PKCS1_SHA256),
        Algorithm::RS384 => Primitive::Rsa(&RSA_PKCS1_2048_8192_SHA384, &RSA_PKCS1_SHA384),
        Algorithm::RS512 => Primitive::Rsa(&RSA_PKCS1_2048_8192_SHA512, &RSA_PKCS1_SHA512),
        Algorithm::PS256 => Primitive::Rsa(&RSA_PSS_2048_8192_SHA256, &RSA_PSS_SHA256),
        Algorithm::PS384 => Primitive::Rsa(&RSA_PSS_2048_8192_SHA384, &RSA_PSS_SHA384),
        Algorithm::PS512 => Primitive::Rsa(&RSA_PSS_2048_8192_SHA512, &RSA_PSS_SHA512),
        Algorithm::ES256 => Primitive::Ec(&ECDSA_P256_SHA256_FIXED, &ECDSA_P256_SHA256_FIXED_SIGNING),
        Algorithm::ES384 => Primitive::Ec(&ECDSA_P384_SHA384_FIXED, &ECDSA_P384_SHA384_FIXED_SIGNING),
        Algorithm::ES512 => Primitive::Ec(&ECDSA_P521_SHA512_FIXED, &ECDSA_P521_SHA512_FIXED_SIGNING),
        Algorithm::EdDSA | Algorithm::Ed25519 => Primitive::Ed25519,
        Algorithm::MlDsa44 => Primitive::MlDsa(&ML_DSA_44, &ML_DSA_44_SIGNING),
        Algorithm::MlDsa65 => Primitive::MlDsa(&ML_DSA_65, &ML_DSA_65_SIGNING),
        Algorithm::MlDsa87 => Primitive::MlDsa(&ML_DSA_87, &ML_DSA_87_SIGNING),
    }
}

impl Backend for AwsLcRs {
    fn name(&self) -> BackendName {
        BackendName::AwsLcRs
    }

    fn verifying_key(&self, algorithm: Algorithm, material: &Material<'_>) -> Result<Arc<dyn Verify>, KeyError> {
        let verification: &dyn VerificationAlgorithm = match primitive(algorithm) {
            Primitive::Hmac(hash) => {
                let Material::Secret(secret) = material else { return Err(KeyError::WrongKind(algorithm)) };
                return Ok(Arc::new(hmac::Key::new(hash, secret)));
            }
            Primitive::Rsa(verification, _) | Primitive::Ec(verification, _) | Primitive::MlDsa(verification, _) => {
                verification
            }
            Primitive::Ed25519 => &ED25519,
        };
        let invalid = |_| KeyError::Invalid(algorithm);
        let key = match material {
            Material::Secret(_) => return Err(KeyError::WrongKind(algorithm)),
            Material::RsaComponents { n, e } => {
                let der = RsaPublicKeyComponents { n, e }.as_der().map_err(|_| KeyError::Invalid(algorithm))?;
                // By way of DER, since only the parser checks the components now and not at every signature.
                ParsedPublicKey::new(verification, der.as_ref()).map_err(invalid)?
            }
            Material::Bytes(bytes) => ParsedPublicKey::new(verification, bytes).map_err(invalid)?,
        };
        Ok(Arc::new(key))
    }

    fn secret(&self, algorithm: Algorithm, secret: &[u8]) -> Result<Arc<dyn Sign>, KeyError> {
        match primitive(algorithm) {
            Primitive::Hmac(hash) => Ok(Arc::new(hmac::Key::new(hash, secret))),
            _ => Err(KeyError::WrongKind(algorithm)),
        }
    }

    fn private_key(&self, algorithm: Algorithm, der: &[u8]) -> Result<Arc<dyn Sign>, KeyError> {
        let invalid = |_| KeyError::Invalid(algorithm);
        Ok(match primitive(algorithm) {
            Primitive::Rsa(_, encoding) => Arc::new(Rsa { key: RsaKeyPair::from_der(der).map_err(invalid)?, encoding }),
            Primitive::Ec(_, signing) => Arc::new(EcdsaKeyPair::from_pkcs8(signing, der).map_err(invalid)?),
            Primitive::Ed25519 => Arc::new(Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).map_err(invalid)?),
            Primitive::MlDsa(_, signing) => Arc::new(PqdsaKeyPair::from_pkcs8(signing, der).map_err(invalid)?),
            Primitive::Hmac(_) => return Err(KeyError::WrongKind(algorithm)),
        })
    }

    /// RSA keys have 3072 bits: as strong as the other algorithms with 256 bits (NIST SP 800-57, table 2).
    fn generate(&self, algorithm: Algorithm) -> Result<Arc<dyn Sign>, KeyError> {
        let failed = |_| KeyError::Generate(algorithm);
        Ok(match primitive(algorithm) {
            Primitive::Rsa(_, encoding) => {
                Arc::new(Rsa { key: RsaKeyPair::generate(KeySize::Rsa3072).map_err(failed)?, encoding })
            }
            Primitive::Ec(_, signing) => Arc::new(EcdsaKeyPair::generate(signing).map_err(failed)?),
            Primitive::Ed25519 => Arc::new(Ed25519KeyPair::generate().map_err(failed)?),
            Primitive::MlDsa(_, signing) => Arc::new(PqdsaKeyPair::generate(signing).map_err(failed)?),
            Primitive::Hmac(_) => return Err(KeyError::WrongKind(algorithm)),
        })
    }

    fn digest(&self, hash: Hash, message: &[u8]) -> Vec<u8> {
        let hash = match hash {
            Hash::Sha256 => &SHA256,
            Hash::Sha384 => &SHA384,
            Hash::Sha512 => &SHA512,
        };
        digest::digest(hash, message).as_ref().to_vec()
    }

    fn random(&self, bytes: &mut [u8]) -> Option<()> {
        rand::fill(bytes).ok()
    }
}

impl Verify for hmac::Key {
    fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        hmac::verify(self, message, signature).is_ok()
    }
}

impl Verify for ParsedPublicKey {
    fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        self.verify_sig(message, signature).is_ok()
    }
}

impl Sign for hmac::Key {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningError> {
        Ok(hmac::sign(self, message).as_ref().to_vec())
    }

    fn public_parts(&self) -> Option<PublicParts> {
        None
    }
}

struct Rsa {
    key: RsaKeyPair,
    encoding: &'static dyn RsaEncoding,
}

impl Sign for Rsa {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningError> {
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key
            .sign(self.encoding, &SystemRandom::new(), message, &mut signature)
            .map_err(|_| SigningError::Failed)?;
        Ok(signature)
    }

    fn public_parts(&self) -> Option<PublicParts> {
        let (n, e) = rsa_components(self.key.public_key().as_ref())?;
        Some(PublicParts::Rsa { n: n.to_vec(), e: e.to_vec() })
    }
}

impl Sign for EcdsaKeyPair {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningError> {
        let signature = EcdsaKeyPair::sign(self, &SystemRandom::new(), message);
        signature.map(|signature| signature.as_ref().to_vec()).map_err(|_| SigningError::Failed)
    }

    fn public_parts(&self) -> Option<PublicParts> {
        Some(PublicParts::Bytes(self.public_key().as_ref().to_vec()))
    }
}

impl Sign for Ed25519KeyPair {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningError> {
        self.try_sign(message).map(|signature| signature.as_ref().to_vec()).map_err(|_| SigningError::Failed)
    }

    fn public_parts(&self) -> Option<PublicParts> {
        Some(PublicParts::Bytes(self.public_key().as_ref().to_vec()))
    }
}

impl Sign for PqdsaKeyPair {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningError> {
        let mut signature = vec![0; self.algorithm().signature_len()];
        PqdsaKeyPair::sign(self, message, &mut signature).map_err(|_| SigningError::Failed)?;
        Ok(signature)
    }

    fn public_parts(&self) -> Option<PublicParts> {
        Some(PublicParts::Bytes(self.public_key().as_ref().to_vec()))
    }
}
