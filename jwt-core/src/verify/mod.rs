//! One token: header, key, signature, claims. And the ports through which other rooms take part in that: kinds of token
//! that are looked up, a memory of verified tokens, a list of revoked ones, a choice among several issuers.

mod authority;
mod claimed;
mod header;
mod id_token;
mod known_headers;
mod look_up;
mod original_login;
mod party;
mod profile;
mod scan;
mod token;
mod trust;
pub(crate) mod validation;

use std::fmt;
use std::marker::PhantomData;
use std::net::IpAddr;
use std::sync::Arc;

use serde::de::DeserializeOwned;

pub use crate::claims::ClaimsType;
pub use crate::claims::grants::{Grants, RealmAccess, ResourceAccess, Roles, Scopes};
pub(crate) use authority::{Application, Authority, Lookup, ReadToken};
pub use header::Header;
pub use id_token::{AuthenticationRequest, IdTokenVerifier};
pub use look_up::{CredentialKind, LookUp, LookedUp};
#[allow(unused_imports, reason = "for the feature `introspection`")]
pub(crate) use look_up::{Finding, Kind};
pub use original_login::OriginalLogin;
use party::Attempt;
pub(crate) use party::{Hint, Party, Selection, Trusted};
pub(crate) use profile::Profile;
pub(crate) use token::{AnyToken, Common, Evidence, Facts, UntrustedToken};
pub use token::{CompactToken, VerifiedToken};
pub(crate) use trust::{Standing, Trust};
pub(crate) use validation::{Checks, Validation};

use crate::claims::{self, ClaimsError, Noted};
use crate::clock::{Clock, NumericDate};
use crate::error::{AuthError, Malformed, ShapeError, TokenError, Unavailable};
use crate::json::ReadError;
use crate::key::{KeyStatus, Wait};
use crate::observe::log::Claimed;

/// The longest token that is read, in bytes, where nothing else is said: what servers take as a request head.
pub(crate) const DEFAULT_MAX_TOKEN_LEN: usize = 16 * 1024;

/// Verifies a bare token: for queues, sockets, and whatever else is not an HTTP request.
///
/// Made by the same builder as an [`Authenticator`](crate::Authenticator), with
/// [`build_verifier`](crate::AuthenticatorBuilder::build_verifier).
///
/// ```
/// use jwt_core::error::TokenError;
/// use jwt_core::{Algorithm, AuthError, Authenticator, KeySet, SigningKey};
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
    any: Arc<AnyVerifier>,
    claims: PhantomData<fn() -> C>,
}

/// A verifier, whatever the type of the claims.
pub(crate) struct AnyVerifier {
    pub(crate) trusted: Trusted,
    pub(crate) max_token_len: usize,
    pub(crate) application: Arc<dyn ReadToken>,
    /// Whether the application has checks.
    pub(crate) checked: bool,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) kinds: Vec<Arc<dyn Kind>>,
    pub(crate) revocation: Option<RevocationCheck>,
    pub(crate) memory: Option<Box<dyn Remember>>,
}

/// Whether a verified token still counts. Asked for every token, remembered ones too.
pub(crate) type RevocationCheck = Box<dyn Fn(&Identity<'_>) -> Result<(), AuthError> + Send + Sync>;

/// By what a verified token is known.
#[allow(dead_code, reason = "what only revocations ask for is for the feature `login`")]
pub(crate) struct Identity<'t> {
    pub(crate) issuer: Option<&'t str>,
    pub(crate) token_id: Option<&'t str>,
    pub(crate) subject: Option<&'t str>,
    pub(crate) issued_at: Option<NumericDate>,
    claims: &'t str,
}

impl<'t> Identity<'t> {
    /// `sid`: the login that the token belongs to. Looked for when it is asked for.
    pub(crate) fn session_id(&self) -> Option<&'t str> {
        scan::text(self.claims, "sid")
    }
}

/// A memory of verified tokens.
pub(crate) trait Remember: Send + Sync {
    /// The token, if the keys under which it was verified have not been replaced.
    fn get(&self, token: &[u8], application: &Arc<dyn ReadToken>) -> Option<AnyToken>;

    fn insert(&self, token: &AnyToken);

    fn stats(&self) -> CacheStats;
}

/// What a cache of verified tokens did so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheStats {
    /// Look-ups that found the token.
    pub hits: u64,
    /// Look-ups that did not.
    pub misses: u64,
    /// Tokens that had to make room.
    pub evictions: u64,
    /// Tokens that are in it.
    pub entries: usize,
    /// Bytes that they take up, as far as they can be told.
    pub bytes: u64,
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
    /// It is of the kind at that place, which looks it up.
    LookUp(usize),
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
            Self::LookUp(_) => TokenError::NoSession.into(),
        }
    }
}

/// What is wrong with a text that was read as JSON.
fn malformed(error: &ReadError, otherwise: Malformed) -> TokenError {
    TokenError::Malformed(Malformed::of(error, otherwise))
}

/// Reads the claims into `C`, noting the registered ones as they pass by.
fn read_claims<'de, C: DeserializeOwned>(json: &'de str, noted: &mut Noted<'de>) -> Result<C, TokenError> {
    claims::read(json, noted).map_err(|error| match error {
        ClaimsError::Registered(claim) => TokenError::ClaimType(claim),
        ClaimsError::Json(ReadError::Data(error)) => TokenError::Shape(ShapeError::of(noted.trail.path(), &error)),
        ClaimsError::Json(error) => malformed(&error, Malformed::Claims),
    })
}

impl<C> Verifier<C> {
    pub(crate) fn of(any: impl Into<Arc<AnyVerifier>>) -> Self {
        Self { any: any.into(), claims: PhantomData }
    }

    /// The present moment, as it counts for tokens.
    pub(crate) fn now(&self) -> NumericDate {
        self.any.now()
    }

    /// What the cache did so far; `None` where there is none.
    pub fn cache_stats(&self) -> Option<CacheStats> {
        self.any.memory.as_ref().map(|memory| memory.stats())
    }

    /// The state of all keys that are fetched, for a health page: those of each issuer, and those of each tenant that has
    /// sent a good token, sorted by their origin. Empty where no keys are fetched.
    pub fn key_status(&self) -> Vec<KeyStatus> {
        self.any.key_status()
    }
}

impl<C: ClaimsType> Verifier<C> {
    /// Verifies a compact token (RFC 7519 §7.2): its signature first, then its claims. Never waits; with keys that are
    /// fetched, [`verify_async`](Self::verify_async) is what an unknown key needs, and so does every token that is looked
    /// up, such as that of a session.
    ///
    /// # Errors
    /// [`AuthError::InvalidToken`], or [`AuthError::Unavailable`] while no keys have arrived, or while it is not known
    /// whether fetched keys include that of the token by now.
    pub fn verify(&self, token: impl AsRef<[u8]>) -> Result<VerifiedToken<C>, AuthError> {
        Ok(self.any.verify(token.as_ref())?.typed()?)
    }

    /// The same for a token that nobody wants to use, or whose sender is asked for more elsewhere.
    #[allow(dead_code, reason = "for the feature `login`")]
    pub(crate) fn verify_unproven(&self, token: impl AsRef<[u8]>) -> Result<VerifiedToken<C>, AuthError> {
        Ok(self.any.attempt(token.as_ref(), None).map_err(Failure::without_waiting)?.typed()?)
    }

    /// The same, and where the answer depends on keys that are on their way, after they have arrived or failed to. Looks
    /// up what has to be looked up.
    ///
    /// # Errors
    /// As [`verify`](Self::verify).
    pub async fn verify_async(&self, token: impl AsRef<[u8]>) -> Result<VerifiedToken<C>, AuthError> {
        Ok(self.any.verify_async(token.as_ref()).await?.typed()?)
    }
}

impl<C> Clone for Verifier<C> {
    fn clone(&self) -> Self {
        Self::of(self.any.clone())
    }
}

impl<C> fmt::Debug for Verifier<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.any.fmt(f)
    }
}

impl AnyVerifier {
    /// The present moment, as it counts for tokens.
    pub(crate) fn now(&self) -> NumericDate {
        self.clock.now()
    }

    pub(crate) fn verify(&self, token: &[u8]) -> Result<AnyToken, AuthError> {
        let token = self.attempt(token, None).map_err(Failure::without_waiting)?;
        token.common().check_unproven()?;
        Ok(token)
    }

    async fn verify_async(&self, token: &[u8]) -> Result<AnyToken, AuthError> {
        let token = match self.attempt(token, None) {
            Err(Failure::Wait { keys, .. }) => self.verify_after(keys, token).await?,
            Err(Failure::LookUp(kind)) => self.look_up(kind, token, None).await?,
            other => other.map_err(Failure::without_waiting)?,
        };
        token.common().check_unproven()?;
        Ok(token)
    }

    /// Looks a token up, as one of the kind at that place, for a client of that address.
    pub(crate) async fn look_up(
        &self,
        place: usize,
        token: &[u8],
        client: Option<IpAddr>,
    ) -> Result<AnyToken, AuthError> {
        self.kinds.get(place).ok_or(TokenError::NoSession)?.find(token, client, self).await
    }

    /// Verifies a token once these keys have arrived or failed to.
    pub(crate) async fn verify_after(&self, keys: Wait, token: &[u8]) -> Result<AnyToken, AuthError> {
        let again = match self.attempt_again(token, Attempt::after(keys.await)) {
            Err(Failure::Wait { keys, .. }) => keys,
            other => return other.map_err(Failure::without_waiting),
        };
        self.attempt_again(token, Attempt::after(again.await)).map_err(Failure::without_waiting)
    }

    /// Verifies a token that came from a client of that address, if it is known.
    pub(crate) fn attempt(&self, token: &[u8], client: Option<IpAddr>) -> Result<AnyToken, Failure> {
        self.attempt_again(token, Attempt::first(client))
    }

    fn attempt_again(&self, token: &[u8], attempt: Attempt) -> Result<AnyToken, Failure> {
        if token.len() > self.max_token_len {
            return Err(TokenError::TooLong { limit: self.max_token_len }.into());
        }
        if let Some((place, kind)) = self.kinds.iter().enumerate().find(|(_, kind)| kind.recognizes(token)) {
            let known = kind.recall(token, self).ok_or(Failure::LookUp(place))?;
            return known.map_err(Failure::Refused);
        }
        // Where its issuer is not trusted any more, or not as it was, the token is verified again.
        if let Some(verified) = self.memory.as_ref().and_then(|memory| memory.get(token, &self.application))
            && let Some(trust) = verified.common().trust()
            && let Some(now) = trust.holds()
        {
            // What may have changed since: the time, what was revoked, and whatever the application's checks look at.
            self.check_again(&verified).map_err(Failure::Refused)?;
            if trust.verified(now) {
                self.check(&verified)?;
                return Ok(verified);
            }
        }
        let verified = self.verify_jwt(token, UntrustedToken::split(token)?.unpadded(), attempt)?;
        self.check_revocation(&verified).map_err(Failure::Refused)?;
        if let Some(memory) = &self.memory {
            memory.insert(&verified);
        }
        self.check(&verified)?;
        Ok(verified)
    }

    fn verify_jwt(&self, token: &[u8], untrusted: UntrustedToken<'_>, attempt: Attempt) -> Result<AnyToken, Failure> {
        match &self.trusted {
            Trusted::One(party) => {
                let evidence = party.verify(untrusted, attempt)?;
                Ok(self.read(evidence, token, untrusted.claims()?)?)
            }
            Trusted::Several(selection) => self.verify_for_one_of(&**selection, token, untrusted, attempt),
            Trusted::Nobody => Err(TokenError::NotASession.into()),
        }
    }

    fn verify_for_one_of(
        &self,
        selection: &dyn Selection,
        token: &[u8],
        untrusted: UntrustedToken<'_>,
        attempt: Attempt,
    ) -> Result<AnyToken, Failure> {
        let hint = selection.hint(untrusted.header);
        let mut tried = None;
        if let Some(Hint::Of(party)) = &hint
            && let Some(now) = party.trust.holds()
        {
            match party.trust.verify(untrusted) {
                Ok(evidence) => match self.read(evidence, token, untrusted.claims()?) {
                    // Two parties whose tokens have the same header.
                    Err(TokenError::Issuer(_)) => {}
                    Ok(_) if !party.trust.verified(now) => {}
                    other => return other.map_err(Failure::from),
                },
                Err(unverified) => tried = Some((party, unverified)),
            }
        }
        // A party may change while one of its tokens is verified. Twice in a row is more than any application does.
        for _ in 0..2 {
            let claims = untrusted.claims()?;
            let party = selection.named(&claimed::issuer(&claims)?, attempt.client)?;
            let evidence = match tried.take() {
                Some((tried, unverified)) if Arc::ptr_eq(tried, &party) => Err(unverified),
                _ => party.trust.verify(untrusted),
            };
            let evidence = evidence.map_err(|unverified| party.failure(unverified, untrusted, attempt))?;
            let verified = self.read(evidence, token, claims)?;
            if party.trust.holds().is_some_and(|now| party.trust.verified(now)) {
                if !matches!(hint, Some(Hint::Ambiguous)) {
                    selection.learn(untrusted.header, &party);
                }
                return Ok(verified);
            }
        }
        Err(Failure::Refused(Unavailable::KEYS.into()))
    }

    /// The claims of a token whose signature holds, or that its issuer was asked about; `text` is their JSON.
    pub(crate) fn read(&self, evidence: Evidence, token: &[u8], text: String) -> Result<AnyToken, TokenError> {
        let mistyped_allowed = evidence.trust.validation.mistyped_allowed;
        let mut evidence = Some(evidence);
        self.application.clone().read(text, token, mistyped_allowed, &mut |noted, json| {
            // There for one token.
            let evidence = evidence.take().ok_or(TokenError::Malformed(Malformed::Claims))?;
            evidence.trust.validation.check_claims(&noted, json, self.now())?;
            evidence.trust.check_unit(noted.registered.times.expires_at);
            Ok(Facts::of(noted, json, Some(evidence)))
        })
    }

    fn key_status(&self) -> Vec<KeyStatus> {
        let mut all = match &self.trusted {
            Trusted::Nobody => Vec::new(),
            Trusted::One(one) => one.key_status().into_iter().collect(),
            Trusted::Several(selection) => selection.key_status(),
        };
        all.sort_unstable_by(|one, other| one.origin.cmp(&other.origin));
        all
    }

    /// What a rejected token says of itself, for the log.
    pub(crate) fn claimed(&self, token: &[u8]) -> Claimed {
        claimed::for_log(token, self.max_token_len)
    }

    /// Whether the checks of the application let a token pass.
    pub(crate) fn check(&self, token: &AnyToken) -> Result<(), TokenError> {
        if self.checked { token.check() } else { Ok(()) }
    }

    fn check_revocation(&self, token: &AnyToken) -> Result<(), AuthError> {
        self.revocation.as_ref().map_or(Ok(()), |check| check(&token.common().identity()))
    }

    /// Whether a token that was good is still: the time may have passed, and it may have been revoked.
    pub(crate) fn check_again(&self, token: &AnyToken) -> Result<(), AuthError> {
        token.common().check_times(self.now())?;
        self.check_revocation(token)
    }
}

impl fmt::Debug for AnyVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier")
            .field("trusted", &self.trusted)
            .field("max_token_len", &self.max_token_len)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_that_does_not_fit_says_which_field_and_never_a_value() {
        #[derive(serde::Deserialize)]
        #[allow(dead_code)]
        struct User {
            admin: bool,
        }
        #[derive(serde::Deserialize)]
        #[allow(dead_code)]
        struct Numbered {
            sub: u64,
            aud: Option<String>,
        }
        let error = |json: &str| read_claims::<User>(json, &mut Noted::default()).err().unwrap().to_string();
        let numbered = |json: &str| read_claims::<Numbered>(json, &mut Noted::default()).err().unwrap().to_string();
        for json in [r#"{"sub":"alice"}"#, r#"{"sub":"alice","x":{"y":1}}"#, r#"{"x":[1],"sub":"alice" }"#] {
            assert_eq!(
                numbered(json),
                "the claims do not fit their type: `sub` is of type string, expected u64",
                "{json}"
            );
        }
        let wrong = numbered(r#"{"sub":7,"aud":["a","b"]}"#);
        assert_eq!(wrong, "claim `sub` has the wrong type: it takes a string");
        let wrong = numbered(r#"{"aud":["a","b"]}"#);
        assert_eq!(wrong, "the claims do not fit their type: `aud` is of type sequence, expected a string");
        assert_eq!(error("{}"), "the claims do not fit their type: missing field `admin`");
        let wrong = error(r#"{"admin":"hunter2"}"#);
        assert_eq!(wrong, "the claims do not fit their type: `admin` is of type string, expected a boolean");
        let wrong = error(r#"{"exp":"never"}"#);
        assert_eq!(wrong, "claim `exp` has the wrong type: it takes a number of seconds since 1970");
        assert_eq!(error(r#"{"a":1,"a":2}"#), "malformed token: duplicate member name");
        assert_eq!(error("[]"), "malformed token: the claims are not a JSON object");
    }
}
