//! The cache that all instances share: Redis, or a store in this process that plays its part. Either can be killed.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use jwt_core::clock::NumericDate;
use jwt_core::store::StoreError;
use jwt_core::store::{
    Change, Digest, Owner, Record, Revocation, RevocationStore, SignInKey, SignInStore, StoreFuture, Touch,
};
use jwt_core::{MemoryStore, RedisStore};

use crate::cable::Cable;
use crate::witness;
use crate::world::World;

/// The shared cache, as seen from the outside.
#[derive(Debug)]
pub(crate) enum Cache {
    /// In the memory of this process, and a flag that says whether it can be reached.
    Here(Arc<MemoryStore>, Arc<AtomicBool>),
    /// Redis, at the end of a cable that can be cut.
    Redis(Cable),
}

impl Cache {
    /// In this process.
    pub(crate) fn here() -> Self {
        Self::Here(Arc::new(MemoryStore::new()), Arc::new(AtomicBool::new(true)))
    }

    /// Whether it can be reached.
    pub(crate) fn is_up(&self) -> bool {
        match self {
            Self::Here(_, up) => up.load(Ordering::Acquire),
            Self::Redis(cable) => cable.is_up(),
        }
    }

    // #kill
    /// Kills it, or brings it back with what it held.
    pub(crate) fn set_up(&self, up: bool) {
        match self {
            Self::Here(_, flag) => flag.store(up, Ordering::Release),
            Self::Redis(cable) => cable.set_up(up),
        }
    }

    /// A connection to it, for one service.
    ///
    /// # Errors
    /// If it cannot be reached.
    pub(crate) async fn connect(&self) -> Result<Arc<Watched>, StoreError> {
        let store = match self {
            Self::Here(store, up) => Watched::new("the shared cache", store.clone(), up.clone()),
            // #redis
            Self::Redis(cable) => {
                let store = RedisStore::connect(&cable.url()).await?;
                Watched::new("Redis", Arc::new(store), Arc::new(AtomicBool::new(true)))
            }
        };
        Ok(Arc::new(store))
    }
}

/// A store that says when it is asked, and that can be out of reach.
pub(crate) struct Watched {
    name: &'static str,
    sign_ins: Arc<dyn SignInStore>,
    revocations: Arc<dyn RevocationStore>,
    up: Arc<AtomicBool>,
}

impl Watched {
    fn new<S: SignInStore + RevocationStore + 'static>(name: &'static str, store: Arc<S>, up: Arc<AtomicBool>) -> Self {
        Self { name, sign_ins: store.clone(), revocations: store, up }
    }

    /// The memory of one instance, which nobody else can look into.
    pub(crate) fn own() -> Self {
        Self::new("its own memory", Arc::new(MemoryStore::new()), Arc::new(AtomicBool::new(true)))
    }

    /// Asks the store, unless it is dead: then it hears of nothing.
    fn ask<'a, T: Send + 'a>(&'a self, ask: impl FnOnce() -> StoreFuture<'a, T> + Send + 'a) -> StoreFuture<'a, T> {
        Box::pin(async move {
            let start = Instant::now();
            let answer = if self.up.load(Ordering::Acquire) {
                ask().await
            } else {
                Err(StoreError::unavailable(io::Error::from(io::ErrorKind::ConnectionRefused)))
            };
            witness::looked_up(self.name, start, answer.is_ok());
            answer
        })
    }
}

impl std::fmt::Debug for Watched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watched").field("name", &self.name).finish_non_exhaustive()
    }
}

impl SignInStore for Watched {
    fn insert(&self, owner: Owner, record: Record, keep: usize, now: NumericDate) -> StoreFuture<'_, ()> {
        self.ask(move || self.sign_ins.insert(owner, record, keep, now))
    }

    fn find(&self, key: SignInKey, secret: Digest, touch: Touch, now: NumericDate) -> StoreFuture<'_, Option<Record>> {
        self.ask(move || self.sign_ins.find(key, secret, touch, now))
    }

    fn change(
        &self,
        key: SignInKey,
        expected: Digest,
        change: Change,
        now: NumericDate,
    ) -> StoreFuture<'_, Option<Record>> {
        self.ask(move || self.sign_ins.change(key, expected, change, now))
    }

    fn remove(&self, key: SignInKey) -> StoreFuture<'_, ()> {
        self.ask(move || self.sign_ins.remove(key))
    }

    fn remove_all(&self, owner: Owner) -> StoreFuture<'_, ()> {
        self.ask(move || self.sign_ins.remove_all(owner))
    }

    fn list(&self, owner: Owner, now: NumericDate) -> StoreFuture<'_, Vec<Record>> {
        self.ask(move || self.sign_ins.list(owner, now))
    }
}

/// Where one instance keeps its sessions: in its own memory, or in the shared cache.
#[derive(Debug)]
pub(crate) struct Memory {
    own: Watched,
    shared: Arc<Watched>,
    world: Arc<World>,
}

impl Memory {
    pub(crate) fn new(shared: Arc<Watched>, world: Arc<World>) -> Self {
        Self { own: Watched::own(), shared, world }
    }

    fn now(&self) -> &Watched {
        if self.world.switches.shared() { &self.shared } else { &self.own }
    }
}

impl SignInStore for Memory {
    fn insert(&self, owner: Owner, record: Record, keep: usize, now: NumericDate) -> StoreFuture<'_, ()> {
        self.now().insert(owner, record, keep, now)
    }

    fn find(&self, key: SignInKey, secret: Digest, touch: Touch, now: NumericDate) -> StoreFuture<'_, Option<Record>> {
        self.now().find(key, secret, touch, now)
    }

    fn change(
        &self,
        key: SignInKey,
        expected: Digest,
        change: Change,
        now: NumericDate,
    ) -> StoreFuture<'_, Option<Record>> {
        self.now().change(key, expected, change, now)
    }

    fn remove(&self, key: SignInKey) -> StoreFuture<'_, ()> {
        self.now().remove(key)
    }

    fn remove_all(&self, owner: Owner) -> StoreFuture<'_, ()> {
        self.now().remove_all(owner)
    }

    fn list(&self, owner: Owner, now: NumericDate) -> StoreFuture<'_, Vec<Record>> {
        self.now().list(owner, now)
    }
}

impl RevocationStore for Watched {
    fn add(&self, revocation: Revocation, now: NumericDate) -> StoreFuture<'_, ()> {
        self.ask(move || self.revocations.add(revocation, now))
    }

    fn since(&self, number: u64) -> StoreFuture<'_, Vec<(u64, Revocation)>> {
        self.ask(move || self.revocations.since(number))
    }
}
