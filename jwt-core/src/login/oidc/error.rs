//! Why somebody who came from a provider is not logged in.

use http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};

use crate::config_error::debug_as_display;
use crate::error::{AuthError, CheckError};
use crate::facade::tracing;
use crate::forward::OAuthErrorCode;
use crate::key::FetchError;
use crate::login::{BodyError, LoginError};

/// Why a sign-in with an identity provider did not begin, or did not end in a login. Nothing of codes, tokens and credentials
/// is in it.
///
/// `Debug` says what `Display` says.
#[derive(Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ProviderError {
    /// `return_to` is not a path of this host: 400.
    #[error(
        "`return_to` is no path of this host: it begins with one `/`, is not below the routes of logins, is ASCII without white space and backslash, and has 1024 bytes at most"
    )]
    ReturnTo,
    /// No navigation of a browser began it, but an image or a script of a page: 403.
    #[error(
        "a sign-in begins with a navigation of the browser, such as a link, and not with a request of a page (`Sec-Fetch-Mode`)"
    )]
    NoNavigation,
    /// The answer of the provider is not one, or has a parameter twice: 400.
    #[error(
        "the answer of the provider has no `state`, not one of `code` and `error`, or a parameter twice (RFC 6749 §4.1.2)"
    )]
    Answer,
    /// The body of the answer is not read: 400, 413 or 415.
    #[error("{0}")]
    Body(BodyError),
    /// This browser has no sign-in under way that has this `state`: 400.
    #[error(
        "the answer is to no sign-in that this browser has under way here: it began in another browser, is over, or took longer than ten minutes; or another instance began it, which has no `.cookie_secret(…)` in common with this one"
    )]
    UnknownFlow,
    /// `iss` of the answer is not the provider that was asked, or is missing although the provider always sends it (RFC 9207
    /// §2.4): 400.
    #[error("the answer names another provider in `iss` than the one that was asked, or none (RFC 9207 §2.4)")]
    OtherIssuer,
    /// The provider says that nobody signs in, because the user has cancelled for instance: 403.
    #[error("the provider says that nobody signs in: {0}")]
    Refused(RefusedSignIn),
    /// The provider cannot be asked, or does not answer as the standards say: 503.
    #[error("{0}")]
    Unavailable(#[from] FetchError),
    /// The metadata of the provider lack an endpoint, or have one that is not https: 503.
    #[error("the metadata of the provider has no `{endpoint}`, or one that is no https address")]
    Endpoint {
        /// The name of the endpoint in the metadata.
        endpoint: &'static str,
    },
    /// An endpoint of the provider refuses what this service asks for. 400 for `invalid_grant`: the code is used or too old;
    /// otherwise 500, since it is for the operator to fix.
    #[error(
        "the provider refuses the request of this service: {0}; are identifier, secret and redirect URI those that it knows?"
    )]
    RefusedRequest(OAuthErrorCode),
    /// The answer of an endpoint is not what the standard says: 503.
    #[error("the answer of the provider is not that of a {endpoint} (RFC 6749 §5.1, RFC 9126 §2.2)")]
    Malformed {
        /// The name of the endpoint in the metadata.
        endpoint: &'static str,
    },
    /// The ID token is not good: 400; 503 where the keys of the provider cannot be had.
    #[error("the ID token is not good: {0}")]
    IdToken(AuthError),
    /// The user has not authenticated as is demanded by `acr`: 403.
    #[error("`acr` of the ID token is none of those that `.require_acr(…)` demands")]
    Acr,
    /// The application has refused the user: 403.
    #[error("the application does not log this user in")]
    Denied,
    /// The application could not say who it is: 503.
    #[error("the application could not say who it is: {0}")]
    Application(CheckError),
    /// The login could not start.
    #[error("{0}")]
    Login(#[from] LoginError),
    /// The refresh token that is kept for a login cannot be decrypted. Only in the log.
    #[error(
        "the refresh token that is kept for a login cannot be decrypted: is the secret that it was encrypted with still among those of `.keep_refresh_token(…)`?"
    )]
    KeptToken,
    /// A random number or a signature could not be had: 503.
    #[error("no random numbers, or no signature, for a sign-in")]
    Random,
}

debug_as_display!(ProviderError);

impl ProviderError {
    /// What the client learns: a status, and an error code of RFC 6749 §4.1.2.1 and §5.2.
    fn told(&self) -> (StatusCode, &'static str) {
        match self {
            Self::Body(BodyError::TooLong) => (StatusCode::PAYLOAD_TOO_LARGE, "invalid_request"),
            Self::Body(BodyError::MediaType) => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "invalid_request"),
            Self::ReturnTo
            | Self::Answer
            | Self::Body(_)
            | Self::UnknownFlow
            | Self::OtherIssuer
            | Self::Refused(RefusedSignIn::Other) => (StatusCode::BAD_REQUEST, "invalid_request"),
            Self::Refused(RefusedSignIn::Unavailable)
            | Self::IdToken(AuthError::Unavailable(_))
            | Self::Unavailable(_)
            | Self::Endpoint { .. }
            | Self::Malformed { .. }
            | Self::Application(_)
            | Self::KeptToken
            | Self::Random => (StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable"),
            Self::NoNavigation | Self::Refused(_) | Self::Acr | Self::Denied => {
                (StatusCode::FORBIDDEN, "access_denied")
            }
            Self::IdToken(_) | Self::RefusedRequest(OAuthErrorCode::InvalidGrant) => {
                (StatusCode::BAD_REQUEST, "invalid_grant")
            }
            Self::RefusedRequest(_) => (StatusCode::INTERNAL_SERVER_ERROR, "server_error"),
            Self::Login(error) => (error.status(), "server_error"),
        }
    }

    /// The status of [`response`](Self::response). Logs nothing.
    pub fn status(&self) -> StatusCode {
        self.told().0
    }

    fn log(&self) {
        match self {
            Self::OtherIssuer | Self::IdToken(AuthError::InvalidToken(_)) => {
                tracing::warn!(target: "jwt", reason = %self, "an answer to a sign-in that its provider did not give");
            }
            Self::Login(error) => error.log(),
            _ if self.status().is_server_error() || matches!(self, Self::Refused(RefusedSignIn::Other)) => {
                tracing::error!(target: "jwt", reason = %self, "sign-in with a provider failed");
            }
            _ => tracing::info!(target: "jwt", reason = %self, "sign-in with a provider refused"),
        }
    }

    /// The response for the browser, as JSON: 400, 403, 413, 415, 500, or 503 with `Retry-After`. Logs the reason.
    pub fn response(&self) -> Response<String> {
        if let Self::Login(error) = self {
            return error.response();
        }
        self.log();
        let (status, error) = self.told();
        let mut response = Response::new(format!("{{\"error\":\"{error}\"}}"));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }

    /// The response that leads to a page of this host, which learns the code in `error`. Logs the reason.
    pub(super) fn leading_to(&self, page: &str) -> Response<String> {
        let (_, error) = self.told();
        let separator = if page.contains('?') { '&' } else { '?' };
        let Ok(location) = HeaderValue::try_from(format!("{page}{separator}error={error}")) else {
            return self.response();
        };
        self.log();
        let mut response = Response::default();
        *response.status_mut() = StatusCode::SEE_OTHER;
        response.headers_mut().insert(LOCATION, location);
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }

    /// Whether the same answer of the provider may be good a moment later.
    pub(super) fn may_pass(&self) -> bool {
        self.status() == StatusCode::SERVICE_UNAVAILABLE
    }
}

/// Why a provider says that nobody signs in (RFC 6749 §4.1.2.1, OpenID Connect Core 1.0 §3.1.2.6).
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RefusedSignIn {
    /// The user or the provider has refused: `access_denied`.
    #[error("access_denied")]
    AccessDenied,
    /// The user would have to do something, and was not to be asked: `login_required`, `consent_required`,
    /// `interaction_required`, `account_selection_required`.
    #[error("somebody has to be asked, and nobody may be (`prompt=none`)")]
    InteractionRequired,
    /// The user has not authenticated as is demanded: `unmet_authentication_requirements`.
    #[error("unmet_authentication_requirements")]
    UnmetRequirements,
    /// The provider has trouble: `server_error`, `temporarily_unavailable`.
    #[error("the provider has trouble")]
    Unavailable,
    /// Something is wrong with what this service has asked for, such as a scope.
    #[error("something is wrong with what was asked for: are scopes and parameters those that the provider knows?")]
    Other,
}

debug_as_display!(RefusedSignIn);

impl RefusedSignIn {
    pub(super) fn of(error: &str) -> Self {
        match error {
            "access_denied" | "user_cancelled_authorize" | "user_cancelled_login" => Self::AccessDenied,
            "login_required" | "consent_required" | "interaction_required" | "account_selection_required" => {
                Self::InteractionRequired
            }
            "unmet_authentication_requirements" => Self::UnmetRequirements,
            "server_error" | "temporarily_unavailable" => Self::Unavailable,
            _ => Self::Other,
        }
    }
}
