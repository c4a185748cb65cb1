//! The settings about tokens that are bound to a key of their client.

use super::AuthenticatorBuilder;
use crate::binding::Dpop;

impl<C> AuthenticatorBuilder<C> {
    /// An address by which clients know this service, such as `https://api.example.com`: what the `htu` of a proof is compared
    /// with (RFC 9449 §4.3). Called again, each of them. A path behind it is one that a proxy takes off in front of this
    /// service: `https://example.com/api`.
    ///
    /// Without it the host of the request counts, and its scheme, where the framework tells that. Right where nothing stands in
    /// front that changes `Host`; but whoever gets hold of a token and its proof at another service of the same audience could
    /// then write that service's name into `Host`. So name it.
    #[must_use]
    pub fn public_origin(mut self, origin: impl Into<String>) -> Self {
        self.binding.public_origins.push(origin.into().into_boxed_str());
        self
    }

    /// What is expected of the proofs that come with bound tokens. The defaults of [`Dpop`].
    #[must_use]
    pub fn dpop(mut self, dpop: Dpop) -> Self {
        self.given.once("dpop");
        self.binding.dpop = dpop;
        self
    }

    /// Accepts tokens that are bound to a key and come with its proof (`DPoP`, RFC 9449), and no others: those of sessions and
    /// those in cookies neither. Off.
    #[must_use]
    pub fn require_dpop(mut self) -> Self {
        self.binding.dpop_required = true;
        self
    }
}
