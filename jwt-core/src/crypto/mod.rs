//! The two backends behind one face. aws-lc-rs wins where both are compiled in.

#[cfg(feature = "aws-lc-rs")]
mod aws_lc;
#[cfg(not(feature = "aws-lc-rs"))]
mod rust_crypto;

#[cfg(feature = "aws-lc-rs")]
pub(crate) use aws_lc::{PrivateKey, PublicKey};
#[cfg(not(feature = "aws-lc-rs"))]
pub(crate) use rust_crypto::{PrivateKey, PublicKey};

#[cfg(not(any(feature = "aws-lc-rs", feature = "rust-crypto")))]
compile_error!("jwt-core needs a signature backend: enable the feature `aws-lc-rs` (the default) or `rust-crypto`");

use crate::key::KeyError;

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
