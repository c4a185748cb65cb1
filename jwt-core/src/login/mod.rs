//! Logging in, refreshing and logging out.

mod cookies;
mod renewal;
mod response;

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use http::header::ORIGIN;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

pub use cookies::{LoginCookies, LoginCookiesBuilder, SameSite};
pub use response::{Login, RefreshToken, UnfitToken};

use crate::authenticator::AuthenticatorBuilder;
use crate::error::{AuthError, CheckError, ConfigError, RequestError};
use crate::issue::{IssueError, Issuer};
use crate::observe::log;
use crate::request::RequestHead;
use crate::request::cross_site::CrossSite;
use crate::request::source::{self, Credential as Found, TokenSource};
use crate::revocation::Revocations;
use crate::session::opaque::OpaqueToken;
use crate::session::refresh::{RefreshError, RefreshTokens};
use crate::session::sign_in::{NewSignIn, SignIn};
use crate::store::StoreError;
use crate::verify::Verifier;
use renewal::Renewals;

/// Logging in, renewing and logging out: an issuer, its refresh tokens, and the cookies of a browser. Cheap to clone.
///
/// ```
/// use std::sync::Arc;
/// use jwt_core::{Algorithm, Issuer, MemoryStore, RefreshTokens, SigningKey, Tokens};
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
/// let tokens = Tokens::builder(issuer, refresh_tokens).build()?;
/// let auth = tokens.authenticator::<User>().build()?; // for the middleware
///
/// let login = tokens.log_in(&User { sub: "alice".into(), name: "Alice".into() }, "Firefox on Linux").await?;
/// let login = tokens.refresh(login.refresh_token().unwrap().as_str()).await?;
/// tokens.log_out(login.refresh_token().unwrap().as_str()).await?;
/// # let _ = auth;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Tokens(Arc<Inner>);

struct Inner {
    issuer: Issuer,
    refresh: RefreshTokens,
    cookies: LoginCookies,
    cross_site: CrossSite,
    reload: Option<Box<Reload>>,
    revoking: Option<Revoking>,
    /// Where the middleware renews.
    renewals: Option<Renewals>,
}

/// Where access tokens are revoked, and who says which ones they are.
struct Revoking {
    list: Revocations,
    verifier: Verifier<()>,
}

/// The claims of the next access token, as JSON.
type Reload = dyn Fn(SignIn) -> Reloading + Send + Sync;

type Reloading = Pin<Box<dyn Future<Output = Result<Option<Box<RawValue>>, LoginError>> + Send>>;

/// Why there is no login, or no next one. [`response`](Self::response) is what a client is told.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum LoginError {
    /// The claims name nobody: no `sub`, or one that is no text.
    #[error("the claims have no `sub` that a login could be remembered under")]
    NoSubject,
    /// Reloaded claims have another `sub` than those of the login.
    #[error("the reloaded claims are about somebody else")]
    OtherSubject,
    /// The access token could not be signed.
    #[error("{0}")]
    Issue(#[from] IssueError),
    /// The request has no refresh token, or one too many, or may come from a page of another site.
    #[error("{0}")]
    Request(AuthError),
    /// The claims could not be reloaded. The client may try again with the same refresh token.
    #[error("the claims could not be reloaded: {0}")]
    Reload(CheckError),
    /// The refresh token is not good, or the store did not do it.
    #[error("{0}")]
    Refresh(#[from] RefreshError),
    /// The store did not do it.
    #[error("{0}")]
    Store(#[from] StoreError),
}

impl From<AuthError> for LoginError {
    fn from(error: AuthError) -> Self {
        Self::Request(error)
    }
}

/// Builds [`Tokens`].
///
/// | setting | default | reason |
/// |---|---|---|
/// | [`cookies`](Self::cookies) | [`LoginCookies`] with their defaults | |
/// | [`trusted_origin`](Self::trusted_origin) | none: the same origin only | a cookie is sent by whichever page the browser shows |
/// | [`reload`](Self::reload) | none: the claims of the login | only the application knows where they come from |
/// | [`revocations`](Self::revocations) | none | short lives do for many |
/// | [`transparent_renewal`](Self::transparent_renewal) | off | it sends the refresh token with every request |
pub struct TokensBuilder {
    issuer: Issuer,
    refresh: RefreshTokens,
    cookies: Option<LoginCookies>,
    cross_site: CrossSite,
    reload: Option<Box<Reload>>,
    revocations: Option<Revocations>,
    transparent_renewal: bool,
}

impl TokensBuilder {
    /// How a browser keeps a login. [`LoginCookies`] with their defaults.
    #[must_use]
    pub fn cookies(mut self, cookies: LoginCookies) -> Self {
        self.cookies = Some(cookies);
        self
    }

    /// An origin whose pages may renew and end a login, and do what the authenticator protects; see
    /// [`AuthenticatorBuilder::trusted_origin`]. None.
    #[must_use]
    pub fn trusted_origin(mut self, origin: impl Into<String>) -> Self {
        self.cross_site.trusted.push(origin.into().into_boxed_str());
        self
    }

    /// Where a renewal gets the claims from that it signs, since roles may have changed since the login. `None` ends the
    /// login: the user is gone, or locked. None: the claims of the login.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use jwt_core::{Algorithm, Issuer, MemoryStore, RefreshTokens, SigningKey, Tokens};
    /// # #[derive(serde::Serialize)]
    /// # struct User { sub: String, roles: Vec<String> }
    /// # #[derive(Clone)]
    /// # struct Users;
    /// # impl Users {
    /// #     async fn find(&self, name: &str) -> Result<Option<User>, std::io::Error> {
    /// #         Ok(Some(User { sub: name.into(), roles: vec![] }))
    /// #     }
    /// # }
    /// # let users = Users;
    /// # let issuer = Issuer::builder("https://auth.example.com")
    /// #     .audience("api")
    /// #     .signing_key(SigningKey::generate(Algorithm::ES256)?)
    /// #     .build()?;
    /// # let refresh_tokens = RefreshTokens::builder(Arc::new(MemoryStore::new())).build()?;
    /// let tokens = Tokens::builder(issuer, refresh_tokens)
    ///     .reload(move |login| {
    ///         let users = users.clone();
    ///         async move { users.find(&login.subject).await }
    ///     })
    ///     .build()?;
    /// # let _ = tokens;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// The claims have the `sub` of the login. An error is a 503, [`LoginError::Reload`].
    #[must_use]
    pub fn reload<C, E, F>(mut self, reload: impl Fn(SignIn) -> F + Send + Sync + 'static) -> Self
    where
        C: Serialize,
        E: Error + Send + Sync + 'static,
        F: Future<Output = Result<Option<C>, E>> + Send + 'static,
    {
        self.reload = Some(Box::new(move |sign_in| {
            let claims = reload(sign_in);
            Box::pin(async move {
                let claims = claims.await.map_err(|error| LoginError::Reload(CheckError::new(error)))?;
                let json = claims.map(|claims| serde_json::value::to_raw_value(&claims)).transpose();
                json.map_err(|_| IssueError::Claims.into())
            })
        }));
        self
    }

    /// Revokes the access token at [logout](Tokens::log_out_of), and refuses what is on the list. None.
    #[must_use]
    pub fn revocations(mut self, revocations: &Revocations) -> Self {
        self.revocations = Some(revocations.clone());
        self
    }

    /// Has the [authenticator](Tokens::authenticator) renew a login that has run out, where a GET or HEAD request brings
    /// the refresh token in its cookie and no access token that is good for more time: the handler sees the new claims,
    /// and the response sets the new cookies, with `Cache-Control: no-store`. Off.
    ///
    /// For that, the refresh token is sent with every request to this host, and not under `/auth` alone: its cookie has
    /// the path `/` and, unless [`cookies`](Self::cookies) say otherwise, the name `__Host-refresh_token`.
    ///
    /// - What is not renewed is refused as it would be without: other methods, WebSocket handshakes, requests that come
    ///   from another site by `Sec-Fetch-Site` or `Origin`, access tokens in `Authorization`, and access tokens that are
    ///   not good for another reason than their age. While the store is away, a 503.
    /// - Of requests at once with the same refresh token, one renews and all get the same cookies; on several instances,
    ///   [retries](crate::RefreshTokensBuilder::grace) get the same refresh token.
    /// - A browser that goes away before it has read the answer comes back with the refresh token before. After the
    ///   grace that looks like a reuse and ends the login: a minute of grace is better here than the default.
    #[must_use]
    pub fn transparent_renewal(mut self) -> Self {
        self.transparent_renewal = true;
        self
    }

    /// The tokens, or what is wrong with them.
    pub fn build(self) -> Result<Tokens, ConfigError> {
        self.cross_site.check_config().map_err(|_| ConfigError::CrossSiteContradiction)?;
        let cookies = match self.cookies {
            Some(cookies) => cookies,
            None if self.transparent_renewal => {
                LoginCookies::builder().refresh_name("__Host-refresh_token").refresh_path("/").build()?
            }
            None => LoginCookies::builder().build()?,
        };
        if self.transparent_renewal && !cookies.refresh_is_sent_everywhere() {
            return Err(ConfigError::RenewalPath);
        }
        let renewals = self.transparent_renewal.then(Renewals::default);
        let Self { issuer, refresh, cross_site, reload, .. } = self;
        let revoking = match self.revocations {
            Some(list) => Some(Revoking {
                list,
                verifier: issuer.authenticator().build_verifier().map_err(|_| ConfigError::NoKeys)?,
            }),
            None => None,
        };
        Ok(Tokens(Arc::new(Inner { issuer, refresh, cookies, cross_site, reload, revoking, renewals })))
    }
}

impl fmt::Debug for TokensBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokensBuilder")
            .field("issuer", &self.issuer)
            .field("refresh", &self.refresh)
            .field("cookies", &self.cookies)
            .field("cross_site", &self.cross_site)
            .field("reload", &self.reload.is_some())
            .field("revocations", &self.revocations)
            .field("transparent_renewal", &self.transparent_renewal)
            .finish()
    }
}

impl Tokens {
    /// A builder with the defaults.
    pub fn builder(issuer: Issuer, refresh: RefreshTokens) -> TokensBuilder {
        TokensBuilder {
            issuer,
            refresh,
            cookies: None,
            cross_site: CrossSite::default(),
            reload: None,
            revocations: None,
            transparent_renewal: false,
        }
    }

    /// Signs an access token with these claims, which have a `sub`, and starts a family of refresh tokens for it. `label`
    /// is what the user will recognize the login by, such as the `User-Agent`.
    ///
    /// The claims are remembered: a [refresh](Self::refresh) signs them again.
    pub async fn log_in<C: Serialize + ?Sized>(&self, claims: &C, label: &str) -> Result<Login, LoginError> {
        let json = serde_json::value::to_raw_value(claims).map_err(|_| IssueError::Claims)?;
        let subject = subject(&json)?;
        // Before anything is remembered, so that claims that cannot be signed leave nothing behind.
        let access = self.0.issuer.sign(&json)?;
        let new = NewSignIn::new(subject, &json)?.label(label);
        let (token, sign_in) = self.0.refresh.start(new).await?;
        Ok(Login::new(access).with_refresh(self.refresh_token(&token, &sign_in)?))
    }

    /// Trades a refresh token for the next login: an access token with the same claims, or those that are
    /// [reloaded](TokensBuilder::reload), and the next refresh token.
    pub async fn refresh(&self, token: impl AsRef<[u8]>) -> Result<Login, LoginError> {
        let inner = &*self.0;
        let (token, sign_in) = inner.refresh.refresh(token).await?;
        let access = match &inner.reload {
            None => {
                let claims: &RawValue = serde_json::from_str(sign_in.data_json()).map_err(|_| IssueError::Claims)?;
                inner.issuer.sign(claims)?
            }
            Some(reload) => match reload(sign_in.clone()).await? {
                Some(claims) if subject(&claims)? == sign_in.subject => inner.issuer.sign(&claims)?,
                Some(_) => return Err(LoginError::OtherSubject),
                None => {
                    inner.refresh.end(&token).await?;
                    return Err(RefreshError::Ended.into());
                }
            },
        };
        Ok(Login::new(access).with_refresh(self.refresh_token(&token, &sign_in)?))
    }

    /// The same with the refresh token in the cookie of a request: what a route does that renews.
    ///
    /// # Errors
    /// [`LoginError::Request`] where there is none, or where a page of another site may have made the request.
    pub async fn refresh_of(&self, head: &impl RequestHead) -> Result<Login, LoginError> {
        let token = self.refresh_token_of(head)?.ok_or(AuthError::MissingToken)?;
        self.refresh(token).await
    }

    /// The refresh token of a request that may be renewed on its way, if it has one.
    pub(crate) fn renewable<'r>(&self, head: &'r impl RequestHead) -> Result<Option<&'r [u8]>, RequestError> {
        if self.0.renewals.is_none() || !self.0.cross_site.may_renew(head) {
            return Ok(None);
        }
        Ok(source::extract(&[self.0.cookies.refresh_source()], head)?.map(|found| found.token))
    }

    /// A [refresh](Self::refresh) in common with whatever other requests have the same token.
    pub(crate) async fn renew(&self, token: &[u8]) -> Result<Login, LoginError> {
        match &self.0.renewals {
            Some(renewals) => renewals.join(token, self.refresh(token)).await,
            None => self.refresh(token).await,
        }
    }

    /// Ends the family of a refresh token. The access token stays good until it expires, unless it is
    /// [revoked](Self::revoke).
    pub async fn log_out(&self, token: impl AsRef<[u8]>) -> Result<(), StoreError> {
        self.0.refresh.end(token).await
    }

    /// Revokes an access token, where [`revocations`](TokensBuilder::revocations) were given; otherwise it stays good
    /// until it expires. One that is not good any more is no error.
    pub async fn revoke(&self, token: impl AsRef<[u8]>) -> Result<(), StoreError> {
        let Some(Revoking { list, verifier }) = &self.0.revoking else { return Ok(()) };
        let Ok(token) = verifier.verify(token) else { return Ok(()) };
        match (token.issuer(), token.token_id(), token.expires_at()) {
            (Some(issuer), Some(id), Some(expires_at)) => list.revoke(issuer, id, expires_at).await,
            // Not one of this issuer's, who always says all three.
            _ => Ok(()),
        }
    }

    /// What a route does that ends a login: revokes the access token of the request, from the header or the cookie, ends
    /// the family of the refresh token in its cookie, and yields [`clear_cookies`](Self::clear_cookies) for the answer.
    /// To log out without either is no error.
    ///
    /// # Errors
    /// [`LoginError::Request`] where a page of another site may have made the request, and [`LoginError::Store`] where
    /// the user is not logged out.
    pub async fn log_out_of(&self, head: &impl RequestHead) -> Result<HeaderMap, LoginError> {
        let Inner { cookies, refresh, .. } = &*self.0;
        let access = source::extract(Box::leak(Box::new([TokenSource::bearer(), cookies.source()])), head)
            .map_err(AuthError::from)?;
        let token = self.refresh_token_of(head)?;
        // Even without a cookie: the answer makes a browser forget its own.
        if access.as_ref().is_none_or(|access| access.in_cookie) {
            self.check_origin(head)?;
        }
        if let Some(Found { token, .. }) = access {
            self.revoke(token).await?;
        }
        if let Some(token) = token {
            refresh.end(token).await?;
        }
        Ok(self.clear_cookies())
    }

    /// The refresh token in the cookie of a request that renews or ends a login; `None` where there is none. Such a
    /// request changes something, so one that a page of another site may have made is refused.
    pub fn refresh_token_of<'r>(&self, head: &'r impl RequestHead) -> Result<Option<&'r [u8]>, AuthError> {
        let Some(Found { token, .. }) = source::extract(&[self.0.cookies.refresh_source()], head)? else {
            return Ok(None);
        };
        self.check_origin(head)?;
        Ok(Some(token))
    }

    /// Refuses an unsafe request that a page of another site may have made. For the one that logs in: there is no cookie
    /// yet that would tell, and whoever is logged in unawares works in the name of somebody else.
    pub fn check_origin(&self, head: &impl RequestHead) -> Result<(), AuthError> {
        self.0.cross_site.check(head, true).map(drop).map_err(|error| {
            log::cross_site(error, head.header_values(&ORIGIN).next());
            error.into()
        })
    }

    /// The header fields that keep a login in a browser.
    pub fn set_cookies(&self, login: &Login) -> HeaderMap {
        login.set_cookies(&self.0.cookies)
    }

    /// The header fields by which a browser forgets its login.
    pub fn clear_cookies(&self) -> HeaderMap {
        self.0.cookies.clear()
    }

    /// A builder for an authenticator that takes what a login yields, from the `Authorization` header or the cookie.
    pub fn authenticator<C: DeserializeOwned>(&self) -> AuthenticatorBuilder<C> {
        let Inner { issuer, cookies, cross_site, revoking, renewals, .. } = &*self.0;
        let builder = issuer.authenticator().source(TokenSource::bearer()).source(cookies.source());
        let builder = cross_site.trusted.iter().fold(builder, |builder, origin| builder.trusted_origin(&**origin));
        let builder = match revoking {
            Some(Revoking { list, .. }) => builder.revocations(list),
            None => builder,
        };
        let builder = match renewals {
            Some(_) => builder,
            None => builder,
        };
        match cookies.csrf_tokens() {
            Some(tokens) => builder.csrf(tokens),
            None => builder,
        }
    }

    /// Who signs.
    pub fn issuer(&self) -> &Issuer {
        &self.0.issuer
    }

    /// What is remembered: for the list of devices, and for ending the logins on them.
    pub fn refresh_tokens(&self) -> &RefreshTokens {
        &self.0.refresh
    }

    fn refresh_token(&self, token: &OpaqueToken, sign_in: &SignIn) -> Result<RefreshToken, LoginError> {
        let now = self.0.issuer.now().since_epoch();
        let left = sign_in.expires_at.since_epoch().saturating_sub(now);
        // Rounded up, so that what took a moment does not take a second off.
        let lifetime = Duration::from_secs(left.as_secs() + u64::from(left.subsec_nanos() > 0));
        RefreshToken::new(token.as_str(), lifetime).map_err(|_| LoginError::Store(StoreError::Data))
    }
}

/// Whom claims are about.
fn subject(claims: &RawValue) -> Result<String, LoginError> {
    #[derive(Deserialize)]
    struct Named {
        sub: String,
    }
    let named: Named = serde_json::from_str(claims.get()).map_err(|_| LoginError::NoSubject)?;
    Ok(named.sub)
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.0;
        f.debug_struct("Tokens")
            .field("issuer", &inner.issuer)
            .field("refresh", &inner.refresh)
            .field("cookies", &inner.cookies)
            .field("cross_site", &inner.cross_site)
            .field("reload", &inner.reload.is_some())
            .field("revocations", &inner.revoking.as_ref().map(|revoking| &revoking.list))
            .field("transparent_renewal", &inner.renewals)
            .finish()
    }
}
