//! How a store in Redis is set up before it connects.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::address::Address;
use super::link::Link;
use super::script::Script;
use super::tls::{self, Tls};
use super::{RedisStore, Scripts};
use crate::config_error::Given;
use crate::store::StoreError;

/// Connects a [`RedisStore`]: what must be known before there is a connection. The other settings are those of the store.
/// A setting that has one value is given once; a second call is an error.
pub struct RedisStoreBuilder {
    url: Box<str>,
    pub(super) tls: Tls,
    pub(super) given: Given,
}

impl RedisStoreBuilder {
    pub(super) fn new(url: &str) -> Self {
        Self { url: url.into(), tls: Tls::default(), given: Given::default() }
    }

    /// Connects.
    ///
    /// # Errors
    /// [`StoreError::Config`] if the URL names no store, or if a certificate cannot be used. [`StoreError::SetTwice`].
    /// [`StoreError::Unavailable`] if no server answers, or none that is trusted, after five seconds at most.
    pub async fn connect(self) -> Result<RedisStore, StoreError> {
        if let Some(setting) = self.given.twice() {
            return Err(StoreError::SetTwice { setting });
        }
        let address = Address::parse(&self.url, &self.tls).map_err(StoreError::Config)?;
        Ok(RedisStore {
            link: Link::open(address).await.map_err(tls::explained)?,
            prefix: "jwt:".into(),
            timeout: Duration::from_secs(1),
            max_revocations: 1_000_000,
            given: Given::default(),
            hearing: Arc::default(),
            scripts: Arc::new(Scripts {
                insert: Script::new(include_str!("insert.lua")),
                find: Script::new(include_str!("find.lua")),
                change: Script::new(include_str!("change.lua")),
                revoke: Script::new(include_str!("revoke.lua")),
                proof: Script::new(include_str!("proof.lua")),
            }),
        })
    }
}

impl fmt::Debug for RedisStoreBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The URL may hold a password.
        f.debug_struct("RedisStoreBuilder").field("tls_settings", &self.tls.is_given()).finish_non_exhaustive()
    }
}
