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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::time::Duration;

    use proptest::prelude::*;
    use tokio::task::{JoinHandle, yield_now};

    use super::*;

    /// Callers of one single flight, whose work waits until it is let through.
    #[derive(Default)]
    struct Callers {
        flights: SingleFlight<u8, usize>,
        begun: AtomicUsize,
        open: AtomicBool,
        kept: Mutex<Option<usize>>,
    }

    impl Callers {
        /// Calls, and yields the number of the work whose result it got. `keeps` says whether a result is kept.
        fn call(self: &Arc<Self>, key: u8, keeps: bool) -> JoinHandle<usize> {
            let this = self.clone();
            tokio::spawn(async move {
                let work = async {
                    let number = this.begun.fetch_add(1, Ordering::SeqCst) + 1;
                    while !this.open.load(Ordering::SeqCst) {
                        yield_now().await;
                    }
                    number
                };
                let found = || *unpoisoned(&this.kept);
                let keep = |result: &usize| {
                    if keeps {
                        *unpoisoned(&this.kept) = Some(*result);
                    }
                };
                this.flights.join(key, found, work, keep).await
            })
        }

        fn begun(&self) -> usize {
            self.begun.load(Ordering::SeqCst)
        }

        fn open(&self) {
            self.open.store(true, Ordering::SeqCst);
        }
    }

    /// Lets every caller go as far as it can. A caller that is never woken fails the test by its timeout.
    fn run(test: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async { tokio::time::timeout(Duration::from_secs(10), test).await.unwrap() });
    }

    async fn all_wait() {
        for _ in 0..50 {
            yield_now().await;
        }
    }

    #[test]
    fn of_any_number_of_callers_one_works_and_all_get_its_result() {
        run(async {
            let callers = Arc::new(Callers::default());
            let waiting: Vec<_> = (0..20).map(|_| callers.call(1, false)).collect();
            all_wait().await;
            assert_eq!((callers.begun(), callers.flights.len()), (1, 1));
            callers.open();
            for caller in waiting {
                assert_eq!(caller.await.unwrap(), 1);
            }
            assert_eq!((callers.begun(), callers.flights.len()), (1, 0));
            // What is not kept is done again.
            assert_eq!(callers.call(1, false).await.unwrap(), 2);
        });
    }

    #[test]
    fn callers_with_another_key_do_not_wait() {
        run(async {
            let callers = Arc::new(Callers::default());
            let waiting: Vec<_> = (0..6).map(|n| callers.call(n % 3, false)).collect();
            all_wait().await;
            assert_eq!((callers.begun(), callers.flights.len()), (3, 3));
            callers.open();
            for (n, caller) in waiting.into_iter().enumerate() {
                assert_eq!(caller.await.unwrap(), n % 3 + 1);
            }
        });
    }

    #[test]
    fn where_the_leader_is_dropped_one_follower_takes_over() {
        run(async {
            let callers = Arc::new(Callers::default());
            let leader = callers.call(1, false);
            all_wait().await;
            let followers: Vec<_> = (0..5).map(|_| callers.call(1, false)).collect();
            all_wait().await;
            leader.abort();
            all_wait().await;
            assert_eq!((callers.begun(), callers.flights.len()), (2, 1));
            callers.open();
            for follower in followers {
                assert_eq!(follower.await.unwrap(), 2);
            }
            assert_eq!((callers.begun(), callers.flights.len()), (2, 0));
        });
    }

    #[test]
    fn a_result_that_is_kept_needs_no_work() {
        run(async {
            let callers = Arc::new(Callers::default());
            callers.open();
            for _ in 0..3 {
                assert_eq!(callers.call(1, true).await.unwrap(), 1);
            }
            assert_eq!((callers.begun(), callers.flights.len()), (1, 0));
        });
    }

    proptest! {
        #[test]
        fn whoever_is_dropped_all_others_get_the_result_of_one_work(
            callers in 1..8_usize,
            dropped in prop::collection::vec(0..8_usize, 0..8),
            keeps in any::<bool>(),
        ) {
            run(async {
                let all = Arc::new(Callers::default());
                let mut waiting: Vec<_> = (0..callers).map(|_| Some(all.call(1, keeps))).collect();
                all_wait().await;
                let mut aborted = 0;
                for index in dropped {
                    if let Some(caller) = waiting.get_mut(index).and_then(Option::take) {
                        caller.abort();
                        aborted += 1;
                        all_wait().await;
                        assert_eq!(all.flights.len(), usize::from(aborted < callers), "one works, if anybody is left");
                    }
                }
                assert!(all.begun() <= aborted + 1);
                let last = all.begun();
                all.open();
                for caller in waiting.into_iter().flatten() {
                    assert_eq!(caller.await.unwrap(), last);
                }
                assert_eq!(all.flights.len(), 0);
            });
        }
    }
}
