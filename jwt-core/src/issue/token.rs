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
    bound: bool,
}

impl AccessToken {
    pub(super) fn new(
        token: String,
        token_id: String,
        expires_at: NumericDate,
        lifetime: Duration,
        bound: bool,
    ) -> Self {
        Self { token, token_id, expires_at, lifetime, bound }
    }

    /// The compact token. Treat it as a password: whoever holds it can act as the user, unless it [is bound](Self::is_bound).
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

    /// Whether the token is bound to a key of its client, and of no use without a proof by that key (RFC 9449).
    pub fn is_bound(&self) -> bool {
        self.bound
    }

    /// Under which scheme a client sends it: `DPoP` (RFC 9449 §5) where it is bound, otherwise `Bearer` (RFC 6750).
    pub fn token_type(&self) -> &'static str {
        if self.bound { "DPoP" } else { "Bearer" }
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
