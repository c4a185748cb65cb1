//! One piece of work at a time for each key: of any number of callers at once, one does it and all get its result.

use std::collections::HashMap;
use std::fmt;
use std::future::poll_fn;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// The work under way. As many entries as keys that somebody waits for.
pub(crate) struct SingleFlight<K, V>(Mutex<HashMap<K, Arc<Flight<V>>>>);

struct Flight<V>(Mutex<Progress<V>>);

enum Progress<V> {
    /// Under way, and who waits for it.
    Pending(Vec<Waker>),
    Done(V),
    /// The leader is gone and has left no result: another caller takes over.
    Abandoned,
}

enum Role<'s, K: Eq + Hash, V> {
    Leader(Leader<'s, K, V>),
    Follower(Arc<Flight<V>>),
}

impl<K: Clone + Eq + Hash, V: Clone> SingleFlight<K, V> {
    /// The result of `work`, or that of another caller with the same key. `found` is asked first, under the lock: a
    /// result that was kept needs no work. `keep` is told the result of the work before anybody can begin it again.
    pub(crate) async fn join<F: Future<Output = V>>(
        &self,
        key: K,
        found: impl Fn() -> Option<V>,
        work: F,
        keep: impl FnOnce(&V),
    ) -> V {
        loop {
            match self.role(&key, &found) {
                Err(found) => return found,
                Ok(Role::Follower(flight)) => {
                    if let Some(result) = poll_fn(|cx| flight.poll(cx)).await {
                        return result;
                    }
                }
                Ok(Role::Leader(leader)) => {
                    let result = work.await;
                    keep(&result);
                    leader.end(Progress::Done(result.clone()));
                    return result;
                }
            }
        }
    }

    fn role(&self, key: &K, found: impl Fn() -> Option<V>) -> Result<Role<'_, K, V>, V> {
        let mut flights = self.lock();
        if let Some(result) = found() {
            return Err(result);
        }
        if let Some(flight) = flights.get(key) {
            return Ok(Role::Follower(flight.clone()));
        }
        let flight = Arc::new(Flight(Mutex::new(Progress::Pending(Vec::new()))));
        flights.insert(key.clone(), flight.clone());
        Ok(Role::Leader(Leader { flights: self, key: key.clone(), flight }))
    }
}

impl<K, V> SingleFlight<K, V> {
    /// How many pieces of work are under way.
    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, Arc<Flight<V>>>> {
        unpoisoned(&self.0)
    }
}

impl<K, V> Default for SingleFlight<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K, V> fmt::Debug for SingleFlight<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} under way", self.len())
    }
}

impl<V: Clone> Flight<V> {
    /// The result; `None` where the leader left none.
    fn poll(&self, cx: &mut Context<'_>) -> Poll<Option<V>> {
        match &mut *unpoisoned(&self.0) {
            Progress::Pending(wakers) => {
                if !wakers.iter().any(|waker| waker.will_wake(cx.waker())) {
                    wakers.push(cx.waker().clone());
                }
                Poll::Pending
            }
            Progress::Done(result) => Poll::Ready(Some(result.clone())),
            Progress::Abandoned => Poll::Ready(None),
        }
    }
}

/// Does the work, and makes room for another leader where it is dropped before it is done.
struct Leader<'s, K: Eq + Hash, V> {
    flights: &'s SingleFlight<K, V>,
    key: K,
    flight: Arc<Flight<V>>,
}

impl<K: Eq + Hash, V> Leader<'_, K, V> {
    fn end(&self, with: Progress<V>) {
        let mut flights = self.flights.lock();
        let own = flights.get(&self.key).is_some_and(|flight| Arc::ptr_eq(flight, &self.flight));
        if own {
            flights.remove(&self.key);
            drop(flights);
            let before = std::mem::replace(&mut *unpoisoned(&self.flight.0), with);
            if let Progress::Pending(wakers) = before {
                wakers.into_iter().for_each(Waker::wake);
            }
        }
    }
}

impl<K: Eq + Hash, V> Drop for Leader<'_, K, V> {
    fn drop(&mut self) {
        // After the end of the work there is nothing left to end.
        self.end(Progress::Abandoned);
    }
}

/// What is behind these locks is whole at every moment, so a panic elsewhere does not make it worse.
fn unpoisoned<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
