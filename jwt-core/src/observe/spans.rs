//! What is recorded of each request beside the events: fields of the span that the application has around it, and
//! counters.

use crate::error::AuthError;
use crate::facade::{metrics, tracing};

/// The result of authenticating a request.
pub(crate) enum Authenticated<'a> {
    /// A token was verified.
    Verified {
        issuer: Option<&'a str>,
        /// Only where the application wants it in its spans.
        subject: Option<&'a str>,
    },
    Anonymous,
    Rejected(&'a AuthError),
}

/// A request was authenticated, or not.
pub(crate) fn outcome(result: &Authenticated<'_>) {
    let name = match result {
        Authenticated::Verified { .. } => "verified",
        Authenticated::Anonymous => "anonymous",
        Authenticated::Rejected(error) => name(error),
    };
    metrics::counter!("jwt_requests_total", "outcome" => name).increment(1);
    record(|span| {
        span.record("auth.outcome", name);
        match result {
            Authenticated::Verified { issuer, subject } => {
                span.record("auth.issuer", *issuer);
                if subject.is_some() {
                    span.record("auth.subject", *subject);
                }
            }
            Authenticated::Anonymous => {}
            Authenticated::Rejected(error) => {
                span.record("auth.reason", tracing::field::display(error));
            }
        }
    });
}

/// A guard or an extractor denied a request that the layer let in.
pub(crate) fn denied(error: &AuthError) {
    let name = name(error);
    metrics::counter!("jwt_denials_total", "outcome" => name).increment(1);
    record(|span| {
        span.record("auth.outcome", name).record("auth.reason", tracing::field::display(error));
    });
}

const fn name(error: &AuthError) -> &'static str {
    match error {
        AuthError::MissingToken => "missing",
        AuthError::InvalidRequest(_) => "invalid_request",
        AuthError::InvalidToken(_) => "invalid_token",
        AuthError::Unavailable(_) => "unavailable",
        AuthError::InvalidProof(_) => "invalid_proof",
        AuthError::StepUp(_) => "step_up",
        AuthError::CrossSite(_) => "cross_site",
        AuthError::Forbidden(_) => "forbidden",
        AuthError::NotConfigured(_) => "not_configured",
    }
}

/// A span without those fields takes no notice. Where nobody listens, this costs one load.
fn record(into: impl FnOnce(&tracing::Span)) {
    if tracing::level_filters::LevelFilter::current() != tracing::level_filters::LevelFilter::OFF {
        into(&tracing::Span::current());
    }
}
