//! What each thread has of the cache for itself: the tokens that it sees all the time, in memory that no other thread writes.
//!
//! A token that several cores hand out has one count of references, and each core that changes it takes the line of memory
//! away from the others. So a thread gets a copy of its own.

use std::hash::BuildHasher;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use foldhash::quality::RandomState;

use super::{Lookup, compact, is_of_current_keys, size};
use crate::verify::AnyToken;

/// The most tokens that a thread has for itself.
const MAX_SLOTS: usize = 128;
/// The largest token that is copied, with its claims, in bytes.
pub(super) const MAX_COPY: usize = 2 * 1024;
/// How often other tokens are asked for at the place of a token before one of them gets it. Each hit makes up for one of them.
/// A copy costs as much as ten look-ups, so that even tokens that take turns by the thousand pay little for it.
const CREDIT: u8 = u8::MAX;

pub(super) struct Front {
    lanes: Box<[Lane]>,
    slots: usize,
    hasher: RandomState,
}

/// Two cache lines, which is what a processor fetches at a time. The lock is nearly never waited for, since there is a lane for
/// each of as many threads as there are cores, and it is held while a token is compared.
#[repr(align(128))]
struct Lane(Mutex<Own>);

struct Own {
    slots: Vec<Slot>,
    look_ups: u64,
    misses: u64,
}

struct Slot {
    /// Of the token. Most other tokens have another one, and the copy need not be looked at.
    hash: u64,
    copy: Option<AnyToken>,
    credit: u8,
}

impl Front {
    /// For that many threads at once, in at most that many bytes.
    pub(super) fn new(threads: usize, max_bytes: usize) -> Self {
        let empty = || Lane(Mutex::new(Own { slots: Vec::new(), look_ups: 0, misses: 0 }));
        Self {
            lanes: (0..threads.max(1)).map(|_| empty()).collect(),
            slots: (max_bytes / threads.max(1) / MAX_COPY).min(MAX_SLOTS),
            hasher: RandomState::default(),
        }
    }

    /// How many bytes the copies may take up.
    pub(super) fn max_bytes(&self) -> usize {
        self.lanes.len() * self.slots * MAX_COPY
    }

    /// The copy that this thread has of a token, or whether it wants one.
    pub(super) fn get(&self, token: &[u8]) -> Result<AnyToken, bool> {
        let hash = self.hasher.hash_one(Lookup(token));
        let mut lane = self.lane();
        lane.look_ups += 1;
        let Some(slot) = lane.slots.get_mut(self.place(hash)) else { return Err(self.slots > 0) };
        if slot.hash == hash
            && let Some(copy) = &slot.copy
            && let common = copy.common()
            && common.compact().as_bytes() == token
            && is_of_current_keys(common)
        {
            slot.credit = slot.credit.saturating_add(1);
            return Ok(copy.clone());
        }
        let wanted = slot.credit == 0;
        slot.credit = slot.credit.saturating_sub(1);
        Err(wanted)
    }

    pub(super) fn put(&self, copy: &AnyToken) {
        let hash = self.hasher.hash_one(Lookup(compact(copy)));
        let mut lane = self.lane();
        if lane.slots.is_empty() {
            lane.slots.resize_with(self.slots, || Slot { hash: 0, copy: None, credit: 0 });
        }
        let Some(slot) = lane.slots.get_mut(self.place(hash)) else { return };
        let before = std::mem::replace(slot, Slot { hash, copy: Some(copy.clone()), credit: CREDIT });
        // Not before the lock is open: the claims are the application's, and so is what happens when they go.
        drop(lane);
        drop(before);
    }

    /// The token that was asked for is nowhere.
    pub(super) fn missed(&self) {
        self.lane().misses += 1;
    }

    /// Look-ups that found a token, and that did not.
    pub(super) fn hits_and_misses(&self) -> (u64, u64) {
        let (look_ups, misses) = self.all().fold((0, 0), |sum, own| (sum.0 + own.look_ups, sum.1 + own.misses));
        (look_ups.saturating_sub(misses), misses)
    }

    /// Bytes that the copies take up.
    pub(super) fn bytes(&self) -> u64 {
        let sizes = |own: MutexGuard<'_, Own>| own.slots.iter().flat_map(|slot| &slot.copy).map(size).sum::<usize>();
        self.all().map(sizes).sum::<usize>() as u64
    }

    fn all(&self) -> impl Iterator<Item = MutexGuard<'_, Own>> {
        self.lanes.iter().map(|lane| lane.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn lane(&self) -> MutexGuard<'_, Own> {
        thread_local! {
            static NUMBER: usize = {
                static THREADS: AtomicUsize = AtomicUsize::new(0);
                THREADS.fetch_add(1, Ordering::Relaxed)
            };
        }
        // While a thread ends its number may be gone already.
        let number = NUMBER.try_with(|number| *number).unwrap_or_default();
        self.lanes[number % self.lanes.len()].0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn place(&self, hash: u64) -> usize {
        usize::try_from(hash % self.slots.max(1) as u64).unwrap_or_default()
    }
}
