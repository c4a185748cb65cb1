//! How an issuer is set up.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwap;

use super::ring::{Ring, named};
use super::{Current, Inner, Issuer, IssuerBuildError, IssuerKey};
use crate::clock::{Clock, SystemClock};
use crate::config_error::Given;
use crate::key::{KeySet, LiveKeys};

/// Builds an [`Issuer`]. Only an audience and a signing key have no default. A setting that
/// has one value is given once; a second call is an error.
///
/// | setting | default | reason |
/// |---|---|---|
/// | [`audience`](Self::audience) | none: an error | a token without an audience is accepted by every service that trusts the issuer |
/// | [`signing_key`](Self::signing_key) | none: an error | without a key, nothing can be signed |
/// | [`access_token_lifetime`](Self::access_token_lifetime) | 15 minutes | a signed token cannot be taken back; a refresh token gets the next one |
/// | [`typ`](Self::typ) | `at+jwt` | no other kind of token may be accepted as an access token (RFC 8725 §3.11, RFC 9068) |
/// | [`jwks_max_age`](Self::jwks_max_age) | 5 minutes | for so long, others may still accept a withdrawn key |
/// | [`head_start`](Self::head_start) | 10 minutes | twice as long as a copy of the JWK Set may be kept |
pub struct IssuerBuilder {
    name: String,
    audiences: Vec<Box<str>>,
    key: Option<IssuerKey>,
    published: Vec<IssuerKey>,
    typ: String,
    lifetime: Duration,
    head_start: Duration,
    jwks_max_age: Duration,
    clock: Arc<dyn Clock>,
    given: Given,
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
            given: Given::default(),
        }
    }

    /// A service that the tokens are for, one of their `aud`. Each call adds one. Required.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into().into_boxed_str());
        self
    }

    /// The key that signs: a [`SigningKey`](crate::SigningKey), or a [`RemoteSigningKey`](super::RemoteSigningKey) where it is
    /// elsewhere. A key pair without a `kid` is named by its thumbprint (RFC 7638), a secret stays without a name.
    /// Required.
    #[must_use]
    pub fn signing_key(mut self, key: impl Into<IssuerKey>) -> Self {
        self.given.once("signing_key");
        self.key = Some(key.into());
        self
    }

    /// A key that is published and does not sign: the previous one, whose tokens are still in use after a restart, or the
    /// next one. It stays until it is [withdrawn](Issuer::withdraw). Each call adds one. None.
    #[must_use]
    pub fn published_key(mut self, key: impl Into<IssuerKey>) -> Self {
        self.published.push(key.into());
        self
    }

    /// How long a token is good, in whole seconds, at least one. 15 minutes.
    #[must_use]
    pub fn access_token_lifetime(mut self, lifetime: Duration) -> Self {
        self.given.once("access_token_lifetime");
        self.lifetime = lifetime;
        self
    }

    /// The `typ` header of the tokens. `at+jwt` (RFC 9068); `JWT` for verifiers that know no other.
    #[must_use]
    pub fn typ(mut self, typ: impl Into<String>) -> Self {
        self.given.once("typ");
        self.typ = typ.into();
        self
    }

    /// How long others may keep the JWK Set before they fetch it again. 5 minutes.
    #[must_use]
    pub fn jwks_max_age(mut self, max_age: Duration) -> Self {
        self.given.once("jwks_max_age");
        self.jwks_max_age = max_age;
        self
    }

    /// How long [`Issuer::rotate`] publishes a key before that key signs, at least
    /// [`jwks_max_age`](Self::jwks_max_age). 10 minutes.
    #[must_use]
    pub fn head_start(mut self, head_start: Duration) -> Self {
        self.given.once("head_start");
        self.head_start = head_start;
        self
    }

    /// Where the present time comes from, for the tokens and for the authenticators of this issuer. [`SystemClock`].
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.given.once("clock");
        self.clock = Arc::new(clock);
        self
    }

    /// The issuer.
    ///
    /// # Errors
    /// [`IssuerBuildError`], where something is missing or settings contradict each other.
    pub fn build(self) -> Result<Issuer, IssuerBuildError> {
        if let Some(setting) = self.given.twice() {
            return Err(IssuerBuildError::SetTwice { setting });
        }
        let key = self.key.ok_or(IssuerBuildError::NoSigningKey)?;
        if self.audiences.is_empty() {
            return Err(IssuerBuildError::NoAudience);
        }
        if self.name.is_empty() {
            return Err(IssuerBuildError::EmptyName);
        }
        if self.typ.is_empty() {
            return Err(IssuerBuildError::EmptyType);
        }
        if self.audiences.iter().any(|audience| audience.is_empty()) {
            return Err(IssuerBuildError::EmptyAudience);
        }
        if self.lifetime.as_secs() == 0 {
            return Err(IssuerBuildError::TokenLifetime(self.lifetime));
        }
        let (head_start, jwks_max_age) = (self.head_start, self.jwks_max_age);
        if head_start < jwks_max_age {
            return Err(IssuerBuildError::HeadStart { head_start, jwks_max_age });
        }
        let mut ring = Ring::new(key, self.lifetime);
        for key in self.published {
            let key = named(key);
            let kid = key.kid().unwrap_or_default().into();
            ring.publish(key).map_err(|_| IssuerBuildError::DuplicateKid { kid })?;
        }
        let keys = KeySet::new(ring.verifying_keys()).map_err(IssuerBuildError::Keys)?;
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
