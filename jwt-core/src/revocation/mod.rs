//! Tokens that were revoked: refused although they are signed and have not expired.

mod counts;
mod follower;
mod identity;
mod list;

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use identity::TokenIdentity;

use crate::clock::{Clock, NumericDate, SystemClock};
use crate::config_error::Given;
use crate::config_error::debug_as_display;
use crate::facade::tracing;
use crate::store::time::{later, whole_millis, whole_seconds};
use crate::store::{Revocation, RevocationStore, RevocationTarget, StoreError};
use counts::Counts;
use follower::follow;
use list::List;

/// What happens to requests while the store of the revocations cannot be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum WhileUnreachable {
    /// Requests are checked against the list as it was last known.
    KeepLastKnown,
    /// The same for this long; then requests are refused, with 503, until the store is back. Between two polls, the list is
    /// as old as the [`poll_interval`](RevocationsBuilder::poll_interval): give the interval and, beyond that, what an
    /// answer of the store may take.
    RefuseAfter(Duration),
}

/// The list of revoked tokens, in the memory of this instance and the same on all others.
///
/// A check is local: it neither waits nor locks, and costs tens of nanoseconds. A revocation is written to the store. It
/// counts on this instance at once, and on every other instance with its next poll of the store, four times a second. An
/// entry is forgotten once its token has expired, so the list holds what was revoked within one lifetime of a token.
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
/// use jwt_core::{Authenticator, KeySet, MemoryStore, Revocations, clock::NumericDate};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let revocations = Revocations::builder(Arc::new(MemoryStore::new())).open().await?;
/// let auth = Authenticator::<()>::builder()
///     .keys(KeySet::hs256("a secret of at least thirty-two bytes")?)
///     .audience("api")
///     .revocations(&revocations)
///     .build()?;
///
/// // One token, by its `iss`, `jti` and `exp`:
/// revocations.revoke("https://issuer.example.com", "token 1", NumericDate::from_secs(4_000_000_000)).await?;
///
/// // Everything that was issued to alice so far, by tokens that live an hour at most:
/// revocations.revoke_all("https://issuer.example.com", "alice", Duration::from_secs(3600)).await?;
/// # let _ = auth; Ok(()) }
/// ```
#[derive(Clone)]
pub struct Revocations(Arc<Inner>);

struct Inner {
    store: Arc<dyn RevocationStore>,
    clock: Arc<dyn Clock>,
    leeway: Duration,
    clock_skew: Duration,
    per_subject: usize,
    while_unreachable: WhileUnreachable,
    list: List,
    counts: Counts,
    /// The number of the last entry that was read from the store.
    read_up_to: AtomicU64,
    /// When the list was last known to be the whole list, in milliseconds since the epoch.
    complete_at: AtomicU64,
    /// What the store could not be told, or perhaps was told: it is, when it is back.
    unsent: Mutex<VecDeque<Revocation>>,
}

/// How many revocations wait for a store that is away. What is more is known on this instance alone.
const MAX_UNSENT: usize = 10_000;

/// Why [`Revocations::check`] refuses a token.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Revoked {
    /// It was revoked.
    #[error("revoked")]
    Revoked,
    /// It is not known: the list is older than [`WhileUnreachable::RefuseAfter`] allows.
    #[error("the list of revoked tokens is out of date")]
    Unknown,
}

debug_as_display!(Revoked);

impl Revocations {
    /// A builder with the defaults, on that store.
    pub fn builder(store: Arc<dyn RevocationStore>) -> RevocationsBuilder {
        RevocationsBuilder {
            store,
            clock: Arc::new(SystemClock),
            leeway: Duration::from_secs(5 * 60),
            clock_skew: Duration::from_secs(30),
            per_subject: 100,
            poll_interval: Duration::from_millis(250),
            while_unreachable: WhileUnreachable::KeepLastKnown,
            given: Given::default(),
        }
    }

    /// Revokes one token, by its `iss` (empty if it has none), `jti` and `exp`. `Ok` once the store has the revocation. Where
    /// the subject is known, [`revoke_token`](Self::revoke_token) has a limit for each subject, and this has none.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: the token is refused on this instance, and on others once the store is back, unless this
    /// instance ends before that: try again.
    /// [`StoreError::Full`]: nothing was revoked.
    pub async fn revoke(&self, issuer: &str, token_id: &str, expires_at: NumericDate) -> Result<(), StoreError> {
        let target = RevocationTarget::Token { issuer: issuer.to_owned(), id: token_id.to_owned() };
        self.add(target, self.end(expires_at)).await
    }

    /// Revokes one token: a reference to a [`VerifiedToken`](crate::VerifiedToken), or a [`TokenIdentity`]; and its `exp`.
    ///
    /// No user can fill the list by logging in and out in a loop. Where a subject has
    /// [`per_subject`](RevocationsBuilder::per_subject) entries already, or the store has no room for one more token, one
    /// entry revokes all tokens that were issued to the subject until this one, and replaces the entry of that kind that the
    /// subject had before. The other devices of the subject then need a new access token, which a refresh gets. The log has
    /// a warning.
    ///
    /// # Errors
    /// As [`revoke`](Self::revoke), and [`StoreError::NoTokenId`] for a token with neither `jti` nor `sub`. Without `jti`, the
    /// tokens of the subject are revoked as above.
    pub async fn revoke_token<'t>(
        &self,
        token: impl Into<TokenIdentity<'t>>,
        expires_at: NumericDate,
    ) -> Result<(), StoreError> {
        let token = token.into();
        let issuer = token.issuer.unwrap_or_default();
        let target = |id: &str| RevocationTarget::Token { issuer: issuer.to_owned(), id: id.to_owned() };
        self.limited(token, token.token_id.map(target), expires_at).await
    }

    /// Adds an entry for one token or one login of a subject, or, beyond the limit, the one for all of its tokens so far.
    async fn limited(
        &self,
        token: TokenIdentity<'_>,
        target: Option<RevocationTarget>,
        expires_at: NumericDate,
    ) -> Result<(), StoreError> {
        let (issuer, end) = (token.issuer.unwrap_or_default(), self.end(expires_at));
        let Some(subject) = token.subject else {
            return self.add(target.ok_or(StoreError::NoTokenId)?, end).await;
        };
        if let Some(added) = self.add_within_limit((issuer, subject), target, end).await {
            return added;
        }
        // A token without `iat` counts as older than every entry of its subject.
        let not_before = token.issued_at.map_or(NumericDate::from_millis(1), just_after);
        self.add_subject(issuer, subject, not_before, end).await
    }

    /// Revokes all tokens of one login, by their `iss` (empty if they have none) and `sid`, also those that are still to be
    /// issued to it. `longest` is the longest lifetime that such a token has.
    ///
    /// # Errors
    /// As [`revoke`](Self::revoke).
    pub async fn revoke_session(&self, issuer: &str, session_id: &str, longest: Duration) -> Result<(), StoreError> {
        let target = RevocationTarget::Session { issuer: issuer.to_owned(), id: session_id.to_owned() };
        self.add(target, self.session_end(longest)).await
    }

    /// The same for a login of a subject, within the limit of the subject.
    pub(crate) async fn revoke_session_of(
        &self,
        issuer: &str,
        (subject, session_id): (&str, &str),
        longest: Duration,
    ) -> Result<(), StoreError> {
        let target = RevocationTarget::Session { issuer: issuer.to_owned(), id: session_id.to_owned() };
        match self.add_within_limit((issuer, subject), Some(target), self.session_end(longest)).await {
            Some(added) => added,
            None => self.revoke_all(issuer, subject, longest).await,
        }
    }

    /// Adds an entry of a subject. `None` where all tokens of the subject so far have to be revoked instead.
    async fn add_within_limit(
        &self,
        (issuer, subject): (&str, &str),
        target: Option<RevocationTarget>,
        end: NumericDate,
    ) -> Option<Result<(), StoreError>> {
        let Inner { counts, per_subject, .. } = &*self.0;
        if let Some(target) = target
            && counts.admit((issuer, subject), &target, (end, self.now()), *per_subject)
        {
            match self.add(target, end).await {
                Err(StoreError::Full) => {}
                added => return Some(added),
            }
        }
        tracing::warn!(target: "jwt", issuer, limit = per_subject, "a subject has too many revocations, or the list has no room for one more token: all of its tokens so far are revoked instead");
        None
    }

    /// When a login can be forgotten. In whole multiples of a minute, so that several revocations of one login are one entry
    /// of the store. The clock of another instance that has just signed a token may be ahead.
    fn session_end(&self, longest: Duration) -> NumericDate {
        let end = later(self.now(), longest.saturating_add(self.0.leeway)).as_secs();
        NumericDate::from_secs(end.saturating_add(60) / 60 * 60)
    }

    /// Revokes all tokens that were issued to a subject until now. `longest` is the longest lifetime that such a token has.
    ///
    /// The clock of the issuer may be ahead by [`clock_skew`](RevocationsBuilder::clock_skew). So a token whose `iat` is up to
    /// 30 seconds later than now is refused too: nobody can tell it from an older one. [`Logins`](crate::Logins) with this
    /// list therefore sign the tokens of a new login with an `iat` that is late enough, and the user is served at once. The
    /// tokens of **another issuer** are refused until they are issued 30 seconds after this call.
    ///
    /// The last tenth of the store is kept free for this: it succeeds also where there is no room for single tokens.
    ///
    /// # Errors
    /// As [`revoke`](Self::revoke).
    pub async fn revoke_all(&self, issuer: &str, subject: &str, longest: Duration) -> Result<(), StoreError> {
        let now = self.now();
        let latest = later(now, self.0.clock_skew);
        // A login after the previous call has an `iat` of that entry, which may still be in the future.
        let known = self.0.list.before(issuer, subject).map(|before| before.not_before);
        let not_before =
            known.filter(|before| *before > now).map_or(latest, |before| latest.max(just_after(whole_seconds(before))));
        self.add_subject(issuer, subject, not_before, self.end(later(latest, longest))).await
    }

    /// The same for what was issued until that moment, by the clock of the issuer: for an event that the issuer tells of
    /// later. Tokens that are issued after it are good.
    pub(crate) async fn revoke_issued_until(
        &self,
        (issuer, subject): (&str, &str),
        moment: NumericDate,
        longest: Duration,
    ) -> Result<(), StoreError> {
        let latest = later(moment.min(self.now()), self.0.clock_skew);
        self.add_subject(issuer, subject, latest, self.end(later(latest, longest))).await
    }

    /// Whether a login of a user of that issuer, which began at that moment, is over because the session at the issuer is, or
    /// because all tokens of the user are revoked that were issued before. A login that began after it was ended is a new one.
    pub(crate) fn ends_login(
        &self,
        issuer: &str,
        session_id: Option<&str>,
        (subject, began): (&str, NumericDate),
    ) -> bool {
        let list = &self.0.list;
        let began_before = |not_before: NumericDate| later(began, self.0.clock_skew) < not_before;
        session_id.is_some_and(|id| list.has_session(issuer, id))
            || list.before(issuer, subject).is_some_and(|entry| began_before(entry.not_before))
    }

    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        self.0.clock.clone()
    }

    /// How far the clocks of issuers may be off.
    pub(crate) fn clock_skew(&self) -> Duration {
        self.0.clock_skew
    }

    /// Adds what is revoked of a subject as a whole, together with what was revoked of it before.
    async fn add_subject(
        &self,
        issuer: &str,
        subject: &str,
        mut not_before: NumericDate,
        mut end: NumericDate,
    ) -> Result<(), StoreError> {
        if let Some(known) = self.0.list.before(issuer, subject) {
            not_before = not_before.max(known.not_before);
            end = end.max(NumericDate::from_millis(known.forget_at));
        }
        let (issuer, subject) = (issuer.to_owned(), subject.to_owned());
        self.add(RevocationTarget::Subject { issuer, subject, not_before }, end).await
    }

    async fn add(&self, target: RevocationTarget, forget_at: NumericDate) -> Result<(), StoreError> {
        let inner = &self.0;
        let revocation = Revocation { target, forget_at };
        let added = inner.store.add(revocation.clone(), self.now()).await;
        if !matches!(added, Err(StoreError::Full)) {
            inner.list.learn(std::slice::from_ref(&revocation), self.now());
        }
        if matches!(added, Err(StoreError::Unavailable(_))) {
            let mut unsent = self.unsent();
            if unsent.len() < MAX_UNSENT && !unsent.contains(&revocation) {
                unsent.push_back(revocation);
            }
        }
        added
    }

    fn unsent(&self) -> MutexGuard<'_, VecDeque<Revocation>> {
        self.0.unsent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the store what it could not be told. Once more does no harm.
    async fn send_again(&self) -> Result<(), StoreError> {
        loop {
            let Some(next) = self.unsent().front().cloned() else { return Ok(()) };
            if next.forget_at > self.now()
                && let Err(error @ StoreError::Unavailable(_)) = self.0.store.add(next.clone(), self.now()).await
            {
                return Err(error);
            }
            let mut unsent = self.unsent();
            // Somebody else may have told the store of it meanwhile.
            if unsent.front() == Some(&next) {
                unsent.pop_front();
            }
        }
    }

    /// When the entry of a token can be forgotten.
    fn end(&self, expires_at: NumericDate) -> NumericDate {
        later(expires_at, self.0.leeway)
    }

    /// The earliest `iat` of a token that is not revoked with the others of its subject: for a login that started at that
    /// moment, or that starts now. `None` where the login itself started before they were revoked: its tokens are to be refused.
    pub(crate) fn not_before(&self, issuer: &str, subject: &str, started: Option<NumericDate>) -> Option<NumericDate> {
        let before = self.0.list.before(issuer, subject)?;
        started.is_none_or(|started| whole_millis(started) >= before.known_since).then_some(before.not_before)
    }

    /// Whether a verified token is still good. For tokens that were verified without this list: a reference to a
    /// [`VerifiedToken`](crate::VerifiedToken), or a [`TokenIdentity`].
    ///
    /// # Errors
    /// [`Revoked::Revoked`], or [`Revoked::Unknown`] where the list is too old to tell.
    pub fn check<'t>(&self, token: impl Into<TokenIdentity<'t>>) -> Result<(), Revoked> {
        let token = token.into();
        self.check_with(token, || token.session_id)
    }

    /// The same with the `sid` of that function, which is called only where some token or login is revoked.
    pub(crate) fn check_with<'t>(
        &self,
        token: TokenIdentity<'t>,
        session_id: impl FnOnce() -> Option<&'t str>,
    ) -> Result<(), Revoked> {
        let inner = &*self.0;
        if let WhileUnreachable::RefuseAfter(limit) = inner.while_unreachable {
            let complete_at = NumericDate::from_millis(inner.complete_at.load(Ordering::Acquire));
            if later(complete_at, limit) < self.now() {
                return Err(Revoked::Unknown);
            }
        }
        let TokenIdentity { issuer, token_id, subject, issued_at, .. } = token;
        let issuer = issuer.unwrap_or_default();
        let revoked = token_id.is_some_and(|id| inner.list.has_token(issuer, id))
            || inner.list.has_sessions()
                && session_id().is_some_and(|session_id| inner.list.has_session(issuer, session_id))
            || subject.is_some_and(|subject| inner.list.has_subject(issuer, subject, issued_at));
        if revoked { Err(Revoked::Revoked) } else { Ok(()) }
    }

    pub(crate) fn leeway(&self) -> Duration {
        self.0.leeway
    }

    /// How many entries the list has.
    pub fn len(&self) -> usize {
        self.0.list.len()
    }

    /// Whether nothing is revoked.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Tells the store what it could not be told while it was away, asks it for new entries, and forgets those that have
    /// expired. Happens by itself, once per
    /// [`poll_interval`](RevocationsBuilder::poll_interval).
    pub async fn catch_up(&self) -> Result<(), StoreError> {
        let inner = &*self.0;
        self.send_again().await?;
        // What is added after this moment may be missing from what is read.
        let now = self.now();
        loop {
            let number = inner.read_up_to.load(Ordering::Acquire);
            let page = inner.store.since(number).await?;
            let Some(last) = page.iter().map(|(number, _)| *number).max() else { break };
            let revocations: Vec<Revocation> = page.into_iter().map(|(_, revocation)| revocation).collect();
            inner.list.learn(&revocations, now);
            if inner.read_up_to.fetch_max(last, Ordering::AcqRel) >= last {
                // The store repeats itself, or another task has read as far: without this, the loop might not end.
                break;
            }
        }
        inner.list.learn(&[], now);
        inner.complete_at.fetch_max(now.as_millis(), Ordering::AcqRel);
        Ok(())
    }

    /// Reads the entries after that number again, and learns those that were missing before.
    async fn read_again(&self, mut number: u64) -> Result<(), StoreError> {
        loop {
            let page = self.0.store.since(number).await?;
            let Some(last) = page.iter().map(|(number, _)| *number).max().filter(|last| *last > number) else { break };
            let revocations: Vec<Revocation> = page.into_iter().map(|(_, revocation)| revocation).collect();
            self.0.list.learn(&revocations, self.now());
            number = last;
        }
        Ok(())
    }

    fn now(&self) -> NumericDate {
        whole_millis(self.0.clock.now())
    }
}

impl fmt::Debug for Revocations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Revocations")
            .field("entries", &self.len())
            .field("while_unreachable", &self.0.while_unreachable)
            .finish_non_exhaustive()
    }
}

/// The first millisecond after a moment.
fn just_after(moment: NumericDate) -> NumericDate {
    later(moment, Duration::from_millis(1))
}

/// Builds [`Revocations`]. A setting that has one value is given once; a second call is an error.
///
/// | setting | default | reason |
/// |---|---|---|
/// | [`poll_interval`](Self::poll_interval) | 250 milliseconds | known everywhere within a second, for four small requests a second |
/// | [`while_unreachable`](Self::while_unreachable) | `KeepLastKnown` | a store that is down should not take the service with it |
/// | [`leeway`](Self::leeway) | 5 minutes | more than a verifier allows a token after its `exp` |
/// | [`clock_skew`](Self::clock_skew) | 30 seconds | the leeway that a verifier has by default |
/// | [`per_subject`](Self::per_subject) | 100 | more logouts than one person makes within one lifetime of a token |
pub struct RevocationsBuilder {
    store: Arc<dyn RevocationStore>,
    clock: Arc<dyn Clock>,
    leeway: Duration,
    clock_skew: Duration,
    per_subject: usize,
    poll_interval: Duration,
    while_unreachable: WhileUnreachable,
    given: Given,
}

impl RevocationsBuilder {
    /// How long to wait between two polls of the store for new entries. 250 milliseconds.
    #[must_use]
    pub fn poll_interval(mut self, interval: Duration) -> Self {
        self.given.once("poll_interval");
        self.poll_interval = interval;
        self
    }

    /// What happens to requests while the store cannot be reached. [`WhileUnreachable::KeepLastKnown`].
    #[must_use]
    pub fn while_unreachable(mut self, choice: WhileUnreachable) -> Self {
        self.given.once("while_unreachable");
        self.while_unreachable = choice;
        self
    }

    /// How long a revocation is remembered after the `exp` of its token: at least the leeway of every verifier. 5 minutes.
    #[must_use]
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.given.once("leeway");
        self.leeway = leeway;
        self
    }

    /// How much the clock of an issuer may be ahead of the clock here: [`revoke_all`](Revocations::revoke_all) revokes tokens
    /// whose `iat` is up to so much later than now. At most the leeway of the verifiers that have a `max_age`. 30 seconds.
    #[must_use]
    pub fn clock_skew(mut self, skew: Duration) -> Self {
        self.given.once("clock_skew");
        self.clock_skew = skew;
        self
    }

    /// How many entries of one subject this instance adds for single tokens, within one lifetime of a token. For more, see
    /// [`revoke_token`](Revocations::revoke_token). 100.
    #[must_use]
    pub fn per_subject(mut self, entries: usize) -> Self {
        self.given.once("per_subject");
        self.per_subject = entries;
        self
    }

    /// Where the present time comes from. [`SystemClock`].
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.given.once("clock");
        self.clock = Arc::new(clock);
        self
    }

    /// Reads the list, and starts a task that follows the store and ends with the last clone. Call it inside of a Tokio
    /// runtime that lasts as long as the list is used.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: without the list nothing can be checked, so a service should not start.
    /// [`StoreError::NoRuntime`] outside of a Tokio runtime. [`StoreError::SetTwice`] for a setting that was given twice.
    pub async fn open(self) -> Result<Revocations, StoreError> {
        if let Some(setting) = self.given.twice() {
            return Err(StoreError::SetTwice { setting });
        }
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| StoreError::NoRuntime)?;
        let revocations = Revocations(Arc::new(Inner {
            store: self.store,
            clock: self.clock,
            leeway: self.leeway,
            clock_skew: self.clock_skew,
            per_subject: self.per_subject,
            while_unreachable: self.while_unreachable,
            list: List::new(),
            counts: Counts::new(),
            read_up_to: AtomicU64::new(0),
            complete_at: AtomicU64::new(0),
            unsent: Mutex::default(),
        }));
        revocations.catch_up().await?;
        runtime.spawn(follow(Arc::downgrade(&revocations.0), self.poll_interval));
        Ok(revocations)
    }
}

impl fmt::Debug for RevocationsBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RevocationsBuilder")
            .field("poll_interval", &self.poll_interval)
            .field("while_unreachable", &self.while_unreachable)
            .field("leeway", &self.leeway)
            .field("clock_skew", &self.clock_skew)
            .field("per_subject", &self.per_subject)
            .finish_non_exhaustive()
    }
}
