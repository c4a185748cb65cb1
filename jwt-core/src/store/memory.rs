//! A store in memory.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::future::ready;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{
    Change, Digest, Owner, ProofStore, Record, Revocation, RevocationStore, RevocationTarget, SignInId, SignInKey,
    SignInStore, StoreError, StoreFuture, TenantStore, Touch,
};
use crate::claims::used_proof::{FirstUse, UsedProof};
use crate::clock::NumericDate;
use crate::config_error::Given;

/// How many revocations one answer holds at most.
const PAGE: usize = 4096;
/// Of how many keys proofs are remembered at most.
const MAX_PROOF_KEYS: usize = 100_000;

/// Remembers in the memory of this process, for as long as it runs: for one instance, and for tests.
///
/// A setting is given once: a store that was given one twice refuses whatever is put into it, with
/// [`StoreError::SetTwice`], and no list of revocations opens on it.
///
/// It is bounded. Expired records are dropped whenever something is added; nothing runs in the background. It is not
/// `Clone`: share it in an [`Arc`](std::sync::Arc).
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

/// The used proofs of each key: until when they count, and the attempt that used them.
type Proofs = HashMap<[u8; 32], HashMap<[u8; 16], (NumericDate, [u8; 8])>>;

#[derive(Default)]
struct SignIns {
    by_owner: HashMap<Owner, Vec<Record>>,
    /// Every record, ordered by when it expires.
    by_expiry: BTreeSet<(NumericDate, SignInKey)>,
}

#[derive(Default)]
struct Log {
    last: u64,
    entries: BTreeMap<u64, Revocation>,
    numbers: HashMap<Revocation, u64>,
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
        self.by_owner.entry(owner).or_default().push(record);
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
        let mut keys = self.proofs.lock().unwrap_or_else(PoisonError::into_inner);
        let is_live = |(until, _): &(NumericDate, [u8; 8])| *until >= now;
        // Only where there is a new key, so that it is seldom.
        if !keys.contains_key(&proof.key) && keys.len() >= MAX_PROOF_KEYS {
            keys.retain(|_, proofs| proofs.values().any(is_live));
            if keys.len() >= MAX_PROOF_KEYS {
                return Box::pin(ready(Ok(FirstUse::Full)));
            }
        }
        let proofs = keys.entry(proof.key).or_default();
        let known = proofs.get(&proof.id).copied();
        if let Some(known) = known.filter(is_live) {
            let first = if known.1 == proof.attempt { FirstUse::Yes } else { FirstUse::No };
            return Box::pin(ready(Ok(first)));
        }
        let limit = usize::try_from(proof.limit).unwrap_or(usize::MAX);
        if limit == 0 {
            return Box::pin(ready(Ok(FirstUse::Full)));
        }
        if known.is_none() && proofs.len() >= limit {
            proofs.retain(|_, known| is_live(known));
            if proofs.len() >= limit {
                return Box::pin(ready(Ok(FirstUse::Full)));
            }
        }
        proofs.insert(proof.id, (proof.until, proof.attempt));
        Box::pin(ready(Ok(FirstUse::Yes)))
    }
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
        let page = after.map(|(number, revocation)| (*number, revocation.clone())).collect();
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
            .finish_non_exhaustive()
    }
}
