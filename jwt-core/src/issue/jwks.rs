//! The public keys of an issuer, as a JWK Set (RFC 7517) that is served.

use std::fmt::Write;
use std::time::Duration;

use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderValue, Response, StatusCode};
use serde::Serialize;

use crate::base64url;
use crate::key::SigningKey;
use crate::key::crypto::{self, PublicParts};
use crate::request::RequestHead;

/// A JWK Set as it is served. Made once for each change of the keys.
pub(super) struct Jwks {
    text: String,
    etag: String,
    cache_control: String,
}

/// The members of a public key that its thumbprint is computed from, in the order of their names (RFC 7638 §3.2).
#[derive(Serialize)]
struct Public {
    #[serde(skip_serializing_if = "Option::is_none")]
    crv: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    e: Option<String>,
    kty: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    n: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    x: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    y: Option<String>,
}

#[derive(Serialize)]
struct Published<'k> {
    #[serde(flatten)]
    public: Public,
    alg: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<&'k str>,
    #[serde(rename = "use")]
    usage: &'static str,
}

impl Public {
    /// `None` for a secret.
    fn of(key: &SigningKey) -> Option<Self> {
        let none = Self { crv: None, e: None, kty: "", n: None, x: None, y: None };
        Some(match key.public_parts()? {
            PublicParts::Rsa { n, e } => {
                Self { kty: "RSA", n: Some(base64url::encode(n)), e: Some(base64url::encode(e)), ..none }
            }
            PublicParts::EcPoint(point) => {
                let (x, y) = point.get(1..)?.split_at(point.len() / 2);
                let crv = match x.len() {
                    32 => "P-256",
                    48 => "P-384",
                    _ => "P-521",
                };
                let (x, y) = (Some(base64url::encode(x)), Some(base64url::encode(y)));
                Self { kty: "EC", crv: Some(crv), x, y, ..none }
            }
            PublicParts::Ed25519(x) => Self { kty: "OKP", crv: Some("Ed25519"), x: Some(base64url::encode(x)), ..none },
        })
    }
}

/// The thumbprint of a public key (RFC 7638); `None` for a secret.
pub(super) fn thumbprint(key: &SigningKey) -> Option<String> {
    let json = serde_json::to_vec(&Public::of(key)?).ok()?;
    Some(base64url::encode(crypto::sha256(&json)))
}

impl Jwks {
    pub(super) fn new<'k>(keys: impl Iterator<Item = &'k SigningKey>, max_age: Duration) -> Self {
        let published = keys.filter_map(|key| {
            let (alg, kid) = (key.algorithm().as_str(), key.kid());
            serde_json::to_string(&Published { public: Public::of(key)?, alg, kid, usage: "sig" }).ok()
        });
        let text = format!("{{\"keys\":[{}]}}", published.collect::<Vec<_>>().join(","));
        let mut etag = String::from("\"");
        for byte in crypto::sha256(text.as_bytes()).iter().take(16) {
            // Writing into a string cannot fail.
            let _ = write!(etag, "{byte:02x}");
        }
        etag.push('"');
        Self { text, etag, cache_control: format!("public, max-age={}", max_age.as_secs()) }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn response(&self, head: &impl RequestHead) -> Response<String> {
        let mut response = Response::new(String::new());
        if !matches!(head.method(), "GET" | "HEAD") {
            *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        for (name, value) in [(ETAG, &self.etag), (CACHE_CONTROL, &self.cache_control)] {
            if let Ok(value) = HeaderValue::from_str(value) {
                response.headers_mut().insert(name, value);
            }
        }
        if self.is_known_to(head) {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            return response;
        }
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/jwk-set+json"));
        self.text.clone_into(response.body_mut());
        response
    }

    /// `If-None-Match`, by the weak comparison (RFC 9110 §13.1.2).
    fn is_known_to(&self, head: &impl RequestHead) -> bool {
        let mut tags = head.header_values(&IF_NONE_MATCH).flat_map(|value| value.split(|byte| *byte == b','));
        tags.any(|tag| {
            let tag = tag.trim_ascii();
            tag == b"*" || tag.strip_prefix(b"W/").unwrap_or(tag) == self.etag.as_bytes()
        })
    }
}
