//! Keys that an identity provider publishes: fetched in the background, kept fresh, and kept for a while in an outage.

mod download;
mod on_demand;
mod origin;
mod published;
mod refresher;
mod report;
mod schedule;
#[cfg(test)]
mod tests;
mod waiting;

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

pub(crate) use on_demand::OnDemand;
use origin::Origin;
use refresher::Refresher;
use report::Reporter;
use schedule::Schedule;

use crate::config_error::Given;
use crate::key::algorithm::Algorithm;
use crate::key::remote::metadata;
use crate::key::remote::roots::RootCertificates;
use crate::key::{
    Asked, Fetch, FetchError, KeyFeed, KeySource, KeyStatus, LiveKeys, Question, RemoteKeySetBuildError, Source, Wait,
};

/// The published keys of an identity provider, fetched in the background and kept fresh.
///
/// A request with a known key never waits for the network. A token with an unknown `kid` causes one fetch, and the same
/// request is answered by its result: 401 where the key is not there. While that is not known, the answer is 503 with
/// `Retry-After`, and never 401. A token whose `kid` names a fetched key under which its signature does not hold causes
/// one fetch as well, since another key may have that name by now; until that is known, it is 401 like any forged token.
///
/// Strangers cannot cause more fetches than the [cool-down](Self::cool_down) allows, and tokens with made-up keys do not
/// delay tokens with known ones.
///
/// Fetching starts when an authenticator is built with the set, inside of a Tokio runtime. It ends when the last
/// authenticator and the last clone are dropped. Clones share the keys.
///
/// | setting | default | reason |
/// |---|---|---|
/// | [`lifetime`](Self::lifetime) | 10 minutes; by `Cache-Control`, 1 minute to 1 hour | how long a withdrawn key is trusted at most |
/// | [`stale_if_error`](Self::stale_if_error) | 1 hour | an outage of the provider is not an outage of this service, for a while (RFC 5861 §4) |
/// | [`cool_down`](Self::cool_down) | 5 seconds | how often strangers can cause a fetch |
/// | [`timeout`](Self::timeout) | 10 seconds | a provider that hangs is down |
/// | [`connect_timeout`](Self::connect_timeout) | 3 seconds | an address that does not answer by then will not |
/// | [`bearer_token_file`](Self::bearer_token_file) | none | whom the provider gives its keys to |
/// | [`root_certificate`](Self::root_certificate) | none beside those of the platform | whoever has a certificate of a trusted authority can answer as the provider |
/// | [`max_bytes`](Self::max_bytes) | 1 MiB | a key has some hundred bytes |
/// | [`max_keys`](Self::max_keys) | 100 | providers publish two to ten |
/// | [`algorithms`](Self::algorithms) | those that the keys name, RS256 for an RSA key that names none | RFC 8725 §3.1 |
///
/// A query of the address, where a key may be, is sent and never shown: not in the log, in metrics, in errors or in
/// [`status`](Self::status).
///
/// Each setting is given once, except `root_certificate`, which adds; an authenticator that is built with a set where
/// another was given twice fails to build.
///
/// Redirects are not followed. Addresses are https, or http to this machine, unless
/// [`dangerous_allow_plain_http`](Self::dangerous_allow_plain_http) says otherwise. Keys that cannot be used are skipped and
/// logged, and so are secrets and private keys, which everybody knows once they are published.
///
/// ```no_run
/// use std::time::Duration;
///
/// use jwt_core::{Authenticator, RemoteKeySet};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let keys = RemoteKeySet::discover("https://login.example.com");
/// let auth = Authenticator::<()>::builder().keys(&keys).audience("api").build()?;
/// keys.ready_within(Duration::from_secs(30)).await?; // or serve at once, and answer 503 until they arrive
/// # let _ = auth;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[cfg_attr(feature_labels, doc(cfg(feature = "remote")))]
pub struct RemoteKeySet {
    settings: Arc<Settings>,
    running: Arc<OnceLock<Running>>,
}

#[derive(Clone)]
struct Settings {
    origin: Origin,
    algorithms: Option<Vec<Algorithm>>,
    client: Option<Arc<dyn Fetch>>,
    roots: RootCertificates,
    bearer_token_file: Option<PathBuf>,
    schedule: Schedule,
    on_demand: Option<OnDemand>,
    plain_http: bool,
    lenient: bool,
    connect_timeout: Duration,
    max_bytes: usize,
    max_keys: usize,
    given: Given,
}

/// The longest time that can be set, so that no sum of times overflows: ten years.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 86_400);

/// The background task. It is stopped when this is dropped.
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

    /// The keys of that issuer. Its metadata says where they are, by OpenID Connect Discovery 1.0 or RFC 8414, whichever
    /// it publishes, and must name exactly this issuer. An authenticator with these keys expects this issuer in `iss`
    /// without further configuration.
    pub fn discover(issuer: impl Into<String>) -> Self {
        Self::new(Origin::Issuer(issuer.into()))
    }

    fn new(origin: Origin) -> Self {
        let settings = Settings {
            origin,
            algorithms: None,
            client: None,
            roots: RootCertificates::default(),
            bearer_token_file: None,
            schedule: Schedule::default(),
            on_demand: None,
            plain_http: false,
            lenient: false,
            connect_timeout: Duration::from_secs(3),
            max_bytes: 1024 * 1024,
            max_keys: 100,
            given: Given::default(),
        };
        Self { settings: Arc::new(settings), running: Arc::default() }
    }

    fn set(self, setting: &'static str, change: impl FnOnce(&mut Settings)) -> Self {
        self.changed(|settings| {
            settings.given.once(setting);
            change(settings);
        })
    }

    fn changed(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(Arc::make_mut(&mut self.settings));
        // With other settings, it is another set than the one that it was cloned from.
        self.running = Arc::default();
        self
    }

    /// The only algorithms that are used with the keys. A key without `alg` is used with each of them that fits its
    /// kind. Default: what each key names in `alg`; without it, RS256 for an RSA key, and the algorithm of its curve for
    /// another.
    #[must_use]
    pub fn algorithms(self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        let algorithms = algorithms.into_iter().collect();
        self.set("algorithms", |settings| settings.algorithms = Some(algorithms))
    }

    /// Fetches over plain http from the given address, which may be of any machine: whoever can change what is sent on the way
    /// chooses the keys, and signs what they like. Right inside of a network that nobody else can send into, such as that of a
    /// cluster. An issuer that is discovered may then name keys over plain http at its own host and port, and nowhere else.
    #[must_use]
    pub fn dangerous_allow_plain_http(self) -> Self {
        self.changed(|settings| settings.plain_http = true)
    }

    /// Reads a set whose writer is careless; see [`KeySet::lenient_jwks`](crate::KeySet::lenient_jwks).
    #[must_use]
    pub fn lenient_jwks(self) -> Self {
        self.changed(|settings| settings.lenient = true)
    }

    /// How long keys are good: `usual` where the answer does not say it; where it does by `Cache-Control: max-age`
    /// (RFC 9111 §5.2.2.1), what it says, but not under `least` and not over `most`. The keys are fetched again before
    /// the end, after 70 to 80 percent of the time. None of the three is under a second. Default: 10 minutes, 1 minute,
    /// 1 hour.
    #[must_use]
    pub fn lifetime(self, usual: Duration, least: Duration, most: Duration) -> Self {
        self.set("lifetime", |settings| {
            let bounded = |time: Duration| time.clamp(Duration::from_secs(1), LONGEST);
            settings.schedule.lifetime = bounded(usual);
            (settings.schedule.least, settings.schedule.most) = (bounded(least), bounded(most));
        })
    }

    /// How long the last known keys are trusted past their lifetime while fetches fail (the idea of `stale-if-error` in
    /// RFC 5861 §4). After that there are no keys, and requests with a token are answered with 503 until they are
    /// fetched again. Default: 1 hour.
    #[must_use]
    pub fn stale_if_error(self, time: Duration) -> Self {
        self.set("stale_if_error", |settings| settings.schedule.stale_if_error = time.min(LONGEST))
    }

    /// The least time between the starts of two fetches that tokens cause. A token with an unknown key that comes earlier
    /// waits for the end of this time, if that is at most 10 seconds away. Where the last such fetch brought nothing new,
    /// it is answered at once: with 503 and `Retry-After`, or with 401 if this very token was there before that fetch.
    /// A client that had no part in that fetch waits all the same, where the application says
    /// [by whom](crate::adapter::ClientAddress) a request is sent.
    ///
    /// So, whatever strangers send, a key that was just published is known after one cool-down and the time of two
    /// fetches at most, the one that is under way and the next one. Until then its tokens wait or are answered with 503,
    /// as long as the provider answers.
    ///
    /// A token whose `kid` names a key under which its signature does not hold is treated in the same way, but for the
    /// answer: nothing tells it from a forged one, so that it is 401 wherever one with an unknown key gets 503, and while
    /// the provider fails it does not wait. Default: 5 seconds.
    #[must_use]
    pub fn cool_down(self, time: Duration) -> Self {
        self.set("cool_down", |settings| settings.schedule.cool_down = time.min(LONGEST))
    }

    /// How long a fetch may take, metadata and keys together. Default: 10 seconds.
    #[must_use]
    pub fn timeout(self, time: Duration) -> Self {
        self.set("timeout", |settings| settings.schedule.timeout = time.min(LONGEST))
    }

    /// How long the default client may take to connect. Default: 3 seconds.
    #[must_use]
    pub fn connect_timeout(self, time: Duration) -> Self {
        self.set("connect_timeout", |settings| settings.connect_timeout = time.min(LONGEST))
    }

    /// The longest document that is read, in bytes. Default: 1 MiB.
    #[must_use]
    pub fn max_bytes(self, bytes: usize) -> Self {
        self.set("max_bytes", |settings| settings.max_bytes = bytes)
    }

    /// The most keys that a set may have. One with more is refused as a whole. Default: 100.
    #[must_use]
    pub fn max_keys(self, keys: usize) -> Self {
        self.set("max_keys", |settings| settings.max_keys = keys)
    }

    /// Trusts one more certificate authority, or several, for the connections of the default client: the text of a PEM
    /// file, with one or more `CERTIFICATE` blocks. It adds to the certificates of the platform, and each call adds to the
    /// ones before. For a provider whose certificate a private authority has signed.
    ///
    /// On Linux and BSD, the environment variables `SSL_CERT_FILE` and `SSL_CERT_DIR` replace the certificates of the
    /// platform, without a change of code.
    ///
    /// An authenticator that is built with a set with an unreadable certificate fails to build
    /// ([`RemoteKeySetBuildError::RootCertificate`]), and so does one with a [`client`](Self::client) of its own beside
    /// ([`RemoteKeySetBuildError::UnusedRootCertificate`]).
    ///
    /// ```no_run
    /// use jwt_core::RemoteKeySet;
    ///
    /// let authority = std::fs::read("/etc/ssl/example-ca.pem")?;
    /// let keys = RemoteKeySet::discover("https://login.internal.example").root_certificate(authority);
    /// # let _ = keys;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn root_certificate(self, pem: impl AsRef<[u8]>) -> Self {
        self.changed(|settings| settings.roots.add(pem.as_ref()))
    }

    /// Sends the token of that file as `Authorization: Bearer` when keys are fetched: for a provider that gives them to known
    /// callers only, as the API server of Kubernetes does. The file is read for each fetch, and the token is sent to the host
    /// of the configured address alone. A file that cannot be read is a fetch that fails, and is tried again. Default: none.
    #[must_use]
    pub fn bearer_token_file(self, path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        self.set("bearer_token_file", |settings| settings.bearer_token_file = Some(path))
    }

    /// The same certificate authorities as another client of the provider.
    #[allow(dead_code, reason = "for the feature `oidc`")]
    pub(crate) fn roots(self, roots: RootCertificates) -> Self {
        self.changed(|settings| settings.roots = roots)
    }

    /// The HTTP client. Default: reqwest with rustls and the certificates of the platform.
    #[must_use]
    pub fn client(self, client: impl Fetch + 'static) -> Self {
        let client = Arc::new(client);
        self.set("client", |settings| settings.client = Some(client))
    }

    /// Waits for the end of the first fetch: for services that do not start without keys.
    ///
    /// # Errors
    /// Why there are no keys. Fetching goes on all the same. [`FetchError::Stopped`] where no authenticator has been
    /// built with them.
    pub async fn ready(&self) -> Result<(), FetchError> {
        match self.running.get() {
            Some(running) => running.0.ready().await,
            None => Err(FetchError::Stopped),
        }
    }

    /// Waits until there are keys, for that time at most: for a service that starts together with its provider. Fetches
    /// that fail are tried again as always, after 1, 2, 4 … 60 seconds, minus up to one fifth.
    ///
    /// # Errors
    /// [`FetchError::NotReady`] with what the last attempt met, when the time is over. Fetching goes on all the same.
    /// [`FetchError::Stopped`] at once, where no authenticator has been built with them, or the runtime that fetched them
    /// has ended.
    pub async fn ready_within(&self, time: Duration) -> Result<(), FetchError> {
        match self.running.get() {
            Some(running) => running.0.ready_within(time).await,
            None => Err(FetchError::Stopped),
        }
    }

    /// The state of the keys, for a health page or a metric.
    pub fn status(&self) -> KeyStatus {
        match self.running.get() {
            Some(running) => running.0.status(),
            None => Reporter::new(self.settings.origin.shown(), false).status(0, 0, None, None, None),
        }
    }
}

impl KeyFeed for RemoteKeySet {
    fn issuer(&self) -> Option<&str> {
        match &self.settings.origin {
            // One that nothing can be fetched from is an error of `start`, which does not show what may be secret in it.
            Origin::Issuer(issuer) if self.settings.origin.check(self.settings.plain_http).is_ok() => Some(issuer),
            Origin::Issuer(_) | Origin::Jwks(_) => None,
        }
    }

    fn start(&self) -> Result<LiveKeys, RemoteKeySetBuildError> {
        if let Some(setting) = self.settings.given.twice() {
            return Err(RemoteKeySetBuildError::SetTwice { setting });
        }
        self.settings.origin.check(self.settings.plain_http)?;
        self.settings.roots.check(self.settings.client.is_some())?;
        if let Some(running) = self.running.get() {
            return Ok(running.0.keys().clone());
        }
        if self.settings.on_demand.is_some() {
            // The first token that asks for keys starts it.
            let running = self.running.get_or_init(|| Running(Arc::new(Refresher::new((*self.settings).clone()))));
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

    fn ask(&self, question: &Question<'_>) -> Asked {
        self.running.get().map_or(Asked::Unknown, |running| running.0.clone().ask(question))
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

    fn on_demand(&self, how: OnDemand) -> Arc<dyn KeyFeed> {
        Arc::new(self.clone().changed(|settings| settings.on_demand = Some(how)))
    }

    fn metadata_places(&self) -> usize {
        match &self.settings.origin {
            Origin::Issuer(issuer) => metadata::addresses(issuer).len(),
            Origin::Jwks(_) => 0,
        }
    }

    fn metadata_place(&self) -> Option<usize> {
        self.running.get()?.0.metadata_place()
    }

    fn settings(&self) -> String {
        let Settings {
            origin,
            algorithms,
            client: _,
            roots,
            bearer_token_file,
            schedule,
            on_demand: _,
            given: _,
            plain_http,
            lenient,
            connect_timeout,
            max_bytes,
            max_keys,
        } = &*self.settings;
        let how = (plain_http, lenient, connect_timeout, max_bytes, max_keys);
        format!("{origin:?} {algorithms:?} {schedule:?} {how:?} {roots:?} {bearer_token_file:?}")
    }
}

#[cfg_attr(feature_labels, doc(cfg(feature = "remote")))]
impl From<RemoteKeySet> for KeySource {
    fn from(keys: RemoteKeySet) -> Self {
        Self(Source::Fetched(Arc::new(keys)))
    }
}

#[cfg_attr(feature_labels, doc(cfg(feature = "remote")))]
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
