//! Refresh tokens: each is good once, and a family of them is one sign-in.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Clock, NumericDate, SystemClock};
use crate::config_error::Given;
use crate::config_error::debug_as_display;
use crate::session::opaque::{Kind, Opaque, OpaqueToken, random};
use crate::session::sign_in::{NewSignIn, Prepared, Remembered, SignIn, SignIns};
use crate::session::{Ended, SignInsBuildError};
use crate::store::time::later;
use crate::store::{Change, Digest, Record, Salt, SignInId, SignInKey, SignInStore, StoreError, Touch};

/// Refresh tokens (RFC 6749 §1.5): what a client exchanges for its next access token. They are opaque, are looked up in a
/// store, and are good for one use each.
///
/// ```
/// use std::sync::Arc;
/// use jwt_core::{MemoryStore, RefreshTokens, session::NewSignIn};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let refresh_tokens = RefreshTokens::builder(Arc::new(MemoryStore::new())).build()?;
///
/// // At login, with what it takes to issue access tokens:
/// let (token, _) = refresh_tokens.start(NewSignIn::new("alice", &["reader"])?.label("Firefox on Linux")).await?;
///
/// // Whenever the access token has expired:
/// let (next, sign_in) = refresh_tokens.refresh(&token).await?;
/// assert_eq!((sign_in.subject.as_str(), sign_in.data::<Vec<String>>()?), ("alice", vec!["reader".into()]));
///
/// // At logout:
/// refresh_tokens.end(&next).await?;
/// # Ok(()) }
/// ```
///
/// # How it works
///
/// Each login starts a family: a record in the store. A token of the family says where the record is, and holds a handle
/// and a secret. A refresh replaces the secret in one atomic step of the store: of any number of refreshes at once, one
/// succeeds. The new secret is HMAC-SHA256 of a random salt under the old secret. The salt stays in the record. So a
/// client whose response was lost gets the same successor again, although the store knows only digests: the successor
/// follows from the old token *and* the salt.
///
/// A replaced token is accepted again within the [grace](RefreshTokensBuilder::grace), with the same successor, until the
/// successor is used. After that, two parties hold tokens of one family. One of them is a thief, and nobody can tell
/// which: the family ends (RFC 9700 §4.14.2), and the user has to log in again.
#[derive(Debug)]
pub struct RefreshTokens {
    sign_ins: SignIns,
    grace: Duration,
}

/// The sign-in of a token, and whether the token was used before, longer ago than the grace allows.
pub(crate) struct Found {
    key: SignInKey,
    pub(crate) sign_in: SignIn,
    reused: bool,
}

/// What came of a token whose holder is known by more than that.
#[cfg_attr(not(feature = "device"), expect(dead_code, reason = "only browsers show that a login is theirs"))]
pub(crate) enum Exchange {
    /// It was exchanged.
    First(OpaqueToken, SignIn),
    /// It had been, at that moment, for the current one.
    Again(OpaqueToken, NumericDate, SignIn),
    /// It was exchanged before that.
    Old(SignInKey, SignIn),
}

impl Exchange {
    #[cfg_attr(not(feature = "device"), expect(dead_code, reason = "only browsers show that a login is theirs"))]
    pub(crate) fn sign_in(&self) -> &SignIn {
        match self {
            Self::First(_, sign_in) | Self::Again(_, _, sign_in) | Self::Old(_, sign_in) => sign_in,
        }
    }
}

/// Why there is no next token.
#[derive(Clone, thiserror::Error)]
#[non_exhaustive]
pub enum RefreshError {
    /// Not a refresh token.
    #[error("not a refresh token")]
    Malformed,
    /// Its family has ended: by logout, by age, for lack of use, to make room for another one, or after a reuse.
    #[error("the sign-in has ended")]
    Ended,
    /// It was used before, longer ago than the grace allows: somebody has a copy. This ended the family.
    #[error("the token was used before")]
    Reused(Box<SignIn>),
    /// The store failed. The client may try again with the same token.
    #[error(transparent)]
    Store(#[from] StoreError),
}

debug_as_display!(RefreshError);

impl RefreshTokens {
    /// A builder with the defaults, on that store.
    pub fn builder(store: Arc<dyn SignInStore>) -> RefreshTokensBuilder {
        RefreshTokensBuilder {
            sign_ins: SignIns {
                kind: Kind::Refresh,
                store,
                clock: Arc::new(SystemClock),
                idle_timeout: days(14),
                absolute_timeout: days(90),
                per_subject: 20,
                subject_key: None,
                short_key: None,
            },
            given: Given::default(),
            grace: Duration::from_secs(10),
        }
    }

    /// Starts a family, at login, and yields its first token. Where the subject then has too many, its oldest family ends.
    pub async fn start(&self, new: NewSignIn) -> Result<(OpaqueToken, SignIn), StoreError> {
        self.sign_ins.start(new).await
    }

    pub(crate) fn absolute_timeout(&self) -> Duration {
        self.sign_ins.absolute_timeout
    }

    /// The first half of [`start`](Self::start): nothing is remembered yet, and the name of the family is known.
    pub(crate) fn prepare(&self, new: NewSignIn) -> Result<Prepared, StoreError> {
        self.sign_ins.prepare(new)
    }

    /// The second half.
    pub(crate) async fn remember(&self, prepared: Prepared) -> Result<(OpaqueToken, SignIn), StoreError> {
        self.sign_ins.remember(prepared).await
    }

    /// The sign-in of a token that [`refresh`](Self::refresh) would exchange. Exchanges nothing: the token is as good as
    /// before. For what may fail and has to be asked before the exchange.
    ///
    /// # Errors
    /// As [`refresh`](Self::refresh). A token that was used before, longer ago than the grace, ends the family here too.
    pub async fn look_up(&self, token: impl AsRef<[u8]>) -> Result<SignIn, RefreshError> {
        let found = self.find(token.as_ref()).await?;
        self.still_good(found).await
    }

    /// The first half of [`look_up`](Self::look_up), which ends nothing.
    pub(crate) async fn find(&self, token: &[u8]) -> Result<Found, RefreshError> {
        let presented = Opaque::read(Kind::Refresh, token).ok_or(RefreshError::Malformed)?;
        let (key, digest, now) = (presented.key()?, presented.digest()?, self.sign_ins.now());
        // Looking is no use: the times stay as they are.
        let touch = Touch { expires_at: now, after: Duration::MAX };
        if let Some(record) = self.sign_ins.store.find(key, digest, touch, now).await? {
            return Ok(Found { key, sign_in: record.into(), reused: false });
        }
        let record = self.sign_ins.record(key).await?.ok_or(RefreshError::Ended)?;
        // The secret may have been changed back and forth between the two questions; the exchange says so, if it was.
        let reused = record.secret != digest && self.is_retry(&record, digest, now).is_none();
        Ok(Found { key, sign_in: record.into(), reused })
    }

    /// The second half, which ends the family of a token that was used before.
    pub(crate) async fn still_good(&self, found: Found) -> Result<SignIn, RefreshError> {
        let Found { key, sign_in, reused } = found;
        if reused { Err(self.reused(key, sign_in).await) } else { Ok(sign_in) }
    }

    /// Exchanges a token for its successor. The old token is no longer good, except for
    /// [retries](RefreshTokensBuilder::grace).
    pub async fn refresh(&self, token: impl AsRef<[u8]>) -> Result<(OpaqueToken, SignIn), RefreshError> {
        let presented = Opaque::read(Kind::Refresh, token.as_ref()).ok_or(RefreshError::Malformed)?;
        let (key, digest, now) = (presented.key()?, presented.digest()?, self.sign_ins.now());
        let salt = Salt::new(random()?);
        let next = presented.successor(salt)?;
        let next_digest = next.digest()?;
        let change =
            Change { secret: next_digest, salt, expires_at: self.sign_ins.expiry_from(now), data: None, options: None };
        let store = &self.sign_ins.store;
        let record = store.change(key, digest, change, now).await?.ok_or(RefreshError::Ended)?;
        if record.secret == next_digest {
            return Ok((next.token(), record.into()));
        }
        match self.is_retry(&record, digest, now) {
            Some(salt) => Ok((presented.successor(salt)?.token(), record.into())),
            None => Err(self.reused(key, record.into()).await),
        }
    }

    /// The same for a login whose holder is known by more than the token: the token before the current one is good for as long as
    /// nobody has used its successor, and nothing ends. `options` are what is special about the login from now on.
    #[cfg_attr(not(feature = "device"), expect(dead_code, reason = "only browsers show that a login is theirs"))]
    pub(crate) async fn exchange(&self, token: &[u8], options: Option<String>) -> Result<Exchange, RefreshError> {
        let presented = Opaque::read(Kind::Refresh, token).ok_or(RefreshError::Malformed)?;
        let (key, digest, now) = (presented.key()?, presented.digest()?, self.sign_ins.now());
        let salt = Salt::new(random()?);
        let next = presented.successor(salt)?;
        let next_digest = next.digest()?;
        let expires_at = self.sign_ins.expiry_from(now);
        let change = Change { secret: next_digest, salt, expires_at, data: None, options };
        let record = self.sign_ins.store.change(key, digest, change, now).await?.ok_or(RefreshError::Ended)?;
        if record.secret == next_digest {
            return Ok(Exchange::First(next.token(), record.into()));
        }
        match record.rotated.filter(|rotated| rotated.from == digest) {
            Some(rotated) => Ok(Exchange::Again(presented.successor(rotated.salt)?.token(), rotated.at, record.into())),
            None => Ok(Exchange::Old(key, record.into())),
        }
    }

    /// What the successor of that secret was made with, where the secret was replaced within the grace and the successor is
    /// the current one.
    fn is_retry(&self, record: &Record, digest: Digest, now: NumericDate) -> Option<Salt> {
        let rotated = record.rotated?;
        (rotated.from == digest && now < later(rotated.at, self.grace)).then_some(rotated.salt)
    }

    /// Ends a family of which two parties hold tokens.
    pub(crate) async fn reused(&self, key: SignInKey, sign_in: SignIn) -> RefreshError {
        match self.sign_ins.store.remove(key).await {
            Ok(()) => RefreshError::Reused(Box::new(sign_in)),
            Err(error) => error.into(),
        }
    }

    /// The name of the family of a token, whether or not there is one; `None` for what is no refresh token.
    pub(crate) fn key(token: &[u8]) -> Option<SignInKey> {
        Opaque::read(Kind::Refresh, token)?.key().ok()
    }

    /// The family of that name; `None` where it has ended.
    pub(crate) async fn named(&self, key: SignInKey) -> Result<Option<SignIn>, StoreError> {
        Ok(self.sign_ins.record(key).await?.map(SignIn::from))
    }

    /// See [`SignIns::update`].
    #[cfg_attr(not(feature = "oidc"), expect(dead_code, reason = "only providers say something new of a login"))]
    pub(crate) async fn update<E: From<StoreError>>(
        &self,
        key: SignInKey,
        next: impl Fn(&SignIn) -> Result<Remembered, E>,
    ) -> Result<Option<SignIn>, E> {
        self.sign_ins.update(key, next).await
    }

    /// See [`SignIns::claim`].
    #[cfg_attr(not(feature = "oidc"), expect(dead_code, reason = "only providers are asked by one instance at a time"))]
    pub(crate) async fn claim(&self, id: SignInId, time: Duration) -> Result<Option<SignInKey>, StoreError> {
        self.sign_ins.claim(id, time).await
    }

    /// Ends the family of that name.
    pub(crate) async fn end_key(&self, key: SignInKey) -> Result<(), StoreError> {
        self.sign_ins.store.remove(key).await
    }

    /// The families that began with that, no later than at this moment.
    pub(crate) async fn ended_by(&self, ended: Ended<'_>, until: NumericDate) -> Result<Vec<SignIn>, StoreError> {
        self.sign_ins.ended_by(ended, until).await
    }

    /// The name of a family by its subject and its public name.
    pub(crate) fn key_of(&self, subject: &str, id: SignInId) -> Result<SignInKey, StoreError> {
        self.sign_ins.key_of(subject, id)
    }

    /// Ends the family of a token, at logout. A token of no family is no error.
    pub async fn end(&self, token: impl AsRef<[u8]>) -> Result<(), StoreError> {
        self.sign_ins.end(token.as_ref()).await
    }

    /// Ends one of the subject's families, by its name. A family of another subject is never ended.
    pub async fn end_one(&self, subject: &str, id: SignInId) -> Result<(), StoreError> {
        self.sign_ins.end_one(subject, id).await
    }

    /// Ends all families of a subject.
    pub async fn end_all(&self, subject: &str) -> Result<(), StoreError> {
        self.sign_ins.end_all(subject).await
    }

    /// The families of a subject, the last used first: for a list of devices.
    pub async fn list(&self, subject: &str) -> Result<Vec<SignIn>, StoreError> {
        self.sign_ins.list(subject).await
    }
}

/// Builds [`RefreshTokens`].
/// A setting that has one value is given once; a second call is an error.
///
/// | setting | default | reason |
/// |---|---|---|
/// | [`idle_timeout`](Self::idle_timeout) | 14 days | a client that was away for so long can log in again |
/// | [`absolute_timeout`](Self::absolute_timeout) | 90 days | a stolen copy that nobody notices ends by itself |
/// | [`grace`](Self::grace) | 10 seconds | the time that a client needs for a retry |
/// | [`per_subject`](Self::per_subject) | 20 | more devices than one person uses |
/// | [`subject_key`](Self::subject_key) | none: a plain digest of the subject in each token | every instance must have the same, and only the application can keep it |
#[derive(Debug)]
pub struct RefreshTokensBuilder {
    sign_ins: SignIns,
    given: Given,
    grace: Duration,
}

impl RefreshTokensBuilder {
    /// How long a family lasts without a refresh, at least a millisecond. 14 days.
    #[must_use]
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.given.once("idle_timeout");
        self.sign_ins.idle_timeout = timeout;
        self
    }

    /// How long a family lasts at most, from login on, at least the idle timeout. 90 days.
    #[must_use]
    pub fn absolute_timeout(mut self, timeout: Duration) -> Self {
        self.given.once("absolute_timeout");
        self.sign_ins.absolute_timeout = timeout;
        self
    }

    /// How long after its use a token is accepted again, with the same successor: for two requests at once, and for a
    /// response that was lost. Ends with the first use of the successor. During the grace, a thief's copy works like a
    /// retry. Zero: a token is never accepted again. 10 seconds.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.given.once("grace");
        self.grace = grace;
        self
    }

    /// How many families a subject can have at once, at least 1. With one more, the oldest ends. 20.
    #[must_use]
    pub fn per_subject(mut self, families: usize) -> Self {
        self.given.once("per_subject");
        self.sign_ins.per_subject = families;
        self
    }

    /// A secret of at least 32 bytes, the same on every instance, under which tokens and the store name a subject. None.
    ///
    /// Each token begins with 16 bytes that stand for its subject, so that it is looked up in one place. **Without a key they
    /// are a plain digest**: whoever holds a token can test a guess of the subject, and can see that two tokens are of the same
    /// subject. With a key, a guess cannot be tested without it. Two tokens of one subject still begin alike.
    ///
    /// Do not change it while people are signed in: their tokens stay good, but [`list`](RefreshTokens::list),
    /// [`end_all`](RefreshTokens::end_all) and the limit [`per_subject`](Self::per_subject) no longer find them.
    #[must_use]
    pub fn subject_key(mut self, secret: impl AsRef<[u8]>) -> Self {
        self.given.once("subject_key");
        self.sign_ins.set_subject_key(secret.as_ref());
        self
    }

    /// Where the present time comes from. [`SystemClock`].
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.given.once("clock");
        self.sign_ins.clock = Arc::new(clock);
        self
    }

    /// The refresh tokens.
    ///
    /// # Errors
    /// [`SignInsBuildError`], where lifetimes contradict each other or nobody could sign in.
    pub fn build(self) -> Result<RefreshTokens, SignInsBuildError> {
        if let Some(setting) = self.given.twice() {
            return Err(SignInsBuildError::SetTwice { setting });
        }
        let Self { sign_ins, grace, .. } = self;
        sign_ins.check()?;
        if grace >= sign_ins.idle_timeout {
            return Err(SignInsBuildError::Grace { grace, idle_timeout: sign_ins.idle_timeout });
        }
        Ok(RefreshTokens { sign_ins, grace })
    }
}

const fn days(days: u64) -> Duration {
    Duration::from_secs(days * 24 * 60 * 60)
}
