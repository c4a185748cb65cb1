//! How a receiver of logouts is set up.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use super::claims::Claims;
use super::event::{EventKind, EventSubject, LogoutEvent};
use super::{Inner, LogoutBuildError, LogoutProvider, LogoutReceiver};
use crate::authenticator::Authenticator;
use crate::config_error::Given;
use crate::error::CheckError;
use crate::login::Logins;
use crate::revocation::Revocations;
use crate::session::Sessions;
use crate::store::{MemoryStore, ProofStore};

/// The path where nothing else is said.
const PATH: &str = "/auth/provider-events";
const LOGOUT_MAX_AGE: Duration = Duration::from_secs(5 * 60);
const EVENT_MAX_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// Builds a [`LogoutReceiver`]. A setting that has one value is given once; a second call is an error.
///
/// | setting | default | reason |
/// |---|---|---|
/// | [`provider`](Self::provider) | none: one is needed | |
/// | [`logins`](Self::logins) | none | only needed where people log in here |
/// | [`sessions`](Self::sessions) | none | only needed where there are sessions |
/// | [`path`](Self::path) | `/auth/provider-events` | |
/// | [`replay_store`](Self::replay_store) | the memory of this process | a token that another instance has seen changes nothing more: see there |
/// | [`logout_max_age`](Self::logout_max_age) | 5 minutes | a logout token is sent at once |
/// | [`event_max_age`](Self::event_max_age) | 24 hours | a provider tries again for as long as this service is down |
/// | [`report_only`](Self::report_only) | none: each event ends what it names | |
/// | [`resolve`](Self::resolve) | none | only the application knows whose address that is |
/// | [`on_event`](Self::on_event) | none | |
pub struct LogoutReceiverBuilder {
    revocations: Revocations,
    providers: Vec<LogoutProvider>,
    logins: Option<Logins>,
    sessions: Option<Sessions>,
    path: Box<str>,
    replay_store: Option<Arc<dyn ProofStore>>,
    logout_max_age: Duration,
    event_max_age: Duration,
    report_only: Vec<EventKind>,
    resolve: Option<Box<Resolve>>,
    on_event: Option<Box<OnEvent>>,
    given: Given,
}

pub(super) type Resolve = dyn Fn(EventSubject) -> Asking<Vec<String>> + Send + Sync;
pub(super) type OnEvent = dyn Fn(LogoutEvent) -> Asking<()> + Send + Sync;
pub(super) type Asking<T> = Pin<Box<dyn Future<Output = Result<T, CheckError>> + Send>>;

impl LogoutReceiverBuilder {
    pub(super) fn new(revocations: &Revocations) -> Self {
        Self {
            revocations: revocations.clone(),
            providers: Vec::new(),
            logins: None,
            sessions: None,
            path: PATH.into(),
            replay_store: None,
            logout_max_age: LOGOUT_MAX_AGE,
            event_max_age: EVENT_MAX_AGE,
            report_only: Vec::new(),
            resolve: None,
            on_event: None,
            given: Given::default(),
        }
    }

    /// A provider whose logouts count. Each call adds one.
    #[must_use]
    pub fn provider(mut self, provider: LogoutProvider) -> Self {
        self.providers.push(provider);
        self
    }

    /// Ends logins that began with a [`provider_session`](crate::login::NewLogin::provider_session), and with the
    /// [`revocations`](crate::login::LoginsBuilder::revocations) of the logins their access tokens. None.
    #[must_use]
    pub fn logins(mut self, logins: &Logins) -> Self {
        self.given.once("logins");
        self.logins = Some(logins.clone());
        self
    }

    /// Ends sessions that began with a [`provider_session`](crate::session::NewSignIn::provider_session). None.
    #[must_use]
    pub fn sessions(mut self, sessions: &Sessions) -> Self {
        self.given.once("sessions");
        self.sessions = Some(sessions.clone());
        self
    }

    /// Where logouts and events come in: a path of this host, which the provider is told together with the host.
    /// `/auth/provider-events`.
    #[must_use]
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.given.once("path");
        self.path = path.into().into();
        self
    }

    /// Remembers tokens by their `jti` in this store, so that what one instance has done no other does again. The memory of
    /// this process: then another instance ends what a token names once more, which is over already. What began after the
    /// `iat` of the token goes on in either case.
    #[must_use]
    pub fn replay_store(mut self, store: Arc<dyn ProofStore>) -> Self {
        self.given.once("replay_store");
        self.replay_store = Some(store);
        self
    }

    /// How long ago a logout token may have been issued, by `iat`, beside the
    /// [clock skew](crate::revocation::RevocationsBuilder::clock_skew). 5 minutes.
    #[must_use]
    pub fn logout_max_age(mut self, max_age: Duration) -> Self {
        self.given.once("logout_max_age");
        self.logout_max_age = max_age;
        self
    }

    /// The same for security events, which a provider sends again after an outage. 24 hours.
    #[must_use]
    pub fn event_max_age(mut self, max_age: Duration) -> Self {
        self.given.once("event_max_age");
        self.event_max_age = max_age;
        self
    }

    /// Ends nothing at events of that kind, and calls the [hook](Self::on_event) alone. Each call adds one. None.
    #[must_use]
    pub fn report_only(mut self, kind: EventKind) -> Self {
        self.report_only.push(kind);
        self
    }

    /// Says which `sub` the provider has for a user whom an event names by an email address, or by an opaque name: all of
    /// them, or none for somebody who is not known here. Without it, an opaque name is taken for the `sub`, and an event for
    /// an email address is refused. None.
    ///
    /// An error is a 503, and the provider tries again.
    #[must_use]
    pub fn resolve<E, F>(mut self, resolve: impl Fn(EventSubject) -> F + Send + Sync + 'static) -> Self
    where
        E: Error + Send + Sync + 'static,
        F: Future<Output = Result<Vec<String>, E>> + Send + 'static,
    {
        self.given.once("resolve");
        self.resolve = Some(Box::new(move |subject| asking(resolve(subject))));
        self
    }

    /// Is called with each event, once everything that it names has ended: to lock an account, to write to an audit log, to
    /// end what only the application knows. None.
    ///
    /// At an error the provider is told to try again. So the same event may come more than once.
    #[must_use]
    pub fn on_event<E, F>(mut self, on_event: impl Fn(LogoutEvent) -> F + Send + Sync + 'static) -> Self
    where
        E: Error + Send + Sync + 'static,
        F: Future<Output = Result<(), E>> + Send + 'static,
    {
        self.given.once("on_event");
        self.on_event = Some(Box::new(move |event| asking(on_event(event))));
        self
    }

    /// The receiver.
    ///
    /// # Errors
    /// [`LogoutBuildError`], where there is no provider, or something of one cannot be used.
    pub fn build(self) -> Result<LogoutReceiver, LogoutBuildError> {
        if let Some(setting) = self.given.twice() {
            return Err(LogoutBuildError::SetTwice { setting });
        }
        if self.providers.is_empty() {
            return Err(LogoutBuildError::NoProvider);
        }
        let path = &*self.path;
        if !path.starts_with('/')
            || path.starts_with("//")
            || !path.bytes().all(|b| matches!(b, 0x21..=0x7E) && b != b'?')
        {
            return Err(LogoutBuildError::Path { path: self.path });
        }
        self.providers.iter().try_for_each(LogoutProvider::check)?;
        // Neither expires a security event, nor is it an access token: what each has to say is checked after the signature.
        let builder = Authenticator::<Claims>::builder()
            .shared_clock(self.revocations.clock())
            .leeway(self.revocations.clock_skew())
            .dangerous_allow_tokens_without_expiry()
            .dangerous_accept_id_tokens();
        let builder = self.providers.iter().fold(builder, |builder, provider| builder.trust(provider.trusted()));
        let Self { revocations, providers, logins, sessions, path, logout_max_age, event_max_age, .. } = self;
        Ok(LogoutReceiver(Arc::new(Inner {
            verifier: builder.build_verifier()?,
            replay: self.replay_store.unwrap_or_else(|| Arc::new(MemoryStore::new())),
            revocations,
            providers,
            logins,
            sessions,
            path,
            logout_max_age,
            event_max_age,
            report_only: self.report_only,
            resolve: self.resolve,
            on_event: self.on_event,
        })))
    }
}

fn asking<T, E: Error + Send + Sync + 'static>(
    asked: impl Future<Output = Result<T, E>> + Send + 'static,
) -> Asking<T> {
    Box::pin(async { asked.await.map_err(CheckError::new) })
}

impl fmt::Debug for LogoutReceiverBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogoutReceiverBuilder")
            .field("providers", &self.providers)
            .field("path", &self.path)
            .field("report_only", &self.report_only)
            .finish_non_exhaustive()
    }
}
