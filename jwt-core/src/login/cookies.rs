//! The cookies that keep a login in a browser.

use std::time::Duration;

use cookie::{Cookie, time};
use http::header::{CACHE_CONTROL, SET_COOKIE};
use http::{HeaderMap, HeaderValue};

use super::{LoginCookiesBuilder, RefreshToken};
use crate::facade::tracing;
use crate::issue::{AccessToken, MAX_COOKIE};
use crate::request::csrf_token::CsrfTokens;
use crate::request::refresh_cookie::{Companion, RefreshCookie};
use crate::request::source::TokenSource;
use crate::session::opaque::OpaqueToken;
use crate::session::refresh::RefreshTokens;
use crate::session::sign_in::SignIn;

/// The cookies that keep a login in a browser: one for the access token and one for the refresh token.
///
/// | setting | access token | refresh token | reason |
/// |---|---|---|---|
/// | name | `__Host-access_token` | `__Secure-refresh_token` | browsers accept cookies of such names only from https, the first only from this very host |
/// | `Secure` | always | always | browsers never send it over plain http |
/// | `HttpOnly` | always | always | scripts cannot read it |
/// | `SameSite` | `Lax` | `Strict` | a link on another site finds the user signed in; no other site can trigger a refresh |
/// | `Path` | `/` | `/auth` | the refresh token is sent only where it is needed |
/// | `Domain` | none | none | no other host gets it |
/// | `Max-Age` | that of the token | that of the token | a login with [`remember(false)`](super::NewLogin::remember) has none: it ends with the browser |
/// | `Partitioned` | no | no | only an application in frames of other sites needs it |
///
/// Both cookies always have `HttpOnly`. The name of the refresh token allows a neighbouring host, such as `other.example.com`
/// beside `app.example.com`, to set a cookie of the same name for the whole domain. So there is a third cookie beside it,
/// `__Host-refresh_token_id`, which no other host can set: it names the login, and a refresh token of another login counts
/// as none. It has the other attributes of the refresh token, and `Path=/`. A refresh token in a `__Host-` cookie needs
/// none, and one with a [`domain`](LoginCookiesBuilder::domain) has none, since its hosts trust each other.
///
/// With [`csrf`](LoginCookiesBuilder::csrf) there is another one, which scripts of the
/// same origin can read: `__Host-csrf_token`, `Secure`, `SameSite=Strict`, `Path=/`.
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
    /// Says which login the refresh token is of, where another host could set the cookie of the refresh token.
    pub(super) companion: Option<Attributes>,
    pub(super) csrf: Option<Csrf>,
    /// Cookies that a login may have set under other settings.
    pub(super) former: Vec<Attributes>,
}

/// A token against cross-site request forgery, in a cookie that scripts of the same origin can read.
#[derive(Debug, Clone)]
pub(super) struct Csrf {
    pub(super) tokens: CsrfTokens,
    pub(super) cookie: Attributes,
}

/// When a browser sends a cookie with a request that a page of another site makes (RFC 6265bis §5.6.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SameSite {
    /// Never.
    Strict,
    /// Only where the user navigates, such as by a link, with a safe method.
    Lax,
    /// Always: for an application that is shown in a frame of another site.
    None,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Attributes {
    pub(super) name: String,
    pub(super) path: String,
    pub(super) domain: Option<String>,
    pub(super) same_site: SameSite,
    pub(super) secure: bool,
    pub(super) http_only: bool,
    pub(super) partitioned: bool,
}

impl LoginCookies {
    /// A builder with the defaults.
    pub fn builder() -> LoginCookiesBuilder {
        LoginCookiesBuilder::new()
    }

    /// The source of the access token, for an authenticator.
    pub fn source(&self) -> TokenSource {
        TokenSource::cookie(&*self.access.name)
    }

    /// The source of the refresh token, for a route that refreshes a login.
    pub fn refresh_source(&self) -> TokenSource {
        TokenSource::cookie(&*self.refresh.name)
    }

    pub(super) fn access_name(&self) -> &str {
        &self.access.name
    }

    /// The refresh token of this browser's login, among whatever else is in the cookies.
    pub(super) fn refresh_cookie(&self) -> RefreshCookie {
        let companion = self.companion.as_ref();
        let companion = companion.map(|cookie| Companion { name: (&*cookie.name).into(), names: is_of_login });
        RefreshCookie { name: (&*self.refresh.name).into(), companion }
    }

    /// Below which path browsers send the refresh token.
    pub(super) fn refresh_path(&self) -> &str {
        &self.refresh.path
    }

    pub(super) fn csrf_tokens(&self) -> Option<&CsrfTokens> {
        self.csrf.as_ref().map(|csrf| &csrf.tokens)
    }

    /// The header fields that make a browser forget a login: `Set-Cookie` for each cookie, and `Cache-Control: no-store`.
    ///
    /// Also for those that a login has under other settings: the refresh token with and without
    /// [transparent renewal](super::LoginsBuilder::transparent_renewal), and what
    /// [`formerly`](LoginCookiesBuilder::formerly) names.
    pub fn clear(&self) -> HeaderMap {
        let cookies = self.cookies().chain(&self.former);
        headers(cookies.filter_map(|cookie| cookie.set("", Some(Duration::ZERO))))
    }

    /// The cookies of a login.
    pub(super) fn cookies(&self) -> impl Iterator<Item = &Attributes> {
        let csrf = self.csrf.as_ref().map(|csrf| &csrf.cookie);
        [&self.access, &self.refresh].into_iter().chain(csrf).chain(&self.companion)
    }

    /// Those that last as long as an access token.
    #[cfg_attr(not(feature = "device"), expect(dead_code, reason = "only such logins are bound"))]
    pub(super) fn bound(&self) -> impl Iterator<Item = &Attributes> {
        [&self.access].into_iter().chain(self.csrf.as_ref().map(|csrf| &csrf.cookie))
    }

    /// The header fields that keep a session in a browser: the token of the session in the cookie of the access token, for as
    /// long as the session can last, and `Cache-Control: no-store`. With [`csrf`](LoginCookiesBuilder::csrf), that cookie as
    /// well. Set them at login, and whenever the token changes.
    pub fn set_session(&self, token: &OpaqueToken, session: &SignIn) -> HeaderMap {
        // Counted from the last use, which is now: the token was just made.
        let left = session.ends_at.since_epoch().saturating_sub(session.used_at.since_epoch());
        headers(
            self.access
                .set(token.as_str(), Some(left))
                .into_iter()
                .chain(self.csrf_cookie(&session.id.to_string(), Some(left))),
        )
    }

    /// Whether browsers keep the cookie of that access token.
    pub(super) fn hold(&self, access: &AccessToken) -> bool {
        self.access.text(access.as_str(), Some(access.expires_in())).len() <= MAX_COOKIE
    }

    /// Where they are not kept, the browser forgets them when it is closed. Of a login that is bound to a device, it also has
    /// to know when the access token runs out.
    pub(super) fn set(
        &self,
        access: &AccessToken,
        refresh: Option<&RefreshToken>,
        kept: bool,
        device: bool,
    ) -> HeaderMap {
        let lifetime = |lifetime| kept.then_some(lifetime);
        let of_access = (kept || device).then_some(access.expires_in());
        let access_cookie = self.access.set(access.as_str(), of_access);
        let companion = self.companion.as_ref().zip(refresh).and_then(|(cookie, token)| {
            let login = RefreshTokens::key(token.as_str().as_bytes())?.id;
            cookie.set(&login.to_string(), lifetime(token.expires_in()))
        });
        let refresh = refresh.and_then(|token| self.refresh.set(token.as_str(), lifetime(token.expires_in())));
        let csrf = self.csrf_cookie(access.token_id(), of_access);
        headers(access_cookie.into_iter().chain(refresh).chain(csrf).chain(companion))
    }
}

/// Whether a refresh token is of the login of that name.
fn is_of_login(login: &[u8], token: &[u8]) -> bool {
    RefreshTokens::key(token).is_some_and(|key| key.id.to_string().as_bytes() == login)
}

impl LoginCookies {
    fn csrf_cookie(&self, token_id: &str, lifetime: Option<Duration>) -> Option<HeaderValue> {
        let csrf = self.csrf.as_ref()?;
        // Without random numbers there is no token, and requests that need one are refused.
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
        Self { name, path, domain: None, same_site, secure: true, http_only: true, partitioned: false }
    }

    fn text(&self, value: &str, max_age: Option<Duration>) -> String {
        let mut cookie = Cookie::build((&*self.name, value))
            .path(&*self.path)
            .secure(self.secure)
            .http_only(self.http_only)
            .partitioned(self.partitioned)
            .same_site(match self.same_site {
                SameSite::Strict => cookie::SameSite::Strict,
                SameSite::Lax => cookie::SameSite::Lax,
                SameSite::None => cookie::SameSite::None,
            })
            .build();
        if let Some(max_age) = max_age {
            cookie.set_max_age(time::Duration::seconds(i64::try_from(max_age.as_secs()).unwrap_or(i64::MAX)));
        }
        if let Some(domain) = &self.domain {
            cookie.set_domain(&**domain);
        }
        cookie.to_string()
    }

    /// What is behind the name and the value.
    #[cfg_attr(not(feature = "device"), expect(dead_code, reason = "only browsers that bind a login are told"))]
    pub(super) fn attributes(&self) -> String {
        let text = self.text("", None);
        text.split_once("; ").map(|(_, attributes)| attributes.to_owned()).unwrap_or_default()
    }

    /// `None` for a value that no cookie can hold. Tokens have no such values.
    pub(super) fn set(&self, value: &str, max_age: Option<Duration>) -> Option<HeaderValue> {
        let text = self.text(value, max_age);
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
