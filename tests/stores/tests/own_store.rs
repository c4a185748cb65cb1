//! The store of `docs/how-to/own-store.md` passes the suite, and is what the document shows.

// begin
use std::collections::BTreeMap;
use std::future::ready;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jwt_core::clock::NumericDate;
use jwt_core::store::{
    Change, Digest, Owner, Record, Revocation, RevocationStore, SignInKey, SignInStore, StoreFuture, Touch,
};

/// One lock around everything makes each method atomic.
#[derive(Default)]
struct OwnStore(Mutex<BTreeMap<SignInKey, Record>>);

impl OwnStore {
    fn all(&self) -> MutexGuard<'_, BTreeMap<SignInKey, Record>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The record as it is after `use_it`, if it has not expired.
    fn with(&self, key: SignInKey, now: NumericDate, use_it: impl FnOnce(&mut Record) -> bool) -> Option<Record> {
        let mut all = self.all();
        let record = all.get_mut(&key).filter(|record| record.is_live(now))?;
        use_it(record);
        Some(record.clone())
    }
}

impl SignInStore for OwnStore {
    fn insert(&self, owner: Owner, record: Record, keep: usize, now: NumericDate) -> StoreFuture<'_, ()> {
        let (key, mut all) = (SignInKey { owner, id: record.id }, self.all());
        all.retain(|other, record| record.is_live(now) && *other != key);
        let others = all.iter().filter(|(other, _)| other.owner == owner);
        let mut others: Vec<_> = others.map(|(other, record)| (record.created_at, *other)).collect();
        others.sort_unstable();
        let too_many = (others.len() + 1).saturating_sub(keep.max(1));
        others.iter().take(too_many).for_each(|(_, oldest)| drop(all.remove(oldest)));
        all.insert(key, record);
        Box::pin(ready(Ok(())))
    }

    fn find(&self, key: SignInKey, secret: Digest, touch: Touch, now: NumericDate) -> StoreFuture<'_, Option<Record>> {
        let found = self.with(key, now, |record| record.secret == secret && record.touch(touch, now));
        Box::pin(ready(Ok(found.filter(|record| record.secret == secret))))
    }

    fn change(&self, key: SignInKey, old: Digest, new: Change, now: NumericDate) -> StoreFuture<'_, Option<Record>> {
        Box::pin(ready(Ok(self.with(key, now, |record| record.change(old, new, now)))))
    }

    fn remove(&self, key: SignInKey) -> StoreFuture<'_, ()> {
        self.all().remove(&key);
        Box::pin(ready(Ok(())))
    }

    fn remove_all(&self, owner: Owner) -> StoreFuture<'_, ()> {
        self.all().retain(|key, _| key.owner != owner);
        Box::pin(ready(Ok(())))
    }

    fn list(&self, owner: Owner, now: NumericDate) -> StoreFuture<'_, Vec<Record>> {
        let all = self.all();
        let live = all.iter().filter(|(key, record)| key.owner == owner && record.is_live(now));
        Box::pin(ready(Ok(live.map(|(_, record)| record.clone()).collect())))
    }
}

/// The last number, and the entries by their numbers.
#[derive(Default)]
struct OwnLog(Mutex<(u64, BTreeMap<u64, Revocation>)>);

impl RevocationStore for OwnLog {
    fn add(&self, revocation: Revocation, now: NumericDate) -> StoreFuture<'_, ()> {
        let (last, log) = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        log.retain(|_, known| known.forget_at > now && *known != revocation && !revocation.replaces(known));
        *last += 1;
        log.insert(*last, revocation);
        Box::pin(ready(Ok(())))
    }

    fn since(&self, number: u64) -> StoreFuture<'_, Vec<(u64, Revocation)>> {
        let (_, log) = &*self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let page = log.range(number + 1..).map(|(number, entry)| (*number, entry.clone()));
        Box::pin(ready(Ok(page.collect())))
    }
}
// end

use jwt_core::testing::stores;

#[tokio::test(flavor = "multi_thread")]
async fn the_own_store_of_the_document_passes_the_suite() {
    stores::sign_ins(async || Arc::new(OwnStore::default()) as _).await.unwrap();
    stores::revocations(async || Arc::new(OwnLog::default()) as _).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_breaks_a_promise_fails_by_the_name_of_the_case() {
    /// Every refresh wins.
    struct Careless(OwnStore);

    impl SignInStore for Careless {
        fn insert(&self, owner: Owner, record: Record, keep: usize, now: NumericDate) -> StoreFuture<'_, ()> {
            self.0.insert(owner, record, keep, now)
        }

        fn find(
            &self,
            key: SignInKey,
            secret: Digest,
            touch: Touch,
            now: NumericDate,
        ) -> StoreFuture<'_, Option<Record>> {
            self.0.find(key, secret, touch, now)
        }

        fn change(
            &self,
            key: SignInKey,
            _: Digest,
            change: Change,
            now: NumericDate,
        ) -> StoreFuture<'_, Option<Record>> {
            let changed = self.0.with(key, now, |record| record.change(record.secret, change, now));
            Box::pin(ready(Ok(changed)))
        }

        fn remove(&self, key: SignInKey) -> StoreFuture<'_, ()> {
            self.0.remove(key)
        }

        fn remove_all(&self, owner: Owner) -> StoreFuture<'_, ()> {
            self.0.remove_all(owner)
        }

        fn list(&self, owner: Owner, now: NumericDate) -> StoreFuture<'_, Vec<Record>> {
            self.0.list(owner, now)
        }
    }

    let failed = stores::sign_ins(async || Arc::new(Careless(OwnStore::default())) as _).await.unwrap_err();
    assert!(failed.names().any(|name| name == "a_thousand_refreshes_at_once_yield_one_successor"), "{failed}");
    assert!(failed.to_string().contains("a reused token ends its family and no other: "), "{failed}");
    assert!(!failed.names().any(|name| name == "a_session_is_looked_up_until_it_ends"), "{failed}");
}

#[test]
fn the_document_shows_this_store() {
    let shown = include_str!("own_store.rs").split("// begin\n").nth(1).unwrap().split("// end\n").next().unwrap();
    let document = include_str!("../../../docs/how-to/own-store.md").replace("use jwt_tower::", "use jwt_core::");
    for part in shown.split("\n\n").filter(|part| !part.starts_with("use ")) {
        assert!(document.contains(part.trim_end()), "the document lacks:\n{part}");
    }
}
