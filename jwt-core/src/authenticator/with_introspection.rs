//! The settings of the feature `introspection`.

use super::AuthenticatorBuilder;
use crate::introspection::Introspection;

#[cfg_attr(feature_labels, doc(cfg(feature = "introspection")))]
impl<C> AuthenticatorBuilder<C> {
    /// Has an issuer asked about tokens that are no JWTs (RFC 7662), beside JWTs or, without [`keys`](Self::keys) and whatever
    /// else brings some, instead of them; see [`Introspection`]. None.
    #[must_use]
    pub fn introspect(mut self, introspection: impl Into<Introspection>) -> Self {
        self.settings.given.once("introspect");
        let introspection = introspection.into();
        self.settings.trusting.expected_of_others = true;
        self.settings.last_kind = Some(Box::new(move |common, clock| introspection.kind(common, clock)));
        self
    }
}
