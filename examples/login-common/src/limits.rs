use std::hash::{BuildHasher, Hash, RandomState};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::Clock;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

/// Attempts a minute for one name, from wherever they come. Whoever guesses gets 8640 a day.
const PER_NAME: NonZeroU32 = NonZeroU32::new(6).unwrap();
/// Attempts a minute from one address, for whichever name. An office behind one address stays below.
const PER_ADDRESS: NonZeroU32 = NonZeroU32::new(60).unwrap();

/// How often a password may be tried. Each instance counts for itself.
///
/// An attempt that is too much is refused, never a name: whoever keeps guessing keeps the user out while it lasts, and
/// seconds after that the user gets in again.
#[derive(Debug)]
pub(crate) struct Limits {
    by_name: DefaultKeyedRateLimiter<u16>,
    by_address: DefaultKeyedRateLimiter<u16>,
    /// Names and addresses are counted in 65 536 buckets, so that no flood of them fills the memory. Which of them share
    /// one, nobody can find out.
    buckets: RandomState,
}

impl Limits {
    pub(crate) fn new() -> Self {
        let limiter = |attempts| RateLimiter::keyed(Quota::per_minute(attempts));
        Self { by_name: limiter(PER_NAME), by_address: limiter(PER_ADDRESS), buckets: RandomState::new() }
    }

    /// How long to wait, if this is an attempt too many.
    pub(crate) fn check(&self, name: &str, from: IpAddr) -> Result<(), Duration> {
        // The address of the connection: behind a proxy, take what that proxy says instead, and what no client can.
        let network = match from {
            IpAddr::V4(address) => u64::from(address.to_bits()),
            // One customer has all of a /64.
            IpAddr::V6(address) => (address.to_bits() >> 64) as u64,
        };
        self.take(&self.by_address, network)?;
        self.take(&self.by_name, name)
    }

    fn take(&self, limiter: &DefaultKeyedRateLimiter<u16>, key: impl Hash) -> Result<(), Duration> {
        let bucket = (self.buckets.hash_one(key) >> 48) as u16;
        limiter.check_key(&bucket).map_err(|not_until| not_until.wait_time_from(limiter.clock().now()))
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn a_name_is_tried_some_times_a_minute_and_others_do_not_suffer() {
        let limits = Limits::new();
        let from = |host| IpAddr::from(Ipv4Addr::new(192, 0, 2, host));
        for host in 0..6 {
            assert_eq!(limits.check("alice", from(host)), Ok(()));
        }
        let wait = limits.check("alice", from(6)).unwrap_err();
        assert!(wait <= Duration::from_secs(10), "{wait:?}");
        assert_eq!(limits.check("bob", from(6)), Ok(()));
    }

    #[test]
    fn an_address_does_not_get_around_it_with_many_names() {
        let limits = Limits::new();
        let office = |n: u16| IpAddr::from([0x2001, 0xdb8, 0, 1, 0, 0, 0, n]);
        let refused = (0..70).filter(|n| limits.check(&n.to_string(), office(*n)).is_err()).count();
        assert!((9..=10).contains(&refused), "{refused}");
    }
}
