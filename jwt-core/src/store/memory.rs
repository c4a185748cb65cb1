//! A store in memory.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::future::ready;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{
    Change, Digest, Owner, ProofStore, Record, Revocation, RevocationStore, RevocationTarget, SignInId, SignInKey,
    SignInStore, StoreError, StoreFuture, TenantStore, Touch,
};
use crate::claims::used_proof::{FirstUse, UsedProof};
use crate::clock::NumericDate;
use crate::config_error::Given;

/// How many revocations one answer holds at most.
const PAGE: usize = 4096;
/// Of how many keys proofs are remembered at most, and how many proofs of all keys.
const MAX_PROOF_KEYS: usize = 100_000;
const MAX_PROOFS: usize = 1_000_000;
/// So many proofs may have run out before they are looked for.
const FEW_PROOFS: usize = 1024;

/// Remembers in the memory of this process, for as long as it runs: for one instance, and for tests.
///
/// A setting is given once: a store that was given one twice refuses whatever is put into it, with
/// [`StoreError::SetTwice`], and no list of revocations opens on it.
///
/// It is bounded, also by 1 000 000 used proofs of 100 000 keys. Expired records are dropped when something is added; nothing
/// runs in the background. It is not `Clone`: share it in an [`Arc`](std::sync::Arc).
pub struct MemoryStore {
    max_sign_ins: usize,
    max_revocations: usize,
    given: Given,
    sign_ins: Mutex<SignIns>,
    revocations: Mutex<Log>,
    /// The last added last.
    tenants: Mutex<Vec<String>>,
    proofs: Mutex<Proofs>,
}

/// Until when a used proof counts, and the attempt that used it.
type Used = (NumericDate, [u8; 8]);

struct Proofs {
    by_key: HashMap<[u8; 32], HashMap<[u8; 16], Used>>,
    /// How many there are, those included that have run out.
    count: usize,
    /// From how many on those are looked for that have run out, so that each is looked at a few times at most.
    sweep_at: usize,
    /// In seconds.
    swept_at: u64,
}

#[derive(Default)]
struct SignIns {
    by_owner: HashMap<Owner, Vec<Record>>,
    /// Every record, ordered by when it expires.
    by_expiry: BTreeSet<(NumericDate, SignInKey)>,
}

#[derive(Default)]
struct Log {
    last: u64,
    entries: BTreeMap<u64, Arc<Revocation>>,
    numbers: HashMap<Arc<Revocation>, u64>,
    /// Every entry, ordered by when it can be forgotten.
    by_end: BTreeSet<(NumericDate, u64)>,
    /// The last entry of each issuer's subjects.
    subjects: HashMap<(String, String), u64>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self {
            max_sign_ins: 100_000,
            max_revocations: 100_000,
            given: Given::default(),
            sign_ins: Mutex::default(),
            revocations: Mutex::default(),
            tenants: Mutex::default(),
            proofs: Mutex::default(),
        }
    }

    /// How many sign-ins there are at most, of all users together. With one more, the one that would expire first is
    /// dropped. 100 000.
    #[must_use]
    pub fn max_sign_ins(mut self, sign_ins: usize) -> Self {
        self.given.once("max_sign_ins");
        self.max_sign_ins = sign_ins.max(1);
        self
    }

    /// How many revocations there are at most. None is dropped before its time: one more is [`StoreError::Full`].
    /// The last tenth is for those of whole subjects. 100 000.
    #[must_use]
    pub fn max_revocations(mut self, revocations: usize) -> Self {
        self.given.once("max_revocations");
        self.max_revocations = revocations;
        self
    }

    /// Nothing is put into a store whose settings contradict each other.
    fn check(&self) -> Result<(), StoreError> {
        self.given.twice().map_or(Ok(()), |setting| Err(StoreError::SetTwice { setting }))
    }

    fn sign_ins(&self) -> MutexGuard<'_, SignIns> {
        self.sign_ins.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn names(&self) -> MutexGuard<'_, Vec<String>> {
        self.tenants.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn proofs(&self) -> MutexGuard<'_, Proofs> {
        self.proofs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.revocations.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl SignIns {
    fn insert(&mut self, owner: Owner, record: Record) {
        self.by_expiry.insert((record.expires_at, SignInKey { owner, id: record.id }));
        // Most users have one, and a list that begins by itself has room for four.
        self.by_owner.entry(owner).or_insert_with(|| Vec::with_capacity(1)).push(record);
    }

    fn remove(&mut self, key: SignInKey) {
        let Some(records) = self.by_owner.get_mut(&key.owner) else { return };
        if let Some(at) = records.iter().position(|record| record.id == key.id) {
            let record = records.swap_remove(at);
            self.by_expiry.remove(&(record.expires_at, key));
        }
        if records.is_empty() {
            self.by_owner.remove(&key.owner);
        }
    }

    fn forget_expired(&mut self, now: NumericDate) {
        while let Some((expires_at, key)) = self.by_expiry.first().copied()
            && expires_at <= now
        {
            self.by_expiry.pop_first();
            self.remove(key);
        }
    }

    /// The record as it is after `use_it`, where it is not expired.
    fn with(&mut self, key: SignInKey, now: NumericDate, use_it: impl FnOnce(&mut Record)) -> Option<Record> {
        let records = self.by_owner.get_mut(&key.owner)?;
        let record = records.iter_mut().find(|record| record.id == key.id && record.is_live(now))?;
        let before = record.expires_at;
        use_it(record);
        if record.expires_at != before {
            self.by_expiry.remove(&(before, key));
            self.by_expiry.insert((record.expires_at, key));
        }
        Some(record.clone())
    }
}

impl SignInStore for MemoryStore {
    fn insert(&self, owner: Owner, record: Record, keep: usize, now: NumericDate) -> StoreFuture<'_, ()> {
        if let Err(error) = self.check() {
            return Box::pin(ready(Err(error)));
        }
        let mut sign_ins = self.sign_ins();
        sign_ins.forget_expired(now);
        sign_ins.remove(SignInKey { owner, id: record.id });
        if let Some(records) = sign_ins.by_owner.get_mut(&owner) {
            records.sort_by_key(|record| record.created_at);
            let too_many = (records.len() + 1).saturating_sub(keep.max(1));
            let first: Vec<SignInId> = records.iter().take(too_many).map(|record| record.id).collect();
            for id in first {
                sign_ins.remove(SignInKey { owner, id });
            }
        }
        while sign_ins.by_expiry.len() >= self.max_sign_ins
            && let Some((_, key)) = sign_ins.by_expiry.pop_first()
        {
            sign_ins.remove(key);
        }
        sign_ins.insert(owner, record);
        Box::pin(ready(Ok(())))
    }

    fn find(&self, key: SignInKey, secret: Digest, touch: Touch, now: NumericDate) -> StoreFuture<'_, Option<Record>> {
        let record = self.sign_ins().with(key, now, |record| {
            if record.secret == secret {
                record.touch(touch, now);
            }
        });
        Box::pin(ready(Ok(record.filter(|record| record.secret == secret))))
    }

    fn change(
        &self,
        key: SignInKey,
        expected: Digest,
        change: Change,
        now: NumericDate,
    ) -> StoreFuture<'_, Option<Record>> {
        let record = self.sign_ins().with(key, now, |record| {
            record.change(expected, change, now);
        });
        Box::pin(ready(Ok(record)))
    }

    fn remove(&self, key: SignInKey) -> StoreFuture<'_, ()> {
        self.sign_ins().remove(key);
        Box::pin(ready(Ok(())))
    }

    fn remove_all(&self, owner: Owner) -> StoreFuture<'_, ()> {
        let mut sign_ins = self.sign_ins();
        for record in sign_ins.by_owner.remove(&owner).unwrap_or_default() {
            sign_ins.by_expiry.remove(&(record.expires_at, SignInKey { owner, id: record.id }));
        }
        Box::pin(ready(Ok(())))
    }

    fn list(&self, owner: Owner, now: NumericDate) -> StoreFuture<'_, Vec<Record>> {
        let sign_ins = self.sign_ins();
        let records = sign_ins.by_owner.get(&owner).into_iter().flatten();
        let live = records.filter(|record| record.is_live(now)).cloned().collect();
        Box::pin(ready(Ok(live)))
    }
}

impl Log {
    fn forget(&mut self, now: NumericDate) {
        while let Some((end, number)) = self.by_end.first().copied()
            && end <= now
        {
            self.by_end.pop_first();
            self.remove(number);
        }
    }

    fn remove(&mut self, number: u64) {
        if let Some(revocation) = self.entries.remove(&number) {
            self.by_end.remove(&(revocation.forget_at, number));
            self.numbers.remove(&revocation);
            if let Some(subject) = subject_of(&revocation)
                && self.subjects.get(&subject) == Some(&number)
            {
                self.subjects.remove(&subject);
            }
        }
    }
}

/// Issuer and subject, where the entry is for all tokens of a subject.
fn subject_of(revocation: &Revocation) -> Option<(String, String)> {
    match &revocation.target {
        RevocationTarget::Subject { issuer, subject, .. } => Some((issuer.clone(), subject.clone())),
        RevocationTarget::Token { .. } | RevocationTarget::Session { .. } => None,
    }
}

impl ProofStore for MemoryStore {
    fn first_use(&self, proof: UsedProof, now: NumericDate) -> StoreFuture<'_, FirstUse> {
        if let Err(error) = self.check() {
            return Box::pin(ready(Err(error)));
        }
        let first = self.proofs().first_use(&proof, now);
        Box::pin(ready(Ok(first)))
    }
}

impl Default for Proofs {
    fn default() -> Self {
        Self { by_key: HashMap::new(), count: 0, sweep_at: FEW_PROOFS, swept_at: 0 }
    }
}

impl Proofs {
    fn first_use(&mut self, proof: &UsedProof, now: NumericDate) -> FirstUse {
        let known = self.by_key.get(&proof.key).and_then(|proofs| proofs.get(&proof.id));
        if let Some(known) = known.filter(|known| is_live(known, now)) {
            return if known.1 == proof.attempt { FirstUse::Yes } else { FirstUse::No };
        }
        let is_new_key = !self.by_key.contains_key(&proof.key);
        if self.count >= self.sweep_at || is_new_key && self.by_key.len() >= MAX_PROOF_KEYS {
            self.sweep(now);
        }
        let is_new_key = !self.by_key.contains_key(&proof.key);
        if self.count >= MAX_PROOFS || is_new_key && self.by_key.len() >= MAX_PROOF_KEYS || proof.limit == 0 {
            return FirstUse::Full;
        }
        let limit = usize::try_from(proof.limit).unwrap_or(usize::MAX);
        let proofs = self.by_key.entry(proof.key).or_default();
        if proofs.len() >= limit && !proofs.contains_key(&proof.id) {
            let before = proofs.len();
            proofs.retain(|_, known| is_live(known, now));
            self.count -= before - proofs.len();
            if proofs.len() >= limit {
                return FirstUse::Full;
            }
        }
        if proofs.insert(proof.id, (proof.until, proof.attempt)).is_none() {
            self.count += 1;
        }
        FirstUse::Yes
    }

    /// Forgets what has run out; once a second at most, so that whoever meets a full store does not look at all of it.
    fn sweep(&mut self, now: NumericDate) {
        if now.as_secs() == self.swept_at {
            return;
        }
        self.swept_at = now.as_secs();
        self.by_key.retain(|_, proofs| {
            proofs.retain(|_, known| is_live(known, now));
            !proofs.is_empty()
        });
        self.count = self.by_key.values().map(HashMap::len).sum();
        self.sweep_at = self.count.saturating_mul(2).clamp(FEW_PROOFS, MAX_PROOFS);
    }
}

fn is_live((until, _): &Used, now: NumericDate) -> bool {
    *until >= now
}

impl RevocationStore for MemoryStore {
    fn add(&self, revocation: Revocation, now: NumericDate) -> StoreFuture<'_, ()> {
        if let Err(error) = self.check() {
            return Box::pin(ready(Err(error)));
        }
        let mut log = self.log();
        log.forget(now);
        let subject = subject_of(&revocation);
        let same = log.numbers.get(&revocation).copied();
        let same = same.or_else(|| {
            let number = *log.subjects.get(subject.as_ref()?)?;
            log.entries.get(&number).is_some_and(|known| revocation.replaces(known)).then_some(number)
        });
        match same {
            Some(number) => log.remove(number),
            None if log.entries.len() >= revocation.target.room(self.max_revocations) => {
                return Box::pin(ready(Err(StoreError::Full)));
            }
            None => {}
        }
        log.last += 1;
        let number = log.last;
        if let Some(subject) = subject {
            log.subjects.insert(subject, number);
        }
        log.by_end.insert((revocation.forget_at, number));
        let revocation = Arc::new(revocation);
        log.numbers.insert(revocation.clone(), number);
        log.entries.insert(number, revocation);
        Box::pin(ready(Ok(())))
    }

    fn since(&self, number: u64) -> StoreFuture<'_, Vec<(u64, Revocation)>> {
        if let Err(error) = self.check() {
            return Box::pin(ready(Err(error)));
        }
        let log = self.log();
        let after = log.entries.range(number.saturating_add(1)..).take(PAGE);
        let page = after.map(|(number, revocation)| (*number, Revocation::clone(revocation))).collect();
        Box::pin(ready(Ok(page)))
    }
}

impl TenantStore for MemoryStore {
    fn add_tenant(&self, issuer: String, keep: usize, _: NumericDate) -> StoreFuture<'_, ()> {
        let mut names = self.names();
        names.retain(|name| *name != issuer);
        names.push(issuer);
        let too_many = names.len().saturating_sub(keep.max(1));
        names.drain(..too_many);
        Box::pin(ready(Ok(())))
    }

    fn remove_tenant(&self, issuer: String) -> StoreFuture<'_, ()> {
        self.names().retain(|name| *name != issuer);
        Box::pin(ready(Ok(())))
    }

    fn tenants(&self) -> StoreFuture<'_, Vec<String>> {
        let names = self.names().clone();
        Box::pin(ready(Ok(names)))
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore")
            .field("sign_ins", &self.sign_ins().by_expiry.len())
            .field("revocations", &self.log().entries.len())
            .field("proofs", &self.proofs().count)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_790_000_000;

    #[tokio::test]
    async fn used_proofs_are_forgotten_also_where_no_key_has_as_many_as_it_may() {
        let store = MemoryStore::new();
        for number in 0..20_000_u32 {
            // A hundred requests a second, each of another client. A proof counts for a minute.
            let now = NumericDate::from_secs(NOW + u64::from(number / 100));
            let mut key = [0; 32];
            key[..4].copy_from_slice(&number.to_le_bytes());
            let until = NumericDate::from_secs(now.as_secs() + 60);
            let proof = UsedProof { key, id: [1; 16], until, attempt: [0; 8], limit: 1000 };
            assert_eq!(store.first_use(proof, now).await.unwrap(), FirstUse::Yes);
            let again = UsedProof { attempt: [1; 8], ..proof };
            assert_eq!(store.first_use(again, until).await.unwrap(), FirstUse::No);
        }
        let proofs = store.proofs();
        assert!((6_000..=13_000).contains(&proofs.count), "{}", proofs.count);
        assert_eq!(proofs.count, proofs.by_key.len());
    }
}
