//! Why a logout from elsewhere is refused or not carried out: for the log, and for the provider.

use http::header::{ALLOW, CACHE_CONTROL, CONTENT_LANGUAGE, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};

use crate::config_error::debug_as_display;
use crate::error::{AuthError, CheckError, TokenError};
use crate::login::BodyError;
use crate::store::StoreError;

/// By which standard a token came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Delivery {
    /// OpenID Connect Back-Channel Logout 1.0.
    LogoutToken,
    /// RFC 8935.
    SecurityEvent,
}

impl Delivery {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::LogoutToken => "logout_token",
            Self::SecurityEvent => "security_event",
        }
    }
}

/// Why a logout from elsewhere is refused, or could not be carried out. For the log: the provider learns a code.
#[derive(Clone, thiserror::Error)]
#[non_exhaustive]
pub enum LogoutError {
    /// Another method than POST: 405.
    #[error("not a POST")]
    Method,
    /// The body is too long, broke off, or is of another media type: 413, 400, 415.
    #[error("{0}")]
    Body(BodyError),
    /// The form does not have exactly one `logout_token`.
    #[error("the form does not have exactly one `logout_token`")]
    Form,
    /// The token is not good, or could not be verified at the moment.
    #[error("{0}")]
    Token(#[from] AuthError),
    /// `typ` is another one: the token is of another kind.
    #[error("`typ` is not `{expected}`")]
    Type {
        /// What it has to be.
        expected: &'static str,
    },
    /// A claim is missing.
    #[error("claim `{0}` is missing")]
    Missing(&'static str),
    /// A claim is not as the standard has it.
    #[error("claim `{0}` is not as its standard says")]
    Claim(&'static str),
    /// `nonce`, which no logout token has (Back-Channel Logout 1.0 §2.4).
    #[error("there is a `nonce`: an ID token is no logout token")]
    Nonce,
    /// `iat` is too long ago.
    #[error("`iat` is too long ago")]
    TooOld,
    /// `iat` is in the future.
    #[error("`iat` is in the future")]
    InFuture,
    /// Another token had the same `jti`.
    #[error("another token had the same `jti`")]
    Reused,
    /// The subject has a format that is not known here.
    #[error("the format of the subject is none of `iss_sub`, `email`, `opaque` and `complex`")]
    SubjectFormat,
    /// The user of another issuer.
    #[error(
        "the subject is of another issuer than this provider may speak of: if it may, name the issuer by `.users_of(…)`"
    )]
    ForeignSubject,
    /// Nobody here knows which user of the provider that is.
    #[error("nobody knows which `sub` the user has: give the receiver a `.resolve(…)`")]
    Unresolved,
    /// The field `Authorization` is not the one that was agreed on.
    #[error("`Authorization` is not as agreed with the provider")]
    Unauthenticated,
    /// The store failed.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// What the application was asked failed.
    #[error("the application could not: {0}")]
    Application(CheckError),
}

debug_as_display!(LogoutError);

impl LogoutError {
    /// Whether the provider should try again, since nothing is wrong with what it sent.
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Token(AuthError::Unavailable(_)) | Self::Store(_) | Self::Application(_))
    }

    /// The code of RFC 8935 §2.4, and what it means.
    fn code(&self) -> (&'static str, &'static str) {
        match self {
            Self::Token(AuthError::InvalidToken(error)) => match error {
                TokenError::UnknownKey
                | TokenError::UnusableKey(_)
                | TokenError::Signature
                | TokenError::UnknownAlgorithm
                | TokenError::AlgorithmNotAllowed(_)
                | TokenError::AlgorithmAssumed { .. }
                | TokenError::Unsecured
                | TokenError::Encrypted => ("invalid_key", "The signature cannot be verified."),
                TokenError::Issuer(_) => ("invalid_issuer", "The issuer is not known here."),
                TokenError::Audience(_) => ("invalid_audience", "The token is for somebody else."),
                TokenError::MissingClaim(claim) if &**claim == "aud" => {
                    ("invalid_audience", "The token does not say whom it is for.")
                }
                _ => ("invalid_request", "The token is not valid."),
            },
            Self::ForeignSubject => ("access_denied", "The subject is of another issuer."),
            Self::Unauthenticated => ("authentication_failed", "The sender is not authenticated."),
            _ if self.is_temporary() => ("temporarily_unavailable", "Not possible at the moment, try again."),
            _ => ("invalid_request", "The request is not valid."),
        }
    }

    fn status(&self, delivery: Option<Delivery>) -> StatusCode {
        match self {
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Body(BodyError::TooLong) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Body(BodyError::MediaType) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            // Back-Channel Logout §2.8: 400 also where the logout has failed.
            _ if self.is_temporary() && delivery != Some(Delivery::LogoutToken) => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    /// For the provider.
    pub(super) fn response(&self, delivery: Option<Delivery>) -> Response<String> {
        let (code, description) = self.code();
        let (error, text) = match delivery {
            // RFC 8935 §2.3.
            Some(Delivery::SecurityEvent) => ("err", "description"),
            _ => ("error", "error_description"),
        };
        let code =
            if delivery == Some(Delivery::LogoutToken) && !self.is_temporary() { "invalid_request" } else { code };
        let mut response = Response::new(format!("{{\"{error}\":\"{code}\",\"{text}\":\"{description}\"}}"));
        *response.status_mut() = self.status(delivery);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CONTENT_LANGUAGE, HeaderValue::from_static("en"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if matches!(self, Self::Method) {
            headers.insert(ALLOW, HeaderValue::from_static("POST"));
        }
        if self.is_temporary() {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}
