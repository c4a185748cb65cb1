//! The cookies that keep a login in a browser.

use std::time::Duration;

use cookie::{Cookie, time};
use http::header::{CACHE_CONTROL, SET_COOKIE};
use http::{HeaderMap, HeaderValue};

use super::{LoginCookiesBuilder, RefreshToken};
use crate::facade::tracing;
use crate::issue::AccessToken;
use crate::request::csrf_token::CsrfTokens;
use crate::request::source::TokenSource;
use crate::session::opaque::OpaqueToken;
use crate::session::sign_in::SignIn;

/// How a login is kept in a browser: a cookie for the access token, one for the refresh token, and how both are cleared.
///
/// | setting | access token | refresh token | reason |
/// |---|---|---|---|
/// | name | `__Host-access_token` | `__Secure-refresh_token` | a browser takes such names only from a secure page, the first only from this very host |
/// | `Secure` | always | always | never over plain http |
/// | `HttpOnly` | always | always | no script reads it |
/// | `SameSite` | `Lax` | `Strict` | a link from elsewhere finds the user signed in; nothing from elsewhere renews |
/// | `Path` | `/` | `/auth` | the stronger token goes only where it is needed |
/// | `Domain` | none | none | no other host gets it |
/// | `Max-Age` | that of the token | that of the token | |
///
/// Both cookies have `HttpOnly` whatever is configured. With [`csrf`](LoginCookiesBuilder::csrf) there is a third one,
/// which the scripts of the own origin read: `__Host-csrf_token`, `Secure`, `SameSite=Strict`, `Path=/`.
///
/// ```
/// use jwt_core::LoginCookies;
///
/// let cookies = LoginCookies::builder().refresh_path("/session").build()?;
/// let source = cookies.source(); // for `.source(…)` of the authenticator
/// # let _ = source;
/// # Ok::<(), jwt_core::login::LoginCookiesBuildError>(())
/// ```
#[derive(Debug, Clone)]
pub struct LoginCookies {
    pub(super) access: Attributes,
    pub(super) refresh: Attributes,
    pub(super) csrf: Option<Csrf>,
}

/// A token of one's own beside the access token, for the scripts of the own origin.
#[derive(Debug, Clone)]
pub(super) struct Csrf {
    pub(super) tokens: CsrfTokens,
    pub(super) cookie: Attributes,
}

/// Whether a browser sends a cookie along when a page of another site asks for the request (RFC 6265bis §5.6.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SameSite {
    /// Never.
    Strict,
    /// Only where the user follows a link or the like, and the method is safe.
    Lax,
    /// Always: for an application that lives in the frame of another site.
    None,
}

#[derive(Debug, Clone)]
pub(super) struct Attributes {
    pub(super) name: String,
    pub(super) path: String,
    pub(super) domain: Option<String>,
    pub(super) same_site: SameSite,
    pub(super) secure: bool,
    pub(super) http_only: bool,
}

/// What every browser keeps of one cookie, in bytes (RFC 6265 §6.1).
const MAX_COOKIE: usize = 4096;

impl LoginCookies {
    /// A builder with the defaults.
    pub fn builder() -> LoginCookiesBuilder {
        LoginCookiesBuilder::new()
    }

    /// Where an authenticator finds the access token.
    pub fn source(&self) -> TokenSource {
        TokenSource::cookie(&*self.access.name)
    }

    /// Where the refresh token is found, by whatever renews a login.
    pub fn refresh_source(&self) -> TokenSource {
        TokenSource::cookie(&*self.refresh.name)
    }

    /// Below which path browsers send the refresh token.
    pub(super) fn refresh_path(&self) -> &str {
        &self.refresh.path
    }

    pub(super) fn csrf_tokens(&self) -> Option<&CsrfTokens> {
        self.csrf.as_ref().map(|csrf| &csrf.tokens)
    }

    /// The header fields by which a browser forgets what a login set: `Set-Cookie` for each cookie, and
    /// `Cache-Control: no-store`.
    pub fn clear(&self) -> HeaderMap {
        let csrf = self.csrf.iter().map(|csrf| &csrf.cookie);
        let cookies = [&self.access, &self.refresh].into_iter().chain(csrf);
        headers(cookies.filter_map(|cookie| cookie.set("", Duration::ZERO)))
    }

    /// The header fields that keep a session in a browser: its token in the place of the access token, for as long as the
    /// session can last, and `Cache-Control: no-store`. At login, and whenever the token changes. With
    /// [`csrf`](LoginCookiesBuilder::csrf), that cookie as well.
    pub fn set_session(&self, token: &OpaqueToken, session: &SignIn) -> HeaderMap {
        // From its last use on, which is now: the token was made this moment.
        let left = session.ends_at.since_epoch().saturating_sub(session.used_at.since_epoch());
        headers(
            self.access.set(token.as_str(), left).into_iter().chain(self.csrf_cookie(&session.id.to_string(), left)),
        )
    }

    pub(super) fn set(&self, access: &AccessToken, refresh: Option<&RefreshToken>) -> HeaderMap {
        let refresh = refresh.and_then(|token| self.refresh.set(token.as_str(), token.expires_in()));
        let csrf = self.csrf_cookie(access.token_id(), access.expires_in());
        headers(self.access.set(access.as_str(), access.expires_in()).into_iter().chain(refresh).chain(csrf))
    }
}

impl LoginCookies {
    fn csrf_cookie(&self, token_id: &str, lifetime: Duration) -> Option<HeaderValue> {
        let csrf = self.csrf.as_ref()?;
        // Without random numbers there is no token, and what would need it is refused.
        csrf.cookie.set(&csrf.tokens.token_for(token_id).ok()?, lifetime)
    }
}

fn headers(cookies: impl Iterator<Item = HeaderValue>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    for cookie in cookies {
        headers.append(SET_COOKIE, cookie);
    }
    headers
}

impl Attributes {
    pub(super) fn new(name: &str, path: &str, same_site: SameSite) -> Self {
        let (name, path) = (name.to_owned(), path.to_owned());
        Self { name, path, domain: None, same_site, secure: true, http_only: true }
    }

    /// `None` for a value that no cookie can hold, of which tokens have none.
    fn set(&self, value: &str, max_age: Duration) -> Option<HeaderValue> {
        let max_age = time::Duration::seconds(i64::try_from(max_age.as_secs()).unwrap_or(i64::MAX));
        let mut cookie = Cookie::build((&*self.name, value))
            .path(&*self.path)
            .secure(self.secure)
            .http_only(self.http_only)
            .max_age(max_age)
            .same_site(match self.same_site {
                SameSite::Strict => cookie::SameSite::Strict,
                SameSite::Lax => cookie::SameSite::Lax,
                SameSite::None => cookie::SameSite::None,
            })
            .build();
        if let Some(domain) = &self.domain {
            cookie.set_domain(&**domain);
        }
        let text = cookie.to_string();
        if text.len() > MAX_COOKIE {
            tracing::warn!(
                target: "jwt",
                name = self.name,
                bytes = text.len(),
                "a cookie of more than 4096 bytes is dropped by browsers: take claims out of the token"
            );
        }
        let mut value = HeaderValue::try_from(text).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}
