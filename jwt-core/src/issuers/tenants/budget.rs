//! How many names that nobody knows are looked up, and for whom.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use tokio::time::Instant;

use crate::transport::address::network_of;
use crate::transport::bucket::{Bucket, MINUTE};

/// One client gets one part in so many of what there is.
const SHARES: u32 = 8;
/// How many look-ups of names that nobody knows are under way at once.
pub(super) const AT_ONCE: usize = 32;
/// The same for one client.
pub(super) const AT_ONCE_FOR_ONE_CLIENT: usize = AT_ONCE / SHARES as usize;
/// The most that one look-up costs: there are three places where metadata may be.
const DEAREST: u32 = 3;
/// How soon it is worth another try where too many are under way.
const SOON: Duration = Duration::from_secs(1);

/// What may be spent, in requests to providers.
pub(super) struct Budget {
    capacity: u32,
    all: Bucket,
    /// Clients who have spent something a moment ago. Each has cost a request, so that their number is bounded.
    by_client: HashMap<IpAddr, Bucket>,
    max_new: usize,
    /// When tenants were found, within the last minute.
    new: VecDeque<Instant>,
}

/// How many look-ups are under way.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct UnderWay {
    pub(super) all: usize,
    pub(super) of_client: usize,
}

impl Budget {
    pub(super) fn new(max_requests_per_minute: u32, max_new_per_minute: u32, now: Instant) -> Self {
        // Full at the beginning of a minute and filled again during it, it is spent twice within that minute.
        let capacity = (max_requests_per_minute / 2).max(1);
        let max_new = usize::try_from(max_new_per_minute).unwrap_or(usize::MAX);
        let all = Bucket::full(capacity, now);
        Self { capacity, all, by_client: HashMap::new(), max_new, new: VecDeque::new() }
    }

    /// Whether there is room for a look-up that costs so many requests; if not, when it is worth another try.
    pub(super) fn room(
        &mut self,
        client: Option<IpAddr>,
        cost: u32,
        under_way: UnderWay,
        now: Instant,
    ) -> Result<(), Duration> {
        while self.new.front().is_some_and(|found| *found + MINUTE <= now) {
            self.new.pop_front();
        }
        let too_many_new = self.new.front().filter(|_| self.new.len() >= self.max_new);
        if let Some(first) = too_many_new {
            return Err((*first + MINUTE).saturating_duration_since(now));
        }
        let is_client = client.is_some();
        if under_way.all >= AT_ONCE || (is_client && under_way.of_client >= AT_ONCE_FOR_ONE_CLIENT) {
            return Err(SOON);
        }
        let own = client.and_then(|client| self.by_client.get_mut(&network_of(client)));
        let own = own.and_then(|bucket| bucket.wait_for(cost, now));
        own.max(self.all.wait_for(cost, now)).map_or(Ok(()), Err)
    }

    /// Spends that, after it was asked whether there is room.
    pub(super) fn spend(&mut self, client: Option<IpAddr>, cost: u32, now: Instant) {
        self.all.take(cost);
        if let Some(client) = client {
            self.by_client.retain(|_, bucket| !bucket.is_full(now));
            let share = (self.capacity / SHARES).max(DEAREST);
            self.by_client.entry(network_of(client)).or_insert_with(|| Bucket::full(share, now)).take(cost);
        }
    }

    /// The provider knows the name: what that cost does not count any more, and a tenant more is new.
    pub(super) fn found(&mut self, cost: u32, now: Instant) {
        self.all.give(cost);
        self.new.push_back(now);
    }

    /// A token of the tenant was verified: the client did not make it up.
    pub(super) fn was_good(&mut self, client: Option<IpAddr>, cost: u32) {
        if let Some(bucket) = client.and_then(|client| self.by_client.get_mut(&network_of(client))) {
            bucket.give(cost);
        }
    }

    /// Nothing was asked after all.
    pub(super) fn was_not_needed(&mut self, client: Option<IpAddr>, cost: u32) {
        self.all.give(cost);
        self.was_good(client, cost);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NONE: UnderWay = UnderWay { all: 0, of_client: 0 };

    #[expect(clippy::unnecessary_wraps, reason = "it is what a budget is asked with")]
    fn client(number: u8) -> Option<IpAddr> {
        Some([192, 0, 2, number].into())
    }

    /// Spends as much as there is room for.
    fn spend_all(budget: &mut Budget, client: Option<IpAddr>, cost: u32, now: Instant) -> u32 {
        let mut spent = 0;
        while budget.room(client, cost, NONE, now).is_ok() {
            budget.spend(client, cost, now);
            spent += cost;
        }
        spent
    }

    #[test]
    fn one_client_gets_a_share_and_what_it_spends_well_does_not_count() {
        let now = Instant::now();
        let mut budget = Budget::new(120, 60, now);
        assert_eq!(spend_all(&mut budget, client(1), 1, now), 7);
        assert_eq!(spend_all(&mut budget, client(2), 1, now), 7);
        budget.was_good(client(1), 1);
        assert_eq!(spend_all(&mut budget, client(1), 1, now), 1);
        assert_eq!(spend_all(&mut budget, None, 1, now), 45);
        assert_eq!(budget.room(None, 1, NONE, now), Err(Duration::from_secs(1)));
    }

    #[test]
    fn even_the_smallest_budget_is_enough_for_one_name_at_a_time() {
        let now = Instant::now();
        let mut budget = Budget::new(1, 1, now);
        assert_eq!(spend_all(&mut budget, client(1), 3, now), 3);
        let wait = budget.room(client(1), 3, NONE, now).unwrap_err();
        assert_eq!(wait, MINUTE);
        assert_eq!(spend_all(&mut budget, client(1), 3, now + wait), 3);
    }

    #[test]
    fn look_ups_that_are_under_way_and_tenants_that_are_new_have_bounds_of_their_own() {
        let now = Instant::now();
        let mut budget = Budget::new(1000, 2, now);
        let busy = UnderWay { all: AT_ONCE, of_client: 0 };
        assert_eq!(budget.room(None, 1, busy, now), Err(SOON));
        let busy = UnderWay { all: 0, of_client: AT_ONCE_FOR_ONE_CLIENT };
        assert_eq!((budget.room(client(1), 1, busy, now), budget.room(None, 1, busy, now)), (Err(SOON), Ok(())));
        budget.found(1, now);
        budget.found(1, now + MINUTE / 2);
        assert_eq!(budget.room(None, 1, NONE, now + MINUTE / 2), Err(MINUTE / 2));
        assert_eq!(budget.room(None, 1, NONE, now + MINUTE), Ok(()));
    }

    proptest! {
        /// In whatever minute, no more is spent than the setting says, and who waits as told finds room, if nobody else
        /// takes it.
        #[test]
        fn no_minute_costs_more_than_the_setting_says(
            per_minute in 6..200u32,
            calls in prop::collection::vec((0..3u8, 1..4u32, 0..20_000u64), 1..200),
        ) {
            let begin = Instant::now();
            let mut now = begin;
            let mut budget = Budget::new(per_minute, 1000, begin);
            let mut spent: Vec<(Instant, u32)> = Vec::new();
            for (number, cost, pause) in calls {
                let client = if number == 0 { None } else { client(number) };
                match budget.room(client, cost, NONE, now) {
                    Ok(()) => {
                        budget.spend(client, cost, now);
                        spent.push((now, cost));
                    }
                    Err(wait) => {
                        prop_assert!(wait <= MINUTE);
                        let then = now + wait + Duration::from_millis(1);
                        let mut copy = Budget { all: budget.all, ..Budget::new(per_minute, 1000, then) };
                        prop_assert_eq!(copy.room(None, cost, NONE, then), Ok(()));
                    }
                }
                now += Duration::from_millis(pause);
            }
            for (from, _) in &spent {
                let within = spent.iter().filter(|(at, _)| at >= from && *at < *from + MINUTE);
                let sum: u32 = within.map(|(_, cost)| cost).sum();
                prop_assert!(sum <= per_minute.max(2 * DEAREST), "{sum} of {per_minute}");
            }
            prop_assert!(budget.by_client.len() <= 2);
        }
    }
}
