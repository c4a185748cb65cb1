//! The events about requests, target `jwt`: reasons, `kid` and issuer; never a token, never a claim of the application.
//!
//! Names that a stranger chose are written as debug text and cut short, so that they stay on one line.

use std::fmt::Display;

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

/// A store was asked for a request, and did not answer it.
pub(crate) fn store_failed(error: &dyn Display) {
    tracing::error!(target: "jwt", reason = %error, "the store did not do what a request needs");
}

/// The names of tenants could not be remembered.
#[allow(dead_code, reason = "for tenants (feature `remote`)")]
pub(crate) fn tenants_not_written(error: &dyn Display) {
    tracing::error!(target: "jwt", reason = %error, "the names of tenants could not be written: they are strangers after a restart");
}

/// The rule for tenants panicked. Which name it was asked for is the choice of a stranger.
#[allow(dead_code, reason = "for tenants (feature `remote`)")]
pub(crate) fn tenant_rule_panicked() {
    tracing::error!(target: "jwt", "the rule for tenants panicked: its name is answered with 503 until it does not");
}

/// The rule for tenants makes an issuer that cannot be trusted as it is.
#[allow(dead_code, reason = "for tenants (feature `remote`)")]
pub(crate) fn unusable_tenant(error: &dyn Display) {
    tracing::error!(target: "jwt", reason = %error, "the rule for tenants makes an issuer that cannot be used");
}

pub(crate) fn rotated(_: &crate::key::SigningKey) {}
pub(crate) fn large_cookie(_: &str, _: usize) {}
