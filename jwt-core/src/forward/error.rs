//! Why a token is not passed on.

use super::ExchangeError;

/// Why a token is not passed on. The call should not be made then.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ForwardError {
    /// The address is not on one of the targets, or is no absolute address.
    #[error("not an address of a target: tokens go to the origins that `.target(…)` names and nowhere else")]
    NotATarget,
    /// The outgoing request has an `Authorization` of its own already.
    #[error("the request has an `Authorization` already: take it out, or do not hand over a token")]
    AlreadyAuthorized,
    /// The token, or the one that it was exchanged for, ends before the call would be through. The client needs a new
    /// one.
    #[error("the token ends too soon to be passed on")]
    Expiring,
    /// It could not be exchanged.
    #[error("the token could not be exchanged: {0}")]
    Exchange(#[from] ExchangeError),
    /// The exchange yielded a token that no header field can carry.
    #[error("the exchange yielded a token that no header field can carry")]
    Unsendable,
}
