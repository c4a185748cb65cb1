//! The events of tenants.

use std::fmt::Display;

use crate::facade::tracing;

/// The names of tenants could not be remembered.
pub(super) fn tenants_not_written(error: &dyn Display) {
    tracing::error!(target: "jwt", reason = %error, "the names of tenants could not be written: they are strangers after a restart");
}

/// The rule for tenants panicked. Which name it was asked for is the choice of a stranger.
pub(super) fn tenant_rule_panicked() {
    tracing::error!(target: "jwt", "the rule for tenants panicked: its name is answered with 503 until it does not");
}

/// The rule for tenants makes an issuer that cannot be trusted as it is.
pub(super) fn unusable_tenant(error: &dyn Display) {
    tracing::error!(target: "jwt", reason = %error, "the rule for tenants makes an issuer that cannot be used");
}
