//! The entries in the memory of this instance: read without a lock, changed part by part.

use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;

use crate::clock::NumericDate;
use crate::store::{Revocation, RevocationTarget};

/// How many parts the list has. A change copies one of them.
const SHARDS: usize = 256;

/// The entries, by a keyed hash of 64 bits. With a million entries, one in 10^13 other tokens is taken for one of them.
/// Nobody can aim at that without the key, which is random.
pub(super) struct List {
    keys: RandomState,
    shards: Box<[ArcSwap<Shard>]>,
    /// How many entries there are, so that a check against an empty list costs nothing.
    tokens: AtomicUsize,
    subjects: AtomicUsize,
    /// All entries, each once, ordered by when they can be forgotten, in milliseconds. Locked by the one who changes the list.
    by_end: Mutex<BTreeSet<(u64, Kind, u64)>>,
}

#[derive(Clone, Default)]
struct Shard {
    /// Tokens and logins, and when each can be forgotten, in milliseconds.
    tokens: HashMap<u64, u64, BuildHasherDefault<Hashed>>,
    subjects: HashMap<u64, SubjectEntry, BuildHasherDefault<Hashed>>,
}

/// What a hash is the hash of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Token,
    Subject,
}

/// All tokens of a subject that were issued before a moment are revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SubjectEntry {
    pub(super) not_before: NumericDate,
    /// In milliseconds.
    pub(super) forget_at: u64,
    /// When this instance learnt of it.
    pub(super) known_since: NumericDate,
}

impl List {
    pub(super) fn new() -> Self {
        Self {
            keys: RandomState::new(),
            shards: (0..SHARDS).map(|_| ArcSwap::default()).collect(),
            tokens: AtomicUsize::new(0),
            subjects: AtomicUsize::new(0),
            by_end: Mutex::default(),
        }
    }

    /// How many entries there are.
    pub(super) fn len(&self) -> usize {
        self.tokens.load(Ordering::Relaxed) + self.subjects.load(Ordering::Relaxed)
    }

    fn shard(&self, hash: u64) -> &ArcSwap<Shard> {
        &self.shards[index(hash)]
    }

    pub(super) fn has_token(&self, issuer: &str, id: &str) -> bool {
        if self.tokens.load(Ordering::Acquire) == 0 {
            return false;
        }
        let hash = self.keys.hash_one((issuer, id));
        self.shard(hash).load().tokens.contains_key(&hash)
    }

    /// Whether a login may be revoked.
    pub(super) fn has_sessions(&self) -> bool {
        self.tokens.load(Ordering::Acquire) > 0
    }

    pub(super) fn has_session(&self, issuer: &str, id: &str) -> bool {
        let hash = self.session(issuer, id);
        self.shard(hash).load().tokens.contains_key(&hash)
    }

    /// Never the hash of a token of that name: more is hashed.
    fn session(&self, issuer: &str, id: &str) -> u64 {
        self.keys.hash_one((issuer, id, "session"))
    }

    pub(super) fn has_subject(&self, issuer: &str, subject: &str, issued_at: Option<NumericDate>) -> bool {
        if self.subjects.load(Ordering::Acquire) == 0 {
            return false;
        }
        let before = self.before(issuer, subject);
        before.is_some_and(|before| issued_at.is_none_or(|issued_at| issued_at < before.not_before))
    }

    /// What is revoked of a subject as a whole.
    pub(super) fn before(&self, issuer: &str, subject: &str) -> Option<SubjectEntry> {
        let hash = self.keys.hash_one((issuer, subject));
        self.shard(hash).load().subjects.get(&hash).copied()
    }

    /// A copy of the part that holds a hash, for a change.
    fn copy<'c>(&self, changed: &'c mut HashMap<usize, Shard>, hash: u64) -> &'c mut Shard {
        let index = index(hash);
        changed.entry(index).or_insert_with(|| Shard::clone(&self.shards[index].load()))
    }

    /// Adds entries, and forgets those that have expired.
    pub(super) fn learn(&self, revocations: &[Revocation], now: NumericDate) {
        let known_since = now;
        let now = now.as_millis();
        let mut by_end = self.by_end.lock().unwrap_or_else(PoisonError::into_inner);
        let mut changed = HashMap::new();
        for Revocation { target, forget_at } in revocations {
            let forget_at = forget_at.as_millis();
            if forget_at <= now {
                continue;
            }
            let entry = match target {
                RevocationTarget::Token { issuer, id } => {
                    let hash = self.keys.hash_one((&**issuer, &**id));
                    let known = self.copy(&mut changed, hash).tokens.entry(hash).or_default();
                    by_end.remove(&(*known, Kind::Token, hash));
                    *known = forget_at.max(*known);
                    (*known, Kind::Token, hash)
                }
                RevocationTarget::Session { issuer, id } => {
                    let hash = self.session(issuer, id);
                    let known = self.copy(&mut changed, hash).tokens.entry(hash).or_default();
                    by_end.remove(&(*known, Kind::Token, hash));
                    *known = forget_at.max(*known);
                    (*known, Kind::Token, hash)
                }
                RevocationTarget::Subject { issuer, subject, not_before } => {
                    let hash = self.keys.hash_one((&**issuer, &**subject));
                    let known = self.copy(&mut changed, hash).subjects.entry(hash);
                    let known = known.or_insert(SubjectEntry { not_before: *not_before, forget_at, known_since });
                    by_end.remove(&(known.forget_at, Kind::Subject, hash));
                    if *not_before > known.not_before {
                        (known.not_before, known.known_since) = (*not_before, known_since);
                    }
                    known.forget_at = known.forget_at.max(forget_at);
                    (known.forget_at, Kind::Subject, hash)
                }
            };
            by_end.insert(entry);
        }
        while let Some((end, kind, hash)) = by_end.first().copied()
            && end <= now
        {
            by_end.pop_first();
            let shard = self.copy(&mut changed, hash);
            match kind {
                Kind::Token => drop(shard.tokens.remove(&hash)),
                Kind::Subject => drop(shard.subjects.remove(&hash)),
            }
        }
        for (index, shard) in changed {
            let after = (shard.tokens.len(), shard.subjects.len());
            let before = self.shards[index].swap(Arc::new(shard));
            // Only the holder of the lock counts, and a number is never lower than what the list holds.
            self.tokens.fetch_add(after.0, Ordering::AcqRel);
            self.tokens.fetch_sub(before.tokens.len(), Ordering::AcqRel);
            self.subjects.fetch_add(after.1, Ordering::AcqRel);
            self.subjects.fetch_sub(before.subjects.len(), Ordering::AcqRel);
        }
    }
}

/// By the bits in the middle of the hash: the maps use those at both ends.
fn index(hash: u64) -> usize {
    (hash >> 32) as usize % SHARDS
}

/// A hash that needs no hashing.
#[derive(Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {}

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}
