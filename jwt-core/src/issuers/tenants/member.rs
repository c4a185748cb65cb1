//! How it stands with one tenant: when the rule was asked, when a token was verified, whether it is over.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use tokio::time::Instant;

use super::known::Known;
use crate::error::{AuthError, Unavailable};
use crate::key::KeyFeed;
use crate::verify::{Party, Standing};

/// A tenant for as long as the rule makes the same of it. Moments are milliseconds since `epoch`.
pub(super) struct Member {
    me: Weak<Self>,
    known: Weak<Known>,
    pub(super) issuer: Box<str>,
    epoch: Instant,
    /// After that long, nothing is trusted by the old answer of the rule.
    recheck_interval: u64,
    /// When the rule was asked for the last time and said yes.
    asked_at: AtomicU64,
    /// Somebody asks the rule ahead of time.
    asking: AtomicBool,
    /// The second in which a token was verified last, counted from 1; 0 if none was. Written once in a second.
    verified_in: AtomicU64,
    over: AtomicBool,
}

impl Member {
    /// One that the rule has just said yes to. `verified_in` is that of the one in whose place it comes.
    pub(super) fn new(
        known: &Arc<Known>,
        issuer: &str,
        epoch: Instant,
        recheck_interval: u64,
        asked_at: u64,
        verified_in: u64,
    ) -> Arc<Self> {
        Arc::new_cyclic(|me| Self {
            me: me.clone(),
            known: Arc::downgrade(known),
            issuer: issuer.into(),
            epoch,
            recheck_interval,
            asked_at: AtomicU64::new(asked_at),
            asking: AtomicBool::new(false),
            verified_in: AtomicU64::new(verified_in),
            over: AtomicBool::new(false),
        })
    }

    pub(super) fn arc(&self) -> Option<Arc<Self>> {
        self.me.upgrade()
    }

    /// It is not trusted any more, or not as it was.
    pub(super) fn end(&self) {
        self.over.store(true, Ordering::Release);
    }

    /// The rule has said yes at that moment.
    pub(super) fn confirm(&self, at: u64) {
        self.asked_at.fetch_max(at, Ordering::Relaxed);
    }

    /// The second in which a token was verified last; 0 if none was.
    pub(super) fn verified_in(&self) -> u64 {
        self.verified_in.load(Ordering::Relaxed)
    }
}

/// So that a rule that panics is asked again.
struct Asking<'m>(&'m AtomicBool);

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

impl Standing for Member {
    /// From half of the interval on, one request asks the rule and the others go on; where that has brought no answer by
    /// the end of the interval, each asks for itself.
    fn holds(&self) -> Option<u64> {
        if self.is_over() {
            return None;
        }
        let now = Known::millis_since(self.epoch);
        let age = now.saturating_sub(self.asked_at.load(Ordering::Relaxed));
        if age < self.recheck_interval.div_ceil(2) {
            return Some(now);
        }
        let is_due = age >= self.recheck_interval;
        let asking = (!self.asking.swap(true, Ordering::Acquire)).then(|| Asking(&self.asking));
        if asking.is_none() && !is_due {
            return Some(now);
        }
        // A rule that panics has not said no.
        let holds = self.known.upgrade()?.ask_again(self, now).unwrap_or(!is_due);
        holds.then_some(now)
    }

    fn verified(&self, at: u64) -> bool {
        let second = at / 1000 + 1;
        if self.verified_in() != second
            && self.verified_in.swap(second, Ordering::Relaxed) == 0
            && let Some(known) = self.known.upgrade()
        {
            known.keep(self);
        }
        !self.is_over()
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    fn fetch(&self, party: &Party, client: Option<IpAddr>) -> Result<Arc<dyn KeyFeed>, AuthError> {
        match self.known.upgrade() {
            Some(known) => known.look_up(self, party, client),
            None => Err(Unavailable::KEYS.into()),
        }
    }
}
