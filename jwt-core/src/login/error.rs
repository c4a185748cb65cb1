//! Why there is no login: the errors, their responses and their log events.

use std::time::Duration;

use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};

use super::proof::RefusedProof;
use super::{BodyError, DeviceError};
use crate::answer::DPOP_NONCE;
use crate::config_error::debug_as_display;
use crate::error::{AuthError, CheckError, Unavailable};
use crate::facade::tracing;
use crate::issue::IssueError;
use crate::session::refresh::RefreshError;
use crate::store::StoreError;

/// Why there is no login, or no refresh of one. [`response`](Self::response) is what the client gets.
#[derive(Clone, thiserror::Error)]
#[non_exhaustive]
pub enum LoginError {
    /// The claims have no `sub`, or one that is not a string.
    #[error("the claims have no `sub`: a login is remembered under it, so add one, a string")]
    NoSubject,
    /// The reloaded claims have another `sub` than those of the login.
    #[error(
        "the reloaded claims are about somebody else: `.reload(…)`, or the function of a provider, must yield claims with the `sub` of the login"
    )]
    OtherSubject,
    /// The claims have a `sid`.
    #[error("the claims have a `sid`, which names the login and is set here: give the other one another name")]
    SessionId,
    /// A claim of the login is there twice, or one of the user as well.
    #[error(
        "the claim `{claim}` is there twice, by `.claim(…)` or in the claims of the user: give it another name, or leave one out"
    )]
    ClaimTwice {
        /// The name of the claim.
        claim: Box<str>,
    },
    /// A setting of a login was given twice.
    #[error("`.{setting}(…)` is called twice for one login: keep one call")]
    SetTwice {
        /// The setting.
        setting: &'static str,
    },
    /// A login would be remembered for longer than refresh tokens last, or not at all.
    #[error(
        "`.remember_for({time:?})` is not between a second and the {most:?} of the refresh tokens: change it, or their `.absolute_timeout(…)`"
    )]
    RememberedFor {
        /// The time that was asked for.
        time: Duration,
        /// The longest.
        most: Duration,
    },
    /// A request to log in has a method that changes nothing, which a link on any site can make: 405.
    #[error("a login by a method that changes nothing, which a link on any site can make: route it by POST")]
    Method,
    /// A handler asks for a login attempt where no layer has put one.
    #[error(
        "no LoginRoutes around this route: add `.layer(LoginRoutes::new(…))` (Tower) or `.wrap(LoginRoutes::new(…))` (actix-web)"
    )]
    MissingRoutes,
    /// A browser is to keep a login that is kept out of cookies.
    #[error(
        "these logins are kept out of cookies, by `.without_cookies()`: answer with `Login::json` of `Logins::log_in`, or leave that setting out"
    )]
    NoCookies,
    /// The body of the request is not read.
    #[error("{0}")]
    Body(#[from] BodyError),
    /// The proof in `DPoP` is not good.
    #[error("{0}")]
    Proof(#[from] RefusedProof),
    /// There is no proof, and the login is bound to a key, or has to be.
    #[error(
        "no proof in `DPoP`: the login is bound to a key, or has to be by `.require_dpop()`; the handler passes the request by `.proof_from(…)` or `refresh_with_proof(…)`"
    )]
    ProofMissing,
    /// The proof is by another key than the one that the login is bound to.
    #[error("the refresh token is bound to another key than that of the proof")]
    OtherKey,
    /// A proof comes with a request for cookies, whose tokens cannot be bound to a key.
    #[error(
        "a proof in `DPoP` with a login in cookies, which cannot be bound to a key: have the client log in by JSON, or send no proof"
    )]
    ProofInCookies,
    /// A login in cookies, where tokens have to be bound to a key.
    #[error("a login in cookies, which cannot be bound to a key as `.require_dpop()` demands: log in by JSON")]
    CookiesUnbound,
    /// The login is bound to a key of its browser, which alone refreshes it: feature `device`.
    #[error(
        "the login is bound to a key of its browser, which refreshes it by itself: whoever has a copy of the refresh token gets nothing"
    )]
    BoundToDevice,
    /// A browser could not bind the login to its key, or not refresh it.
    #[error("{0}")]
    Device(#[from] DeviceError),
    /// Nobody can say whether the proof was used before.
    #[error("{0}")]
    ProofsUnavailable(Unavailable),
    /// The access token could not be signed.
    #[error("{0}")]
    Issue(#[from] IssueError),
    /// The request has no refresh token or several, or a page of another site may have made it.
    #[error("{0}")]
    Request(AuthError),
    /// The claims could not be reloaded. The client may try again with the same refresh token.
    #[error("the claims could not be reloaded: {0}")]
    Reload(CheckError),
    /// The provider that the user has signed in with has not said for too long whether the login goes on: feature `oidc`. The
    /// client may try again with the same refresh token.
    #[error(
        "the provider has not said for too long whether the login goes on: see `.stale_if_error(…)`, and the event of its failure"
    )]
    ProviderUnavailable,
    /// The refresh token is not good, or the store failed.
    #[error("{0}")]
    Refresh(#[from] RefreshError),
    /// The store failed.
    #[error("{0}")]
    Store(#[from] StoreError),
}

debug_as_display!(LoginError);

impl From<AuthError> for LoginError {
    fn from(error: AuthError) -> Self {
        Self::Request(error)
    }
}

impl LoginError {
    /// A login, a renewal or a logout did not happen.
    pub(super) fn log(&self) {
        match self {
            // The page of another site is in the log already.
            Self::Request(AuthError::CrossSite(_)) => {}
            Self::Refresh(RefreshError::Reused(_)) => {
                tracing::warn!(target: "jwt", reason = %self, "a sign-in was ended, since somebody may have a copy of its token");
            }
            Self::OtherKey | Self::BoundToDevice | Self::Device(DeviceError::Proof(_)) => {
                tracing::warn!(target: "jwt", reason = %self, "login refused to whoever has a refresh token and not its key");
            }
            Self::Refresh(RefreshError::Malformed | RefreshError::Ended)
            | Self::Proof(_)
            | Self::ProofMissing
            | Self::ProofInCookies
            | Self::Device(_)
            | Self::Request(_)
            | Self::Method
            | Self::Body(_) => {
                tracing::info!(target: "jwt", reason = %self, "login refused");
            }
            _ => tracing::error!(target: "jwt", reason = %self, "login failed"),
        }
    }

    /// The response for the client (RFC 6749 §5.2): 400 `invalid_grant` for a refresh token that is not good, 400
    /// `invalid_request` where the request does not have exactly one, 403 where a page of another site may have made it, 503
    /// with `Retry-After` while the store, the claims, the provider or the signer of a
    /// [`RemoteSigningKey`](crate::issue::RemoteSigningKey) cannot be reached, and 500 for claims that cannot be signed. 405
    /// for a login by GET, and 400, 413 or 415 for a body that is not read. For a proof (RFC 9449 §5, §8) that is missing or not
    /// good, 400 `invalid_dpop_proof`; where it needs a nonce, 400 `use_dpop_nonce` with one in `DPoP-Nonce`; by another key
    /// than that of the login, 400 `invalid_grant`; with cookies, 400 `invalid_request`. It is JSON, with
    /// `Cache-Control: no-store`. Logs the reason.
    pub fn response(&self) -> Response<String> {
        self.log();
        let (status, error) = self.told();
        let mut response = Response::new(format!("{{\"error\":\"{error}\"}}"));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if matches!(self, Self::Method) {
            headers.insert(ALLOW, HeaderValue::from_static("POST"));
        }
        if let Self::Proof(refused) = self
            && let Some(nonce) = refused.nonce()
        {
            headers.insert(DPOP_NONCE, nonce.clone());
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }

    /// The status of [`response`](Self::response). Logs nothing.
    pub fn status(&self) -> StatusCode {
        self.told().0
    }

    /// What the client learns: a status, and an error code of RFC 6749 §5.2 and §4.1.2.1.
    fn told(&self) -> (StatusCode, &'static str) {
        match self {
            Self::Issue(IssueError::Signer(_)) => (StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable"),
            Self::Refresh(RefreshError::Malformed | RefreshError::Ended | RefreshError::Reused(_))
            | Self::OtherKey
            | Self::BoundToDevice
            | Self::Device(DeviceError::Proof(_)) => (StatusCode::BAD_REQUEST, "invalid_grant"),
            Self::Proof(refused) if refused.nonce().is_some() => (StatusCode::BAD_REQUEST, "use_dpop_nonce"),
            Self::Device(DeviceError::Challenge) => (StatusCode::FORBIDDEN, "invalid_grant"),
            Self::Proof(_) | Self::ProofMissing => (StatusCode::BAD_REQUEST, "invalid_dpop_proof"),
            Self::Request(AuthError::CrossSite(_) | AuthError::InvalidToken(_)) => {
                (StatusCode::FORBIDDEN, "access_denied")
            }
            Self::Body(BodyError::TooLong) => (StatusCode::PAYLOAD_TOO_LARGE, "invalid_request"),
            Self::Body(BodyError::MediaType) => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "invalid_request"),
            Self::Method => (StatusCode::METHOD_NOT_ALLOWED, "invalid_request"),
            Self::Request(_) | Self::Body(_) | Self::ProofInCookies | Self::Device(_) => {
                (StatusCode::BAD_REQUEST, "invalid_request")
            }
            Self::NoSubject
            | Self::OtherSubject
            | Self::SessionId
            | Self::ClaimTwice { .. }
            | Self::SetTwice { .. }
            | Self::RememberedFor { .. }
            | Self::MissingRoutes
            | Self::NoCookies
            | Self::CookiesUnbound
            | Self::Issue(_)
            | Self::Store(StoreError::Data) => (StatusCode::INTERNAL_SERVER_ERROR, "server_error"),
            Self::Refresh(RefreshError::Store(_))
            | Self::Store(_)
            | Self::Reload(_)
            | Self::ProviderUnavailable
            | Self::ProofsUnavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable"),
        }
    }
}
