//! What strangers can cause: how many unknown tokens are asked about, how many questions are under way, and how long nobody
//! is asked who does not answer.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

use crate::transport::address::network_of;
use crate::transport::bucket::Bucket;

/// One client gets one part in so many of the questions about unknown tokens.
const SHARES: u32 = 8;
/// Of the questions that may be under way, one part in so many is kept for tokens that were good before, and one client gets
/// one part in so many.
const PARTS: usize = 4;
/// So many questions in a row without an answer, and nobody is asked for a while.
const FAILURES: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// How soon it is worth another try where too many questions are under way.
const SOON: Duration = Duration::from_secs(1);

pub(super) struct Limits {
    state: Mutex<State>,
    capacity: u32,
    at_once_for_one_client: usize,
    turns: Semaphore,
    turns_of_unknown: Semaphore,
}

struct State {
    all: Bucket,
    /// Clients who have spent something a moment ago. Each has cost a question, so that their number is bounded.
    by_client: HashMap<IpAddr, OfClient>,
    failures: u32,
    pause: Duration,
    paused_until: Option<Instant>,
}

struct OfClient {
    bucket: Bucket,
    under_way: usize,
}

/// A question about a token that nobody has heard of. It counts as under way until it is dropped.
pub(super) struct Unknown<'l> {
    limits: &'l Limits,
    client: Option<IpAddr>,
}

/// It is this question's turn.
pub(super) struct Turn<'l>(#[expect(dead_code, reason = "held")] [Option<SemaphorePermit<'l>>; 2]);

impl Limits {
    pub(super) fn new(calls_per_minute: u32, at_once: usize, now: Instant) -> Self {
        // Full at the beginning of a minute and filled again during it, it is spent twice within that minute.
        let capacity = (calls_per_minute / 2).max(1);
        let (all, by_client) = (Bucket::full(capacity, now), HashMap::new());
        let state = State { all, by_client, failures: 0, pause: FIRST_PAUSE, paused_until: None };
        let at_once = at_once.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            state: Mutex::new(state),
            capacity,
            at_once_for_one_client: (at_once / PARTS).max(1),
            turns: Semaphore::new(at_once),
            turns_of_unknown: Semaphore::new((at_once - at_once / PARTS).max(1)),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Spends a question about an unknown token, or says when it is worth another try.
    pub(super) fn spend(&self, client: Option<IpAddr>, now: Instant) -> Result<Unknown<'_>, Duration> {
        let client = client.map(network_of);
        let mut state = self.state();
        let State { all, by_client, .. } = &mut *state;
        if let Some(wait) = all.wait_for(1, now) {
            return Err(wait);
        }
        if let Some(client) = client {
            by_client.retain(|_, own| own.under_way > 0 || !own.bucket.is_full(now));
            let share = (self.capacity / SHARES).max(1);
            let own = by_client.entry(client);
            let own = own.or_insert_with(|| OfClient { bucket: Bucket::full(share, now), under_way: 0 });
            if let Some(wait) = own.bucket.wait_for(1, now) {
                return Err(wait);
            }
            if own.under_way >= self.at_once_for_one_client {
                return Err(SOON);
            }
            own.bucket.take(1);
            own.under_way += 1;
        }
        all.take(1);
        Ok(Unknown { limits: self, client })
    }

    /// For how long nobody is asked from now on, because of questions that were not answered.
    pub(super) fn pause(&self, now: Instant) -> Option<Duration> {
        let until = self.state().paused_until?;
        (now < until).then(|| until.saturating_duration_since(now))
    }

    /// Waits until it is the turn of a question.
    pub(super) async fn turn(&self, is_unknown: bool) -> Option<Turn<'_>> {
        let first = if is_unknown { Some(self.turns_of_unknown.acquire().await.ok()?) } else { None };
        Some(Turn([first, Some(self.turns.acquire().await.ok()?)]))
    }

    /// A question was answered.
    pub(super) fn answered(&self) {
        let mut state = self.state();
        (state.failures, state.pause, state.paused_until) = (0, FIRST_PAUSE, None);
    }

    /// A question was not answered. Says when it is worth another try.
    pub(super) fn failed(&self, now: Instant) -> Duration {
        let mut state = self.state();
        if let Some(left) = state.paused_until.filter(|until| now < *until) {
            // It was asked before the pause began.
            return left.saturating_duration_since(now);
        }
        state.failures = state.failures.saturating_add(1);
        if state.failures < FAILURES {
            return FIRST_PAUSE;
        }
        let pause = state.pause;
        state.paused_until = Some(now + pause);
        state.pause = (pause * 2).min(LONGEST_PAUSE);
        pause
    }
}

impl Unknown<'_> {
    /// The token is good: the client did not make it up.
    pub(super) fn was_good(&self) {
        let mut state = self.limits.state();
        state.all.give(1);
        if let Some(own) = self.client.and_then(|client| state.by_client.get_mut(&client)) {
            own.bucket.give(1);
        }
    }
}

impl Drop for Unknown<'_> {
    fn drop(&mut self) {
        let mut state = self.limits.state();
        if let Some(own) = self.client.and_then(|client| state.by_client.get_mut(&client)) {
            own.under_way = own.under_way.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[expect(clippy::unnecessary_wraps, reason = "it is what limits are asked with")]
    fn client(number: u8) -> Option<IpAddr> {
        Some([192, 0, 2, number].into())
    }

    fn spend_all(limits: &Limits, client: Option<IpAddr>, now: Instant) -> usize {
        std::iter::from_fn(|| limits.spend(client, now).ok().map(drop)).count()
    }

    #[test]
    fn one_client_gets_a_share_and_good_tokens_do_not_count() {
        let now = Instant::now();
        let limits = Limits::new(160, 32, now);
        assert_eq!(spend_all(&limits, client(1), now), 10);
        assert_eq!(spend_all(&limits, client(2), now), 10);
        assert_eq!(spend_all(&limits, None, now), 60);
        assert_eq!(limits.spend(client(3), now).err(), Some(Duration::from_millis(750)));
        let limits = Limits::new(16, 32, now);
        for _ in 0..100 {
            limits.spend(client(1), now).unwrap().was_good();
        }
    }

    #[test]
    fn one_client_cannot_keep_all_turns_busy() {
        let now = Instant::now();
        let limits = Limits::new(10_000, 32, now);
        let held: Vec<_> = std::iter::from_fn(|| limits.spend(client(1), now).ok()).collect();
        assert_eq!((held.len(), limits.spend(client(1), now).err()), (8, Some(SOON)));
        assert!(limits.spend(client(2), now).is_ok());
        drop(held);
        assert!(limits.spend(client(1), now).is_ok());
    }

    #[test]
    fn who_does_not_answer_is_left_alone_for_longer_and_longer_up_to_a_bound() {
        let mut now = Instant::now();
        let limits = Limits::new(100, 4, now);
        for _ in 0..2 {
            limits.failed(now);
            assert_eq!(limits.pause(now), None);
        }
        for seconds in [1, 2, 4, 8, 10, 10] {
            let pause = Duration::from_secs(seconds);
            assert_eq!((limits.failed(now), limits.pause(now)), (pause, Some(pause)));
            // Those that were under way say nothing new.
            limits.failed(now + pause / 2);
            assert_eq!(limits.pause(now), Some(pause));
            now += pause;
            assert_eq!(limits.pause(now), None);
        }
        limits.answered();
        limits.failed(now);
        assert_eq!(limits.pause(now), None);
    }

    proptest! {
        #[test]
        fn no_minute_costs_more_than_the_setting_says(
            per_minute in 2..200u32,
            calls in prop::collection::vec((0..3u8, 0..2_000u64), 1..400),
        ) {
            let mut now = Instant::now();
            let limits = Limits::new(per_minute, 32, now);
            let mut spent: Vec<Instant> = Vec::new();
            for (number, pause) in calls {
                let client = if number == 0 { None } else { client(number) };
                match limits.spend(client, now) {
                    Ok(_) => spent.push(now),
                    Err(wait) => prop_assert!(wait <= MINUTE),
                }
                now += Duration::from_millis(pause);
            }
            for from in &spent {
                let within = spent.iter().filter(|at| *at >= from && **at < *from + MINUTE).count();
                prop_assert!(within <= usize::try_from(per_minute.max(2)).unwrap(), "{within} of {per_minute}");
            }
            prop_assert!(limits.state().by_client.len() <= 2);
        }
    }
}
