//! The issuer: signs access tokens, and publishes and rotates the keys that verify them.

mod builder;
mod claims;
mod error;
mod jwks;
mod key;
mod new_token;
mod ring;
mod signer;
mod token;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use serde::Serialize;

pub use builder::IssuerBuilder;
pub use error::{IssueError, IssuerBuildError, RotationError};
pub use key::{IssuerKey, RemoteSigningKey};
pub use new_token::NewToken;
pub(crate) use new_token::Particulars;
pub use signer::{Signer, SignerError, Signing, SigningInput};
pub use token::AccessToken;

use crate::authenticator::Authenticator;
use crate::authenticator::AuthenticatorBuilder;
use crate::base64url;
use crate::claims::ClaimsType;
use crate::clock::{Clock, NumericDate};
use crate::facade::tracing;
use crate::key::crypto;
use crate::key::{Algorithm, KeySet, KeySource, LiveKeys};
use crate::request::RequestHead;
use crate::store::time::whole_seconds;
use claims::{Cnf, Registered};
use jwks::Jwks;
pub(crate) use ring::MAX_COOKIE;
use ring::Ring;

/// The longest token: what verifiers accept by default.
const MAX_TOKEN_LEN: usize = crate::verify::DEFAULT_MAX_TOKEN_LEN;

/// Signs access tokens, publishes the keys that verify them, and rotates those keys. Cheap to clone.
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
/// // A verifier that trusts this issuer, and follows the changes of its keys.
/// let verifier = issuer.authenticator::<User>().build_verifier()?;
/// assert_eq!(verifier.verify(token.as_str())?.name, "Alice");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Rotation
///
/// A key is published before it signs, so that every copy of the JWK Set has it when its first token arrives. It stays
/// published until its last token has expired. [`rotate`](Self::rotate) does both; [`publish`](Self::publish) and
/// [`activate`](Self::activate) are its two steps, where you set the time yourself. Nothing runs in the background: the
/// next call makes the changes that are due.
///
/// Where an issuer has several instances, all of them must have published a key before the first of them signs with it.
/// Call `rotate` with the same key on each, within the head start.
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
    /// What signing and serving need of the ring.
    current: ArcSwap<Current>,
    live: LiveKeys,
}

struct Current {
    active: IssuerKey,
    jwks: Jwks,
    /// When the next change of the ring is due.
    due: Option<NumericDate>,
}

/// The claims of a token that is to be signed.
struct Unsigned {
    json: Vec<u8>,
    token_id: String,
    expires_at: NumericDate,
    lifetime: Duration,
    bound: bool,
}

impl Issuer {
    /// A builder for an issuer of that name: the `iss` of its tokens, usually its `https` address.
    pub fn builder(name: impl Into<String>) -> IssuerBuilder {
        IssuerBuilder::new(name.into())
    }

    /// Signs `claims`, which must serialize to a JSON object, and adds `iss`, `aud`, `iat`, `exp` and `jti`.
    ///
    /// `sub` is up to the application. For an access token of RFC 9068, `claims` must have `sub` and `client_id`.
    ///
    /// What is signed here is accepted by [`authenticator`](Self::authenticator) at the same moment: the same code reads the
    /// claims. Other kinds of tokens are signed by [`SigningKey::sign`](crate::SigningKey::sign).
    ///
    /// # Errors
    /// [`IssueError::Collision`] where `claims` has one of these five itself, [`IssueError::Claims`] where it is not a JSON
    /// object, and others for what verifiers refuse: registered claims of the wrong type, among them an `Option` that is
    /// `None` and serializes to `null`; `cnf`, which [`NewToken::bound_to`] sets; what only ID tokens have; an `nbf` that is later than now; a token of more
    /// than 16 KiB. [`IssueError::Elsewhere`] where the key that signs is a [`RemoteSigningKey`].
    pub fn sign<T: Serialize + ?Sized>(&self, claims: &T) -> Result<AccessToken, IssueError> {
        self.token(claims).sign()
    }

    /// The same wherever the key is: with a [`RemoteSigningKey`], it waits for the signer. With a key of this process, it is
    /// ready at once and needs no runtime.
    ///
    /// # Errors
    /// As [`sign`](Self::sign), and [`IssueError::Signer`] where the signer of the key gives no signature, or none in time,
    /// or one that does not verify.
    pub fn sign_async<T: Serialize + ?Sized>(
        &self,
        claims: &T,
    ) -> impl Future<Output = Result<AccessToken, IssueError>> + Send + use<T> {
        self.sign_for(claims, Particulars::default())
    }

    /// A token that is about to be signed: what [`sign`](Self::sign) signs, with an audience or a lifetime of its own.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use jwt_core::{Algorithm, Issuer, SigningKey};
    /// # let key = SigningKey::generate(Algorithm::ES256)?;
    /// # let issuer = Issuer::builder("https://auth.example.com").audience("api").audience("bank").signing_key(key).build()?;
    /// let claims = serde_json::json!({"sub": "alice"});
    /// let token = issuer.token(&claims).audience("bank").lifetime(Duration::from_secs(60)).sign()?;
    /// assert_eq!(token.expires_in().as_secs(), 60);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn token<'t, T: Serialize + ?Sized>(&'t self, claims: &'t T) -> NewToken<'t, T> {
        NewToken::new(self, claims)
    }

    /// Signs a token with what is particular about it.
    pub(crate) fn sign_for<T: Serialize + ?Sized>(
        &self,
        claims: &T,
        particulars: Particulars<'_>,
    ) -> impl Future<Output = Result<AccessToken, IssueError>> + Send + use<T> {
        let (issuer, unsigned) = (self.clone(), self.unsigned(claims, particulars));
        async move {
            let unsigned = unsigned?;
            let key = issuer.0.current.load().active.clone();
            let token = key.sign_async(&issuer.0.typ, &unsigned.json).await?;
            Self::signed(token, unsigned)
        }
    }

    /// The same with a key of this process.
    fn sign_now<T: Serialize + ?Sized>(
        &self,
        claims: &T,
        particulars: Particulars<'_>,
    ) -> Result<AccessToken, IssueError> {
        let unsigned = self.unsigned(claims, particulars)?;
        let token = self.0.current.load().active.sign(&self.0.typ, &unsigned.json)?;
        Self::signed(token, unsigned)
    }

    /// Everything of a token but its header and signature.
    fn unsigned<T: Serialize + ?Sized>(
        &self,
        claims: &T,
        particulars: Particulars<'_>,
    ) -> Result<Unsigned, IssueError> {
        let Particulars { sid, not_before, audiences, lifetime, bound_to, device_key } = particulars;
        let inner = &*self.0;
        let lifetime = lifetime.map_or(inner.lifetime, |lifetime| Duration::from_secs(lifetime.as_secs()));
        if lifetime.is_zero() || lifetime > inner.lifetime {
            return Err(IssueError::Lifetime { lifetime, most: inner.lifetime });
        }
        if !audiences.iter().all(|audience| inner.audiences.contains(audience)) {
            return Err(IssueError::Audience);
        }
        let audiences = if audiences.is_empty() { &inner.audiences } else { audiences };
        let now = self.advance();
        let own = claims::checked(claims, now)?;
        let token_id = base64url::encode(crypto::random::<16>().ok_or(IssueError::Random)?);
        let expires_at = now.as_secs().saturating_add(lifetime.as_secs());
        let issued_at = not_before.map_or(now, |not_before| now.max(whole_seconds(not_before))).as_secs();
        let registered = Registered {
            iss: &inner.name,
            aud: audiences,
            iat: issued_at,
            exp: expires_at,
            jti: &token_id,
            sid,
            cnf: Cnf::new(bound_to.as_ref(), device_key.as_ref()),
        };
        let json = claims::merged(&registered, &own)?;
        let (expires_at, bound) = (NumericDate::from_secs(expires_at), bound_to.is_some());
        Ok(Unsigned { json, token_id, expires_at, lifetime, bound })
    }

    fn signed(token: String, unsigned: Unsigned) -> Result<AccessToken, IssueError> {
        if token.len() > MAX_TOKEN_LEN {
            return Err(IssueError::TooLong { bytes: token.len(), limit: MAX_TOKEN_LEN });
        }
        let Unsigned { token_id, expires_at, lifetime, bound, .. } = unsigned;
        Ok(AccessToken::new(token, token_id, expires_at, lifetime, bound))
    }

    /// A builder for an authenticator that trusts this issuer: with its name, audiences, `typ` and clock, and its keys as
    /// they change.
    pub fn authenticator<C: ClaimsType>(&self) -> AuthenticatorBuilder<C> {
        let inner = &*self.0;
        let builder = Authenticator::builder().keys(self).issuer(&*inner.name).typ(&*inner.typ);
        let builder = inner.audiences.iter().fold(builder, |builder, audience| builder.audience(&**audience));
        builder.shared_clock(inner.clock.clone())
    }

    /// The public keys as a JWK Set (RFC 7517 §5). It never holds a secret: the set of an issuer that signs with HMAC is
    /// empty.
    pub fn jwks(&self) -> String {
        self.advance();
        self.0.current.load().jwks.text().to_owned()
    }

    /// The response to a request for the JWK Set: GET and HEAD, with `Cache-Control` and `ETag`, and 304 for a client that has
    /// it already. The adapters have a route for it, `Jwks`.
    pub fn jwks_response(&self, head: &impl RequestHead) -> http::Response<String> {
        self.advance();
        self.0.current.load().jwks.response(head)
    }

    /// Publishes a key that does not sign yet.
    ///
    /// # Errors
    /// [`RotationError::DuplicateKid`] where another key has the same `kid`, and [`RotationError::TooLargeForCookie`] for a
    /// key whose tokens do not fit into the cookies of [`Logins`](crate::Logins) that this issuer has.
    pub fn publish(&self, key: impl Into<IssuerKey>) -> Result<(), RotationError> {
        self.change(|ring, _| ring.publish(key.into()))
    }

    /// Signs with that published key from now on. Publish it early enough before, so that copies of the JWK Set have it. The
    /// key that signed so far stays published until its last token has expired.
    ///
    /// # Errors
    /// [`RotationError::UnknownKid`].
    pub fn activate(&self, kid: &str) -> Result<(), RotationError> {
        self.change(|ring, now| ring.activate(kid, now))
    }

    /// Publishes a key now, and signs with it after the [head start](IssuerBuilder::head_start).
    ///
    /// # Errors
    /// As [`publish`](Self::publish).
    pub fn rotate(&self, key: impl Into<IssuerKey>) -> Result<(), RotationError> {
        self.change(|ring, now| ring.schedule(key.into(), now, self.0.head_start))
    }

    /// Removes a key at once, for example because it was stolen. The tokens that it signed are refused here at once, and by
    /// others as soon as they have fetched the JWK Set again.
    ///
    /// # Errors
    /// [`RotationError::UnknownKid`], and [`RotationError::Active`] for the key that signs: activate another one first.
    pub fn withdraw(&self, kid: &str) -> Result<(), RotationError> {
        self.change(|ring, _| ring.withdraw(kid))
    }

    /// Takes no keys from now on whose tokens are too large for a cookie.
    ///
    /// # Errors
    /// The algorithm of such a key that is there already.
    pub(crate) fn keep_in_cookies(&self) -> Result<(), Algorithm> {
        self.ring().keep_in_cookies()
    }

    /// The `kid` of the key that signs now.
    pub fn active_kid(&self) -> Option<String> {
        self.advance();
        self.0.current.load().active.kid().map(str::to_owned)
    }

    pub(crate) fn now(&self) -> NumericDate {
        self.0.clock.now()
    }

    pub(crate) fn name(&self) -> &str {
        &self.0.name
    }

    pub(crate) fn access_token_lifetime(&self) -> Duration {
        self.0.lifetime
    }

    fn new(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.0.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the changes that are due by now.
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

    /// Called under the lock, so that of two changes the later one is seen last. Verifiers learn of a key before it signs.
    fn show(&self, ring: &Ring) {
        let inner = &*self.0;
        let before = inner.current.load();
        if let Ok(keys) = KeySet::new(ring.verifying_keys())
            && inner.live.current().is_none_or(|live| !ring.has_exactly(&live))
        {
            inner.live.replace(keys);
        }
        if before.active.kid() != ring.active().kid() {
            let key = ring.active();
            tracing::info!(target: "jwt", kid = ?key.kid(), algorithm = %key.algorithm(), "signing with another key from now on");
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
    /// The keys of this issuer, as they change.
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
