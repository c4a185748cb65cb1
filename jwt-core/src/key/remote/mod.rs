//! Keys that an identity provider publishes: fetched in the background, kept fresh, and kept through its outages.

mod client;
mod download;
mod origin;
mod published;
mod refresher;
mod report;
mod schedule;

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use origin::Origin;
use refresher::Refresher;
use report::Reporter;
use schedule::Schedule;

use crate::key::algorithm::Algorithm;
use crate::key::{Fetch, FetchError, KeyFeed, KeySource, KeyStatus, LiveKeys, RemoteKeySetBuildError, Source, Wait};

/// The published keys of an identity provider, fetched in the background and kept fresh.
///
/// No request with a known key ever waits for the network. A token whose `kid` is unknown makes the keys be fetched
/// once, and the same request is answered by the result. Nobody can make us fetch more often than the
/// [cool-down](Self::cool_down) allows, and junk does not stand in the way of known keys.
///
/// Fetching begins when an authenticator is built with it, inside of a Tokio runtime, and ends when the last
/// authenticator and the last clone are dropped. Clones share what is fetched.
///
/// | setting | default | reason |
/// |---|---|---|
/// | [`lifetime`](Self::lifetime) | 10 minutes, by `Cache-Control` 1 minute to 1 hour | how long a withdrawn key is taken at most |
/// | [`stale_if_error`](Self::stale_if_error) | 1 hour | an outage of the provider is none of ours, for a while |
/// | [`cool_down`](Self::cool_down) | 5 seconds | what strangers can make us fetch, at most |
/// | [`timeout`](Self::timeout) | 10 seconds | a provider that hangs is one that is down |
/// | [`connect_timeout`](Self::connect_timeout) | 3 seconds | an address that does not answer is not worth more |
/// | [`max_bytes`](Self::max_bytes) | 1 MiB | a key has a few hundred bytes |
/// | [`max_keys`](Self::max_keys) | 100 | providers publish two to ten |
/// | [`algorithms`](Self::algorithms) | those that the keys name, RS256 for an RSA key that names none | RFC 8725 §3.1 |
///
/// Redirects are never followed. Addresses are https, or http to this machine. Keys that cannot be used are skipped and
/// reported; so are secrets and private keys, which are worthless once they are published.
///
/// ```no_run
/// use jwt_core::{Authenticator, RemoteKeySet};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let keys = RemoteKeySet::discover("https://login.example.com");
/// let auth = Authenticator::<()>::builder().keys(&keys).audience("api").build()?;
/// keys.ready().await?; // or serve at once, and answer 503 until they arrive
/// # let _ = auth;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct RemoteKeySet {
    settings: Arc<Settings>,
    running: Arc<OnceLock<Running>>,
}

#[derive(Clone)]
struct Settings {
    origin: Origin,
    algorithms: Option<Vec<Algorithm>>,
    client: Option<Arc<dyn Fetch>>,
    schedule: Schedule,
    connect_timeout: Duration,
    max_bytes: usize,
    max_keys: usize,
}

/// Forever, without the arithmetic of time overflowing: ten years.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 86_400);

/// What goes on in the background; it ends with this.
struct Running(Arc<Refresher>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.stop();
    }
}

impl RemoteKeySet {
    /// The JWK Set at that address.
    pub fn jwks(address: impl Into<String>) -> Self {
        Self::new(Origin::Jwks(address.into()))
    }

    /// The keys of that issuer, whose metadata says where they are: OpenID Connect Discovery 1.0 or RFC 8414, whichever
    /// it publishes. The metadata must be that of exactly this issuer. An authenticator with these keys expects `iss`
    /// to be this issuer without being told.
    pub fn discover(issuer: impl Into<String>) -> Self {
        Self::new(Origin::Issuer(issuer.into()))
    }

    fn new(origin: Origin) -> Self {
        let settings = Settings {
            origin,
            algorithms: None,
            client: None,
            schedule: Schedule::default(),
            connect_timeout: Duration::from_secs(3),
            max_bytes: 1024 * 1024,
            max_keys: 100,
        };
        Self { settings: Arc::new(settings), running: Arc::default() }
    }

    fn set(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(Arc::make_mut(&mut self.settings));
        // With other settings it is another set than those that it was cloned from.
        self.running = Arc::default();
        self
    }

    /// The only algorithms that are used with the keys. A key without `alg` is used with each of them that fits its
    /// kind. Those that the keys name.
    #[must_use]
    pub fn algorithms(self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        let algorithms = algorithms.into_iter().collect();
        self.set(|settings| settings.algorithms = Some(algorithms))
    }

    /// How long keys are good where the answer does not say so itself. An answer that says so by `Cache-Control:
    /// max-age` is held to between `least` and `most`. The keys are fetched again ahead of the end, after 70 to 80
    /// percent of the time. None of the three is under a second. 10 minutes; 1 minute to 1 hour.
    #[must_use]
    pub fn lifetime(self, usual: Duration, least: Duration, most: Duration) -> Self {
        self.set(|settings| {
            let bounded = |time: Duration| time.clamp(Duration::from_secs(1), LONGEST);
            settings.schedule.lifetime = bounded(usual);
            (settings.schedule.least, settings.schedule.most) = (bounded(least), bounded(most));
        })
    }

    /// How long the last known keys are taken past their lifetime while they cannot be fetched. After that there are
    /// no keys: 503, until they arrive again. 1 hour.
    #[must_use]
    pub fn stale_if_error(self, time: Duration) -> Self {
        self.set(|settings| settings.schedule.stale_if_error = time.min(LONGEST))
    }

    /// The least time between the beginnings of two fetches that tokens with unknown keys cause. Such a token waits
    /// for the end of the cool-down, unless the last one was in vain; then it is refused at once. 5 seconds.
    #[must_use]
    pub fn cool_down(self, time: Duration) -> Self {
        self.set(|settings| settings.schedule.cool_down = time.min(LONGEST))
    }

    /// How long a fetch may take, with everything. 10 seconds.
    #[must_use]
    pub fn timeout(self, time: Duration) -> Self {
        self.set(|settings| settings.schedule.timeout = time.min(LONGEST))
    }

    /// How long it may take to connect; for the default client. 3 seconds.
    #[must_use]
    pub fn connect_timeout(self, time: Duration) -> Self {
        self.set(|settings| settings.connect_timeout = time.min(LONGEST))
    }

    /// The longest document that is read, in bytes. 1 MiB.
    #[must_use]
    pub fn max_bytes(self, bytes: usize) -> Self {
        self.set(|settings| settings.max_bytes = bytes)
    }

    /// The most keys that a set may have; one with more is not taken at all. 100.
    #[must_use]
    pub fn max_keys(self, keys: usize) -> Self {
        self.set(|settings| settings.max_keys = keys)
    }

    /// The HTTP client. reqwest with rustls and the certificates of the platform.
    #[must_use]
    pub fn client(self, client: impl Fetch + 'static) -> Self {
        let client = Arc::new(client);
        self.set(|settings| settings.client = Some(client))
    }

    /// Waits until the keys were fetched or could not be: for services that would rather not start without.
    ///
    /// # Errors
    /// Why they could not be fetched. They will be tried for again all the same. [`FetchError::Stopped`] where no
    /// authenticator has been built with them.
    pub async fn ready(&self) -> Result<(), FetchError> {
        match self.running.get() {
            Some(running) => running.0.ready().await,
            None => Err(FetchError::Stopped),
        }
    }

    /// How it stands with the keys, for a health page or a metric.
    pub fn status(&self) -> KeyStatus {
        match self.running.get() {
            Some(running) => running.0.status(),
            None => Reporter::new(self.settings.origin.name(), false).status(0, 0, None, None, None),
        }
    }
}

impl KeyFeed for RemoteKeySet {
    fn issuer(&self) -> Option<&str> {
        match &self.settings.origin {
            Origin::Issuer(issuer) => Some(issuer),
            Origin::Jwks(_) => None,
        }
    }

    fn start(&self) -> Result<LiveKeys, RemoteKeySetBuildError> {
        self.settings.origin.check()?;
        if let Some(running) = self.running.get() {
            return Ok(running.0.keys().clone());
        }
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| RemoteKeySetBuildError::NoRuntime)?;
        let running = self.running.get_or_init(|| {
            let refresher = Arc::new(Refresher::new((*self.settings).clone()));
            refresher.clone().run_on(&runtime);
            Running(refresher)
        });
        Ok(running.0.keys().clone())
    }

    fn fetch_for_unknown_key(&self) -> Option<Wait> {
        self.running.get()?.0.clone().fetch_for_unknown_key()
    }

    fn fetch_for_no_keys(&self) -> Option<Wait> {
        self.running.get()?.0.clone().fetch_for_no_keys()
    }

    fn fails(&self) -> bool {
        self.running.get().is_some_and(|running| running.0.fails())
    }

    fn asks(&self) -> bool {
        self.running.get().is_some_and(|running| running.0.asks())
    }

    fn retry_after(&self) -> Duration {
        self.running.get().map_or(Duration::from_secs(1), |running| running.0.retry_after())
    }

    fn is_nobody(&self) -> bool {
        self.running.get().is_some_and(|running| running.0.is_nobody())
    }

    fn status(&self) -> KeyStatus {
        self.status()
    }

    fn on_demand(&self, pause: Duration) -> Arc<dyn KeyFeed> {
        Arc::new(self.clone().set(|settings| settings.schedule.on_demand = Some(pause)))
    }
}

impl From<RemoteKeySet> for KeySource {
    fn from(keys: RemoteKeySet) -> Self {
        Self(Source::Fetched(Arc::new(keys)))
    }
}

impl From<&RemoteKeySet> for KeySource {
    fn from(keys: &RemoteKeySet) -> Self {
        keys.clone().into()
    }
}

impl fmt::Debug for RemoteKeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteKeySet")
            .field("origin", &self.settings.origin)
            .field("algorithms", &self.settings.algorithms)
            .field("schedule", &self.settings.schedule)
            .finish_non_exhaustive()
    }
}
