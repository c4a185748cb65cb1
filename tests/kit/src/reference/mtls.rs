//! The certificate of the client. RFC 8705 §3.

use aws_lc_rs::digest::{SHA256, digest};

use super::json::Json;
use super::{Head, Reference, Why};
use crate::base64url;
use crate::target::Form;

impl Reference {
    /// The certificate is the one that the token is bound to.
    pub(super) fn certificate(&self, head: &Head, claims: &Json) -> Result<(), Why> {
        let Some(mtls) = &self.places.mtls else {
            return Ok(());
        };
        let thumbprint = match claims.get("cnf").and_then(|cnf| cnf.get("x5t#S256")) {
            None => return Ok(()),
            Some(Json::String(thumbprint)) => thumbprint,
            Some(_) if self.wrong("x5t-any-type") => return Ok(()),
            Some(_) => return Err(Why::Invalid),
        };
        if self.wrong("certificate-ignored") {
            return Ok(());
        }
        let shown = match &mtls.field {
            Some(field) => {
                let mut all: Vec<String> =
                    head.all(field).map(|text| String::from_utf8_lossy(text).into_owned()).collect();
                if self.wrong("first-certificate-wins") {
                    all.truncate(1);
                }
                match &*all {
                    [one] => Some(self.read_certificate(one, mtls.form).ok_or_else(|| {
                        if self.wrong("odd-certificate-breaks") { Why::Broken } else { Why::Invalid }
                    })?),
                    _ => None,
                }
            }
            None if self.wrong("fields-are-certificates") && head.peer.certificate.is_none() => {
                let nginx = head.one("x-ssl-client-cert").and_then(|text| self.read_certificate(&text, Form::Pem));
                nginx.or(head.one("client-cert").and_then(|text| self.read_certificate(&text, Form::Rfc9440)))
            }
            None => head.peer.certificate.clone(),
        };
        let Some(shown) = shown else {
            return if self.wrong("certificate-optional") { Ok(()) } else { Err(Why::Invalid) };
        };
        let hash = digest(&SHA256, &shown);
        let hex = hash.as_ref().iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        let expected = base64url::encode(hash);
        let is_it = *thumbprint == expected
            || self.wrong("any-certificate")
            || self.wrong("thumbprint-any-case") && thumbprint.eq_ignore_ascii_case(&expected)
            || self.wrong("thumbprint-in-part") && expected.starts_with(thumbprint.as_str())
            || self.wrong("thumbprint-in-hex") && *thumbprint == hex;
        if is_it { Ok(()) } else { Err(Why::Invalid) }
    }

    /// The bytes of a certificate in a field.
    fn read_certificate(&self, text: &str, form: Form) -> Option<Vec<u8>> {
        let base64 = match form {
            Form::Rfc9440 => text.strip_prefix(':')?.strip_suffix(':')?.to_owned(),
            Form::Pem => {
                let (mut plain, mut rest) = (String::new(), text);
                while let Some(at) = rest.find('%') {
                    plain.push_str(&rest[..at]);
                    plain.push(char::from(u8::from_str_radix(rest.get(at + 1..at + 3)?, 16).ok()?));
                    rest = &rest[at + 3..];
                }
                plain.push_str(rest);
                let inner = plain.trim().strip_prefix("-----BEGIN CERTIFICATE-----")?;
                inner.strip_suffix("-----END CERTIFICATE-----")?.split_whitespace().collect()
            }
        };
        base64_simd::STANDARD.decode_to_vec(base64.as_bytes()).ok().filter(|der| !der.is_empty())
    }
}
