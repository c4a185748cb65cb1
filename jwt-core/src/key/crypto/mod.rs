//! The two backends behind one face. aws-lc-rs wins where both are compiled in.

#[cfg(feature = "aws-lc-rs")]
mod aws_lc;
#[cfg(not(feature = "aws-lc-rs"))]
mod rust_crypto;

#[cfg(feature = "aws-lc-rs")]
pub(crate) use aws_lc::{PrivateKey, PublicKey, digest, random};
#[cfg(not(feature = "aws-lc-rs"))]
pub(crate) use rust_crypto::{PrivateKey, PublicKey, digest, random};

#[cfg(not(any(feature = "aws-lc-rs", feature = "rust-crypto")))]
compile_error!("jwt-core needs a signature backend: enable the feature `aws-lc-rs` (the default) or `rust-crypto`");

use crate::key::KeyError;
use crate::key::algorithm::Algorithm;

/// The parts of a public key, as they stand in a JWK or come out of a PEM file.
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

/// The parts of a public key, owned: what a private key knows of its other half.
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

/// The least and the largest modulus, in bits.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// RSA keys that no signature should be trusted with are refused here, whatever a backend would say to them.
fn check_rsa(n: &[u8], e: &[u8]) -> Result<(), KeyError> {
    let bits = match n.iter().position(|byte| *byte != 0) {
        Some(start) => (n.len() - start) * 8 - n[start].leading_zeros() as usize,
        None => 0,
    };
    if !RSA_BITS.contains(&bits) {
        return Err(KeyError::RsaSize { bits });
    }
    let odd = |number: &[u8]| number.last().is_some_and(|byte| byte % 2 == 1);
    let is_one = e.last() == Some(&1) && e[..e.len() - 1].iter().all(|byte| *byte == 0);
    if !odd(n) || !odd(e) || is_one {
        return Err(KeyError::RsaExponent);
    }
    Ok(())
}

/// The same for a private one, in PKCS#1.
fn check_private_rsa(algorithm: Algorithm, der: &[u8]) -> Result<(), KeyError> {
    let (n, e) = crate::key::rsa_private_components(der).ok_or(KeyError::Invalid(algorithm))?;
    check_rsa(&n, &e)
}

/// Points of Ed25519 whose order divides eight, without their sign bit, in every encoding that a backend might take.
/// Under such a key, signatures can be made without a private one (RFC 8032 §8.9 leaves the check to the application).
#[rustfmt::skip]
const SMALL_ORDER: [[u8; 32]; 7] = [
    // Zero, one, and the two pairs of order eight.
    [0; 32],
    [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    [0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
     0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05],
    [0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
     0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a],
    // p - 1, and zero and one again as p and p + 1.
    [0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
    [0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
    [0xee, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
];

/// Ed25519 keys of another length, and those under which anybody can sign.
fn check_ed25519(bytes: &[u8]) -> Result<(), KeyError> {
    let mut point: [u8; 32] = bytes.try_into().map_err(|_| KeyError::Invalid(Algorithm::EdDSA))?;
    point[31] &= 0x7f;
    if SMALL_ORDER.contains(&point) { Err(KeyError::SmallOrder) } else { Ok(()) }
}

/// SHA-256.
#[cfg(feature = "login")]
pub(crate) fn sha256(message: &[u8]) -> Vec<u8> {
    digest(Algorithm::HS256, message)
}
