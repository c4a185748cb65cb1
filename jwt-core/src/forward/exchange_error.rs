//! Why a token could not be exchanged.

use crate::transport::TransportError;

/// Why a token could not be exchanged.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ExchangeError {
    /// The authorization server says no (RFC 6749 §5.2).
    #[error("the authorization server refuses: {0}")]
    Refused(Refusal),
    /// An answer with this status, and no word of the authorization server in it.
    #[error("the answer has status {0}")]
    Status(u16),
    /// The HTTP client could not do it.
    #[error("{0}")]
    Transport(TransportError),
    /// Not an answer of RFC 8693 §2.2.1.
    #[error("the answer is not that of a token exchange")]
    Malformed,
    /// The new token is no bearer token, or no access token.
    #[error("the new token is no bearer access token")]
    TokenType,
}

impl ExchangeError {
    /// What the HTTP client says.
    pub fn transport(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Transport(TransportError::new(error))
    }
}

/// The `error` of a token endpoint (RFC 6749 §5.2, RFC 8693 §2.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The user's token is not good, or another parameter is not.
    #[error("invalid_request")]
    InvalidRequest,
    /// The credentials of this service are not good.
    #[error("invalid_client")]
    InvalidClient,
    /// The user's token is not good, at servers that say so in this way.
    #[error("invalid_grant")]
    InvalidGrant,
    /// This service may not exchange tokens.
    #[error("unauthorized_client")]
    UnauthorizedClient,
    /// The server does not exchange tokens.
    #[error("unsupported_grant_type")]
    UnsupportedGrantType,
    /// A scope is unknown, or more than the user has.
    #[error("invalid_scope")]
    InvalidScope,
    /// No tokens for this audience.
    #[error("invalid_target")]
    InvalidTarget,
    /// Another word than those of the standards.
    #[error("for a reason of its own")]
    Other,
}

impl Refusal {
    pub(super) fn of(error: &str) -> Self {
        match error {
            "invalid_request" => Self::InvalidRequest,
            "invalid_client" => Self::InvalidClient,
            "invalid_grant" => Self::InvalidGrant,
            "unauthorized_client" => Self::UnauthorizedClient,
            "unsupported_grant_type" => Self::UnsupportedGrantType,
            "invalid_scope" => Self::InvalidScope,
            "invalid_target" => Self::InvalidTarget,
            _ => Self::Other,
        }
    }
}
