//! The events about requests, target `jwt`: reasons, `kid` and issuer; never a token, never a claim of the application.
//!
//! Names that a stranger chose are written as debug text and cut short, so that they stay on one line.

use crate::error::{AuthError, CrossSiteError, Misuse};
use crate::facade::tracing;

/// How much of a name that a stranger chose is written, in characters.
pub(crate) const MAX_NAME: usize = 128;

/// What a refused token says of itself. Nothing of it is verified.
#[derive(Debug, Default)]
pub(crate) struct Claimed {
    pub(crate) kid: Option<String>,
    pub(crate) issuer: Option<String>,
}

/// A request is not served. `claimed` is asked only where somebody listens.
pub(crate) fn rejected(error: &AuthError, claimed: impl FnOnce() -> Claimed) {
    if matches!(error, AuthError::MissingToken) {
        tracing::debug!(target: "jwt", reason = %error, "request rejected");
    } else if tracing::enabled!(target: "jwt", tracing::Level::INFO) {
        let Claimed { kid, issuer } = claimed();
        tracing::info!(target: "jwt", reason = %error, unverified_kid = ?kid, unverified_issuer = ?issuer, "request rejected");
    }
}

/// A request with a cookie is not served because of the page that it may come from.
pub(crate) fn cross_site(error: CrossSiteError, origin: Option<&[u8]>) {
    if tracing::enabled!(target: "jwt", tracing::Level::WARN) {
        let origin = origin.map(|origin| String::from_utf8_lossy(&origin[..origin.len().min(MAX_NAME)]));
        tracing::warn!(target: "jwt", reason = %error, unverified_origin = ?origin, "cross-site request rejected");
    }
}

/// A request is not served, although its token is good.
pub(crate) fn denied(error: &AuthError, kid: Option<&str>, issuer: Option<&str>) {
    tracing::info!(target: "jwt", reason = %error, kid = ?kid, issuer = ?issuer, "request denied");
}

/// The application is put together wrongly.
pub(crate) fn misuse(misuse: Misuse) {
    tracing::error!(target: "jwt", "{misuse}");
}
