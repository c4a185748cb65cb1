//! The proofs that were used, so that none is used twice: in the memory of this process, or where all instances look.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use crate::claims::confirmation::Thumbprint;
use crate::claims::used_proof::{FirstUse, UsedProof};
use crate::clock::NumericDate;

/// Where used proofs are remembered: the port.
pub(crate) trait UsedProofs: Send + Sync {
    fn first_use(&self, proof: UsedProof, now: NumericDate) -> Answer;
}

pub(crate) enum Answer {
    Now(FirstUse),
    /// After a question to a store; `None` where it does not answer.
    #[cfg_attr(not(feature = "login"), expect(dead_code, reason = "only stores have to be waited for"))]
    Later(Pin<Box<dyn Future<Output = Option<FirstUse>> + Send>>),
}

const SHARDS: usize = 64;
/// Counters per row. A key has one in each of two rows, at places that nobody can foretell.
const COUNTERS: usize = 1 << 16;
/// For how long what has run out may stay in a shard that is in use, in seconds.
const SWEEP_EVERY: u32 = 10;

/// The used proofs of this process. Each takes up some 55 bytes at a million of them.
pub(crate) struct ProofMemory {
    limit: usize,
    total: AtomicUsize,
    /// Made with the first proof.
    rest: OnceLock<Rest>,
}

struct Rest {
    shards: [Mutex<Shard>; SHARDS],
    /// How many live proofs the keys have: an upper bound, since keys may share a counter.
    counters: Box<[AtomicU32]>,
    places: foldhash::fast::RandomState,
    next_swept: AtomicUsize,
}

#[derive(Default)]
struct Shard {
    used: HashMap<[u8; 16], Used, foldhash::fast::RandomState>,
    swept_at: u32,
}

#[derive(Clone, Copy)]
struct Used {
    /// In seconds since the epoch.
    until: u32,
    /// The places of its key in the two rows of counters.
    places: [u16; 2],
}

impl ProofMemory {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, total: AtomicUsize::new(0), rest: OnceLock::new() }
    }

    fn first_use_at(&self, proof: &UsedProof, now: u32) -> FirstUse {
        let rest = self.rest.get_or_init(Rest::new);
        let index = usize::from(proof.id[15]) % SHARDS;
        let mut shard = rest.shard(index);
        if now >= shard.swept_at.saturating_add(SWEEP_EVERY) {
            self.sweep(rest, &mut shard, now);
        }
        if shard.used.get(&proof.id).is_some_and(|used| used.until > now) {
            return FirstUse::No;
        }
        if self.total.load(Ordering::Relaxed) >= self.limit {
            // Room may be where nobody has been for a while: one shard at a time is looked at.
            let next = rest.next_swept.fetch_add(1, Ordering::Relaxed) % SHARDS;
            if next == index {
                self.sweep(rest, &mut shard, now);
            } else if let Ok(mut other) = rest.shards[next].try_lock() {
                self.sweep(rest, &mut other, now);
            }
            if self.total.load(Ordering::Relaxed) >= self.limit {
                return FirstUse::Full;
            }
        }
        let places = rest.places(&proof.key);
        if rest.count(places) >= proof.limit {
            // Those of the key that have run out are in all shards.
            return FirstUse::Full;
        }
        let until = seconds(proof.until).saturating_add(1);
        match shard.used.insert(proof.id, Used { until, places }) {
            // It had run out.
            Some(before) => rest.uncount(before.places),
            None => {
                self.total.fetch_add(1, Ordering::Relaxed);
            }
        }
        for counter in rest.counters_at(places) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        FirstUse::Yes
    }

    /// Forgets what has run out.
    fn sweep(&self, rest: &Rest, shard: &mut Shard, now: u32) {
        let before = shard.used.len();
        shard.used.retain(|_, used| {
            let stays = used.until > now;
            if !stays {
                rest.uncount(used.places);
            }
            stays
        });
        let (after, room) = (shard.used.len(), shard.used.capacity());
        if after < room / 8 {
            shard.used.shrink_to(after * 2);
        }
        shard.swept_at = now;
        self.total.fetch_sub(before - after, Ordering::Relaxed);
    }
}

impl Rest {
    fn new() -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::default()),
            counters: (0..2 * COUNTERS).map(|_| AtomicU32::new(0)).collect(),
            places: foldhash::fast::RandomState::default(),
            next_swept: AtomicUsize::new(0),
        }
    }

    fn shard(&self, index: usize) -> MutexGuard<'_, Shard> {
        self.shards[index].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn places(&self, key: &Thumbprint) -> [u16; 2] {
        let hash = std::hash::BuildHasher::hash_one(&self.places, key).to_le_bytes();
        [u16::from_le_bytes([hash[0], hash[1]]), u16::from_le_bytes([hash[2], hash[3]])]
    }

    fn counters_at(&self, [one, other]: [u16; 2]) -> [&AtomicU32; 2] {
        [&self.counters[usize::from(one)], &self.counters[COUNTERS + usize::from(other)]]
    }

    /// How many live proofs a key has, at most.
    fn count(&self, places: [u16; 2]) -> u32 {
        let [one, other] = self.counters_at(places).map(|counter| counter.load(Ordering::Relaxed));
        one.min(other)
    }

    fn uncount(&self, places: [u16; 2]) {
        for counter in self.counters_at(places) {
            counter.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl UsedProofs for ProofMemory {
    fn first_use(&self, proof: UsedProof, now: NumericDate) -> Answer {
        Answer::Now(self.first_use_at(&proof, seconds(now)))
    }
}

fn seconds(moment: NumericDate) -> u32 {
    u32::try_from(moment.as_secs()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_790_000_000;

    fn proof(key: u8, id: u32, until: u64) -> UsedProof {
        let mut bytes = [0; 16];
        bytes[..4].copy_from_slice(&id.to_le_bytes());
        bytes[15] = id.to_le_bytes()[0];
        UsedProof { key: [key; 32], id: bytes, until: NumericDate::from_secs(until), attempt: [0; 8], limit: 50 }
    }

    fn at(memory: &ProofMemory, proof: UsedProof, now: u64) -> FirstUse {
        memory.first_use_at(&proof, seconds(NumericDate::from_secs(now)))
    }

    #[test]
    fn a_proof_is_good_once_until_it_runs_out() {
        let memory = ProofMemory::new(10);
        assert_eq!(at(&memory, proof(1, 1, NOW + 60), NOW), FirstUse::Yes);
        for later in [0, 30, 59, 60] {
            assert_eq!(at(&memory, proof(1, 1, NOW + 60), NOW + later), FirstUse::No, "{later}");
        }
        assert_eq!(at(&memory, proof(1, 1, NOW + 120), NOW + 61), FirstUse::Yes);
        assert_eq!(at(&memory, proof(1, 1, NOW + 120), NOW + 62), FirstUse::No);
    }

    #[test]
    fn a_full_memory_refuses_and_forgets_nobody() {
        let memory = ProofMemory::new(100);
        for id in 0..100 {
            assert_eq!(at(&memory, proof(u8::try_from(id).unwrap(), id, NOW + 60), NOW), FirstUse::Yes);
        }
        for id in 100..200 {
            assert_eq!(at(&memory, proof(200, id, NOW + 60), NOW), FirstUse::Full);
        }
        for id in 0..100 {
            assert_eq!(at(&memory, proof(u8::try_from(id).unwrap(), id, NOW + 60), NOW), FirstUse::No);
        }
        // Once they have run out there is room again, after as many questions as there are parts.
        let answers: Vec<_> =
            (0..64).map(|id| at(&memory, proof(u8::try_from(id).unwrap(), 1000 + id, NOW + 160), NOW + 100)).collect();
        assert_eq!(answers.last(), Some(&FirstUse::Yes), "{answers:?}");
    }

    #[test]
    fn one_key_fills_its_own_share_and_no_more() {
        let memory = ProofMemory::new(1000);
        let flood: Vec<_> = (0..200).map(|id| at(&memory, proof(1, id, NOW + 60), NOW)).collect();
        assert_eq!(flood.iter().filter(|answer| **answer == FirstUse::Yes).count(), 50);
        assert_eq!(flood.last(), Some(&FirstUse::Full));
        for id in 0..40 {
            assert_eq!(at(&memory, proof(2, 1000 + id, NOW + 60), NOW), FirstUse::Yes, "{id}");
        }
        // Its share comes back as its proofs run out.
        let answers: Vec<_> = (0..256).map(|id| at(&memory, proof(1, 5000 + id, NOW + 200), NOW + 100)).collect();
        assert_eq!(answers.iter().filter(|answer| **answer == FirstUse::Yes).count(), 50);
    }
}
