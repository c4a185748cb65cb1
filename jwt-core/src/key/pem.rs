//! PEM and DER, read by jsonwebtoken.

use jsonwebtoken::{DecodingKey, EncodingKey};
use simple_asn1::ASN1Block;

use super::KeyError;
use crate::algorithm::{Algorithm, Family};
use crate::base64url;
use crate::crypto::Material;

/// Reads a public key and hands its parts to `load`.
pub(super) fn public_key<T>(
    algorithm: Algorithm,
    pem: &[u8],
    load: impl FnOnce(&Material<'_>) -> Result<T, KeyError>,
) -> Result<T, KeyError> {
    if is_private(pem) {
        return Err(KeyError::Private);
    }
    let key = match algorithm.family() {
        Family::Hmac => return Err(KeyError::WrongKind(algorithm)),
        Family::Rsa => DecodingKey::from_rsa_pem(pem),
        Family::Ec => DecodingKey::from_ec_pem(pem),
        Family::Ed25519 => DecodingKey::from_ed_pem(pem),
    };
    let Ok(key) = key else {
        let readable = DecodingKey::from_rsa_pem(pem).is_ok()
            || DecodingKey::from_ec_pem(pem).is_ok()
            || DecodingKey::from_ed_pem(pem).is_ok();
        return Err(if readable { KeyError::WrongKind(algorithm) } else { KeyError::Pem });
    };
    let bytes = key.try_get_as_bytes().map_err(|_| KeyError::Pem)?;
    match algorithm.family() {
        Family::Hmac => Err(KeyError::WrongKind(algorithm)),
        Family::Ec => load(&Material::EcPoint(bytes)),
        Family::Ed25519 => load(&Material::Ed25519(bytes)),
        Family::Rsa => {
            let (n, e) = rsa_components(bytes).ok_or(KeyError::Invalid(algorithm))?;
            load(&Material::RsaComponents { n: &n, e: &e })
        }
    }
}

/// The same from DER, which does not say what it is: every kind is tried.
pub(super) fn public_key_der<T>(
    algorithm: Algorithm,
    der: &[u8],
    mut load: impl FnMut(&Material<'_>) -> Result<T, KeyError>,
) -> Result<T, KeyError> {
    let mut error = KeyError::Der;
    for label in ["PUBLIC KEY", "CERTIFICATE", "RSA PUBLIC KEY"] {
        match public_key(algorithm, armour(label, der).as_bytes(), &mut load) {
            Ok(key) => return Ok(key),
            Err(KeyError::Pem) => {}
            Err(other) if error == KeyError::Der => error = other,
            Err(_) => {}
        }
    }
    Err(error)
}

/// The DER of a private key: PKCS#1 for RSA, PKCS#8 for the others.
pub(super) fn private_key(algorithm: Algorithm, pem: &[u8]) -> Result<Vec<u8>, KeyError> {
    if !is_private(pem) {
        return Err(KeyError::NotPrivate);
    }
    let key = match algorithm.family() {
        Family::Hmac => return Err(KeyError::WrongKind(algorithm)),
        Family::Rsa => EncodingKey::from_rsa_pem(pem),
        Family::Ec => EncodingKey::from_ec_pem(pem),
        Family::Ed25519 => EncodingKey::from_ed_pem(pem),
    };
    key.map(|key| key.as_bytes().to_vec()).map_err(|_| KeyError::NotPrivate)
}

fn is_private(pem: &[u8]) -> bool {
    pem.windows(b"PRIVATE KEY".len()).any(|window| window == b"PRIVATE KEY")
}

/// `RSAPublicKey ::= SEQUENCE { modulus INTEGER, publicExponent INTEGER }` (RFC 8017 §A.1.1).
fn rsa_components(der: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let blocks = simple_asn1::from_der(der).ok()?;
    let [ASN1Block::Sequence(_, members)] = blocks.as_slice() else { return None };
    let [ASN1Block::Integer(_, n), ASN1Block::Integer(_, e)] = members.as_slice() else { return None };
    Some((n.to_biguint()?.to_bytes_be(), e.to_biguint()?.to_bytes_be()))
}

fn armour(label: &str, der: &[u8]) -> String {
    // PEM has the other alphabet and wants its padding (RFC 7468 §3).
    let mut base64 = base64url::encode(der).replace('-', "+").replace('_', "/");
    while !base64.len().is_multiple_of(4) {
        base64.push('=');
    }
    format!("-----BEGIN {label}-----\n{base64}\n-----END {label}-----\n")
}
