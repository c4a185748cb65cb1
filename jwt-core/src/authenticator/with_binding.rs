//! The settings about tokens that are bound to a key or a certificate of their client.

use super::AuthenticatorBuilder;
use crate::binding::{Dpop, TrustedProxies, check_party};

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
        self.settings.binding.public_origins.push(origin.into().into_boxed_str());
        self
    }

    /// What is expected of the proofs that come with bound tokens. The defaults of [`Dpop`].
    #[must_use]
    pub fn dpop(mut self, dpop: Dpop) -> Self {
        self.settings.given.once("dpop");
        self.settings.binding.dpop = dpop;
        self
    }

    /// Accepts tokens that are bound to a key and come with its proof (`DPoP`, RFC 9449), and no others: those of sessions and
    /// those in cookies neither. Off.
    #[must_use]
    pub fn require_dpop(mut self) -> Self {
        self.settings.binding.dpop_required = true;
        self
    }

    /// Accepts tokens that are bound and come with what they are bound to, a proof (`DPoP`, RFC 9449) or the certificate of the
    /// connection (RFC 8705), and no others: those of sessions neither. Off.
    #[must_use]
    pub fn require_bound_tokens(mut self) -> Self {
        self.settings.binding.bound_required = true;
        self
    }

    /// Holds to the FAPI 2.0 Security Profile (February 2025) for resource servers, §5.3.4 and §5.4.1, and refuses in
    /// [`build`](Self::build) what contradicts it, as [`Fapi2Contradiction`](crate::error::Fapi2Contradiction). Off.
    ///
    /// Tokens are bound to a key that their sender has shown, are in `Authorization` and nowhere else, name an expected issuer and
    /// audience, are signed by PS256, ES256, or EdDSA with Ed25519 as their proofs are, and were not issued in the future. Needed
    /// as well: a [`public_origin`](Self::public_origin) with `https`, a [`leeway`](Self::leeway) of 10 to 60 seconds, as the
    /// default is, and `revocations` (feature `login`) or a [`check`](Self::check) that knows which tokens were revoked.
    ///
    /// ```
    /// # use jwt_core::{Authenticator, KeySet, SigningKey};
    /// # let keys = KeySet::new([SigningKey::generate(jwt_core::Algorithm::ES256)?.verifying_key()])?;
    /// # fn is_revoked(token_id: Option<&str>) -> bool {
    /// #     token_id.is_none()
    /// # }
    /// let auth = Authenticator::<()>::builder()
    ///     .keys(keys)
    ///     .issuer("https://login.example.com")
    ///     .audience("https://api.example.com")
    ///     .public_origin("https://api.example.com")
    ///     .check(|token| !is_revoked(token.token_id()))
    ///     .fapi2()
    ///     .build()?;
    /// # let _ = auth;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn fapi2(mut self) -> Self {
        self.settings.binding.fapi = true;
        self.settings.validation.party_check = Some(check_party);
        self
    }

    /// Proxies whose header fields are believed about the address that a client used, and about its certificate. None.
    #[must_use]
    pub fn trusted_proxies(mut self, proxies: TrustedProxies) -> Self {
        self.settings.given.once("trusted_proxies");
        self.settings.binding.proxies = Some(proxies);
        self
    }
}
