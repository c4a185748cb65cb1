//! How API keys are set up.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;

use super::digest::Compare;
use super::key::checked;
use super::{ApiKeyDigest, ApiKeyError, ApiKeyStore, ApiKeys, ApiKeysBuildError, Inner, KnownApiKey};
use crate::clock::{Clock, SystemClock};
use crate::config_error::Given;

/// The keys that were given.
pub(super) type List = HashMap<ApiKeyDigest, KnownApiKey, foldhash::fast::RandomState>;

/// Builds [`ApiKeys`]. A setting that has one value is given once; a second call is an error.
pub struct ApiKeysBuilder {
    prefix: String,
    keys: Vec<KnownApiKey>,
    empty: bool,
    store: Option<Box<dyn ApiKeyStore>>,
    clock: Arc<dyn Clock>,
    given: Given,
}

impl ApiKeysBuilder {
    pub(super) fn new(prefix: String) -> Self {
        let (keys, given) = (Vec::new(), Given::default());
        Self { prefix, keys, empty: false, store: None, clock: Arc::new(SystemClock), given }
    }

    /// One more key that is accepted.
    #[must_use]
    pub fn key(mut self, key: KnownApiKey) -> Self {
        self.keys.push(key);
        self
    }

    /// Begins without a key: they come later, by [`ApiKeys::replace`].
    #[must_use]
    pub fn no_keys_yet(mut self) -> Self {
        self.empty = true;
        self
    }

    /// Where the application keeps keys: asked for those that were not given. None.
    #[must_use]
    pub fn store(mut self, store: impl ApiKeyStore + 'static) -> Self {
        self.given.once("store");
        self.store = Some(Box::new(store));
        self
    }

    /// Where the present time comes from. [`SystemClock`].
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.given.once("clock");
        self.clock = Arc::new(clock);
        self
    }

    /// The keys.
    ///
    /// # Errors
    /// [`ApiKeysBuildError`], where the prefix is none, where there are no keys and no store, or a key twice.
    pub fn build(self) -> Result<ApiKeys, ApiKeysBuildError> {
        if let Some(setting) = self.given.twice() {
            return Err(ApiKeysBuildError::SetTwice { setting });
        }
        let prefix = checked(&self.prefix)?.into();
        if self.keys.is_empty() && self.store.is_none() && !self.empty {
            return Err(ApiKeysBuildError::NoKeys);
        }
        let list = ArcSwap::from_pointee(list(self.keys)?);
        let compare = Compare::new().ok_or(ApiKeyError::Random)?;
        Ok(ApiKeys(Arc::new(Inner { prefix, list, store: self.store, clock: self.clock, compare })))
    }
}

pub(super) fn list(keys: impl IntoIterator<Item = KnownApiKey>) -> Result<List, ApiKeysBuildError> {
    let mut list = List::default();
    for key in keys {
        if let Some(before) = list.insert(key.digest(), key) {
            return Err(ApiKeysBuildError::Duplicate { id: before.name().into() });
        }
    }
    Ok(list)
}

impl fmt::Debug for ApiKeysBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKeysBuilder")
            .field("prefix", &self.prefix)
            .field("keys", &self.keys)
            .field("store", &self.store.is_some())
            .finish_non_exhaustive()
    }
}
