//! How an issuer is set up.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwap;

use super::ring::Ring;
use super::{Current, Inner, Issuer};
use crate::clock::{Clock, SystemClock};
use crate::error::ConfigError;
use crate::key::{KeySet, LiveKeys, SigningKey};

/// Builds an [`Issuer`]. Only an audience and a signing key have no default.
///
/// | setting | default | reason |
/// |---|---|---|
/// | [`audience`](Self::audience) | none: an error | a token that does not say whom it is for opens every door |
/// | [`signing_key`](Self::signing_key) | none: an error | nothing can be signed without |
/// | [`access_token_lifetime`](Self::access_token_lifetime) | 15 minutes | what is signed cannot be taken back; a refresh token renews it |
/// | [`typ`](Self::typ) | `at+jwt` | an access token must not pass for another kind of token (RFC 8725 §3.11, RFC 9068) |
/// | [`jwks_max_age`](Self::jwks_max_age) | 5 minutes | how long a withdrawn key may live on elsewhere |
/// | [`head_start`](Self::head_start) | 10 minutes | twice the time for which a copy of the JWK Set may be kept |
pub struct IssuerBuilder {
    name: String,
    audiences: Vec<Box<str>>,
    key: Option<SigningKey>,
    published: Vec<SigningKey>,
    typ: String,
    lifetime: Duration,
    head_start: Duration,
    jwks_max_age: Duration,
    clock: Arc<dyn Clock>,
}

impl IssuerBuilder {
    pub(super) fn new(name: String) -> Self {
        Self {
            name,
            audiences: Vec::new(),
            key: None,
            published: Vec::new(),
            typ: "at+jwt".to_owned(),
            lifetime: Duration::from_secs(15 * 60),
            head_start: Duration::from_secs(10 * 60),
            jwks_max_age: Duration::from_secs(5 * 60),
            clock: Arc::new(SystemClock),
        }
    }

    /// Whom the tokens are for, `aud`. Called again, all of them. Required.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into().into_boxed_str());
        self
    }

    /// The key that signs. A public key without a `kid` is named by its thumbprint (RFC 7638), a secret stays nameless.
    /// Required.
    #[must_use]
    pub fn signing_key(mut self, key: SigningKey) -> Self {
        self.key = Some(key);
        self
    }

    /// A key that is published and does not sign: the one before, whose tokens are still about after a restart, or the
    /// next one. It stays until it is [withdrawn](Issuer::withdraw). Called again, all of them. None.
    #[must_use]
    pub fn published_key(mut self, key: SigningKey) -> Self {
        self.published.push(key);
        self
    }

    /// How long a token is good, in whole seconds. 15 minutes.
    #[must_use]
    pub fn access_token_lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// The `typ` header of the tokens. `at+jwt` (RFC 9068); `JWT` for verifiers that know no other.
    #[must_use]
    pub fn typ(mut self, typ: impl Into<String>) -> Self {
        self.typ = typ.into();
        self
    }

    /// For how long others may keep the JWK Set before they fetch it again. 5 minutes.
    #[must_use]
    pub fn jwks_max_age(mut self, max_age: Duration) -> Self {
        self.jwks_max_age = max_age;
        self
    }

    /// For how long [`Issuer::rotate`] publishes a key before it signs with it: no shorter than
    /// [`jwks_max_age`](Self::jwks_max_age). 10 minutes.
    #[must_use]
    pub fn head_start(mut self, head_start: Duration) -> Self {
        self.head_start = head_start;
        self
    }

    /// Where the present time comes from, for the tokens and for the authenticators of this issuer. [`SystemClock`].
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// The issuer, or what is wrong with it.
    pub fn build(self) -> Result<Issuer, ConfigError> {
        let key = self.key.ok_or(ConfigError::NoSigningKey)?;
        if self.audiences.is_empty() {
            return Err(ConfigError::NoIssuedAudience);
        }
        if self.name.is_empty() || self.typ.is_empty() || self.audiences.iter().any(|audience| audience.is_empty()) {
            return Err(ConfigError::EmptyExpectation);
        }
        if self.lifetime.as_secs() == 0 {
            return Err(ConfigError::TokenLifetime);
        }
        if self.head_start < self.jwks_max_age {
            return Err(ConfigError::HeadStart);
        }
        let mut ring = Ring::new(key, self.lifetime);
        for key in self.published {
            ring.publish(key).map_err(|_| ConfigError::DuplicateKid)?;
        }
        let keys = KeySet::new(ring.verifying_keys()).map_err(|_| ConfigError::NoSigningKey)?;
        Ok(Issuer::new(Inner {
            name: self.name.into(),
            audiences: self.audiences,
            typ: self.typ.into(),
            lifetime: Duration::from_secs(self.lifetime.as_secs()),
            head_start: self.head_start,
            jwks_max_age: self.jwks_max_age,
            clock: self.clock,
            current: ArcSwap::from_pointee(Current::of(&ring, self.jwks_max_age)),
            ring: Mutex::new(ring),
            live: LiveKeys::new(keys),
        }))
    }
}

impl fmt::Debug for IssuerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuerBuilder")
            .field("name", &self.name)
            .field("audiences", &self.audiences)
            .field("key", &self.key)
            .field("published", &self.published)
            .field("typ", &self.typ)
            .field("lifetime", &self.lifetime)
            .field("head_start", &self.head_start)
            .field("jwks_max_age", &self.jwks_max_age)
            .finish_non_exhaustive()
    }
}
