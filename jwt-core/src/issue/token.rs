//! An access token that was just signed.

use std::fmt;
use std::time::Duration;

use crate::clock::NumericDate;

/// An access token that was just signed. `Debug` does not show it.
#[derive(Clone)]
pub struct AccessToken {
    token: String,
    token_id: String,
    expires_at: NumericDate,
    lifetime: Duration,
}

impl AccessToken {
    pub(super) fn new(token: String, token_id: String, expires_at: NumericDate, lifetime: Duration) -> Self {
        Self { token, token_id, expires_at, lifetime }
    }

    /// The compact token. Treat it as a password: whoever holds it can act as the user.
    pub fn as_str(&self) -> &str {
        &self.token
    }

    /// `jti`: the name of the token, 128 random bits.
    pub fn token_id(&self) -> &str {
        &self.token_id
    }

    /// `exp`: when the token expires.
    pub fn expires_at(&self) -> NumericDate {
        self.expires_at
    }

    /// How long the token is good, counted from when it was signed.
    pub fn expires_in(&self) -> Duration {
        self.lifetime
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessToken")
            .field("token_id", &self.token_id)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}
