//! Exchanged tokens, each kept until shortly before its end, and one exchange at a time for each of them.

use std::collections::HashMap;
use std::future::poll_fn;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::exchange::Received;
use super::exchange_error::ExchangeError;
use crate::clock::NumericDate;
use crate::verify::token::CompactToken;

/// Whose token, for which target.
#[derive(Clone)]
pub(super) struct Key {
    pub(super) token: CompactToken,
    pub(super) target: usize,
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.target == other.target && self.token.as_str() == other.token.as_str()
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.token.as_str().hash(state);
        self.target.hash(state);
    }
}

pub(super) struct Flights {
    state: Mutex<State>,
    max_kept: usize,
}

#[derive(Default)]
struct State {
    kept: HashMap<Key, Kept>,
    /// As many as requests that wait.
    flying: HashMap<Key, Arc<Flight>>,
}

struct Kept {
    received: Received,
    end: NumericDate,
}

/// An exchange that one request does and others wait for.
#[derive(Default)]
struct Flight(Mutex<Progress>);

#[derive(Default)]
enum Progress {
    #[default]
    Unknown,
    Waited(Vec<Waker>),
    Landed(Result<Received, ExchangeError>),
    /// Whoever did it is gone.
    Abandoned,
}

enum Place<'f> {
    Kept(Received),
    Passenger(Arc<Flight>),
    Pilot(Pilot<'f>),
}

impl Flights {
    pub(super) fn new(max_kept: usize) -> Self {
        Self { state: Mutex::default(), max_kept }
    }

    /// The token that is kept, or what comes of the exchange, done by this caller or by another one.
    pub(super) async fn obtain(
        &self,
        key: Key,
        usable: impl Fn(NumericDate) -> bool,
        exchange: impl Future<Output = Result<Received, ExchangeError>>,
    ) -> Result<Received, ExchangeError> {
        loop {
            match self.place(&key, &usable) {
                Place::Kept(received) => return Ok(received),
                Place::Passenger(flight) => {
                    if let Some(result) = poll_fn(|cx| flight.poll(cx)).await {
                        return result;
                    }
                }
                Place::Pilot(pilot) => {
                    let result = exchange.await;
                    pilot.land(&result, &usable);
                    return result;
                }
            }
        }
    }

    fn place(&self, key: &Key, usable: &impl Fn(NumericDate) -> bool) -> Place<'_> {
        let mut state = self.lock();
        if let Some(kept) = state.kept.get(key) {
            if usable(kept.end) {
                return Place::Kept(kept.received.clone());
            }
            state.kept.remove(key);
        }
        if let Some(flight) = state.flying.get(key) {
            return Place::Passenger(flight.clone());
        }
        let flight = Arc::<Flight>::default();
        state.flying.insert(key.clone(), flight.clone());
        Place::Pilot(Pilot { flights: self, key: key.clone(), flight })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        unpoisoned(&self.state)
    }
}

impl State {
    fn keep(&mut self, key: Key, kept: Kept, max: usize) {
        if max == 0 {
            return;
        }
        if self.kept.len() >= max {
            // The one that ends first makes room; those that have ended do before all others.
            let first = self.kept.iter().min_by_key(|(_, kept)| kept.end).map(|(key, _)| key.clone());
            first.and_then(|key| self.kept.remove(&key));
        }
        self.kept.insert(key, kept);
    }
}

impl Flight {
    /// What came of it; `None` where nothing did.
    fn poll(&self, cx: &mut Context<'_>) -> Poll<Option<Result<Received, ExchangeError>>> {
        let mut progress = unpoisoned(&self.0);
        match &mut *progress {
            Progress::Unknown => *progress = Progress::Waited(vec![cx.waker().clone()]),
            Progress::Waited(wakers) => {
                if !wakers.iter().any(|waker| waker.will_wake(cx.waker())) {
                    wakers.push(cx.waker().clone());
                }
            }
            Progress::Landed(result) => return Poll::Ready(Some(result.clone())),
            Progress::Abandoned => return Poll::Ready(None),
        }
        Poll::Pending
    }

    fn end(&self, with: Progress) {
        let before = std::mem::replace(&mut *unpoisoned(&self.0), with);
        if let Progress::Waited(wakers) = before {
            wakers.into_iter().for_each(Waker::wake);
        }
    }
}

/// Does the exchange, and makes room for another one where it is dropped before it is done.
struct Pilot<'f> {
    flights: &'f Flights,
    key: Key,
    flight: Arc<Flight>,
}

impl Pilot<'_> {
    fn land(self, result: &Result<Received, ExchangeError>, usable: &impl Fn(NumericDate) -> bool) {
        if let Ok(received) = result
            && let Some(end) = received.end
            && usable(end)
        {
            let kept = Kept { received: received.clone(), end };
            self.flights.lock().keep(self.key.clone(), kept, self.flights.max_kept);
        }
        self.end(Progress::Landed(result.clone()));
    }

    fn end(&self, with: Progress) {
        let mut state = self.flights.lock();
        let own = state.flying.get(&self.key).is_some_and(|flight| Arc::ptr_eq(flight, &self.flight));
        if own {
            state.flying.remove(&self.key);
            drop(state);
            self.flight.end(with);
        }
    }
}

impl Drop for Pilot<'_> {
    fn drop(&mut self) {
        // After a landing there is nothing left to end.
        self.end(Progress::Abandoned);
    }
}

/// What is behind these locks holds at every moment, so a panic elsewhere does not make it worse.
fn unpoisoned<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
