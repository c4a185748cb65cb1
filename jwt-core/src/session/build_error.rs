//! Why refresh tokens or sessions cannot be set up as asked.

use std::time::Duration;

use crate::config_error::debug_as_display;

/// Why [`RefreshTokens`](crate::RefreshTokens) or [`Sessions`](crate::Sessions) cannot be built as asked.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignInsBuildError {
    /// A setting that has one value was given twice.
    #[error("`.{setting}(…)` is called twice: keep one call")]
    SetTwice {
        /// The setting.
        setting: &'static str,
    },
    /// The idle timeout is under a millisecond.
    #[error("`.idle_timeout({0:?})` ends every sign-in at once: make it a millisecond at least")]
    IdleTimeout(Duration),
    /// The absolute timeout is shorter than the idle timeout.
    #[error(
        "`.absolute_timeout({absolute_timeout:?})` is shorter than `.idle_timeout({idle_timeout:?})`: make it as long at least"
    )]
    AbsoluteTimeout {
        /// The absolute timeout.
        absolute_timeout: Duration,
        /// The idle timeout.
        idle_timeout: Duration,
    },
    /// The grace is not shorter than the idle timeout.
    #[error("`.grace({grace:?})` is not shorter than `.idle_timeout({idle_timeout:?})`: make it shorter")]
    Grace {
        /// The grace.
        grace: Duration,
        /// The idle timeout.
        idle_timeout: Duration,
    },
    /// The subject key is too short.
    #[error("`.subject_key(…)` has {bytes} bytes, and HMAC-SHA256 needs 32 at least: give it 32 random bytes")]
    SubjectKey {
        /// The length of the secret that was given, in bytes.
        bytes: usize,
    },
    /// No sign-in at all is allowed for a subject.
    #[error("`.per_subject(0)` allows nobody to sign in: make it 1 at least")]
    PerSubject,
}

debug_as_display!(SignInsBuildError);
