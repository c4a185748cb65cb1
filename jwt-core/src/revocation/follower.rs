//! The task that follows the store: what other instances revoke is learnt here.

use std::collections::VecDeque;
use std::sync::Weak;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;

use super::{Inner, Revocations};

/// How often the last entries are read again.
const AGAIN: Duration = Duration::from_secs(10);
/// Since how many times before.
const MARKS: usize = 6;

/// A store may fail over while one of its servers still answers as if nothing had happened. Who has read there last may
/// have come to a number that is higher than what others have written elsewhere meanwhile, and would never see that. So
/// the entries of the last minute in which the store could be reached are read again from time to time.
pub(super) async fn follow(list: Weak<Inner>, every: Duration) {
    let mut reachable = true;
    let mut marks: VecDeque<u64> = list.upgrade().iter().map(|list| list.read_up_to.load(Ordering::Acquire)).collect();
    let mut marked_at = Instant::now();
    loop {
        tokio::time::sleep(every).await;
        let Some(inner) = list.upgrade() else { return };
        let list = Revocations(inner);
        let mut caught_up = list.catch_up().await;
        if caught_up.is_ok() && marked_at.elapsed() >= AGAIN {
            caught_up = match marks.front() {
                Some(mark) => list.read_again(*mark).await,
                None => Ok(()),
            };
            if caught_up.is_ok() {
                marked_at = Instant::now();
                marks.push_back(list.0.read_up_to.load(Ordering::Acquire));
                if marks.len() > MARKS {
                    marks.pop_front();
                }
            }
        }
        // Once per outage, not four times a second.
        if let Err(error) = &caught_up
            && reachable
        {
            crate::observe::log::revocations_unreachable(error);
        }
        reachable = caught_up.is_ok();
    }
}
