//! Why the authentication of the user does not do, and what would (RFC 9470).

use std::sync::Arc;
use std::time::Duration;

use super::Mismatch;

/// Why the authentication of the user, as its token tells it, does not do for a request (RFC 9470 §3). The client is told
/// what would, by `acr_values` and `max_age` in the challenge, and has the user authenticate again for a token that says so.
///
/// In the texts, what came from the token is debug text of at most 128 characters. They are for the log.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}", self.shortfall())]
pub struct StepUpError(Box<(Shortfall, Arc<str>)>);

impl StepUpError {
    pub(crate) fn new(shortfall: Shortfall, parameters: Arc<str>) -> Self {
        Self(Box::new((shortfall, parameters)))
    }

    /// What is wrong with the authentication.
    pub fn shortfall(&self) -> &Shortfall {
        &self.0.0
    }

    /// What the challenge has beside the error code: `acr_values="…"` and `max_age="…"`, in seconds, each where the guard asks
    /// for it (RFC 9470 §3).
    pub fn parameters(&self) -> &str {
        &self.0.1
    }
}

/// What is wrong with the authentication of a user.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Shortfall {
    /// `acr` is missing, or none of the values that are needed.
    #[error("`acr` is {0}")]
    Acr(Mismatch),
    /// `auth_time` is missing.
    #[error("`auth_time` is missing, which says when the user authenticated: have the issuer add it")]
    NoTime,
    /// `acr` is no string, or `auth_time` no number of seconds since 1970.
    #[error("claim `{0}` has the wrong type")]
    Type(&'static str),
    /// The user authenticated longer ago than allowed, by `auth_time`.
    #[error("the user authenticated too long ago, by {} s and by `auth_time`", by.as_secs())]
    TooOld {
        /// The time beyond what is allowed.
        by: Duration,
    },
    /// The user authenticated later than now and the leeway, by `auth_time`.
    #[error("the user authenticates in {} s, by `auth_time`", early.as_secs())]
    InFuture {
        /// The time until `auth_time`.
        early: Duration,
    },
}
