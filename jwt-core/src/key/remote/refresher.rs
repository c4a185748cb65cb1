//! What goes on in the background: one fetch at a time, now and then.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::header::{ACCEPT, ETAG, IF_NONE_MATCH};
use http::{HeaderValue, Request, StatusCode};
use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};
use tokio::task::{AbortHandle, spawn_blocking};
use tokio::time::{Instant, sleep_until, timeout};

use super::Settings;
use super::client::DefaultClient;
use super::origin::{self, Origin};
use super::published;
use super::report::Reporter;
use crate::key::{Fetch, FetchError, KeyError, KeySet, KeyStatus, LiveKeys, Wait};

/// How many requests may wait for one fetch. Whoever comes later is answered at once.
const MAX_WAITING: usize = 1024;

pub(super) struct Refresher {
    settings: Settings,
    keys: LiveKeys,
    state: Mutex<State>,
    /// Something about the state has changed.
    wake: Notify,
    /// How many fetches have ended.
    ended: watch::Sender<u64>,
    waiting: AtomicUsize,
    reporter: Reporter,
}

struct State {
    task: Option<AbortHandle>,
    /// Somebody is about to set `task`.
    starting: bool,
    /// Why the fetch that is under way was begun.
    under_way: Option<Cause>,
    /// Somebody waits for another one.
    wanted: Option<Cause>,
    last: Option<Attempt>,
    /// When the next one is due.
    due: Option<Instant>,
    failures: u32,
    good: Option<Good>,
    error: Option<FetchError>,
}

/// The last fetch, under way or ended.
#[derive(Clone, Copy)]
struct Attempt {
    begun: Instant,
    cause: Cause,
    /// It brought keys that were not there before.
    fruitful: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    Schedule,
    UnknownKey,
    NoKeys,
}

/// What the last fetch brought that brought something.
#[derive(Clone)]
struct Good {
    fetched: Instant,
    lifetime: Duration,
    /// The keys as they were written, in the order of their text.
    written: Vec<Box<str>>,
    etag: Option<HeaderValue>,
    address: String,
    skipped: usize,
}

/// What a fetch brought.
enum Fetched {
    Unchanged { lifetime: Duration },
    Keys { keys: Option<KeySet>, good: Good },
}

impl Refresher {
    pub(super) fn new(settings: Settings) -> Self {
        let state = State {
            task: None,
            starting: false,
            under_way: None,
            wanted: None,
            last: None,
            due: None,
            failures: 0,
            good: None,
            error: None,
        };
        let reporter = Reporter::new(settings.origin.name(), settings.schedule.on_demand.is_some());
        Self {
            settings,
            keys: LiveKeys::starting_with(None),
            state: Mutex::new(state),
            wake: Notify::new(),
            ended: watch::Sender::new(0),
            waiting: AtomicUsize::new(0),
            reporter,
        }
    }

    pub(super) fn keys(&self) -> &LiveKeys {
        &self.keys
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins, or begins again where the runtime that did it before has ended.
    pub(super) fn run_on(self: Arc<Self>, runtime: &Handle) {
        let mut state = self.state();
        if state.starting || state.runs() {
            return;
        }
        state.starting = true;
        if self.settings.schedule.on_demand.is_none() {
            state.under_way = Some(Cause::Schedule);
        }
        let stopped = Stopped(self.clone());
        // A runtime that is shutting down drops the task at once, and that needs the lock.
        drop(state);
        let task = runtime.spawn(async move { stopped.0.run().await }).abort_handle();
        let mut state = self.state();
        (state.task, state.starting) = (Some(task), false);
    }

    pub(super) fn stop(&self) {
        if let Some(task) = &self.state().task {
            task.abort();
        }
    }

    async fn run(&self) {
        loop {
            let cause = self.next_cause().await;
            self.begin(cause);
            let result = timeout(self.patience(), self.fetch(cause)).await;
            self.end(result.unwrap_or(Err(FetchError::Timeout)));
        }
    }

    /// How long a fetch may take: no longer than the keys at hand are trusted, so that a provider that hangs does not
    /// prolong that.
    fn patience(&self) -> Duration {
        let state = self.state();
        let left = state.good.as_ref().map(|good| self.trusted_until(good).saturating_duration_since(Instant::now()));
        left.unwrap_or(Duration::MAX).min(self.settings.schedule.timeout)
    }

    fn trusted_until(&self, good: &Good) -> Instant {
        good.fetched + good.lifetime + self.settings.schedule.outage
    }

    /// Waits until it is time for a fetch.
    async fn next_cause(&self) -> Cause {
        loop {
            let (cause, at, trust_ends) = {
                let mut state = self.state();
                if let Some(cause) = state.under_way {
                    return cause;
                }
                let now = Instant::now();
                let trust_ends = state.good.as_ref().map(|good| self.trusted_until(good));
                if trust_ends.is_some_and(|end| now >= end) {
                    self.trust_left(&mut state, now);
                    if self.settings.schedule.on_demand.is_some() {
                        state.due = None;
                    }
                    continue;
                }
                let wanted = state.wanted.map(|cause| (cause, self.end_of_cool_down(&state).unwrap_or(now)));
                let due = state.due.map(|due| (Cause::Schedule, due));
                let next = wanted.into_iter().chain(due).min_by_key(|(_, at)| *at);
                let (cause, at) = next.unwrap_or((Cause::Schedule, now + Duration::from_secs(3600)));
                (cause, at, trust_ends)
            };
            if Instant::now() >= at {
                return cause;
            }
            tokio::select! {
                () = sleep_until(trust_ends.map_or(at, |end| end.min(at))) => {}
                () = self.wake.notified() => {}
            }
        }
    }

    /// `None` where nothing has been fetched yet.
    fn end_of_cool_down(&self, state: &State) -> Option<Instant> {
        let pause = match self.settings.schedule.on_demand {
            Some(pause) if state.good.is_none() => pause,
            _ => self.settings.schedule.cool_down,
        };
        state.last.map(|last| last.begun + pause)
    }

    fn cools_down(&self, state: &State) -> bool {
        self.end_of_cool_down(state).is_some_and(|end| Instant::now() < end)
    }

    fn begin(&self, cause: Cause) {
        let now = Instant::now();
        let mut state = self.state();
        (state.under_way, state.wanted) = (Some(cause), None);
        state.last = Some(Attempt { begun: now, cause, fruitful: false });
        self.trust_left(&mut state, now);
    }

    /// How long the keys at hand are still trusted. Those that are not are dropped.
    fn trust_left(&self, state: &mut State, now: Instant) -> Option<Duration> {
        let end = self.trusted_until(state.good.as_ref()?);
        let left = end.saturating_duration_since(now);
        if !left.is_zero() {
            return Some(left);
        }
        // What was withdrawn is not to come back by a 304.
        state.good = None;
        if self.keys.current().is_some() {
            self.keys.publish(None);
            self.reporter.given_up();
        }
        None
    }

    async fn fetch(&self, cause: Cause) -> Result<Fetched, FetchError> {
        let own;
        let client: &dyn Fetch = if let Some(client) = &self.settings.client {
            &**client
        } else {
            // Made anew for each fetch, since it holds a hundred kilobytes; and elsewhere, since it takes milliseconds.
            let connect_timeout = self.settings.connect_timeout;
            let made = spawn_blocking(move || DefaultClient::new(connect_timeout)).await;
            own = made.map_err(|_| FetchError::Stopped)??;
            &own
        };
        let known = self.state().good.clone();
        let address = match &self.settings.origin {
            Origin::Jwks(address) => address.clone(),
            Origin::Issuer(issuer) => match &known {
                // A rotation does not move the keys.
                Some(good) if cause == Cause::UnknownKey => good.address.clone(),
                _ => self.discover(client, issuer).await?,
            },
        };
        let etag = known.as_ref().filter(|good| good.address == address).and_then(|good| good.etag.clone());
        let asked_for_news = etag.is_some();
        let response = self.get(client, &address, etag).await?;
        let lifetime = self.settings.schedule.lifetime_of(response.headers());
        if response.status() == StatusCode::NOT_MODIFIED && asked_for_news {
            return Ok(Fetched::Unchanged { lifetime });
        }
        if response.status() != StatusCode::OK {
            return Err(FetchError::Status(response.status().as_u16()));
        }
        let etag = response.headers().get(ETAG).cloned();
        let json = std::str::from_utf8(response.body()).map_err(|_| KeyError::JwkSet)?;
        let written = published::written(json)?;
        if written.len() > self.settings.max_keys {
            return Err(FetchError::TooManyKeys { limit: self.settings.max_keys });
        }
        let (keys, skipped) = match published::read(json, self.settings.algorithms.as_deref()) {
            Ok(keys) => {
                self.reporter.skipped(keys.skipped());
                let skipped = keys.skipped().len();
                (Some(keys), skipped)
            }
            // What the provider says, and not a failure to say it: none of its keys is to be used.
            Err(KeyError::Empty { skipped }) => (None, skipped),
            Err(error) => return Err(error.into()),
        };
        let good = Good { fetched: Instant::now(), lifetime, written, etag, address, skipped };
        Ok(Fetched::Keys { keys, good })
    }

    /// Where the keys of an issuer are.
    async fn discover(&self, client: &dyn Fetch, issuer: &str) -> Result<String, FetchError> {
        let mut first = None;
        for address in origin::metadata_addresses(issuer) {
            let response = self.get(client, &address, None).await?;
            match response.status() {
                StatusCode::OK => match origin::jwks_uri(response.body(), issuer) {
                    Ok(address) => return Ok(address),
                    Err(error) => first = first.or(Some(error)),
                },
                // Nothing there; an answer that is too much of it says nothing about what is there.
                status if status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS => {
                    first = first.or(Some(FetchError::Status(status.as_u16())));
                }
                status => return Err(FetchError::Status(status.as_u16())),
            }
        }
        Err(first.unwrap_or(FetchError::Metadata))
    }

    async fn get(
        &self,
        client: &dyn Fetch,
        address: &str,
        etag: Option<HeaderValue>,
    ) -> Result<http::Response<Vec<u8>>, FetchError> {
        let request = Request::get(address).header(ACCEPT, "application/json, application/jwk-set+json");
        let mut request = request.body(()).map_err(FetchError::transport)?;
        if let Some(etag) = etag {
            request.headers_mut().insert(IF_NONE_MATCH, etag);
        }
        let limit = self.settings.max_bytes;
        let response = client.fetch(request, limit).await?;
        if response.body().len() > limit { Err(FetchError::TooLong { limit }) } else { Ok(response) }
    }

    /// Draws the conclusions of a fetch.
    fn end(&self, result: Result<Fetched, FetchError>) {
        let schedule = &self.settings.schedule;
        let now = Instant::now();
        let mut state = self.state();
        match result {
            Ok(fetched) => {
                self.reporter.fetched();
                let lifetime = match fetched {
                    Fetched::Unchanged { lifetime } => {
                        if let Some(good) = &mut state.good {
                            (good.fetched, good.lifetime) = (now, lifetime);
                        }
                        lifetime
                    }
                    Fetched::Keys { keys, good } => {
                        let lifetime = good.lifetime;
                        // The same keys in another order, or after an outage for which they were dropped.
                        let changed = state.good.as_ref().is_none_or(|before| before.written != good.written)
                            || self.keys.current().is_some() != keys.is_some();
                        if changed {
                            self.keys.publish(keys.as_ref());
                            self.reporter.changed(keys.as_ref(), good.skipped);
                            if let Some(last) = &mut state.last {
                                last.fruitful = true;
                            }
                        }
                        state.good = Some(good);
                        lifetime
                    }
                };
                (state.failures, state.error) = (0, None);
                state.due = Some(now + schedule.refresh_after(lifetime));
            }
            Err(error) => {
                state.failures = state.failures.saturating_add(1);
                let left = self.trust_left(&mut state, now);
                self.reporter.failed(&error, left);
                state.error = Some(error);
                let waits_to_be_asked = schedule.on_demand.is_some() && state.good.is_none();
                state.due = (!waits_to_be_asked).then(|| now + schedule.retry_after(state.failures));
            }
        }
        state.under_way = None;
        self.tell(&mut state);
    }

    /// Wakes those who wait. With the lock held: whoever takes it next waits for the next fetch and not for this one.
    fn tell(&self, _: &mut State) {
        self.ended.send_modify(|ended| *ended = ended.wrapping_add(1));
    }

    pub(super) fn fetch_for_unknown_key(self: Arc<Self>) -> Option<Wait> {
        self.revive();
        let state = self.state();
        if state.under_way.is_none() {
            let vain = state.last.is_some_and(|last| last.cause == Cause::UnknownKey && !last.fruitful);
            if vain && self.cools_down(&state) {
                drop(state);
                self.reporter.cooled_down();
                return None;
            }
        }
        self.wait(state, Cause::UnknownKey)
    }

    pub(super) fn fetch_for_no_keys(self: Arc<Self>) -> Option<Wait> {
        self.revive();
        let state = self.state();
        if state.under_way.is_none() && self.cools_down(&state) {
            return None;
        }
        self.wait(state, Cause::NoKeys)
    }

    /// Until the fetch that is under way has ended, or else the next one.
    fn wait(self: &Arc<Self>, mut state: MutexGuard<'_, State>, cause: Cause) -> Option<Wait> {
        if !state.starting && !state.runs() {
            // Nobody would ever come to wake us.
            return None;
        }
        let place = Place::taken(self)?;
        let mut ended = self.ended.subscribe();
        let before = *ended.borrow_and_update();
        let begins_later = state.under_way.is_none();
        if begins_later {
            state.wanted = Some(cause);
        }
        drop(state);
        self.wake.notify_one();
        Some(Box::pin(async move {
            // An error says that there is no sender any more, and so nothing to wait for.
            let _ = ended.wait_for(|now| *now != before).await;
            drop(place);
            begins_later
        }))
    }

    /// Whether it cannot be told if a key exists that is not there: the provider does not answer.
    pub(super) fn fails(&self) -> bool {
        self.state().error.is_some()
    }

    /// Whether the provider is being asked, or is about to be.
    pub(super) fn asks(&self) -> bool {
        let state = self.state();
        state.under_way.is_some() || state.wanted.is_some()
    }

    /// Goes on where the task has ended: with the runtime that it ran on, or by a panic of the client, which is not to
    /// be provoked more often than anything else.
    fn revive(self: &Arc<Self>) {
        let state = self.state();
        let due = !state.starting && !state.runs() && !self.cools_down(&state);
        drop(state);
        if due && let Ok(runtime) = Handle::try_current() {
            self.clone().run_on(&runtime);
        }
    }

    pub(super) async fn ready(&self) -> Result<(), FetchError> {
        let mut ended = self.ended.subscribe();
        let _ = ended.wait_for(|ended| *ended > 0).await;
        if self.keys.current().is_some() {
            return Ok(());
        }
        let state = self.state();
        let skipped = state.good.as_ref().map_or(0, |good| good.skipped);
        Err(state.error.clone().unwrap_or(FetchError::Keys(KeyError::Empty { skipped })))
    }

    pub(super) fn retry_after(&self) -> Duration {
        let state = self.state();
        let next = self.end_of_cool_down(&state).into_iter().chain(state.due).min();
        let pause = next.map(|next| next.saturating_duration_since(Instant::now()));
        pause.unwrap_or_default().max(Duration::from_secs(1))
    }

    pub(super) fn is_nobody(&self) -> bool {
        let state = self.state();
        self.settings.schedule.on_demand.is_some()
            && state.good.is_none()
            && matches!(
                state.error,
                Some(FetchError::Status(400 | 404 | 410) | FetchError::OtherIssuer { .. } | FetchError::Metadata)
            )
    }

    pub(super) fn status(&self) -> KeyStatus {
        let state = self.state();
        let now = Instant::now();
        let good = state.good.as_ref();
        let keys = self.keys.current();
        self.reporter.status(
            keys.as_ref().map_or(0, |keys| keys.keys().len()),
            good.map_or(0, |good| good.skipped),
            good.map(|good| now.saturating_duration_since(good.fetched)),
            good.filter(|_| keys.is_some()).map(|good| self.trusted_until(good).saturating_duration_since(now)),
            state.error.clone(),
        )
    }
}

impl State {
    fn runs(&self) -> bool {
        self.task.as_ref().is_some_and(|task| !task.is_finished())
    }
}

/// One of the places for those who wait.
struct Place(Arc<Refresher>);

impl Place {
    fn taken(refresher: &Arc<Refresher>) -> Option<Self> {
        if refresher.waiting.fetch_add(1, Ordering::Relaxed) < MAX_WAITING {
            return Some(Self(refresher.clone()));
        }
        refresher.waiting.fetch_sub(1, Ordering::Relaxed);
        None
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Notices the end of the background work, of whatever kind: keys that nobody looks after are not to be trusted.
struct Stopped(Arc<Refresher>);

impl Drop for Stopped {
    fn drop(&mut self) {
        self.0.keys.publish(None);
        let mut state = self.0.state();
        (state.under_way, state.wanted, state.due, state.good) = (None, None, None, None);
        state.error = Some(FetchError::Stopped);
        if !std::thread::panicking() {
            // Another runtime may begin at once.
            state.last = None;
        }
        self.0.tell(&mut state);
    }
}
