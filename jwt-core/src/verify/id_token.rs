//! ID tokens (OpenID Connect Core 1.0): what a login brings, verified against the request that it answers.

use std::fmt;
use std::time::Duration;

use crate::base64url;
use crate::claims::ClaimsType;
use crate::clock::NumericDate;
use crate::error::{AuthError, ProfileClaim, TokenError};
use crate::key::crypto;
use crate::verify::original_login::OriginalLogin;
use crate::verify::profile::Beside;
use crate::verify::validation::missing;
use crate::verify::{Common, VerifiedToken, Verifier};

/// Verifies the ID token that a login with OpenID Connect brings (Core 1.0 §3.1.3.7). Made by
/// [`build_id_token_verifier`](crate::AuthenticatorBuilder::build_id_token_verifier).
///
/// It is no [`Authenticator`](crate::Authenticator), since an ID token says who has logged in and opens nothing: an
/// application that takes one for an access token lets everybody in who logged in anywhere.
///
/// ```
/// use jwt_core::{Algorithm, Authenticator, KeySet, SigningKey, verify::AuthenticationRequest};
///
/// #[derive(serde::Deserialize)]
/// struct Person {
///     email: String,
/// }
///
/// # let secret = b"a secret of at least thirty-two bytes";
/// # let keys = KeySet::hs256(secret)?;
/// let verifier = Authenticator::<Person>::builder()
///     .keys(keys)
///     .issuer("https://login.example.com")
///     .build_id_token_verifier("my-client")?;
///
/// // In the handler of the callback, with the nonce that was kept in a cookie when the login began.
/// # let (nonce, access_token) = ("n-0S6_WzA2Mj", "at");
/// # let id_token = SigningKey::secret(Algorithm::HS256, secret)?.sign(&serde_json::json!({
/// #     "iss": "https://login.example.com", "aud": "my-client", "sub": "alice", "email": "alice@example.com",
/// #     "iat": 1_790_000_000, "exp": 4_000_000_000_u64, "nonce": nonce,
/// # }))?;
/// let login = AuthenticationRequest::with_nonce(nonce).access_token(access_token);
/// let person = verifier.verify(&id_token, &login)?;
/// println!("{} is {:?}", person.email, person.subject());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct IdTokenVerifier<C>(Verifier<C>);

impl<C: ClaimsType> IdTokenVerifier<C> {
    pub(crate) fn new(verifier: Verifier<C>) -> Self {
        Self(verifier)
    }

    /// Verifies an ID token, and that it answers this request. Never waits; with keys that are
    /// fetched, [`verify_async`](Self::verify_async) is what an unknown key needs.
    pub fn verify(
        &self,
        token: impl AsRef<[u8]>,
        login: &AuthenticationRequest<'_>,
    ) -> Result<VerifiedToken<C>, AuthError> {
        self.fits(self.0.verify(token)?, login)
    }

    /// The same, and where the answer depends on keys that are on their way, after they have arrived or failed to.
    pub async fn verify_async(
        &self,
        token: impl AsRef<[u8]>,
        login: &AuthenticationRequest<'_>,
    ) -> Result<VerifiedToken<C>, AuthError> {
        self.fits(self.0.verify_async(token).await?, login)
    }

    fn fits(&self, token: VerifiedToken<C>, login: &AuthenticationRequest<'_>) -> Result<VerifiedToken<C>, AuthError> {
        login.check(token.common(), self.0.now())?;
        Ok(token)
    }
}

impl<C> fmt::Debug for IdTokenVerifier<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("IdTokenVerifier").field(&self.0).finish()
    }
}

/// The request that an ID token must be the answer to: what the application remembers of what it sent.
#[derive(Clone, Copy)]
pub struct AuthenticationRequest<'a> {
    kind: Answers<'a>,
    max_age: Option<Duration>,
    access_token: Option<Companion<'a>>,
    code: Option<Companion<'a>>,
    same_login: Option<&'a OriginalLogin>,
}

#[derive(Clone, Copy)]
enum Answers<'a> {
    Login { nonce: Option<&'a str> },
    Refresh(&'a OriginalLogin),
}

/// What came along with an ID token, which holds its hash.
#[derive(Clone, Copy)]
struct Companion<'a> {
    text: &'a str,
    hash_required: bool,
}

impl<'a> AuthenticationRequest<'a> {
    /// The request had this `nonce`, so the token must have the same (Core §3.1.3.7 no. 11): it is what ties the answer
    /// to the browser in which the login began. No token has an empty one.
    pub fn with_nonce(nonce: &'a str) -> Self {
        Self::new(Answers::Login { nonce: Some(nonce) })
    }

    /// The request had no `nonce`. A token that has one is the answer to another login and is refused. Only where `state`
    /// and PKCE tie the answer to the browser.
    pub fn without_nonce() -> Self {
        Self::new(Answers::Login { nonce: None })
    }

    /// The token came with a refresh of that login, and says what the ID token of the login said: the same `iss`, `sub`,
    /// `aud`, `azp` and `auth_time`, and the same `nonce` if it has one; its `iat` is no earlier (Core §12.2).
    pub fn refresh_of(login: &'a OriginalLogin) -> Self {
        Self::new(Answers::Refresh(login))
    }

    fn new(kind: Answers<'a>) -> Self {
        Self { kind, max_age: None, access_token: None, code: None, same_login: None }
    }

    /// The user must have authenticated no longer ago than this, plus the leeway, by `auth_time`, which is
    /// required by this (Core §3.1.2.1, §3.1.3.7 no. 13). The same as `max_age` in the request.
    #[must_use]
    pub fn max_age(mut self, max_age: Duration) -> Self {
        self.max_age = Some(max_age);
        self
    }

    /// The access token that came along. Where the ID token has `at_hash`, it must be that of this one (Core §3.1.3.8).
    #[must_use]
    pub fn access_token(mut self, access_token: &'a str) -> Self {
        self.access_token = Some(Companion { text: access_token, hash_required: false });
        self
    }

    /// The access token that came along through the browser, from the authorization endpoint: there `at_hash` and
    /// `nonce` are required (Core §3.2.2.9, §3.2.2.10 and §3.3.2.11).
    #[must_use]
    pub fn front_channel_access_token(mut self, access_token: &'a str) -> Self {
        self.access_token = Some(Companion { text: access_token, hash_required: true });
        self
    }

    /// The authorization code that the ID token was had for. Where it has `c_hash`, it must be that of this one (Core
    /// §3.3.2.10).
    #[must_use]
    pub fn code(mut self, code: &'a str) -> Self {
        self.code = Some(Companion { text: code, hash_required: false });
        self
    }

    /// The authorization code that came along through the browser, in the hybrid flow: there `c_hash` and `nonce` are
    /// required (Core §3.3.2.11).
    #[must_use]
    pub fn front_channel_code(mut self, code: &'a str) -> Self {
        self.code = Some(Companion { text: code, hash_required: true });
        self
    }

    /// An ID token of the same login came before, through the browser in the hybrid flow: this one must have the same
    /// `iss` and `sub` (Core §3.3.3.6).
    #[must_use]
    pub fn same_login_as(mut self, first: &'a OriginalLogin) -> Self {
        self.same_login = Some(first);
        self
    }

    fn check(&self, token: &Common, now: NumericDate) -> Result<(), TokenError> {
        let beside = Beside::read(token.json())?;
        let nonce = beside.text(ProfileClaim::Nonce)?;
        match self.kind {
            Answers::Login { nonce: sent } => self.check_nonce(sent, nonce.as_deref())?,
            Answers::Refresh(login) => login.check_refreshed(token, &beside)?,
        }
        self.same_login.map_or(Ok(()), |first| first.check_user(token))?;
        // Of the right type also where nobody asks for it.
        let authenticated = beside.date(ProfileClaim::AuthenticationTime)?;
        if let Some(max_age) = self.max_age {
            let authenticated = authenticated.ok_or_else(|| missing("auth_time"))?.since_epoch();
            let (now, leeway) = (now.since_epoch(), token.leeway());
            if now >= authenticated.saturating_add(max_age).saturating_add(leeway) {
                let by = now.saturating_sub(authenticated.saturating_add(max_age));
                return Err(TokenError::AuthenticationTooOld { by });
            }
            if now.saturating_add(leeway) < authenticated {
                return Err(TokenError::AuthenticationInFuture { early: authenticated.saturating_sub(now) });
            }
        }
        for (companion, claim, wrong) in [
            (self.access_token, ProfileClaim::AccessTokenHash, TokenError::AccessTokenHash),
            (self.code, ProfileClaim::CodeHash, TokenError::CodeHash),
        ] {
            match (companion, beside.text(claim)?) {
                (Some(companion), None) if companion.hash_required => return Err(missing(claim.as_str())),
                (Some(Companion { text, .. }), Some(hash)) if half_hash(token, text).as_deref() != Some(&*hash) => {
                    return Err(wrong);
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn check_nonce(&self, sent: Option<&str>, nonce: Option<&str>) -> Result<(), TokenError> {
        let front_channel = [self.access_token, self.code].into_iter().flatten().any(|one| one.hash_required);
        match (sent, nonce) {
            (Some(_), None) => Err(missing("nonce")),
            // Core §3.2.2.10, §3.3.2.11: nothing else ties to a browser what came through one.
            (None, None) if front_channel => Err(missing("nonce")),
            (Some(sent), Some(nonce)) if sent.is_empty() || nonce != sent => Err(TokenError::Nonce),
            (None, Some(_)) => Err(TokenError::Nonce),
            _ => Ok(()),
        }
    }
}

/// The left half of the hash that the token's algorithm uses, in base64url (Core §3.1.3.6).
fn half_hash(token: &Common, text: &str) -> Option<String> {
    let hash = crypto::digest(token.header()?.algorithm(), text.as_bytes());
    Some(base64url::encode(&hash[..hash.len() / 2]))
}

impl fmt::Debug for AuthenticationRequest<'_> {
    /// Without nonce, token and code.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthenticationRequest")
            .field("refresh", &matches!(self.kind, Answers::Refresh(_)))
            .field("max_age", &self.max_age)
            .field("access_token", &self.access_token.is_some())
            .field("code", &self.code.is_some())
            .finish_non_exhaustive()
    }
}
