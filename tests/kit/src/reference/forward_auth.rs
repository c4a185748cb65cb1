//! An address that a reverse proxy asks.

use super::json::Json;
use super::{Head, Reference, Response};

impl Reference {
    /// 204 with the name of the user, 401 or 403; nothing for another path.
    pub(super) fn forward_auth(&self, head: &Head) -> Option<Response> {
        let forward = self.places.forward_auth.as_ref().filter(|forward| forward.path == head.path)?;
        let plain = |status| Response { status, fields: Vec::new(), body: String::new() };
        if self.wrong("preflights-are-let-in") && head.method == "OPTIONS" {
            return Some(plain(204));
        }
        let says = |name: &str| head.one(name).unwrap_or_default();
        let is_public = ["x-forwarded-uri", "x-original-url", "x-rewrite-url"]
            .iter()
            .any(|name| says(name).starts_with("/public/"));
        if self.wrong("forwarded-fields-trusted") && is_public
            || self.wrong("spoofed-user-let-in") && !says("x-auth-subject").is_empty()
        {
            return Some(plain(204));
        }
        let judged = match says("x-forwarded-uri").split_once("access_token=") {
            Some((_, token)) if self.wrong("token-in-forwarded-address") => self.verify(token, &self.expected.audience),
            _ => self.judged(head),
        };
        let claims = match judged {
            Ok(_) if self.wrong("serves-nobody") => return Some(plain(403)),
            Ok(claims) => claims,
            Err(why) => {
                let mut refusal = self.refusal(&why, false);
                if refusal.status == 400 && !self.wrong("forward-auth-says-400") {
                    refusal.status = 403;
                }
                if self.wrong("forward-auth-says-404") {
                    refusal.status = 404;
                }
                return Some(refusal);
            }
        };
        let mut response = plain(204);
        let subject = claims.get("sub").and_then(Json::text).unwrap_or_default().to_owned();
        let is_plain = subject.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        if !is_plain && self.wrong("odd-names-left-out") {
            return Some(response);
        }
        if !is_plain && !self.wrong("names-unescaped") {
            return Some(plain(403));
        }
        if forward.subject.is_some() && !self.wrong("subject-not-said") {
            let spoofed = says("x-auth-subject");
            let echoed = self.wrong("subject-of-the-request") && !spoofed.is_empty();
            response.fields.push(("X-Auth-Subject", if echoed { spoofed } else { subject }));
        }
        Some(response)
    }
}
