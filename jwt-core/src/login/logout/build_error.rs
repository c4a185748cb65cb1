//! Why a receiver of logouts cannot be set up.

use crate::config_error::debug_as_display;
use crate::error::AuthenticatorBuildError;

/// Why a [`LogoutReceiver`](super::LogoutReceiver) cannot be built as asked.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LogoutBuildError {
    /// A setting that has one value was given twice.
    #[error("`.{setting}(…)` is called twice: keep one call")]
    SetTwice {
        /// The setting.
        setting: &'static str,
    },
    /// No provider.
    #[error("no provider: call `.provider(LogoutProvider::new(…))`")]
    NoProvider,
    /// Something empty.
    #[error("`.{setting}(\"\")`: an empty string names nothing, give it a name or leave the call out")]
    Empty {
        /// The setting.
        setting: &'static str,
    },
    /// The path is none.
    #[error(
        "`.path({path:?})`: a path of this host begins with one `/` and has no query, such as `/auth/provider-events`"
    )]
    Path {
        /// The path.
        path: Box<str>,
    },
    /// The operating system gives no random numbers.
    #[error("no random numbers from the operating system")]
    Randomness,
    /// The keys, the issuer or the audience of a provider cannot be used.
    #[error("{0}")]
    Provider(#[from] AuthenticatorBuildError),
}

debug_as_display!(LogoutBuildError);
