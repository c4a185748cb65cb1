//! The certificate of a client (RFC 8705 §3): where a request says it, and its thumbprint.

use std::borrow::Cow;
use std::sync::Arc;

use base64_simd::{STANDARD, STANDARD_NO_PAD};
use http::HeaderName;

use super::elements::{is_of_token, last_element, only};
use super::proxies::Proxies;
use crate::claims::confirmation::Thumbprint;
use crate::error::{CertificateError, ProxyError};
use crate::key::crypto;
use crate::request::ClientCertificate;
use crate::request::RequestHead;

/// The longest header field with a certificate that is read, in bytes. Eight times what certificates of clients have.
pub(super) const MAX_FIELD: usize = 16 * 1024;

/// The header field that a proxy says a certificate in.
#[derive(Debug, Clone)]
pub(super) struct CertificateField {
    pub(super) name: HeaderName,
    pub(super) form: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Bytes as a structured field has them (RFC 9440 §2.2, RFC 9651 §3.3.5): base64 between colons.
    Bytes,
    /// PEM, percent-encoded: `$ssl_client_escaped_cert` of nginx.
    EscapedPem,
    /// The elements of Envoy, with `Hash` or `Cert`.
    Elements,
}

/// What a request shows of a certificate, unread: most requests come with tokens that are bound to none.
pub(super) enum Certificate {
    OfConnection(Arc<[u8]>),
    Field(Box<[u8]>),
    Not(CertificateError),
}

impl Certificate {
    /// That of the connection, or else what a trusted proxy says.
    pub(super) fn of(head: &impl RequestHead, proxies: Option<&Proxies>) -> Self {
        match (head.client_certificate(), proxies) {
            (Some(ClientCertificate(der)), _) => Self::OfConnection(der),
            (None, None) => Self::Not(CertificateError::NotShown),
            (None, Some(proxies)) => proxies.certificate(head).map_or_else(Self::Not, Self::Field),
        }
    }

    /// SHA-256 over its DER (RFC 8705 §3.1).
    pub(super) fn thumbprint(&self, proxies: Option<&Proxies>) -> Result<Thumbprint, CertificateError> {
        match self {
            Self::OfConnection(der) => of_der(der).ok_or(CertificateError::NotShown),
            Self::Not(error) => Err(error.clone()),
            Self::Field(value) => {
                let field = proxies.and_then(Proxies::certificate_field).ok_or(CertificateError::NotShown)?;
                let read = std::str::from_utf8(value).ok().and_then(|value| field.form.thumbprint(value));
                let unreadable = || ProxyError::Unreadable { field: field.name.clone() };
                read.ok_or_else(|| CertificateError::Forwarded(unreadable()))
            }
        }
    }
}

impl Form {
    fn thumbprint(self, value: &str) -> Option<Thumbprint> {
        match self {
            Self::Bytes => {
                let text = value.trim_matches(' ').strip_prefix(':')?.strip_suffix(':')?;
                of_der(&STANDARD.decode_to_vec(text).or_else(|_| STANDARD_NO_PAD.decode_to_vec(text)).ok()?)
            }
            Self::EscapedPem => of_pem(value),
            Self::Elements => {
                let pairs = last_element(value, |byte| is_of_token(byte) || b"()/:<=>?@[]{}".contains(&byte))?;
                let hash = only(&pairs, "Hash").ok()?.map(of_hex);
                let certificate = only(&pairs, "Cert").ok()?.map(of_pem);
                match (hash, certificate) {
                    (Some(hash), None) => hash,
                    (None, Some(certificate)) => certificate,
                    // A proxy that contradicts itself has said nothing.
                    (Some(hash), Some(certificate)) => hash.filter(|_| hash == certificate),
                    (None, None) => None,
                }
            }
        }
    }
}

fn of_der(der: &[u8]) -> Option<Thumbprint> {
    if der.is_empty() { None } else { crypto::sha256(der).try_into().ok() }
}

/// The one certificate of a percent-encoded PEM, with no text around it and no headers in it.
fn of_pem(escaped: &str) -> Option<Thumbprint> {
    let text = unescaped(escaped)?;
    let body = text.trim_ascii().strip_prefix(b"-----BEGIN CERTIFICATE-----")?;
    let mut base64 = body.strip_suffix(b"-----END CERTIFICATE-----")?.to_vec();
    base64.retain(|byte| !byte.is_ascii_whitespace());
    of_der(&STANDARD.decode_to_vec(base64).ok()?)
}

/// Percent-encoding undone (RFC 3986 §2.1); a plus is a plus.
fn unescaped(text: &str) -> Option<Cow<'_, [u8]>> {
    if !text.contains('%') {
        return Some(text.as_bytes().into());
    }
    let mut bytes = text.bytes();
    let mut plain = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        plain.push(if byte == b'%' { of_hex_digits(bytes.next()?, bytes.next()?)? } else { byte });
    }
    Some(plain.into())
}

fn of_hex(text: &str) -> Option<Thumbprint> {
    let (digits, rest) = text.as_bytes().as_chunks::<2>();
    let bytes: Option<Vec<u8>> = digits.iter().map(|[high, low]| of_hex_digits(*high, *low)).collect();
    bytes.filter(|_| rest.is_empty())?.try_into().ok()
}

fn of_hex_digits(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_text_makes_a_reader_panic(text in "[:=%A-F0-9a-f;, \"\\\\ü+/-]{0,40}") {
            for form in [Form::Bytes, Form::EscapedPem, Form::Elements] {
                let _ = form.thumbprint(&text);
            }
        }

        #[test]
        fn bytes_are_read_as_they_were_written(der in prop::collection::vec(any::<u8>(), 1..200)) {
            let expected = of_der(&der);
            let padded = format!(":{}:", STANDARD.encode_to_string(&der));
            prop_assert_eq!(Form::Bytes.thumbprint(&padded), expected);
            prop_assert_eq!(Form::Bytes.thumbprint(&padded.replace('=', "")), expected);
            let hash: String = expected.unwrap().map(|byte| format!("{byte:02x}")).concat();
            prop_assert_eq!(Form::Elements.thumbprint(&format!("Hash={hash}")), expected);
            let pem = pem::encode(&pem::Pem::new("CERTIFICATE", der));
            let escaped: String = pem.bytes().map(|byte| format!("%{byte:02X}")).collect::<Vec<_>>().concat();
            prop_assert_eq!(Form::EscapedPem.thumbprint(&escaped), expected);
            prop_assert_eq!(Form::Elements.thumbprint(&format!("Hash={hash};Cert=\"{escaped}\"")), expected);
        }
    }
}
