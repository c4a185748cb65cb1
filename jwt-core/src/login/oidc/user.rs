//! Who comes from a provider, as the application sees it, and what it makes of it.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::error::ProviderError;
use super::provider::{Provider, TOKEN_ENDPOINT, Tokens};
use crate::claims::ClaimsType;
use crate::error::{AuthError, CheckError, TokenError};
use crate::key::{FetchError, RemoteKeySet, remote_parts};
use crate::login::{Logins, NewLogin};
use crate::session::ProviderSession;
use crate::transport::address::is_allowed;
use crate::verify::{AuthenticationRequest, IdTokenVerifier, OriginalLogin, VerifiedToken};

/// Somebody who has signed in with a provider of OpenID Connect: the verified ID token, with the claims that the application
/// reads of it.
pub struct ProviderUser<P> {
    id_token: VerifiedToken<P>,
    access: ProviderAccess,
}

impl<P> ProviderUser<P> {
    /// `sub` of the ID token: who it is, at this provider and for this client. It stays the same; an e-mail address does not.
    pub fn subject(&self) -> &str {
        self.id_token.subject().unwrap_or_default()
    }

    /// The claims that the application reads.
    pub fn claims(&self) -> &P {
        self.id_token.claims()
    }

    /// The ID token, with all its claims.
    pub fn id_token(&self) -> &VerifiedToken<P> {
        &self.id_token
    }

    /// The name of the provider, as [`LoginsBuilder::provider`](crate::login::LoginsBuilder::provider) has it.
    pub fn provider(&self) -> &str {
        self.access.provider()
    }

    /// The access that comes with it: for a request to the provider.
    pub fn access(&self) -> &ProviderAccess {
        &self.access
    }

    /// Whether nobody signs in just now, and the login goes on: see
    /// [`keep_refresh_token`](super::ProviderLoginBuilder::keep_refresh_token).
    pub fn is_refresh(&self) -> bool {
        self.access.is_refresh()
    }

    /// The login of a user with these claims, which must have a `sub`: that of the user here. Its label is the `User-Agent`.
    /// It starts once the function has returned it, and may have settings for itself: [`NewLogin`]. It ends when the provider
    /// [says so](crate::login::logout::LogoutReceiver): unless the function names another
    /// [`provider_session`](NewLogin::provider_session), it is that of the ID token.
    pub fn log_in<C: Serialize + ?Sized>(&self, claims: &C) -> NewLogin {
        let login = self.access.log_in(claims);
        match ProviderSession::of(&self.id_token) {
            Ok(session) => login.by_session(session),
            // Nobody comes by such an ID token.
            Err(_) => login,
        }
    }
}

impl<P> fmt::Debug for ProviderUser<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderUser").field("access", &self.access).finish_non_exhaustive()
    }
}

/// What somebody who comes from a provider has allowed this service to do there. `Debug` shows no token.
#[derive(Clone)]
pub struct ProviderAccess {
    pub(super) tokens: Arc<Tokens>,
    pub(super) asked: Arc<Provider>,
    pub(super) logins: Logins,
    pub(super) name: Arc<str>,
    pub(super) label: Arc<str>,
    pub(super) refresh: bool,
}

impl ProviderAccess {
    /// The name of the provider, as [`LoginsBuilder::provider`](crate::login::LoginsBuilder::provider) has it.
    pub fn provider(&self) -> &str {
        &self.name
    }

    /// Whether nobody signs in just now, and the login goes on: see
    /// [`keep_refresh_token`](super::ProviderLoginBuilder::keep_refresh_token).
    pub fn is_refresh(&self) -> bool {
        self.refresh
    }

    /// The access token of the provider: for requests to it, and nothing that says who somebody is.
    pub fn access_token(&self) -> &str {
        &self.tokens.access
    }

    /// A JSON document of the provider, by GET with the access token: who the user is, where no ID token says so. With the
    /// HTTP client, the time limit and, where the token is bound to it, the key of the provider.
    ///
    /// # Errors
    /// [`ProviderError::Unavailable`] where it cannot be had, also for an address that is not https;
    /// [`ProviderError::Malformed`] where it is of another type.
    pub async fn get_json<T: DeserializeOwned>(&self, address: &str) -> Result<T, ProviderError> {
        let plain_http = self.asked.how.plain_http;
        if !remote_parts::absolute(address).is_some_and(|uri| is_allowed(&uri, plain_http)) {
            return Err(FetchError::Insecure.into());
        }
        let document = self.asked.get(address, &self.tokens).await?;
        serde_json::from_slice(&document).map_err(|_| ProviderError::Malformed { endpoint: "userinfo_endpoint" })
    }

    /// The login of a user with these claims, as [`ProviderUser::log_in`].
    pub fn log_in<C: Serialize + ?Sized>(&self, claims: &C) -> NewLogin {
        self.logins.log_in(claims, &self.label)
    }
}

impl fmt::Debug for ProviderAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderAccess").field("provider", &self.name).finish_non_exhaustive()
    }
}

/// What the application makes of somebody: a login, or `None` where it refuses.
type Deciding = Pin<Box<dyn Future<Output = Result<Option<NewLogin>, ProviderError>> + Send>>;

/// Somebody has come from a provider.
pub(super) struct Decided {
    /// `None` where the application refuses.
    pub(super) login: Option<NewLogin>,
    /// What the ID token has said, for those that follow.
    pub(super) first: Option<OriginalLogin>,
}

/// A login goes on, as its provider has it today.
pub(super) enum Today {
    /// The provider says no more than that.
    Same,
    Claims(NewLogin),
    /// The application refuses.
    Refused,
}

pub(super) type Ending<'r, T> = Pin<Box<dyn Future<Output = Result<T, ProviderError>> + Send + 'r>>;

/// The function of the application, and what comes before it.
pub(super) trait Ends: Send + Sync {
    /// Waits for what is needed to verify who it is. Before a code is redeemed, which is good once.
    fn ready(&self) -> Pin<Box<dyn Future<Output = Result<(), ProviderError>> + Send + '_>>;

    fn end<'r>(&'r self, access: ProviderAccess, nonce: &'r str) -> Ending<'r, Decided>;

    /// The same for a login that goes on, which began with what `first` says.
    fn again<'r>(&'r self, access: ProviderAccess, first: Option<&'r OriginalLogin>) -> Ending<'r, Today>;
}

type Function<U> = Box<dyn Fn(U) -> Deciding + Send + Sync>;

/// The function of the application, whose error is of another type.
pub(super) fn function<U, E, F>(function: impl Fn(U) -> F + Send + Sync + 'static) -> Function<U>
where
    E: Error + Send + Sync + 'static,
    F: Future<Output = Result<Option<NewLogin>, E>> + Send + 'static,
{
    Box::new(move |user| {
        let decided = function(user);
        Box::pin(async move { decided.await.map_err(|error| ProviderError::Application(CheckError::new(error))) })
    })
}

/// By ID token.
pub(super) struct ByIdToken<P> {
    pub(super) verifier: IdTokenVerifier<P>,
    pub(super) keys: RemoteKeySet,
    /// How long the keys are waited for.
    pub(super) within: Duration,
    pub(super) max_age: Option<Duration>,
    pub(super) acr: Vec<Box<str>>,
    pub(super) function: Function<ProviderUser<P>>,
}

impl<P: ClaimsType> Ends for ByIdToken<P> {
    fn ready(&self) -> Pin<Box<dyn Future<Output = Result<(), ProviderError>> + Send + '_>> {
        Box::pin(async move { Ok(self.keys.ready_within(self.within).await?) })
    }

    fn end<'r>(&'r self, access: ProviderAccess, nonce: &'r str) -> Ending<'r, Decided> {
        Box::pin(async move {
            let id_token = self.verified(&access, nonce).await?;
            let first = Some(OriginalLogin::of(&id_token));
            Ok(Decided { login: (self.function)(ProviderUser { id_token, access }).await?, first })
        })
    }

    fn again<'r>(&'r self, access: ProviderAccess, first: Option<&'r OriginalLogin>) -> Ending<'r, Today> {
        Box::pin(async move {
            // Core §12.2: there need not be an ID token.
            let (Some(id_token), Some(first)) = (&access.tokens.id, first) else { return Ok(Today::Same) };
            let request = AuthenticationRequest::refresh_of(first).access_token(&access.tokens.access);
            let id_token = self.verifier.verify_async(id_token, &request).await.map_err(ProviderError::IdToken)?;
            // Not `max_age`, which is about the sign-in: `auth_time` stays what it was.
            self.check_acr(&id_token, true)?;
            let login = (self.function)(ProviderUser { id_token, access }).await?;
            Ok(login.map_or(Today::Refused, Today::Claims))
        })
    }
}

impl<P: ClaimsType> ByIdToken<P> {
    async fn verified(&self, access: &ProviderAccess, nonce: &str) -> Result<VerifiedToken<P>, ProviderError> {
        let tokens = &access.tokens;
        let id_token = tokens.id.as_deref().ok_or(ProviderError::Malformed { endpoint: TOKEN_ENDPOINT })?;
        let request = AuthenticationRequest::with_nonce(nonce).access_token(&tokens.access);
        let request = self.max_age.map_or(request, |max_age| request.max_age(max_age));
        let token = self.verifier.verify_async(id_token, &request).await.map_err(ProviderError::IdToken)?;
        if token.subject().is_none_or(str::is_empty) {
            return Err(ProviderError::IdToken(AuthError::from(TokenError::MissingClaim("sub".into()))));
        }
        self.check_acr(&token, false)?;
        Ok(token)
    }

    /// Core §12.2: an ID token of a refresh follows the same rules. One that says nothing of `acr` takes nothing back, as one
    /// that is not there.
    fn check_acr(&self, token: &VerifiedToken<P>, is_refresh: bool) -> Result<(), ProviderError> {
        #[derive(Deserialize)]
        struct Context {
            acr: Option<Value>,
        }
        if self.acr.is_empty() {
            return Ok(());
        }
        let context: Context = serde_json::from_str(token.claims_json()).map_err(|_| ProviderError::Acr)?;
        match context.acr {
            None if is_refresh => Ok(()),
            Some(Value::String(acr)) if self.acr.iter().any(|one| **one == *acr) => Ok(()),
            _ => Err(ProviderError::Acr),
        }
    }
}

/// By access alone.
pub(super) struct ByAccess(pub(super) Function<ProviderAccess>);

impl Ends for ByAccess {
    fn ready(&self) -> Pin<Box<dyn Future<Output = Result<(), ProviderError>> + Send + '_>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn end<'r>(&'r self, access: ProviderAccess, _nonce: &'r str) -> Ending<'r, Decided> {
        Box::pin(async move { Ok(Decided { login: (self.0)(access).await?, first: None }) })
    }

    fn again<'r>(&'r self, access: ProviderAccess, _first: Option<&'r OriginalLogin>) -> Ending<'r, Today> {
        Box::pin(async move { Ok((self.0)(access).await?.map_or(Today::Refused, Today::Claims)) })
    }
}
