//! How long keys are good, and when they are fetched again.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use http::HeaderMap;
use http::header::{AGE, CACHE_CONTROL};

#[derive(Debug, Clone)]
pub(super) struct Schedule {
    pub(super) lifetime: Duration,
    pub(super) least: Duration,
    pub(super) most: Duration,
    pub(super) stale_if_error: Duration,
    pub(super) cool_down: Duration,
    pub(super) timeout: Duration,
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            lifetime: Duration::from_secs(10 * 60),
            least: Duration::from_secs(60),
            most: Duration::from_secs(60 * 60),
            stale_if_error: Duration::from_secs(60 * 60),
            cool_down: Duration::from_secs(5),
            timeout: Duration::from_secs(10),
        }
    }
}

/// The longest pause between two attempts that fail.
const LONGEST_RETRY: Duration = Duration::from_secs(60);

impl Schedule {
    /// How long an answer with these header fields is good (RFC 9111 §4.2).
    pub(super) fn lifetime_of(&self, headers: &HeaderMap) -> Duration {
        let mut lifetime = None;
        let values = headers.get_all(CACHE_CONTROL).into_iter().filter_map(|value| value.to_str().ok());
        for directive in values.flat_map(|value| value.split(',')).map(str::trim) {
            if directive.eq_ignore_ascii_case("no-store") || directive.eq_ignore_ascii_case("no-cache") {
                return self.least;
            }
            if let Some((name, seconds)) = directive.split_once('=')
                && name.trim().eq_ignore_ascii_case("max-age")
                && let Ok(seconds) = seconds.trim().trim_matches('"').parse()
            {
                lifetime = Some(Duration::from_secs(seconds));
            }
        }
        let age = headers.get(AGE).and_then(|age| age.to_str().ok()?.parse().ok()).map(Duration::from_secs);
        match lifetime {
            Some(lifetime) => lifetime.saturating_sub(age.unwrap_or_default()).min(self.most).max(self.least),
            None => self.lifetime,
        }
    }

    /// When to fetch keys again that are good for so long: before the end, and not on all instances at once.
    #[expect(clippy::unused_self, reason = "next to `retry_after`, which needs it")]
    pub(super) fn refresh_after(&self, lifetime: Duration) -> Duration {
        lifetime.mul_f64(0.7 + 0.1 * random())
    }

    /// How long a token cannot cause another try after so many failures in a row, where there are no keys yet.
    pub(super) fn pause_after(&self, failures: u32, longest: Duration) -> Duration {
        let first = self.cool_down.max(Duration::from_secs(1));
        first.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(longest)
    }

    /// When to try again after so many failures in a row.
    pub(super) fn retry_after(&self, failures: u32) -> Duration {
        let pause = Duration::from_secs(1).saturating_mul(1 << failures.saturating_sub(1).min(6));
        pause.min(LONGEST_RETRY).min(self.lifetime.max(Duration::from_secs(1))).mul_f64(0.8 + 0.2 * random())
    }
}

/// Between 0 and 1; for nothing that needs to be hard to guess.
fn random() -> f64 {
    let bits = u32::try_from(RandomState::new().build_hasher().finish() >> 32).unwrap_or(0);
    f64::from(bits) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lifetime(fields: &[(&'static str, &'static str)]) -> u64 {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, value.parse().unwrap());
        }
        Schedule::default().lifetime_of(&headers).as_secs()
    }

    #[test]
    fn the_answer_says_how_long_it_is_good_within_bounds() {
        assert_eq!(lifetime(&[]), 600);
        assert_eq!(lifetime(&[("cache-control", "public, max-age=300")]), 300);
        assert_eq!(lifetime(&[("cache-control", "public"), ("cache-control", "Max-Age=\"300\"")]), 300);
        assert_eq!(lifetime(&[("cache-control", "max-age=300"), ("age", "100")]), 200);
        assert_eq!(lifetime(&[("cache-control", "max-age=300"), ("age", "1000")]), 60);
        assert_eq!(lifetime(&[("cache-control", "max-age=1")]), 60);
        assert_eq!(lifetime(&[("cache-control", "max-age=99999999")]), 3600);
        for odd in ["max-age", "max-age=", "max-age=-1", "max-age=x", "s-maxage=9", "max-age=99999999999999999999999"] {
            assert_eq!(lifetime(&[("cache-control", odd)]), 600, "{odd}");
        }
        for never in ["no-store", "No-Cache, max-age=300"] {
            assert_eq!(lifetime(&[("cache-control", never)]), 60, "{never}");
        }
    }

    #[test]
    fn keys_are_fetched_again_ahead_of_their_end_and_not_everywhere_at_once() {
        let schedule = Schedule::default();
        let pauses: Vec<Duration> = (0..100).map(|_| schedule.refresh_after(Duration::from_secs(100))).collect();
        assert!(pauses.iter().all(|pause| (70.0..=80.0).contains(&pause.as_secs_f64())));
        assert!(pauses.iter().any(|pause| *pause != pauses[0]));
    }

    #[test]
    fn failures_are_tried_again_soon_and_then_less_often() {
        let schedule = Schedule::default();
        let pause = |failures| schedule.retry_after(failures).as_secs_f64();
        assert!((0.8..=1.0).contains(&pause(1)) && (3.2..=4.0).contains(&pause(3)));
        assert!((48.0..=60.0).contains(&pause(7)) && (48.0..=60.0).contains(&pause(u32::MAX)));
    }
}
