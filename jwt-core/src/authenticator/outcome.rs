//! What is said of a request: the verdict, and the outcome that an adapter acts on.

use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::AnyClaims;
use crate::answer::Cookies;
use crate::claims::ClaimsType;
use crate::error::AuthError;
use crate::verify::{AnyToken, VerifiedToken};

/// What an [`Authenticator`](crate::Authenticator) says to a request.
#[derive(Debug)]
pub enum Verdict<C> {
    /// The request carries one good token.
    Verified(VerifiedToken<C>),
    /// The request carries no token, and the authenticator is [optional](crate::AuthenticatorBuilder::optional). Or a token
    /// that has expired, where [that counts as none](crate::AuthenticatorBuilder::dangerous_allow_expired_as_anonymous).
    Anonymous,
    /// The request is not to be served.
    Rejected(AuthError),
    /// The answer has to wait: for keys that are being fetched, where none of those at hand verifies the token, or for
    /// the session of the token to be looked up. Only an authenticator with such keys or with sessions says so.
    Pending(Pending<C>),
}

impl<C: ClaimsType> Verdict<C> {
    /// What came of the request, after a wait where there has to be one.
    pub async fn settled(self) -> Outcome<C> {
        match self {
            Self::Verified(token) => Outcome::of(token.into_any().into()),
            Self::Anonymous => Outcome::of(Settled::ANONYMOUS),
            Self::Rejected(error) => Outcome::of(error.into()),
            Self::Pending(pending) => pending.await,
        }
    }
}

impl<C> From<Result<Option<VerifiedToken<C>>, AuthError>> for Verdict<C> {
    fn from(result: Result<Option<VerifiedToken<C>>, AuthError>) -> Self {
        result.map_or_else(Self::Rejected, |token| token.map_or(Self::Anonymous, Self::Verified))
    }
}

/// What came of a request. For adapters, who give it to [`Admission::of`](crate::adapter::Admission::of).
pub struct Outcome<C = AnyClaims>(pub(crate) Settled, PhantomData<fn() -> C>);

/// The same, whatever the type of the claims.
pub(crate) struct Settled {
    pub(crate) result: Result<Option<AnyToken>, AuthError>,
    pub(crate) cookies: Cookies,
}

impl Settled {
    pub(super) const ANONYMOUS: Self = Self { result: Ok(None), cookies: Cookies::NONE };
}

impl From<AnyToken> for Settled {
    fn from(token: AnyToken) -> Self {
        Self { result: Ok(Some(token)), cookies: Cookies::NONE }
    }
}

impl From<AuthError> for Settled {
    fn from(error: AuthError) -> Self {
        Self { result: Err(error), cookies: Cookies::NONE }
    }
}

impl<C> Outcome<C> {
    pub(super) fn of(settled: Settled) -> Self {
        Self(settled, PhantomData)
    }

    /// The verified token, `None` for an anonymous request, or why it is rejected.
    ///
    /// Where the authenticator [renews logins](crate::login::LoginsBuilder::transparent_renewal), the new cookies are lost with
    /// this, and the next renewal ends the login: let an adapter do it, or leave that out.
    pub fn result(self) -> Result<Option<VerifiedToken<C>>, AuthError>
    where
        C: ClaimsType,
    {
        Ok(self.0.result?.map(AnyToken::typed).transpose()?)
    }
}

impl<C> fmt::Debug for Outcome<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Outcome").field(&self.0.result).finish()
    }
}

/// A verdict that is on its way: a future that yields what came of the request.
pub struct Pending<C = AnyClaims>(Waiting, PhantomData<fn() -> C>);

/// The same, whatever the type of the claims.
pub(super) type Waiting = Pin<Box<dyn Future<Output = Settled> + Send>>;

impl<C> Pending<C> {
    pub(super) fn of(waiting: Waiting) -> Self {
        Self(waiting, PhantomData)
    }
}

impl<C> Future for Pending<C> {
    type Output = Outcome<C>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx).map(Outcome::of)
    }
}

impl<C> fmt::Debug for Pending<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pending")
    }
}
