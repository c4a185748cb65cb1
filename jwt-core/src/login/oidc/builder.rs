//! How signing in with a provider is set up.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::ProviderLogin;
use super::build_error::ProviderLoginBuildError;
use super::flow::FlowKey;
use super::provider::{How, Place, Provider, Shared};
use super::seal::Ring;
use super::today::Keeper;
use super::user::{ByAccess, ByIdToken, Ends, ProviderAccess, ProviderUser, function};
use crate::authenticator::Authenticator;
use crate::binding::DpopKey;
use crate::claims::ClaimsType;
use crate::config_error::Given;
use crate::key::remote_parts::{Credentials, Method, RootCertificates, absolute};
use crate::key::{Fetch, RemoteKeySet, SigningKey};
use crate::login::NewLogin;
use crate::login::builder::is_path;
use crate::transport::address::{is_allowed, without_secrets};

/// How long what a provider has said of a login counts.
const REFRESH_INTERVAL: Duration = Duration::from_secs(5 * 60);
/// Longer than a browser may take to bind a login that has just begun.
const MIN_REFRESH_INTERVAL: Duration = Duration::from_secs(60);
const STALE_IF_ERROR: Duration = Duration::from_secs(60 * 60);

/// The parameters of the requests that are set here.
const OWN: [&str; 14] = [
    "response_type",
    "response_mode",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
    "request_uri",
    "request",
    "dpop_jkt",
    "max_age",
    "acr_values",
];

/// Builds a [`ProviderLogin`]. A setting that has one value is given once; a second call is an error.
///
/// | setting | default | reason |
/// |---|---|---|
/// | [`on_sign_in`](Self::on_sign_in), [`on_access`](Self::on_access) | none: an error | only the application knows its users |
/// | [`client_secret`](Self::client_secret) and the other ways to authenticate | none: an error | who can use a code that was read on the way depends on it |
/// | [`scope`](Self::scope) | `openid`; none of a provider of OAuth 2.0 | a provider tells what it is asked for |
/// | [`parameter`](Self::parameter) | none | |
/// | [`form_post`](Self::form_post) | off: the answer is in the query | the cookie of the flow stays `SameSite=Lax` |
/// | [`max_age`](Self::max_age), [`require_acr`](Self::require_acr) | none | a session at the provider is enough for many applications |
/// | [`dpop`](Self::dpop) | none: bearer tokens | most applications have no use for the access token |
/// | [`without_pushed_requests`](Self::without_pushed_requests) | off: pushed where the provider takes that | nobody can read or change on the way what is asked for |
/// | [`log_out_at_provider`](Self::log_out_at_provider) | off | people expect to stay signed in at the provider |
/// | [`cookie_secret`](Self::cookie_secret) | a random one | right for one instance |
/// | [`keep_refresh_token`](Self::keep_refresh_token) | off: the provider is asked at the sign-in alone | only the application can keep the secret that it takes |
/// | [`refresh_interval`](Self::refresh_interval) | 5 minutes | the lifetime of many access tokens, and not every refresh asks |
/// | [`stale_if_error`](Self::stale_if_error) | one hour | an outage of the provider logs nobody out, and a login does not outlive it for long |
/// | [`failure_page`](Self::failure_page) | none: a status and JSON | only the application knows its pages |
/// | [`timeout`](Self::timeout) | 10 seconds | somebody waits for the page |
#[expect(clippy::struct_excessive_bools, reason = "each is a setting")]
pub struct ProviderLoginBuilder {
    place: Place,
    client_id: String,
    methods: Vec<Method>,
    scopes: Vec<String>,
    parameters: Vec<(String, String)>,
    form_post: bool,
    pushed: bool,
    end_session: bool,
    max_age: Option<Duration>,
    acr: Vec<Box<str>>,
    dpop: Option<DpopKey>,
    cookie_secret: Option<Vec<u8>>,
    refresh_token_secrets: Vec<Vec<u8>>,
    refresh_interval: Option<Duration>,
    stale_if_error: Option<Duration>,
    failure_page: Option<String>,
    client: Option<Arc<dyn Fetch>>,
    roots: RootCertificates,
    plain_http: bool,
    timeout: Duration,
    user: Option<User>,
    given: Given,
}

/// The function of the application.
enum User {
    ByIdToken(Box<MakeEnds>),
    ByAccess(ByAccess),
}

type MakeEnds = dyn FnOnce(&ProviderLoginBuilder, &str) -> Result<Arc<dyn Ends>, ProviderLoginBuildError> + Send;

impl ProviderLoginBuilder {
    pub(super) fn new(place: Place, client_id: String) -> Self {
        Self {
            place,
            client_id,
            methods: Vec::new(),
            scopes: Vec::new(),
            parameters: Vec::new(),
            form_post: false,
            pushed: true,
            end_session: false,
            max_age: None,
            acr: Vec::new(),
            dpop: None,
            cookie_secret: None,
            refresh_token_secrets: Vec::new(),
            refresh_interval: None,
            stale_if_error: None,
            failure_page: None,
            client: None,
            roots: RootCertificates::default(),
            plain_http: false,
            timeout: Duration::from_secs(10),
            user: None,
            given: Given::default(),
        }
    }

    fn authenticate(mut self, setting: &'static str, method: Method) -> Self {
        self.given.once(setting);
        self.methods.push(method);
        self
    }

    /// Turns somebody who has signed in into a user, by the claims of the verified ID token: a [`log_in`](ProviderUser::log_in)
    /// with the claims of the user here, or `None` where the application refuses, which is a 403. An error is a 503.
    ///
    /// Known is who has this [`subject`](ProviderUser::subject) at this provider. An e-mail address is not an identity: link by
    /// it only where the provider says `email_verified` and is the authority for that domain.
    #[must_use]
    pub fn on_sign_in<P, E, F>(mut self, user: impl Fn(ProviderUser<P>) -> F + Send + Sync + 'static) -> Self
    where
        P: ClaimsType,
        E: Error + Send + Sync + 'static,
        F: Future<Output = Result<Option<NewLogin>, E>> + Send + 'static,
    {
        self.given.once("on_sign_in");
        let function = function(user);
        self.user = Some(User::ByIdToken(Box::new(|builder, issuer| {
            let keys = RemoteKeySet::discover(issuer).timeout(builder.timeout).roots(builder.roots.clone());
            let keys = if builder.plain_http { keys.dangerous_allow_plain_http() } else { keys };
            let keys = match &builder.client {
                Some(client) => keys.client(Shared(client.clone())),
                None => keys,
            };
            let verifier = Authenticator::<P>::builder().keys(&keys).issuer(issuer);
            let verifier = verifier.build_id_token_verifier(&builder.client_id)?;
            let (within, max_age, acr) = (builder.timeout, builder.max_age, builder.acr.clone());
            Ok(Arc::new(ByIdToken { verifier, keys, within, max_age, acr, function }))
        })));
        self
    }

    /// The same for a provider of [`oauth2`](ProviderLogin::oauth2), which has no ID tokens: the function asks the provider who
    /// it is, such as by [`get_json`](ProviderAccess::get_json).
    #[must_use]
    pub fn on_access<E, F>(mut self, user: impl Fn(ProviderAccess) -> F + Send + Sync + 'static) -> Self
    where
        E: Error + Send + Sync + 'static,
        F: Future<Output = Result<Option<NewLogin>, E>> + Send + 'static,
    {
        self.given.once("on_access");
        self.user = Some(User::ByAccess(ByAccess(function(user))));
        self
    }

    /// Authenticates by a secret in `Authorization: Basic` (`client_secret_basic`, RFC 6749 §2.3.1).
    #[must_use]
    pub fn client_secret(self, secret: impl Into<String>) -> Self {
        self.authenticate("client_secret", Method::Basic { secret: secret.into() })
    }

    /// Authenticates by a secret in the form (`client_secret_post`), for providers that take no other way.
    #[must_use]
    pub fn client_secret_post(self, secret: impl Into<String>) -> Self {
        self.authenticate("client_secret_post", Method::Post { secret: secret.into() })
    }

    /// Authenticates by an assertion that this key signs for each request (`private_key_jwt`, RFC 7523 §2.2), whose `aud` is
    /// the issuer.
    #[must_use]
    pub fn private_key_jwt(self, key: &SigningKey) -> Self {
        self.authenticate("private_key_jwt", Method::PrivateKey { key: key.clone() })
    }

    /// Authenticates by the certificate of the connection (RFC 8705 §2), which the HTTP client of [`client`](Self::client) has.
    /// The endpoints among the `mtls_endpoint_aliases` of the provider are used (§5).
    #[must_use]
    pub fn mutual_tls(self) -> Self {
        self.authenticate("mutual_tls", Method::MutualTls)
    }

    /// Does not authenticate: a client that has no secret (RFC 6749 §2.1). What protects a code is PKCE alone.
    #[must_use]
    pub fn public_client(self) -> Self {
        self.authenticate("public_client", Method::Public)
    }

    /// A scope that is asked for, beside `openid`: `email` or `profile`, for instance. Each call adds one.
    #[must_use]
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.scopes.push(scope.into());
        self
    }

    /// A parameter of the request beside those that are set here, such as `prompt` or `domain_hint`. Each call adds one.
    #[must_use]
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.parameters.push((name.into(), value.into()));
        self
    }

    /// Has the provider answer by a form that the browser posts (`response_mode=form_post`), which Apple needs for names and
    /// addresses. The cookie of a flow then is `SameSite=None`, since such a post comes from the site of the provider. Off.
    #[must_use]
    pub fn form_post(mut self) -> Self {
        self.form_post = true;
        self
    }

    /// The user has to have authenticated no longer ago than this: `max_age` in the request, and `auth_time` in the ID token
    /// (Core §3.1.2.1). None.
    #[must_use]
    pub fn max_age(mut self, max_age: Duration) -> Self {
        self.given.once("max_age");
        self.max_age = Some(max_age);
        self
    }

    /// The user has to have authenticated in this way, by `acr` of the ID token, which is asked for by `acr_values`. Called
    /// again, in any of these ways, the best first. An ID token of a [refresh](Self::keep_refresh_token) with another `acr` ends
    /// the login. None.
    #[must_use]
    pub fn require_acr(mut self, acr: impl Into<String>) -> Self {
        self.acr.push(acr.into().into_boxed_str());
        self
    }

    /// Binds the access tokens to this key by proofs in the requests to the token endpoint (RFC 9449 §5), where the metadata
    /// of the provider offers its algorithm; at providers of [`oauth2`](ProviderLogin::oauth2) always. None.
    #[must_use]
    pub fn dpop(mut self, key: &DpopKey) -> Self {
        self.given.once("dpop");
        self.dpop = Some(key.clone());
        self
    }

    /// Sends the parameters of the request through the browser, also where the provider takes them before (RFC 9126). Off.
    #[must_use]
    pub fn without_pushed_requests(mut self) -> Self {
        self.pushed = false;
        self
    }

    /// Ends the session at the provider too when the form of a page logs out here (OpenID Connect RP-Initiated Logout 1.0
    /// §2): the browser goes on to the provider, which then leads it to
    /// [`after_log_out`](crate::login::LoginsBuilder::after_log_out). Register that address there. The ID token is kept
    /// with the login for it. Off.
    #[must_use]
    pub fn log_out_at_provider(mut self) -> Self {
        self.end_session = true;
        self
    }

    /// The secret by which the cookies of flows are signed, at least 32 bytes: the same on every instance. A random one, which
    /// is right for a single instance; a restart ends the flows that are under way.
    #[must_use]
    pub fn cookie_secret(mut self, secret: impl AsRef<[u8]>) -> Self {
        self.given.once("cookie_secret");
        self.cookie_secret = Some(secret.as_ref().to_vec());
        self
    }

    /// Keeps the refresh token that comes with a sign-in, and asks the provider by it again: a [refresh](crate::Logins::refresh)
    /// of the login here then has the claims of today, and the login ends when the provider says that its own is over. Off.
    ///
    /// The token is in the record of the login in the store, encrypted by AES-256-GCM under this secret of at least 32 bytes,
    /// for this one login at this provider. Each call adds a secret: the first encrypts, and all decrypt. To replace one, add
    /// the new one in front on all instances, and take the old one out after the
    /// [absolute timeout](crate::session::RefreshTokensBuilder::absolute_timeout).
    ///
    /// - **The provider is asked** at the first refresh of the login after the [interval](Self::refresh_interval): with
    ///   `grant_type=refresh_token` (RFC 6749 §6), authenticated as for a code. The refresh token that it answers with replaces
    ///   the one before.
    /// - **The ID token** of the answer is verified and says the same `iss`, `sub`, `aud` and `auth_time` as the first
    ///   (Core §12.2). Without one, the claims stay as they are. Where it has an `acr`, that is one of
    ///   [`require_acr`](Self::require_acr). [`max_age`](Self::max_age) is about the sign-in: no login ends because of it later.
    /// - **The function of [`on_sign_in`](Self::on_sign_in)** or [`on_access`](Self::on_access) is called again, with
    ///   [`is_refresh`](ProviderUser::is_refresh). The claims of the login that it returns, and those of
    ///   [`NewLogin::claim`], replace the ones before; its other settings are those of the sign-in. `None` ends the login. An error
    ///   is [`LoginError::Reload`](crate::login::LoginError::Reload), a 503.
    /// - **The login ends** where the provider answers `invalid_grant`, or with an ID token that is not good or whose `acr` is
    ///   not enough.
    /// - **While the provider fails**, logins go on: see [`stale_if_error`](Self::stale_if_error).
    /// - **A logout here** gives the token back at the `revocation_endpoint` of the provider, if it has one (RFC 7009), without
    ///   waiting for that.
    ///
    /// The scope `offline_access` is asked for where the metadata of the provider have it. Some providers want more, such as
    /// `.parameter("prompt", "consent")` (Core §11), or `.parameter("access_type", "offline")` of Google.
    #[must_use]
    pub fn keep_refresh_token(mut self, secret: impl AsRef<[u8]>) -> Self {
        self.refresh_token_secrets.push(secret.as_ref().to_vec());
        self
    }

    /// How long what the provider has said of a login counts, at least a minute: a refresh of the login after that asks it
    /// again. Needs [`keep_refresh_token`](Self::keep_refresh_token). 5 minutes.
    #[must_use]
    pub fn refresh_interval(mut self, time: Duration) -> Self {
        self.given.once("refresh_interval");
        self.refresh_interval = Some(time);
        self
    }

    /// How much longer it counts while the provider cannot be asked: it does not answer, or refuses this service. Then the
    /// login is refreshed with the claims of before. After that, a refresh is
    /// [`LoginError::ProviderUnavailable`](crate::login::LoginError::ProviderUnavailable), a 503, until the provider answers
    /// again. The failure is logged once, and the provider asked every ten seconds at most. Needs
    /// [`keep_refresh_token`](Self::keep_refresh_token). One hour; zero: not at all.
    #[must_use]
    pub fn stale_if_error(mut self, time: Duration) -> Self {
        self.given.once("stale_if_error");
        self.stale_if_error = Some(time);
        self
    }

    /// Where a browser goes on that did not get a login: a path of this host, which gets the code of the error in `error`, such
    /// as `access_denied`. None: a status and a JSON body.
    #[must_use]
    pub fn failure_page(mut self, path: impl Into<String>) -> Self {
        self.given.once("failure_page");
        self.failure_page = Some(path.into());
        self
    }

    /// The longest time that a request to the provider may take. 10 seconds.
    #[must_use]
    pub fn timeout(mut self, time: Duration) -> Self {
        self.given.once("timeout");
        self.timeout = time;
        self
    }

    /// Trusts the certificate authorities in this PEM text beside those of the platform. Called again, all of them. Of the
    /// default client only.
    #[must_use]
    pub fn root_certificate(mut self, pem: impl AsRef<[u8]>) -> Self {
        self.roots.add(pem.as_ref());
        self
    }

    /// Asks by another HTTP client: through a proxy, or with a certificate. reqwest with rustls.
    #[must_use]
    pub fn client(mut self, client: impl Fetch + 'static) -> Self {
        self.given.once("client");
        self.client = Some(Arc::new(client));
        self
    }

    /// Asks a provider on another machine over plain http. Whoever is on the way can sign in as anybody.
    #[must_use]
    pub fn dangerous_allow_plain_http(mut self) -> Self {
        self.plain_http = true;
        self
    }

    /// The provider, for [`LoginsBuilder::provider`](crate::login::LoginsBuilder::provider). With ID tokens it fetches keys in
    /// the background: build it inside of a Tokio runtime.
    ///
    /// # Errors
    /// [`ProviderLoginBuildError`].
    pub fn build(mut self) -> Result<ProviderLogin, ProviderLoginBuildError> {
        if let Some(setting) = self.given.twice() {
            return Err(ProviderLoginBuildError::SetTwice { setting });
        }
        self.check_addresses()?;
        let credentials = self.checked_credentials()?;
        self.check_asked()?;
        if self.timeout.is_zero() {
            return Err(ProviderLoginBuildError::Timeout);
        }
        self.roots.check(self.client.is_some()).map_err(ProviderLoginBuildError::RootCertificate)?;
        let key = FlowKey::new(self.cookie_secret.as_deref()).map_err(ProviderLoginBuildError::CookieSecret)?;
        let keeper = self.checked_keeper()?.map(Arc::new);
        let other = |setting| ProviderLoginBuildError::OtherKind { setting };
        let user = self.user.take().ok_or(ProviderLoginBuildError::NoUser)?;
        let ends: Arc<dyn Ends> = match (user, self.place.clone()) {
            (User::ByIdToken(make), Place::Issuer(issuer)) => make(&self, &issuer)?,
            (User::ByAccess(ends), Place::Endpoints { .. }) => Arc::new(ends),
            (User::ByIdToken(_), Place::Endpoints { .. }) => return Err(other("on_sign_in")),
            (User::ByAccess(_), Place::Issuer(_)) => return Err(other("on_access")),
        };
        let asked = Provider::new(How {
            scope: self.asked_scope(),
            parameters: self.asked_parameters(),
            place: self.place,
            credentials,
            client: self.client,
            roots: self.roots,
            plain_http: self.plain_http,
            form_post: self.form_post,
            pushed: self.pushed,
            dpop: self.dpop,
            offline: keeper.is_some(),
            timeout: self.timeout,
        });
        let (asked, failure_page, end_session) = (Arc::new(asked), self.failure_page, self.end_session);
        Ok(ProviderLogin { asked, ends, key, keeper, failure_page, end_session })
    }

    fn checked_keeper(&self) -> Result<Option<Keeper>, ProviderLoginBuildError> {
        let given =
            [(self.refresh_interval.is_some(), "refresh_interval"), (self.stale_if_error.is_some(), "stale_if_error")];
        if self.refresh_token_secrets.is_empty() {
            return match given.into_iter().find(|(is_given, _)| *is_given) {
                Some((_, setting)) => Err(ProviderLoginBuildError::NotAskedAgain { setting }),
                None => Ok(None),
            };
        }
        let time = self.refresh_interval.unwrap_or(REFRESH_INTERVAL);
        if time < MIN_REFRESH_INTERVAL {
            return Err(ProviderLoginBuildError::RefreshInterval { time });
        }
        let ring = Ring::new(&self.refresh_token_secrets).map_err(ProviderLoginBuildError::RefreshTokenSecret)?;
        Ok(Some(Keeper::new(ring, time, self.stale_if_error.unwrap_or(STALE_IF_ERROR))))
    }

    fn check_addresses(&self) -> Result<(), ProviderLoginBuildError> {
        let addresses = match &self.place {
            Place::Issuer(issuer) => vec![issuer],
            Place::Endpoints { authorization, token } => vec![authorization, token],
        };
        let is_issuer = matches!(self.place, Place::Issuer(_));
        for address in addresses {
            let shown = without_secrets(address);
            let uri = absolute(address).filter(|uri| !is_issuer || uri.query().is_none());
            let Some(uri) = uri else { return Err(ProviderLoginBuildError::Address { address: shown }) };
            if !is_allowed(&uri, self.plain_http) {
                return Err(ProviderLoginBuildError::Insecure { address: shown });
            }
        }
        Ok(())
    }

    fn checked_credentials(&mut self) -> Result<Credentials, ProviderLoginBuildError> {
        let (Some(method), true) = (self.methods.pop(), self.methods.is_empty()) else {
            return Err(ProviderLoginBuildError::Credentials);
        };
        if matches!(method, Method::MutualTls) && self.client.is_none() {
            return Err(ProviderLoginBuildError::NoCertificate);
        }
        let credentials = Credentials { id: self.client_id.clone(), method };
        if credentials.are_empty() { Err(ProviderLoginBuildError::EmptyCredentials) } else { Ok(credentials) }
    }

    fn check_asked(&self) -> Result<(), ProviderLoginBuildError> {
        if let Some((name, _)) = self.parameters.iter().find(|(name, _)| OWN.contains(&&**name)) {
            return Err(ProviderLoginBuildError::Parameter { name: name.as_str().into() });
        }
        // RFC 6749 §3.3; of `acr_values`, the same separator.
        let is_token =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5B | 0x5D..=0x7E));
        let all = self.scopes.iter().map(|scope| &**scope).chain(self.acr.iter().map(|acr| &**acr));
        if let Some(scope) = all.into_iter().find(|text| !is_token(text)) {
            return Err(ProviderLoginBuildError::Scope { scope: scope.into() });
        }
        match &self.failure_page {
            Some(path) if !is_path(path) => {
                Err(ProviderLoginBuildError::Path { setting: "failure_page", path: path.as_str().into() })
            }
            _ => Ok(()),
        }
    }

    fn asked_scope(&self) -> String {
        let openid = matches!(self.place, Place::Issuer(_)).then_some("openid");
        let others = self.scopes.iter().map(String::as_str).filter(|scope| Some(*scope) != openid);
        openid.into_iter().chain(others).collect::<Vec<_>>().join(" ")
    }

    fn asked_parameters(&mut self) -> Vec<(String, String)> {
        let mut parameters = std::mem::take(&mut self.parameters);
        if let Some(max_age) = self.max_age {
            parameters.push(("max_age".to_owned(), max_age.as_secs().to_string()));
        }
        if !self.acr.is_empty() {
            parameters.push(("acr_values".to_owned(), self.acr.join(" ")));
        }
        parameters
    }
}

impl fmt::Debug for ProviderLoginBuilder {
    /// Without secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderLoginBuilder")
            .field("client_id", &self.client_id)
            .field("scopes", &self.scopes)
            .finish_non_exhaustive()
    }
}
