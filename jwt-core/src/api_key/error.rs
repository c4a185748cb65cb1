//! Why an API key is not made, not accepted, or cannot be looked up.

use std::error::Error;

use crate::clock::NumericDate;
use crate::config_error::debug_as_display;
use crate::error::TransportError;

/// Why no API key was made.
///
/// `Debug` says what `Display` says.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApiKeyError {
    /// A prefix that keys cannot have.
    #[error(
        "{prefix:?} is no prefix for API keys: use 2 to 32 lower case letters, digits and `_`, a letter first, no `_` last, and not `jrt` or `jst`"
    )]
    Prefix {
        /// The prefix.
        prefix: Box<str>,
    },
    /// The operating system gives no random numbers.
    #[error("the operating system gives no random numbers")]
    Random,
}

/// Why API keys cannot be accepted as configured.
///
/// `Debug` says what `Display` says.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApiKeysBuildError {
    /// A prefix that keys cannot have, or no random numbers.
    #[error("{0}")]
    Key(#[from] ApiKeyError),
    /// Neither keys nor a store.
    #[error("no API keys: call `.key(…)` for each, or `.store(…)`; `.no_keys_yet()` if they come by `replace`")]
    NoKeys,
    /// Two entries are about the same key.
    #[error("the API key {id:?} is there twice, by its digest: keep one entry")]
    Duplicate {
        /// The name of one of them.
        id: Box<str>,
    },
    /// A setting that has one value was given twice.
    #[error("`.{setting}(…)` is called twice: keep one call")]
    SetTwice {
        /// The setting.
        setting: &'static str,
    },
    /// The claims of a key do not serialize to a JSON object.
    #[error("the claims of an API key do not serialize to a JSON object: give a struct or a map")]
    Claims,
}

/// Why an API key is not accepted: in the log, and in [`TokenError::Check`](crate::error::TokenError::Check). The client gets
/// the 401 of any token that is not good.
///
/// `Debug` says what `Display` says.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApiKeyRefusal {
    /// It has the form of a key, and nobody knows it.
    #[error("an API key that is not known: it was removed, or it is of another system or incomplete")]
    Unknown,
    /// It has expired.
    #[error("an API key that expired at {expires_at}: give its caller another one")]
    Expired {
        /// When.
        expires_at: NumericDate,
    },
}

/// Why a store cannot say at the moment whether it knows a key.
///
/// `Debug` says what `Display` says.
#[derive(Clone, thiserror::Error)]
#[error("{0}")]
pub struct ApiKeyStoreError(TransportError);

impl ApiKeyStoreError {
    /// The failure of a store, or of a client of it.
    pub fn new(reason: impl Error + Send + Sync + 'static) -> Self {
        Self(TransportError::new(reason))
    }
}

debug_as_display!(ApiKeyError, ApiKeysBuildError, ApiKeyRefusal, ApiKeyStoreError);
