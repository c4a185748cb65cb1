//! The tenants that are known to one authenticator, and how a name becomes one of them.
//!
//! A name whose tenant has sent a good token is *kept*, and nothing that a stranger does takes that away. A name that is
//! covered by the rule, and of which nothing else is known, is looked up if there is room in the budget. While it is, and
//! until a token of its tenant was verified, it is a *candidate*.
//!
//! The rule is called, fetches are started and parties are dropped without the lock.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::budget::{Budget, UnderWay};
use super::log;
use super::member::Member;
use super::refusals::{Refusals, Why};
use super::{Settings, TrustedIssuer};
use crate::error::{AuthError, TokenError, Unavailable};
use crate::issuers::OpenIssuers;
use crate::key::{KeyFeed, KeySource, KeyStatus, OnDemand, Source};
use crate::verify::{Failure, Party, Validation};

/// How many tenants of a host that have sent good tokens before are looked up at once. The others wait for their turn.
const TURNS: usize = 32;
/// The most candidates whose keys have arrived.
const MOST_CANDIDATES: usize = 64;
/// The longest time after which a token can cause another look-up of a tenant that cannot be reached.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// How often in a row a name is refused before it is looked for elsewhere than other tenants of its host.
const SEARCHED_AFTER: u32 = 2;
/// How long a candidate that nobody has asked for keys is one.
const IDLE: Duration = Duration::from_secs(1);

pub(super) struct Known {
    me: Weak<Self>,
    settings: Settings,
    common: Validation,
    epoch: Instant,
    state: Mutex<State>,
    on_end: OnceLock<Told>,
}

/// Who is told when a party is not trusted any more.
type Told = Box<dyn Fn(&Party) + Send + Sync>;

struct State {
    /// The names whose tenants have sent good tokens, here or before a restart.
    kept: HashMap<Box<str>, Kept>,
    max_kept: usize,
    candidates: HashMap<Box<str>, Candidate>,
    refusals: Refusals,
    budget: Budget,
    /// At which places the metadata of tenants that have sent good tokens was found, by host. Nothing that a stranger does
    /// gets in here.
    places: HashMap<Box<str>, Vec<usize>>,
    /// Whose turn it is among tenants that have sent good tokens, by host: one that hangs does not hold up others.
    turns: HashMap<Box<str>, Arc<Semaphore>>,
    removed: HashSet<Box<str>>,
}

/// A tenant that has sent a good token.
struct Kept {
    /// Nobody has asked for one that was remembered and has not sent one since.
    entry: Option<Entry>,
    /// The place among those that were remembered.
    order: usize,
}

#[derive(Clone)]
struct Entry {
    party: Arc<Party>,
    member: Arc<Member>,
}

/// A name that is looked up, or was found and has sent no good token yet.
struct Candidate {
    entry: Entry,
    /// Who has asked for it, and how many requests that may cost.
    client: Option<IpAddr>,
    cost: u32,
    since: Instant,
    is_found: bool,
}

/// What came of a look-up.
enum Outcome {
    UnderWay,
    Found,
    NotFound(Why),
    /// It has not begun.
    Idle,
}

/// The rule panicked.
struct Panicked;

/// Parties that are left over from a change, to be dropped without the lock.
type Left = Vec<Entry>;

impl Kept {
    /// When a token was verified last: the one that is least makes room.
    fn recency(&self) -> (u64, usize) {
        (self.entry.as_ref().map_or(0, |entry| entry.member.verified_in()), self.order)
    }
}

impl Entry {
    fn is_of(&self, member: &Member) -> bool {
        std::ptr::eq(&raw const *self.member, member)
    }
}

impl Candidate {
    fn outcome(&self) -> Outcome {
        let Some(feed) = &self.entry.party.feed else { return Outcome::Found };
        if feed.status().fetches > 0 {
            Outcome::Found
        } else if feed.asks() {
            Outcome::UnderWay
        } else if feed.is_nobody() {
            Outcome::NotFound(Why::Unknown)
        } else if feed.fails() {
            Outcome::NotFound(Why::Unreachable)
        } else {
            Outcome::Idle
        }
    }
}

impl State {
    fn entry(&self, issuer: &str) -> Option<&Entry> {
        let kept = self.kept.get(issuer).and_then(|kept| kept.entry.as_ref());
        kept.or_else(|| self.candidates.get(issuer).map(|candidate| &candidate.entry))
    }

    /// Takes over what came of the look-up of that name.
    fn settle(&mut self, issuer: &str, now: Instant, left: &mut Left) {
        let Some(candidate) = self.candidates.get_mut(issuer).filter(|candidate| !candidate.is_found) else { return };
        let (client, cost) = (candidate.client, candidate.cost);
        match candidate.outcome() {
            Outcome::UnderWay => return,
            Outcome::Idle if now < candidate.since + IDLE => return,
            Outcome::Found => {
                (candidate.is_found, candidate.since) = (true, now);
                self.budget.found(cost, now);
                self.refusals.forget(issuer);
                return;
            }
            Outcome::Idle => self.budget.was_not_needed(client, cost),
            Outcome::NotFound(why) => self.refusals.note(issuer, why, now),
        }
        self.drop_candidate(issuer, left);
    }

    fn settle_all(&mut self, now: Instant, left: &mut Left) {
        let open = self.candidates.iter().filter(|(_, candidate)| !candidate.is_found);
        for name in open.map(|(name, _)| name.clone()).collect::<Vec<_>>() {
            self.settle(&name, now, left);
        }
    }

    fn drop_candidate(&mut self, issuer: &str, left: &mut Left) {
        if let Some(candidate) = self.candidates.remove(issuer) {
            candidate.entry.member.end();
            left.push(candidate.entry);
        }
    }

    fn drop_kept(&mut self, issuer: &str, left: &mut Left) -> bool {
        let Some(kept) = self.kept.remove(issuer) else { return false };
        if let Some(entry) = kept.entry {
            entry.member.end();
            left.push(entry);
        }
        true
    }

    fn add_candidate(&mut self, issuer: &str, candidate: Candidate, left: &mut Left) {
        let found = self.candidates.iter().filter(|(_, candidate)| candidate.is_found);
        if found.clone().count() >= MOST_CANDIDATES
            && let Some(oldest) = found.min_by_key(|(_, candidate)| candidate.since).map(|(name, _)| name.clone())
        {
            self.drop_candidate(&oldest, left);
        }
        self.candidates.insert(issuer.into(), candidate);
    }

    /// How many requests it takes to find out whether there is such a tenant, if there is room for them.
    fn room_for(
        &mut self,
        issuer: &str,
        feed: &dyn KeyFeed,
        client: Option<IpAddr>,
        left: &mut Left,
    ) -> Result<u32, AuthError> {
        let now = Instant::now();
        self.settle_all(now, left);
        let all = feed.metadata_places();
        let places = self.places_for(issuer, all).map_or(all, |places| places.len());
        let cost = u32::try_from(places).unwrap_or(u32::MAX).max(1);
        let under_way = self.under_way(client);
        match self.budget.room(client, cost, under_way, now) {
            Ok(()) => Ok(cost),
            Err(retry_after) => {
                let retry_after = retry_after.max(Duration::from_secs(1));
                Err(Unavailable::Keys { retry_after }.into())
            }
        }
    }

    fn under_way(&self, client: Option<IpAddr>) -> UnderWay {
        let mut under_way = UnderWay::default();
        for candidate in self.candidates.values().filter(|candidate| !candidate.is_found) {
            under_way.all += 1;
            under_way.of_client += usize::from(candidate.client == client);
        }
        under_way
    }

    /// Where the metadata of an issuer of which nothing is known is looked for: at the places of the tenants of its host,
    /// if there are any, so that a name that does not exist costs one request. A name that is asked for again and again
    /// may be elsewhere.
    fn places_for(&self, issuer: &str, all: usize) -> Option<Box<[usize]>> {
        let mut places = self.places_of(issuer, all)?;
        if self.refusals.times(issuer) < SEARCHED_AFTER {
            places.truncate(self.places.get(host_of(issuer)).map_or(all, Vec::len));
        }
        Some(places.into())
    }

    /// All places, those of the tenants of the same host first. `None` where it has none.
    fn places_of(&self, issuer: &str, all: usize) -> Option<Vec<usize>> {
        let usual = self.places.get(host_of(issuer))?;
        let others = (0..all).filter(|place| !usual.contains(place));
        Some(usual.iter().copied().filter(|place| *place < all).chain(others).collect())
    }

    fn turns_of(&mut self, issuer: &str) -> Arc<Semaphore> {
        let host = host_of(issuer);
        if self.turns.len() >= self.max_kept && !self.turns.contains_key(host) {
            self.turns.retain(|_, turns| Arc::strong_count(turns) > 1);
        }
        self.turns.entry(host.into()).or_insert_with(|| Arc::new(Semaphore::new(TURNS))).clone()
    }

    fn learn_place(&mut self, issuer: &str, place: Option<usize>) {
        let Some(place) = place else { return };
        let host = host_of(issuer);
        if self.places.len() >= self.max_kept && !self.places.contains_key(host) {
            self.places.clear();
        }
        let places = self.places.entry(host.into()).or_default();
        if !places.contains(&place) {
            places.push(place);
        }
    }

    /// Removes whoever has sent no good token for the longest time, but not that one.
    fn make_room(&mut self, but_not: &str, left: &mut Left) {
        while self.kept.len() > self.max_kept {
            let others = self.kept.iter().filter(|(name, _)| &***name != but_not);
            let Some(oldest) = others.min_by_key(|(_, kept)| kept.recency()).map(|(name, _)| name.clone()) else {
                return;
            };
            self.drop_kept(&oldest, left);
        }
    }
}

/// Scheme, host and port.
fn host_of(issuer: &str) -> &str {
    let after_scheme = issuer.find("://").map_or(0, |at| at + 3);
    let end = issuer[after_scheme..].find('/').map_or(issuer.len(), |at| after_scheme + at);
    &issuer[..end]
}

fn refused(error: impl Into<AuthError>) -> Failure {
    Failure::Refused(error.into())
}

impl Known {
    /// `names` are those of tenants that have sent good tokens before, the last ones last.
    pub(super) fn new(
        settings: Settings,
        common: Validation,
        names: Vec<String>,
        removed: HashSet<Box<str>>,
    ) -> Arc<Self> {
        let now = Instant::now();
        let first = names.len().saturating_sub(settings.max_tenants);
        let names = names.into_iter().skip(first).map(String::into_boxed_str).filter(|name| !removed.contains(name));
        let kept = names.enumerate().map(|(order, name)| (name, Kept { entry: None, order })).collect();
        let state = State {
            kept,
            max_kept: settings.max_tenants,
            candidates: HashMap::new(),
            refusals: Refusals::default(),
            budget: Budget::new(settings.max_unconfirmed_per_minute, settings.max_new_per_minute, now),
            places: HashMap::new(),
            turns: HashMap::new(),
            removed,
        };
        Arc::new_cyclic(|me| Self {
            me: me.clone(),
            settings,
            common,
            epoch: now,
            state: Mutex::new(state),
            on_end: OnceLock::new(),
        })
    }

    /// On the clock of members.
    pub(super) fn millis_since(epoch: Instant) -> u64 {
        u64::try_from(epoch.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Changes the state, and then drops what is left over.
    fn with<T>(&self, change: impl FnOnce(&mut State, &mut Left) -> T) -> T {
        let mut left = Left::new();
        let result = change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner), &mut left);
        if let Some(on_end) = self.on_end.get() {
            // Of the others, nobody knows a token.
            left.iter().filter(|entry| entry.member.verified_in() > 0).for_each(|entry| on_end(&entry.party));
        }
        result
    }

    /// What the rule makes of that name.
    fn ask_rule(&self, issuer: &str) -> Result<Option<TrustedIssuer>, Panicked> {
        let trusted = catch_unwind(AssertUnwindSafe(|| (self.settings.rule)(issuer))).map_err(|_| {
            log::tenant_rule_panicked();
            Panicked
        })?;
        Ok(trusted.filter(|trusted| *trusted.name == *issuer))
    }

    fn member(&self, issuer: &str, asked_at: u64, verified_in: u64) -> Option<Arc<Member>> {
        let interval = u64::try_from(self.settings.recheck_interval.as_millis()).unwrap_or(u64::MAX);
        Some(Member::new(&self.me.upgrade()?, issuer, self.epoch, interval, asked_at, verified_in))
    }

    /// Where what the rule made cannot be used, nobody is trusted by mistake.
    fn entry(&self, trusted: TrustedIssuer, member: Arc<Member>) -> Option<Entry> {
        match trusted.party(&self.common, Some(member.clone())) {
            Ok(party) => Some(Entry { party: Arc::new(party), member }),
            Err(error) => {
                log::unusable_tenant(&error);
                None
            }
        }
    }

    /// Fetches its keys when a token asks for them: one that was kept in its turn, another one where there is room.
    fn fetch_on_demand(&self, trusted: &mut TrustedIssuer, is_kept: bool) {
        let Source::Fetched(feed) = &trusted.keys.0 else { return };
        let all = feed.metadata_places();
        let (places, turns) = self.with(|state, _| {
            if is_kept {
                let places = state.places_of(&trusted.name, all).map(Vec::into_boxed_slice);
                return (places, Some(state.turns_of(&trusted.name)));
            }
            (state.places_for(&trusted.name, all), None)
        });
        let how = OnDemand { longest_pause: LONGEST_PAUSE, turns, places };
        trusted.keys = KeySource(Source::Fetched(feed.on_demand(how)));
    }

    /// What is known of a name, without asking anybody.
    fn find(&self, issuer: &str) -> Result<Option<Entry>, Failure> {
        self.with(|state, left| {
            let kept = state.kept.get(issuer);
            if let Some(entry) = kept.and_then(|kept| kept.entry.as_ref()) {
                return Ok(Some(entry.clone()));
            }
            let is_kept = kept.is_some();
            if state.removed.contains(issuer) {
                return Err(TokenError::untrusted(issuer).into());
            }
            let now = Instant::now();
            state.settle(issuer, now, left);
            if let Some(entry) = state.entry(issuer) {
                return Ok(Some(entry.clone()));
            }
            if !is_kept {
                state.refusals.check(issuer, now).map_err(Failure::Refused)?;
            }
            Ok(None)
        })
    }

    /// The party of a name of which nothing is known but what the rule says.
    fn admit(&self, issuer: &str, client: Option<IpAddr>) -> Result<Arc<Party>, Failure> {
        let asked_at = Self::millis_since(self.epoch);
        let trusted = self.ask_rule(issuer);
        let retry_after = Duration::from_secs(1);
        let Some(mut trusted) = trusted.map_err(|Panicked| refused(Unavailable::Policy { retry_after }))? else {
            self.forget(issuer);
            return Err(TokenError::untrusted(issuer).into());
        };
        let is_fetched = matches!(trusted.keys.0, Source::Fetched(_));
        let is_kept = self.with(|state, left| {
            let is_kept = state.kept.contains_key(issuer);
            if let (Source::Fetched(feed), false) = (&trusted.keys.0, is_kept) {
                // Nothing is made of a name for which there is no room.
                state.room_for(issuer, &**feed, client, left)?;
            }
            Ok::<_, AuthError>(is_kept)
        });
        self.fetch_on_demand(&mut trusted, is_kept.map_err(Failure::Refused)?);
        let member = self.member(issuer, asked_at, 0).ok_or_else(|| refused(Unavailable::KEYS))?;
        let entry = self.entry(trusted, member).ok_or_else(|| TokenError::untrusted(issuer))?;
        self.with(|state, left| {
            if state.removed.contains(issuer) {
                return Err(TokenError::untrusted(issuer).into());
            }
            if let Some(entry) = state.entry(issuer) {
                // Another request was faster.
                return Ok(entry.party.clone());
            }
            let party = entry.party.clone();
            if let Some(kept) = state.kept.get_mut(issuer) {
                kept.entry = Some(entry);
            } else if !is_fetched {
                let since = Instant::now();
                state.add_candidate(issuer, Candidate { entry, client, cost: 0, since, is_found: true }, left);
            }
            // Anybody else becomes a candidate once its token asks for keys.
            Ok(party)
        })
    }

    /// A token of a tenant needs keys, and there are none.
    pub(super) fn look_up(
        &self,
        member: &Member,
        party: &Party,
        client: Option<IpAddr>,
    ) -> Result<Arc<dyn KeyFeed>, AuthError> {
        let issuer = &*member.issuer;
        self.with(|state, left| {
            let now = Instant::now();
            if state.removed.contains(issuer) {
                return Err(TokenError::untrusted(issuer).into());
            }
            state.settle(issuer, now, left);
            if let Some(feed) = state.entry(issuer).and_then(|entry| entry.party.feed.clone()) {
                return Ok(feed);
            }
            let (Some(feed), Some(member)) = (party.feed.clone(), member.arc()) else {
                return Err(Unavailable::KEYS.into());
            };
            state.refusals.check(issuer, now)?;
            let cost = state.room_for(issuer, &*feed, client, left)?;
            state.budget.spend(client, cost, now);
            let entry = Entry { party: Arc::new(party.clone()), member };
            state.add_candidate(issuer, Candidate { entry, client, cost, since: now, is_found: false }, left);
            Ok(feed)
        })
    }

    /// A token of that tenant was verified for the first time.
    pub(super) fn keep(&self, member: &Member) {
        let issuer = &*member.issuer;
        let is_kept = self.with(|state, left| {
            state.settle(issuer, Instant::now(), left);
            if !state.entry(issuer).is_some_and(|entry| entry.is_of(member)) {
                member.end();
                return false;
            }
            if let Some(candidate) = state.candidates.remove(issuer) {
                state.budget.was_good(candidate.client, candidate.cost);
                state.kept.insert(issuer.into(), Kept { entry: Some(candidate.entry), order: 0 });
                state.make_room(issuer, left);
            }
            let feed = state.entry(issuer).and_then(|entry| entry.party.feed.clone());
            state.learn_place(issuer, feed.and_then(|feed| feed.metadata_place()));
            true
        });
        if is_kept && let Some(memory) = &self.settings.memory {
            memory.add(issuer);
        }
    }

    /// Asks the rule again; `None` where it panics. Says whether it makes the same of the tenant.
    pub(super) fn ask_again(&self, member: &Member, now: u64) -> Option<bool> {
        let issuer = &*member.issuer;
        let Some(trusted) = self.ask_rule(issuer).ok()? else {
            self.withdraw(member);
            return Some(false);
        };
        let entry = self.with(|state, _| state.entry(issuer).filter(|entry| entry.is_of(member)).cloned());
        let Some(Entry { party, .. }) = entry else {
            member.end();
            return Some(false);
        };
        let has_same_keys = match (&trusted.keys.0, &party.feed) {
            (Source::Live(keys), None) => keys.is_same(&party.trust.keys),
            (Source::Fetched(keys), Some(feed)) => keys.settings() == feed.settings(),
            _ => false,
        };
        if has_same_keys && trusted.validation(&self.common) == party.trust.validation {
            member.confirm(now);
            return Some(true);
        }
        self.replace(member, trusted, party.feed.clone().filter(|_| has_same_keys), now);
        Some(false)
    }

    /// The rule makes something else of a tenant. `feed` fetches its keys, if it is to stay.
    fn replace(&self, member: &Member, mut trusted: TrustedIssuer, feed: Option<Arc<dyn KeyFeed>>, now: u64) {
        let issuer = &*member.issuer;
        match feed {
            Some(feed) => trusted.keys = KeySource(Source::Fetched(feed)),
            None => self.fetch_on_demand(&mut trusted, true),
        }
        let new = self.member(issuer, now, member.verified_in()).and_then(|member| self.entry(trusted, member));
        let Some(new) = new else { return self.withdraw(member) };
        self.with(|state, left| {
            member.end();
            if state.candidates.get(issuer).is_some_and(|old| old.entry.is_of(member)) {
                // It begins again.
                state.drop_candidate(issuer, left);
            } else if let Some(old) = state.kept.get_mut(issuer).and_then(|kept| kept.entry.as_mut())
                && old.is_of(member)
            {
                left.push(std::mem::replace(old, new));
            }
        });
    }

    /// The rule does not cover that tenant any more.
    fn withdraw(&self, member: &Member) {
        let is_it = self.with(|state, _| {
            member.end();
            state.entry(&member.issuer).is_some_and(|entry| entry.is_of(member))
        });
        if is_it {
            self.forget(&member.issuer);
        }
    }

    /// Nothing is known of that name any more.
    fn forget(&self, issuer: &str) {
        let was_kept = self.with(|state, left| {
            state.drop_candidate(issuer, left);
            state.refusals.forget(issuer);
            state.drop_kept(issuer, left)
        });
        if was_kept && let Some(memory) = &self.settings.memory {
            memory.remove(issuer);
        }
    }

    /// Refuses the tokens of that issuer from now on.
    pub(super) fn remove(&self, issuer: &str) {
        self.with(|state, _| state.removed.insert(issuer.into()));
        self.forget(issuer);
    }

    /// Goes by the rule again.
    pub(super) fn restore(&self, issuer: &str) {
        self.with(|state, _| state.removed.remove(issuer));
    }
}

impl OpenIssuers for Known {
    fn party(&self, issuer: &str, client: Option<IpAddr>) -> Result<Arc<Party>, Failure> {
        // Once more where the rule makes something else of it than before.
        for _ in 0..2 {
            match self.find(issuer)? {
                Some(entry) if entry.party.trust.holds().is_some() => return Ok(entry.party),
                Some(_) => {}
                None => break,
            }
        }
        self.admit(issuer, client)
    }

    fn on_end(&self, told: Told) {
        // It is called once.
        let _ = self.on_end.set(told);
    }

    fn bound(&self) -> usize {
        self.settings.max_tenants
    }

    fn key_status(&self) -> Vec<KeyStatus> {
        let parties: Vec<Arc<Party>> = self
            .with(|state, _| state.kept.values().filter_map(|kept| Some(kept.entry.as_ref()?.party.clone())).collect());
        let all = parties.iter().filter_map(|party| party.key_status());
        all.filter(|status| status.fetches > 0).collect()
    }
}
