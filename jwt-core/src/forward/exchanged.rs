//! Exchanged tokens, each kept until shortly before its end, and one exchange at a time for each of them.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::exchange::Received;
use super::exchange_error::ExchangeError;
use crate::clock::NumericDate;
use crate::single_flight::SingleFlight;
use crate::verify::CompactToken;

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

pub(super) struct ExchangedTokens {
    kept: Mutex<HashMap<Key, Kept>>,
    max_kept: usize,
    exchanges: SingleFlight<Key, Result<Received, ExchangeError>>,
}

struct Kept {
    received: Received,
    end: NumericDate,
}

impl ExchangedTokens {
    pub(super) fn new(max_kept: usize) -> Self {
        Self { kept: Mutex::default(), max_kept, exchanges: SingleFlight::default() }
    }

    /// The token that is kept, or the result of the exchange, which this caller or another one does.
    pub(super) async fn obtain(
        &self,
        key: Key,
        usable: impl Fn(NumericDate) -> bool,
        exchange: impl Future<Output = Result<Received, ExchangeError>>,
    ) -> Result<Received, ExchangeError> {
        let found = || self.find(&key, &usable).map(Ok);
        let keep = |result: &Result<Received, ExchangeError>| {
            if let Ok(received) = result
                && let Some(end) = received.end
                && usable(end)
            {
                self.keep(key.clone(), Kept { received: received.clone(), end });
            }
        };
        self.exchanges.join(key.clone(), found, exchange, keep).await
    }

    fn find(&self, key: &Key, usable: impl Fn(NumericDate) -> bool) -> Option<Received> {
        let mut kept = self.lock();
        let found = kept.get(key)?;
        if usable(found.end) {
            return Some(found.received.clone());
        }
        kept.remove(key);
        None
    }

    fn keep(&self, key: Key, token: Kept) {
        if self.max_kept == 0 {
            return;
        }
        let mut kept = self.lock();
        if kept.len() >= self.max_kept {
            // Drops the token that ends first; those that have ended come before all others.
            let first = kept.iter().min_by_key(|(_, kept)| kept.end).map(|(key, _)| key.clone());
            first.and_then(|key| kept.remove(&key));
        }
        kept.insert(key, token);
    }

    /// The map is whole at every moment, so a panic elsewhere does not make it worse.
    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
