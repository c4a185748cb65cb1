//! Logging in, refreshing and logging out: what issuer, refresh tokens, cookies and revocations do together.

mod build_error;
mod builder;
mod cookies;
mod cookies_builder;
mod error;
mod renewal;
mod tokens;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use http::header::ORIGIN;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

pub use build_error::{LoginCookiesBuildError, LoginsBuildError};
pub use builder::LoginsBuilder;
pub use cookies::{LoginCookies, SameSite};
pub use cookies_builder::LoginCookiesBuilder;
pub use error::LoginError;
pub use tokens::{Login, RefreshToken, UnfitToken};

use crate::authenticator::AuthenticatorBuilder;
use crate::authenticator::renewal::Renewal;
use crate::clock::NumericDate;
use crate::error::AuthError;
use crate::issue::{AccessToken, IssueError, Issuer};
use crate::observe::log;
use crate::request::RequestHead;
use crate::request::cross_site::CrossSite;
use crate::request::source::{self, Credential, TokenSource};
use crate::revocation::Revocations;
use crate::session::opaque::OpaqueToken;
use crate::session::refresh::{RefreshError, RefreshTokens};
use crate::session::sign_in::{NewSignIn, SignIn};
use crate::store::StoreError;
use crate::verify::Verifier;
use builder::Reload;
use renewal::Renewals;

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
    cross_site: CrossSite,
    reload: Option<Box<Reload>>,
    revoking: Option<Revoking>,
    /// Set where the middleware renews logins.
    renewals: Option<Renewals>,
}

/// The list of revoked tokens, and the verifier for tokens that are to be revoked.
struct Revoking {
    list: Revocations,
    verifier: Verifier<()>,
}

impl Logins {
    /// A builder with the defaults.
    pub fn builder(issuer: Issuer, refresh: RefreshTokens) -> LoginsBuilder {
        LoginsBuilder::new(issuer, refresh)
    }

    /// Signs an access token with these claims, which must have a `sub`, and starts a family of refresh tokens. `label` is
    /// what the user will recognize the login by, such as the `User-Agent`.
    ///
    /// The claims are remembered: a [refresh](Self::refresh) signs them again.
    ///
    /// # Errors
    /// [`LoginError::NoSubject`] and [`LoginError::Issue`] for claims that cannot be signed, [`LoginError::Store`] where the
    /// login cannot be remembered.
    pub async fn log_in<C: Serialize + ?Sized>(&self, claims: &C, label: &str) -> Result<Login, LoginError> {
        let json = serde_json::value::to_raw_value(claims).map_err(|_| IssueError::Claims)?;
        let subject = subject(&json)?;
        // Before anything is remembered, so that claims that cannot be signed leave nothing behind.
        let access = self.sign(&subject, None, &json)?;
        let new = NewSignIn::new(subject, &json)?.label(label);
        let (token, sign_in) = self.0.refresh.start(new).await?;
        Ok(Login::new(access).with_refresh(self.refresh_token(&token, &sign_in)?))
    }

    /// Exchanges a refresh token for the next login: the next refresh token, and an access token with the same claims, or
    /// with those that are [reloaded](LoginsBuilder::reload).
    ///
    /// # Errors
    /// [`LoginError::Refresh`] where the token is not good, and the other variants where the next access token cannot be
    /// signed.
    pub async fn refresh(&self, token: impl AsRef<[u8]>) -> Result<Login, LoginError> {
        let inner = &*self.0;
        let (token, sign_in) = inner.refresh.refresh(token).await?;
        let access = match &inner.reload {
            None => {
                let claims: &RawValue = serde_json::from_str(sign_in.data_json()).map_err(|_| IssueError::Claims)?;
                self.sign(&sign_in.subject, Some(sign_in.created_at), claims)?
            }
            Some(reload) => match reload(sign_in.clone()).await? {
                Some(claims) if subject(&claims)? == sign_in.subject => {
                    self.sign(&sign_in.subject, Some(sign_in.created_at), &claims)?
                }
                Some(_) => return Err(LoginError::OtherSubject),
                None => {
                    inner.refresh.end(&token).await?;
                    return Err(RefreshError::Ended.into());
                }
            },
        };
        Ok(Login::new(access).with_refresh(self.refresh_token(&token, &sign_in)?))
    }

    /// The same with the refresh token in the cookie of a request: for a route that refreshes.
    ///
    /// # Errors
    /// [`LoginError::Request`] where there is no refresh token, or where a page of another site may have made the request;
    /// otherwise as [`refresh`](Self::refresh).
    pub async fn refresh_from_request(&self, head: &impl RequestHead) -> Result<Login, LoginError> {
        let token = self.refresh_token_from_request(head)?.ok_or(AuthError::MissingToken)?;
        self.refresh(token).await
    }

    /// Ends the family of a refresh token. The access token stays good until it expires, unless it is
    /// [revoked](Self::revoke_access_token).
    pub async fn log_out(&self, token: impl AsRef<[u8]>) -> Result<(), StoreError> {
        self.0.refresh.end(token).await
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
        let Inner { issuer, refresh, revoking, .. } = &*self.0;
        // The families first: otherwise, a refresh between the two steps would sign a token that is not revoked.
        let ended = refresh.end_all(subject).await;
        let revoked = match revoking {
            Some(Revoking { list, .. }) => {
                list.revoke_all(issuer.name(), subject, issuer.access_token_lifetime()).await
            }
            None => Ok(()),
        };
        ended.and(revoked)
    }

    /// Revokes an access token. Without [`revocations`](LoginsBuilder::revocations), this does nothing, and the token stays
    /// good until it expires. A token that is not good is no error.
    pub async fn revoke_access_token(&self, token: impl AsRef<[u8]>) -> Result<(), StoreError> {
        let Some(Revoking { list, verifier }) = &self.0.revoking else { return Ok(()) };
        let Ok(token) = verifier.verify(token) else { return Ok(()) };
        match token.expires_at() {
            Some(expires_at) => list.revoke_token(&token, expires_at).await,
            // Not a token of this issuer, which always writes it.
            None => Ok(()),
        }
    }

    /// For a route that logs out: revokes the access token in the header or the cookie of the request, ends the family of the
    /// refresh token in its cookie, and yields [`clear_cookies`](Self::clear_cookies) for the response. A request without
    /// either token is no error.
    ///
    /// # Errors
    /// [`LoginError::Request`] where a page of another site may have made the request, and [`LoginError::Store`] where the
    /// user is not logged out.
    pub async fn log_out_from_request(&self, head: &impl RequestHead) -> Result<HeaderMap, LoginError> {
        let Inner { cookies, refresh, .. } = &*self.0;
        let sources = [TokenSource::bearer(), cookies.source()];
        let access = source::extract(&sources, head).map_err(AuthError::from)?;
        let token = self.refresh_token_from_request(head)?;
        // Also without a cookie: the response makes a browser forget its cookies.
        if access.as_ref().is_none_or(|access| access.in_cookie) {
            self.check_origin(head)?;
        }
        if let Some(Credential { token, .. }) = access {
            self.revoke_access_token(token).await?;
        }
        if let Some(token) = token {
            refresh.end(token).await?;
        }
        Ok(self.clear_cookies())
    }

    /// The refresh token in the cookie of a request that refreshes or ends a login; `None` where there is none.
    ///
    /// # Errors
    /// [`AuthError::InvalidRequest`] where there are several, and [`AuthError::CrossSite`] where a page of another site may
    /// have made the request.
    pub fn refresh_token_from_request<'r>(&self, head: &'r impl RequestHead) -> Result<Option<&'r [u8]>, AuthError> {
        let sources = [self.0.cookies.refresh_source()];
        let Some(Credential { token, .. }) = source::extract(&sources, head)? else {
            return Ok(None);
        };
        self.check_origin(head)?;
        Ok(Some(token))
    }

    /// Refuses a request that changes something and that a page of another site may have made. For the route that logs in,
    /// since its requests have no cookie yet: without this check, another site could log users in under an account of its
    /// own (login CSRF).
    ///
    /// # Errors
    /// [`AuthError::CrossSite`].
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

    /// The header fields that make a browser forget its login.
    pub fn clear_cookies(&self) -> HeaderMap {
        self.0.cookies.clear()
    }

    /// A builder for an authenticator that accepts the access tokens of these logins, from the `Authorization` header or the
    /// cookie.
    pub fn authenticator<C: DeserializeOwned>(&self) -> AuthenticatorBuilder<C> {
        let Inner { issuer, cookies, cross_site, revoking, renewals, .. } = &*self.0;
        let builder = issuer.authenticator().source(TokenSource::bearer()).source(cookies.source());
        let builder = cross_site.trusted.iter().fold(builder, |builder, origin| builder.trusted_origin(&**origin));
        let builder = match revoking {
            Some(Revoking { list, .. }) => builder.revocations(list),
            None => builder,
        };
        let builder = match renewals {
            Some(_) => builder.renewal(Renewal {
                source: [cookies.refresh_source()],
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

    /// The issuer that signs the access tokens.
    pub fn issuer(&self) -> &Issuer {
        &self.0.issuer
    }

    /// The refresh tokens: for a list of devices, and for ending the login on one of them.
    pub fn refresh_tokens(&self) -> &RefreshTokens {
        &self.0.refresh
    }

    /// Signs claims for a login that started at that moment, or that starts now, with an `iat` late enough for what was revoked before it.
    fn sign(&self, subject: &str, started: Option<NumericDate>, claims: &RawValue) -> Result<AccessToken, IssueError> {
        let Inner { issuer, revoking, .. } = &*self.0;
        let list = revoking.as_ref().map(|revoking| &revoking.list);
        let not_before = list.and_then(|list| list.not_before(issuer.name(), subject, started));
        issuer.sign_after(claims, not_before)
    }

    fn refresh_token(&self, token: &OpaqueToken, sign_in: &SignIn) -> Result<RefreshToken, LoginError> {
        let now = self.0.issuer.now().since_epoch();
        let left = sign_in.expires_at.since_epoch().saturating_sub(now);
        // Rounded up, so that the time since the start of the family does not take a second off.
        let lifetime = Duration::from_secs(left.as_secs() + u64::from(left.subsec_nanos() > 0));
        RefreshToken::new(token.as_str(), lifetime).map_err(|_| LoginError::Store(StoreError::Data))
    }
}

/// The `sub` of the claims.
fn subject(claims: &RawValue) -> Result<String, LoginError> {
    #[derive(Deserialize)]
    struct Named {
        sub: String,
    }
    let named: Named = serde_json::from_str(claims.get()).map_err(|_| LoginError::NoSubject)?;
    Ok(named.sub)
}

impl fmt::Debug for Logins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.0;
        f.debug_struct("Logins")
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
