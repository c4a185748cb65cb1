//! How many entries each subject has, so that one user cannot fill the list.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};

use crate::clock::NumericDate;
use crate::store::RevocationTarget;

/// With fewer subjects than this, those without entries are not looked for.
const LEAST_TO_FORGET: usize = 1024;

/// The entries that this instance has added for each subject, by keyed hashes.
pub(super) struct Counts {
    keys: RandomState,
    subjects: Mutex<Subjects>,
}

#[derive(Default)]
struct Subjects {
    /// The entries of each subject, and when each can be forgotten, in milliseconds.
    entries: HashMap<u64, HashMap<u64, u64>>,
    /// With so many subjects, those without entries are forgotten.
    forget_from: usize,
}

impl Counts {
    pub(super) fn new() -> Self {
        Self { keys: RandomState::new(), subjects: Mutex::default() }
    }

    /// Counts an entry. `false` where the subject has as many as the limit already, without this one.
    pub(super) fn admit(
        &self,
        (issuer, subject): (&str, &str),
        target: &RevocationTarget,
        (forget_at, now): (NumericDate, NumericDate),
        limit: usize,
    ) -> bool {
        let (forget_at, now) = (forget_at.as_millis(), now.as_millis());
        let mut subjects = self.subjects.lock().unwrap_or_else(PoisonError::into_inner);
        subjects.forget(now);
        let entries = subjects.entries.entry(self.keys.hash_one((issuer, subject))).or_default();
        // A store has the same target twice where the ends differ.
        let entry = self.keys.hash_one((target, forget_at));
        // Those that have ended make room, not only at the limit, but also before more memory is taken.
        if !entries.contains_key(&entry) && entries.len() >= limit.min(entries.capacity()) {
            entries.retain(|_, forget_at| *forget_at > now);
            if entries.len() >= limit {
                return false;
            }
            // Once there are twice as many as are left now.
            entries.reserve(entries.len().min(limit - entries.len()).max(1));
        }
        entries.insert(entry, forget_at);
        true
    }
}

impl Subjects {
    /// Once there are twice as many as were left the last time.
    fn forget(&mut self, now: u64) {
        if self.entries.len() < self.forget_from.max(LEAST_TO_FORGET) {
            return;
        }
        self.entries.retain(|_, entries| {
            entries.retain(|_, forget_at| *forget_at > now);
            !entries.is_empty()
        });
        self.forget_from = 2 * self.entries.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: usize = 100;

    fn admits(counts: &Counts, number: u64, forget_at: u64, now: u64) -> bool {
        let target = RevocationTarget::Token { issuer: "issuer".into(), id: number.to_string() };
        let times = (NumericDate::from_secs(forget_at), NumericDate::from_secs(now));
        counts.admit(("issuer", "subject"), &target, times, LIMIT)
    }

    fn capacity(counts: &Counts) -> usize {
        counts.subjects.lock().unwrap().entries.values().map(HashMap::capacity).sum()
    }

    #[test]
    fn entries_of_a_subject_that_have_ended_take_up_no_more_memory() {
        let counts = Counts::new();
        for now in 0..1000 {
            assert!(admits(&counts, now, now + 3, now));
        }
        assert!(capacity(&counts) <= 14, "room for {} entries, of which 3 have not ended", capacity(&counts));
    }

    #[test]
    fn entries_that_have_not_ended_count_up_to_the_limit() {
        let counts = Counts::new();
        for number in 0..100 {
            assert!(admits(&counts, number, 10, 0));
        }
        assert!(!admits(&counts, 100, 10, 0), "one more");
        assert!(admits(&counts, 7, 10, 0), "one that is counted already");
        assert!(admits(&counts, 100, 20, 10), "one more, after the others have ended");
    }
}
