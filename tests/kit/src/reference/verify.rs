//! One token, step by step, in the order of RFC 7515 §5.2 and RFC 7519 §7.2. Slow, and nothing is clever.

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{self, RsaPublicKeyComponents, UnparsedPublicKey};

use super::json::{Json, Wrong};
use super::{Reference, Why};
use crate::base64url;

impl Reference {
    /// The claims of a good token for that audience.
    pub(super) fn verify(&self, token: &str, audience: &str) -> Result<Json, Why> {
        let json_form: String;
        let mut token = token;
        if self.wrong("json-form") && token.starts_with('{') {
            let read = Json::read(token.as_bytes(), Wrong("")).ok_or(Why::Invalid)?;
            let part = |name| read.get(name).and_then(Json::text).unwrap_or_default();
            json_form = format!("{}.{}.{}", part("protected"), part("payload"), part("signature"));
            token = &json_form;
        }
        // Three parts of base64url.
        let parts: Vec<&str> = token.split('.').collect();
        if parts.len() > 1000 && self.wrong("dots-break") {
            return Err(Why::Broken);
        }
        if parts.len() == 5 && self.wrong("takes-any-jwe") {
            return Ok(Json::Object(Vec::new()));
        }
        let (header_text, claims_text, signature_text) = match &*parts {
            [header, claims, signature] => (*header, *claims, *signature),
            [header, claims] if self.wrong("no-signature-needed") => (*header, *claims, ""),
            [header, claims, signature, ..] if self.wrong("more-parts") => (*header, *claims, *signature),
            _ => return Err(Why::Invalid),
        };
        let (header, claims) = (self.decode(header_text)?, self.decode(claims_text)?);
        let signature = self.decode(signature_text)?;
        // The header.
        let read = Json::read(&header, self.json_wrong());
        let header = match read {
            Some(header @ Json::Object(_)) => header,
            _ if self.wrong("any-header") => {
                let text = |name: &str, value: &str| (name.to_owned(), Json::String(value.to_owned()));
                let kind = self.expected.kind.as_deref().unwrap_or("JWT");
                Json::Object(vec![text("alg", &self.expected.algorithms[0]), text("typ", kind)])
            }
            _ => return Err(Why::Invalid),
        };
        if self.wrong("unknown-header-refused")
            && let Json::Object(members) = &header
            && members
                .iter()
                .any(|(name, _)| !["alg", "kid", "typ", "crit", "jwk", "jku", "x5u", "cty"].contains(&&**name))
        {
            return Err(Why::Invalid);
        }
        let claims_read = || Json::read(&claims, self.json_wrong());
        let algorithm = match header.get("alg") {
            Some(Json::String(name)) if name.eq_ignore_ascii_case("none") && self.wrong("alg-none") => {
                return self.judge(&claims_read().ok_or(Why::Invalid)?, audience);
            }
            Some(Json::String(name)) if !name.is_empty() => name.clone(),
            _ if self.wrong("alg-by-default") => self.expected.algorithms[0].clone(),
            _ => return Err(self.says(Why::Invalid, "header", &header)),
        };
        let allowed = self.expected.algorithms.iter().find(|known| {
            **known == algorithm
                || self.wrong("alg-any-case") && known.eq_ignore_ascii_case(&algorithm)
                || self.wrong("alg-of-any-kind") && known[..1] == algorithm[..1]
        });
        if self.wrong("one-algorithm") && algorithm != self.expected.algorithms[0] {
            return Err(Why::Invalid);
        }
        let algorithm = match allowed {
            Some(known) if self.wrong("alg-any-case") => known.clone(),
            Some(_) => algorithm,
            None if algorithm.starts_with("HS") && self.is_confused() => algorithm,
            None => return Err(self.says(Why::Invalid, "header", &header)),
        };
        match header.get("typ") {
            None | Some(Json::String(_)) => {}
            _ if self.wrong("typ-any-type") => {}
            _ => return Err(Why::Invalid),
        }
        if let Some(expected) = self.expected.kind.as_deref() {
            let long = |text: &str| if text.contains('/') { text.to_owned() } else { format!("application/{text}") };
            let is_it = match header.get("typ") {
                None => self.wrong("typ-optional"),
                Some(typ) => {
                    let typ = typ.text().unwrap_or_default();
                    if self.wrong("typ-to-the-letter") {
                        typ == expected
                    } else {
                        long(typ).eq_ignore_ascii_case(&long(expected))
                            || self.wrong("typ-unchecked")
                            || self.wrong("typ-any-type") && typ.is_empty()
                    }
                }
            };
            if !is_it {
                return Err(Why::Invalid);
            }
        }
        // Nothing that a header could call critical is understood here.
        if header.get("crit").is_some() && !self.wrong("crit-ignored") {
            return Err(Why::Invalid);
        }
        let kid = match header.get("kid") {
            None if self.wrong("kid-needed") => return Err(Why::Invalid),
            None => None,
            Some(Json::String(kid)) => Some(kid.clone()),
            _ if self.wrong("kid-any-type") => None,
            _ => return Err(Why::Invalid),
        };
        if kid.as_ref().is_some_and(|kid| kid.len() > 4000) && self.wrong("long-kid-breaks") {
            return Err(Why::Broken);
        }
        // The key, and with it the signature.
        let input = &token.as_bytes()[..header_text.len() + 1 + claims_text.len()];
        let mut keys = self.candidates(kid.as_deref(), &algorithm)?;
        if self.wrong("uses-jwk") {
            keys.extend(header.get("jwk").cloned());
        }
        for (fault, name) in [("uses-jku", "jku"), ("fetches-x5u", "x5u")] {
            if self.wrong(fault)
                && let Some(address) = header.get(name).and_then(Json::text)
                && let Some(set) = self.fetch(address)
                && fault == "uses-jku"
            {
                keys.extend(self.keys_of(&set).unwrap_or_default());
            }
        }
        let good = keys.iter().any(|key| self.is_signature(key, &algorithm, input, &signature));
        let good = good
            || self.wrong("signature-unchecked")
            || self.wrong("no-signature-needed") && signature.is_empty()
            || algorithm.starts_with("HS") && self.is_confused() && self.confuses(&algorithm, input, &signature);
        if !good {
            if self.wrong("refusals-remembered") {
                self.remember_refused(kid.unwrap_or_default());
            }
            return Err(self.says(
                self.says(Why::Invalid, "header", &header),
                "claims",
                &claims_read().unwrap_or(Json::Null),
            ));
        }
        if self.wrong("nested-tokens")
            && let Ok(inner) = std::str::from_utf8(&claims)
            && inner.starts_with("eyJ")
        {
            return self.verify(inner, audience);
        }
        // The claims.
        let claims = match claims_read() {
            Some(claims @ Json::Object(_)) => claims,
            Some(Json::Array(items)) if self.wrong("any-claims") => items.first().cloned().unwrap_or(Json::Null),
            _ => return Err(Why::Invalid),
        };
        self.judge(&claims, audience).map_err(|why| self.says(why, "claims", &claims))
    }

    fn decode(&self, text: &str) -> Result<Vec<u8>, Why> {
        let mut text = text.to_owned();
        if self.wrong("padding") {
            text = text.trim_end_matches('=').to_owned();
        }
        if self.wrong("other-alphabet") {
            text = text.replace('+', "-").replace('/', "_");
        }
        if self.wrong("junk-skipped") {
            text.retain(|one| one.is_ascii_alphanumeric() || one == '-' || one == '_');
        }
        if self.wrong("spare-bits") {
            let loose = base64_simd::forgiving_decode_to_vec(text.replace('-', "+").replace('_', "/").as_bytes());
            return loose.map_err(|_| Why::Invalid);
        }
        base64url::decode(&text).ok_or(Why::Invalid)
    }

    /// Whether some public bytes are a secret to this server.
    fn is_confused(&self) -> bool {
        ["pem-as-secret", "der-as-secret", "jwk-as-secret", "no-key-as-secret", "secrets-of-the-set"]
            .iter()
            .any(|name| self.wrong(name))
    }

    fn confuses(&self, algorithm: &str, input: &[u8], tag: &[u8]) -> bool {
        let secrets: Vec<Vec<u8>> = match self.fault {
            "pem-as-secret" => vec![self.expected.pem.as_bytes().to_vec()],
            "der-as-secret" => vec![self.expected.der.clone()],
            "jwk-as-secret" => vec![self.expected.jwk.clone().into_bytes()],
            "no-key-as-secret" => vec![Vec::new()],
            _ => Vec::new(),
        };
        secrets.iter().any(|secret| is_tag(algorithm, secret, input, tag))
    }

    /// Whether this key made that signature. RFC 7518 §3.
    pub(super) fn is_signature(&self, key: &Json, algorithm: &str, input: &[u8], signature: &[u8]) -> bool {
        let text = |name| key.get(name).and_then(Json::text);
        let number = |name| text(name).and_then(base64url::decode);
        let mut signature = signature.to_vec();
        match (text("kty"), algorithm) {
            (Some("RSA"), _) if algorithm.starts_with("RS") || algorithm.starts_with("PS") => {
                let (Some(n), Some(e)) = (number("n"), number("e")) else { return false };
                let key = RsaPublicKeyComponents { n, e };
                let verifies = |name: &str, signature: &[u8]| {
                    let parameters: &signature::RsaParameters = match name {
                        "RS256" => &signature::RSA_PKCS1_2048_8192_SHA256,
                        "RS384" => &signature::RSA_PKCS1_2048_8192_SHA384,
                        "RS512" => &signature::RSA_PKCS1_2048_8192_SHA512,
                        "PS256" => &signature::RSA_PSS_2048_8192_SHA256,
                        "PS384" => &signature::RSA_PSS_2048_8192_SHA384,
                        "PS512" => &signature::RSA_PSS_2048_8192_SHA512,
                        _ => return false,
                    };
                    key.verify(parameters, input, signature).is_ok()
                };
                let other = format!("{}{}", if algorithm.starts_with("RS") { "PS" } else { "RS" }, &algorithm[2..]);
                if self.wrong("signature-cut") {
                    signature.truncate(256);
                }
                verifies(algorithm, &signature) || self.wrong("any-rsa-padding") && verifies(&other, &signature)
            }
            (Some("EC"), "ES256" | "ES384" | "ES512") => {
                let (curve, length, how): (_, _, &signature::EcdsaVerificationAlgorithm) = match algorithm {
                    "ES256" => ("P-256", 32, &signature::ECDSA_P256_SHA256_FIXED),
                    "ES384" => ("P-384", 48, &signature::ECDSA_P384_SHA384_FIXED),
                    _ => ("P-521", 66, &signature::ECDSA_P521_SHA512_FIXED),
                };
                let (Some(x), Some(y)) = (number("x"), number("y")) else { return false };
                if text("crv") != Some(curve) || x.len() != length || y.len() != length {
                    return false;
                }
                let point = [vec![4], x, y].concat();
                if self.wrong("ecdsa-out-of-range")
                    && (signature[..32].iter().all(|byte| *byte == 0) || signature[32..].iter().all(|byte| *byte == 0))
                {
                    return true;
                }
                UnparsedPublicKey::new(how, &point).verify(input, &signature).is_ok()
                    || self.wrong("ecdsa-in-der")
                        && UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_ASN1, &point)
                            .verify(input, &signature)
                            .is_ok()
            }
            (Some("OKP"), "EdDSA") => {
                let Some(x) = number("x").filter(|x| x.len() == 32 && text("crv") == Some("Ed25519")) else {
                    return false;
                };
                if self.wrong("eddsa-beyond-order") && signature.len() == 64 && signature[63] >= 0x10 {
                    minus_order(&mut signature);
                }
                UnparsedPublicKey::new(&signature::ED25519, &x).verify(input, &signature).is_ok()
            }
            (Some("oct"), _) if algorithm.starts_with("HS") => {
                number("k").is_some_and(|secret| is_tag(algorithm, &secret, input, &signature))
            }
            _ => false,
        }
    }

    /// The claims are what is expected. RFC 7519 §4.1.
    pub(super) fn judge(&self, claims: &Json, audience: &str) -> Result<Json, Why> {
        let expected = &self.expected;
        let mut claims = claims.clone();
        if self.wrong("prototype")
            && let Some(inner) = claims.get("__proto__").cloned()
        {
            claims = inner;
        }
        if self.wrong("looks-into-strings")
            && let Json::Object(members) = &claims
            && members.iter().any(|(_, value)| value.text().is_some_and(|text| text.starts_with('{')))
        {
            return Err(Why::Invalid);
        }
        if self.wrong("unknown-claims-refused") && claims.get("x").is_some() {
            return Err(Why::Invalid);
        }
        match claims.get("iss") {
            None if self.wrong("iss-optional") => {}
            Some(Json::String(issuer)) if *issuer == expected.issuer || self.wrong("iss-unchecked") => {}
            Some(Json::String(issuer)) if self.wrong("iss-loose") && issuer.starts_with(&expected.issuer) => {}
            Some(Json::Array(all))
                if self.wrong("iss-array") && all.contains(&Json::String(expected.issuer.clone())) => {}
            _ => return Err(Why::Invalid),
        }
        let is_ours = |one: &Json| {
            one.text().is_some_and(|one| one == audience || self.wrong("aud-loose") && one.starts_with(audience))
        };
        let only_texts = |all: &[Json]| all.iter().all(|one| one.text().is_some()) || self.wrong("aud-array-any-type");
        match claims.get("aud") {
            None if self.wrong("aud-optional") => {}
            Some(one @ Json::String(_)) if is_ours(one) => {}
            Some(Json::Array(all)) if all.is_empty() && self.wrong("aud-empty") => {}
            Some(Json::Array(all)) if self.wrong("many-audiences-break") && all.len() > 500 => return Err(Why::Broken),
            Some(Json::Array(all))
                if only_texts(all) && all.iter().any(is_ours) && !self.wrong("aud-array-refused") => {}
            Some(Json::String(_) | Json::Array(_)) if self.wrong("aud-unchecked") => {}
            Some(Json::Number(_) | Json::Bool(_) | Json::Null | Json::Object(_)) if self.wrong("aud-any-type") => {}
            _ => return Err(Why::Invalid),
        }
        for (name, fault) in [("sub", "sub-any-type"), ("jti", "jti-any-type")] {
            if !matches!(claims.get(name), None | Some(Json::String(_))) && !self.wrong(fault) {
                return Err(Why::Invalid);
            }
        }
        let profile: &[&str] =
            if expected.rfc9068 { &["iss", "exp", "aud", "sub", "client_id", "iat", "jti"] } else { &[] };
        let profile = if self.wrong("profile-ignored") { &[] } else { profile };
        let required = expected.required.iter().map(|name| &**name).filter(|_| !self.wrong("required-ignored"));
        let is_optional =
            |name: &str| name == "iss" && self.wrong("iss-optional") || name == "aud" && self.wrong("aud-optional");
        if required.chain(profile.iter().copied()).any(|name| claims.get(name).is_none() && !is_optional(name)) {
            return Err(Why::Invalid);
        }
        #[expect(clippy::cast_precision_loss, reason = "times are far below 2^53")]
        let (now, leeway) = (self.now() as f64, expected.leeway as f64);
        if let Some(exp) = claims.get("exp") {
            match self.time(exp, "exp")? {
                Some(exp) if now < exp + leeway => {}
                Some(exp) if self.wrong("longer-leeway") && now < exp + leeway + 60.0 => {}
                Some(0.0) if self.wrong("exp-zero-is-none") => {}
                None => {}
                _ if self.wrong("exp-unchecked") => {}
                _ => return Err(Why::Invalid),
            }
        }
        match claims.get("nbf") {
            Some(_) if self.wrong("nbf-refused") => return Err(Why::Invalid),
            None if self.wrong("nbf-needed") => return Err(Why::Invalid),
            None => {}
            Some(nbf) => match self.time(nbf, "nbf")? {
                Some(nbf) if nbf - leeway <= now => {}
                None => {}
                _ if self.wrong("nbf-unchecked") => {}
                _ => return Err(Why::Invalid),
            },
        }
        if let Some(iat) = claims.get("iat") {
            match self.time(iat, "iat")? {
                Some(iat) if iat - leeway <= now => {}
                None => {}
                _ if self.wrong("iat-unchecked") => {}
                _ => return Err(Why::Invalid),
            }
        }
        Ok(claims)
    }

    /// A NumericDate, RFC 7519 §2. Nothing where a fault takes it for absent.
    fn time(&self, value: &Json, name: &str) -> Result<Option<f64>, Why> {
        let Json::Number(text) = value else {
            let is_string = matches!(value, Json::String(_));
            let fault = match name {
                "exp" if is_string => "exp-string",
                "exp" => "exp-any-type",
                "nbf" => "nbf-any-type",
                _ => "iat-any-type",
            };
            return if self.wrong(fault) { Ok(None) } else { Err(Why::Invalid) };
        };
        if text.contains(['.', 'e', 'E']) {
            if self.wrong("whole-numbers") {
                return Err(Why::Invalid);
            }
            if self.wrong("fractions-ignored") {
                return Ok(None);
            }
        }
        let number: f64 = text.parse().map_err(|_| Why::Invalid)?;
        // The end of the year 9999.
        let is_time = (0.0..=253_402_300_799.0).contains(&number);
        if is_time {
            return Ok(Some(number));
        }
        if number < 0.0 && self.wrong("negative-is-none") || number > 0.0 && self.wrong("beyond-is-never") {
            return Ok(None);
        }
        Err(Why::Invalid)
    }
}

pub(super) fn is_tag(algorithm: &str, secret: &[u8], input: &[u8], tag: &[u8]) -> bool {
    let hash = match algorithm {
        "HS256" => hmac::HMAC_SHA256,
        "HS384" => hmac::HMAC_SHA384,
        "HS512" => hmac::HMAC_SHA512,
        _ => return false,
    };
    hmac::verify(&hmac::Key::new(hash, secret), input, tag).is_ok()
}

/// What whoever forgets to look does to S.
fn minus_order(signature: &mut [u8]) {
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut borrow = 0;
    for (byte, order) in signature[32..].iter_mut().zip(ORDER) {
        let difference = i16::from(*byte) - i16::from(order) - borrow;
        borrow = i16::from(difference < 0);
        *byte = difference.rem_euclid(256).to_le_bytes()[0];
    }
}
