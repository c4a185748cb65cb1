//! The events of this crate. Reasons, `kid` and issuer; never a token, never a claim of the application.

use crate::error::{AuthError, Misuse};

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

/// The application is put together wrongly.
#[cfg(feature = "tracing")]
pub(crate) fn misuse(misuse: Misuse) {
    tracing::error!(target: "jwt", "{misuse}");
}

/// The list of revoked tokens cannot be brought up to date.
#[cfg(all(feature = "login", feature = "tracing"))]
pub(crate) fn revocations_unreachable(error: &crate::store::StoreError) {
    tracing::error!(target: "jwt", reason = %error, "revocations of other instances are not known until the store is back");
}

#[cfg(not(feature = "tracing"))]
pub(crate) fn rejected(_: &AuthError, _: Option<&[u8]>) {}

#[cfg(not(feature = "tracing"))]
pub(crate) fn misuse(_: Misuse) {}

#[cfg(all(feature = "login", not(feature = "tracing")))]
pub(crate) fn revocations_unreachable(_: &crate::store::StoreError) {}
