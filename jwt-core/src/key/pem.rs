//! Keys in PEM and DER: what they are, and where in it the key is. The backends read the key itself.

use pem::Pem;

use super::KeyError;
use super::der::{certificate_spki, integers};
use super::kind::KeyKind;
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
    let (kind, key) = match form {
        Form::Pkcs1 => rsa_components(der).map(|_| (KeyKind::Known(&RSA), der)),
        Form::Spki | Form::Certificate => KeyKind::of_spki(der),
    }
    .ok_or(KeyError::Der)?;
    kind.check(algorithm)?;
    match algorithm.family() {
        Family::Hmac => Err(KeyError::WrongKind(algorithm)),
        Family::Ec | Family::Seed => load(&Material::Bytes(key)),
        Family::Rsa => {
            let (n, e) = rsa_components(key).ok_or(KeyError::Invalid(algorithm))?;
            load(&Material::RsaComponents { n, e })
        }
    }
}

/// The DER of a private key: PKCS#1 for RSA, PKCS#8 for the others.
pub(super) fn private_key(algorithm: Algorithm, pem: &[u8]) -> Result<Vec<u8>, KeyError> {
    let block = only_block(pem)?;
    let der = block.contents();
    let (kind, key) = match block.tag() {
        "ENCRYPTED PRIVATE KEY" => return Err(KeyError::Encrypted),
        // RFC 1421 §4.6.1.1: OpenSSL still writes this for PKCS#1 and SEC 1.
        _ if block.headers().get("Proc-Type").is_some_and(|value| value.contains("ENCRYPTED")) => {
            return Err(KeyError::Encrypted);
        }
        "PRIVATE KEY" => KeyKind::of_pkcs8(der),
        "RSA PRIVATE KEY" => rsa_private_components(der).map(|_| (KeyKind::Known(&RSA), der)),
        "CERTIFICATE" => return Err(KeyError::Certificate),
        tag if tag.ends_with("PUBLIC KEY") => return Err(KeyError::NotPrivate),
        tag if tag.ends_with("PRIVATE KEY") => return Err(KeyError::NotPkcs8),
        _ => return Err(KeyError::OtherPem),
    }
    .ok_or(KeyError::Der)?;
    kind.check(algorithm)?;
    Ok(if algorithm.family() == Family::Rsa { key } else { der }.to_vec())
}

/// The modulus and the public exponent of `RSAPrivateKey` (RFC 8017 §A.1.2).
pub(super) fn rsa_private_components(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let [_, n, e, ..] = *integers(der)? else { return None };
    Some((n, e))
}

/// `RSAPublicKey ::= SEQUENCE { modulus INTEGER, publicExponent INTEGER }` (RFC 8017 §A.1.1).
pub(super) fn rsa_components(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let [n, e] = *integers(der)? else { return None };
    Some((n, e))
}
