//! Tokens that were revoked: refused although they are signed and have not expired.

mod follower;
mod identity;
mod list;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

pub use identity::TokenIdentity;

use crate::clock::{Clock, NumericDate, SystemClock};
use crate::debug_text::debug_as_display;
use crate::store::time::{later, whole_millis};
use crate::store::{Revocation, RevocationStore, RevocationTarget, StoreError};
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
    while_unreachable: WhileUnreachable,
    list: List,
    /// The number of the last entry that was read from the store.
    read_up_to: AtomicU64,
    /// When the list was last known to be the whole list, in milliseconds since the epoch.
    complete_at: AtomicU64,
}

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
            poll_interval: Duration::from_millis(250),
            while_unreachable: WhileUnreachable::KeepLastKnown,
        }
    }

    /// Revokes one token, by its `iss` (empty if it has none), `jti` and `exp`. `Ok` once the store has the revocation.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: the token is refused on this instance, but perhaps not on others; try again.
    /// [`StoreError::Full`]: nothing was revoked.
    pub async fn revoke(&self, issuer: &str, token_id: &str, expires_at: NumericDate) -> Result<(), StoreError> {
        let target = RevocationTarget::Token { issuer: issuer.to_owned(), id: token_id.to_owned() };
        self.add(target, expires_at).await
    }

    /// Revokes all tokens of one login, by their `iss` (empty if they have none) and `sid`, also those that are still to be
    /// issued to it. `longest` is the longest lifetime that such a token has.
    ///
    /// # Errors
    /// As [`revoke`](Self::revoke).
    pub async fn revoke_session(&self, issuer: &str, session_id: &str, longest: Duration) -> Result<(), StoreError> {
        let target = RevocationTarget::Session { issuer: issuer.to_owned(), id: session_id.to_owned() };
        // In whole multiples of a minute, so that several revocations of one login are one entry of the store. The clock of
        // another instance that has just signed a token may be ahead.
        let end = later(self.now(), longest.saturating_add(self.0.leeway)).as_secs();
        self.add(target, NumericDate::from_secs(end.saturating_add(60) / 60 * 60)).await
    }

    /// Revokes all tokens that were issued to a subject until now. `longest` is the longest lifetime that such a token has.
    ///
    /// Most issuers write `iat` in whole seconds. So a token that is issued later within the same second is refused as well.
    ///
    /// # Errors
    /// As [`revoke`](Self::revoke).
    pub async fn revoke_all(&self, issuer: &str, subject: &str, longest: Duration) -> Result<(), StoreError> {
        let (issuer, subject, now) = (issuer.to_owned(), subject.to_owned(), self.now());
        self.add(RevocationTarget::Subject { issuer, subject, not_before: now }, later(now, longest)).await
    }

    async fn add(&self, target: RevocationTarget, expires_at: NumericDate) -> Result<(), StoreError> {
        let inner = &self.0;
        let revocation = Revocation { target, forget_at: later(expires_at, inner.leeway) };
        let added = inner.store.add(revocation.clone(), self.now()).await;
        if !matches!(added, Err(StoreError::Full)) {
            inner.list.learn(std::slice::from_ref(&revocation), self.now());
        }
        added
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

    /// Asks the store for new entries, and forgets those that have expired. Happens by itself, once per
    /// [`poll_interval`](RevocationsBuilder::poll_interval).
    pub async fn catch_up(&self) -> Result<(), StoreError> {
        let inner = &*self.0;
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

/// Builds [`Revocations`].
///
/// | setting | default | reason |
/// |---|---|---|
/// | [`poll_interval`](Self::poll_interval) | 250 milliseconds | known everywhere within a second, for four small requests a second |
/// | [`while_unreachable`](Self::while_unreachable) | `KeepLastKnown` | a store that is down should not take the service with it |
/// | [`leeway`](Self::leeway) | 5 minutes | more than a verifier allows a token after its `exp` |
pub struct RevocationsBuilder {
    store: Arc<dyn RevocationStore>,
    clock: Arc<dyn Clock>,
    leeway: Duration,
    poll_interval: Duration,
    while_unreachable: WhileUnreachable,
}

impl RevocationsBuilder {
    /// How long to wait between two polls of the store for new entries. 250 milliseconds.
    #[must_use]
    pub fn poll_interval(mut self, interval: Duration) -> Self {
        self.poll_interval = interval;
        self
    }

    /// What happens to requests while the store cannot be reached. [`WhileUnreachable::KeepLastKnown`].
    #[must_use]
    pub fn while_unreachable(mut self, choice: WhileUnreachable) -> Self {
        self.while_unreachable = choice;
        self
    }

    /// How long a revocation is remembered after the `exp` of its token: at least the leeway of every verifier. 5 minutes.
    #[must_use]
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// Where the present time comes from. [`SystemClock`].
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Reads the list, and starts a task that follows the store and ends with the last clone. Call it inside of a Tokio
    /// runtime that lasts as long as the list is used.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: without the list nothing can be checked, so a service should not start.
    /// [`StoreError::NoRuntime`] outside of a Tokio runtime.
    pub async fn open(self) -> Result<Revocations, StoreError> {
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| StoreError::NoRuntime)?;
        let revocations = Revocations(Arc::new(Inner {
            store: self.store,
            clock: self.clock,
            leeway: self.leeway,
            while_unreachable: self.while_unreachable,
            list: List::new(),
            read_up_to: AtomicU64::new(0),
            complete_at: AtomicU64::new(0),
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
            .finish_non_exhaustive()
    }
}
