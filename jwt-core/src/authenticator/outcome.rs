//! What is said of a request: the verdict, and the outcome that an adapter acts on.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::answer::Cookies;
use crate::error::AuthError;
use crate::verify::VerifiedToken;

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

impl<C> Verdict<C> {
    /// What came of the request.
    ///
    /// # Errors
    /// The future that yields it, where it has to wait.
    pub fn outcome(self) -> Result<Outcome<C>, Pending<C>> {
        match self {
            Self::Verified(token) => Ok(Ok(Some(token)).into()),
            Self::Anonymous => Ok(Ok(None).into()),
            Self::Rejected(error) => Ok(Err(error).into()),
            Self::Pending(pending) => Err(pending),
        }
    }

    /// What came of the request, after a wait where there has to be one. For adapters that are asynchronous functions; the
    /// others take [`outcome`](Self::outcome).
    pub async fn settled(self) -> Outcome<C> {
        match self.outcome() {
            Ok(outcome) => outcome,
            Err(pending) => pending.await,
        }
    }
}

impl<C> From<Result<Option<VerifiedToken<C>>, AuthError>> for Verdict<C> {
    fn from(result: Result<Option<VerifiedToken<C>>, AuthError>) -> Self {
        result.map_or_else(Self::Rejected, |token| token.map_or(Self::Anonymous, Self::Verified))
    }
}

/// What came of a request. For adapters, who give it to [`Admission::of`](crate::adapter::Admission::of).
#[derive(Debug)]
pub struct Outcome<C> {
    pub(super) result: Result<Option<VerifiedToken<C>>, AuthError>,
    pub(super) cookies: Cookies,
}

impl<C> Outcome<C> {
    /// The verified token, `None` for an anonymous request, or why it is rejected.
    ///
    /// Where the authenticator [renews logins](crate::login::LoginsBuilder::transparent_renewal), the new cookies are lost with
    /// this, and the next renewal ends the login: let an adapter do it, or leave that out.
    pub fn result(self) -> Result<Option<VerifiedToken<C>>, AuthError> {
        self.result
    }

    pub(crate) fn parts(self) -> (Result<Option<VerifiedToken<C>>, AuthError>, Cookies) {
        (self.result, self.cookies)
    }
}

impl<C> From<Result<Option<VerifiedToken<C>>, AuthError>> for Outcome<C> {
    fn from(result: Result<Option<VerifiedToken<C>>, AuthError>) -> Self {
        Self { result, cookies: Cookies::NONE }
    }
}

/// A verdict that is on its way: a future that yields what [`Verdict::outcome`] does.
pub struct Pending<C>(pub(super) Pin<Box<dyn Future<Output = Outcome<C>> + Send>>);

impl<C> Future for Pending<C> {
    type Output = Outcome<C>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl<C> fmt::Debug for Pending<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pending")
    }
}
