//! Keys in PEM and DER: what they are is checked here, and jsonwebtoken reads them.

use jsonwebtoken::{DecodingKey, EncodingKey};
use pem::Pem;
use simple_asn1::ASN1Block;

use super::KeyError;
use super::der::{certificate_spki, is_shallow};
use super::kind::KeyKind;
use crate::base64url;
use crate::key::algorithm::{Algorithm, Family, RSA};
use crate::key::crypto::Material;

/// What some DER is the form of.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    /// `SubjectPublicKeyInfo` of RFC 5280.
    Spki,
    /// `RSAPublicKey` of RFC 8017.
    Pkcs1,
    /// A certificate of RFC 5280.
    Certificate,
}

/// The only block of a file, with any text around it (RFC 7468 §2) and either kind of line breaks.
fn only_block(pem: &[u8]) -> Result<Pem, KeyError> {
    if pem.iter().all(u8::is_ascii_whitespace) {
        return Err(KeyError::EmptyInput);
    }
    let mut blocks = pem::parse_many(pem).map_err(|_| KeyError::NotPem)?;
    // OpenSSL writes the curve in front of a key on a curve, which says it as well.
    blocks.retain(|block| !block.tag().ends_with(" PARAMETERS"));
    match blocks.len() {
        0 => Err(KeyError::NotPem),
        1 => blocks.pop().ok_or(KeyError::NotPem),
        blocks => Err(KeyError::SeveralBlocks { blocks }),
    }
}

/// Reads a public key and hands its parts to `load`.
pub(crate) fn public_key<T>(
    algorithm: Algorithm,
    pem: &[u8],
    load: impl FnOnce(&Material<'_>) -> Result<T, KeyError>,
) -> Result<T, KeyError> {
    let block = only_block(pem)?;
    let form = match block.tag() {
        "PUBLIC KEY" => Form::Spki,
        "RSA PUBLIC KEY" => Form::Pkcs1,
        "CERTIFICATE" => Form::Certificate,
        tag if tag.ends_with("PRIVATE KEY") => return Err(KeyError::Private),
        _ => return Err(KeyError::OtherPem),
    };
    read(algorithm, form, block.contents(), load)
}

/// The same from DER, which does not say what it is: every form is tried.
pub(crate) fn public_key_der<T>(
    algorithm: Algorithm,
    der: &[u8],
    mut load: impl FnMut(&Material<'_>) -> Result<T, KeyError>,
) -> Result<T, KeyError> {
    if der.is_empty() {
        return Err(KeyError::EmptyInput);
    }
    if KeyKind::of_pkcs8(der).is_some() {
        return Err(KeyError::Private);
    }
    let mut error = KeyError::Der;
    for form in [Form::Spki, Form::Certificate, Form::Pkcs1] {
        match read(algorithm, form, der, &mut load) {
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
    form: Form,
    der: &[u8],
    load: impl FnOnce(&Material<'_>) -> Result<T, KeyError>,
) -> Result<T, KeyError> {
    let der = if form == Form::Certificate { certificate_spki(der).ok_or(KeyError::Der)? } else { der };
    // The parser recurses without a limit.
    if !is_shallow(der) {
        return Err(KeyError::Der);
    }
    let (label, kind) = match form {
        Form::Pkcs1 => ("RSA PUBLIC KEY", rsa_components(der).map(|_| KeyKind::Known(&RSA))),
        Form::Spki | Form::Certificate => ("PUBLIC KEY", KeyKind::of_spki(der)),
    };
    kind.ok_or(KeyError::Der)?.check(algorithm)?;
    let armoured = armour(label, der);
    let pem = armoured.as_bytes();
    let key = match algorithm.family() {
        Family::Hmac => return Err(KeyError::WrongKind(algorithm)),
        Family::Rsa => DecodingKey::from_rsa_pem(pem),
        Family::Ec => DecodingKey::from_ec_pem(pem),
        Family::Ed25519 => DecodingKey::from_ed_pem(pem),
    };
    let key = key.map_err(|_| KeyError::Der)?;
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
    let block = only_block(pem)?;
    let der = block.contents();
    let kind = match block.tag() {
        "ENCRYPTED PRIVATE KEY" => return Err(KeyError::Encrypted),
        // RFC 1421 §4.6.1.1: OpenSSL still writes this for PKCS#1 and SEC 1.
        _ if block.headers().get("Proc-Type").is_some_and(|value| value.contains("ENCRYPTED")) => {
            return Err(KeyError::Encrypted);
        }
        "PRIVATE KEY" if is_shallow(der) => KeyKind::of_pkcs8(der),
        "RSA PRIVATE KEY" if is_shallow(der) => Some(KeyKind::Known(&RSA)),
        "PRIVATE KEY" | "RSA PRIVATE KEY" => None,
        "CERTIFICATE" => return Err(KeyError::Certificate),
        tag if tag.ends_with("PUBLIC KEY") => return Err(KeyError::NotPrivate),
        tag if tag.ends_with("PRIVATE KEY") => return Err(KeyError::NotPkcs8),
        _ => return Err(KeyError::OtherPem),
    };
    kind.ok_or(KeyError::Der)?.check(algorithm)?;
    let armoured = armour(block.tag(), der);
    let pem = armoured.as_bytes();
    let key = match algorithm.family() {
        Family::Hmac => return Err(KeyError::WrongKind(algorithm)),
        Family::Rsa => EncodingKey::from_rsa_pem(pem),
        Family::Ec => EncodingKey::from_ec_pem(pem),
        Family::Ed25519 => EncodingKey::from_ed_pem(pem),
    };
    key.map(|key| key.as_bytes().to_vec()).map_err(|_| KeyError::Der)
}

/// The modulus and the public exponent of `RSAPrivateKey` (RFC 8017 §A.1.2).
pub(super) fn rsa_private_components(der: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let blocks = is_shallow(der).then(|| simple_asn1::from_der(der).ok())??;
    let [ASN1Block::Sequence(_, members)] = blocks.as_slice() else { return None };
    let [ASN1Block::Integer(..), ASN1Block::Integer(_, n), ASN1Block::Integer(_, e), ..] = members.as_slice() else {
        return None;
    };
    Some((n.to_biguint()?.to_bytes_be(), e.to_biguint()?.to_bytes_be()))
}

/// `RSAPublicKey ::= SEQUENCE { modulus INTEGER, publicExponent INTEGER }` (RFC 8017 §A.1.1).
pub(super) fn rsa_components(der: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let blocks = is_shallow(der).then(|| simple_asn1::from_der(der).ok())??;
    let [ASN1Block::Sequence(_, members)] = blocks.as_slice() else { return None };
    let [ASN1Block::Integer(_, n), ASN1Block::Integer(_, e)] = members.as_slice() else { return None };
    Some((n.to_biguint()?.to_bytes_be(), e.to_biguint()?.to_bytes_be()))
}

fn armour(label: &str, der: &[u8]) -> String {
    // PEM has the other alphabet and needs its padding (RFC 7468 §3).
    let mut base64 = base64url::encode(der).replace('-', "+").replace('_', "/");
    while !base64.len().is_multiple_of(4) {
        base64.push('=');
    }
    format!("-----BEGIN {label}-----\n{base64}\n-----END {label}-----\n")
}
