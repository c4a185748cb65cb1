//! The events of this crate. Reasons, `kid` and issuer; never a token, never a claim of the application.

use crate::error::{AuthError, CrossSiteError, Misuse};
use crate::key::algorithm::Algorithm;
use crate::verify::token::CompactToken;

/// A request is not served. `token` is what it carried.
#[cfg(feature = "tracing")]
pub(crate) fn rejected(error: &AuthError, token: Option<&[u8]>) {
    if matches!(error, AuthError::MissingToken) {
        tracing::debug!(target: "jwt", reason = %error, "request rejected");
        return;
    }
    if tracing::enabled!(target: "jwt", tracing::Level::INFO) {
        // Written as debug text, so that whatever a stranger put into it stays on one line.
        let claimed = token.map(crate::verify::Claimed::read).unwrap_or_default();
        let (kid, issuer) = (claimed.kid.as_deref(), claimed.issuer.as_deref());
        tracing::info!(target: "jwt", reason = %error, unverified_kid = ?kid, unverified_issuer = ?issuer, "request rejected");
    }
}

/// A request with a cookie is not served for where it comes from.
#[cfg(feature = "tracing")]
pub(crate) fn cross_site(error: CrossSiteError, origin: Option<&[u8]>) {
    if tracing::enabled!(target: "jwt", tracing::Level::WARN) {
        // Debug text, as above, and not much of it.
        let origin = origin.map(|origin| String::from_utf8_lossy(&origin[..origin.len().min(128)]));
        tracing::warn!(target: "jwt", reason = %error, unverified_origin = ?origin, "cross-site request rejected");
    }
}

/// A request is not served, although its token is good.
#[cfg(feature = "tracing")]
pub(crate) fn denied(error: &AuthError, token: &CompactToken) {
    let (kid, issuer) = token.origin();
    tracing::info!(target: "jwt", reason = %error, ?kid, ?issuer, "request denied");
}

/// The application is put together wrongly.
#[cfg(feature = "tracing")]
pub(crate) fn misuse(misuse: Misuse) {
    tracing::error!(target: "jwt", "{misuse}");
}

/// A key was made that nobody else has.
#[cfg(feature = "tracing")]
pub(crate) fn generated(algorithm: Algorithm) {
    tracing::warn!(target: "jwt", %algorithm, "a signing key was generated: after a restart, and on other instances, the tokens that it signed are worthless; load one by `SigningKey::pem(…)`");
}

#[cfg(not(feature = "tracing"))]
pub(crate) fn generated(_: Algorithm) {}

/// A tenant that the application's rule makes cannot be trusted as it is.
#[cfg(all(feature = "remote", feature = "tracing"))]
pub(crate) fn unusable(error: &crate::error::ConfigError) {
    tracing::error!(target: "jwt", reason = %error, "the rule for tenants makes an issuer that cannot be used");
}

#[cfg(all(feature = "remote", not(feature = "tracing")))]
pub(crate) fn unusable(_: &crate::error::ConfigError) {}

/// A store was asked for a request, and did not answer it.
#[cfg(all(feature = "login", feature = "tracing"))]
pub(crate) fn store_failed(error: &crate::store::StoreError) {
    tracing::error!(target: "jwt", reason = %error, "the store did not do what a request needs");
}

#[cfg(all(feature = "login", not(feature = "tracing")))]
pub(crate) fn store_failed(_: &crate::store::StoreError) {}

#[cfg(not(feature = "tracing"))]
pub(crate) fn rejected(_: &AuthError, _: Option<&[u8]>) {}

#[cfg(not(feature = "tracing"))]
pub(crate) fn cross_site(_: CrossSiteError, _: Option<&[u8]>) {}

#[cfg(not(feature = "tracing"))]
pub(crate) fn denied(_: &AuthError, _: &CompactToken) {}

#[cfg(not(feature = "tracing"))]
pub(crate) fn misuse(_: Misuse) {}
