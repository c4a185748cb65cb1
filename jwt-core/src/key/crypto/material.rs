//! The parts of a key, on their way between JWK, PEM and a backend.

use crate::key::algorithm::Family;

/// The parts of a key that verifies, as a JWK has them and PEM yields them.
pub(crate) enum Material<'a> {
    /// An HMAC secret.
    Secret(&'a [u8]),
    /// Modulus and exponent, big-endian.
    RsaComponents { n: &'a [u8], e: &'a [u8] },
    /// An uncompressed point of SEC 1.
    EcPoint(&'a [u8]),
    /// A public key of RFC 8032.
    Ed25519(&'a [u8]),
}

impl Material<'_> {
    pub(super) fn family(&self) -> Family {
        match self {
            Self::Secret(_) => Family::Hmac,
            Self::RsaComponents { .. } => Family::Rsa,
            Self::EcPoint(_) => Family::Ec,
            Self::Ed25519(_) => Family::Ed25519,
        }
    }
}

/// The parts of a public key, owned: what a private key knows of its public half.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum PublicParts {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    EcPoint(Vec<u8>),
    Ed25519(Vec<u8>),
}

impl PublicParts {
    pub(crate) fn material(&self) -> Material<'_> {
        match self {
            Self::Rsa { n, e } => Material::RsaComponents { n, e },
            Self::EcPoint(point) => Material::EcPoint(point),
            Self::Ed25519(bytes) => Material::Ed25519(bytes),
        }
    }
}
