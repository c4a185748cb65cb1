//! Tokens that are no JWTs: it asks the kit. RFC 7662.

use std::time::{Duration, Instant};

use super::json::{Json, Wrong};
use super::{Reference, Why};
use crate::provider::INTROSPECT;
use crate::wire;

/// How long it waits for an answer.
const PATIENCE: Duration = Duration::from_secs(1);

/// For so long, an answer counts.
const KEPT: Duration = Duration::from_secs(2);

impl Reference {
    /// What the issuer says of that token.
    pub(super) fn introspected(&self, token: &str) -> Result<Json, Why> {
        // One question at a time, so that a second request with the same token finds the answer to the first.
        let mut known = self.introspected.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        known.retain(|(_, _, at)| at.elapsed() < KEPT);
        let count = self.questions.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        if count > 50 && self.wrong("flood-of-tokens-breaks") {
            return Err(Why::Broken);
        }
        let claims = match known.iter().find(|(known, _, _)| known == token) {
            Some((_, claims, _)) if !self.wrong("asks-each-time") => claims.clone(),
            _ => {
                let claims = self.question(token)?;
                known.push((token.to_owned(), claims.clone(), Instant::now()));
                claims
            }
        };
        drop(known);
        let is_active = match claims.get("active") {
            Some(Json::Bool(active)) => *active || self.wrong("inactive-served"),
            Some(_) if self.wrong("active-any-type") => true,
            None if self.wrong("active-optional") => true,
            _ => false,
        };
        if !is_active {
            return Err(Why::Invalid);
        }
        if self.wrong("down-is-open") || self.wrong("garbage-is-open") {
            return Ok(claims);
        }
        self.judge(&claims, &self.expected.audience)
    }

    /// RFC 7662 §2.1.
    fn question(&self, token: &str) -> Result<Json, Why> {
        let Some(asker) = &self.places.introspection else {
            return Err(Why::Invalid);
        };
        let down = || if self.wrong("down-is-401") { Why::Invalid } else { Why::Down };
        let form =
            if self.wrong("form-unencoded") { format!("token={token}") } else { format!("token={}", encoded(token)) };
        let (mut path, body) = (INTROSPECT.to_owned(), form);
        let mut fields = format!(
            "Authorization: Basic {}\r\n",
            base64_simd::STANDARD.encode_to_string(format!(
                "{}:{}",
                encoded(&asker.client_id),
                encoded(&asker.client_secret)
            ))
        );
        if self.wrong("secret-in-address") {
            path = format!("{INTROSPECT}?client_secret={}", asker.client_secret);
        }
        if self.wrong("asks-as-nobody") {
            fields.clear();
        }
        let mut kind = "application/x-www-form-urlencoded";
        if self.wrong("asks-in-json") {
            // The kit reads forms; this is one whose type says otherwise.
            kind = "application/json";
        }
        let answer = self.ask(&path, &fields, kind, &body);
        let Ok(mut answer) = answer else {
            return Err(if self.wrong("failed-question-breaks") { Why::Broken } else { down() });
        };
        if self.wrong("follows-redirects") && (300..400).contains(&answer.status) {
            let path = answer.first("location").and_then(|address| address.splitn(4, '/').nth(3)).unwrap_or_default();
            answer = self.ask(&format!("/{path}"), &fields, kind, &body).map_err(|_| Why::Down)?;
        }
        let read = Json::read(&answer.body, Wrong(self.fault));
        if self.wrong("status-unread") && read.is_some() {
            return Ok(read.unwrap_or(Json::Null));
        }
        if answer.status == 500 && self.wrong("down-is-open") {
            return Ok(Json::Object(vec![("active".to_owned(), Json::Bool(true))]));
        }
        if answer.status != 200 && !(answer.status == 204 && self.wrong("garbage-is-open")) {
            return Err(down());
        }
        match read {
            Some(object @ Json::Object(_)) => Ok(object),
            _ if self.wrong("garbage-is-open") => Ok(Json::Object(vec![("active".to_owned(), Json::Bool(true))])),
            _ => Err(down()),
        }
    }

    fn ask(&self, path: &str, fields: &str, kind: &str, body: &str) -> Result<wire::Answer, String> {
        let host = self.kit.strip_prefix("http://").unwrap_or_default();
        let length = body.len();
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\n{fields}Content-Type: {kind}\r\nAccept: application/json\r\n\
             Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        );
        let address = host.parse().map_err(|_| "no address".to_owned())?;
        wire::exchange(address, request.as_bytes(), false, PATIENCE)
    }
}

/// A member of a form.
fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect()
}
