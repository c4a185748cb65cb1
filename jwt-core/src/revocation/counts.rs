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
        if !entries.contains_key(&entry) && entries.len() >= limit {
            entries.retain(|_, forget_at| *forget_at > now);
            if entries.len() >= limit {
                return false;
            }
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
