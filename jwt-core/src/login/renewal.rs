//! An access token that has run out, renewed on the way of a request.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OnceCell;

use super::{Login, LoginError};

/// Renewals under way, by their refresh token: of any number of requests at once, one renews, and all get what it got.
#[derive(Default)]
pub(super) struct Renewals(Mutex<HashMap<Box<[u8]>, Flight>>);

#[derive(Default)]
struct Flight {
    landing: Arc<Landing>,
    passengers: usize,
}

type Landing = OnceCell<Result<Login, LoginError>>;

impl Renewals {
    /// What comes of `renew`, or of that of another request with the same token. Where the one that renews goes away, the
    /// next one takes its place.
    pub(super) async fn join(
        &self,
        token: &[u8],
        renew: impl Future<Output = Result<Login, LoginError>>,
    ) -> Result<Login, LoginError> {
        let passenger = self.board(token);
        passenger.landing.get_or_init(|| renew).await.clone()
    }

    fn board<'r>(&'r self, token: &'r [u8]) -> Passenger<'r> {
        let mut flights = self.lock();
        let flight = flights.entry(token.into()).or_default();
        flight.passengers += 1;
        Passenger { renewals: self, token, landing: flight.landing.clone() }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Box<[u8]>, Flight>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Renewals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} renewals", self.lock().len())
    }
}

struct Passenger<'r> {
    renewals: &'r Renewals,
    token: &'r [u8],
    landing: Arc<Landing>,
}

impl Drop for Passenger<'_> {
    /// The last one forgets the flight. Whoever comes later asks the store.
    fn drop(&mut self) {
        let mut flights = self.renewals.lock();
        let Some(flight) = flights.get_mut(self.token) else { return };
        flight.passengers -= 1;
        if flight.passengers == 0 {
            flights.remove(self.token);
        }
    }
}
