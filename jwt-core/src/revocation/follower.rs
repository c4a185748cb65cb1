//! The task that follows the store, and learns what other instances revoke.

use std::collections::VecDeque;
use std::sync::Weak;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;

use super::{Inner, Revocations};
use crate::facade::tracing;

/// How long to wait before the last entries are read again.
const READ_AGAIN_AFTER: Duration = Duration::from_secs(10);
/// How long to wait for more entries after the store has said that there is one.
const GATHER: Duration = Duration::from_millis(5);
/// From how many such readings ago.
const MARKS: usize = 6;

/// Polls the store until the list is dropped, at the latest one `poll_interval` after that, and whenever the store says that
/// there may be something new.
///
/// A store may fail over while one of its old servers still answers. A reader of that server may have reached a number that
/// is higher than those of entries that others wrote to the new server meanwhile, and would never see these entries. So
/// the entries of the last minute in which the store could be reached are read again, every ten seconds.
pub(super) async fn follow(list: Weak<Inner>, poll_interval: Duration) {
    let mut reachable = true;
    let mut marks: VecDeque<u64> = list.upgrade().iter().map(|list| list.read_up_to.load(Ordering::Acquire)).collect();
    let mut marked_at = Instant::now();
    let Some(store) = list.upgrade().map(|list| list.store.clone()) else { return };
    let mut changed = store.changed();
    loop {
        tokio::select! {
            () = tokio::time::sleep(poll_interval) => {}
            // However many there are in a moment, they are read together.
            () = async { changed.await; tokio::time::sleep(GATHER.min(poll_interval)).await } => {}
        }
        let Some(inner) = list.upgrade() else { return };
        let list = Revocations(inner);
        // What is added from now on may be missing from what is read, and wakes this task again.
        changed = store.changed();
        let mut caught_up = list.catch_up().await;
        if caught_up.is_ok() && marked_at.elapsed() >= READ_AGAIN_AFTER {
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
            tracing::error!(target: "jwt", reason = %error, "revocations of other instances are not known until the store is back");
        }
        reachable = caught_up.is_ok();
    }
}
