//! A sign-in: what refresh-token families and sessions have in common.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::clock::{Clock, NumericDate};
use crate::error::ShapeError;
use crate::json::read_into;
use crate::revocation::Revocations;
use crate::session::SignInsBuildError;
use crate::session::opaque::{Kind, Opaque, OpaqueToken, SubjectKey, pointer, random};
use crate::session::{Ended, ProviderSession};
use crate::store::time::{later, whole_millis};
use crate::store::{Change, Digest, Owner, Record, Salt, SignInId, SignInKey, SignInStore, StoreError, Touch};

/// The longest label, in characters.
const MAX_LABEL: usize = 200;
/// How long the note of a use may be delayed at most.
const MAX_TOUCH_DELAY: Duration = Duration::from_secs(60);
/// How many users of the application one user or session of a provider may be.
const MAX_SUBJECTS: usize = 100;
/// How many instances may ask at once to do something for a sign-in.
const MAX_CLAIMS: usize = 100;
/// What holds a [`ProviderSession`] in what is remembered beside the data of the application.
const PROVIDER: &str = "provider";

/// What is remembered of somebody who signs in.
#[derive(Clone)]
pub struct NewSignIn {
    subject: String,
    label: String,
    data: String,
    provider_session: Option<ProviderSession>,
    ends_after: Duration,
}

impl NewSignIn {
    /// A sign-in of a subject, with data of the application: what a refresh needs to issue the next access token, or the
    /// claims of a session. They are kept as JSON.
    ///
    /// # Errors
    /// [`StoreError::Data`] if the data do not serialize.
    pub fn new(subject: impl Into<String>, data: &impl Serialize) -> Result<Self, StoreError> {
        let data = serde_json::to_string(data).map_err(|_| StoreError::Data)?;
        let (subject, label) = (subject.into(), String::new());
        Ok(Self { subject, label, data, provider_session: None, ends_after: Duration::MAX })
    }

    /// The session at an identity provider by which the user signs in, so that the sign-in ends with it: see
    /// [`ProviderSession`]. None.
    ///
    /// The store then has two more entries for as long as the absolute timeout, by which the sign-in is found.
    #[must_use]
    pub fn provider_session(mut self, session: ProviderSession) -> Self {
        self.provider_session = Some(session);
        self
    }

    /// When it ends, if that is earlier than the absolute timeout.
    pub(crate) fn ends_after(self, time: Duration) -> Self {
        Self { ends_after: time, ..self }
    }

    /// What the user will recognize the sign-in by, such as the `User-Agent`. Cut to 200 characters. Empty.
    #[must_use]
    pub fn label(mut self, label: &str) -> Self {
        self.label = label.chars().take(MAX_LABEL).collect();
        self
    }
}

impl fmt::Debug for NewSignIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewSignIn").field("subject", &self.subject).field("label", &self.label).finish_non_exhaustive()
    }
}

/// One sign-in of one subject: a family of refresh tokens, or a session.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SignIn {
    /// Its name, for a list of devices. Stays the same for as long as the sign-in lasts.
    pub id: SignInId,
    /// Who signed in.
    pub subject: String,
    /// What the application calls it: see [`NewSignIn::label`].
    pub label: String,
    /// When it began.
    pub created_at: NumericDate,
    /// When it was used last.
    pub used_at: NumericDate,
    /// When it ends unless it is used again.
    pub expires_at: NumericDate,
    /// When it ends however much it is used.
    pub ends_at: NumericDate,
    /// The session at an identity provider that it [began with](NewSignIn::provider_session), and ends with.
    pub provider_session: Option<ProviderSession>,
    data: String,
    pub(crate) options: String,
}

impl SignIn {
    /// The data of the application.
    ///
    /// # Errors
    /// [`ShapeError`] if they are of another type.
    pub fn data<T: DeserializeOwned>(&self) -> Result<T, ShapeError> {
        // Only to name the member it is read strictly.
        serde_json::from_str(&self.data)
            .or_else(|_| read_into(&self.data).map_err(|(path, error)| ShapeError::of(path, &error)))
    }

    /// Whether the provider that it began with has ended it, as far as that list knows.
    pub(crate) fn is_ended_by(&self, list: &Revocations) -> bool {
        self.provider_session
            .as_ref()
            .is_some_and(|at| list.ends_login(&at.issuer, at.session_id.as_deref(), (&at.subject, self.created_at)))
    }

    /// The data of the application, as JSON text.
    pub fn data_json(&self) -> &str {
        &self.data
    }
}

impl From<Record> for SignIn {
    fn from(record: Record) -> Self {
        Self {
            provider_session: provider_session(&record.options),
            id: record.id,
            subject: record.subject,
            label: record.label,
            created_at: record.created_at,
            used_at: record.used_at,
            expires_at: record.expires_at,
            ends_at: record.ends_at,
            data: record.data,
            options: record.options,
        }
    }
}

impl fmt::Debug for SignIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignIn")
            .field("id", &self.id)
            .field("subject", &self.subject)
            .field("label", &self.label)
            .field("created_at", &self.created_at)
            .field("used_at", &self.used_at)
            .field("expires_at", &self.expires_at)
            .field("ends_at", &self.ends_at)
            .field("provider_session", &self.provider_session)
            .finish_non_exhaustive()
    }
}

/// What a sign-in began with, of what is remembered beside the data of the application.
fn provider_session(options: &str) -> Option<ProviderSession> {
    #[derive(Deserialize)]
    struct Options {
        provider: Option<ProviderSession>,
    }
    if options.is_empty() {
        return None;
    }
    serde_json::from_str(options).ok().and_then(|options: Options| options.provider)
}

/// The same with what it begins with.
fn with_provider_session(options: String, session: Option<&ProviderSession>) -> Result<String, StoreError> {
    let Some(session) = session else { return Ok(options) };
    let members = if options.is_empty() { Ok(Map::new()) } else { serde_json::from_str(&options) };
    let mut members: Map<String, Value> = members.map_err(|_| StoreError::Data)?;
    members.insert(PROVIDER.into(), serde_json::to_value(session).map_err(|_| StoreError::Data)?);
    serde_json::to_string(&members).map_err(|_| StoreError::Data)
}

/// What is remembered of a sign-in from now on.
pub(crate) struct Remembered {
    /// New data of the application, if it has some.
    pub(crate) data: Option<String>,
    pub(crate) options: String,
}

/// What families of refresh tokens and sessions have in common.
pub(crate) struct SignIns {
    pub(crate) kind: Kind,
    pub(crate) store: Arc<dyn SignInStore>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) idle_timeout: Duration,
    pub(crate) absolute_timeout: Duration,
    pub(crate) per_subject: usize,
    pub(crate) subject_key: Option<SubjectKey>,
    /// The length of a secret that is too short for a subject key, in bytes.
    pub(crate) short_key: Option<usize>,
}

impl SignIns {
    pub(crate) fn check(&self) -> Result<(), SignInsBuildError> {
        let Self { idle_timeout, absolute_timeout, .. } = *self;
        if idle_timeout.as_millis() == 0 {
            return Err(SignInsBuildError::IdleTimeout(idle_timeout));
        }
        if absolute_timeout < idle_timeout {
            return Err(SignInsBuildError::AbsoluteTimeout { absolute_timeout, idle_timeout });
        }
        if let Some(bytes) = self.short_key {
            return Err(SignInsBuildError::SubjectKey { bytes });
        }
        if self.per_subject == 0 { Err(SignInsBuildError::PerSubject) } else { Ok(()) }
    }

    /// Makes owners of subjects under that secret.
    pub(crate) fn set_subject_key(&mut self, secret: &[u8]) {
        self.subject_key = SubjectKey::new(secret);
        self.short_key = self.subject_key.is_none().then_some(secret.len());
    }

    pub(super) fn key_of(&self, subject: &str, id: SignInId) -> Result<SignInKey, StoreError> {
        Ok(SignInKey { owner: self.owner(subject)?, id })
    }

    fn owner(&self, subject: &str) -> Result<Owner, StoreError> {
        self.kind.owner(subject, self.subject_key.as_ref())
    }

    pub(crate) fn now(&self) -> NumericDate {
        whole_millis(self.clock.now())
    }

    /// When a sign-in that is used now expires.
    pub(crate) fn expiry_from(&self, now: NumericDate) -> NumericDate {
        later(now, self.idle_timeout)
    }

    pub(crate) async fn start(&self, new: NewSignIn) -> Result<(OpaqueToken, SignIn), StoreError> {
        self.remember(self.prepare(new)?).await
    }

    /// A sign-in that nothing knows of yet.
    pub(crate) fn prepare(&self, new: NewSignIn) -> Result<Prepared, StoreError> {
        let now = self.now();
        let owner = self.owner(&new.subject)?;
        let secret = Opaque::generate(self.kind, owner)?;
        let ends_at = later(now, self.absolute_timeout.min(new.ends_after));
        let record = Record {
            id: secret.key()?.id,
            subject: new.subject,
            label: new.label,
            data: new.data,
            options: with_provider_session(String::new(), new.provider_session.as_ref())?,
            secret: secret.digest()?,
            rotated: None,
            created_at: now,
            used_at: now,
            expires_at: self.expiry_from(now).min(ends_at),
            ends_at,
        };
        Ok(Prepared { owner, token: secret.token(), record, provider_session: new.provider_session, now })
    }

    pub(crate) async fn remember(&self, prepared: Prepared) -> Result<(OpaqueToken, SignIn), StoreError> {
        let Prepared { owner, token, record, provider_session, now } = prepared;
        // First, so that there is no sign-in that is not found.
        for ended in provider_session.iter().flat_map(ends_with) {
            let pointer = self.pointer(&record.subject, now)?;
            self.store.insert(self.owner_of(ended)?, pointer, MAX_SUBJECTS, now).await?;
        }
        self.store.insert(owner, record.clone(), self.per_subject, now).await?;
        Ok((token, record.into()))
    }

    pub(crate) async fn find(&self, token: &[u8]) -> Result<Option<SignIn>, StoreError> {
        let Some(secret) = Opaque::read(self.kind, token) else { return Ok(None) };
        let now = self.now();
        // A write at every read would cost a store as much as a login does.
        let after = (self.idle_timeout / 20).min(MAX_TOUCH_DELAY);
        let touch = Touch { expires_at: self.expiry_from(now), after };
        let record = self.store.find(secret.key()?, secret.digest()?, touch, now).await?;
        Ok(record.map(SignIn::from))
    }

    pub(crate) async fn end(&self, token: &[u8]) -> Result<(), StoreError> {
        match Opaque::read(self.kind, token) {
            Some(secret) => self.store.remove(secret.key()?).await,
            None => Ok(()),
        }
    }

    pub(crate) async fn end_one(&self, subject: &str, id: SignInId) -> Result<(), StoreError> {
        self.store.remove(self.key_of(subject, id)?).await
    }

    pub(crate) async fn end_all(&self, subject: &str) -> Result<(), StoreError> {
        self.store.remove_all(self.owner(subject)?).await
    }

    /// Where the subjects are listed whose sign-ins began with that.
    fn owner_of(&self, ended: Ended<'_>) -> Result<Owner, StoreError> {
        let (what, name) = ended.parts();
        self.kind.owner_of(what, &name, self.subject_key.as_ref())
    }

    /// An entry there: one for each subject, however often it signs in, so that none has to make room for another. No token
    /// finds it, since nobody knows its secret.
    fn pointer(&self, subject: &str, now: NumericDate) -> Result<Record, StoreError> {
        let ends_at = later(now, self.absolute_timeout);
        Ok(Record {
            id: pointer(subject)?,
            subject: subject.to_owned(),
            label: String::new(),
            data: String::new(),
            options: String::new(),
            secret: Digest::new(random()?),
            rotated: None,
            created_at: now,
            used_at: now,
            expires_at: ends_at,
            ends_at,
        })
    }

    /// The sign-ins that began with that, no later than at this moment.
    pub(crate) async fn ended_by(&self, ended: Ended<'_>, until: NumericDate) -> Result<Vec<SignIn>, StoreError> {
        let pointers = self.store.list(self.owner_of(ended)?, self.now()).await?;
        let mut found = Vec::new();
        for Record { subject, .. } in pointers {
            let sign_ins = self.store.list(self.owner(&subject)?, self.now()).await?;
            let sign_ins = sign_ins.into_iter().map(SignIn::from).filter(|sign_in| sign_in.created_at <= until);
            found.extend(
                sign_ins.filter(|sign_in| sign_in.provider_session.as_ref().is_some_and(|at| ended.covers(at))),
            );
        }
        Ok(found)
    }

    /// Changes what is remembered of a sign-in, and not its secret: to what `next` makes of it. `None` where it has ended.
    pub(crate) async fn update<E: From<StoreError>>(
        &self,
        key: SignInKey,
        next: impl Fn(&SignIn) -> Result<Remembered, E>,
    ) -> Result<Option<SignIn>, E> {
        let mut found = self.record(key).await?;
        // Whoever refreshes it in between changes the secret, and then this is done again on what that left.
        while let Some(record) = found {
            let (secret, expires_at) = (record.secret, record.expires_at);
            let salt = record.rotated.map_or(Salt::new([0; 32]), |rotated| rotated.salt);
            let Remembered { data, options } = next(&record.into())?;
            let change = Change { secret, salt, expires_at, data, options: Some(options) };
            found = self.store.change(key, secret, change, self.now()).await?;
            if found.as_ref().is_some_and(|record| record.secret == secret) {
                break;
            }
        }
        Ok(found.map(SignIn::from))
    }

    /// Asks to be the only one that does something for a sign-in, on all instances, for that time. `None` where somebody else
    /// does it: an entry of its own says so, and whoever does not find theirs alone does nothing.
    pub(crate) async fn claim(&self, id: SignInId, time: Duration) -> Result<Option<SignInKey>, StoreError> {
        let owner = self.kind.owner_of("claim", id.as_bytes(), self.subject_key.as_ref())?;
        let (now, claim) = (self.now(), SignInId::new(random()?));
        let key = SignInKey { owner, id: claim };
        let ends_at = later(now, time);
        let record = Record { id: claim, expires_at: ends_at, ends_at, ..self.pointer("", now)? };
        self.store.insert(owner, record, MAX_CLAIMS, now).await?;
        let claims = self.store.list(owner, now).await?;
        if claims.iter().all(|other| other.id == claim) && !claims.is_empty() {
            return Ok(Some(key));
        }
        self.store.remove(key).await?;
        Ok(None)
    }

    /// The record of that key, whoever holds its current secret.
    pub(crate) async fn record(&self, key: SignInKey) -> Result<Option<Record>, StoreError> {
        let records = self.store.list(key.owner, self.now()).await?;
        Ok(records.into_iter().find(|record| record.id == key.id))
    }

    pub(crate) async fn list(&self, subject: &str) -> Result<Vec<SignIn>, StoreError> {
        let mut records = self.store.list(self.owner(subject)?, self.now()).await?;
        records.sort_by_key(|record| (std::cmp::Reverse(record.used_at), record.id));
        Ok(records.into_iter().map(SignIn::from).collect())
    }
}

/// A sign-in that is not in the store yet: its name is known before anything is remembered.
pub(crate) struct Prepared {
    owner: Owner,
    token: OpaqueToken,
    record: Record,
    provider_session: Option<ProviderSession>,
    now: NumericDate,
}

/// Whatever ends a sign-in that began so.
fn ends_with(at: &ProviderSession) -> impl Iterator<Item = Ended<'_>> {
    let ProviderSession { issuer, subject, session_id } = at;
    let session = session_id.as_deref().map(|id| Ended::Session { issuer, id });
    session.into_iter().chain([Ended::User { issuer, subject }])
}

impl Prepared {
    pub(crate) fn id(&self) -> SignInId {
        self.record.id
    }

    /// What `login` remembers beside the data of the application, once it knows the name.
    pub(crate) fn set_options(&mut self, options: String) -> Result<(), StoreError> {
        self.record.options = with_provider_session(options, self.provider_session.as_ref())?;
        Ok(())
    }
}

impl fmt::Debug for SignIns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignIns")
            .field("kind", &self.kind)
            .field("idle_timeout", &self.idle_timeout)
            .field("absolute_timeout", &self.absolute_timeout)
            .field("per_subject", &self.per_subject)
            .finish_non_exhaustive()
    }
}
