//! How many requests may be made within a minute.

use std::time::Duration;

use tokio::time::Instant;

pub(crate) const MINUTE: Duration = Duration::from_secs(60);

/// It is full at first, and becomes full again within a minute.
#[derive(Clone, Copy)]
pub(crate) struct Bucket {
    capacity: f64,
    level: f64,
    at: Instant,
}

impl Bucket {
    pub(crate) fn full(capacity: u32, at: Instant) -> Self {
        let capacity = f64::from(capacity);
        Self { capacity, level: capacity, at }
    }

    fn fill(&mut self, now: Instant) {
        let minutes = now.saturating_duration_since(self.at).as_secs_f64() / MINUTE.as_secs_f64();
        self.level = (self.level + minutes * self.capacity).min(self.capacity);
        self.at = now;
    }

    /// How long it takes until there is enough. A full one has enough for everything.
    pub(crate) fn wait_for(&mut self, cost: u32, now: Instant) -> Option<Duration> {
        self.fill(now);
        let missing = f64::from(cost).min(self.capacity) - self.level;
        // Less than a thousandth of a request is nothing.
        (missing > 0.001).then(|| MINUTE.mul_f64((missing / self.capacity).min(1.0)))
    }

    pub(crate) fn take(&mut self, cost: u32) {
        self.level = (self.level - f64::from(cost)).max(0.0);
    }

    pub(crate) fn give(&mut self, cost: u32) {
        self.level = (self.level + f64::from(cost)).min(self.capacity);
    }

    /// Whether nothing is missing in it.
    pub(crate) fn is_full(&mut self, now: Instant) -> bool {
        self.fill(now);
        self.level >= self.capacity
    }
}
