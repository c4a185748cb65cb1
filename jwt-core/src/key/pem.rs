//! PEM and DER, read by jsonwebtoken.

use jsonwebtoken::{DecodingKey, EncodingKey};
use simple_asn1::ASN1Block;

use super::KeyError;
use super::der::{certificate_spki, is_shallow};
use crate::algorithm::{Algorithm, Family};
use crate::base64url;
use crate::crypto::Material;

/// What DER may be of.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// `SubjectPublicKeyInfo` of RFC 5280.
    Spki,
    /// `RSAPublicKey` of RFC 8017.
    Pkcs1,
    /// A certificate of RFC 5280.
    Certificate,
}

/// Reads a public key and hands its parts to `load`.
pub(super) fn public_key<T>(
    algorithm: Algorithm,
    pem: &[u8],
    load: impl FnOnce(&Material<'_>) -> Result<T, KeyError>,
) -> Result<T, KeyError> {
    let block = pem::parse(pem).map_err(|_| KeyError::Pem)?;
    let kind = match block.tag() {
        "PUBLIC KEY" => Kind::Spki,
        "RSA PUBLIC KEY" => Kind::Pkcs1,
        "CERTIFICATE" => Kind::Certificate,
        tag if tag.ends_with("PRIVATE KEY") => return Err(KeyError::Private),
        _ => return Err(KeyError::Pem),
    };
    read(algorithm, kind, block.contents(), load)
}

/// The same from DER, which does not say what it is: every kind is tried.
pub(super) fn public_key_der<T>(
    algorithm: Algorithm,
    der: &[u8],
    mut load: impl FnMut(&Material<'_>) -> Result<T, KeyError>,
) -> Result<T, KeyError> {
    let mut error = KeyError::Der;
    for kind in [Kind::Spki, Kind::Certificate, Kind::Pkcs1] {
        match read(algorithm, kind, der, &mut load) {
            Ok(key) => return Ok(key),
            Err(KeyError::Der) => {}
            Err(other) if error == KeyError::Der => error = other,
            Err(_) => {}
        }
    }
    Err(error)
}

fn read<T>(
    algorithm: Algorithm,
    kind: Kind,
    der: &[u8],
    load: impl FnOnce(&Material<'_>) -> Result<T, KeyError>,
) -> Result<T, KeyError> {
    let der = if kind == Kind::Certificate { certificate_spki(der).ok_or(KeyError::Der)? } else { der };
    // The parser recurses without a limit.
    if !is_shallow(der) {
        return Err(KeyError::Der);
    }
    let armoured = armour(if kind == Kind::Pkcs1 { "RSA PUBLIC KEY" } else { "PUBLIC KEY" }, der);
    let pem = armoured.as_bytes();
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
        return Err(if readable { KeyError::WrongKind(algorithm) } else { KeyError::Der });
    };
    let bytes = key.try_get_as_bytes().map_err(|_| KeyError::Der)?;
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

/// The DER of a private key: PKCS#1 for RSA, PKCS#8 for the others.
pub(super) fn private_key(algorithm: Algorithm, pem: &[u8]) -> Result<Vec<u8>, KeyError> {
    let block = pem::parse(pem).map_err(|_| KeyError::NotPrivate)?;
    if !matches!(block.tag(), "PRIVATE KEY" | "RSA PRIVATE KEY") || !is_shallow(block.contents()) {
        return Err(KeyError::NotPrivate);
    }
    let (rsa, ec, ed25519) =
        (EncodingKey::from_rsa_pem(pem), EncodingKey::from_ec_pem(pem), EncodingKey::from_ed_pem(pem));
    let readable = rsa.is_ok() || ec.is_ok() || ed25519.is_ok();
    let key = match algorithm.family() {
        Family::Hmac => return Err(KeyError::WrongKind(algorithm)),
        Family::Rsa => rsa,
        Family::Ec => ec,
        Family::Ed25519 => ed25519,
    };
    let otherwise = |_| if readable { KeyError::WrongKind(algorithm) } else { KeyError::NotPrivate };
    key.map(|key| key.as_bytes().to_vec()).map_err(otherwise)
}

/// `RSAPublicKey ::= SEQUENCE { modulus INTEGER, publicExponent INTEGER }` (RFC 8017 §A.1.1).
pub(crate) fn rsa_components(der: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let blocks = is_shallow(der).then(|| simple_asn1::from_der(der).ok())??;
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
