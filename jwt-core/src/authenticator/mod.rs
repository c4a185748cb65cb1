//! The gate: a request head in, a verdict out.

pub(crate) mod builder;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::header::ORIGIN;
use serde::de::DeserializeOwned;

use crate::answer::cache_control::{Caching, Cookies};
use crate::answer::challenge::{Answer, Challenges};
use crate::authenticator::builder::AuthenticatorBuilder;
use crate::error::{AuthError, CrossSiteError, TokenError};
use crate::request::cross_site::CrossSite;

use crate::request::RequestHead;
use crate::request::source::{self, Found, TokenSource};
use crate::verify::token::VerifiedToken;
use crate::verify::{Failure, Verifier};
#[cfg(feature = "login")]
use crate::{error::Unavailable, login::LoginError, session::refresh::RefreshError};

/// Takes the token out of a request and proves it: the whole of authentication, for any framework.
///
/// `C` is the application's type of claims, anything that implements [`serde::Deserialize`]; `()` if none are wanted.
/// Cheap to clone.
///
/// ```
/// use jwt_core::{Authenticator, KeySet, TokenSource, Verdict};
///
/// #[derive(serde::Deserialize)]
/// struct User {
///     sub: String,
/// }
///
/// let auth = Authenticator::<User>::builder()
///     .keys(KeySet::hs256(b"a secret of at least thirty-two bytes")?)
///     .issuer("https://issuer.example.com")
///     .audience("api")
///     .source(TokenSource::bearer())
///     .source(TokenSource::cookie("__Host-access_token"))
///     .build()?;
///
/// let request = http::Request::get("/me").body(())?;
/// let Verdict::Rejected(error) = auth.authenticate(&request) else { panic!("there is no token in it") };
/// let answer = auth.answer(&error);
/// assert_eq!((answer.status.as_u16(), answer.challenge.unwrap().to_str()?), (401, "Bearer"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Authenticator<C>(Arc<Inner<C>>);

pub(crate) struct Inner<C> {
    pub(crate) sources: Vec<TokenSource>,
    pub(crate) cross_site: CrossSite,
    pub(crate) verifier: Verifier<C>,
    pub(crate) optional: bool,
    pub(crate) subject_in_spans: bool,
    pub(crate) challenges: Challenges,
    pub(crate) caching: Option<Arc<Caching>>,
    #[cfg(feature = "login")]
    pub(crate) renewal: Option<crate::login::Logins>,
}

/// What an [`Authenticator`] says to a request.
#[derive(Debug)]
pub enum Verdict<C> {
    /// The request carries one good token.
    Verified(VerifiedToken<C>),
    /// The request carries no token, and the authenticator is [optional](AuthenticatorBuilder::optional).
    Anonymous,
    /// The request is not to be served.
    Rejected(AuthError),
    /// The answer has to wait: for keys that are being fetched, where none of those at hand can prove the token, or for
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
}

/// What came of a request. For adapters, who give it to [`Admission::of`](crate::Admission::of).
#[derive(Debug)]
pub struct Outcome<C> {
    result: Result<Option<VerifiedToken<C>>, AuthError>,
    cookies: Cookies,
}

impl<C> Outcome<C> {
    /// The verified token, `None` for an anonymous request, or why it is rejected.
    ///
    /// Where the authenticator [renews logins](crate::LoginsBuilder::transparent_renewal), the new cookies are lost with
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
pub struct Pending<C>(Pin<Box<dyn Future<Output = Outcome<C>> + Send>>);

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

impl<C: DeserializeOwned> Authenticator<C> {
    /// A builder with the defaults.
    pub fn builder() -> AuthenticatorBuilder<C> {
        AuthenticatorBuilder::new()
    }

    pub(crate) fn new(inner: Inner<C>) -> Self {
        Self(Arc::new(inner))
    }
}

impl<C: DeserializeOwned + Send + Sync + 'static> Authenticator<C> {
    /// Takes the token out of the request and proves it.
    pub fn authenticate(&self, head: &impl RequestHead) -> Verdict<C> {
        let inner = &*self.0;
        let Found { token, in_cookie } = match source::extract(&inner.sources, head) {
            Ok(Some(found)) => found,
            Ok(None) => return self.renewed_or(head, None, AuthError::MissingToken),
            Err(error) => return Verdict::Rejected(logged(error.into(), None)),
        };
        let csrf_token = match inner.cross_site.check(head, in_cookie) {
            Ok(csrf_token) => csrf_token,
            Err(error) => return Verdict::Rejected(cross_site(error, head.header_values(&ORIGIN).next())),
        };
        match inner.verifier.attempt(token) {
            Ok(verified) => match inner.cross_site.check_token(csrf_token, verified.token_id()) {
                Ok(()) => Verdict::Verified(verified),
                Err(error) => Verdict::Rejected(cross_site(error, None)),
            },
            Err(Failure::Refused(error @ AuthError::InvalidToken(TokenError::Expired))) if in_cookie => {
                self.renewed_or(head, Some(token), error)
            }
            Err(Failure::Refused(error)) => Verdict::Rejected(logged(error, Some(token))),
            Err(Failure::Wait { keys, .. }) => self.eventually(token, csrf_token, move |this, token| async move {
                this.0.verifier.verify_after(keys, &token).await
            }),
            #[cfg(feature = "login")]
            Err(Failure::LookUp) => {
                self.eventually(token, csrf_token, |this, token| async move { this.0.verifier.look_up(&token).await })
            }
        }
    }

    /// The verdict on a token that cannot be verified at once.
    fn eventually<F>(
        &self,
        token: &[u8],
        csrf_token: Option<&[u8]>,
        verify: impl FnOnce(Self, Arc<[u8]>) -> F,
    ) -> Verdict<C>
    where
        F: Future<Output = Result<VerifiedToken<C>, AuthError>> + Send + 'static,
    {
        let (this, token) = (self.clone(), Arc::<[u8]>::from(token));
        let csrf_token = csrf_token.map(Box::<[u8]>::from);
        let verified = verify(this.clone(), token.clone());
        Verdict::Pending(Pending(Box::pin(async move {
            let checked = verified.await.map_err(|error| logged(error, Some(&token))).and_then(|verified| {
                let checked = this.0.cross_site.check_token(csrf_token.as_deref(), verified.token_id());
                checked.map(|()| Some(verified)).map_err(|error| cross_site(error, None))
            });
            checked.into()
        })))
    }

    /// The verdict on a request whose access token has run out, or is gone from its cookie for the same reason.
    #[cfg(feature = "login")]
    fn renewed_or(&self, head: &impl RequestHead, token: Option<&[u8]>, error: AuthError) -> Verdict<C> {
        let Some(tokens) = &self.0.renewal else {
            return self.not_renewed(token, error).map_or(Verdict::Anonymous, Verdict::Rejected);
        };
        let refresh_token = match tokens.renewable(head) {
            Ok(Some(token)) => Box::<[u8]>::from(token),
            Ok(None) => return self.not_renewed(token, error).map_or(Verdict::Anonymous, Verdict::Rejected),
            Err(error) => return Verdict::Rejected(logged(error.into(), None)),
        };
        let (this, tokens, token) = (self.clone(), tokens.clone(), token.map(Box::<[u8]>::from));
        Verdict::Pending(Pending(Box::pin(async move {
            let renewed = tokens.renew(&refresh_token).await;
            let login = match renewed.inspect_err(LoginError::log) {
                Ok(login) => login,
                Err(LoginError::Store(_) | LoginError::Reload(_) | LoginError::Refresh(RefreshError::Store(_))) => {
                    return Err(logged(Unavailable::Store.into(), None)).into();
                }
                Err(_) => return this.not_renewed(token.as_deref(), error).map_or(Ok(None), Err).into(),
            };
            let access = login.access_token().as_str();
            let result = this.0.verifier.verify(access).map(Some);
            let result = result.map_err(|error| logged(error, Some(access.as_bytes())));
            Outcome { result, cookies: Cookies::of(&tokens.set_cookies(&login)) }
        })))
    }

    #[cfg(not(feature = "login"))]
    fn renewed_or(&self, _: &impl RequestHead, token: Option<&[u8]>, error: AuthError) -> Verdict<C> {
        self.not_renewed(token, error).map_or(Verdict::Anonymous, Verdict::Rejected)
    }

    /// Why such a request is rejected; not at all where it may be anonymous.
    fn not_renewed(&self, token: Option<&[u8]>, error: AuthError) -> Option<AuthError> {
        let anonymous = self.0.optional && matches!(error, AuthError::MissingToken);
        (!anonymous).then(|| logged(error, token))
    }
}

impl<C> Authenticator<C> {
    /// What goes on the wire for an error: the one place that knows.
    pub fn answer(&self, error: &AuthError) -> Answer {
        self.0.challenges.answer(error)
    }

    /// What the responses to its requests need in order not to be cached for somebody else. For adapters; `None` where
    /// it has no source but `Authorization` and is not optional.
    pub fn caching(&self) -> Option<&Arc<Caching>> {
        self.0.caching.as_ref()
    }

    pub(crate) fn subject_in_spans(&self) -> bool {
        self.0.subject_in_spans
    }

    /// The verifier behind it, for tokens that come by another way than a request.
    pub fn verifier(&self) -> &Verifier<C> {
        &self.0.verifier
    }
}

fn cross_site(error: CrossSiteError, origin: Option<&[u8]>) -> AuthError {
    crate::observe::log::cross_site(error, origin);
    error.into()
}

fn logged(error: AuthError, token: Option<&[u8]>) -> AuthError {
    crate::observe::log::rejected(&error, token);
    error
}

impl<C> Clone for Authenticator<C> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<C> fmt::Debug for Authenticator<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticator")
            .field("sources", &self.0.sources)
            .field("cross_site", &self.0.cross_site)
            .field("verifier", &self.0.verifier)
            .field("optional", &self.0.optional)
            .field("challenge", &self.0.challenges)
            .finish()
    }
}
