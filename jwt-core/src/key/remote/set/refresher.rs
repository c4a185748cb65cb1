//! The background task: it fetches on schedule and when a token needs it, one fetch at a time.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until, timeout};

use super::Settings;
use super::download::{Downloaded, Known, download};
use super::report::Reporter;
use super::waiting::{MAX_WAITING, Waiting};
use crate::key::algorithm::Family;
use crate::key::{Asked, FetchError, KeyError, KeyStatus, Lack, LiveKeys, Question, Wait, Waited};
use crate::transport::address::network_of;

/// How far off the next fetch may be for a request to wait for it.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// How long the task sleeps where nothing is due, unless it is woken.
const NOTHING_DUE: Duration = Duration::from_secs(3600);

pub(super) struct Refresher {
    settings: Settings,
    keys: LiveKeys,
    state: Mutex<State>,
    /// Wakes the task when the state has changed.
    wake: Notify,
    ended: watch::Sender<Ended>,
    waiting: Arc<Waiting>,
    /// Makes a number of a token that nobody else can compute.
    fingerprints: RandomState,
    reporter: Reporter,
}

/// How many fetches have ended, and whether the last of them brought keys.
#[derive(Default)]
struct Ended {
    count: u64,
    succeeded: bool,
}

struct State {
    task: Option<AbortHandle>,
    /// `task` is about to be set.
    starting: bool,
    /// Why the fetch that is under way was begun.
    under_way: Option<Cause>,
    /// Why requests wait for another fetch.
    wanted: Option<Cause>,
    last: Option<Attempt>,
    /// The tokens that wait for the next fetch, for the one that is under way, and those that the last one was without
    /// success for. By their fingerprints.
    asking: Askers,
    asked: Askers,
    answered: Askers,
    /// When the next fetch by schedule is due.
    due: Option<Instant>,
    /// How many fetches failed in a row.
    failures: u32,
    /// The set whose keys are trusted.
    known: Option<Known>,
    /// Why the last fetch failed.
    error: Option<FetchError>,
}

/// The last fetch, under way or ended.
#[derive(Clone, Copy)]
struct Attempt {
    begun: Instant,
    cause: Cause,
    /// It brought other keys than before.
    changed_keys: bool,
}

/// Tokens for which keys are fetched, and who sent them, where it is known. As many as can wait, at most: what is past
/// that is forgotten, and asks again.
#[derive(Default)]
struct Askers {
    tokens: HashSet<u64>,
    clients: HashSet<IpAddr>,
}

impl Askers {
    fn add(&mut self, token: u64, client: Option<IpAddr>) {
        if self.tokens.len() < MAX_WAITING {
            self.tokens.insert(token);
            self.clients.extend(client);
        }
    }
}

/// Why keys are fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    Schedule,
    /// A token names a key that is not in the set, or one under which its signature does not hold.
    UnknownKey,
    /// A token came while there are no keys.
    NoKeys,
}

impl Refresher {
    pub(super) fn new(settings: Settings) -> Self {
        let state = State {
            task: None,
            starting: false,
            under_way: None,
            wanted: None,
            last: None,
            asking: Askers::default(),
            asked: Askers::default(),
            answered: Askers::default(),
            due: None,
            failures: 0,
            known: None,
            error: None,
        };
        let reporter = Reporter::new(settings.origin.shown(), settings.on_demand.is_some());
        Self {
            settings,
            keys: LiveKeys::starting_with(None),
            state: Mutex::new(state),
            wake: Notify::new(),
            ended: watch::Sender::new(Ended::default()),
            waiting: Arc::default(),
            fingerprints: RandomState::new(),
            reporter,
        }
    }

    pub(super) fn keys(&self) -> &LiveKeys {
        &self.keys
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts the task, or starts it again where the runtime that had it has ended.
    pub(super) fn run_on(self: Arc<Self>, runtime: &Handle) {
        let mut state = self.state();
        if state.starting || state.runs() {
            return;
        }
        state.starting = true;
        if self.settings.on_demand.is_none() {
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
            let result = timeout(self.time_limit(), self.fetch(cause)).await;
            self.end(result.unwrap_or(Err(FetchError::Timeout)));
        }
    }

    async fn fetch(&self, cause: Cause) -> Result<Downloaded, FetchError> {
        let known = self.state().known.clone();
        let turns = self.settings.on_demand.as_ref().and_then(|how| how.turns.clone()).filter(|_| known.is_none());
        let _turn = match turns {
            Some(turns) => turns.acquire_owned().await.ok(),
            None => None,
        };
        // A rotation does not move the keys, so that an unknown key needs no look at the metadata.
        let rediscover = cause != Cause::UnknownKey;
        let downloaded = download(&self.settings, known.as_ref(), rediscover).await?;
        if let Downloaded::Set { keys, set } = &downloaded {
            self.reporter.skipped(&set.skipped, keys.is_some());
        }
        Ok(downloaded)
    }

    /// How long a fetch may take: no longer than the keys at hand are trusted, so that a provider that hangs does not
    /// prolong that.
    fn time_limit(&self) -> Duration {
        let state = self.state();
        let left = state.known.as_ref().map(|set| self.trusted_until(set).saturating_duration_since(Instant::now()));
        left.unwrap_or(Duration::MAX).min(self.settings.schedule.timeout)
    }

    fn trusted_until(&self, set: &Known) -> Instant {
        set.fetched + set.lifetime + self.settings.schedule.stale_if_error
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
                let trust_ends = state.known.as_ref().map(|set| self.trusted_until(set));
                if trust_ends.is_some_and(|end| now >= end) {
                    self.trust_left(&mut state, now);
                    if self.settings.on_demand.is_some() {
                        state.due = None;
                    }
                    continue;
                }
                let wanted = state.wanted.map(|cause| (cause, self.end_of_cool_down(&state).unwrap_or(now)));
                let due = state.due.map(|due| (Cause::Schedule, due));
                let next = wanted.into_iter().chain(due).min_by_key(|(_, at)| *at);
                let (cause, at) = next.unwrap_or((Cause::Schedule, now + NOTHING_DUE));
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
        let schedule = &self.settings.schedule;
        let pause = match &self.settings.on_demand {
            Some(how) if state.known.is_none() => schedule.pause_after(state.failures, how.longest_pause),
            _ => schedule.cool_down,
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
        state.asked = std::mem::take(&mut state.asking);
        state.answered = Askers::default();
        state.last = Some(Attempt { begun: now, cause, changed_keys: false });
        self.trust_left(&mut state, now);
    }

    /// How long the keys at hand are still trusted. Keys that are not are dropped.
    fn trust_left(&self, state: &mut State, now: Instant) -> Option<Duration> {
        let end = self.trusted_until(state.known.as_ref()?);
        let left = end.saturating_duration_since(now);
        if !left.is_zero() {
            return Some(left);
        }
        // Without the set there is no ETag, so that a 304 cannot bring back keys that were withdrawn.
        state.known = None;
        if self.keys.current().is_some() {
            self.keys.publish(None);
            self.reporter.given_up();
        }
        None
    }

    /// Takes over the result of a fetch.
    fn end(&self, result: Result<Downloaded, FetchError>) {
        let schedule = &self.settings.schedule;
        let now = Instant::now();
        let mut state = self.state();
        let asked = std::mem::take(&mut state.asked);
        match result {
            Ok(downloaded) => {
                state.answered = asked;
                self.reporter.fetched();
                let lifetime = match downloaded {
                    Downloaded::Unchanged { lifetime } => {
                        if let Some(set) = &mut state.known {
                            (set.fetched, set.lifetime) = (now, lifetime);
                        }
                        lifetime
                    }
                    Downloaded::Set { keys, set } => {
                        let lifetime = set.lifetime;
                        // The same keys in another order are no change; keys that come back after an outage are one.
                        let changed = state.known.as_ref().is_none_or(|before| before.written != set.written)
                            || self.keys.current().is_some() != keys.is_some();
                        if changed {
                            self.keys.publish(keys.as_ref());
                            self.reporter.changed(keys.as_ref(), set.skipped.len());
                            if let Some(last) = &mut state.last {
                                last.changed_keys = true;
                            }
                        }
                        state.known = Some(set);
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
                let waits_to_be_asked = self.settings.on_demand.is_some() && state.known.is_none();
                state.due = (!waits_to_be_asked).then(|| now + schedule.retry_after(state.failures));
            }
        }
        state.under_way = None;
        self.notify_waiters(&mut state);
    }

    /// Answers the requests that wait. With the lock held, so that whoever takes it next waits for the next fetch and
    /// not for this one.
    fn notify_waiters(&self, state: &mut State) {
        self.ended.send_modify(|ended| {
            *ended = Ended { count: ended.count.wrapping_add(1), succeeded: state.error.is_none() };
        });
    }

    pub(super) fn ask(self: Arc<Self>, question: &Question<'_>) -> Asked {
        if !self.may_have_keys_for(question) {
            return Asked::No;
        }
        self.restart_if_ended();
        let token = self.fingerprints.hash_one((question.message, question.signature));
        let client = question.client.map(network_of);
        let mut state = self.state();
        let mut waits = true;
        if state.under_way.is_none() {
            let end = self.end_of_cool_down(&state).unwrap_or_else(Instant::now);
            let cooling_down = end.saturating_duration_since(Instant::now());
            if !cooling_down.is_zero() && state.answered.tokens.contains(&token) {
                drop(state);
                self.reporter.cooled_down();
                return Asked::No;
            }
            // The last fetch was for a token like this one, and changed nothing. Only who had no part in that, as far as it
            // is known, waits for the next one.
            let without_success = state.last.is_some_and(|last| last.cause == Cause::UnknownKey && !last.changed_keys);
            let had_a_part = client.is_none_or(|client| state.answered.clients.contains(&client));
            waits = cooling_down.is_zero() || (cooling_down <= LONGEST_WAIT && !(without_success && had_a_part));
            state.asking.add(token, client);
        }
        // While the provider fails, nobody waits whose token looks forged.
        waits &= question.lack == Lack::Name || state.error.is_none();
        if waits {
            return self.wait(state, Cause::UnknownKey, question.client).map_or(Asked::Unknown, Asked::Wait);
        }
        state.wanted = Some(Cause::UnknownKey);
        drop(state);
        self.wake.notify_one();
        self.reporter.cooled_down();
        Asked::Unknown
    }

    /// Whether a key of the set may be used with the algorithm of the token at all.
    fn may_have_keys_for(&self, question: &Question<'_>) -> bool {
        match &self.settings.algorithms {
            Some(algorithms) => algorithms.contains(&question.algorithm),
            // Secrets are used only where they are asked for.
            None => question.algorithm.family() != Family::Hmac,
        }
    }

    pub(super) fn fetch_for_no_keys(self: Arc<Self>) -> Option<Wait> {
        self.restart_if_ended();
        let state = self.state();
        if state.under_way.is_none() && self.cools_down(&state) {
            return None;
        }
        self.wait(state, Cause::NoKeys, None)
    }

    /// Waits until the fetch that is under way has ended, or else the next one.
    fn wait(self: &Arc<Self>, mut state: MutexGuard<'_, State>, cause: Cause, client: Option<IpAddr>) -> Option<Wait> {
        if !state.starting && !state.runs() {
            // Nothing would end the waiting.
            return None;
        }
        let mut ended = self.ended.subscribe();
        let before = ended.borrow_and_update().count;
        let began_later = state.under_way.is_none();
        if began_later {
            state.wanted = Some(cause);
        }
        drop(state);
        self.wake.notify_one();
        let seat = self.waiting.seat(client.map(network_of))?;
        Some(Box::pin(async move {
            // An error means that the sender is gone, so that there is nothing to wait for.
            let succeeded = ended.wait_for(|now| now.count != before).await.is_ok_and(|ended| ended.succeeded);
            drop(seat);
            Waited { began_later, succeeded, client }
        }))
    }

    /// Starts the task again where it has ended: with its runtime, or by a panic of the client. Strangers can cause the
    /// latter no more often than any other fetch.
    fn restart_if_ended(self: &Arc<Self>) {
        let state = self.state();
        let due = !state.starting && !state.runs() && !self.cools_down(&state);
        drop(state);
        if due && let Ok(runtime) = Handle::try_current() {
            self.clone().run_on(&runtime);
        }
    }

    pub(super) async fn ready(&self) -> Result<(), FetchError> {
        let mut ended = self.ended.subscribe();
        let _ = ended.wait_for(|ended| ended.count > 0).await;
        if self.keys.current().is_some() { Ok(()) } else { Err(self.why_none()) }
    }

    /// Waits until there are keys, through fetches that fail.
    pub(super) async fn ready_within(&self, within: Duration) -> Result<(), FetchError> {
        let keys = async {
            let mut ended = self.ended.subscribe();
            loop {
                match self.ready().await {
                    Err(FetchError::Stopped) => return Err(FetchError::Stopped),
                    // An error means that the sender is gone.
                    Err(_) => ended.changed().await.map_err(|_| FetchError::Stopped)?,
                    Ok(()) => return Ok(()),
                }
            }
        };
        timeout(within, keys).await.unwrap_or_else(|_| {
            let attempted = self.ended.borrow().count > 0;
            let last = Box::new(if attempted { self.why_none() } else { FetchError::Timeout });
            Err(FetchError::NotReady { within, last })
        })
    }

    /// Why there are no keys, by the last fetch.
    fn why_none(&self) -> FetchError {
        let state = self.state();
        let skipped = state.known.as_ref().map_or_else(|| [].into(), |set| set.skipped.clone());
        state.error.clone().unwrap_or(FetchError::Keys(KeyError::Empty { skipped }))
    }

    /// Whether the provider does not answer, so that a key that is not at hand may exist.
    pub(super) fn fails(&self) -> bool {
        self.state().error.is_some()
    }

    /// Whether the provider is being asked, or is about to be.
    pub(super) fn asks(&self) -> bool {
        let state = self.state();
        state.under_way.is_some() || state.wanted.is_some()
    }

    pub(super) fn retry_after(&self) -> Duration {
        let state = self.state();
        let next = self.end_of_cool_down(&state).into_iter().chain(state.due).min();
        let pause = next.map(|next| next.saturating_duration_since(Instant::now()));
        pause.unwrap_or_default().max(Duration::from_secs(1))
    }

    pub(super) fn is_nobody(&self) -> bool {
        let state = self.state();
        self.settings.on_demand.is_some()
            && state.known.is_none()
            && state.error.as_ref().is_some_and(FetchError::says_nobody)
    }

    /// At which place the metadata was found.
    pub(super) fn metadata_place(&self) -> Option<usize> {
        self.state().known.as_ref()?.place
    }

    pub(super) fn status(&self) -> KeyStatus {
        let state = self.state();
        let now = Instant::now();
        let known = state.known.as_ref();
        let keys = self.keys.current();
        self.reporter.status(
            keys.as_ref().map_or(0, |keys| keys.keys().len()),
            known.map_or(0, |set| set.skipped.len()),
            known.map(|set| now.saturating_duration_since(set.fetched)),
            known.filter(|_| keys.is_some()).map(|set| self.trusted_until(set).saturating_duration_since(now)),
            state.error.clone(),
        )
    }
}

impl State {
    fn runs(&self) -> bool {
        self.task.as_ref().is_some_and(|task| !task.is_finished())
    }
}

/// Drops the keys when the task ends, for whatever reason: keys that nobody refreshes are not to be trusted.
struct Stopped(Arc<Refresher>);

impl Drop for Stopped {
    fn drop(&mut self) {
        self.0.keys.publish(None);
        let mut state = self.0.state();
        (state.under_way, state.wanted, state.due, state.known) = (None, None, None, None);
        state.error = Some(FetchError::Stopped);
        if !std::thread::panicking() {
            // Another runtime may start at once.
            state.last = None;
        }
        self.0.notify_waiters(&mut state);
    }
}
