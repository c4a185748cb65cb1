//! Tokens that mean nothing here, and that their issuer is asked about (RFC 7662, RFC 9701).

mod answer;
mod asker;
mod error;
mod kind;
mod known;
mod limits;
mod status;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

pub use error::IntrospectionError;
pub use status::IntrospectionStatus;

pub use crate::error::IntrospectionBuildError;

use crate::clock::Clock;
use crate::config_error::Given;
use crate::error::AuthenticatorBuildError;
use crate::key::remote_parts::{self, Credentials, Method, RootCertificates};
use crate::key::{Fetch, KeySource, LiveKeys, SigningKey};
use crate::single_flight::SingleFlight;
use crate::transport::address::{is_allowed, without_secrets};
use crate::verify::{Kind, Trust, Validation};
use asker::{Asker, How, Place};
use kind::{Expected, Introspected};
use known::Known;
use limits::Limits;
use status::Reporter;

/// Access tokens that mean nothing here, and that their issuer is asked about (RFC 7662). Given to
/// [`AuthenticatorBuilder::introspect`](crate::AuthenticatorBuilder::introspect).
///
/// Tokens that are no JWTs go there, JWTs only [on demand](Self::every_token), and the tokens of this service's own sessions
/// and [kinds](crate::verify::CredentialKind) never. Handlers and guards get the members of the answer as the claims of a JWT.
/// What is expected of a JWT is expected of the answer: issuer, audience, times, required claims, and the key or certificate
/// that it is bound to (`cnf`).
///
/// ```
/// use jwt_core::Authenticator;
/// use jwt_core::introspection::Introspection;
///
/// #[derive(serde::Deserialize)]
/// struct User {
///     username: String,
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let secret = "hunter2";
/// let introspection = Introspection::discover("https://login.example.com").client_secret("invoices", secret);
/// let auth = Authenticator::<User>::builder().introspect(&introspection).audience("https://api.example.com").build()?;
/// # let _ = auth;
/// # Ok(()) }
/// ```
///
/// | setting | default | reason |
/// |---|---|---|
/// | [`client_secret`](Self::client_secret), [`client_secret_post`](Self::client_secret_post), [`private_key_jwt`](Self::private_key_jwt), [`mutual_tls`](Self::mutual_tls) | none: an error | whoever may ask anything can look for tokens (RFC 7662 §2.1) |
/// | [`every_token`](Self::every_token) | off: no JWTs | a JWT needs no question |
/// | [`cache_for`](Self::cache_for) | 1 minute, and never beyond `exp` | so long a token is good that its issuer has revoked |
/// | [`cache_inactive_for`](Self::cache_inactive_for) | 5 seconds | a token does not become good, but its issuer may know of it late |
/// | [`stale_if_error`](Self::stale_if_error) | off | nobody knows what was revoked in an outage |
/// | [`max_cached`](Self::max_cached) | 10 000 tokens, of 2 KiB each | memory |
/// | [`calls_per_minute`](Self::calls_per_minute) | 1 200 | what tokens that are not good can cost the issuer, in questions |
/// | the share of one client | an eighth of them | others are served beside a client that floods |
/// | [`calls_at_once`](Self::calls_at_once) | 32, of which 24 for tokens that were never good, and 8 for one client | an issuer that is slow |
/// | [`timeout`](Self::timeout) | 5 seconds | an issuer that hangs is down |
/// | [`connect_timeout`](Self::connect_timeout) | 3 seconds | an address that does not answer by then will not |
/// | [`max_bytes`](Self::max_bytes) | 64 KiB | an answer has some hundred bytes |
/// | [`issuer_optional`](Self::issuer_optional) | off: a discovered issuer is named in `iss` | the answer may be about a token of somebody else |
/// | [`token_type_optional`](Self::token_type_optional) | off | refresh tokens are active too |
/// | [`require_signed_answers`](Self::require_signed_answers) | off | TLS says who answers |
///
/// # What is asked, and when
///
/// A positive answer is used for [`cache_for`](Self::cache_for), by the SHA-256 of its token, which is not kept. The time and
/// the list of revoked tokens are looked at for every request all the same. Of any number of requests at once with one token,
/// one asks. A token that was good before is asked about again at once; how many others may be asked about has a limit, beyond
/// which the answer is 503 with `Retry-After`. A question whose answer is a good token does not count.
///
/// An issuer that does not answer, or not as the standard says, is a 503 with `Retry-After`, and never a 401. After three such
/// questions in a row nobody asks for a second, and then for up to ten. Tokens whose answer is cached go on.
#[derive(Clone)]
#[cfg_attr(feature_labels, doc(cfg(feature = "introspection")))]
pub struct Introspection {
    settings: Settings,
    given: Given,
    reporter: Arc<Reporter>,
}

#[derive(Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting")]
struct Settings {
    place: Place,
    issuer: Option<String>,
    credentials: Vec<Credentials>,
    assertion_audience: Option<String>,
    client: Option<Arc<dyn Fetch>>,
    roots: RootCertificates,
    plain_http: bool,
    audiences: Vec<Box<str>>,
    any_audience: bool,
    every_token: bool,
    issuer_optional: bool,
    token_type_optional: bool,
    keys: Option<KeySource>,
    cache_for: Duration,
    cache_inactive_for: Duration,
    stale_if_error: Duration,
    max_cached: usize,
    calls_per_minute: u32,
    calls_at_once: usize,
    timeout: Duration,
    connect_timeout: Duration,
    max_bytes: usize,
}

impl Introspection {
    /// Asks the issuer of that name, at the `introspection_endpoint` of its metadata (RFC 8414 §2). The metadata is looked for
    /// where `RemoteKeySet::discover` looks for it, when the first token comes, again after an hour, and after an answer that
    /// was none. `iss` of an answer has to be this name.
    pub fn discover(issuer: impl Into<String>) -> Self {
        let issuer = issuer.into();
        let introspection = Self::new(Place::Issuer(issuer.clone()));
        let settings = Settings { issuer: Some(issuer), ..introspection.settings };
        Self { settings, ..introspection }
    }

    /// Asks at this address. Say the [issuer](Self::issuer) too, if its answers name it.
    pub fn at(endpoint: impl Into<String>) -> Self {
        Self::new(Place::Endpoint(endpoint.into()))
    }

    fn new(place: Place) -> Self {
        let shown = without_secrets(place.name());
        let shown = shown.strip_suffix("?…").or(shown.strip_suffix("#…")).unwrap_or(&shown).to_owned();
        let settings = Settings {
            place,
            issuer: None,
            credentials: Vec::new(),
            assertion_audience: None,
            client: None,
            roots: RootCertificates::default(),
            plain_http: false,
            audiences: Vec::new(),
            any_audience: false,
            every_token: false,
            issuer_optional: false,
            token_type_optional: false,
            keys: None,
            cache_for: Duration::from_secs(60),
            cache_inactive_for: Duration::from_secs(5),
            stale_if_error: Duration::ZERO,
            max_cached: 10_000,
            calls_per_minute: 1200,
            calls_at_once: 32,
            timeout: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(3),
            max_bytes: 64 * 1024,
        };
        Self { settings, given: Given::default(), reporter: Arc::new(Reporter::new(shown)) }
    }

    fn set(mut self, setting: &'static str, change: impl FnOnce(&mut Settings)) -> Self {
        self.given.once(setting);
        change(&mut self.settings);
        self
    }

    fn credentials(mut self, id: impl Into<String>, method: Method) -> Self {
        self.settings.credentials.push(Credentials { id: id.into(), method });
        self
    }

    /// Authenticates by identifier and secret in `Authorization: Basic` (`client_secret_basic`, RFC 6749 §2.3.1).
    #[must_use]
    pub fn client_secret(self, id: impl Into<String>, secret: impl Into<String>) -> Self {
        self.credentials(id, Method::Basic { secret: secret.into() })
    }

    /// Authenticates by identifier and secret in the form (`client_secret_post`), for issuers that take no other way.
    #[must_use]
    pub fn client_secret_post(self, id: impl Into<String>, secret: impl Into<String>) -> Self {
        self.credentials(id, Method::Post { secret: secret.into() })
    }

    /// Authenticates by an assertion that this key signs for each question (`private_key_jwt`, RFC 7523 §2.2; with a secret,
    /// `client_secret_jwt`). Its `aud` is the issuer, or the endpoint where no issuer is known, unless
    /// [`assertion_audience`](Self::assertion_audience) says otherwise.
    #[must_use]
    pub fn private_key_jwt(self, id: impl Into<String>, key: &SigningKey) -> Self {
        self.credentials(id, Method::PrivateKey { key: key.clone() })
    }

    /// Authenticates by the certificate of the connection (`tls_client_auth`, `self_signed_tls_client_auth`, RFC 8705 §2),
    /// which the HTTP client of [`client`](Self::client) has. Of a discovered issuer, the endpoint among its
    /// `mtls_endpoint_aliases` is used (§5).
    #[must_use]
    pub fn mutual_tls(self, id: impl Into<String>) -> Self {
        self.credentials(id, Method::MutualTls)
    }

    /// `aud` of the assertions of [`private_key_jwt`](Self::private_key_jwt). The issuer, or the endpoint where no issuer is
    /// known.
    #[must_use]
    pub fn assertion_audience(self, audience: impl Into<String>) -> Self {
        let audience = audience.into();
        self.set("assertion_audience", |settings| settings.assertion_audience = Some(audience))
    }

    /// The name of the issuer, where the address of its endpoint was given: `iss` of an answer has to be this. None: what
    /// [`AuthenticatorBuilder::issuer`](crate::AuthenticatorBuilder::issuer) says.
    #[must_use]
    pub fn issuer(self, issuer: impl Into<String>) -> Self {
        let issuer = issuer.into();
        self.set("issuer", |settings| settings.issuer = Some(issuer))
    }

    /// Expects `aud` of an answer to be or to hold this, instead of what the builder of the authenticator says. Called again,
    /// any of them.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.settings.audiences.push(audience.into().into_boxed_str());
        self
    }

    /// Accepts tokens whoever they were made for, and answers that do not say. Right where the issuer calls a token active
    /// only if it is for the service that asks; elsewhere every service that gets a token can use it here.
    #[must_use]
    pub fn any_audience(mut self) -> Self {
        self.settings.any_audience = true;
        self
    }

    /// Has the issuer asked about its JWTs too, those with `iss` of its name: for tokens that live longer than it may take
    /// until a revocation counts. They are not verified here; what counts is the answer. Off: JWTs are verified by their keys.
    #[must_use]
    pub fn every_token(mut self) -> Self {
        self.settings.every_token = true;
        self
    }

    /// Accepts answers without `iss`, which RFC 7662 §2.2 leaves to the issuer. One that is there is checked all the same. The
    /// token then names no issuer. Right where everything that is active at that endpoint is of one issuer.
    #[must_use]
    pub fn issuer_optional(mut self) -> Self {
        self.settings.issuer_optional = true;
        self
    }

    /// Accepts answers without `token_type`, which RFC 7662 §2.2 leaves to the issuer. One that is there is checked all the
    /// same. Of an issuer that calls its refresh tokens active and says no more, these are then good as access tokens.
    #[must_use]
    pub fn token_type_optional(mut self) -> Self {
        self.settings.token_type_optional = true;
        self
    }

    /// Demands signed answers (RFC 9701) and verifies them with these keys of the issuer: its `RemoteKeySet`, for instance the
    /// one that the authenticator has for JWTs. `typ` is `token-introspection+jwt`, `iss` the issuer, `aud` the identifier of
    /// this client, and `iat` no more than a minute ago. Off.
    #[must_use]
    pub fn require_signed_answers(self, keys: impl Into<KeySource>) -> Self {
        let keys = keys.into();
        self.set("require_signed_answers", |settings| settings.keys = Some(keys))
    }

    /// How long a positive answer is used: so long a token is good at most that its issuer has revoked. Never beyond `exp`.
    /// Zero: asked for every request, except those that wait for the same answer. 1 minute.
    #[must_use]
    pub fn cache_for(self, time: Duration) -> Self {
        self.set("cache_for", |settings| settings.cache_for = time)
    }

    /// How long an answer is used by which a token is not good. 5 seconds.
    #[must_use]
    pub fn cache_inactive_for(self, time: Duration) -> Self {
        self.set("cache_inactive_for", |settings| settings.cache_inactive_for = time)
    }

    /// How much longer than [`cache_for`](Self::cache_for) a positive answer is used while the issuer does not answer (RFC 5861
    /// §4). Never beyond `exp`. Zero.
    #[must_use]
    pub fn stale_if_error(self, time: Duration) -> Self {
        self.set("stale_if_error", |settings| settings.stale_if_error = time)
    }

    /// The most tokens whose positive answer is kept. One whose answer is longer than 1 KiB counts for several. 10 000.
    #[must_use]
    pub fn max_cached(self, tokens: usize) -> Self {
        self.set("max_cached", |settings| settings.max_cached = tokens)
    }

    /// The most questions within a minute about tokens that turn out not to be good, or that nobody can say anything about.
    /// Half of them can be asked at once, and come back within a minute. 1 200.
    #[must_use]
    pub fn calls_per_minute(self, calls: u32) -> Self {
        self.set("calls_per_minute", |settings| settings.calls_per_minute = calls)
    }

    /// The most questions that are under way. The others wait for their turn for as long as a question may take. 32.
    #[must_use]
    pub fn calls_at_once(self, calls: usize) -> Self {
        self.set("calls_at_once", |settings| settings.calls_at_once = calls)
    }

    /// The longest time that a question may take, and how long it waits for its turn at most. 5 seconds.
    #[must_use]
    pub fn timeout(self, time: Duration) -> Self {
        self.set("timeout", |settings| settings.timeout = time)
    }

    /// The longest time that a connection may take. Of the default client only. 3 seconds.
    #[must_use]
    pub fn connect_timeout(self, time: Duration) -> Self {
        self.set("connect_timeout", |settings| settings.connect_timeout = time)
    }

    /// The longest answer that is read, in bytes. 64 KiB.
    #[must_use]
    pub fn max_bytes(self, bytes: usize) -> Self {
        self.set("max_bytes", |settings| settings.max_bytes = bytes)
    }

    /// Trusts the certificate authorities in this PEM text beside those of the platform. Called again, all of them. Of the
    /// default client only.
    #[must_use]
    pub fn root_certificate(mut self, pem: impl AsRef<[u8]>) -> Self {
        self.settings.roots.add(pem.as_ref());
        self
    }

    /// Asks by another HTTP client: through a proxy, or with a certificate. reqwest with rustls.
    #[must_use]
    pub fn client(self, client: impl Fetch + 'static) -> Self {
        let client = Arc::new(client);
        self.set("client", |settings| settings.client = Some(client))
    }

    /// Asks over plain http at another machine. Whoever is on the way can read tokens and credentials, and forge answers.
    #[must_use]
    pub fn dangerous_allow_plain_http(mut self) -> Self {
        self.settings.plain_http = true;
        self
    }

    /// What became of the questions so far, of every authenticator that was given this or a clone of it.
    pub fn status(&self) -> IntrospectionStatus {
        self.reporter.status()
    }

    /// What is wrong with it, if anything is. Otherwise how this service authenticates.
    fn check(&self) -> Result<Credentials, IntrospectionBuildError> {
        let settings = &self.settings;
        if let Some(setting) = self.given.twice() {
            return Err(IntrospectionBuildError::SetTwice { setting });
        }
        let name = settings.place.name();
        let is_issuer = matches!(settings.place, Place::Issuer(_));
        let uri = remote_parts::absolute(name).filter(|uri| !is_issuer || uri.query().is_none());
        let uri = uri.ok_or_else(|| IntrospectionBuildError::Address { address: without_secrets(name) })?;
        if !is_allowed(&uri, settings.plain_http) {
            return Err(IntrospectionBuildError::Insecure { address: without_secrets(name) });
        }
        let credentials = match settings.credentials.as_slice() {
            [] => return Err(IntrospectionBuildError::NoCredentials),
            [one] => one.clone(),
            _ => return Err(IntrospectionBuildError::SeveralCredentials),
        };
        if credentials.are_empty() {
            return Err(IntrospectionBuildError::EmptyCredentials);
        }
        if matches!(credentials.method, Method::MutualTls) && settings.client.is_none() {
            return Err(IntrospectionBuildError::NoCertificate);
        }
        let needs_issuer = [
            (settings.every_token, "every_token"),
            (settings.keys.is_some(), "require_signed_answers"),
            (settings.issuer_optional, "issuer_optional"),
        ];
        match (&settings.issuer, needs_issuer.into_iter().find(|(given, _)| *given)) {
            (None, Some((_, setting))) => return Err(IntrospectionBuildError::NoIssuer { setting }),
            (Some(issuer), _) if is_issuer && issuer != name => {
                return Err(IntrospectionBuildError::OtherIssuer { issuer: issuer.as_str().into() });
            }
            _ => {}
        }
        let small = [
            (settings.max_cached == 0, "max_cached"),
            (settings.calls_per_minute == 0, "calls_per_minute"),
            (settings.calls_at_once == 0, "calls_at_once"),
            (settings.timeout.is_zero(), "timeout"),
            (settings.max_bytes == 0, "max_bytes"),
        ];
        if let Some((_, setting)) = small.into_iter().find(|(small, _)| *small) {
            return Err(IntrospectionBuildError::TooSmall { setting });
        }
        settings.roots.check(settings.client.is_some()).map_err(|error| match error {
            crate::key::RemoteKeySetBuildError::UnusedRootCertificate => IntrospectionBuildError::UnusedRootCertificate,
            _ => IntrospectionBuildError::RootCertificate,
        })?;
        Ok(credentials)
    }

    /// The kind of token, with what is expected of every token.
    pub(crate) fn kind(
        self,
        common: &Validation,
        clock: &Arc<dyn Clock>,
    ) -> Result<Arc<dyn Kind>, AuthenticatorBuildError> {
        let credentials = self.check()?;
        let Self { settings, reporter, .. } = self;
        let signed = match (settings.keys, &settings.issuer) {
            (Some(keys), Some(issuer)) => Some(asker::signed_answers(keys, issuer, &credentials.id, common, clock)?),
            _ => None,
        };
        let mut validation = common.clone();
        if let Some(issuer) = &settings.issuer {
            validation.issuers = vec![issuer.as_str().into()];
        }
        if !settings.audiences.is_empty() || settings.any_audience {
            (validation.audiences, validation.any_audience) = (settings.audiences, settings.any_audience);
        }
        let validation = validation.checked()?;
        let keys = LiveKeys::starting_with(None);
        validation.party_check.map_or(Ok(()), |check| check(&validation, &keys))?;
        let nameless = settings.issuer_optional.then(|| Validation { issuers: Vec::new(), ..validation.clone() });
        let trust = |validation| Arc::new(Trust::new(keys.clone(), validation));
        let expected =
            Expected { nameless: nameless.map(trust), trust: trust(validation), untyped: settings.token_type_optional };
        let jwts_of = settings.issuer.as_deref().filter(|_| settings.every_token).map(Into::into);
        let how = How {
            place: settings.place,
            issuer: settings.issuer,
            credentials,
            assertion_audience: settings.assertion_audience,
            client: settings.client,
            roots: settings.roots,
            plain_http: settings.plain_http,
            connect_timeout: settings.connect_timeout,
            max_bytes: settings.max_bytes,
        };
        Ok(Arc::new(Introspected {
            asker: Asker::new(how, signed),
            jwts_of,
            expected,
            known: Known::new(
                settings.max_cached,
                settings.cache_for,
                settings.stale_if_error,
                settings.cache_inactive_for,
            ),
            flights: SingleFlight::default(),
            limits: Limits::new(settings.calls_per_minute, settings.calls_at_once, Instant::now()),
            reporter,
            timeout: settings.timeout,
        }))
    }
}

impl From<&Introspection> for Introspection {
    fn from(introspection: &Introspection) -> Self {
        introspection.clone()
    }
}

impl fmt::Debug for Introspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Introspection")
            .field("origin", &self.reporter.status().origin)
            .field("credentials", &self.settings.credentials)
            .field("every_token", &self.settings.every_token)
            .field("cache_for", &self.settings.cache_for)
            .finish_non_exhaustive()
    }
}
