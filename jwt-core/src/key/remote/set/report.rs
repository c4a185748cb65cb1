//! What operators see of key fetching: events, metrics and a status.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::clock::{Clock, SystemClock};
use crate::facade::{metrics, tracing};
use crate::key::{FetchError, KeySet, KeyStatus, SkippedKey};

/// Writes events and metrics, and counts for the status.
pub(super) struct Reporter {
    /// The issuer or the address, as people may see it.
    origin: String,
    /// The origin may be made up by strangers, so that their number has no limit.
    unverified: bool,
    fetches: AtomicU64,
    failures: AtomicU64,
    cool_downs: AtomicU64,
}

impl Reporter {
    pub(super) fn new(origin: String, unverified: bool) -> Self {
        let zero = AtomicU64::default;
        Self { origin, unverified, fetches: zero(), failures: zero(), cool_downs: zero() }
    }

    /// The value of the label `origin`. Tenants that never had keys share one: the values of a label that strangers
    /// choose would have no limit.
    fn label(&self) -> String {
        if self.unverified && self.fetches.load(Ordering::Relaxed) == 0 {
            return "tenants without keys".to_owned();
        }
        self.origin.clone()
    }

    /// A fetch brought keys, or confirmed those at hand.
    pub(super) fn fetched(&self) {
        self.fetches.fetch_add(1, Ordering::Relaxed);
        tracing::debug!(target: "jwt", origin = self.origin, "keys fetched");
        metrics::counter!("jwt_key_fetches_total", "origin" => self.label(), "result" => "ok").increment(1);
        let now = SystemClock.now().since_epoch().as_secs_f64();
        metrics::gauge!("jwt_keys_fetched_seconds", "origin" => self.label()).set(now);
    }

    /// Other keys are trusted from now on. Without any, nothing can be verified.
    pub(super) fn changed(&self, keys: Option<&KeySet>, skipped: usize) {
        let count = keys.map_or(0, |keys| keys.keys().len());
        if count == 0 {
            tracing::error!(target: "jwt", origin = self.origin, skipped, "the set has no usable key: every token is answered with 503");
        } else {
            tracing::info!(target: "jwt", origin = self.origin, keys = count, skipped, "keys changed");
        }
        self.count_keys(count);
    }

    /// Keys of the set cannot be used, and whether others of it can. If none can, people want to know why.
    pub(super) fn skipped(&self, skipped: &[SkippedKey], others: bool) {
        for key in skipped {
            // As debug text: the name is the provider's.
            let kid = key.kid.as_deref().map(tracing::field::debug);
            if others {
                tracing::debug!(target: "jwt", origin = self.origin, kid, reason = %key.reason, "key skipped");
            } else {
                tracing::info!(target: "jwt", origin = self.origin, kid, reason = %key.reason, "key skipped: the set has no other that can be used");
            }
        }
    }

    /// A fetch failed. The keys at hand are trusted for `left`.
    pub(super) fn failed(&self, error: &FetchError, left: Option<Duration>) {
        self.failures.fetch_add(1, Ordering::Relaxed);
        let left = left.map_or(0, |left| left.as_secs());
        tracing::warn!(target: "jwt", origin = self.origin, reason = %error, trusted_for_seconds = left, "keys could not be fetched");
        metrics::counter!("jwt_key_fetches_total", "origin" => self.label(), "result" => "failed").increment(1);
    }

    /// The keys at hand are not trusted any more.
    pub(super) fn given_up(&self) {
        tracing::error!(target: "jwt", origin = self.origin, "the last known keys are too old to be trusted: every token is answered with 503");
        self.count_keys(0);
    }

    /// A token that no key at hand verifies was answered without a fetch, because of the cool-down.
    pub(super) fn cooled_down(&self) {
        self.cool_downs.fetch_add(1, Ordering::Relaxed);
        metrics::counter!("jwt_key_cool_downs_total", "origin" => self.label()).increment(1);
    }

    fn count_keys(&self, keys: usize) {
        metrics::gauge!("jwt_keys", "origin" => self.label()).set(u32::try_from(keys).unwrap_or(u32::MAX));
    }

    pub(super) fn status(
        &self,
        keys: usize,
        skipped: usize,
        age: Option<Duration>,
        trusted_for: Option<Duration>,
        error: Option<FetchError>,
    ) -> KeyStatus {
        KeyStatus {
            origin: self.origin.clone(),
            keys,
            skipped,
            age,
            trusted_for,
            error,
            fetches: self.fetches.load(Ordering::Relaxed),
            failures: self.failures.load(Ordering::Relaxed),
            cool_downs: self.cool_downs.load(Ordering::Relaxed),
        }
    }
}
