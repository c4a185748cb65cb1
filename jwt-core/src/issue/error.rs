//! Why an issuer does not sign, or does not change its keys.

use crate::error::RegisteredClaim;
use crate::key::SigningError;

/// Why there is no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IssueError {
    /// The claims do not serialize, not to a JSON object, or to one with a member twice.
    #[error("the claims do not serialize to a JSON object whose members have each a name of their own")]
    Claims,
    /// The claims have a member that the issuer sets itself.
    #[error("the claims bring `{0}`, which the issuer sets: leave it out of the type that is signed")]
    Collision(RegisteredClaim),
    /// The operating system gives no random numbers.
    #[error("the operating system gives no random numbers")]
    Random,
    /// The token could not be signed.
    #[error("{0}")]
    Signing(#[from] SigningError),
}

/// Why a key of an issuer stays what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RotationError {
    /// No published key has that name.
    #[error("no published key has that `kid`")]
    UnknownKid,
    /// Another key has that name already.
    #[error("another key has that `kid` already: give each key a name of its own, or none for its thumbprint")]
    DuplicateKid,
    /// The key signs at the moment.
    #[error("this key signs at the moment: activate another one first")]
    Active,
}
