//! A bound token and its proof, in the order of RFC 9449 §4.3. Its numbers are in the comments.

use aws_lc_rs::digest::{SHA256, digest};

use super::json::{Json, Wrong};
use super::{Credential, Head, Reference, Why};
use crate::base64url;
use crate::target::Dpop;

/// Longer proofs are refused.
const MAX_PROOF: usize = 8 * 1024;

/// The nonce that it gives; a good server changes it.
pub(super) const NONCE: &str = "reference-nonce-1";

impl Reference {
    /// Whoever sends the token is the one that it was given to. RFC 9449 §7.1.
    pub(super) fn possession(&self, head: &Head, credential: &Credential, claims: &Json) -> Result<(), Why> {
        let is_half = self.wrong("one-binding-is-enough") && credential.is_dpop;
        if !is_half {
            self.certificate(head, claims)?;
        }
        let Some(dpop) = &self.places.dpop else {
            return Ok(());
        };
        let jkt = match claims.get("cnf") {
            None => None,
            Some(cnf @ Json::Object(_)) => match cnf.get("jkt") {
                None => None,
                Some(Json::String(jkt)) => Some(jkt),
                Some(_) if self.wrong("binding-any-type") => None,
                Some(_) => return Err(Why::Invalid),
            },
            Some(_) if self.wrong("binding-any-type") => None,
            Some(_) => return Err(Why::Invalid),
        };
        match jkt {
            None if credential.is_dpop && !self.wrong("unbound-under-dpop") => Err(Why::Invalid),
            None => Ok(()),
            Some(_) if self.wrong("binding-ignored") => Ok(()),
            Some(_) if !credential.is_dpop && self.wrong("bound-as-bearer") => Ok(()),
            Some(_) if !credential.is_dpop => Err(Why::Invalid),
            Some(jkt) => self.proof(head, dpop, &credential.token, jkt),
        }
    }

    fn proof(&self, head: &Head, dpop: &Dpop, token: &str, jkt: &str) -> Result<(), Why> {
        // 1. One proof.
        let mut fields: Vec<String> =
            head.all("dpop").map(|field| String::from_utf8_lossy(field).into_owned()).collect();
        if self.wrong("first-proof-wins") {
            fields.truncate(1);
            for field in &mut fields {
                field.truncate(field.find(',').unwrap_or(field.len()));
            }
        }
        let proof = match &*fields {
            [one] => one.clone(),
            [] if self.wrong("proof-optional") => return Ok(()),
            _ => return Err(Why::Proof),
        };
        if proof.len() > MAX_PROOF {
            return Err(Why::Proof);
        }
        // 2. A JWT.
        let parts: Vec<&str> = proof.split('.').collect();
        let (header_text, claims_text, signature) = match &*parts {
            [header, claims, signature] => (*header, *claims, *signature),
            [header, claims, signature, ..] if self.wrong("proof-more-parts") => (*header, *claims, *signature),
            _ => return Err(Why::Proof),
        };
        let bytes = |text: &str| base64url::decode(text).ok_or(Why::Proof);
        let object = |text: &str| match Json::read(&bytes(text)?, Wrong(self.fault)) {
            Some(object @ Json::Object(_)) => Ok(object),
            _ => Err(Why::Proof),
        };
        let (header, claims, signature) = (object(header_text)?, object(claims_text)?, bytes(signature)?);
        let input = &proof.as_bytes()[..header_text.len() + 1 + claims_text.len()];
        // 3. Every claim.
        let text = |name: &str| match claims.get(name) {
            Some(Json::String(text)) if !text.is_empty() || self.wrong("jti-of-any-shape") => Ok(Some(text.clone())),
            Some(_) if name == "jti" && self.wrong("jti-of-any-shape") => Ok(None),
            None if self.wrong("proof-claims-optional") => Ok(None),
            _ => Err(Why::Proof),
        };
        let (jti, htm, htu, ath) = (text("jti")?, text("htm")?, text("htu")?, text("ath")?);
        // 4. The type.
        match header.get("typ").and_then(Json::text) {
            Some("dpop+jwt") => {}
            _ if self.wrong("proof-typ-unchecked") => {}
            _ => return Err(Why::Proof),
        }
        if header.get("crit").is_some() && !self.wrong("proof-crit-ignored") {
            return Err(Why::Proof);
        }
        // 5. An algorithm with a key pair.
        let algorithm = header.get("alg").and_then(Json::text).unwrap_or_default();
        let jwk = match header.get("jwk") {
            Some(jwk @ Json::Object(_)) => jwk.clone(),
            _ if self.wrong("odd-proof-key-breaks") => return Err(Why::Broken),
            None if self.wrong("proof-without-key") => return Ok(()),
            _ => return Err(Why::Proof),
        };
        let is_signed = match algorithm {
            "none" => self.wrong("proof-none"),
            "HS256" if self.wrong("proof-by-secret") => {
                let number = |name| jwk.get(name).and_then(Json::text).and_then(base64url::decode).unwrap_or_default();
                let point = [vec![4], number("x"), number("y")].concat();
                super::verify::is_tag("HS256", &point, input, &signature)
            }
            // 6. The signature.
            _ if algorithm == dpop.algorithm => self.is_signature(&jwk, algorithm, input, &signature),
            _ => false,
        };
        if !is_signed && !self.wrong("proof-signature-unchecked") {
            return Err(Why::Proof);
        }
        // 7. No private key.
        if ["d", "p", "q", "dp", "dq", "qi", "k"].iter().any(|name| jwk.get(name).is_some())
            && !self.wrong("private-proof-key")
        {
            return Err(Why::Proof);
        }
        // 8. The method.
        if let Some(htm) = htm
            && htm != head.method
            && !self.wrong("htm-unchecked")
            && !(self.wrong("htm-any-case") && htm.eq_ignore_ascii_case(&head.method))
        {
            return Err(Why::Proof);
        }
        // 9. The address.
        let scheme = if head.peer.is_tls { "https" } else { "http" };
        let origin = dpop.origin.clone();
        let origin = origin.unwrap_or_else(|| format!("{scheme}://{}", head.one("host").unwrap_or_default()));
        if let Some(htu) = htu
            && !self.is_address(&htu, &origin, head)
        {
            return Err(Why::Proof);
        }
        // 10. The nonce.
        if dpop.nonce {
            match claims.get("nonce") {
                Some(Json::String(nonce)) if nonce == NONCE => {}
                Some(_) if self.wrong("nonce-unchecked") => {}
                None if self.wrong("nonce-optional") => {}
                _ => return Err(Why::Nonce),
            }
        }
        // 11. The time.
        match claims.get("iat") {
            Some(Json::Number(text)) => {
                let iat: i64 = text.parse().map_err(|_| Why::Proof)?;
                let (age, slack) = (self.now() - iat, dpop.max_age + self.expected.leeway);
                if age > slack && !self.wrong("old-proofs") || age < -slack && !self.wrong("proofs-of-the-future") {
                    return Err(Why::Proof);
                }
            }
            Some(_) if self.wrong("proof-iat-any-type") => {}
            None if self.wrong("proof-claims-optional") => {}
            _ => return Err(Why::Proof),
        }
        // 12. The token, and its key.
        if let Some(ath) = ath
            && ath != base64url::encode(digest(&SHA256, token.as_bytes()))
            && !self.wrong("ath-unchecked")
        {
            return Err(Why::Proof);
        }
        if thumbprint(&jwk).as_deref() != Some(jkt) && !self.wrong("proof-by-any-key") {
            return Err(Why::Invalid);
        }
        // §11.1: once.
        if let Some(jti) = jti {
            let mut fetched = self.fetched();
            if fetched.proofs.contains(&jti) && !self.wrong("proofs-again") {
                return Err(Why::Proof);
            }
            fetched.proofs.push(jti);
        }
        Ok(())
    }

    /// RFC 3986 §6.2.2, as far as it matters here; without query and fragment.
    fn is_address(&self, htu: &str, origin: &str, head: &Head) -> bool {
        let cut = |text: &str| {
            if self.wrong("htu-with-query") {
                return text.to_owned();
            }
            text.split(['?', '#']).next().unwrap_or_default().to_owned()
        };
        let normal = |text: &str| {
            if self.wrong("htu-to-the-letter") {
                return text.to_owned();
            }
            let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
            let (host, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
            let (mut plain, mut rest) = (String::new(), path);
            while let Some(at) = rest.find('%') {
                plain.push_str(&rest[..at]);
                let code = rest.get(at + 1..at + 3).and_then(|two| u8::from_str_radix(two, 16).ok());
                if let Some(one) =
                    code.map(char::from).filter(|one| one.is_ascii_alphanumeric() || "-._~".contains(*one))
                {
                    plain.push(one);
                    rest = &rest[at + 3..];
                } else {
                    plain.push('%');
                    rest = &rest[at + 1..];
                }
            }
            format!("{}://{}{plain}{rest}", scheme.to_ascii_lowercase(), host.to_ascii_lowercase())
        };
        let query = if head.query.is_empty() { String::new() } else { format!("?{}", head.query) };
        let expected = format!("{origin}{}{query}", head.path);
        let (htu, expected) = (normal(&cut(htu)), normal(&cut(&expected)));
        let host = |text: &str| text.split('/').nth(2).unwrap_or_default().to_owned();
        htu == expected
            || self.wrong("htu-path-unchecked") && host(&htu) == host(&expected)
            || self.wrong("htu-host-unchecked") && htu.ends_with(&head.path)
    }
}

/// RFC 7638.
fn thumbprint(jwk: &Json) -> Option<String> {
    let names: &[&str] = match jwk.get("kty").and_then(Json::text)? {
        "EC" => &["crv", "kty", "x", "y"],
        "OKP" => &["crv", "kty", "x"],
        "RSA" => &["e", "kty", "n"],
        _ => return None,
    };
    let mut members = Vec::new();
    for name in names {
        members.push(format!("\"{name}\":\"{}\"", jwk.get(name).and_then(Json::text)?));
    }
    Some(base64url::encode(digest(&SHA256, format!("{{{}}}", members.join(",")).as_bytes())))
}
