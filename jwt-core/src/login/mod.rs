//! Logging in, refreshing and logging out: what issuer, refresh tokens, cookies and revocations do together.

mod at_gate;
mod attempt;
mod body;
mod build_error;
mod builder;
mod cookies;
mod cookies_builder;
#[cfg(feature = "device")]
mod device;
mod device_error;
mod error;
pub mod logout;
mod more_routes;
mod new_login;
#[cfg(feature = "oidc")]
pub mod oidc;
mod options;
mod proof;
mod refusal;
mod renewal;
mod routes;
mod tokens;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::header::HOST;
use http::{HeaderMap, Request};
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

pub use attempt::{BrowserLogin, LoginAttempt};
pub use body::BodyError;
pub use build_error::{LoginCookiesBuildError, LoginsBuildError};
pub use builder::LoginsBuilder;
pub use cookies::{LoginCookies, SameSite};
pub use cookies_builder::LoginCookiesBuilder;
pub use device_error::DeviceError;
pub use error::LoginError;
pub use new_login::NewLogin;
pub use proof::RefusedProof;
pub use refusal::LoginRefusal;
pub use routes::{Device, LoginRoute};
pub use tokens::{Login, RefreshToken, UnfitToken};

use crate::authenticator::AuthenticatorBuilder;
use crate::authenticator::renewal::Renewal;
use crate::base64url;
use crate::binding::Binding;
use crate::claims::ClaimsType;
use crate::claims::confirmation::Thumbprint;
use crate::clock::NumericDate;
use crate::error::AuthError;
use crate::facade::tracing;
use crate::issue::{AccessToken, IssueError, Issuer, Particulars};
use crate::observe::log;
use crate::request::RequestHead;
use crate::request::cross_site::{CrossSite, page_and_host};
use crate::request::refresh_cookie::RefreshCookie;
use crate::request::source::{self, Credential, Presented, TokenSource};
use crate::revocation::Revocations;
use crate::session::Ended;
use crate::session::opaque::OpaqueToken;
use crate::session::refresh::{RefreshError, RefreshTokens};
use crate::session::sign_in::{NewSignIn, SignIn};
use crate::store::{SignInId, SignInKey, StoreError};
use crate::verify::Verifier;
use body::Media;
use builder::{BoundRequests, Reload};
use more_routes::MoreRoutes;
use new_login::Start;
use options::LoginOptions;
use proof::Proof;
use renewal::Renewals;
use routes::Paths;

/// Logs users in and out, and refreshes their logins: an issuer, its refresh tokens, and the cookies of a browser. Cheap to
/// clone.
///
/// ```
/// use std::sync::Arc;
/// use jwt_core::{Algorithm, Issuer, Logins, MemoryStore, RefreshTokens, SigningKey};
///
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct User {
///     sub: String,
///     name: String,
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let issuer = Issuer::builder("https://auth.example.com")
///     .audience("api")
///     .signing_key(SigningKey::generate(Algorithm::ES256)?)
///     .build()?;
/// let refresh_tokens = RefreshTokens::builder(Arc::new(MemoryStore::new())).build()?;
/// let logins = Logins::builder(issuer, refresh_tokens).build()?;
/// let auth = logins.authenticator::<User>().build()?; // for the middleware
///
/// let login = logins.log_in(&User { sub: "alice".into(), name: "Alice".into() }, "Firefox on Linux").await?;
/// let login = logins.refresh(login.refresh_token().unwrap().as_str()).await?;
/// logins.log_out(login.refresh_token().unwrap().as_str()).await?;
/// # let _ = auth;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Logins(Arc<Inner>);

struct Inner {
    issuer: Issuer,
    refresh: RefreshTokens,
    cookies: LoginCookies,
    without_cookies: bool,
    refresh_cookie: RefreshCookie,
    cross_site: CrossSite,
    reload: Option<Box<Reload>>,
    /// For access tokens whose login is to end.
    verifier: Verifier<()>,
    revocations: Option<Revocations>,
    /// For proofs that come with logins and refreshes, and what authenticators are told of those that come with requests.
    binding: Binding,
    bound_requests: BoundRequests,
    paths: Paths,
    more: Vec<Arc<dyn MoreRoutes>>,
    /// Set where the middleware renews logins.
    renewals: Option<Renewals>,
}

/// How many access tokens and how many refresh tokens of one request are ended. Browsers send one of each, and some more
/// where paths or domains have changed.
const MAX_ENDED: usize = 8;

/// A login that is to end: by the name of its family of refresh tokens.
struct Ending {
    key: SignInKey,
    /// The subject, where it is known that there is or was such a login. Otherwise the store is asked: anybody could fill
    /// the list of revoked ones with names that are made up.
    subject: Option<String>,
}

impl Logins {
    /// A builder with the defaults.
    pub fn builder(issuer: Issuer, refresh: RefreshTokens) -> LoginsBuilder {
        LoginsBuilder::new(issuer, refresh)
    }

    /// Signs an access token with these claims, which must have a `sub`, and starts a family of refresh tokens. `label` is
    /// what the user will recognize the login by, such as the `User-Agent`. What this returns is awaited, and before that it
    /// has settings for this one login: [`NewLogin`].
    ///
    /// The claims are remembered: a [refresh](Self::refresh) signs them again.
    ///
    /// This is for clients that are no browsers, which get [`Login::json`]. A login in cookies needs a request of which it is
    /// known that no page of another site has made it: a [`LoginAttempt`] has the same method.
    ///
    /// With [`proof_from`](NewLogin::proof_from), the tokens are bound to a key of the client.
    ///
    /// # Errors
    /// [`LoginError::NoSubject`] and [`LoginError::Issue`] for claims that cannot be signed, [`LoginError::Store`] where the
    /// login cannot be remembered.
    pub fn log_in<C: Serialize + ?Sized>(&self, claims: &C, label: &str) -> NewLogin {
        NewLogin::new(self.clone(), claims, label, |login| login)
    }

    async fn start(&self, start: Start) -> Result<Login, LoginError> {
        let Start { claims, label, mut options, remember_for, provider_session, proof, keep } = start;
        let claims = claims?;
        let complete = options.complete(&claims)?;
        let subject = subject(&complete)?;
        let mut new = NewSignIn::new(subject.as_str(), &claims)?.label(&label);
        if let Some(time) = remember_for {
            let most = self.0.refresh.absolute_timeout();
            if time < Duration::from_secs(1) || time > most {
                return Err(LoginError::RememberedFor { time, most });
            }
            new = new.ends_after(time);
        }
        if let Some(session) = provider_session {
            new = new.provider_session(session);
        }
        if matches!(proof, Proof::InCookies { given: false }) && self.0.binding.is_required() {
            return Err(LoginError::CookiesUnbound);
        }
        if matches!(proof, Proof::InCookies { .. }) {
            for more in &self.0.more {
                more.begin(&mut options)?;
            }
        }
        let client = self.client(&proof, None).await?;
        options.jkt = client.thumbprint.map(base64url::encode);
        let mut prepared = self.0.refresh.prepare(new)?;
        if let (Some(origin), Some(keep)) = (&mut options.origin, keep) {
            origin.kept = Some(keep(prepared.id()).ok_or(StoreError::Backend)?);
        }
        prepared.set_options(options.text()?)?;
        // Before anything is remembered, so that claims that cannot be signed leave nothing behind.
        let access = self.sign(&subject, None, prepared.id(), &complete, &options, client.thumbprint).await?;
        let (token, sign_in) = self.0.refresh.remember(prepared).await?;
        self.check_provider_session(&sign_in).await?;
        let offer = self.0.more.iter().find_map(|more| more.offer(self, &token, &options));
        Ok(self.login(access, &token, &sign_in, &options)?.with_nonce(client.nonce).with_offer(offer))
    }

    /// Ends a login that its provider has ended while it started: it was not seen there, and is on the list.
    async fn check_provider_session(&self, sign_in: &SignIn) -> Result<(), LoginError> {
        let (Some(list), Some(_)) = (&self.0.revocations, &sign_in.provider_session) else { return Ok(()) };
        list.catch_up().await?;
        self.check_not_ended(sign_in).await
    }

    async fn check_not_ended(&self, sign_in: &SignIn) -> Result<(), LoginError> {
        if self.0.revocations.as_ref().is_some_and(|list| sign_in.is_ended_by(list)) {
            let key = self.0.refresh.key_of(&sign_in.subject, sign_in.id)?;
            self.end(vec![Ending { key, subject: Some(sign_in.subject.clone()) }]).await?;
            return Err(RefreshError::Ended.into());
        }
        Ok(())
    }

    fn login(
        &self,
        access: AccessToken,
        token: &OpaqueToken,
        sign_in: &SignIn,
        options: &LoginOptions,
    ) -> Result<Login, LoginError> {
        let login = Login::new(access).with_refresh(self.refresh_token(token, sign_in)?);
        let login = if options.until_closed { login.until_closed() } else { login };
        Ok(if options.device_key()?.is_some() { login.bound_to_device() } else { login })
    }

    /// Exchanges a refresh token for the next login: the next refresh token, and an access token with the same claims, or
    /// with those that are [reloaded](LoginsBuilder::reload).
    ///
    /// The token is exchanged last, when everything else has succeeded: after an error the same token is as good as before,
    /// unless the error is that it is not good.
    ///
    /// # Errors
    /// [`LoginError::Refresh`] where the token is not good, [`LoginError::ProofMissing`] where its login is bound to a key,
    /// and the other variants where the next access token cannot be signed.
    pub async fn refresh(&self, token: impl AsRef<[u8]>) -> Result<Login, LoginError> {
        self.refresh_shown(token.as_ref(), Proof::Absent).await
    }

    /// The same with the proof in the field `DPoP` of a request, where it has one (RFC 9449 §5).
    ///
    /// A login that began with a proof is refreshed with a proof by the same key. Without one, and with one by another key,
    /// nothing is exchanged and nothing ends, also where the refresh token was used before: whoever holds a copy of it and not
    /// the key gets nothing, and logs nobody out.
    ///
    /// A login that began without a proof stays so. With one, its next access token is bound to the key of the proof, and its
    /// refresh token is good without one as before: otherwise, a thief could bind it to a key of their own, and the second use
    /// that gives them away would no longer end it.
    ///
    /// # Errors
    /// As [`refresh`](Self::refresh), and [`LoginError::Proof`], [`LoginError::OtherKey`] and
    /// [`LoginError::ProofsUnavailable`].
    pub async fn refresh_with_proof(
        &self,
        token: impl AsRef<[u8]>,
        head: &impl RequestHead,
    ) -> Result<Login, LoginError> {
        self.refresh_shown(token.as_ref(), self.proof_of(head)).await
    }

    async fn refresh_shown(&self, token: &[u8], proof: Proof) -> Result<Login, LoginError> {
        let inner = &*self.0;
        let found = inner.refresh.find(token).await?;
        let options = LoginOptions::read(&found.sign_in.options)?;
        let client = self.client(&proof, options.key()?.as_ref()).await?;
        if options.device_key()?.is_some() {
            return Err(LoginError::BoundToDevice);
        }
        // Only now: whoever has a copy of a token, and not the key, ends nothing.
        let sign_in = match inner.refresh.still_good(found).await {
            Ok(sign_in) => sign_in,
            Err(error) => return Err(self.not_refreshed(error).await),
        };
        let access = self.next_access(&sign_in, &options, client.thumbprint).await?;
        match inner.refresh.refresh(token).await {
            Ok((token, sign_in)) => Ok(self.login(access, &token, &sign_in, &options)?.with_nonce(client.nonce)),
            Err(error) => Err(self.not_refreshed(error).await),
        }
    }

    /// The next access token of a login, whose provider is asked before where it is time for that.
    async fn next_access(
        &self,
        sign_in: &SignIn,
        options: &LoginOptions,
        key: Option<Thumbprint>,
    ) -> Result<AccessToken, LoginError> {
        for more in &self.0.more {
            if let Some(today) = more.today(self, sign_in, options).await? {
                return self.next_access_as_known(&today, &LoginOptions::read(&today.options)?, key).await;
            }
        }
        self.next_access_as_known(sign_in, options, key).await
    }

    /// The same, without asking anybody.
    async fn next_access_as_known(
        &self,
        sign_in: &SignIn,
        options: &LoginOptions,
        key: Option<Thumbprint>,
    ) -> Result<AccessToken, LoginError> {
        let inner = &*self.0;
        options.device_key()?;
        self.check_not_ended(sign_in).await?;
        let claims: Cow<'_, RawValue> = match &inner.reload {
            None => Cow::Borrowed(serde_json::from_str(sign_in.data_json()).map_err(|_| IssueError::Claims)?),
            Some(reload) => {
                let Some(claims) = reload(sign_in.clone()).await? else {
                    let key = inner.refresh.key_of(&sign_in.subject, sign_in.id)?;
                    self.end(vec![Ending { key, subject: Some(sign_in.subject.clone()) }]).await?;
                    return Err(RefreshError::Ended.into());
                };
                Cow::Owned(claims)
            }
        };
        let claims = options.complete(&claims)?;
        if subject(&claims)? != sign_in.subject {
            return Err(LoginError::OtherSubject);
        }
        self.sign(&sign_in.subject, Some(sign_in.created_at), sign_in.id, &claims, options, key).await
    }

    /// A login that ends because of a second use: its access tokens end as well, the thief's too.
    async fn not_refreshed(&self, error: RefreshError) -> LoginError {
        if let RefreshError::Reused(sign_in) = &error {
            self.forget(sign_in);
            if let Err(failed) = self.revoke_login(sign_in.id, &sign_in.subject).await {
                tracing::error!(target: "jwt", reason = %failed, "the access tokens of a sign-in that was ended could not be revoked");
            }
        }
        error.into()
    }

    /// The same with the refresh token in the cookie of a request: for a route that refreshes.
    ///
    /// # Errors
    /// [`LoginError::Request`] where there is no refresh token of this browser's login, or where a page of another site may
    /// have made the request; [`LoginError::ProofInCookies`] where it has a proof; otherwise as [`refresh`](Self::refresh). Where the login has ended, the response of the
    /// refusal clears the cookies.
    pub async fn refresh_from_request(&self, head: &impl RequestHead) -> Result<BrowserLogin, LoginRefusal> {
        let refused = match self.refresh_token_from_request(head) {
            Ok(Some(token)) => match self.refresh_shown(token, Proof::in_cookies(head)).await {
                Ok(login) => return Ok(BrowserLogin::new(self, login, matches!(Media::of(head), Ok(Media::Form)))),
                Err(error) => error,
            },
            Ok(None) => AuthError::MissingToken.into(),
            Err(error) => error.into(),
        };
        let has_ended = match &refused {
            LoginError::Refresh(error) => !matches!(error, RefreshError::Store(_)),
            LoginError::Request(AuthError::CrossSite(_)) => false,
            // There is one that cannot be used: the next request would have it again.
            LoginError::Request(_) => self.0.refresh_cookie.all(head).next().is_some(),
            _ => false,
        };
        Err(if has_ended { LoginRefusal::clearing(refused, self.clear_cookies()) } else { refused.into() })
    }

    /// Ends the login of a refresh token: the family of its refresh tokens, and with
    /// [`revocations`](LoginsBuilder::revocations) its access tokens. Without, an access token stays good until it expires.
    ///
    /// # Errors
    /// [`StoreError`], where the refresh tokens could not be ended or the access tokens could not be revoked. Both were
    /// tried: call it again.
    pub async fn log_out(&self, token: impl AsRef<[u8]>) -> Result<(), StoreError> {
        let key = RefreshTokens::key(token.as_ref());
        self.end(key.map(|key| Ending { key, subject: None }).into_iter().collect()).await
    }

    /// Ends one login of a user, by its name in the [list](RefreshTokens::list) of the user's logins, as
    /// [`log_out`](Self::log_out) does. A login of another user is never ended.
    ///
    /// # Errors
    /// As [`log_out`](Self::log_out).
    pub async fn log_out_device(&self, subject: &str, id: SignInId) -> Result<(), StoreError> {
        self.end(vec![Ending { key: self.0.refresh.key_of(subject, id)?, subject: None }]).await
    }

    /// Ends logins: their access tokens first, also those that are still to be signed, so that what fails in between, or is
    /// given up by a client that goes away, is found again. Whatever fails, everything else is tried.
    async fn end(&self, logins: Vec<Ending>) -> Result<(), StoreError> {
        let Inner { refresh, revocations, .. } = &*self.0;
        let mut result = Ok(());
        for Ending { key, subject } in logins {
            let wanted = revocations.is_some() && subject.is_none();
            let found = if wanted || self.follows_logins() { refresh.named(key).await } else { Ok(None) };
            let found = match found {
                Ok(found) => found,
                Err(error) if wanted => {
                    // Without its record, nobody could tell at the next attempt whose access tokens are to be revoked.
                    result = result.and(Err(error));
                    continue;
                }
                // Nothing but the provider does not learn of it.
                Err(_) => None,
            };
            if let Some(subject) = subject.as_deref().or(found.as_ref().map(|sign_in| sign_in.subject.as_str())) {
                result = result.and(self.revoke_login(key.id, subject).await);
            }
            result = result.and(refresh.end_key(key).await);
            if let Some(sign_in) = &found {
                self.forget(sign_in);
            }
        }
        result
    }

    fn follows_logins(&self) -> bool {
        self.0.more.iter().any(|more| more.follows_logins())
    }

    /// Whoever keeps something for a login that has ended learns of it.
    fn forget(&self, sign_in: &SignIn) {
        self.0.more.iter().for_each(|more| more.forget(sign_in));
    }

    /// Revokes the access tokens of a login, where there is a list.
    async fn revoke_login(&self, id: SignInId, subject: &str) -> Result<(), StoreError> {
        let Inner { issuer, revocations, .. } = &*self.0;
        match revocations {
            Some(list) => {
                let login = (subject, &*id.to_string());
                list.revoke_session_of(issuer.name(), login, issuer.access_token_lifetime()).await
            }
            None => Ok(()),
        }
    }

    /// Ends the logins that began with that at a provider, no later than at this moment, and says how many. Their access
    /// tokens first, also those that are still to be signed: what fails in between is found again.
    pub(crate) async fn end_at_provider(&self, ended: Ended<'_>, until: NumericDate) -> Result<usize, StoreError> {
        let logins = self.0.refresh.ended_by(ended, until).await?;
        for login in &logins {
            self.revoke_login(login.id, &login.subject).await?;
            self.0.refresh.end_one(&login.subject, login.id).await?;
            self.forget(login);
        }
        Ok(logins.len())
    }

    /// Ends every login of a user, on all devices: when an account is locked, a device is lost, or a password is changed.
    ///
    /// With [`revocations`](LoginsBuilder::revocations), the access tokens that this issuer has signed for the subject until
    /// now are refused as well: on this instance at once, on other instances after their next poll. Without, they stay good
    /// until they expire. The user can log in again at once. On an instance that has not polled yet, a new login within that
    /// quarter of a second is refused too.
    ///
    /// # Errors
    /// [`StoreError`], where the refresh tokens could not be ended or the access tokens could not be revoked. Both were
    /// tried: call it again.
    pub async fn log_out_everywhere(&self, subject: &str) -> Result<(), StoreError> {
        let Inner { issuer, refresh, revocations, .. } = &*self.0;
        let known = if self.follows_logins() { refresh.list(subject).await.unwrap_or_default() } else { Vec::new() };
        // The families first: otherwise, a refresh between the two steps would sign a token that is not revoked.
        let ended = refresh.end_all(subject).await;
        for sign_in in &known {
            self.forget(sign_in);
        }
        let revoked = match revocations {
            Some(list) => list.revoke_all(issuer.name(), subject, issuer.access_token_lifetime()).await,
            None => Ok(()),
        };
        ended.and(revoked)
    }

    /// Revokes one access token, and not the others of its login. Without [`revocations`](LoginsBuilder::revocations), this
    /// does nothing, and the token stays good until it expires. A token that is not good is no error.
    pub async fn revoke_access_token(&self, token: impl AsRef<[u8]>) -> Result<(), StoreError> {
        let Inner { verifier, revocations: Some(list), .. } = &*self.0 else { return Ok(()) };
        let Ok(token) = verifier.verify_unproven(token) else { return Ok(()) };
        match token.expires_at() {
            Some(expires_at) => list.revoke_token(&token, expires_at).await,
            // Not a token of this issuer, which always writes it.
            None => Ok(()),
        }
    }

    /// For a route that logs out: ends every login that the request has a token of, and yields
    /// [`clear_cookies`](Self::clear_cookies) for the response. It takes the access tokens of the `Authorization` header and of
    /// the cookie, and the refresh tokens of the cookie, up to eight of each; those that are not good are passed over. Of
    /// each login, it revokes the access tokens first, where there are [`revocations`](LoginsBuilder::revocations). Then it
    /// ends the refresh tokens. A request without any token is no error.
    ///
    /// # Errors
    /// [`LoginError::Store`] where not everything could be ended. The rest was, and the response of the refusal clears the
    /// cookies too. [`LoginError::Request`] where a page of another site may have made the request: nothing is ended, and
    /// nothing is cleared.
    pub async fn log_out_from_request(&self, head: &impl RequestHead) -> Result<HeaderMap, LoginRefusal> {
        let Inner { cookies, refresh, refresh_cookie, verifier, revocations, .. } = &*self.0;
        let access: Vec<Credential<'_>> = source::all(head, cookies.access_name()).take(MAX_ENDED).collect();
        let mut families: Vec<SignInKey> = Vec::new();
        // That of this browser first, in case others have planted many.
        for token in refresh_cookie.find(head).ok().flatten().into_iter().chain(refresh_cookie.all(head)) {
            if let Some(key) = RefreshTokens::key(token)
                && !families.contains(&key)
                && families.len() < MAX_ENDED
            {
                families.push(key);
            }
        }
        // Also without a cookie: the response makes a browser forget its cookies.
        let has_refresh_token = refresh_cookie.all(head).next().is_some();
        if has_refresh_token || access.iter().all(|access| access.presented == Presented::InCookie) {
            self.check_origin(head)?;
        }

        let mut logins: Vec<Ending> = Vec::new();
        let mut others = Vec::new();
        for token in access.iter().filter_map(|access| verifier.verify_unproven(access.token).ok()) {
            let login = token.session_id().and_then(|id| id.parse::<SignInId>().ok()).zip(token.subject());
            match login.and_then(|(id, subject)| Some((refresh.key_of(subject, id).ok()?, subject))) {
                Some((key, subject)) if logins.iter().all(|login| login.key != key) => {
                    logins.push(Ending { key, subject: Some(subject.to_owned()) });
                }
                Some(_) => {}
                None => others.push(token),
            }
        }
        families.retain(|key| logins.iter().all(|login| login.key != *key));
        logins.extend(families.into_iter().map(|key| Ending { key, subject: None }));
        let mut ended = self.end(logins).await;
        for token in others {
            // Not of a login, but signed by the issuer, which always writes an `exp`.
            if let (Some(list), Some(end)) = (revocations, token.expires_at()) {
                ended = ended.and(list.revoke_token(&token, end).await);
            }
        }
        match ended {
            Ok(()) => Ok(self.clear_cookies()),
            Err(error) => Err(LoginRefusal::clearing(error.into(), self.clear_cookies())),
        }
    }

    /// The refresh token in the cookie of a request that refreshes or ends a login; `None` where there is none, or none of
    /// this browser's login.
    ///
    /// # Errors
    /// [`AuthError::InvalidRequest`] where there are several, and [`AuthError::CrossSite`] where a page of another site may
    /// have made the request.
    pub fn refresh_token_from_request<'r>(&'r self, head: &'r impl RequestHead) -> Result<Option<&'r [u8]>, AuthError> {
        let cookie = &self.0.refresh_cookie;
        if self.0.without_cookies || cookie.all(head).next().is_none() {
            return Ok(None);
        }
        self.check_origin(head)?;
        Ok(cookie.find(head)?)
    }

    /// Refuses a request that changes something and that a page of another site may have made, whether or not it has a
    /// cookie: for routes such as one that signs up. The route that logs in has this check in its [`LoginAttempt`].
    ///
    /// # Errors
    /// [`AuthError::CrossSite`].
    pub fn check_origin(&self, head: &impl RequestHead) -> Result<(), AuthError> {
        self.0.cross_site.check(head, true).map(drop).map_err(|error| {
            log::cross_site(error, page_and_host(head));
            error.into()
        })
    }

    /// The header fields that keep a login in a browser, which has made the request itself.
    fn set_cookies(&self, login: &Login) -> HeaderMap {
        let mut headers = login.dangerous_set_cookies(&self.0.cookies);
        headers.extend(login.offer().cloned());
        headers
    }

    /// The header fields that make a browser forget its login.
    pub fn clear_cookies(&self) -> HeaderMap {
        self.0.cookies.clear()
    }

    /// A builder for an authenticator that accepts the access tokens of these logins, from the `Authorization` header or the
    /// cookie. It has the public origins of the logins, and what they say of proofs.
    pub fn authenticator<C: ClaimsType>(&self) -> AuthenticatorBuilder<C> {
        let Inner { issuer, cookies, refresh_cookie, cross_site, revocations, renewals, bound_requests, .. } = &*self.0;
        let builder = bound_requests.tell(issuer.authenticator()).source(TokenSource::bearer());
        let builder = if self.0.without_cookies { builder } else { builder.source(cookies.source()) };
        let builder = cross_site.trusted.iter().fold(builder, |builder, origin| builder.trusted_origin(&**origin));
        let builder = match revocations {
            Some(list) => builder.revocations(list),
            None => builder,
        };
        let builder = match renewals {
            Some(_) => builder.renewal(Renewal {
                cookie: refresh_cookie.clone(),
                cross_site: cross_site.clone(),
                renew: Arc::new(self.clone()),
            }),
            None => builder,
        };
        match cookies.csrf_tokens() {
            Some(tokens) => builder.csrf(tokens),
            None => builder,
        }
    }

    /// The public origin by which a request has come, with its path; the first one where none of them is known by.
    fn public_origin_of(&self, head: &Request<()>) -> &str {
        let origins = &self.0.bound_requests.public_origins;
        let host = head.headers().get(HOST).and_then(|host| host.to_str().ok());
        let is_of = |origin: &str| {
            let (_, place) = origin.split_once("://").unwrap_or(("", origin));
            host.is_some_and(|host| place.split('/').next().is_some_and(|own| own.eq_ignore_ascii_case(host)))
        };
        let origin = origins.iter().find(|origin| is_of(origin)).or(origins.first());
        origin.map_or("", |origin| origin.trim_end_matches('/'))
    }

    /// The issuer that signs the access tokens.
    pub fn issuer(&self) -> &Issuer {
        &self.0.issuer
    }

    /// The refresh tokens: for a list of devices, and for ending the login on one of them.
    pub fn refresh_tokens(&self) -> &RefreshTokens {
        &self.0.refresh
    }

    /// Signs claims for a login that started at that moment, or that starts now, with an `iat` late enough for what was
    /// revoked before it.
    async fn sign(
        &self,
        subject: &str,
        started: Option<NumericDate>,
        login: SignInId,
        claims: &RawValue,
        options: &LoginOptions,
        key: Option<Thumbprint>,
    ) -> Result<AccessToken, LoginError> {
        let Inner { issuer, revocations, .. } = &*self.0;
        let not_before = revocations.as_ref().and_then(|list| list.not_before(issuer.name(), subject, started));
        Ok(issuer.sign_for(claims, Particulars { not_before, ..options.particulars(&login.to_string(), key) }).await?)
    }

    fn refresh_token(&self, token: &OpaqueToken, sign_in: &SignIn) -> Result<RefreshToken, LoginError> {
        let now = self.0.issuer.now().since_epoch();
        let left = sign_in.expires_at.since_epoch().saturating_sub(now);
        // Rounded up, so that the time since the start of the family does not take a second off.
        let lifetime = Duration::from_secs(left.as_secs() + u64::from(left.subsec_nanos() > 0));
        RefreshToken::new(token.as_str(), lifetime).map_err(|_| LoginError::Store(StoreError::Data))
    }
}

/// The `sub` of the claims, which have no `sid` of their own.
fn subject(claims: &RawValue) -> Result<String, LoginError> {
    #[derive(Deserialize)]
    struct Named {
        sub: String,
        #[serde(default, deserialize_with = "any")]
        sid: bool,
    }
    fn any<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| true)
    }
    let named: Named = serde_json::from_str(claims.get()).map_err(|_| LoginError::NoSubject)?;
    if named.sid { Err(LoginError::SessionId) } else { Ok(named.sub) }
}

impl fmt::Debug for Logins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.0;
        f.debug_struct("Logins")
            .field("issuer", &inner.issuer)
            .field("refresh", &inner.refresh)
            .field("cookies", &inner.cookies)
            .field("without_cookies", &inner.without_cookies)
            .field("cross_site", &inner.cross_site)
            .field("reload", &inner.reload.is_some())
            .field("revocations", &inner.revocations)
            .field("transparent_renewal", &inner.renewals)
            .finish()
    }
}
