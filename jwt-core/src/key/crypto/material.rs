//! The parts of a key, on their way between JWK, PEM and a backend.

use crate::key::algorithm::Family;

/// The parts of a key that verifies, as a JWK has them and PEM yields them.
pub(crate) enum Material<'a> {
    /// An HMAC secret.
    Secret(&'a [u8]),
    /// Modulus and exponent, big-endian.
    RsaComponents { n: &'a [u8], e: &'a [u8] },
    /// An uncompressed point of SEC 1, or the public key of RFC 8032 or FIPS 204.
    Bytes(&'a [u8]),
}

impl Material<'_> {
    pub(super) fn is_of(&self, family: Family) -> bool {
        match self {
            Self::Secret(_) => family == Family::Hmac,
            Self::RsaComponents { .. } => family == Family::Rsa,
            Self::Bytes(_) => matches!(family, Family::Ec | Family::Seed),
        }
    }
}

/// The parts of a public key, owned: what a private key knows of its public half.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum PublicParts {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    Bytes(Vec<u8>),
}

impl PublicParts {
    pub(crate) fn material(&self) -> Material<'_> {
        match self {
            Self::Rsa { n, e } => Material::RsaComponents { n, e },
            Self::Bytes(bytes) => Material::Bytes(bytes),
        }
    }
}
