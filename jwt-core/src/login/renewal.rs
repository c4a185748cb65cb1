//! Logins that the middleware renews: of any number of requests at once with the same refresh token, one renews.

use std::fmt;

use super::{Login, LoginError};
use crate::single_flight::SingleFlight;

/// The renewals under way, by their refresh token.
#[derive(Default)]
pub(super) struct Renewals(SingleFlight<Box<[u8]>, Result<Login, LoginError>>);

impl Renewals {
    /// The result of `renew`, or that of another request with the same token. No result is kept: who comes later asks the
    /// store.
    pub(super) async fn join(
        &self,
        token: &[u8],
        renew: impl Future<Output = Result<Login, LoginError>>,
    ) -> Result<Login, LoginError> {
        self.0.join(token.into(), || None, renew, |_| ()).await
    }
}

impl fmt::Debug for Renewals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} renewals", self.0.len())
    }
}
