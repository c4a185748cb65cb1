//! The keys: fetched when a token names one that nobody knows, or given.

use std::time::{Duration, Instant};

use super::json::{Json, Wrong};
use super::{COOL_DOWN, Reference, Why};
use crate::wire;

impl Reference {
    pub(super) fn fetch(&self, address: &str) -> Option<Json> {
        let (host, path) = address.strip_prefix("http://")?.split_once('/')?;
        let request = format!("GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        let answer = wire::exchange(host.parse().ok()?, request.as_bytes(), false, Duration::from_secs(5));
        let answer = match answer {
            Ok(answer) if answer.status == 200 => answer,
            _ => return None,
        };
        Json::read(&answer.body, Wrong(""))
    }

    /// The keys of a set that can be used; the others are skipped. RFC 7517 §5.
    pub(super) fn keys_of(&self, set: &Json) -> Option<Vec<Json>> {
        let Some(Json::Array(all)) = set.get("keys") else {
            return None;
        };
        let is_known = |key: &Json| match key.get("kty").and_then(Json::text) {
            Some("RSA") => key.get("n").is_some() && key.get("e").is_some(),
            Some("EC" | "OKP") => key.get("crv").is_some() && key.get("x").is_some(),
            // A set that everybody can read has no secrets.
            Some("oct") => self.jwks.is_none() || self.wrong("secrets-of-the-set"),
            _ => false,
        };
        let is_for_signatures = |key: &Json| {
            let use_ = key.get("use").is_none_or(|use_| use_.text() == Some("sig"));
            let operations = match key.get("key_ops") {
                None => true,
                Some(Json::Array(all)) => all.contains(&Json::String("verify".to_owned())),
                Some(_) => false,
            };
            (use_ || self.wrong("key-use-ignored")) && (operations || self.wrong("key-ops-ignored"))
        };
        if self.wrong("odd-key-breaks-set") && !all.iter().all(is_known) {
            return None;
        }
        if self.wrong("unknown-key-member-breaks") && all.iter().any(|key| key.get("x-kit").is_some()) {
            return None;
        }
        Some(all.iter().filter(|key| is_known(key) && is_for_signatures(key)).cloned().collect())
    }

    /// Fetches the keys, unless that was a moment ago. What was known stays where nothing better came.
    pub(super) fn refresh(&self) {
        let Some(address) = &self.jwks else {
            return;
        };
        {
            let mut fetched = self.fetched();
            let is_soon = fetched.last.is_some_and(|last| last.elapsed() < COOL_DOWN);
            if is_soon && !self.wrong("fetch-for-every-name") {
                return;
            }
            if self.wrong("no-second-fetch") && fetched.last.is_some() {
                return;
            }
            fetched.last = Some(Instant::now());
        }
        let _guard = self.wrong("lock-while-fetching").then(|| self.one_at_a_time.lock());
        let set = self.fetch(address);
        let keys = set.as_ref().and_then(|set| self.keys_of(set));
        let mut fetched = self.fetched();
        match keys {
            Some(new) if self.wrong("old-keys-kept") => fetched.keys.get_or_insert_default().extend(new),
            Some(new) => fetched.keys = Some(new),
            None if self.wrong("outage-drops-keys") => fetched.keys = None,
            None if self.wrong("large-set-breaks") => fetched.keys = Some(Vec::new()),
            None => {}
        }
    }

    /// The keys that may have signed. RFC 7515 §4.1.4.
    pub(super) fn candidates(&self, kid: Option<&str>, algorithm: &str) -> Result<Vec<Json>, Why> {
        if self.wrong("lock-while-fetching") {
            drop(self.one_at_a_time.lock());
        }
        if self.wrong("refusals-remembered") && self.fetched().refused.iter().any(|refused| Some(&**refused) == kid) {
            return Err(Why::Invalid);
        }
        let find = || {
            let fetched = self.fetched();
            let all = fetched.keys.as_ref()?;
            let is_it = |key: &&Json| {
                let name = key.get("kid").and_then(Json::text);
                let bound = key.get("alg").and_then(Json::text);
                let fits = bound.is_none_or(|bound| bound == algorithm)
                    || self.wrong("key-alg-ignored")
                    || self.wrong("alg-of-any-kind")
                    || self.wrong("key-of-any-name");
                fits && (kid.is_none() || name == kid || self.wrong("key-of-any-name"))
            };
            Some((
                all.iter().filter(is_it).cloned().collect::<Vec<_>>(),
                all.iter().any(|key| key.get("kid").and_then(Json::text) == kid),
            ))
        };
        if self.wrong("fetches-at-start-alone") {
            return find().map(|(keys, _)| keys).ok_or(Why::Down);
        }
        let is_known = find().is_some_and(|(_, is_known)| is_known || kid.is_none());
        if !is_known {
            self.refresh();
        }
        find().map(|(keys, _)| keys).ok_or(Why::Down)
    }
}
