//! The gate: a request head in, a verdict out.

pub(crate) mod builder;
mod outcome;
#[cfg_attr(not(feature = "login"), expect(dead_code, reason = "a port that only logins fill"))]
pub(crate) mod renewal;
pub(crate) mod settings;
mod with_binding;
#[cfg(feature = "cache")]
mod with_cache;
#[cfg(feature = "introspection")]
mod with_introspection;
#[cfg(feature = "remote")]
mod with_remote;

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use http::HeaderValue;

use crate::answer::{Answer, Challenges, Cookies, ResponseHeaders};
use crate::binding::{Binding, Shown};
use crate::claims::ClaimsType;
use crate::error::{AuthError, CrossSiteError, TokenError, Unavailable};
use crate::observe::log;
use crate::observe::near_miss::{Sources, skipped};
use crate::request::RequestHead;
use crate::request::cross_site::{CrossSite, page_and_host};
use crate::request::source::{self, Credential, Presented};
use crate::verify::{AnyToken, AnyVerifier, Failure, Verifier};
pub use builder::AuthenticatorBuilder;
pub(crate) use outcome::Settled;
use outcome::Waiting;
pub use outcome::{Outcome, Pending, Verdict};
use renewal::{NotRenewed, Renewal, Renewed};

/// Takes the token out of a request and verifies it: the whole of authentication, for any framework.
///
/// `C` is the application's type of claims, anything that implements [`serde::Deserialize`]; `()` if none are wanted.
/// Cheap to clone.
///
/// ```
/// use jwt_core::adapter::Verdict;
/// use jwt_core::{Authenticator, KeySet, TokenSource};
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
/// assert_eq!((answer.status.as_u16(), answer.challenges()[0].to_str()?), (401, "Bearer"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Authenticator<C>(Arc<Gate>, PhantomData<fn() -> C>);

/// The type of the claims of an [untyped](Authenticator::untyped) authenticator, whatever it is. No token has claims of this type.
#[derive(Debug)]
pub enum AnyClaims {}

/// What a request may have instead of one good token.
#[derive(Debug, Clone, Copy, Default)]
struct Allowed {
    /// Then it is anonymous.
    no_token: bool,
    /// Then it is anonymous too.
    expired: bool,
    /// Then the first one counts.
    several_tokens: bool,
}

struct Gate {
    sources: Arc<Sources>,
    cross_site: CrossSite,
    binding: Binding,
    verifier: Arc<AnyVerifier>,
    allowed: Allowed,
    subject_in_spans: bool,
    challenges: Challenges,
    response_headers: Option<Arc<ResponseHeaders>>,
    renewal: Option<Renewal>,
}

impl<C> Authenticator<C> {
    /// A builder with the defaults.
    pub fn builder() -> AuthenticatorBuilder<C>
    where
        C: ClaimsType,
    {
        AuthenticatorBuilder::new()
    }

    fn of(gate: Gate) -> Self {
        Self(Arc::new(gate), PhantomData)
    }

    /// Takes the token out of the request and verifies it. Yields a verdict with typed claims.
    pub fn authenticate(&self, head: &impl RequestHead) -> Verdict<C>
    where
        C: ClaimsType,
    {
        match self.outcome(head) {
            Ok(outcome) => outcome.result().into(),
            Err(pending) => Verdict::Pending(pending),
        }
    }

    /// The same for an adapter, who has no use for the type of the claims.
    ///
    /// # Errors
    /// The future that yields what came of the request, where it has to wait.
    pub fn outcome(&self, head: &impl RequestHead) -> Result<Outcome<C>, Pending<C>> {
        self.0.authenticate(head).map(Outcome::of).map_err(Pending::of)
    }

    /// The same without the type of its claims, so that an adapter which is made of it is compiled once for all types. An extractor
    /// gets at the claims by [`Admission::claims`](crate::adapter::Admission::claims).
    pub fn untyped(self) -> Authenticator<AnyClaims> {
        Authenticator(self.0, PhantomData)
    }

    /// What goes on the wire for an error: the one place that knows.
    pub fn answer(&self, error: &AuthError) -> Answer {
        self.0.challenges.answer(error)
    }

    /// What the responses to its requests need in order not to be cached for somebody else. For adapters; `None` where
    /// it has no source but `Authorization` and is not optional.
    pub fn response_headers(&self) -> Option<&Arc<ResponseHeaders>> {
        self.0.response_headers.as_ref()
    }

    /// The nonce that the client needs with the answer (RFC 9449 §8.2).
    pub(crate) fn nonce_for(&self, result: &Result<Option<AnyToken>, AuthError>) -> Option<HeaderValue> {
        self.0.binding.nonce_for(result, || self.0.verifier.now())
    }

    pub(crate) fn sources(&self) -> &Arc<Sources> {
        &self.0.sources
    }

    pub(crate) fn subject_in_spans(&self) -> bool {
        self.0.subject_in_spans
    }

    /// The verifier behind it, for tokens that come by another way than a request.
    pub fn verifier(&self) -> Verifier<C> {
        Verifier::of(self.0.verifier.clone())
    }
}

impl Gate {
    fn authenticate(self: &Arc<Self>, head: &impl RequestHead) -> Result<Settled, Waiting> {
        let Credential { token, presented } =
            match source::extract(&self.sources.list, self.allowed.several_tokens, head) {
                Ok(Some(credential)) => credential,
                Ok(None) => return self.renewed_or(head, None, AuthError::MissingToken),
                Err(error) => return Ok(self.logged(error.into(), None).into()),
            };
        let in_cookie = presented == Presented::InCookie;
        let csrf_token = match self.cross_site.check(head, in_cookie) {
            Ok(csrf_token) => csrf_token,
            Err(error) => return Ok(cross_site(error, page_and_host(head)).into()),
        };
        let shown = |verified: Option<&_>| self.binding.shown(head, presented, verified);
        match self.verifier.attempt(token, head.client_address()) {
            Ok(verified) if self.binding.asks_nothing_of(verified.common(), presented) => {
                Ok(match self.cross_site.check_token(csrf_token, || verified.common().token_id()) {
                    Ok(()) => verified.into(),
                    Err(error) => cross_site(error, [None; 2]).into(),
                })
            }
            Ok(verified) => {
                let shown = shown(Some(verified.common()));
                self.admitted(verified, csrf_token, shown.as_deref())
            }
            Err(Failure::Refused(error @ AuthError::InvalidToken(TokenError::Expired { .. }))) if in_cookie => {
                self.renewed_or(head, Some(token), error)
            }
            Err(Failure::Refused(error)) => Ok(self.refused(error, Some(token), || None)),
            Err(Failure::Wait { keys, .. }) => {
                self.eventually(token, csrf_token, shown(None), move |this, token| async move {
                    this.verifier.verify_after(keys, &token).await
                })
            }
            Err(Failure::LookUp(kind)) => {
                let client = head.client_address();
                self.eventually(token, csrf_token, shown(None), move |this, token| async move {
                    this.verifier.look_up(kind, &token, client).await
                })
            }
        }
    }

    /// The verdict on a token that is verified: whether it came from the right page, and from whom it belongs to.
    fn admitted(
        self: &Arc<Self>,
        token: AnyToken,
        csrf_token: Option<&[u8]>,
        shown: Option<&Shown>,
    ) -> Result<Settled, Waiting> {
        if let Err(error) = self.cross_site.check_token(csrf_token, || token.common().token_id()) {
            return Ok(cross_site(error, [None; 2]).into());
        }
        match self.binding.check(&token, shown, self.verifier.now()) {
            Ok((possession, None)) => Ok(token.shown_by(possession).into()),
            Ok((possession, Some(asking))) => {
                let this = self.clone();
                Err(Box::pin(async move {
                    match asking.await {
                        Ok(()) => token.shown_by(possession).into(),
                        Err(error) => this.logged(error, None).into(),
                    }
                }))
            }
            Err(error) => Ok(self.logged(error, Some(token.as_str().as_bytes())).into()),
        }
    }

    /// The verdict on a token that cannot be verified at once.
    fn eventually<F>(
        self: &Arc<Self>,
        token: &[u8],
        csrf_token: Option<&[u8]>,
        shown: Option<Box<Shown>>,
        verify: impl FnOnce(Arc<Self>, Arc<[u8]>) -> F,
    ) -> Result<Settled, Waiting>
    where
        F: Future<Output = Result<AnyToken, AuthError>> + Send + 'static,
    {
        let (this, token) = (self.clone(), Arc::<[u8]>::from(token));
        let csrf_token = csrf_token.map(Box::<[u8]>::from);
        let verified = verify(this.clone(), token.clone());
        Err(Box::pin(async move {
            let verdict = match verified.await {
                Ok(verified) => this.admitted(verified, csrf_token.as_deref(), shown.as_deref()),
                Err(error) => Ok(this.refused(error, Some(&token), || None)),
            };
            match verdict {
                Ok(settled) => settled,
                Err(waiting) => waiting.await,
            }
        }))
    }

    /// The verdict on a request whose access token has run out, or is gone from its cookie for the same reason.
    fn renewed_or(
        self: &Arc<Self>,
        head: &impl RequestHead,
        token: Option<&[u8]>,
        error: AuthError,
    ) -> Result<Settled, Waiting> {
        let refresh_token = match self.renewal.as_ref().map(|renewal| renewal.refresh_token(head)) {
            Some(Ok(Some(token))) => Box::<[u8]>::from(token),
            Some(Err(error)) => return Ok(self.logged(error.into(), None).into()),
            None | Some(Ok(None)) => return Ok(self.refused(error, token, || nearly(&self.sources, head))),
        };
        let (this, token, skipped) = (self.clone(), token.map(Box::<[u8]>::from), skipped(head));
        Err(Box::pin(async move {
            let renewed = match &this.renewal {
                Some(renewal) => renewal.renew.renew(refresh_token).await,
                None => Err(NotRenewed::Refused { cookies: Vec::new() }),
            };
            match renewed {
                Ok(Renewed { access_token, cookies }) => {
                    let verified = this.verifier.verify(access_token.as_bytes()).and_then(|token| {
                        this.binding.check(&token, None, this.verifier.now())?;
                        Ok(Some(token))
                    });
                    let result = verified.map_err(|error| this.logged(error, Some(access_token.as_bytes())));
                    Settled { result, cookies: Cookies::new(cookies) }
                }
                Err(NotRenewed::Unavailable) => this.logged(Unavailable::Store.into(), None).into(),
                Err(NotRenewed::Refused { cookies }) => {
                    let nearly = || skipped.or_else(|| Some("a refresh token that is not good any more".into()));
                    Settled { cookies: Cookies::new(cookies), ..this.refused(error, token.as_deref(), nearly) }
                }
            }
        }))
    }

    /// What comes of a request without a good token, after the log was told. `nearly` says what it has instead of one.
    fn refused(&self, error: AuthError, token: Option<&[u8]>, nearly: impl FnOnce() -> Option<Box<str>>) -> Settled {
        match error {
            AuthError::MissingToken if self.allowed.no_token => Settled::ANONYMOUS,
            AuthError::MissingToken => {
                log::no_token(&self.sources.in_words, nearly().as_deref());
                error.into()
            }
            AuthError::InvalidToken(TokenError::Expired { .. }) if self.allowed.expired => {
                log::expired_is_anonymous(&error);
                Settled::ANONYMOUS
            }
            error => self.logged(error, token).into(),
        }
    }

    /// The error, after the log was told.
    fn logged(&self, error: AuthError, token: Option<&[u8]>) -> AuthError {
        log::rejected(&error, || token.map(|token| self.verifier.claimed(token)).unwrap_or_default());
        error
    }
}

/// What a request has instead of a token, if anybody wants to know.
pub(crate) fn nearly(sources: &Sources, head: &impl RequestHead) -> Option<Box<str>> {
    if log::wants_no_token() { sources.nearly(head) } else { None }
}

fn cross_site(error: CrossSiteError, page_and_host: [Option<&[u8]>; 2]) -> AuthError {
    log::cross_site(error, page_and_host);
    error.into()
}

impl<C> Clone for Authenticator<C> {
    fn clone(&self) -> Self {
        Self(self.0.clone(), PhantomData)
    }
}

impl<C> fmt::Debug for Authenticator<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticator")
            .field("sources", &self.0.sources.list)
            .field("cross_site", &self.0.cross_site)
            .field("binding", &self.0.binding)
            .field("verifier", &self.0.verifier)
            .field("optional", &self.0.allowed.no_token)
            .field("challenge", &self.0.challenges)
            .finish()
    }
}
