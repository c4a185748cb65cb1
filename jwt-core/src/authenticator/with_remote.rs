//! The settings of the feature `remote`.

use super::AuthenticatorBuilder;
use crate::issuers::providers::Provider;
use crate::issuers::tenants::Tenants;

#[cfg_attr(feature_labels, doc(cfg(feature = "remote")))]
impl<C> AuthenticatorBuilder<C> {
    /// Trusts an identity provider that writes tokens in its own way, by a preset of [`providers`](crate::providers).
    /// Called again, one more.
    #[must_use]
    pub fn provider(self, provider: Provider) -> Self {
        let (issuer, rule) = provider.into_parts();
        self.trust(issuer).check(move |token| rule.check(token.issuer(), token.claims_json()))
    }

    /// Trusts issuers that are not known beforehand, such as the tenants of a provider; see [`Tenants`](crate::Tenants).
    #[must_use]
    pub fn trust_tenants(mut self, tenants: Tenants) -> Self {
        self.settings.given.once("trust_tenants");
        self.settings.trusting.open = Some(Box::new(move |common| tenants.expecting(common)));
        self
    }
}
