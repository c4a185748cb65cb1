//! The public keys of an issuer, as a JWK Set (RFC 7517) that is served.

use std::fmt::Write;
use std::time::Duration;

use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderValue, Response, StatusCode};
use serde::Serialize;

use super::IssuerKey;
use crate::key::crypto;
use crate::key::public_jwk::PublicJwk;
use crate::request::RequestHead;

/// A JWK Set as it is served, made once for each change of the keys.
pub(super) struct Jwks {
    text: String,
    etag: String,
    cache_control: String,
}

#[derive(Serialize)]
struct Published<'k> {
    #[serde(flatten)]
    public: PublicJwk,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<&'k str>,
    #[serde(rename = "use")]
    usage: &'static str,
}

/// The name that a public key has by itself (RFC 7638); `None` for a secret.
pub(super) fn thumbprint(key: &IssuerKey) -> Option<String> {
    key.public_jwk()?.thumbprint()
}

impl Jwks {
    pub(super) fn new<'k>(keys: impl Iterator<Item = &'k IssuerKey>, max_age: Duration) -> Self {
        let published = keys.filter_map(|key| {
            let public = key.public_jwk()?.with_alg(key.algorithm());
            serde_json::to_string(&Published { public, kid: key.kid(), usage: "sig" }).ok()
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
