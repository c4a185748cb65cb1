//! Sessions: reference tokens that are looked up at every request.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::clock::{Clock, NumericDate, SystemClock};
use crate::config_error::Given;
use crate::revocation::Revocations;
use crate::session::opaque::{Kind, Opaque, OpaqueToken, random};
use crate::session::sign_in::{NewSignIn, SignIn, SignIns};
use crate::session::{Ended, SignInsBuildError};
use crate::store::{Change, Salt, SignInId, SignInStore, StoreError};

/// Sessions: their tokens say nothing, and are looked up in a store at every request. A session that is ended is refused
/// at once, on every instance. Cheap to clone.
///
/// With [`AuthenticatorBuilder::sessions`](crate::AuthenticatorBuilder::sessions), the same extractors and guards work with
/// sessions, with JWTs, or with both.
///
/// ```
/// use std::sync::Arc;
/// use jwt_core::{MemoryStore, Sessions, session::NewSignIn};
///
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct User {
///     name: String,
///     admin: bool,
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let sessions = Sessions::builder(Arc::new(MemoryStore::new())).build()?;
/// let (token, _) = sessions.start(NewSignIn::new("alice", &User { name: "Alice".into(), admin: false })?).await?;
///
/// let session = sessions.look_up(&token).await?.expect("it has just begun");
/// assert_eq!(session.data::<User>()?.name, "Alice");
///
/// // With more rights comes another token; the one before is no longer good.
/// let renewed = sessions.renew(&token, &User { name: "Alice".into(), admin: true }).await?;
/// assert!(sessions.look_up(&token).await?.is_none());
/// # let _ = renewed; Ok(()) }
/// ```
///
/// [`start`](Self::start) and [`renew`](Self::renew) make a new token, and never take one from a request: nobody can prepare
/// a token for a victim to log in with (session fixation). Where the application kept a session before the login,
/// [`end`](Self::end) it and start another one.
#[derive(Debug, Clone)]
pub struct Sessions {
    sign_ins: Arc<SignIns>,
    revocations: Option<Revocations>,
}

impl Sessions {
    /// A builder with the defaults, on that store.
    pub fn builder(store: Arc<dyn SignInStore>) -> SessionsBuilder {
        SessionsBuilder {
            sign_ins: SignIns {
                kind: Kind::Session,
                store,
                clock: Arc::new(SystemClock),
                idle_timeout: Duration::from_secs(30 * 60),
                absolute_timeout: Duration::from_secs(12 * 60 * 60),
                per_subject: 20,
                subject_key: None,
                short_key: None,
            },
            revocations: None,
            given: Given::default(),
        }
    }

    /// Starts a session, at login. Where the subject then has too many, its oldest session ends.
    pub async fn start(&self, new: NewSignIn) -> Result<(OpaqueToken, SignIn), StoreError> {
        let (token, session) = self.sign_ins.start(new).await?;
        if let (Some(list), Some(_)) = (&self.revocations, &session.provider_session) {
            // Whoever ended it while it started has not seen it, and is on the list.
            list.catch_up().await?;
            if self.has_ended(&session) {
                self.end_one(&session.subject, session.id).await?;
            }
        }
        Ok((token, session))
    }

    /// Whether the provider has ended it, as far as the list of revoked tokens knows.
    fn has_ended(&self, session: &SignIn) -> bool {
        self.revocations.as_ref().is_some_and(|list| session.is_ended_by(list))
    }

    /// Ends the sessions that began with that, no later than at this moment, and says how many.
    pub(crate) async fn end_at_provider(&self, ended: Ended<'_>, until: NumericDate) -> Result<usize, StoreError> {
        let sessions = self.sign_ins.ended_by(ended, until).await?;
        for session in &sessions {
            self.end_one(&session.subject, session.id).await?;
        }
        Ok(sessions.len())
    }

    /// The session of that token, if there is one. Notes the use of the session, but not more often than every twentieth of
    /// the idle timeout or every minute, whichever is shorter: most look-ups cost no write.
    pub async fn look_up(&self, token: impl AsRef<[u8]>) -> Result<Option<SignIn>, StoreError> {
        Ok(self.sign_ins.find(token.as_ref()).await?.filter(|session| !self.has_ended(session)))
    }

    /// Gives the session new claims and another token, in one atomic step. Call it at every change of what the user may do.
    /// `None` if there is no such session, or if another call renewed it at the same moment.
    pub async fn renew(
        &self,
        token: impl AsRef<[u8]>,
        claims: &impl Serialize,
    ) -> Result<Option<(OpaqueToken, SignIn)>, StoreError> {
        let data = serde_json::to_string(claims).map_err(|_| StoreError::Data)?;
        let Some(presented) = Opaque::read(Kind::Session, token.as_ref()) else { return Ok(None) };
        let now = self.sign_ins.now();
        let renewed = presented.renewed()?;
        let secret = renewed.digest()?;
        let expires_at = self.sign_ins.expiry_from(now);
        // Nothing follows from this salt: the new secret is random, and the old token is no longer good.
        let change = Change { secret, salt: Salt::new(random()?), expires_at, data: Some(data), options: None };
        let record = self.sign_ins.store.change(presented.key()?, presented.digest()?, change, now).await?;
        Ok(record.filter(|record| record.secret == secret).map(|record| (renewed.token(), record.into())))
    }

    /// Ends the session of a token, at logout. A token of no session is no error.
    pub async fn end(&self, token: impl AsRef<[u8]>) -> Result<(), StoreError> {
        self.sign_ins.end(token.as_ref()).await
    }

    /// Ends one of the subject's sessions, by its name. A session of another subject is never ended.
    pub async fn end_one(&self, subject: &str, id: SignInId) -> Result<(), StoreError> {
        self.sign_ins.end_one(subject, id).await
    }

    /// Ends all sessions of a subject.
    pub async fn end_all(&self, subject: &str) -> Result<(), StoreError> {
        self.sign_ins.end_all(subject).await
    }

    /// The sessions of a subject, the last used first.
    pub async fn list(&self, subject: &str) -> Result<Vec<SignIn>, StoreError> {
        self.sign_ins.list(subject).await
    }
}

/// Builds [`Sessions`].
/// A setting that has one value is given once; a second call is an error.
///
/// | setting | default | reason |
/// |---|---|---|
/// | [`idle_timeout`](Self::idle_timeout) | 30 minutes | a user who left the device |
/// | [`absolute_timeout`](Self::absolute_timeout) | 12 hours | a working day: a stolen copy that nobody notices ends by itself |
/// | [`per_subject`](Self::per_subject) | 20 | more devices than one person uses |
/// | [`subject_key`](Self::subject_key) | none: a plain digest of the subject in each token | every instance must have the same, and only the application can keep it |
/// | [`revocations`](Self::revocations) | none | only sessions that began at an identity provider need it |
#[derive(Debug)]
pub struct SessionsBuilder {
    sign_ins: SignIns,
    revocations: Option<Revocations>,
    given: Given,
}

impl SessionsBuilder {
    /// How long a session lasts without being used, at least a millisecond. 30 minutes.
    #[must_use]
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.given.once("idle_timeout");
        self.sign_ins.idle_timeout = timeout;
        self
    }

    /// How long a session lasts at most, from login on, at least the idle timeout. 12 hours.
    #[must_use]
    pub fn absolute_timeout(mut self, timeout: Duration) -> Self {
        self.given.once("absolute_timeout");
        self.sign_ins.absolute_timeout = timeout;
        self
    }

    /// How many sessions a subject can have at once, at least 1. With one more, the oldest ends. 20.
    #[must_use]
    pub fn per_subject(mut self, sessions: usize) -> Self {
        self.given.once("per_subject");
        self.sign_ins.per_subject = sessions;
        self
    }

    /// A secret of at least 32 bytes, the same on every instance, under which tokens and the store name a subject. None.
    ///
    /// Each token begins with 16 bytes that stand for its subject, so that it is looked up in one place. **Without a key they
    /// are a plain digest**: whoever holds a token can test a guess of the subject, and can see that two tokens are of the same
    /// subject. With a key, a guess cannot be tested without it. Two tokens of one subject still begin alike.
    ///
    /// Do not change it while people are signed in: their tokens stay good, but [`list`](Sessions::list),
    /// [`end_all`](Sessions::end_all) and the limit [`per_subject`](Self::per_subject) no longer find them.
    #[must_use]
    pub fn subject_key(mut self, secret: impl AsRef<[u8]>) -> Self {
        self.given.once("subject_key");
        self.sign_ins.set_subject_key(secret.as_ref());
        self
    }

    /// Also refuses sessions that began at an [identity provider](NewSignIn::provider_session) and that are over by this list,
    /// which the [`LogoutReceiver`](crate::login::logout::LogoutReceiver) of any instance fills: a session that starts while
    /// its provider ends it, and one whose end a store has lost. None.
    #[must_use]
    pub fn revocations(mut self, revocations: &Revocations) -> Self {
        self.given.once("revocations");
        self.revocations = Some(revocations.clone());
        self
    }

    /// Where the present time comes from. [`SystemClock`].
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.given.once("clock");
        self.sign_ins.clock = Arc::new(clock);
        self
    }

    /// The sessions.
    ///
    /// # Errors
    /// [`SignInsBuildError`], where lifetimes contradict each other or nobody could sign in.
    pub fn build(self) -> Result<Sessions, SignInsBuildError> {
        if let Some(setting) = self.given.twice() {
            return Err(SignInsBuildError::SetTwice { setting });
        }
        self.sign_ins.check()?;
        Ok(Sessions { sign_ins: Arc::new(self.sign_ins), revocations: self.revocations })
    }
}
