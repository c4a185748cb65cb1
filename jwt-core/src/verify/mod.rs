//! header → key → signature → claims.

#[cfg(feature = "cache")]
mod cache;
mod claimed;
mod claims;
#[cfg(feature = "cache")]
mod counters;
pub(crate) mod grants;
mod header;
pub(crate) mod id_token;
mod known_headers;
pub(crate) mod original_login;
pub(crate) mod profile;
mod scan;
#[cfg(feature = "login")]
mod session;
pub(crate) mod token;
mod trust;
mod trusted;
pub(crate) mod validation;

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use serde::de::DeserializeOwned;

#[cfg(feature = "cache")]
pub use cache::{CacheStats, TokenCache};
#[cfg(feature = "tracing")]
pub(crate) use claimed::Claimed;
pub(crate) use claims::{Audience, Noted, Registered, Text, Times};
pub use header::Header;
pub(crate) use trust::Trust;
use trusted::Hint;
pub(crate) use trusted::{Party, Several, Trusted};

use crate::clock::{Clock, NumericDate};
use crate::error::{AuthError, Malformed, TokenError, Unavailable};
use crate::key::Wait;
use crate::verify::grants::Authority;
use crate::verify::token::{Proof, UntrustedToken, VerifiedToken};
use crate::verify::validation::Checks;
use trust::Unproved;

/// Proves a bare token: for queues, sockets, and whatever else is not an HTTP request.
///
/// Made by the same builder as an [`Authenticator`](crate::Authenticator), with
/// [`build_verifier`](crate::AuthenticatorBuilder::build_verifier).
///
/// ```
/// use jwt_core::{Algorithm, AuthError, Authenticator, KeySet, SigningKey, TokenError};
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
/// assert!(matches!(verifier.verify(&token), Err(AuthError::InvalidToken(TokenError::Malformed(_)))));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Verifier<C> {
    trusted: Trusted,
    max_token_len: usize,
    checks: Checks<C>,
    clock: Arc<dyn Clock>,
    authority: Arc<Authority<C>>,
    #[cfg(feature = "login")]
    revocations: Option<crate::revocation::Revocations>,
    #[cfg(feature = "login")]
    sessions: Option<crate::session::Sessions>,
    #[cfg(feature = "cache")]
    cache: Option<cache::VerifiedTokens<C>>,
    claims: PhantomData<fn() -> C>,
}

/// Why a token is not verified, or not yet.
pub(crate) enum Failure {
    Refused(AuthError),
    /// Keys are on their way that may change the answer.
    Wait {
        keys: Wait,
        /// The answer if they change nothing.
        otherwise: AuthError,
    },
    /// It is that of a session, which has to be looked up.
    #[cfg(feature = "login")]
    LookUp,
}

impl<E: Into<TokenError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Refused(AuthError::InvalidToken(error.into()))
    }
}

impl Failure {
    pub(crate) fn without_waiting(self) -> AuthError {
        match self {
            Self::Refused(error) | Self::Wait { otherwise: error, .. } => error,
            #[cfg(feature = "login")]
            Self::LookUp => TokenError::NoSession.into(),
        }
    }
}

impl<C: DeserializeOwned> Verifier<C> {
    pub(crate) fn new(
        trusted: Trusted,
        max_token_len: usize,
        checks: Checks<C>,
        clock: Arc<dyn Clock>,
        authority: Authority<C>,
    ) -> Self {
        Self {
            trusted,
            max_token_len,
            checks,
            clock,
            authority: Arc::new(authority),
            #[cfg(feature = "login")]
            revocations: None,
            #[cfg(feature = "login")]
            sessions: None,
            #[cfg(feature = "cache")]
            cache: None,
            claims: PhantomData,
        }
    }

    /// Proves a compact token (RFC 7519 §7.2): its signature first, then its claims. Never waits; with keys that are
    /// fetched, [`verify_async`](Self::verify_async) is what an unknown key needs, and so does every session.
    ///
    /// # Errors
    /// [`AuthError::InvalidToken`], or [`AuthError::Unavailable`] while no keys have arrived.
    pub fn verify(&self, token: impl AsRef<[u8]>) -> Result<VerifiedToken<C>, AuthError> {
        self.attempt(token.as_ref()).map_err(Failure::without_waiting)
    }

    /// The same, and where the answer depends on keys that are on their way, after they have arrived or failed to. Looks
    /// sessions up.
    ///
    /// # Errors
    /// As [`verify`](Self::verify).
    pub async fn verify_async(&self, token: impl AsRef<[u8]>) -> Result<VerifiedToken<C>, AuthError> {
        match self.attempt(token.as_ref()) {
            Err(Failure::Wait { keys, .. }) => self.verify_after(keys, token.as_ref()).await,
            #[cfg(feature = "login")]
            Err(Failure::LookUp) => self.look_up(token.as_ref()).await,
            other => other.map_err(Failure::without_waiting),
        }
    }

    pub(crate) async fn verify_after(&self, keys: Wait, token: &[u8]) -> Result<VerifiedToken<C>, AuthError> {
        if keys.await {
            return self.verify(token);
        }
        let again = match self.attempt(token) {
            Err(Failure::Wait { keys, .. }) => keys,
            other => return other.map_err(Failure::without_waiting),
        };
        again.await;
        self.verify(token)
    }

    pub(crate) fn attempt(&self, token: &[u8]) -> Result<VerifiedToken<C>, Failure> {
        if token.len() > self.max_token_len {
            return Err(TokenError::TooLong { limit: self.max_token_len }.into());
        }
        #[cfg(feature = "login")]
        if self.is_of_session(token) {
            return Err(Failure::LookUp);
        }
        #[cfg(feature = "cache")]
        if let Some(verified) = self.cache.as_ref().and_then(|cache| cache.get(token)) {
            // What may have changed since: the time, what was revoked, and whatever the application's checks look at.
            if let Some(trust) = verified.trust() {
                trust.validation.check_times(verified.times(), self.clock.now())?;
            }
            self.check_revocations(&verified)?;
            self.checks.pass(&verified)?;
            return Ok(verified);
        }
        let verified = self.prove(token, UntrustedToken::split(token)?)?;
        self.check_revocations(&verified)?;
        self.remember(&verified);
        self.checks.pass(&verified)?;
        Ok(verified)
    }

    fn prove(&self, token: &[u8], untrusted: UntrustedToken<'_>) -> Result<VerifiedToken<C>, Failure> {
        let several = match &self.trusted {
            Trusted::One(party) => return self.prove_for(party, token, untrusted),
            #[cfg(feature = "login")]
            Trusted::Nobody => return Err(TokenError::NotASession.into()),
            Trusted::Several(several) => several,
        };
        let hints = several.hints();
        let hint = hints.of(untrusted);
        let mut tried = None;
        if let Some(Hint::Of(party)) = hint {
            match party.trust.prove(untrusted) {
                Ok(proof) => match self.read(proof, token, untrusted.claims()?) {
                    // Two parties whose tokens have the same header.
                    Err(TokenError::Issuer) => {}
                    other => return other.map_err(Failure::from),
                },
                Err(unproved) => tried = Some((party, unproved)),
            }
        }
        let claims = untrusted.claims()?;
        let party = several.named(&claims)?;
        let proof = match tried {
            Some((tried, unproved)) if Arc::ptr_eq(tried, &party) => Err(unproved),
            _ => party.trust.prove(untrusted),
        };
        let verified = self.read(proof.map_err(|unproved| party.failure(unproved))?, token, claims)?;
        if !matches!(hint, Some(Hint::Ambiguous)) {
            several.learn(untrusted, &party);
        }
        Ok(verified)
    }

    fn prove_for(
        &self,
        party: &Party,
        token: &[u8],
        untrusted: UntrustedToken<'_>,
    ) -> Result<VerifiedToken<C>, Failure> {
        let proof = party.trust.prove(untrusted).map_err(|unproved| party.failure(unproved))?;
        Ok(self.read(proof, token, untrusted.claims()?)?)
    }

    /// The claims of a token whose signature holds; `text` is their JSON.
    fn read(&self, proof: Proof, token: &[u8], mut text: String) -> Result<VerifiedToken<C>, TokenError> {
        let mut noted = Noted::default();
        let claims = claims::read::<C>(&text, &mut noted)?;
        proof.trust.validation.check_claims(&noted, &text, self.clock.now())?;
        let registered = noted.registered.detach(&text);
        let json_len = text.len();
        text.push_str(std::str::from_utf8(token).map_err(|_| TokenError::Malformed(Malformed::Base64))?);
        Ok(VerifiedToken::new(claims, registered, Some(proof), text, json_len, self.authority.clone()))
    }
}

impl Party {
    /// What it means that there is no proof.
    fn failure(&self, unproved: Unproved) -> Failure {
        match unproved {
            Unproved::Refused(TokenError::UnknownKey) => self.unknown_key(),
            Unproved::Refused(error) => error.into(),
            Unproved::NoKeys => self.no_keys(),
        }
    }

    fn unknown_key(&self) -> Failure {
        let unknown = AuthError::InvalidToken(TokenError::UnknownKey);
        let Some(remote) = &self.remote else { return Failure::Refused(unknown) };
        let wait = remote.fetch_for_unknown_key();
        // Whether there is such a key is not known while the provider fails, nor where there is no room to wait for it.
        let otherwise = if remote.fails() || (wait.is_none() && remote.asks()) {
            Unavailable::Keys { retry_after: remote.retry_after() }.into()
        } else {
            unknown
        };
        match wait {
            Some(keys) => Failure::Wait { keys, otherwise },
            None => Failure::Refused(otherwise),
        }
    }

    fn no_keys(&self) -> Failure {
        let Some(remote) = &self.remote else { return Failure::Refused(Unavailable::KEYS.into()) };
        let otherwise = if remote.is_nobody() {
            AuthError::InvalidToken(TokenError::Issuer)
        } else {
            Unavailable::Keys { retry_after: remote.retry_after() }.into()
        };
        match remote.fetch_for_no_keys() {
            Some(keys) => Failure::Wait { keys, otherwise },
            None => Failure::Refused(otherwise),
        }
    }
}

impl<C> Verifier<C> {
    /// The present moment, as it counts for tokens.
    pub(crate) fn now(&self) -> NumericDate {
        self.clock.now()
    }

    /// What the cache did so far; `None` where there is none.
    #[cfg(feature = "cache")]
    pub fn cache_stats(&self) -> Option<CacheStats> {
        self.cache.as_ref().map(cache::VerifiedTokens::stats)
    }

    /// How it stands with all keys that are fetched, for a health page: those of each issuer, and those of each tenant
    /// that has ever had some, sorted by their origin. Empty where no keys are fetched.
    pub fn key_status(&self) -> Vec<crate::key::KeyStatus> {
        self.trusted.key_status()
    }

    #[cfg(feature = "login")]
    pub(crate) fn with_revocations(mut self, revocations: Option<crate::revocation::Revocations>) -> Self {
        self.revocations = revocations;
        self
    }

    #[cfg(feature = "login")]
    pub(crate) fn with_sessions(mut self, sessions: Option<crate::session::Sessions>) -> Self {
        self.sessions = sessions;
        self
    }

    #[cfg(feature = "login")]
    fn check_revocations(&self, token: &VerifiedToken<C>) -> Result<(), Failure> {
        use crate::revocation::Revoked;
        match self.revocations.as_ref().map_or(Ok(()), |revocations| revocations.check(token)) {
            Ok(()) => Ok(()),
            Err(Revoked::Revoked) => Err(TokenError::Revoked.into()),
            Err(Revoked::Unknown) => Err(Failure::Refused(Unavailable::Revocations.into())),
        }
    }

    #[cfg(not(feature = "login"))]
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "the same call with and without revocations")]
    fn check_revocations(&self, _: &VerifiedToken<C>) -> Result<(), Failure> {
        Ok(())
    }

    #[cfg(feature = "cache")]
    pub(crate) fn with_cache(mut self, bound: Option<TokenCache>) -> Self {
        self.cache = bound.map(cache::VerifiedTokens::new);
        self
    }

    #[cfg(feature = "cache")]
    fn remember(&self, token: &VerifiedToken<C>) {
        if let Some(cache) = &self.cache {
            cache.insert(token);
        }
    }

    #[cfg(not(feature = "cache"))]
    #[expect(clippy::unused_self, reason = "the same call with and without a cache")]
    fn remember(&self, _: &VerifiedToken<C>) {}
}

impl<C> fmt::Debug for Verifier<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier")
            .field("trusted", &self.trusted)
            .field("max_token_len", &self.max_token_len)
            .field("checks", &self.checks)
            .finish_non_exhaustive()
    }
}
