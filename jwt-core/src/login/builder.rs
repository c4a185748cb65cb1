//! How logins are set up.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use serde::Serialize;
use serde_json::value::RawValue;

use super::more_routes::MoreRoutes;
use super::renewal::Renewals;
use super::routes::Paths;
use super::{Inner, LoginCookies, LoginError, Logins, LoginsBuildError};
use crate::authenticator::AuthenticatorBuilder;
use crate::binding::{BindingSettings, Dpop};
use crate::claims::ClaimsType;
use crate::config_error::Given;
use crate::error::CheckError;
use crate::issue::{IssueError, Issuer};
use crate::request::cross_site::{CrossSite, is_origin};
use crate::revocation::Revocations;
use crate::session::refresh::RefreshTokens;
use crate::session::sign_in::SignIn;

/// By how much the clock of a client may be ahead: that of authenticators by default.
const LEEWAY: Duration = Duration::from_secs(30);

/// The longest name of a provider, in characters.
const MAX_NAME: usize = 32;

/// Builds [`Logins`]. A setting that has one value is given once; a second call is an error.
///
/// | setting | default | reason |
/// |---|---|---|
/// | [`cookies`](Self::cookies) | [`LoginCookies`] with their defaults | |
/// | [`without_cookies`](Self::without_cookies) | off | a browser keeps a login best where no script can read it |
/// | [`trusted_origin`](Self::trusted_origin) | none: the same origin only | browsers send cookies with requests of pages of any site |
/// | [`reload`](Self::reload) | none: the claims of the login | only the application knows where to load them |
/// | [`revocations`](Self::revocations) | none | a short lifetime is enough for many applications |
/// | [`routes_path`](Self::routes_path) | the path of the refresh token, or `/auth` | browsers send the refresh token only there |
/// | [`after_log_in`](Self::after_log_in), [`after_log_out`](Self::after_log_out) | `/` | only the application knows its pages |
/// | [`transparent_renewal`](Self::transparent_renewal) | off | browsers would send the refresh token with every request |
/// | `provider` (feature `oidc`) | none | |
/// | `bind_to_device` (feature `device`) | off | an experiment of browsers, as its draft is |
/// | [`device_exempt`](Self::device_exempt) | none | only the application knows what needs no login |
/// | [`public_origin`](Self::public_origin) | none: the host of each request | only the application knows what stands in front of it |
/// | [`dpop`](Self::dpop) | [`Dpop`] with its defaults | |
/// | [`require_dpop`](Self::require_dpop) | off: a login without a proof yields bearer tokens | not every client can make proofs |
pub struct LoginsBuilder {
    issuer: Issuer,
    refresh: RefreshTokens,
    cookies: Option<LoginCookies>,
    cross_site: CrossSite,
    reload: Option<Box<Reload>>,
    revocations: Option<Revocations>,
    transparent_renewal: bool,
    without_cookies: bool,
    bound_requests: BoundRequests,
    routes_path: Option<String>,
    after_log_in: Option<String>,
    after_log_out: Option<String>,
    pub(super) more: Vec<Arc<dyn MoreRoutes>>,
    device_exempt: Vec<String>,
    pub(super) given: Given,
}

impl LoginsBuilder {
    pub(super) fn new(issuer: Issuer, refresh: RefreshTokens) -> Self {
        Self {
            issuer,
            refresh,
            cookies: None,
            cross_site: CrossSite::default(),
            reload: None,
            revocations: None,
            transparent_renewal: false,
            without_cookies: false,
            bound_requests: BoundRequests::default(),
            routes_path: None,
            after_log_in: None,
            after_log_out: None,
            more: Vec::new(),
            device_exempt: Vec::new(),
            given: Given::default(),
        }
    }

    /// The cookies that keep a login in a browser. [`LoginCookies`] with their defaults.
    #[must_use]
    pub fn cookies(mut self, cookies: LoginCookies) -> Self {
        self.given.once("cookies");
        self.cookies = Some(cookies);
        self
    }

    /// Keeps logins out of cookies: for clients that get [`Login::json`](super::Login::json) and send the access token in the
    /// `Authorization` header. No cookie is set, and a token in one is not accepted. A [`LoginAttempt`](super::LoginAttempt) is refused
    /// with [`LoginError::NoCookies`]. Off.
    ///
    /// Then the issuer may have keys whose tokens are too large for a cookie: those of ML-DSA-65 and ML-DSA-87. Without this
    /// setting, [`build`](Self::build) refuses such an issuer, and [`Issuer::rotate`](crate::Issuer::rotate) such a key.
    #[must_use]
    pub fn without_cookies(mut self) -> Self {
        self.without_cookies = true;
        self
    }

    /// An origin whose pages may refresh and end a login, and make requests that the authenticator protects; see
    /// [`AuthenticatorBuilder::trusted_origin`](crate::AuthenticatorBuilder::trusted_origin). Each call adds one. None.
    #[must_use]
    pub fn trusted_origin(mut self, origin: impl Into<String>) -> Self {
        self.cross_site.trusted.push(origin.into().into_boxed_str());
        self
    }

    /// Loads the claims that a refresh signs, since roles may have changed since the login. Where it yields `None`, the login
    /// ends: for a user who is deleted or locked. Without it, a refresh signs the claims of the login.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use jwt_core::{Algorithm, Issuer, Logins, MemoryStore, RefreshTokens, SigningKey};
    /// # #[derive(serde::Serialize)]
    /// # struct User { sub: String, roles: Vec<String> }
    /// # #[derive(Clone)]
    /// # struct Users;
    /// # impl Users {
    /// #     async fn find(&self, name: &str) -> Result<Option<User>, std::io::Error> {
    /// #         Ok(Some(User { sub: name.into(), roles: vec![] }))
    /// #     }
    /// # }
    /// # let users = Users;
    /// # let issuer = Issuer::builder("https://auth.example.com")
    /// #     .audience("api")
    /// #     .signing_key(SigningKey::generate(Algorithm::ES256)?)
    /// #     .build()?;
    /// # let refresh_tokens = RefreshTokens::builder(Arc::new(MemoryStore::new())).build()?;
    /// let logins = Logins::builder(issuer, refresh_tokens)
    ///     .reload(move |login| {
    ///         let users = users.clone();
    ///         async move { users.find(&login.subject).await }
    ///     })
    ///     .build()?;
    /// # let _ = logins;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// It is called before the refresh token is exchanged. An error is [`LoginError::Reload`], a 503, and the client can try
    /// again with the same token, however much later. The claims must have the `sub` of the login.
    #[must_use]
    pub fn reload<C, E, F>(mut self, reload: impl Fn(SignIn) -> F + Send + Sync + 'static) -> Self
    where
        C: Serialize,
        E: Error + Send + Sync + 'static,
        F: Future<Output = Result<Option<C>, E>> + Send + 'static,
    {
        self.given.once("reload");
        self.reload = Some(Box::new(move |sign_in| {
            let claims = reload(sign_in);
            Box::pin(async move {
                let claims = claims.await.map_err(|error| LoginError::Reload(CheckError::new(error)))?;
                let json = claims.map(|claims| serde_json::value::to_raw_value(&claims)).transpose();
                json.map_err(|_| IssueError::Claims.into())
            })
        }));
        self
    }

    /// Revokes the access tokens of a login when it ends: at [logout](Logins::log_out_from_request), when a refresh token is
    /// used a second time, and where [`reload`](Self::reload) yields `None`. At
    /// [`log_out_everywhere`](Logins::log_out_everywhere), those of all logins of a user. Refuses tokens that are on the list.
    /// One login is one entry, by the `sid` of its access tokens. None.
    #[must_use]
    pub fn revocations(mut self, revocations: &Revocations) -> Self {
        self.given.once("revocations");
        self.revocations = Some(revocations.clone());
        self
    }

    /// Has the [authenticator](Logins::authenticator) renew a login whose access token has expired, where a GET or HEAD request
    /// has the refresh token in its cookie. The handler sees the new claims, and the response sets the new cookies, with
    /// `Cache-Control: no-store`. Off.
    ///
    /// For that, browsers send the refresh token with every request to this host, and not only below `/auth`. Its cookie has
    /// the path `/` and, unless [`cookies`](Self::cookies) say otherwise, the name `__Host-refresh_token`.
    ///
    /// - These are not renewed, and refused as without this setting: other methods, WebSocket handshakes, requests of another
    ///   site by `Sec-Fetch-Site` or `Origin`, access tokens in `Authorization`, and access tokens that are refused for
    ///   another reason than their age. While the store cannot be reached, the response is a 503.
    /// - Of any number of requests at once with the same refresh token, one renews, and all get the same cookies. On several
    ///   instances, they get the same refresh token, as [retries](crate::session::RefreshTokensBuilder::grace) do.
    /// - A browser that does not read the response comes back with the previous refresh token. After the grace, that is a
    ///   reuse and ends the login: set a grace of a minute here.
    #[must_use]
    pub fn transparent_renewal(mut self) -> Self {
        self.transparent_renewal = true;
        self
    }

    /// An address by which clients know this service, such as `https://auth.example.com`: what the `htu` of a proof is compared
    /// with that comes with a login or a refresh (RFC 9449 §4.3). Called again, each of them. The
    /// [authenticator](Logins::authenticator) gets it too; see
    /// [`AuthenticatorBuilder::public_origin`](crate::AuthenticatorBuilder::public_origin). None: the host of each request.
    #[must_use]
    pub fn public_origin(mut self, origin: impl Into<String>) -> Self {
        self.bound_requests.public_origins.push(origin.into().into_boxed_str());
        self
    }

    /// What is expected of the proofs that come with a [login](super::NewLogin::proof_from) or a
    /// [refresh](Logins::refresh_with_proof) in the field `DPoP`. The [authenticator](Logins::authenticator) gets the same for
    /// those that come with access tokens, with a memory of its own unless there is a store. [`Dpop`] with its defaults.
    ///
    /// With [nonces](Dpop::nonces), the answer to a proof without a good one is 400 `use_dpop_nonce`, with `DPoP-Nonce`
    /// (RFC 9449 §8).
    #[must_use]
    pub fn dpop(mut self, dpop: Dpop) -> Self {
        self.given.once("dpop");
        self.bound_requests.dpop = Some(dpop);
        self
    }

    /// Logs in and refreshes only with a proof, so that every token is bound to a key of its client; the
    /// [authenticator](Logins::authenticator) refuses all others. Logins in cookies cannot be bound, so there are none. A login
    /// that began without a proof gets bound access tokens from its next refresh on. Off.
    #[must_use]
    pub fn require_dpop(mut self) -> Self {
        self.bound_requests.required = true;
        self
    }

    /// Where the [ready routes](super::LoginRoute) are: `/refresh`, `/logout` and others below this path, which must be the
    /// [path of the refresh token](super::LoginCookiesBuilder::refresh_path) or below it. That path, or `/auth` where that is
    /// `/`.
    #[must_use]
    pub fn routes_path(mut self, path: impl Into<String>) -> Self {
        self.given.once("routes_path");
        self.routes_path = Some(path.into());
        self
    }

    /// Where a browser goes on after the form of a page has logged in or renewed a login: a path of this host. `/`.
    #[must_use]
    pub fn after_log_in(mut self, path: impl Into<String>) -> Self {
        self.given.once("after_log_in");
        self.after_log_in = Some(path.into());
        self
    }

    /// Where a browser goes on after the form of a page has logged out, or has asked for something without being logged in: a
    /// path of this host, such as that of the page where one logs in. `/`.
    #[must_use]
    pub fn after_log_out(mut self, path: impl Into<String>) -> Self {
        self.given.once("after_log_out");
        self.after_log_out = Some(path.into());
        self
    }

    /// A path of this host, and all below it, that needs no login, such as `/static`: a browser with a
    /// login that is bound to its key (`bind_to_device`, feature `device`) requests it at once, and does not refresh the login first. Each call adds one. None
    /// but that of the route that logs out.
    #[must_use]
    pub fn device_exempt(mut self, path: impl Into<String>) -> Self {
        self.device_exempt.push(path.into());
        self
    }

    /// The logins.
    ///
    /// # Errors
    /// [`LoginsBuildError`], where a trusted origin is not one, where browsers would not send a cookie to where it is needed,
    /// where a path is not one, or where a key of the issuer signs tokens that are too large for a cookie.
    pub fn build(self) -> Result<Logins, LoginsBuildError> {
        if let Some(setting) = self.given.twice() {
            return Err(LoginsBuildError::SetTwice { setting });
        }
        if let Some(origin) = self.cross_site.trusted.iter().find(|origin| !is_origin(origin)) {
            return Err(LoginsBuildError::TrustedOrigin { origin: origin.clone() });
        }
        if self.without_cookies {
            let binds = self.more.iter().any(|more| !more.is_provider());
            let given = [
                (self.cookies.is_some(), "cookies"),
                (self.transparent_renewal, "transparent_renewal"),
                (binds, "bind_to_device"),
            ];
            if let Some((_, setting)) = given.into_iter().find(|(is_given, _)| *is_given) {
                return Err(LoginsBuildError::NoCookies { setting });
            }
        }
        let cookies = match self.cookies {
            Some(cookies) => cookies,
            None if self.transparent_renewal => {
                LoginCookies::builder().refresh_name("__Host-refresh_token").refresh_path("/").build()?
            }
            None => LoginCookies::builder().build()?,
        };
        if self.transparent_renewal && cookies.refresh_path() != "/" {
            return Err(LoginsBuildError::RenewalPath { path: cookies.refresh_path().into() });
        }
        if self.transparent_renewal && self.bound_requests.required {
            return Err(LoginsBuildError::RenewalUnbound);
        }
        let paths = Paths {
            routes: routes_path(self.routes_path.as_deref(), cookies.refresh_path())?,
            after_log_in: page("after_log_in", self.after_log_in.as_deref())?,
            after_log_out: page("after_log_out", self.after_log_out.as_deref())?,
            device_exempt: exempt(&self.device_exempt)?,
        };
        check_more(&self.more, &self.bound_requests)?;
        let renewals = self.transparent_renewal.then(Renewals::default);
        let Self { issuer, refresh, cross_site, reload, revocations, without_cookies, bound_requests, more, .. } = self;
        let binding = bound_requests.settings().build_at_login(LEEWAY).map_err(LoginsBuildError::Proofs)?;
        let (verifier, refresh_cookie) = (issuer.authenticator().build_verifier()?, cookies.refresh_cookie());
        if !without_cookies {
            // Last, since what is refused leaves the issuer as it was.
            issuer.keep_in_cookies().map_err(|algorithm| LoginsBuildError::TooLargeForCookie { algorithm })?;
        }
        Ok(Logins(Arc::new(Inner {
            issuer,
            refresh,
            cookies,
            without_cookies,
            refresh_cookie,
            cross_site,
            reload,
            verifier,
            revocations,
            binding,
            bound_requests,
            paths,
            more,
            renewals,
        })))
    }
}

/// What logins say of proofs: of those that come with logins, and of those that come with access tokens.
#[derive(Default)]
pub(super) struct BoundRequests {
    dpop: Option<Dpop>,
    required: bool,
    pub(super) public_origins: Vec<Box<str>>,
}

impl BoundRequests {
    fn settings(&self) -> BindingSettings {
        BindingSettings {
            dpop: self.dpop.clone().unwrap_or_default(),
            dpop_required: self.required,
            public_origins: self.public_origins.clone(),
            ..BindingSettings::default()
        }
    }

    /// Whatever was given here is given there, where a second call is an error as well.
    pub(super) fn tell<C: ClaimsType>(&self, builder: AuthenticatorBuilder<C>) -> AuthenticatorBuilder<C> {
        let Self { dpop, required, public_origins } = self;
        let builder = public_origins.iter().fold(builder, |builder, origin| builder.public_origin(&**origin));
        let builder = match dpop {
            Some(dpop) => builder.dpop(dpop.clone()),
            None => builder,
        };
        if *required { builder.require_dpop() } else { builder }
    }
}

/// Whether each of more routes has a name of its own that can be in a path, and a public origin.
fn check_more(more: &[Arc<dyn MoreRoutes>], bound_requests: &BoundRequests) -> Result<(), LoginsBuildError> {
    for (place, routes) in more.iter().enumerate().filter(|(_, routes)| routes.is_provider()) {
        let name = routes.name();
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if name.is_empty() || name.len() > MAX_NAME || !name.bytes().all(fits) {
            return Err(LoginsBuildError::ProviderName { name: name.into() });
        }
        if more[..place].iter().any(|other| other.is_provider() && other.name() == name) {
            return Err(LoginsBuildError::ProviderTwice { name: name.into() });
        }
        if bound_requests.public_origins.is_empty() {
            return Err(LoginsBuildError::NoPublicOrigin { name: name.into() });
        }
    }
    Ok(())
}

/// The path of the routes, without a slash at its end.
fn routes_path(given: Option<&str>, refresh_path: &str) -> Result<Box<str>, LoginsBuildError> {
    let path = match given {
        Some(path) => path,
        None if refresh_path == "/" => "/auth",
        None => refresh_path,
    };
    if !is_path(path) || path.contains('?') {
        return Err(LoginsBuildError::Path { setting: "routes_path", path: path.into() });
    }
    // As browsers compare them (RFC 6265 §5.1.4).
    let (below, path) = (refresh_path.trim_end_matches('/'), path.trim_end_matches('/'));
    match path.strip_prefix(below) {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => Ok(path.into()),
        _ => Err(LoginsBuildError::RoutesPath { path: path.into(), refresh_path: refresh_path.into() }),
    }
}

/// Where a browser goes on.
fn page(setting: &'static str, given: Option<&str>) -> Result<HeaderValue, LoginsBuildError> {
    let path = given.unwrap_or("/");
    let refused = || LoginsBuildError::Path { setting, path: path.into() };
    if is_path(path) { HeaderValue::from_str(path).map_err(|_| refused()) } else { Err(refused()) }
}

/// Paths that a browser compares.
fn exempt(given: &[String]) -> Result<Box<[Box<str>]>, LoginsBuildError> {
    let checked = given.iter().map(|path| {
        let refused = || LoginsBuildError::Path { setting: "device_exempt", path: path.as_str().into() };
        if is_path(path) && !path.contains(['?', '#']) { Ok(path.as_str().into()) } else { Err(refused()) }
    });
    checked.collect()
}

/// A path of this host: browsers take what begins with two slashes, or with a slash and a backslash, for another one.
pub(super) fn is_path(path: &str) -> bool {
    path.starts_with('/') && !path.starts_with("//") && path.bytes().all(|b| matches!(b, 0x21..=0x7E) && b != b'\\')
}

impl fmt::Debug for LoginsBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoginsBuilder")
            .field("issuer", &self.issuer)
            .field("refresh", &self.refresh)
            .field("cookies", &self.cookies)
            .field("cross_site", &self.cross_site)
            .field("reload", &self.reload.is_some())
            .field("revocations", &self.revocations)
            .field("transparent_renewal", &self.transparent_renewal)
            .field("without_cookies", &self.without_cookies)
            .field("dpop", &self.bound_requests.dpop)
            .field("require_dpop", &self.bound_requests.required)
            .field("public_origins", &self.bound_requests.public_origins)
            .field("routes_path", &self.routes_path)
            .field("device_exempt", &self.device_exempt)
            .finish_non_exhaustive()
    }
}

/// The claims of the next access token, as JSON.
pub(super) type Reload = dyn Fn(SignIn) -> Reloading + Send + Sync;

type Reloading = Pin<Box<dyn Future<Output = Result<Option<Box<RawValue>>, LoginError>> + Send>>;
