//! The tokens of a login, and the forms in which a client gets them.

use std::fmt;
use std::time::Duration;

use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use serde::Serialize;

use super::LoginCookies;
use crate::answer::DPOP_NONCE;
use crate::config_error::debug_as_display;
use crate::issue::AccessToken;

/// A refresh token: an opaque text. `Debug` does not show it.
#[derive(Clone)]
pub struct RefreshToken {
    token: String,
    lifetime: Duration,
}

impl RefreshToken {
    /// A token, and how long it is good, in whole seconds.
    ///
    /// # Errors
    /// [`UnfitToken`], where a cookie cannot hold the token: it is empty, or has another character than letters, digits,
    /// `-`, `_`, `.` and `~`.
    pub fn new(token: impl Into<String>, lifetime: Duration) -> Result<Self, UnfitToken> {
        let token = token.into();
        let fits = !token.is_empty() && token.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.~".contains(&b));
        if fits { Ok(Self { token, lifetime }) } else { Err(UnfitToken) }
    }

    /// The token. Treat it as a password.
    pub fn as_str(&self) -> &str {
        &self.token
    }

    /// How long the token is good, counted from when it was made.
    pub fn expires_in(&self) -> Duration {
        self.lifetime
    }
}

impl fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefreshToken").field("lifetime", &self.lifetime).finish_non_exhaustive()
    }
}

/// A cookie cannot hold the token.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a cookie cannot hold this token: use letters, digits, `-`, `_`, `.` and `~`, at least one")]
pub struct UnfitToken;

debug_as_display!(UnfitToken);

/// The tokens of a login: an access token, and a refresh token that yields the next one.
///
/// ```
/// # use jwt_core::{Algorithm, Issuer, LoginCookies, SigningKey, login::Login};
/// # let key = SigningKey::secret(Algorithm::HS256, b"a secret of at least thirty-two bytes")?;
/// # let issuer = Issuer::builder("https://auth.example.com").audience("api").signing_key(key).build()?;
/// let login = Login::new(issuer.sign(&serde_json::json!({"sub": "alice"}))?);
///
/// // For a mobile client or local storage: a response.
/// assert_eq!(login.json().headers()["content-type"], "application/json");
///
/// // For a browser: header fields for a response, once it is sure that no other site has made the request.
/// let cookies = LoginCookies::builder().build()?;
/// assert!(login.dangerous_set_cookies(&cookies)["set-cookie"].to_str()?.contains("; HttpOnly; SameSite=Lax; Secure; Path=/;"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Login {
    access: AccessToken,
    refresh: Option<RefreshToken>,
    /// Whether a browser forgets it when it is closed.
    until_closed: bool,
    /// What the next proof of the client has to have in it.
    nonce: Option<HeaderValue>,
    /// Whether a browser has bound it to a key of its own.
    device: bool,
    /// What a browser that could is told at the login.
    offer: Option<(HeaderName, HeaderValue)>,
}

impl Login {
    /// A login without a refresh token: it ends with its access token.
    pub fn new(access: AccessToken) -> Self {
        Self { access, refresh: None, until_closed: false, nonce: None, device: false, offer: None }
    }

    /// The same login, which a browser forgets when it is closed.
    pub(super) fn until_closed(self) -> Self {
        Self { until_closed: true, ..self }
    }

    /// The same login, whose cookies a browser has to refresh in time, also one that forgets them when it is closed.
    pub(super) fn bound_to_device(self) -> Self {
        Self { device: true, ..self }
    }

    pub(super) fn with_offer(self, offer: Option<(HeaderName, HeaderValue)>) -> Self {
        Self { offer, ..self }
    }

    pub(super) fn offer(&self) -> Option<&(HeaderName, HeaderValue)> {
        self.offer.as_ref()
    }

    /// The same login, whose client gets another nonce for its proofs.
    pub(super) fn with_nonce(self, nonce: Option<HeaderValue>) -> Self {
        Self { nonce, ..self }
    }

    /// The same login with a refresh token.
    #[must_use]
    pub fn with_refresh(mut self, refresh: RefreshToken) -> Self {
        self.refresh = Some(refresh);
        self
    }

    /// The access token.
    pub fn access_token(&self) -> &AccessToken {
        &self.access
    }

    /// The refresh token.
    pub fn refresh_token(&self) -> Option<&RefreshToken> {
        self.refresh.as_ref()
    }

    /// The response of RFC 6749 §5.1: `access_token`, `token_type`, `expires_in` and `refresh_token` in JSON, with
    /// `Cache-Control: no-store`. The type is `DPoP` where the tokens are bound to a key (RFC 9449 §5), otherwise `Bearer`; and
    /// `DPoP-Nonce` has the next nonce where it is time for one (§8.2).
    pub fn json(&self) -> Response<String> {
        #[derive(Serialize)]
        struct Members<'l> {
            access_token: &'l str,
            token_type: &'static str,
            expires_in: u64,
            #[serde(skip_serializing_if = "Option::is_none")]
            refresh_token: Option<&'l str>,
        }
        let members = Members {
            access_token: self.access.as_str(),
            token_type: self.access.token_type(),
            expires_in: self.access.expires_in().as_secs(),
            refresh_token: self.refresh.as_ref().map(RefreshToken::as_str),
        };
        // Strings and a number always serialize.
        let mut response = Response::new(serde_json::to_string(&members).unwrap_or_default());
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(nonce) = &self.nonce {
            response.headers_mut().insert(DPOP_NONCE, nonce.clone());
        }
        response
    }

    /// The header fields for a browser, without a check of where the request comes from: `Set-Cookie` for each token, and
    /// `Cache-Control: no-store`.
    ///
    /// **A page of another site can log users in under an account of its own** (login CSRF) where the route does not check
    /// that itself. [`Logins::attempt`](super::Logins::attempt) checks it and yields the cookies. This method is for requests
    /// that come from another site as they should and are checked in another way, such as the answer of an identity
    /// provider by its `state` (RFC 6749 §10.12), and for tokens that the application has signed itself.
    ///
    /// Browsers drop a cookie over 4096 bytes without a message. The log has a warning for each;
    /// [`fits_cookies`](Self::fits_cookies) says it in advance. A token that [is bound](AccessToken::is_bound) to a key is
    /// refused when it comes in a cookie, which no proof comes with.
    pub fn dangerous_set_cookies(&self, cookies: &LoginCookies) -> HeaderMap {
        cookies.set(&self.access, self.refresh.as_ref(), !self.until_closed, self.device)
    }

    /// Whether browsers keep these cookies: that of the access token has 4096 bytes at most, with its name and attributes
    /// (RFC 6265 §6.1). One of ML-DSA-65 or ML-DSA-87 has more, whatever its claims are.
    pub fn fits_cookies(&self, cookies: &LoginCookies) -> bool {
        cookies.hold(&self.access)
    }
}
