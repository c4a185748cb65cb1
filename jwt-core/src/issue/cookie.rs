use std::time::Duration;

use cookie::{Cookie, time};
use http::header::{CACHE_CONTROL, SET_COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::error::ConfigError;
use crate::log;
use crate::source::TokenSource;

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
/// Both cookies have `HttpOnly` whatever is configured.
///
/// ```
/// use jwt_core::LoginCookies;
///
/// let cookies = LoginCookies::builder().refresh_path("/session").build()?;
/// let source = cookies.source(); // for `.source(…)` of the authenticator
/// # let _ = source;
/// # Ok::<(), jwt_core::ConfigError>(())
/// ```
#[derive(Debug, Clone)]
pub struct LoginCookies {
    access: Attributes,
    refresh: Attributes,
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

/// Builds [`LoginCookies`], which has the defaults.
#[derive(Debug, Clone)]
pub struct LoginCookiesBuilder {
    access: Attributes,
    refresh: Attributes,
}

#[derive(Debug, Clone)]
struct Attributes {
    name: String,
    path: String,
    domain: Option<String>,
    same_site: SameSite,
    secure: bool,
}

/// What every browser keeps of one cookie, in bytes (RFC 6265 §6.1).
const MAX_COOKIE: usize = 4096;

impl LoginCookies {
    /// A builder with the defaults.
    pub fn builder() -> LoginCookiesBuilder {
        let attributes = |name: &str, path: &str, same_site| Attributes {
            name: name.to_owned(),
            path: path.to_owned(),
            domain: None,
            same_site,
            secure: true,
        };
        LoginCookiesBuilder {
            access: attributes("__Host-access_token", "/", SameSite::Lax),
            refresh: attributes("__Secure-refresh_token", "/auth", SameSite::Strict),
        }
    }

    /// Where an authenticator finds the access token.
    pub fn source(&self) -> TokenSource {
        TokenSource::cookie(&*self.access.name)
    }

    /// Where the refresh token is found, by whatever renews a login.
    pub fn refresh_source(&self) -> TokenSource {
        TokenSource::cookie(&*self.refresh.name)
    }

    /// The header fields by which a browser forgets what a login set: `Set-Cookie` twice, and `Cache-Control: no-store`.
    pub fn clear(&self) -> HeaderMap {
        [&self.access, &self.refresh].into_iter().filter_map(|cookie| cookie.set("", Duration::ZERO)).collect_headers()
    }

    pub(super) fn set(&self, access: (&str, Duration), refresh: Option<(&str, Duration)>) -> HeaderMap {
        let access = self.access.set(access.0, access.1);
        let refresh = refresh.and_then(|(token, lifetime)| self.refresh.set(token, lifetime));
        access.into_iter().chain(refresh).collect_headers()
    }
}

trait CollectHeaders {
    fn collect_headers(self) -> HeaderMap;
}

impl<I: Iterator<Item = HeaderValue>> CollectHeaders for I {
    fn collect_headers(self) -> HeaderMap {
        let no_store: (HeaderName, HeaderValue) = (CACHE_CONTROL, HeaderValue::from_static("no-store"));
        let mut headers = HeaderMap::from_iter([no_store]);
        for value in self {
            headers.append(SET_COOKIE, value);
        }
        headers
    }
}

impl Attributes {
    /// `None` for a value that no cookie can hold, of which tokens have none.
    fn set(&self, value: &str, max_age: Duration) -> Option<HeaderValue> {
        let max_age = time::Duration::seconds(i64::try_from(max_age.as_secs()).unwrap_or(i64::MAX));
        let mut cookie = Cookie::build((&*self.name, value))
            .path(&*self.path)
            .secure(self.secure)
            .http_only(true)
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
            log::large_cookie(&self.name, text.len());
        }
        let mut value = HeaderValue::try_from(text).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    fn check(&self) -> Result<(), ConfigError> {
        if HeaderName::from_bytes(self.name.as_bytes()).is_err() {
            return Err(ConfigError::CookieName);
        }
        let in_attribute = |text: &str| text.bytes().all(|b| matches!(b, 0x21..=0x7E) && b != b';' && b != b',');
        if !self.path.starts_with('/') || !in_attribute(&self.path) {
            return Err(ConfigError::CookiePath);
        }
        let of_domain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b);
        if let Some(domain) = &self.domain
            && (domain.starts_with('.') || !domain.contains('.') || !domain.bytes().all(of_domain))
        {
            return Err(ConfigError::CookieDomain);
        }
        // Browsers compare these without regard to case.
        let has_prefix =
            |prefix: &str| self.name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
        if has_prefix("__Host-") && !(self.secure && self.path == "/" && self.domain.is_none()) {
            return Err(ConfigError::HostCookie);
        }
        if has_prefix("__Secure-") && !self.secure {
            return Err(ConfigError::SecureCookie);
        }
        if self.same_site == SameSite::None && !self.secure {
            return Err(ConfigError::SameSiteNone);
        }
        Ok(())
    }
}

impl LoginCookiesBuilder {
    /// The name of the cookie for the access token: letters, digits, `-` and `_`. `__Host-access_token`.
    #[must_use]
    pub fn access_name(mut self, name: impl Into<String>) -> Self {
        self.access.name = name.into();
        self
    }

    /// The name of the cookie for the refresh token. `__Secure-refresh_token`.
    #[must_use]
    pub fn refresh_name(mut self, name: impl Into<String>) -> Self {
        self.refresh.name = name.into();
        self
    }

    /// Under which path the refresh token is sent: that of the routes that renew and end a login. `/auth`.
    #[must_use]
    pub fn refresh_path(mut self, path: impl Into<String>) -> Self {
        self.refresh.path = path.into();
        self
    }

    /// When the access token is sent for a page of another site. [`SameSite::Lax`].
    #[must_use]
    pub fn same_site(mut self, same_site: SameSite) -> Self {
        self.access.same_site = same_site;
        self
    }

    /// When the refresh token is sent for a page of another site. [`SameSite::Strict`].
    #[must_use]
    pub fn refresh_same_site(mut self, same_site: SameSite) -> Self {
        self.refresh.same_site = same_site;
        self
    }

    /// Sends both cookies to every host under that domain, each of which can then act as the user. Needs names without
    /// `__Host-`. None: this host alone.
    #[must_use]
    pub fn domain(mut self, domain: impl Into<String>) -> Self {
        let domain = domain.into();
        self.access.domain = Some(domain.clone());
        self.refresh.domain = Some(domain);
        self
    }

    /// For trying things out on `http://localhost` in a browser that takes no `Secure` cookie there, such as Safari:
    /// leaves out `Secure`, and `__Host-` and `__Secure-` in the names. **Anywhere else, whoever is on the way reads the
    /// tokens.**
    #[must_use]
    pub fn dangerous_plain_http_on_localhost(mut self) -> Self {
        for cookie in [&mut self.access, &mut self.refresh] {
            cookie.secure = false;
            for prefix in ["__Host-", "__Secure-"] {
                if let Some(name) = cookie.name.strip_prefix(prefix) {
                    cookie.name = name.to_owned();
                }
            }
        }
        self
    }

    /// The cookies, or what is wrong with them.
    pub fn build(self) -> Result<LoginCookies, ConfigError> {
        self.access.check()?;
        self.refresh.check()?;
        if self.access.name == self.refresh.name {
            return Err(ConfigError::SameCookie);
        }
        Ok(LoginCookies { access: self.access, refresh: self.refresh })
    }
}
