//! What is special about one login: remembered with it, so that a refresh keeps to it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::LoginError;
use crate::claims::confirmation::{Thumbprint, thumbprint};
use crate::issue::{IssueError, Particulars};
use crate::session::ProviderSession;
use crate::store::StoreError;
use crate::verify::OriginalLogin;

/// What is special about one login. Kept as JSON beside its claims; the empty text stands for nothing special.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct LoginOptions {
    /// The browser forgets the login when it is closed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) until_closed: bool,
    /// Whom the access tokens are for, instead of everybody that the issuer names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) audiences: Vec<Box<str>>,
    /// How long its access tokens are good, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) lifetime: Option<u64>,
    /// The thumbprint of the key that the login is bound to, in base64url.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) jkt: Option<String>,
    /// Where the user has signed in, if not here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) origin: Option<Origin>,
    /// What binds the login to a browser, where it may be bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) device: Option<DeviceOptions>,
    /// What ends the login at an identity provider: written by the room of sign-ins, and kept here as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) provider: Option<ProviderSession>,
    /// Claims that stay with the login, whatever those of the user become.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub(super) claims: Map<String, Value>,
}

/// A provider that a user has signed in with. No `Debug`: the ID token says much of a person.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Origin {
    /// Its name here.
    pub(super) provider: String,
    /// The ID token, where the session at the provider is to end with the login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) id_token: Option<String>,
    /// By what the provider is asked again, where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) kept: Option<KeptAccess>,
}

/// What is kept of the access at a provider.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct KeptAccess {
    /// The refresh token of the provider, encrypted.
    pub(super) token: String,
    /// What the ID token of the sign-in said, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) first: Option<OriginalLogin>,
    /// When the provider has said last who it is, in seconds since the epoch.
    pub(super) asked_at: u64,
}

/// What binds a login to a browser.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct DeviceOptions {
    /// Challenges are sealed by it, in base64url. No client sees it.
    pub(super) secret: String,
    /// The key of the browser, once it has registered one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) key: Option<DeviceKey>,
}

#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct DeviceKey {
    /// The public key, as the JSON of a JWK.
    pub(super) jwk: String,
    /// Its thumbprint, in base64url.
    pub(super) jkt: String,
}

impl LoginOptions {
    /// As a store keeps them.
    pub(super) fn text(&self) -> Result<String, StoreError> {
        if *self == Self::default() {
            return Ok(String::new());
        }
        serde_json::to_string(self).map_err(|_| StoreError::Data)
    }

    /// As a store kept them.
    pub(super) fn read(text: &str) -> Result<Self, StoreError> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        serde_json::from_str(text).map_err(|_| StoreError::Data)
    }

    /// The claims of the user, with those of the login behind them.
    pub(super) fn complete<'c>(&self, own: &'c RawValue) -> Result<Cow<'c, RawValue>, LoginError> {
        if self.claims.is_empty() {
            return Ok(Cow::Borrowed(own));
        }
        let names: BTreeMap<String, &RawValue> = serde_json::from_str(own.get()).map_err(|_| IssueError::Claims)?;
        if let Some(claim) = self.claims.keys().find(|claim| names.contains_key(claim.as_str())) {
            return Err(LoginError::ClaimTwice { claim: claim.as_str().into() });
        }
        let more = serde_json::to_string(&self.claims).map_err(|_| IssueError::Claims)?;
        let members = |object: &str| object.trim_ascii().strip_prefix('{')?.strip_suffix('}').map(str::to_owned);
        let (own, more) = members(own.get()).zip(members(&more)).ok_or(IssueError::Claims)?;
        let comma = if own.trim_ascii().is_empty() { "" } else { "," };
        let both = RawValue::from_string(format!("{{{own}{comma}{more}}}")).map_err(|_| IssueError::Claims)?;
        Ok(Cow::Owned(both))
    }

    /// The key that the login is bound to.
    pub(super) fn key(&self) -> Result<Option<Thumbprint>, StoreError> {
        let read = |jkt: &str| thumbprint(jkt).ok_or(StoreError::Data);
        self.jkt.as_deref().map(read).transpose()
    }

    /// The key of the browser that the login is bound to.
    pub(super) fn device_key(&self) -> Result<Option<Thumbprint>, StoreError> {
        let key = self.device.as_ref().and_then(|device| device.key.as_ref());
        key.map(|key| thumbprint(&key.jkt).ok_or(StoreError::Data)).transpose()
    }

    /// What they say of the access tokens, which are bound to that key.
    pub(super) fn particulars<'p>(&'p self, sid: &'p str, bound_to: Option<Thumbprint>) -> Particulars<'p> {
        Particulars {
            sid: Some(sid),
            audiences: &self.audiences,
            lifetime: self.lifetime.map(Duration::from_secs),
            not_before: None,
            bound_to,
            // What cannot be read is refused before anything is signed.
            device_key: self.device_key().ok().flatten(),
        }
    }
}
