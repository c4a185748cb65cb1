//! How the cookies of a login are set up, and the checks for cookies that browsers refuse.

use http::HeaderName;

use super::LoginCookiesBuildError;
use super::cookies::{Attributes, Csrf, LoginCookies, SameSite};
use crate::config_error::Given;
use crate::request::csrf_token::CsrfTokens;

/// Builds [`LoginCookies`], which documents the defaults. A setting that has one value is given once; a second
/// call is an error.
#[derive(Debug, Clone)]
pub struct LoginCookiesBuilder {
    access: Attributes,
    refresh: Attributes,
    csrf: Option<Csrf>,
    former: Vec<Attributes>,
    plain_http: bool,
    partitioned: bool,
    given: Given,
}

impl LoginCookiesBuilder {
    pub(super) fn new() -> Self {
        Self {
            access: Attributes::new("__Host-access_token", "/", SameSite::Lax),
            refresh: Attributes::new("__Secure-refresh_token", "/auth", SameSite::Strict),
            csrf: None,
            former: Vec::new(),
            plain_http: false,
            partitioned: false,
            given: Given::default(),
        }
    }

    /// The name of the cookie for the access token: letters, digits, `-` and `_`. `__Host-access_token`.
    #[must_use]
    pub fn access_name(mut self, name: impl Into<String>) -> Self {
        self.given.once("access_name");
        self.access.name = name.into();
        self
    }

    /// The name of the cookie for the refresh token. `__Secure-refresh_token`.
    #[must_use]
    pub fn refresh_name(mut self, name: impl Into<String>) -> Self {
        self.given.once("refresh_name");
        self.refresh.name = name.into();
        self
    }

    /// The path below which browsers send the refresh token: that of the routes that refresh and end a login. `/auth`.
    #[must_use]
    pub fn refresh_path(mut self, path: impl Into<String>) -> Self {
        self.given.once("refresh_path");
        self.refresh.path = path.into();
        self
    }

    /// When browsers send the access token with a request of another site. [`SameSite::Lax`].
    #[must_use]
    pub fn same_site(mut self, same_site: SameSite) -> Self {
        self.given.once("same_site");
        self.access.same_site = same_site;
        self
    }

    /// When browsers send the refresh token with a request of another site. [`SameSite::Strict`].
    #[must_use]
    pub fn refresh_same_site(mut self, same_site: SameSite) -> Self {
        self.given.once("refresh_same_site");
        self.refresh.same_site = same_site;
        self
    }

    /// Has browsers send both cookies to every host under that domain. Each of these hosts can then act as the user. Needs
    /// names without `__Host-`. None: this host alone.
    #[must_use]
    pub fn domain(mut self, domain: impl Into<String>) -> Self {
        self.given.once("domain");
        let domain = domain.into();
        self.access.domain = Some(domain.clone());
        self.refresh.domain = Some(domain);
        self
    }

    /// Sets a cookie `__Host-csrf_token` with a token against cross-site request forgery, as
    /// [`AuthenticatorBuilder::csrf`](crate::AuthenticatorBuilder::csrf) requires it. None.
    #[must_use]
    pub fn csrf(mut self, tokens: &CsrfTokens) -> Self {
        self.given.once("csrf");
        let cookie = Attributes::new("__Host-csrf_token", "/", SameSite::Strict);
        self.csrf = Some(Csrf { tokens: tokens.clone(), cookie: Attributes { http_only: false, ..cookie } });
        self
    }

    /// What the cookies were before their names, paths or domain changed: what makes a browser forget its login clears these
    /// too, since a browser sends an old cookie beside the new one for as long as it lives. Each call adds some. None.
    #[must_use]
    pub fn formerly(mut self, cookies: &LoginCookies) -> Self {
        self.former.extend(cookies.cookies().chain(&cookies.former).cloned());
        self
    }

    /// Keeps the cookies apart for each site in whose frames the application is shown: `Partitioned` (CHIPS, RFC 6265bis). For
    /// an application in a frame of another site, whose browser would drop them otherwise. A login in a frame is not the login
    /// of the application itself, and another one in each site.
    ///
    /// Browsers send no other cookies into such a frame than those with `SameSite=None`: needs
    /// [`same_site`](Self::same_site) and [`refresh_same_site`](Self::refresh_same_site) with [`SameSite::None`], and `Secure`.
    /// The pages that make the requests must be of the application's own origin, or a
    /// [trusted one](super::LoginsBuilder::trusted_origin). Off.
    #[must_use]
    pub fn partitioned(mut self) -> Self {
        self.partitioned = true;
        self
    }

    /// For development on `http://localhost` with a browser that accepts no `Secure` cookie there, such as Safari: leaves out
    /// `Secure`, and the prefixes of the names, such as `__Host-`. **Anywhere else, the tokens can be read on the way.**
    #[must_use]
    pub fn dangerous_plain_http_on_localhost(mut self) -> Self {
        self.plain_http = true;
        self
    }

    /// The cookies.
    ///
    /// # Errors
    /// [`LoginCookiesBuildError`], where a browser would refuse one of them, or where two have the same name.
    pub fn build(self) -> Result<LoginCookies, LoginCookiesBuildError> {
        if let Some(setting) = self.given.twice() {
            return Err(LoginCookiesBuildError::SetTwice { setting });
        }
        let Self { mut access, mut refresh, mut csrf, mut former, plain_http, partitioned, .. } = self;
        if partitioned && let Some(csrf) = &mut csrf {
            // Which is sent by nobody but scripts of this origin anyway: the browser only keeps it.
            csrf.cookie.same_site = SameSite::None;
        }
        let cookies = [&mut access, &mut refresh].into_iter().chain(csrf.as_mut().map(|csrf| &mut csrf.cookie));
        for cookie in cookies {
            if plain_http {
                cookie.make_plain();
            }
            cookie.partitioned = partitioned;
            cookie.check()?;
        }
        // A neighbouring host cannot set a `__Host-` cookie, and hosts that share a domain on purpose need to share the login.
        let companion = (refresh.domain.is_none() && !refresh.has_prefix("__Host-")).then(|| Attributes {
            name: format!("{}{}_id", if plain_http { "" } else { "__Host-" }, refresh.base_name()),
            path: "/".to_owned(),
            ..refresh.clone()
        });
        let companion_name = companion.as_ref().map(|cookie| &cookie.name);
        let csrf_name = csrf.as_ref().map(|csrf| &csrf.cookie.name);
        let names = [Some(&access.name), Some(&refresh.name), csrf_name, companion_name];
        for (index, name) in names.into_iter().enumerate() {
            if let Some(name) = name
                && names[..index].contains(&Some(name))
            {
                return Err(LoginCookiesBuildError::SameName { name: name.as_str().into() });
            }
        }
        former.extend(refresh.with_other_settings());
        let mut cookies = LoginCookies { access, refresh, companion, csrf, former: Vec::new() };
        for cookie in former {
            if !cookies.cookies().chain(&cookies.former).any(|known| known.is_same(&cookie)) {
                cookies.former.push(cookie);
            }
        }
        Ok(cookies)
    }
}

impl Attributes {
    /// Whether the name has that prefix, in any case: browsers ignore the case too.
    fn has_prefix(&self, prefix: &str) -> bool {
        self.name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    }

    fn make_plain(&mut self) {
        self.secure = false;
        self.name = self.base_name().to_owned();
    }

    /// The name without the prefix that browsers look at.
    fn base_name(&self) -> &str {
        // The longest first: `__Host-Http-` begins with `__Host-`.
        let prefix =
            ["__Host-Http-", "__Host-", "__Http-", "__Secure-"].into_iter().find(|prefix| self.has_prefix(prefix));
        &self.name[prefix.map_or(0, str::len)..]
    }

    /// The refresh token as it is with and without transparent renewal, and without a domain.
    fn with_other_settings(&self) -> Vec<Self> {
        let base = self.base_name().to_owned();
        let host = Self { domain: None, ..self.clone() };
        let root = Self { path: "/".to_owned(), ..host.clone() };
        if !self.secure {
            let below = Self { path: "/auth".to_owned(), ..host.clone() };
            return vec![host, root, below];
        }
        let of_renewal = Self { name: format!("__Host-{base}"), ..root.clone() };
        let below = Self { name: format!("__Secure-{base}"), path: "/auth".to_owned(), ..host.clone() };
        // With a `__Host-` name, no other path is possible.
        if self.has_prefix("__Host-") { vec![below] } else { vec![host, root, of_renewal] }
    }

    /// Whether browsers take both for the same cookie (RFC 6265 §5.3).
    fn is_same(&self, other: &Self) -> bool {
        (&self.name, &self.path, &self.domain, self.partitioned)
            == (&other.name, &other.path, &other.domain, other.partitioned)
    }

    fn check(&self) -> Result<(), LoginCookiesBuildError> {
        let name = || Box::from(&*self.name);
        if HeaderName::from_bytes(self.name.as_bytes()).is_err() {
            return Err(LoginCookiesBuildError::Name { name: name() });
        }
        let in_attribute = |text: &str| text.bytes().all(|b| matches!(b, 0x21..=0x7E) && b != b';' && b != b',');
        if !self.path.starts_with('/') || !in_attribute(&self.path) {
            return Err(LoginCookiesBuildError::Path { name: name(), path: (&*self.path).into() });
        }
        let in_domain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b);
        if let Some(domain) = &self.domain
            && (domain.starts_with('.') || !domain.contains('.') || !domain.bytes().all(in_domain))
        {
            return Err(LoginCookiesBuildError::Domain { name: name(), domain: (&**domain).into() });
        }
        if self.has_prefix("__Host-") && !(self.path == "/" && self.domain.is_none()) {
            return Err(LoginCookiesBuildError::HostPrefix { name: name() });
        }
        if self.partitioned && (self.same_site != SameSite::None || !self.secure) {
            return Err(LoginCookiesBuildError::Partitioned { name: name() });
        }
        if self.same_site == SameSite::None && !self.secure {
            return Err(LoginCookiesBuildError::SameSiteNone { name: name() });
        }
        Ok(())
    }
}
