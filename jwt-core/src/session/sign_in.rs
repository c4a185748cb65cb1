//! A sign-in: what refresh-token families and sessions have in common.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::clock::{Clock, NumericDate};
use crate::error::{ConfigError, ShapeError};
use crate::session::opaque::{Kind, Opaque, OpaqueToken};
use crate::store::time::{later, whole_millis};
use crate::store::{Record, SignInId, SignInKey, SignInStore, StoreError, Touch};

/// The longest label, in characters.
const MAX_LABEL: usize = 200;

/// What is to be remembered of somebody who signs in.
#[derive(Clone)]
pub struct NewSignIn {
    subject: String,
    label: String,
    data: String,
}

impl NewSignIn {
    /// For that subject, with data of the application: what a refresh needs to issue the next access token, or the
    /// claims of a session. They are kept as JSON.
    ///
    /// # Errors
    /// [`StoreError::Data`] if they do not serialize.
    pub fn new(subject: impl Into<String>, data: &impl Serialize) -> Result<Self, StoreError> {
        let data = serde_json::to_string(data).map_err(|_| StoreError::Data)?;
        Ok(Self { subject: subject.into(), label: String::new(), data })
    }

    /// What the user will recognize it by, such as the `User-Agent`. Cut to 200 characters. None.
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
    /// Its name, for "signed in on these devices". Stays the same for as long as it lasts.
    pub id: SignInId,
    /// Who signed in.
    pub subject: String,
    /// What the application called it.
    pub label: String,
    /// When it began.
    pub created_at: NumericDate,
    /// When it was used last.
    pub used_at: NumericDate,
    /// When it ends unless it is used again.
    pub expires_at: NumericDate,
    /// When it ends however much it is used.
    pub ends_at: NumericDate,
    data: String,
}

impl SignIn {
    /// What the application keeps with it.
    ///
    /// # Errors
    /// [`ShapeError`] if that is of another type.
    pub fn data<T: DeserializeOwned>(&self) -> Result<T, ShapeError> {
        serde_json::from_str(&self.data).map_err(|error| ShapeError::of(&error))
    }

    /// The same as JSON text.
    pub fn data_json(&self) -> &str {
        &self.data
    }
}

impl From<Record> for SignIn {
    fn from(record: Record) -> Self {
        Self {
            id: record.id,
            subject: record.subject,
            label: record.label,
            created_at: record.created_at,
            used_at: record.used_at,
            expires_at: record.expires_at,
            ends_at: record.ends_at,
            data: record.data,
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
            .finish_non_exhaustive()
    }
}

/// What families of refresh tokens and sessions have in common.
pub(crate) struct SignIns {
    pub(crate) kind: Kind,
    pub(crate) store: Arc<dyn SignInStore>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) idle: Duration,
    pub(crate) absolute: Duration,
    pub(crate) per_subject: usize,
}

impl SignIns {
    pub(crate) fn check_config(&self) -> Result<(), ConfigError> {
        if self.idle.as_millis() == 0 || self.absolute < self.idle {
            return Err(ConfigError::Lifetime);
        }
        if self.per_subject == 0 { Err(ConfigError::SignInLimit) } else { Ok(()) }
    }

    pub(crate) fn now(&self) -> NumericDate {
        whole_millis(self.clock.now())
    }

    pub(crate) fn idle_from(&self, now: NumericDate) -> NumericDate {
        later(now, self.idle)
    }

    pub(crate) async fn start(&self, new: NewSignIn) -> Result<(OpaqueToken, SignIn), StoreError> {
        let now = self.now();
        let owner = self.kind.owner(&new.subject)?;
        let secret = Opaque::generate(self.kind, owner)?;
        let record = Record {
            id: secret.key()?.id,
            subject: new.subject,
            label: new.label,
            data: new.data,
            secret: secret.digest()?,
            rotated: None,
            created_at: now,
            used_at: now,
            expires_at: self.idle_from(now),
            ends_at: later(now, self.absolute),
        };
        self.store.insert(owner, record.clone(), self.per_subject, now).await?;
        Ok((secret.token(), record.into()))
    }

    pub(crate) async fn find(&self, token: &[u8]) -> Result<Option<SignIn>, StoreError> {
        let Some(secret) = Opaque::read(self.kind, token) else { return Ok(None) };
        let now = self.now();
        // A read that is a write each time would cost a store as much as a login does.
        let touch = Touch { expires_at: self.idle_from(now), after: (self.idle / 20).min(Duration::from_secs(60)) };
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
        self.store.remove(SignInKey { owner: self.kind.owner(subject)?, id }).await
    }

    pub(crate) async fn end_all(&self, subject: &str) -> Result<(), StoreError> {
        self.store.remove_all(self.kind.owner(subject)?).await
    }

    pub(crate) async fn list(&self, subject: &str) -> Result<Vec<SignIn>, StoreError> {
        let mut records = self.store.list(self.kind.owner(subject)?, self.now()).await?;
        records.sort_by_key(|record| (std::cmp::Reverse(record.used_at), record.id));
        Ok(records.into_iter().map(SignIn::from).collect())
    }
}

impl fmt::Debug for SignIns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignIns")
            .field("kind", &self.kind)
            .field("idle", &self.idle)
            .field("absolute", &self.absolute)
            .field("per_subject", &self.per_subject)
            .finish_non_exhaustive()
    }
}
