//! What can be seen of each request beside the events: fields of the span that the application has around it (feature
//! `tracing`), and counters (feature `metrics`).

use crate::error::AuthError;
use crate::verify::token::VerifiedToken;

/// What came of the authentication of a request.
pub(crate) fn outcome<C>(result: &Result<Option<VerifiedToken<C>>, AuthError>, with_subject: bool) {
    let name = match result {
        Ok(Some(_)) => "verified",
        Ok(None) => "anonymous",
        Err(error) => name(error),
    };
    #[cfg(feature = "metrics")]
    metrics::counter!("jwt_requests_total", "outcome" => name).increment(1);
    #[cfg(not(feature = "tracing"))]
    let _ = (name, with_subject);
    #[cfg(feature = "tracing")]
    record(|span| {
        span.record("auth.outcome", name);
        match result {
            Ok(Some(token)) => {
                span.record("auth.issuer", token.issuer());
                if with_subject {
                    span.record("auth.subject", token.subject());
                }
            }
            Ok(None) => {}
            Err(error) => {
                span.record("auth.reason", tracing::field::display(error));
            }
        }
    });
}

/// A guard or an extractor refused a request that the layer let in.
pub(crate) fn refused(error: &AuthError) {
    let name = name(error);
    #[cfg(feature = "metrics")]
    metrics::counter!("jwt_denials_total", "outcome" => name).increment(1);
    #[cfg(not(feature = "tracing"))]
    let _ = name;
    #[cfg(feature = "tracing")]
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
        AuthError::CrossSite(_) => "cross_site",
        AuthError::Forbidden(_) => "forbidden",
        AuthError::NotConfigured(_) => "not_configured",
    }
}

/// A span without those fields takes no notice. Where nobody listens, it costs one load.
#[cfg(feature = "tracing")]
fn record(into: impl FnOnce(&tracing::Span)) {
    use tracing::level_filters::LevelFilter;

    if LevelFilter::current() != LevelFilter::OFF {
        into(&tracing::Span::current());
    }
}
