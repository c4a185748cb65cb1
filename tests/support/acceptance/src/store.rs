use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use jwt_core::MemoryStore;
use jwt_core::clock::NumericDate;
use jwt_core::store::{Change, Digest, Owner, Record, SignInKey, SignInStore, StoreError, StoreFuture, Touch};
use tokio::sync::Semaphore;

/// A store in memory that can be taken away, counts the renewals that it is asked for, and holds them up on demand.
pub struct WatchedStore {
    store: MemoryStore,
    down: AtomicBool,
    fails_once: AtomicBool,
    changes: AtomicUsize,
    operations: AtomicUsize,
    gate: Semaphore,
}

/// What the driver of a store that is away would say.
#[derive(Debug, thiserror::Error)]
#[error("connection refused")]
struct Down;

impl WatchedStore {
    /// An empty store.
    pub fn new() -> Self {
        Self {
            store: MemoryStore::new(),
            down: AtomicBool::new(false),
            fails_once: AtomicBool::new(false),
            changes: AtomicUsize::new(0),
            operations: AtomicUsize::new(0),
            gate: Semaphore::new(Semaphore::MAX_PERMITS),
        }
    }

    /// Whether it is away.
    pub fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::SeqCst);
    }

    /// Fails at the next operation, and at no other.
    pub fn fail_once(&self) {
        self.fails_once.store(true, Ordering::SeqCst);
    }

    /// How often a secret was to be changed.
    pub fn changes(&self) -> usize {
        self.changes.load(Ordering::SeqCst)
    }

    /// How often it was asked for anything.
    pub fn operations(&self) -> usize {
        self.operations.load(Ordering::SeqCst)
    }

    /// Answers no change until [`open`](Self::open).
    pub fn close(&self) {
        self.gate.forget_permits(Semaphore::MAX_PERMITS);
    }

    /// Answers changes again.
    pub fn open(&self) {
        self.gate.add_permits(Semaphore::MAX_PERMITS / 2);
    }

    /// A store that is away does nothing.
    fn unless_down<'s, T: Send + 's>(&self, operation: impl FnOnce() -> StoreFuture<'s, T>) -> StoreFuture<'s, T> {
        self.operations.fetch_add(1, Ordering::SeqCst);
        if self.down.load(Ordering::SeqCst) || self.fails_once.swap(false, Ordering::SeqCst) {
            return Box::pin(async { Err(StoreError::unavailable(Down)) });
        }
        operation()
    }
}

impl Default for WatchedStore {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for WatchedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchedStore").field("changes", &self.changes()).finish_non_exhaustive()
    }
}

impl SignInStore for WatchedStore {
    fn insert(&self, owner: Owner, record: Record, keep: usize, now: NumericDate) -> StoreFuture<'_, ()> {
        self.unless_down(|| self.store.insert(owner, record, keep, now))
    }

    fn find(&self, key: SignInKey, secret: Digest, touch: Touch, now: NumericDate) -> StoreFuture<'_, Option<Record>> {
        self.unless_down(|| self.store.find(key, secret, touch, now))
    }

    fn change(
        &self,
        key: SignInKey,
        expected: Digest,
        change: Change,
        now: NumericDate,
    ) -> StoreFuture<'_, Option<Record>> {
        self.changes.fetch_add(1, Ordering::SeqCst);
        self.unless_down(|| {
            Box::pin(async move {
                let _permit = self.gate.acquire().await.map_err(|_| StoreError::unavailable(Down))?;
                self.store.change(key, expected, change, now).await
            })
        })
    }

    fn remove(&self, key: SignInKey) -> StoreFuture<'_, ()> {
        self.unless_down(|| self.store.remove(key))
    }

    fn remove_all(&self, owner: Owner) -> StoreFuture<'_, ()> {
        self.unless_down(|| self.store.remove_all(owner))
    }

    fn list(&self, owner: Owner, now: NumericDate) -> StoreFuture<'_, Vec<Record>> {
        self.unless_down(|| self.store.list(owner, now))
    }
}
