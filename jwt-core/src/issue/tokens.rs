use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use http::header::ORIGIN;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{IssueError, Issuer, Login, LoginCookies, RefreshToken};
use crate::builder::AuthenticatorBuilder;
use crate::csrf::CrossSite;
use crate::error::{AuthError, ConfigError};
use crate::log;
use crate::opaque::OpaqueToken;
use crate::refresh::{RefreshError, RefreshTokens};
use crate::request::RequestHead;
use crate::sign_in::{NewSignIn, SignIn};
use crate::source::{self, Found, TokenSource};
use crate::store::StoreError;

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
}

/// Why there is no login, or no next one.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum LoginError {
    /// The claims name nobody: no `sub`, or one that is no text.
    #[error("the claims have no `sub` that a login could be remembered under")]
    NoSubject,
    /// The access token could not be signed.
    #[error("{0}")]
    Issue(#[from] IssueError),
    /// The refresh token is not good, or the store did not do it.
    #[error("{0}")]
    Refresh(#[from] RefreshError),
    /// The store did not do it.
    #[error("{0}")]
    Store(#[from] StoreError),
}

/// Builds [`Tokens`].
#[derive(Debug)]
pub struct TokensBuilder {
    issuer: Issuer,
    refresh: RefreshTokens,
    cookies: Option<LoginCookies>,
    cross_site: CrossSite,
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

    /// The tokens, or what is wrong with them.
    pub fn build(self) -> Result<Tokens, ConfigError> {
        self.cross_site.check_config()?;
        let cookies = self.cookies.map_or_else(|| LoginCookies::builder().build(), Ok)?;
        let Self { issuer, refresh, cross_site, .. } = self;
        Ok(Tokens(Arc::new(Inner { issuer, refresh, cookies, cross_site })))
    }
}

impl Tokens {
    /// A builder with the defaults.
    pub fn builder(issuer: Issuer, refresh: RefreshTokens) -> TokensBuilder {
        TokensBuilder { issuer, refresh, cookies: None, cross_site: CrossSite::default() }
    }

    /// Signs an access token with these claims, which have a `sub`, and starts a family of refresh tokens for it. `label`
    /// is what the user will recognize the login by, such as the `User-Agent`.
    ///
    /// The claims are remembered: a [refresh](Self::refresh) signs them again.
    pub async fn log_in<C: Serialize + ?Sized>(&self, claims: &C, label: &str) -> Result<Login, LoginError> {
        #[derive(Deserialize)]
        struct Named {
            sub: String,
        }
        let json = serde_json::value::to_raw_value(claims).map_err(|_| IssueError::Claims)?;
        let named: Named = serde_json::from_str(json.get()).map_err(|_| LoginError::NoSubject)?;
        // Before anything is remembered, so that claims that cannot be signed leave nothing behind.
        let access = self.0.issuer.sign(&json)?;
        let new = NewSignIn::new(named.sub, &json)?.label(label);
        let (token, sign_in) = self.0.refresh.start(new).await?;
        Ok(Login::new(access).with_refresh(self.refresh_token(&token, &sign_in)?))
    }

    /// Trades a refresh token for the next login: an access token with the same claims, and the next refresh token.
    pub async fn refresh(&self, token: impl AsRef<[u8]>) -> Result<Login, LoginError> {
        let (token, sign_in) = self.0.refresh.refresh(token).await?;
        let claims: &RawValue = serde_json::from_str(sign_in.data_json()).map_err(|_| IssueError::Claims)?;
        let access = self.0.issuer.sign(claims)?;
        Ok(Login::new(access).with_refresh(self.refresh_token(&token, &sign_in)?))
    }

    /// Ends the family of a refresh token. The access token stays good until it expires, unless it is revoked.
    pub async fn log_out(&self, token: impl AsRef<[u8]>) -> Result<(), StoreError> {
        self.0.refresh.end(token).await
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
        let Inner { issuer, cookies, cross_site, .. } = &*self.0;
        let builder = issuer.authenticator().source(TokenSource::bearer()).source(cookies.source());
        let builder = cross_site.trusted.iter().fold(builder, |builder, origin| builder.trusted_origin(&**origin));
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

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.0;
        f.debug_struct("Tokens")
            .field("issuer", &inner.issuer)
            .field("refresh", &inner.refresh)
            .field("cookies", &inner.cookies)
            .field("cross_site", &inner.cross_site)
            .finish()
    }
}
