//! header → key → signature → claims.

#[cfg(feature = "cache")]
mod cache;
#[cfg(feature = "tracing")]
mod claimed;
mod claims;
mod header;
mod known_headers;

use std::fmt;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use serde::de::DeserializeOwned;

#[cfg(feature = "cache")]
pub use cache::{CacheStats, TokenCache};
#[cfg(feature = "tracing")]
pub(crate) use claimed::Claimed;
pub(crate) use claims::{Noted, Registered, Text, Times};
pub use header::Header;

use crate::base64url;
use crate::clock::Clock;
use crate::error::{Malformed, TokenError};
use crate::key::{KeySet, VerifyingKey};
use crate::token::{UntrustedToken, VerifiedToken};
use crate::validation::Validation;
use known_headers::{Known, KnownHeaders};

/// The longest signature, in bytes: RSA with 8192 bits.
const MAX_SIGNATURE: usize = 1024;
/// The longest signature of the other algorithms, in bytes: ES512.
const SMALL_SIGNATURE: usize = 132;

/// Proves a bare token: for queues, sockets, and whatever else is not an HTTP request.
///
/// Made by the same builder as an [`Authenticator`](crate::Authenticator), with
/// [`build_verifier`](crate::AuthenticatorBuilder::build_verifier).
///
/// ```
/// use jwt_core::{Algorithm, Authenticator, KeySet, SigningKey, TokenError};
///
/// #[derive(serde::Deserialize)]
/// struct Job {
///     task: String,
/// }
///
/// let secret = b"a secret of at least thirty-two bytes";
/// let verifier = Authenticator::<Job>::builder()
///     .keys(KeySet::hs256(secret)?)
///     .audience("workers")
///     .build_verifier()?;
///
/// let token = SigningKey::secret(Algorithm::HS256, secret)?
///     .sign(&serde_json::json!({"task": "resize", "aud": "workers", "exp": 4_000_000_000_u64}))?;
/// assert_eq!(verifier.verify(&token)?.task, "resize");
///
/// let token = token.replace('.', "x.");
/// assert!(matches!(verifier.verify(&token), Err(TokenError::Malformed(_))));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Verifier<C> {
    trusted: RwLock<Trusted>,
    /// Counts the sets of keys: what was proved under another one counts no more.
    generation: AtomicU64,
    validation: Validation<C>,
    clock: Arc<dyn Clock>,
    #[cfg(feature = "cache")]
    cache: Option<cache::VerifiedTokens<C>>,
    claims: PhantomData<fn() -> C>,
}

/// The keys, and what was learned under them.
struct Trusted {
    keys: KeySet,
    known_headers: KnownHeaders,
    generation: u64,
}

impl Trusted {
    fn new(keys: KeySet, generation: u64) -> Self {
        let known_headers = KnownHeaders::for_keys(keys.keys().len());
        Self { keys, known_headers, generation }
    }
}

impl<C: DeserializeOwned> Verifier<C> {
    pub(crate) fn new(keys: KeySet, validation: Validation<C>, clock: Arc<dyn Clock>) -> Self {
        Self {
            trusted: RwLock::new(Trusted::new(keys, 0)),
            generation: AtomicU64::new(0),
            validation,
            clock,
            #[cfg(feature = "cache")]
            cache: None,
            claims: PhantomData,
        }
    }

    /// Proves a compact token (RFC 7519 §7.2): its signature first, then its claims.
    pub fn verify(&self, token: impl AsRef<[u8]>) -> Result<VerifiedToken<C>, TokenError> {
        let token = token.as_ref();
        if token.len() > self.validation.max_token_len {
            return Err(TokenError::TooLong { limit: self.validation.max_token_len });
        }
        #[cfg(feature = "cache")]
        if let Some(verified) = self.cached(token) {
            // What may have changed since: the time, and whatever the application's checks look at.
            self.validation.check_times(verified.times(), self.clock.now())?;
            self.validation.check_by_application(&verified)?;
            return Ok(verified);
        }
        let parts = UntrustedToken::split(token)?;
        let (header, generation) = self.prove(parts)?;
        let verified = self.read(token, parts, header)?;
        self.remember(&verified, generation);
        self.validation.check_by_application(&verified)?;
        Ok(verified)
    }

    /// The header, once a key has been found under which the signature holds, and the generation of that key.
    fn prove(&self, token: UntrustedToken<'_>) -> Result<(Arc<Header>, u64), TokenError> {
        let (mut small, mut large);
        let buffer: &mut [u8] = if token.signature.len() <= SMALL_SIGNATURE * 4 / 3 {
            small = [0; SMALL_SIGNATURE];
            &mut small
        } else {
            large = [0; MAX_SIGNATURE];
            &mut large
        };
        let signature = base64url::decode_into(token.signature, buffer);
        let holds = |key: &VerifyingKey| signature.is_some_and(|signature| key.verify(token.message, signature));

        let trusted = self.trusted.read().unwrap_or_else(PoisonError::into_inner);
        // All tokens of one key share their first segment: one that was proved is looked up, not parsed.
        let known = trusted.known_headers.get(token.header);
        if let Some(known) = known {
            if signature.is_none() {
                return Err(TokenError::Malformed(Malformed::Base64));
            }
            if holds(&known.key) {
                return Ok((known.header.clone(), trusted.generation));
            }
            if known.only_candidate {
                return Err(TokenError::Signature);
            }
        }
        let header = Header::read(token.header)?;
        if signature.is_none() {
            return Err(TokenError::Malformed(Malformed::Base64));
        }
        self.validation.check_header(&header)?;
        let candidates = trusted.keys.candidates(&header)?;
        let key = candidates.iter().copied().find(|key| holds(key)).ok_or(TokenError::Signature)?.clone();
        let (header, generation) = (Arc::new(header), trusted.generation);
        // A header that several keys may stand behind is known by the first of them, and stays so.
        let learned =
            known.is_none().then(|| Known { header: header.clone(), key, only_candidate: candidates.len() == 1 });
        drop(trusted);
        if let Some(learned) = learned {
            self.learn(token.header, learned, generation);
        }
        Ok((header, generation))
    }

    /// Keeps a header segment for the next token that has it.
    fn learn(&self, segment: &[u8], known: Known, generation: u64) {
        let mut trusted = self.trusted.write().unwrap_or_else(PoisonError::into_inner);
        // The keys may have been replaced in between.
        if trusted.generation == generation {
            trusted.known_headers.insert(segment, known);
        }
    }

    /// The claims of a token whose signature holds.
    fn read(
        &self,
        token: &[u8],
        parts: UntrustedToken<'_>,
        header: Arc<Header>,
    ) -> Result<VerifiedToken<C>, TokenError> {
        let mut json = Vec::with_capacity(parts.payload.len() * 3 / 4 + token.len());
        base64url::decode_onto(parts.payload, &mut json).ok_or(TokenError::Malformed(Malformed::Base64))?;
        let mut text = String::from_utf8(json).map_err(|_| TokenError::Malformed(Malformed::Claims))?;
        let mut noted = Noted::default();
        let claims = claims::read::<C>(&text, &mut noted)?;
        self.validation.check_claims(&noted, self.clock.now())?;
        let registered = noted.registered.detach(&text);
        let json_len = text.len();
        text.push_str(std::str::from_utf8(token).map_err(|_| TokenError::Malformed(Malformed::Base64))?);
        Ok(VerifiedToken::new(claims, registered, header, text, json_len))
    }
}

impl<C> Verifier<C> {
    /// Trusts these keys and no others, from now on: a rotation without a restart. Nothing that was proved under other
    /// keys counts any more.
    pub fn replace_keys(&self, keys: impl Into<KeySet>) {
        let mut trusted = self.trusted.write().unwrap_or_else(PoisonError::into_inner);
        let generation = trusted.generation + 1;
        *trusted = Trusted::new(keys.into(), generation);
        self.generation.store(generation, Ordering::Release);
        #[cfg(feature = "cache")]
        if let Some(cache) = &self.cache {
            cache.clear();
        }
    }

    /// The keys that are trusted now.
    pub fn keys(&self) -> KeySet {
        self.trusted.read().unwrap_or_else(PoisonError::into_inner).keys.clone()
    }

    /// What the cache did so far; `None` where there is none.
    #[cfg(feature = "cache")]
    pub fn cache_stats(&self) -> Option<CacheStats> {
        self.cache.as_ref().map(cache::VerifiedTokens::stats)
    }

    #[cfg(feature = "cache")]
    pub(crate) fn with_cache(mut self, bound: Option<TokenCache>) -> Self {
        self.cache = bound.map(cache::VerifiedTokens::new);
        self
    }

    #[cfg(feature = "cache")]
    fn cached(&self, token: &[u8]) -> Option<VerifiedToken<C>> {
        self.cache.as_ref()?.get(token, self.generation.load(Ordering::Acquire))
    }

    #[cfg(feature = "cache")]
    fn remember(&self, token: &VerifiedToken<C>, generation: u64) {
        if let Some(cache) = &self.cache {
            cache.insert(token, generation);
        }
    }

    #[cfg(not(feature = "cache"))]
    #[expect(clippy::unused_self, reason = "the same call with and without a cache")]
    fn remember(&self, _: &VerifiedToken<C>, _: u64) {}
}

impl<C> fmt::Debug for Verifier<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier")
            .field("keys", &self.keys())
            .field("validation", &self.validation)
            .finish_non_exhaustive()
    }
}
