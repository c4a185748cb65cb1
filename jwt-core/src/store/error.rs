//! Why a store did not do what it was asked to.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use super::{SchemaError, StoreUrlError};
use crate::config_error::debug_as_display;

/// Why a store did not do what it was asked to.
#[derive(Clone, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Out of reach, too slow, or out of order. Nothing that it acknowledged is lost; whether this was done is unknown.
    #[error("the store is unavailable: {0}")]
    Unavailable(StoreFault),
    /// There is no room for more. Nothing was done.
    #[error("the store is full")]
    Full,
    /// What the store holds there was not written by this crate.
    #[error("a record in the store cannot be read")]
    Unreadable,
    /// The data of the application do not serialize to JSON. Nothing was done.
    #[error("the data do not serialize to JSON")]
    Data,
    /// The cryptographic backend failed, or the operating system gave no random numbers. Nothing was done.
    #[error("the cryptographic backend failed")]
    Backend,
    /// The URL names no store, or a certificate beside it cannot be used. The error says what to write instead.
    #[error("the URL of the store: {0}")]
    Config(StoreUrlError),
    /// The tables of a store in an SQL database cannot be used. The error says what to do.
    #[error("{0}")]
    Schema(SchemaError),
    /// A setting of the store, or of the list of revocations, was given twice.
    #[error("`.{setting}(…)` is called twice: keep one call")]
    SetTwice {
        /// The setting.
        setting: &'static str,
    },
    /// The token has neither `jti` nor `sub`, so nothing can be revoked by.
    #[error("a token with neither `jti` nor `sub` cannot be revoked: have its issuer write `jti`")]
    NoTokenId,
    /// There is no Tokio runtime to follow the store on.
    #[error("no Tokio runtime: open the list, or connect the store, from inside of one")]
    NoRuntime,
}

impl StoreError {
    /// A store that cannot be reached at the moment, and why.
    pub fn unavailable(reason: impl Error + Send + Sync + 'static) -> Self {
        Self::Unavailable(StoreFault(Arc::new(reason)))
    }
}

/// What is wrong with a store, in the words of its driver.
#[derive(Clone)]
pub struct StoreFault(Arc<dyn Error + Send + Sync>);

impl StoreFault {
    /// The error of the driver.
    pub fn downcast_ref<E: Error + 'static>(&self) -> Option<&E> {
        self.0.downcast_ref()
    }
}

impl fmt::Display for StoreFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

debug_as_display!(StoreError, StoreFault);
