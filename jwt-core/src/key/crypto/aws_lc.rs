use aws_lc_rs::digest::{self, SHA256, SHA384, SHA512};
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED, ECDSA_P384_SHA384_FIXED_SIGNING,
    ECDSA_P521_SHA512_FIXED, ECDSA_P521_SHA512_FIXED_SIGNING, ED25519, EcdsaKeyPair, EcdsaSigningAlgorithm,
    Ed25519KeyPair, KeyPair, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding,
    RsaKeyPair, RsaPublicKeyComponents, VerificationAlgorithm,
};
use aws_lc_rs::{hmac, rand};

use super::{Material, PublicParts};
use crate::key::algorithm::{Algorithm, Hash};
use crate::key::{KeyError, SigningError, rsa_components};

/// A key that was parsed once, together with the algorithm that it is for.
#[expect(clippy::large_enum_variant, reason = "always behind an Arc, and a box would be one more step to the key")]
pub(crate) enum PublicKey {
    Hmac(hmac::Key),
    Asymmetric(ParsedPublicKey),
}

impl PublicKey {
    pub(crate) fn new(algorithm: Algorithm, material: &Material<'_>) -> Result<Self, KeyError> {
        let parse = |bytes: &[u8]| match verification(algorithm) {
            Some(verification) => ParsedPublicKey::new(verification, bytes).map_err(|_| KeyError::Invalid(algorithm)),
            None => Err(KeyError::WrongKind(algorithm)),
        };
        match material {
            Material::Secret(secret) => Ok(Self::Hmac(hmac_key(algorithm, secret)?)),
            Material::RsaComponents { n, e } => {
                super::check_rsa(n, e)?;
                let der = RsaPublicKeyComponents { n, e }.as_der().map_err(|_| KeyError::Invalid(algorithm))?;
                // By way of DER, since only the parser checks the components now rather than at every signature.
                parse(der.as_ref()).map(Self::Asymmetric)
            }
            Material::EcPoint(bytes) => parse(bytes).map(Self::Asymmetric),
            Material::Ed25519(bytes) => {
                super::check_ed25519(bytes)?;
                parse(bytes).map(Self::Asymmetric)
            }
        }
    }

    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Hmac(key) => hmac::verify(key, message, signature).is_ok(),
            Self::Asymmetric(key) => key.verify_sig(message, signature).is_ok(),
        }
    }
}

fn hmac_key(algorithm: Algorithm, secret: &[u8]) -> Result<hmac::Key, KeyError> {
    let hash = match algorithm {
        Algorithm::HS256 => hmac::HMAC_SHA256,
        Algorithm::HS384 => hmac::HMAC_SHA384,
        Algorithm::HS512 => hmac::HMAC_SHA512,
        _ => return Err(KeyError::WrongKind(algorithm)),
    };
    Ok(hmac::Key::new(hash, secret))
}

fn verification(algorithm: Algorithm) -> Option<&'static dyn VerificationAlgorithm> {
    Some(match algorithm {
        Algorithm::RS256 => &RSA_PKCS1_2048_8192_SHA256,
        Algorithm::RS384 => &RSA_PKCS1_2048_8192_SHA384,
        Algorithm::RS512 => &RSA_PKCS1_2048_8192_SHA512,
        Algorithm::PS256 => &RSA_PSS_2048_8192_SHA256,
        Algorithm::PS384 => &RSA_PSS_2048_8192_SHA384,
        Algorithm::PS512 => &RSA_PSS_2048_8192_SHA512,
        Algorithm::ES256 => &ECDSA_P256_SHA256_FIXED,
        Algorithm::ES384 => &ECDSA_P384_SHA384_FIXED,
        Algorithm::ES512 => &ECDSA_P521_SHA512_FIXED,
        Algorithm::EdDSA | Algorithm::Ed25519 => &ED25519,
        Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512 => return None,
    })
}

/// A private key or secret, together with the algorithm that it signs by.
#[expect(clippy::large_enum_variant, reason = "always behind an Arc, and a box would be one more step to the key")]
pub(crate) enum PrivateKey {
    Hmac(hmac::Key),
    Rsa(Box<RsaKeyPair>, &'static dyn RsaEncoding),
    Ec(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl PrivateKey {
    pub(crate) fn secret(algorithm: Algorithm, secret: &[u8]) -> Result<Self, KeyError> {
        hmac_key(algorithm, secret).map(Self::Hmac)
    }

    /// `der` is PKCS#1 for RSA and PKCS#8 for the others.
    pub(crate) fn der(algorithm: Algorithm, der: &[u8]) -> Result<Self, KeyError> {
        let invalid = |_| KeyError::Invalid(algorithm);
        match signing(algorithm) {
            Signing::Rsa(encoding) => {
                super::check_private_rsa(algorithm, der)?;
                let key = RsaKeyPair::from_der(der).map_err(invalid)?;
                Ok(Self::Rsa(Box::new(key), encoding))
            }
            Signing::Ec(signing) => EcdsaKeyPair::from_pkcs8(signing, der).map(Self::Ec).map_err(invalid),
            Signing::Ed25519 => Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).map(Self::Ed25519).map_err(invalid),
            Signing::Hmac => Err(KeyError::WrongKind(algorithm)),
        }
    }

    /// A new key: RSA of 3072 bits, which is what its companions of 256 bits are worth (NIST SP 800-57, table 2).
    pub(crate) fn generate(algorithm: Algorithm) -> Result<Self, KeyError> {
        let failed = |_| KeyError::Generate(algorithm);
        match signing(algorithm) {
            Signing::Rsa(encoding) => {
                let key = RsaKeyPair::generate(KeySize::Rsa3072).map_err(failed)?;
                Ok(Self::Rsa(Box::new(key), encoding))
            }
            Signing::Ec(signing) => EcdsaKeyPair::generate(signing).map(Self::Ec).map_err(failed),
            Signing::Ed25519 => Ed25519KeyPair::generate().map(Self::Ed25519).map_err(failed),
            Signing::Hmac => Err(KeyError::WrongKind(algorithm)),
        }
    }

    /// The public half; `None` for a secret, which has none.
    pub(crate) fn public_parts(&self, algorithm: Algorithm) -> Result<Option<PublicParts>, KeyError> {
        Ok(match self {
            Self::Hmac(_) => None,
            Self::Rsa(key, _) => {
                let (n, e) = rsa_components(key.public_key().as_ref()).ok_or(KeyError::Invalid(algorithm))?;
                Some(PublicParts::Rsa { n, e })
            }
            Self::Ec(key) => Some(PublicParts::EcPoint(key.public_key().as_ref().to_vec())),
            Self::Ed25519(key) => Some(PublicParts::Ed25519(key.public_key().as_ref().to_vec())),
        })
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningError> {
        let random = SystemRandom::new();
        match self {
            Self::Hmac(key) => Ok(hmac::sign(key, message).as_ref().to_vec()),
            Self::Rsa(key, encoding) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(*encoding, &random, message, &mut signature).map_err(|_| SigningError::Failed)?;
                Ok(signature)
            }
            Self::Ec(key) => key.sign(&random, message).map(|s| s.as_ref().to_vec()).map_err(|_| SigningError::Failed),
            Self::Ed25519(key) => key.try_sign(message).map(|s| s.as_ref().to_vec()).map_err(|_| SigningError::Failed),
        }
    }
}

/// By what a private key signs.
enum Signing {
    Hmac,
    Rsa(&'static dyn RsaEncoding),
    Ec(&'static EcdsaSigningAlgorithm),
    Ed25519,
}

fn signing(algorithm: Algorithm) -> Signing {
    match algorithm {
        Algorithm::RS256 => Signing::Rsa(&RSA_PKCS1_SHA256),
        Algorithm::RS384 => Signing::Rsa(&RSA_PKCS1_SHA384),
        Algorithm::RS512 => Signing::Rsa(&RSA_PKCS1_SHA512),
        Algorithm::PS256 => Signing::Rsa(&RSA_PSS_SHA256),
        Algorithm::PS384 => Signing::Rsa(&RSA_PSS_SHA384),
        Algorithm::PS512 => Signing::Rsa(&RSA_PSS_SHA512),
        Algorithm::ES256 => Signing::Ec(&ECDSA_P256_SHA256_FIXED_SIGNING),
        Algorithm::ES384 => Signing::Ec(&ECDSA_P384_SHA384_FIXED_SIGNING),
        Algorithm::ES512 => Signing::Ec(&ECDSA_P521_SHA512_FIXED_SIGNING),
        Algorithm::EdDSA | Algorithm::Ed25519 => Signing::Ed25519,
        Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512 => Signing::Hmac,
    }
}

/// Random bytes; `None` where the operating system gives none.
pub(crate) fn random<const N: usize>() -> Option<[u8; N]> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).ok().map(|()| bytes)
}

/// By the hash function of that algorithm; that of Ed25519 is SHA-512.
pub(crate) fn digest(algorithm: Algorithm, message: &[u8]) -> Vec<u8> {
    let hash = match algorithm.hash() {
        Hash::Sha256 => &SHA256,
        Hash::Sha384 => &SHA384,
        Hash::Sha512 => &SHA512,
    };
    digest::digest(hash, message).as_ref().to_vec()
}
