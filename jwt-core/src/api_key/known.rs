//! What is known of a key.

use std::fmt;

use serde::Serialize;

use super::{ApiKeyDigest, ApiKeysBuildError};
use crate::clock::NumericDate;
use crate::verify::LookedUp;

/// What is known of an API key: its digest, and the claims of its caller. `Debug` shows neither the digest nor the claims.
#[derive(Clone)]
pub struct KnownApiKey {
    digest: ApiKeyDigest,
    claims: String,
    subject: Option<String>,
    id: Option<String>,
    pub(super) expires_at: Option<NumericDate>,
}

impl KnownApiKey {
    /// A key with these claims, which serialize to a JSON object: what the handlers and guards of the service get.
    ///
    /// # Errors
    /// [`ApiKeysBuildError::Claims`].
    pub fn new<C: Serialize + ?Sized>(digest: ApiKeyDigest, claims: &C) -> Result<Self, ApiKeysBuildError> {
        let claims = serde_json::to_string(claims).map_err(|_| ApiKeysBuildError::Claims)?;
        if claims.starts_with('{') { Ok(Self::from_json(digest, claims)) } else { Err(ApiKeysBuildError::Claims) }
    }

    /// The same with claims that are JSON text already, as a store has them. They are read when the key is used, as strictly
    /// as those of a JWT.
    pub fn from_json(digest: ApiKeyDigest, claims: impl Into<String>) -> Self {
        Self { digest, claims: claims.into(), subject: None, id: None, expires_at: None }
    }

    /// Whom the key stands for. Several keys may stand for the same. Default: the `sub` of the claims, if there is one.
    #[must_use]
    pub fn subject(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// What the key is called in logs, and by [`VerifiedToken::token_id`](crate::VerifiedToken::token_id). Default: the first
    /// 16 digits of its digest.
    #[must_use]
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// From when on it is not good any more. Default: never.
    #[must_use]
    pub fn expires_at(mut self, moment: NumericDate) -> Self {
        self.expires_at = Some(moment);
        self
    }

    pub(super) fn digest(&self) -> ApiKeyDigest {
        self.digest
    }

    /// The name of the key.
    pub(super) fn name(&self) -> String {
        self.id.clone().unwrap_or_else(|| self.digest.to_string().chars().take(16).collect())
    }

    pub(super) fn into_looked_up(self) -> LookedUp {
        let name = self.name();
        let mut found = LookedUp::new(self.claims).token_id(name);
        if let Some(subject) = self.subject {
            found = found.subject(subject);
        }
        match self.expires_at {
            Some(moment) => found.expires_at(moment),
            None => found,
        }
    }
}

impl fmt::Debug for KnownApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KnownApiKey")
            .field("id", &self.id)
            .field("subject", &self.subject)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}
