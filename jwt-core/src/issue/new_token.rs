//! A token that is about to be signed, and what is particular about it.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::{AccessToken, IssueError, Issuer};
use crate::claims::confirmation::{Thumbprint, thumbprint};
use crate::clock::NumericDate;
use crate::config_error::Given;

/// What differs from one token of an issuer to the next, beside its claims.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Particulars<'p> {
    /// The login that it belongs to. The claims have none of their own.
    pub(crate) sid: Option<&'p str>,
    /// `iat` is not before that moment, although it may be in the future by as much as clocks may differ: for who logs in
    /// right after everything of the subject was revoked.
    pub(crate) not_before: Option<NumericDate>,
    /// Some of the issuer's. All of them, where there are none.
    pub(crate) audiences: &'p [Box<str>],
    /// No longer than the issuer's, which it is where there is none.
    pub(crate) lifetime: Option<Duration>,
    /// The key of the client that it is bound to.
    pub(crate) bound_to: Option<Thumbprint>,
    /// The key by which a browser has refreshed the login.
    pub(crate) device_key: Option<Thumbprint>,
}

/// A token that is about to be signed: what [`Issuer::token`] returns.
#[must_use = "nothing is signed before `.sign()` or `.sign_async()`"]
pub struct NewToken<'t, T: ?Sized> {
    issuer: &'t Issuer,
    claims: &'t T,
    audiences: Vec<Box<str>>,
    lifetime: Option<Duration>,
    bound_to: Option<Result<Thumbprint, IssueError>>,
    given: Given,
}

impl<'t, T: Serialize + ?Sized> NewToken<'t, T> {
    pub(super) fn new(issuer: &'t Issuer, claims: &'t T) -> Self {
        Self { issuer, claims, audiences: Vec::new(), lifetime: None, bound_to: None, given: Given::default() }
    }

    /// A service that the token is for: one of those that the [issuer](super::IssuerBuilder::audience) names, otherwise
    /// [`IssueError::Audience`]. Each call adds one. All of the issuer's.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into().into());
        self
    }

    /// How long the token is good, in whole seconds: at least one, and no longer than the
    /// [issuer](super::IssuerBuilder::access_token_lifetime) says, otherwise [`IssueError::Lifetime`]. That of the
    /// issuer.
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.given.once("lifetime");
        self.lifetime = Some(lifetime);
        self
    }

    /// Binds the token to the key of a client, by `cnf.jkt` (RFC 9449 §6.1): it is of no use without a proof by that key. The
    /// thumbprint (RFC 7638) is in base64url, otherwise [`IssueError::Thumbprint`]. [`Logins`](crate::Logins) do that by the
    /// proof of a request; this is for whoever has verified one in another way. A bearer token.
    ///
    /// ```
    /// # use jwt_core::{Algorithm, Issuer, SigningKey};
    /// # use jwt_core::binding::DpopKey;
    /// # let key = SigningKey::generate(Algorithm::ES256)?;
    /// # let issuer = Issuer::builder("https://auth.example.com").audience("api").signing_key(key).build()?;
    /// let service = DpopKey::generate(Algorithm::ES256)?;
    /// let claims = serde_json::json!({"sub": "alice"});
    /// let token = issuer.token(&claims).bound_to(service.thumbprint()).sign()?;
    /// assert_eq!(token.token_type(), "DPoP");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn bound_to(mut self, jkt: impl AsRef<str>) -> Self {
        self.given.once("bound_to");
        self.bound_to = Some(thumbprint(jkt.as_ref()).ok_or(IssueError::Thumbprint));
        self
    }

    /// Signs it.
    ///
    /// # Errors
    /// As [`Issuer::sign`], and [`IssueError::SetTwice`].
    pub fn sign(&self) -> Result<AccessToken, IssueError> {
        self.issuer.sign_now(self.claims, self.particulars()?)
    }

    /// The same wherever the key is, as [`Issuer::sign_async`].
    ///
    /// # Errors
    /// As [`Issuer::sign_async`], and [`IssueError::SetTwice`].
    pub async fn sign_async(&self) -> Result<AccessToken, IssueError>
    where
        T: Sync,
    {
        self.issuer.sign_for(self.claims, self.particulars()?).await
    }

    fn particulars(&self) -> Result<Particulars<'_>, IssueError> {
        if let Some(setting) = self.given.twice() {
            return Err(IssueError::SetTwice { setting });
        }
        let bound_to = self.bound_to.clone().transpose()?;
        Ok(Particulars { audiences: &self.audiences, lifetime: self.lifetime, bound_to, ..Particulars::default() })
    }
}

impl<T: ?Sized> fmt::Debug for NewToken<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewToken")
            .field("issuer", &self.issuer)
            .field("audiences", &self.audiences)
            .field("lifetime", &self.lifetime)
            .finish_non_exhaustive()
    }
}
