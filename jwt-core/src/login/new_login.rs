//! A login that is about to start, and what can be said of this one alone.

use std::fmt;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::options::{KeptAccess, LoginOptions, Origin};
use super::proof::Proof;
use super::{Login, LoginError, Logins};
use crate::config_error::Given;
use crate::issue::IssueError;
use crate::request::RequestHead;
use crate::session::ProviderSession;
use crate::store::SignInId;

/// A login that starts when this is awaited: what [`Logins::log_in`] and [`LoginAttempt::log_in`](super::LoginAttempt::log_in)
/// return.
///
/// Its settings are for this login alone, and stay with it: a refresh keeps to them. A setting that has one value is given
/// once; a second call is [`LoginError::SetTwice`].
///
/// | setting | default |
/// |---|---|
/// | [`remember`](Self::remember) | yes: cookies that last as long as the login |
/// | [`remember_for`](Self::remember_for) | as long as the [refresh tokens](crate::session::RefreshTokensBuilder::absolute_timeout) say |
/// | [`claim`](Self::claim) | none |
/// | [`audience`](Self::audience) | all audiences of the issuer |
/// | [`provider_session`](Self::provider_session) | none: nobody else ends the login |
/// | [`access_token_lifetime`](Self::access_token_lifetime) | that of the issuer |
/// | [`proof_from`](NewLogin::proof_from) | none: tokens that are good for whoever holds them |
///
/// ```
/// # use std::sync::Arc;
/// # use std::time::Duration;
/// # use jwt_core::{Algorithm, Issuer, Logins, MemoryStore, RefreshTokens, SigningKey};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let key = SigningKey::generate(Algorithm::ES256)?;
/// # let issuer = Issuer::builder("https://auth.example.com").audience("api").audience("bank").signing_key(key).build()?;
/// # let logins = Logins::builder(issuer, RefreshTokens::builder(Arc::new(MemoryStore::new())).build()?).build()?;
/// let user = serde_json::json!({"sub": "alice", "name": "Alice"});
/// let login = logins
///     .log_in(&user, "Firefox on Linux")
///     .remember(false)
///     .claim("amr", ["pwd", "otp"])
///     .audience("bank")
///     .access_token_lifetime(Duration::from_secs(60))
///     .await?;
/// assert_eq!(login.access_token().expires_in().as_secs(), 60);
/// # Ok(()) }
/// ```
#[must_use = "nobody is logged in before this is awaited"]
pub struct NewLogin<L = Login>(State<L>);

enum State<L> {
    Asked(Box<Asked<L>>),
    Starting(Pin<Box<dyn Future<Output = Result<L, LoginError>> + Send>>),
    Over,
}

struct Asked<L> {
    logins: Logins,
    start: Start,
    given: Given,
    finish: Box<dyn FnOnce(Login) -> L + Send>,
}

/// What a login starts with.
pub(super) struct Start {
    pub(super) claims: Result<Box<RawValue>, LoginError>,
    pub(super) label: String,
    pub(super) options: LoginOptions,
    pub(super) remember_for: Option<Duration>,
    pub(super) provider_session: Option<ProviderSession>,
    pub(super) proof: Proof,
    /// Set where the provider is asked again while the login lasts.
    pub(super) keep: Option<Keep>,
}

/// What is kept of the access at a provider, by the name of the login that it is kept for; `None` where it cannot be.
pub(super) type Keep = Box<dyn FnOnce(SignInId) -> Option<KeptAccess> + Send>;

impl<L> NewLogin<L> {
    pub(super) fn new<C: Serialize + ?Sized>(
        logins: Logins,
        claims: &C,
        label: &str,
        finish: impl FnOnce(Login) -> L + Send + 'static,
    ) -> Self {
        let claims = serde_json::value::to_raw_value(claims).map_err(|_| IssueError::Claims.into());
        let (label, options) = (label.to_owned(), LoginOptions::default());
        let proof = Proof::Absent;
        let start = Start { claims, label, options, remember_for: None, provider_session: None, proof, keep: None };
        Self(State::Asked(Box::new(Asked { logins, start, given: Given::default(), finish: Box::new(finish) })))
    }

    /// Whether a browser keeps the login when it is closed. `false` leaves `Max-Age` out of its cookies (RFC 6265 §5.3), also
    /// after a refresh: for "remember me" that is not ticked. A browser that restores its tabs may keep them all the same;
    /// the login ends by itself for lack of use. `true`.
    pub fn remember(self, remember: bool) -> Self {
        self.once("remember", |start| start.options.until_closed = !remember)
    }

    /// How long the login lasts at most, instead of the
    /// [absolute timeout](crate::session::RefreshTokensBuilder::absolute_timeout): at least a second, and no longer than that.
    /// Otherwise [`LoginError::RememberedFor`].
    pub fn remember_for(self, time: Duration) -> Self {
        self.once("remember_for", |start| start.remember_for = Some(time))
    }

    /// A claim that stays with the login, such as how the user authenticated. It is in every access token of the login, also
    /// where [`reload`](super::LoginsBuilder::reload) yields other claims of the user. Each call adds one.
    ///
    /// One that the claims of the user have as well is [`LoginError::ClaimTwice`].
    pub fn claim(self, name: impl Into<String>, value: impl Serialize) -> Self {
        self.with(|start| match serde_json::to_value(value) {
            Ok(value) => {
                let name = name.into();
                if start.options.claims.contains_key(&name) {
                    start.claims = Err(LoginError::ClaimTwice { claim: name.into() });
                } else {
                    start.options.claims.insert(name, value);
                }
            }
            Err(_) => start.claims = Err(IssueError::Claims.into()),
        })
    }

    /// A service that the access tokens of this login are for: one of those that the
    /// [issuer](crate::issue::IssuerBuilder::audience) names, otherwise [`IssueError::Audience`]. Each call adds one.
    pub fn audience(self, audience: impl Into<String>) -> Self {
        self.with(|start| start.options.audiences.push(audience.into().into()))
    }

    /// The session at an identity provider by which the user logs in: what its [ID token says](ProviderSession::of). The login ends when the provider [says so](super::logout::LogoutReceiver).
    ///
    /// With [`revocations`](super::LoginsBuilder::revocations), a login whose session the provider ends while it starts is
    /// [`RefreshError::Ended`](crate::session::RefreshError::Ended).
    pub fn provider_session(self, session: ProviderSession) -> Self {
        self.once("provider_session", |start| start.provider_session = Some(session))
    }

    /// How long an access token of this login is good, in whole seconds: at least one, and no longer than the
    /// [issuer](crate::issue::IssuerBuilder::access_token_lifetime) says, since revocations are remembered for that long.
    /// Otherwise [`IssueError::Lifetime`].
    pub fn access_token_lifetime(self, lifetime: Duration) -> Self {
        self.once("access_token_lifetime", |start| start.options.lifetime = Some(lifetime.as_secs()))
    }

    /// What the request says of the key that tokens are to be bound to.
    pub(super) fn with_proof(self, proof: Proof) -> Self {
        self.with(|start| start.proof = proof)
    }

    /// By which session the user has signed in, unless the application says otherwise.
    #[allow(dead_code, reason = "for the feature `oidc`")]
    pub(super) fn by_session(self, session: ProviderSession) -> Self {
        self.with(|start| start.provider_session = Some(session))
    }

    /// Where the user has signed in.
    #[allow(dead_code, reason = "for the feature `oidc`")]
    pub(super) fn by_provider(self, origin: Origin, keep: Option<Keep>) -> Self {
        self.with(|start| {
            start.options.origin = Some(origin);
            start.keep = keep;
        })
    }

    /// The claims of the user, and those that stay with the login, for one that goes on.
    #[allow(dead_code, reason = "for the feature `oidc`")]
    pub(super) fn into_claims(self) -> Result<(Box<RawValue>, Map<String, Value>), LoginError> {
        let State::Asked(asked) = self.0 else { return Err(IssueError::Claims.into()) };
        match asked.given.twice() {
            Some(setting) => Err(LoginError::SetTwice { setting }),
            None => Ok((asked.start.claims?, asked.start.options.claims)),
        }
    }

    fn once(mut self, setting: &'static str, set: impl FnOnce(&mut Start)) -> Self {
        if let State::Asked(asked) = &mut self.0 {
            asked.given.once(setting);
        }
        self.with(set)
    }

    fn with(mut self, set: impl FnOnce(&mut Start)) -> Self {
        if let State::Asked(asked) = &mut self.0 {
            set(&mut asked.start);
        }
        self
    }
}

/// Not for logins in cookies, which no proof comes with.
impl NewLogin<Login> {
    /// Binds the login to the key of the proof in the field `DPoP` of this request, where it has one (RFC 9449 §5): its access
    /// tokens by `cnf.jkt`, and its refresh tokens, which are refreshed
    /// [with a proof](super::Logins::refresh_with_proof) by the same key. A copy of them is of no use without it. A request
    /// without a proof gets bearer tokens, unless logins [have to be bound](super::LoginsBuilder::require_dpop).
    ///
    /// It is checked when the login starts. One that is not good is [`LoginError::Proof`].
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use jwt_core::{Algorithm, Issuer, Logins, MemoryStore, RefreshTokens, SigningKey};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let key = SigningKey::generate(Algorithm::ES256)?;
    /// # let issuer = Issuer::builder("https://auth.example.com").audience("api").signing_key(key).build()?;
    /// # let refresh_tokens = RefreshTokens::builder(Arc::new(MemoryStore::new())).build()?;
    /// # use jwt_core::binding::DpopKey;
    /// let logins = Logins::builder(issuer, refresh_tokens).public_origin("https://auth.example.com").build()?;
    /// # let key = DpopKey::generate(Algorithm::ES256)?;
    /// # let proof = key.proof("POST", "https://auth.example.com/api/login").sign()?;
    /// # let request = http::Request::post("/api/login").header("dpop", proof).body(())?;
    /// let user = serde_json::json!({"sub": "alice"});
    /// let login = logins.log_in(&user, "the app").proof_from(&request).await?;
    /// assert_eq!(login.access_token().token_type(), "DPoP");
    /// # Ok(()) }
    /// ```
    pub fn proof_from(mut self, head: &impl RequestHead) -> Self {
        let State::Asked(asked) = &mut self.0 else { return self };
        asked.given.once("proof_from");
        let proof = asked.logins.proof_of(head);
        self.with_proof(proof)
    }
}

impl<L> Asked<L> {
    async fn start(self) -> Result<L, LoginError> {
        let Self { logins, start, given, finish } = self;
        match given.twice() {
            Some(setting) => Err(LoginError::SetTwice { setting }),
            None => logins.start(start).await.map(finish),
        }
    }
}

impl<L: 'static> Future for NewLogin<L> {
    type Output = Result<L, LoginError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut starting = match mem::replace(&mut self.0, State::Over) {
            State::Asked(asked) => Box::pin(asked.start()),
            State::Starting(starting) => starting,
            // Polled after it was ready, which the contract of futures leaves open.
            State::Over => return Poll::Pending,
        };
        let polled = starting.as_mut().poll(cx);
        if polled.is_pending() {
            self.0 = State::Starting(starting);
        }
        polled
    }
}

impl<L> fmt::Debug for NewLogin<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewLogin").finish_non_exhaustive()
    }
}
