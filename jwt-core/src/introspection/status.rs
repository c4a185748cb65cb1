//! What operators see of introspection: events, metrics and a status.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::error::IntrospectionError;
use crate::facade::{metrics, tracing};

/// What became of the questions to an issuer so far, for a health page; see `Introspection::status`.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct IntrospectionStatus {
    /// The issuer, or the address of the endpoint without its query.
    pub origin: String,
    /// How many questions were answered, whatever the answer is.
    pub answers: u64,
    /// How many were not, or in a way that does not count.
    pub failures: u64,
    /// How many tokens were not asked about, because of the limits on unknown ones.
    pub limited: u64,
    /// Why the last question was not answered; `None` if it was.
    pub error: Option<IntrospectionError>,
}

/// How a question ended.
#[derive(Clone, Copy)]
pub(super) enum Outcome {
    /// With a good token.
    Active,
    /// With one that is not active.
    Inactive,
    /// With one that is active, and that is not good here.
    Refused,
}

/// Writes events and metrics, and counts for the status.
pub(super) struct Reporter {
    origin: String,
    answers: AtomicU64,
    failures: AtomicU64,
    limited: AtomicU64,
    error: Mutex<Option<IntrospectionError>>,
}

impl Reporter {
    pub(super) fn new(origin: String) -> Self {
        let zero = AtomicU64::default;
        Self { origin, answers: zero(), failures: zero(), limited: zero(), error: Mutex::default() }
    }

    pub(super) fn answered(&self, outcome: Outcome) {
        let result = match outcome {
            Outcome::Active => "active",
            Outcome::Inactive => "inactive",
            Outcome::Refused => "refused",
        };
        self.answers.fetch_add(1, Ordering::Relaxed);
        *self.error.lock().unwrap_or_else(PoisonError::into_inner) = None;
        tracing::debug!(target: "jwt", origin = self.origin, result, "issuer asked about a token");
        metrics::counter!("jwt_introspections_total", "origin" => self.origin.clone(), "result" => result).increment(1);
    }

    pub(super) fn failed(&self, error: &IntrospectionError) {
        self.failures.fetch_add(1, Ordering::Relaxed);
        *self.error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.clone());
        tracing::warn!(target: "jwt", origin = self.origin, reason = %error, "issuer could not be asked about a token");
        metrics::counter!("jwt_introspections_total", "origin" => self.origin.clone(), "result" => "failed")
            .increment(1);
    }

    pub(super) fn limited(&self) {
        self.limited.fetch_add(1, Ordering::Relaxed);
        metrics::counter!("jwt_introspections_limited_total", "origin" => self.origin.clone()).increment(1);
    }

    pub(super) fn status(&self) -> IntrospectionStatus {
        IntrospectionStatus {
            origin: self.origin.clone(),
            answers: self.answers.load(Ordering::Relaxed),
            failures: self.failures.load(Ordering::Relaxed),
            limited: self.limited.load(Ordering::Relaxed),
            error: self.error.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }
}
