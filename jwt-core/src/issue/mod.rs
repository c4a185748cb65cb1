//! The other half: who is known gets a token, and everybody gets the keys that prove it.

mod builder;
mod claims;
mod error;
mod jwks;
mod ring;
mod token;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use builder::IssuerBuilder;
pub use error::{IssueError, RotationError};
pub use token::AccessToken;

use crate::authenticator::Authenticator;
use crate::authenticator::AuthenticatorBuilder;
use crate::base64url;
use crate::clock::{Clock, NumericDate};
use crate::key::crypto;
use crate::key::{KeySet, KeySource, LiveKeys, SigningKey};
use crate::observe::log;
use crate::request::RequestHead;
use claims::Registered;
use jwks::Jwks;
use ring::Ring;

/// Signs access tokens, publishes the keys that prove them, and rotates those keys. Cheap to clone.
///
/// ```
/// use jwt_core::{Algorithm, Issuer, SigningKey};
///
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct User {
///     sub: String,
///     name: String,
/// }
///
/// let issuer = Issuer::builder("https://auth.example.com")
///     .audience("api")
///     .signing_key(SigningKey::generate(Algorithm::ES256)?) // in production: SigningKey::pem(…)
///     .build()?;
///
/// let token = issuer.sign(&User { sub: "alice".into(), name: "Alice".into() })?;
/// assert_eq!(token.expires_in().as_secs(), 15 * 60);
///
/// // Whoever trusts this issuer is set up by it, and follows when its keys change.
/// let verifier = issuer.authenticator::<User>().build_verifier()?;
/// assert_eq!(verifier.verify(token.as_str())?.name, "Alice");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Rotation
///
/// A key is published before it is used, so that whoever keeps a copy of the JWK Set has it when its first token comes,
/// and stays published until its last token has expired. [`rotate`](Self::rotate) does all of that by itself;
/// [`publish`](Self::publish) and [`activate`](Self::activate) are its two steps for those who set the time themselves.
/// Nothing runs in the background: what is due is done by whichever call comes next.
///
/// Several instances of an issuer must all have published a key before the first of them uses it. Call `rotate` with
/// the same key on each within the head start.
#[derive(Clone)]
pub struct Issuer(Arc<Inner>);

struct Inner {
    name: Box<str>,
    audiences: Vec<Box<str>>,
    typ: Box<str>,
    lifetime: Duration,
    head_start: Duration,
    jwks_max_age: Duration,
    clock: Arc<dyn Clock>,
    ring: Mutex<Ring>,
    /// What follows from the ring, for those who sign and serve.
    current: ArcSwap<Current>,
    live: LiveKeys,
}

struct Current {
    active: SigningKey,
    jwks: Jwks,
    /// When the ring changes next by itself.
    due: Option<NumericDate>,
}

impl Issuer {
    /// A builder for an issuer of that name: the `iss` of its tokens, by custom its `https` address.
    pub fn builder(name: impl Into<String>) -> IssuerBuilder {
        IssuerBuilder::new(name.into())
    }

    /// Signs `claims`, which must serialize to a JSON object, and puts `iss`, `aud`, `iat`, `exp` and `jti` before them.
    ///
    /// `sub` and `nbf` are the application's. For an access token that keeps to RFC 9068, `claims` has `sub` and
    /// `client_id` in it.
    ///
    /// # Errors
    /// [`IssueError::Collision`] where `claims` brings one of the five itself.
    pub fn sign<T: Serialize + ?Sized>(&self, claims: &T) -> Result<AccessToken, IssueError> {
        let inner = &*self.0;
        let now = self.advance();
        let token_id = base64url::encode(crypto::random::<16>().ok_or(IssueError::Random)?);
        let expires_at = now.as_secs().saturating_add(inner.lifetime.as_secs());
        let registered =
            Registered { iss: &inner.name, aud: &inner.audiences, iat: now.as_secs(), exp: expires_at, jti: &token_id };
        let json = claims::merged(&registered, claims)?;
        let token = inner.current.load().active.sign_json(&inner.typ, &json)?;
        Ok(AccessToken::new(token, token_id, NumericDate::from_secs(expires_at), inner.lifetime))
    }

    /// A builder for an authenticator that trusts this issuer: name, audiences, `typ` and clock are set, and the keys are
    /// followed when they change.
    pub fn authenticator<C: DeserializeOwned>(&self) -> AuthenticatorBuilder<C> {
        let inner = &*self.0;
        let builder = Authenticator::builder().keys(self).issuer(&*inner.name).typ(&*inner.typ);
        let builder = inner.audiences.iter().fold(builder, |builder, audience| builder.audience(&**audience));
        builder.shared_clock(inner.clock.clone())
    }

    /// The public keys as a JWK Set (RFC 7517 §5). Never a secret: the set of an issuer that signs by HMAC is empty.
    pub fn jwks(&self) -> String {
        self.advance();
        self.0.current.load().jwks.text().to_owned()
    }

    /// The answer to a request for the JWK Set: GET and HEAD, with `Cache-Control`, `ETag`, and 304 for those who have it
    /// already. The adapters have it as a ready route, `Jwks`.
    pub fn jwks_response(&self, head: &impl RequestHead) -> http::Response<String> {
        self.advance();
        self.0.current.load().jwks.response(head)
    }

    /// Publishes a key that does not sign yet.
    ///
    /// # Errors
    /// [`RotationError::DuplicateKid`] where another key has its name.
    pub fn publish(&self, key: SigningKey) -> Result<(), RotationError> {
        self.change(|ring, _| ring.publish(key))
    }

    /// Signs with that published key from now on. Give copies of the JWK Set the time to be replaced before. The one that did so far stays published until its last token has
    /// expired.
    ///
    /// # Errors
    /// [`RotationError::UnknownKid`].
    pub fn activate(&self, kid: &str) -> Result<(), RotationError> {
        self.change(|ring, now| ring.activate(kid, now))
    }

    /// Publishes a key now, and signs with it once the [head start](IssuerBuilder::head_start) is over.
    ///
    /// # Errors
    /// [`RotationError::DuplicateKid`] where another key has its name.
    pub fn rotate(&self, key: SigningKey) -> Result<(), RotationError> {
        self.change(|ring, now| ring.schedule(key, now, self.0.head_start))
    }

    /// Takes a key out at once, say because somebody else has got hold of it: no token that it signed is good any more
    /// here, and elsewhere as soon as the JWK Set is fetched again.
    ///
    /// # Errors
    /// [`RotationError::UnknownKid`], and [`RotationError::Active`] for the key that signs: activate another one first.
    pub fn withdraw(&self, kid: &str) -> Result<(), RotationError> {
        self.change(|ring, _| ring.withdraw(kid))
    }

    /// The name of the key that signs now.
    pub fn active_kid(&self) -> Option<String> {
        self.advance();
        self.0.current.load().active.kid().map(str::to_owned)
    }

    pub(super) fn now(&self) -> NumericDate {
        self.0.clock.now()
    }

    fn new(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.0.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does what is due by now.
    fn advance(&self) -> NumericDate {
        let now = self.0.clock.now();
        if self.0.current.load().due.is_some_and(|due| due <= now) {
            let mut ring = self.ring();
            ring.advance(now);
            self.show(&ring);
        }
        now
    }

    fn change(
        &self,
        change: impl FnOnce(&mut Ring, NumericDate) -> Result<(), RotationError>,
    ) -> Result<(), RotationError> {
        let now = self.0.clock.now();
        let mut ring = self.ring();
        ring.advance(now);
        let changed = change(&mut ring, now);
        self.show(&ring);
        changed
    }

    /// Under the lock, so that of two changes the later one is seen last. Verifiers learn of a key before it signs.
    fn show(&self, ring: &Ring) {
        let inner = &*self.0;
        let before = inner.current.load();
        if let Ok(keys) = KeySet::new(ring.verifying_keys())
            && inner.live.current().is_none_or(|live| !ring.has_exactly(&live))
        {
            inner.live.replace(keys);
        }
        if before.active.kid() != ring.active().kid() {
            log::rotated(ring.active());
        }
        inner.current.store(Arc::new(Current::of(ring, inner.jwks_max_age)));
    }
}

impl Current {
    fn of(ring: &Ring, max_age: Duration) -> Self {
        Self { active: ring.active().clone(), jwks: Jwks::new(ring.keys(), max_age), due: ring.due() }
    }
}

impl From<&Issuer> for KeySource {
    /// The keys of this issuer, followed when they change.
    fn from(issuer: &Issuer) -> Self {
        (&issuer.0.live).into()
    }
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.0;
        f.debug_struct("Issuer")
            .field("name", &inner.name)
            .field("audiences", &inner.audiences)
            .field("typ", &inner.typ)
            .field("lifetime", &inner.lifetime)
            .field("active", &inner.current.load().active)
            .finish_non_exhaustive()
    }
}
