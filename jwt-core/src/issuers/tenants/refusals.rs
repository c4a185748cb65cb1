//! Names that could not be looked up, so that they are not looked up again soon.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::error::{AuthError, TokenError, Unavailable};

/// For how long a provider is taken at its word that it does not know a name, and the least time between two look-ups of
/// a name.
const FIRST_PAUSE: Duration = Duration::from_secs(60);
/// The most time between two look-ups of a name that is asked for again and again.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(5 * 60);
/// How many there are at most. Each has cost a request to a provider, and those are counted.
const MOST: usize = 4096;

#[derive(Default)]
pub(super) struct Refusals(HashMap<Box<str>, Refusal>);

/// Why a name has no keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// The provider does not know it.
    Unknown,
    /// The provider did not say.
    Unreachable,
}

#[derive(Debug, Clone, Copy)]
struct Refusal {
    why: Why,
    at: Instant,
    until: Instant,
    /// How often in a row the provider did not know it.
    times: u32,
}

impl Refusals {
    /// The name was looked up without success.
    pub(super) fn note(&mut self, name: &str, why: Why, now: Instant) {
        let before = self.0.get(name).map_or(0, |refusal| refusal.times);
        let (times, pause) = match why {
            Why::Unknown => {
                (before.saturating_add(1), FIRST_PAUSE.saturating_mul(1 << before.min(16)).min(LONGEST_PAUSE))
            }
            Why::Unreachable => (before, FIRST_PAUSE),
        };
        self.make_room(now);
        self.0.insert(name.into(), Refusal { why, at: now, until: now + pause, times });
    }

    /// What a token of that name is answered for as long as it is not looked up again.
    pub(super) fn check(&self, name: &str, now: Instant) -> Result<(), AuthError> {
        match self.0.get(name).filter(|refusal| now < refusal.until) {
            None => Ok(()),
            Some(refusal) if refusal.why == Why::Unknown && now < refusal.at + FIRST_PAUSE => {
                Err(TokenError::untrusted(name).into())
            }
            // The name may have come to exist since.
            Some(refusal) => {
                let retry_after = refusal.until.saturating_duration_since(now);
                Err(Unavailable::Keys { retry_after }.into())
            }
        }
    }

    /// How often in a row the provider did not know the name.
    pub(super) fn times(&self, name: &str) -> u32 {
        self.0.get(name).map_or(0, |refusal| refusal.times)
    }

    pub(super) fn forget(&mut self, name: &str) {
        self.0.remove(name);
    }

    /// A name that nobody has asked for since is as good as one that was never refused.
    fn make_room(&mut self, now: Instant) {
        if self.0.len() < MOST {
            return;
        }
        self.0.retain(|_, refusal| now < refusal.until + LONGEST_PAUSE);
        if self.0.len() >= MOST
            && let Some(first) = self.0.iter().min_by_key(|(_, refusal)| refusal.until).map(|(name, _)| name.clone())
        {
            self.0.remove(&first);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(refusals: &Refusals, at: Instant) -> u16 {
        match refusals.check("a", at) {
            Ok(()) => 0,
            Err(AuthError::Unavailable(unavailable)) => {
                assert!(unavailable.retry_after() <= LONGEST_PAUSE);
                503
            }
            Err(_) => 401,
        }
    }

    #[test]
    fn a_name_is_refused_for_longer_and_longer_up_to_a_bound() {
        let mut refusals = Refusals::default();
        let mut now = Instant::now();
        for minutes in [1, 2, 4, 5, 5] {
            refusals.note("a", Why::Unknown, now);
            let (minute, pause) = (FIRST_PAUSE, FIRST_PAUSE * minutes);
            let short = Duration::from_millis(1);
            assert_eq!((status(&refusals, now), status(&refusals, now + minute - short)), (401, 401));
            if minutes > 1 {
                assert_eq!((status(&refusals, now + minute), status(&refusals, now + pause - short)), (503, 503));
            }
            now += pause;
            assert_eq!(status(&refusals, now), 0, "after {minutes} minutes");
        }
        refusals.note("a", Why::Unreachable, now);
        assert_eq!((status(&refusals, now), status(&refusals, now + FIRST_PAUSE)), (503, 0));
        assert_eq!(refusals.times("a"), 5);
    }

    #[test]
    fn their_number_is_bounded_and_the_newest_stay() {
        let mut refusals = Refusals::default();
        let begin = Instant::now();
        for n in 0..u32::try_from(MOST + 100).unwrap() {
            refusals.note(&n.to_string(), Why::Unknown, begin + Duration::from_millis(n.into()));
        }
        assert_eq!(refusals.0.len(), MOST);
        assert!(refusals.check("0", begin).is_ok() && refusals.check(&MOST.to_string(), begin).is_err());
    }
}
