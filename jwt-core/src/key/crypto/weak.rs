//! Keys that are refused whatever a backend would say to them.

use super::Material;
use crate::key::KeyError;
use crate::key::algorithm::{Algorithm, Family};
use crate::key::pem::rsa_private_components;

/// Refuses public keys under which others than their owner can sign, or soon could.
pub(super) fn check_public(algorithm: Algorithm, material: &Material<'_>) -> Result<(), KeyError> {
    match material {
        Material::RsaComponents { n, e } => check_rsa(n, e),
        Material::Bytes(bytes) if algorithm.family() == Family::Seed => check_bytes(algorithm, bytes),
        _ => Ok(()),
    }
}

/// The least and the largest modulus, in bits.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// Refuses RSA keys that no signature should be trusted with.
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
pub(super) fn check_private_rsa(algorithm: Algorithm, der: &[u8]) -> Result<(), KeyError> {
    let (n, e) = rsa_private_components(der).ok_or(KeyError::Invalid(algorithm))?;
    check_rsa(n, e)
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

/// Refuses keys of another length, and those of Ed25519 under which anybody can sign.
fn check_bytes(algorithm: Algorithm, bytes: &[u8]) -> Result<(), KeyError> {
    if bytes.len() != algorithm.key_type().public {
        return Err(KeyError::Invalid(algorithm));
    }
    let Ok(mut point) = <[u8; 32]>::try_from(bytes) else { return Ok(()) };
    point[31] &= 0x7f;
    if SMALL_ORDER.contains(&point) { Err(KeyError::SmallOrder) } else { Ok(()) }
}
