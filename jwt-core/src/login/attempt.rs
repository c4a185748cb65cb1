//! Logging in with cookies: only for a request that no page of another site has made.

use std::fmt;

use http::header::{LOCATION, USER_AGENT};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use serde::Serialize;

use super::body::Media;
use super::proof::Proof;
use super::{Login, LoginError, Logins, NewLogin};
use crate::request::RequestHead;

/// A request that logs in and that no page of another site has made: the only way to a login in cookies. Extractors of the
/// adapters yield it, `SameOrigin`; elsewhere it is [`Logins::attempt`].
///
/// Without the check behind it, another site could log users in under an account of its own, and read later what they do
/// there (login CSRF).
///
/// ```
/// # use std::sync::Arc;
/// # use jwt_core::{Algorithm, Issuer, Logins, MemoryStore, RefreshTokens, SigningKey};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let key = SigningKey::generate(Algorithm::ES256)?;
/// # let issuer = Issuer::builder("https://auth.example.com").audience("api").signing_key(key).build()?;
/// # let logins = Logins::builder(issuer, RefreshTokens::builder(Arc::new(MemoryStore::new())).build()?).build()?;
/// let request = http::Request::post("/auth/login").header("sec-fetch-site", "same-origin").body(())?;
/// let attempt = logins.attempt(&request)?;
/// // After the password was checked:
/// let login = attempt.log_in(&serde_json::json!({"sub": "alice"})).await?;
/// assert_eq!(login.response().status(), 204); // with the cookies
///
/// let forged = http::Request::post("/auth/login").header("sec-fetch-site", "cross-site").body(())?;
/// assert_eq!(logins.attempt(&forged).unwrap_err().status(), 403);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct LoginAttempt {
    logins: Logins,
    label: Box<str>,
    by_form: bool,
    proof: Proof,
}

impl LoginAttempt {
    /// For adapters: the attempt of a request with this head, by the [`Logins`] that a layer has put into its extensions.
    ///
    /// # Errors
    /// As [`Logins::attempt`], and [`LoginError::MissingRoutes`] where no layer was there.
    pub fn of(logins: Option<&Logins>, head: &impl RequestHead) -> Result<Self, LoginError> {
        // First, since a layer puts nothing into requests that only read.
        if !changes(head) {
            return Err(LoginError::Method);
        }
        logins.ok_or(LoginError::MissingRoutes)?.attempt(head)
    }

    /// Starts a login with these claims, which must have a `sub`: after the application has checked who it is. Its label is
    /// the `User-Agent`. Awaited, it yields the cookies; [`NewLogin`] has settings for this one login.
    ///
    /// # Errors
    /// As [`Logins::log_in`]; [`LoginError::ProofInCookies`] where the request has a proof in `DPoP`: tokens in cookies are
    /// not bound to a key, and whoever sends a proof should know it.
    pub fn log_in<C: Serialize + ?Sized>(&self, claims: &C) -> NewLogin<BrowserLogin> {
        self.log_in_as(claims, &self.label)
    }

    /// The same with another label.
    pub fn log_in_as<C: Serialize + ?Sized>(&self, claims: &C, label: &str) -> NewLogin<BrowserLogin> {
        let (logins, by_form) = (self.logins.clone(), self.by_form);
        NewLogin::new(self.logins.clone(), claims, label, move |login| BrowserLogin::new(&logins, login, by_form))
            .with_proof(self.proof.clone())
    }
}

impl fmt::Debug for LoginAttempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoginAttempt").field("label", &self.label).finish_non_exhaustive()
    }
}

/// Whether a request may change something, by its method (RFC 9110 §9.2.1).
fn changes(head: &impl RequestHead) -> bool {
    !matches!(head.method(), "GET" | "HEAD" | "OPTIONS" | "TRACE")
}

impl Logins {
    /// The attempt of a request with this head to log in: for frameworks whose adapter has no extractor for it.
    ///
    /// # Errors
    /// [`LoginError::Method`] for a GET and other methods that change nothing, since a link on any site can make one.
    /// [`LoginError::Request`] where a page of another site may have made the request. [`LoginError::NoCookies`] for
    /// logins [without cookies](super::LoginsBuilder::without_cookies).
    pub fn attempt(&self, head: &impl RequestHead) -> Result<LoginAttempt, LoginError> {
        if !changes(head) {
            return Err(LoginError::Method);
        }
        if self.0.without_cookies {
            return Err(LoginError::NoCookies);
        }
        self.check_origin(head)?;
        let label = head.header_values(&USER_AGENT).next().and_then(|agent| std::str::from_utf8(agent).ok());
        let by_form = matches!(Media::of(head), Ok(Media::Form));
        let (label, proof) = (label.unwrap_or("unknown").into(), Proof::in_cookies(head));
        Ok(LoginAttempt { logins: self.clone(), label, by_form, proof })
    }

    /// Whether a handler of a request with this head may ask for a [`LoginAttempt`]: for adapters, which then put the
    /// logins into its extensions.
    pub fn may_be_attempted(&self, head: &impl RequestHead) -> bool {
        changes(head)
    }
}

/// A login in the cookies of a browser: [`response`](Self::response) is complete, [`headers`](Self::headers) are for one of
/// your own.
#[derive(Debug, Clone)]
pub struct BrowserLogin {
    login: Login,
    headers: HeaderMap,
    /// Where a form goes on.
    location: Option<HeaderValue>,
}

impl BrowserLogin {
    pub(super) fn new(logins: &Logins, login: Login, by_form: bool) -> Self {
        let headers = logins.set_cookies(&login);
        let location = by_form.then(|| logins.0.paths.after_log_in.clone());
        Self { login, headers, location }
    }

    /// The header fields: `Set-Cookie` for each cookie, and `Cache-Control: no-store`.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The response: to a form, 303 to where the builder says by [`after_log_in`](super::LoginsBuilder::after_log_in); to
    /// everything else 204. With the cookies, and without a token in its body.
    pub fn response(&self) -> Response<String> {
        settled(self.location.clone(), self.headers.clone())
    }

    /// The tokens. They are in the cookies: nothing of them belongs into the body of a response to a browser.
    pub fn login(&self) -> &Login {
        &self.login
    }
}

/// 303 to a form, 204 otherwise.
pub(super) fn settled(location: Option<HeaderValue>, headers: HeaderMap) -> Response<String> {
    let mut response = Response::default();
    *response.status_mut() = if location.is_some() { StatusCode::SEE_OTHER } else { StatusCode::NO_CONTENT };
    *response.headers_mut() = headers;
    if let Some(location) = location {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}
