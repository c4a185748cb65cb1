//! Why a token could not be exchanged.

use crate::config_error::debug_as_display;
use crate::transport::TransportError;

/// Why a token could not be exchanged.
#[derive(Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ExchangeError {
    /// The authorization server refused the exchange (RFC 6749 §5.2).
    #[error("the authorization server refused: {0}")]
    Refused(OAuthErrorCode),
    /// The response has this status, and no `error` of an authorization server in it.
    #[error("the response of the token endpoint has status {0}")]
    Status(u16),
    /// The HTTP client failed.
    #[error("{0}")]
    Transport(TransportError),
    /// The response is not that of RFC 8693 §2.2.1.
    #[error("the response is not that of a token exchange (RFC 8693 §2.2.1)")]
    Malformed,
    /// The new token is not a bearer token, or not an access token.
    #[error("the new token is not a bearer access token")]
    TokenType,
    /// The new token is not bound to the key of this service, which it should be, or it is although it should not be.
    #[error(
        "`token_type` of the new token is not what was asked for: `DPoP` with `.dpop(…)` and a proof in the request to the token endpoint, else `Bearer`"
    )]
    Binding,
    /// No proof could be signed for the token endpoint.
    #[error("a DPoP proof for the token endpoint could not be signed")]
    Proof,
}

impl ExchangeError {
    /// An error of the HTTP client.
    pub fn transport(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Transport(TransportError::new(error))
    }
}

/// The `error` in the response of a token endpoint (RFC 6749 §5.2, RFC 8693 §2.2.2).
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OAuthErrorCode {
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
    /// A code that is in neither standard.
    #[error("a code of its own")]
    Other,
}

impl OAuthErrorCode {
    pub(crate) fn of(error: &str) -> Self {
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

debug_as_display!(ExchangeError, OAuthErrorCode);
