//! What can be seen of it: events, metrics, and a status.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::key::{FetchError, KeySet, KeyStatus, SkippedKey};

pub(super) struct Watch {
    origin: String,
    /// Strangers may have made it up, so that there is no end of others.
    #[cfg(feature = "metrics")]
    unproved: bool,
    fetches: AtomicU64,
    failures: AtomicU64,
    cool_downs: AtomicU64,
}

impl Watch {
    pub(super) fn new(origin: &str, unproved: bool) -> Self {
        let zero = AtomicU64::default;
        let _ = unproved;
        Self {
            origin: origin.to_owned(),
            #[cfg(feature = "metrics")]
            unproved,
            fetches: zero(),
            failures: zero(),
            cool_downs: zero(),
        }
    }

    /// What metrics call it. Tenants that never had keys share one name: a label that strangers choose would have no end.
    #[cfg(feature = "metrics")]
    fn label(&self) -> String {
        if self.unproved && self.fetches.load(Ordering::Relaxed) == 0 {
            return "tenants without keys".to_owned();
        }
        self.origin.clone()
    }

    pub(super) fn fetched(&self) {
        self.fetches.fetch_add(1, Ordering::Relaxed);
        #[cfg(feature = "tracing")]
        tracing::debug!(target: "jwt", origin = self.origin, "keys fetched");
        #[cfg(feature = "metrics")]
        metrics::counter!("jwt_key_fetches_total", "origin" => self.label(), "result" => "ok").increment(1);
        #[cfg(feature = "metrics")]
        metrics::gauge!("jwt_keys_fetched_seconds", "origin" => self.label()).set(unix_seconds());
    }

    pub(super) fn changed(&self, keys: Option<&KeySet>, skipped: usize) {
        let count = keys.map_or(0, |keys| keys.keys().len());
        #[cfg(feature = "tracing")]
        if count == 0 {
            tracing::error!(target: "jwt", origin = self.origin, skipped, "the set has no usable key: every token is answered with 503");
        } else {
            tracing::info!(target: "jwt", origin = self.origin, keys = count, skipped, "keys changed");
        }
        self.count(count);
        let _ = skipped;
    }

    pub(super) fn skipped(&self, skipped: &[SkippedKey]) {
        #[cfg(feature = "tracing")]
        for key in skipped {
            // As debug text: the name is the provider's.
            tracing::debug!(target: "jwt", origin = self.origin, kid = ?key.kid, reason = %key.reason, "key skipped");
        }
        let _ = (&self.origin, skipped);
    }

    pub(super) fn failed(&self, error: &FetchError, left: Option<Duration>) {
        self.failures.fetch_add(1, Ordering::Relaxed);
        #[cfg(feature = "tracing")]
        {
            let left = left.map_or(0, |left| left.as_secs());
            tracing::warn!(target: "jwt", origin = self.origin, reason = %error, trusted_for_seconds = left, "keys could not be fetched");
        }
        #[cfg(feature = "metrics")]
        metrics::counter!("jwt_key_fetches_total", "origin" => self.label(), "result" => "failed").increment(1);
        let _ = (error, left);
    }

    pub(super) fn given_up(&self) {
        #[cfg(feature = "tracing")]
        tracing::error!(target: "jwt", origin = self.origin, "the last known keys are too old to be trusted: every token is answered with 503");
        self.count(0);
    }

    pub(super) fn cooled_down(&self) {
        self.cool_downs.fetch_add(1, Ordering::Relaxed);
        #[cfg(feature = "metrics")]
        metrics::counter!("jwt_key_cool_downs_total", "origin" => self.label()).increment(1);
    }

    fn count(&self, keys: usize) {
        #[cfg(feature = "metrics")]
        metrics::gauge!("jwt_keys", "origin" => self.label()).set(u32::try_from(keys).unwrap_or(u32::MAX));
        let _ = (&self.origin, keys);
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

/// The present time as metrics count it.
#[cfg(feature = "metrics")]
fn unix_seconds() -> f64 {
    use crate::clock::{Clock, SystemClock};
    SystemClock.now().since_epoch().as_secs_f64()
}
