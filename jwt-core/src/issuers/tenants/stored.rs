//! Names of tenants in the store of the application.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::sleep;

use super::TenantMemory;
use super::log;
use crate::clock::{Clock, SystemClock};
use crate::store::{StoreError, TenantStore};

/// How often a change is tried where the store does not answer, and how long after the first time it is tried again.
const TRIES: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// Remembers the names of tenants in a store: in Redis for any number of instances, in memory for tests.
///
/// The names are read once, before the authenticator is built. Changes are written by a task of the runtime in which that was
/// done. Where the store does not answer, a change is tried five times, within 15 seconds; what cannot be written is in the log.
///
/// ```
/// use std::sync::Arc;
/// use jwt_core::tenants::StoredTenants;
/// use jwt_core::{MemoryStore, Tenants};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = Arc::new(MemoryStore::new()); // or a `RedisStore`
/// let names = StoredTenants::load(store).await?;
/// let tenants = Tenants::template("https://login.example.com/{tenant}/v2.0").remember(names);
/// # let _ = tenants;
/// # Ok(()) }
/// ```
pub struct StoredTenants {
    names: Mutex<Vec<String>>,
    keep: Arc<AtomicUsize>,
    changes: UnboundedSender<Change>,
}

#[derive(Debug)]
enum Change {
    Add(String),
    Remove(String),
}

impl StoredTenants {
    /// Reads the names that are in the store.
    ///
    /// # Errors
    /// Where the store does not answer, or [`StoreError::NoRuntime`] outside of a Tokio runtime.
    pub async fn load(store: Arc<dyn TenantStore>) -> Result<Self, StoreError> {
        let runtime = Handle::try_current().map_err(|_| StoreError::NoRuntime)?;
        let names = store.tenants().await?;
        let (changes, received) = unbounded_channel();
        let keep = Arc::new(AtomicUsize::new(usize::MAX));
        // It ends when this is dropped and everything is written.
        runtime.spawn(write(store, received, keep.clone()));
        Ok(Self { names: Mutex::new(names), keep, changes })
    }

    fn change(&self, change: Change) {
        // The task is gone only where its runtime is.
        if self.changes.send(change).is_err() {
            log::tenants_not_written(&StoreError::NoRuntime);
        }
    }
}

async fn write(store: Arc<dyn TenantStore>, mut changes: UnboundedReceiver<Change>, keep: Arc<AtomicUsize>) {
    while let Some(change) = changes.recv().await {
        for tried in 1..=TRIES {
            let written = match &change {
                Change::Add(name) => {
                    let keep = keep.load(Ordering::Relaxed);
                    store.add_tenant(name.clone(), keep, SystemClock.now()).await
                }
                Change::Remove(name) => store.remove_tenant(name.clone()).await,
            };
            match written {
                Ok(()) => break,
                Err(error) if tried == TRIES => log::tenants_not_written(&error),
                Err(_) => sleep(FIRST_PAUSE.saturating_mul(1 << (tried - 1))).await,
            }
        }
    }
}

impl TenantMemory for StoredTenants {
    fn names(&self, at_most: usize) -> Vec<String> {
        self.keep.store(at_most.max(1), Ordering::Relaxed);
        self.names.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn add(&self, issuer: &str) {
        self.change(Change::Add(issuer.to_owned()));
    }

    fn remove(&self, issuer: &str) {
        self.names.lock().unwrap_or_else(PoisonError::into_inner).retain(|name| name != issuer);
        self.change(Change::Remove(issuer.to_owned()));
    }
}

impl fmt::Debug for StoredTenants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredTenants").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use super::*;
    use crate::clock::NumericDate;
    use crate::store::{MemoryStore, StoreFuture};

    /// Does not answer the first so many times.
    struct Failing(MemoryStore, AtomicU32);

    impl Failing {
        fn fails(&self) -> bool {
            self.1.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |times| times.checked_sub(1)).is_ok()
        }
    }

    impl TenantStore for Failing {
        fn add_tenant(&self, issuer: String, keep: usize, now: NumericDate) -> StoreFuture<'_, ()> {
            if self.fails() {
                return Box::pin(async { Err(StoreError::Full) });
            }
            self.0.add_tenant(issuer, keep, now)
        }

        fn remove_tenant(&self, issuer: String) -> StoreFuture<'_, ()> {
            self.0.remove_tenant(issuer)
        }

        fn tenants(&self) -> StoreFuture<'_, Vec<String>> {
            self.0.tenants()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn names_are_read_and_written_in_their_order() {
        let store = Arc::new(MemoryStore::new());
        let names = StoredTenants::load(store.clone()).await.unwrap();
        assert_eq!(names.names(3), [""; 0]);
        for name in ["a", "b", "c", "a", "d"] {
            names.add(name);
        }
        names.remove("c");
        drop(names);
        sleep(FIRST_PAUSE).await;
        assert_eq!(StoredTenants::load(store).await.unwrap().names(3), ["a", "d"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_does_not_answer_is_tried_again() {
        for (fails, written) in [(4, 2), (5, 1)] {
            let store = Arc::new(Failing(MemoryStore::new(), AtomicU32::new(fails)));
            let names = StoredTenants::load(store.clone()).await.unwrap();
            names.add("a");
            names.add("b");
            sleep(FIRST_PAUSE * 16).await;
            assert_eq!(store.tenants().await.unwrap().len(), written);
        }
    }
}
