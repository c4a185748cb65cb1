//! Logins that go on: their provider is asked again, by the refresh token that is kept for each (RFC 6749 §6, OpenID Connect
//! Core 1.0 §12).
//!
//! A provider may give another refresh token with each answer, and take the second use of one for a theft. So
//!
//! - one task of all instances asks for a login at a time. It has a claim in the store; whoever finds another claim there goes
//!   on with what is known.
//! - the task goes on where the request that has begun it is dropped, and tries for a while to write what the provider gave.
//! - what it writes goes on top of whatever the record is then: a refresh in between has changed its secret and nothing else.
//! - a refusal counts if the token that was sent is still the one in the record.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::value::RawValue;
use serde_json::{Map, Value};
use tokio::runtime::Handle;
use tokio::time::{sleep, timeout};

use super::error::ProviderError;
use super::provider::{Provider, Tokens};
use super::seal::Ring;
use super::user::{Ends, ProviderAccess, Today};
use crate::clock::NumericDate;
use crate::error::AuthError;
use crate::facade::tracing;
use crate::forward::OAuthErrorCode;
use crate::key::FetchError;
use crate::login::options::{KeptAccess, LoginOptions};
use crate::login::{Ending, LoginError, Logins, subject};
use crate::session::refresh::RefreshError;
use crate::session::sign_in::{Remembered, SignIn};
use crate::single_flight::SingleFlight;
use crate::store::{SignInId, SignInKey, StoreError};
use crate::verify::OriginalLogin;

/// For how long nobody asks a provider that has just failed.
const PAUSE: Duration = Duration::from_secs(10);
/// How long what a provider gave is held for a store that fails.
const MAX_RETRY: Duration = Duration::from_secs(60);
/// The first pause between two tries.
const FIRST_RETRY: Duration = Duration::from_millis(100);

/// By what a provider is asked again, and how often.
pub(super) struct Keeper {
    pub(super) ring: Ring,
    /// How long an answer counts.
    pub(super) interval: Duration,
    /// How much longer it counts while the provider fails.
    pub(super) stale_if_error: Duration,
    asking: SingleFlight<SignInId, Result<Option<SignIn>, LoginError>>,
    /// When the provider failed last, since it answered.
    failed_at: Mutex<Option<NumericDate>>,
    /// Whether it was said that no refresh token comes with a sign-in.
    told: Mutex<bool>,
}

impl Keeper {
    pub(super) fn new(ring: Ring, interval: Duration, stale_if_error: Duration) -> Self {
        let (asking, failed_at, told) = (SingleFlight::default(), Mutex::default(), Mutex::default());
        Self { ring, interval, stale_if_error, asking, failed_at, told }
    }

    /// What is kept for a login that begins; `None` where it cannot be encrypted.
    pub(super) fn keep(
        &self,
        provider: &str,
        login: SignInId,
        token: &str,
        first: Option<OriginalLogin>,
        now: NumericDate,
    ) -> Option<KeptAccess> {
        Some(KeptAccess { token: self.ring.seal(provider, login, token)?, first, asked_at: now.as_secs() })
    }

    /// A sign-in has brought no refresh token, which is said once.
    pub(super) fn tell_nothing_came(&self, provider: &str) {
        if !std::mem::replace(&mut *unpoisoned(&self.told), true) {
            tracing::warn!(target: "jwt", %provider, "no refresh token came with a sign-in: the provider is not asked again");
        }
    }

    fn is_due(&self, kept: &KeptAccess, now: NumericDate) -> bool {
        now >= NumericDate::from_secs(kept.asked_at).saturating_add(self.interval)
    }

    /// The provider has not said anything: the login goes on for a while.
    fn stale(&self, kept: &KeptAccess, now: NumericDate) -> Result<Option<SignIn>, LoginError> {
        let until = self.interval.saturating_add(self.stale_if_error);
        if now < NumericDate::from_secs(kept.asked_at).saturating_add(until) {
            Ok(None)
        } else {
            Err(LoginError::ProviderUnavailable)
        }
    }

    fn is_paused(&self, now: NumericDate) -> bool {
        unpoisoned(&self.failed_at).is_some_and(|at| at <= now && now < at.saturating_add(PAUSE))
    }

    fn failed(&self, provider: &str, error: &ProviderError, now: NumericDate) {
        if unpoisoned(&self.failed_at).replace(now).is_none() {
            tracing::error!(
                target: "jwt", %provider, reason = %error,
                "a provider does not say whether logins go on: they do, with what it has said before"
            );
        }
    }

    fn answered(&self, provider: &str) {
        if unpoisoned(&self.failed_at).take().is_some() {
            tracing::info!(target: "jwt", %provider, "a provider says again whether logins go on");
        }
    }
}

/// What is behind these locks is whole at every moment.
fn unpoisoned<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Asks one provider for one login: what a task needs.
#[derive(Clone)]
pub(super) struct Asking {
    pub(super) name: Arc<str>,
    pub(super) asked: Arc<Provider>,
    pub(super) ends: Arc<dyn Ends>,
    pub(super) keeper: Arc<Keeper>,
    pub(super) keep_id_token: bool,
    pub(super) logins: Logins,
}

/// What goes into the record.
struct News {
    token: Option<String>,
    id_token: Option<String>,
    asked_at: Option<NumericDate>,
    claims: Option<(Box<RawValue>, Map<String, Value>)>,
}

impl Asking {
    /// The login as it is today; `None` where nothing new is known.
    pub(super) async fn ask(self, sign_in: &SignIn, options: &LoginOptions) -> Result<Option<SignIn>, LoginError> {
        let Some(kept) = kept(options, &self.name) else { return Ok(None) };
        let now = self.logins.0.issuer.now();
        if !self.keeper.is_due(kept, now) {
            return Ok(None);
        }
        if self.keeper.is_paused(now) {
            return self.keeper.stale(kept, now);
        }
        let (keeper, id, login) = (self.keeper.clone(), sign_in.id, sign_in.clone());
        // In a task of its own: whoever waits for it may be gone before the answer is there.
        let work = async move {
            match tokio::spawn(async move { self.claim_and_ask(login).await }).await {
                Ok(asked) => asked,
                Err(_) => Err(LoginError::ProviderUnavailable),
            }
        };
        keeper.asking.join(id, || None, work, |_| {}).await
    }

    async fn claim_and_ask(self, sign_in: SignIn) -> Result<Option<SignIn>, LoginError> {
        let refresh = &self.logins.0.refresh;
        let key = refresh.key_of(&sign_in.subject, sign_in.id)?;
        // As long as what follows may take.
        let time = self.asked.how.timeout.saturating_mul(4).saturating_add(MAX_RETRY);
        let mut claim = refresh.claim(sign_in.id, time).await?;
        if claim.is_none() {
            return Ok(None);
        }
        let asked = self.ask_alone(key, &mut claim).await;
        self.give_up(claim).await;
        asked
    }

    /// Others may ask again. Where the store fails, the claim ends by itself.
    async fn give_up(&self, claim: Option<SignInKey>) {
        if let Some(claim) = claim {
            drop(self.logins.0.refresh.end_key(claim).await);
        }
    }

    async fn ask_alone(&self, key: SignInKey, claim: &mut Option<SignInKey>) -> Result<Option<SignIn>, LoginError> {
        let Self { name, asked, ends, keeper, logins, .. } = self;
        let now = logins.0.issuer.now();
        // Again, now that nobody else changes it: it may be new already.
        let Some(sign_in) = logins.0.refresh.named(key).await? else { return Err(RefreshError::Ended.into()) };
        let options = LoginOptions::read(&sign_in.options)?;
        let Some(kept) = kept(&options, name).filter(|kept| keeper.is_due(kept, now)) else { return Ok(Some(sign_in)) };
        let failed = |error: ProviderError| {
            keeper.failed(name, &error, now);
            keeper.stale(kept, now)
        };
        let Some(token) = keeper.ring.open(name, sign_in.id, &kept.token) else {
            return failed(ProviderError::KeptToken);
        };
        // Before the token is used, which may be good once.
        if let Err(error) = ends.ready().await {
            return failed(error);
        }
        let tokens = match asked.refreshed(&token).await {
            Ok(tokens) => Arc::new(tokens),
            Err(error @ ProviderError::RefusedRequest(OAuthErrorCode::InvalidGrant)) => {
                keeper.answered(name);
                return self.refused(key, kept, &error).await;
            }
            Err(error) => return failed(error),
        };
        let mut news = News {
            token: tokens.refresh.clone(),
            id_token: tokens.id.clone().filter(|_| self.keep_id_token),
            asked_at: None,
            claims: None,
        };
        let access = ProviderAccess {
            tokens: tokens.clone(),
            asked: asked.clone(),
            logins: logins.clone(),
            name: name.clone(),
            label: sign_in.label.as_str().into(),
            refresh: true,
        };
        let today = timeout(asked.how.timeout, ends.again(access, kept.first.as_ref())).await;
        let mut result = Ok(());
        match today.unwrap_or(Err(FetchError::Timeout.into())) {
            Ok(Today::Same) => news.asked_at = Some(now),
            Ok(Today::Claims(login)) => {
                match login.into_claims().and_then(|claims| fitting(&sign_in, &options, claims)) {
                    Ok(claims) => (news.claims, news.asked_at) = (Some(claims), Some(now)),
                    Err(error) => result = Err(error),
                }
            }
            Ok(Today::Refused) => return self.end(key, &sign_in, &tokens, &ProviderError::Denied).await,
            Err(error @ ProviderError::IdToken(AuthError::Unavailable(_))) => result = failed(error).map(drop),
            Err(error @ (ProviderError::IdToken(_) | ProviderError::Acr)) => {
                return self.end(key, &sign_in, &tokens, &error).await;
            }
            Err(ProviderError::Application(error)) => result = Err(LoginError::Reload(error)),
            Err(error) => result = failed(error).map(drop),
        }
        if news.asked_at.is_some() {
            keeper.answered(name);
        }
        let written = self.write(key, claim, news, &tokens).await;
        result.and(written)
    }

    /// Writes what the provider gave. Where the store fails, that is tried again for a while, and the claim stays: nobody
    /// else has the refresh token that is good now.
    async fn write(
        &self,
        key: SignInKey,
        claim: &mut Option<SignInKey>,
        news: News,
        tokens: &Tokens,
    ) -> Result<Option<SignIn>, LoginError> {
        match self.write_once(key, &news).await {
            Ok(Some(sign_in)) => Ok(Some(sign_in)),
            // It has ended in between.
            Ok(None) => {
                self.give_back(tokens.refresh.as_deref());
                Err(RefreshError::Ended.into())
            }
            Err(LoginError::Store(error)) => {
                tracing::error!(
                    target: "jwt", provider = %self.name, reason = %error,
                    "what a provider has given for a login could not be stored: this is tried again for a minute"
                );
                tokio::spawn(self.clone().write_later(key, claim.take(), news));
                Err(error.into())
            }
            Err(error) => Err(error),
        }
    }

    async fn write_later(self, key: SignInKey, claim: Option<SignInKey>, news: News) {
        let (mut pause, mut waited) = (FIRST_RETRY, Duration::ZERO);
        while waited < MAX_RETRY {
            sleep(pause).await;
            waited += pause;
            pause = pause.saturating_mul(2).min(Duration::from_secs(5));
            match self.write_once(key, &news).await {
                Ok(Some(_)) => break,
                Ok(None) => {
                    self.give_back(news.token.as_deref());
                    break;
                }
                Err(_) => {}
            }
        }
        self.give_up(claim).await;
    }

    async fn write_once(&self, key: SignInKey, news: &News) -> Result<Option<SignIn>, LoginError> {
        let next = |sign_in: &SignIn| -> Result<Remembered, LoginError> {
            let mut options = LoginOptions::read(&sign_in.options)?;
            if let Some(origin) = &mut options.origin {
                if let Some(kept) = &mut origin.kept {
                    if let Some(token) = &news.token {
                        let sealed = self.keeper.ring.seal(&self.name, sign_in.id, token);
                        kept.token = sealed.ok_or(StoreError::Backend)?;
                    }
                    if let Some(now) = news.asked_at {
                        kept.asked_at = now.as_secs();
                    }
                }
                if news.id_token.is_some() {
                    origin.id_token.clone_from(&news.id_token);
                }
            }
            let data = news.claims.as_ref().map(|(claims, own)| {
                options.claims.clone_from(own);
                claims.get().to_owned()
            });
            Ok(Remembered { data, options: options.text()? })
        };
        self.logins.0.refresh.update(key, next).await
    }

    /// The provider takes the refresh token no more: the login ends, unless somebody else has got another one.
    async fn refused(
        &self,
        key: SignInKey,
        sent: &KeptAccess,
        error: &ProviderError,
    ) -> Result<Option<SignIn>, LoginError> {
        let Some(sign_in) = self.logins.0.refresh.named(key).await? else { return Err(RefreshError::Ended.into()) };
        let options = LoginOptions::read(&sign_in.options)?;
        if kept(&options, &self.name).is_none_or(|kept| kept.token != sent.token) {
            return Ok(Some(sign_in));
        }
        self.end_login(key, &sign_in, error).await
    }

    /// The login ends, and with it what the provider has just given for it.
    async fn end(
        &self,
        key: SignInKey,
        sign_in: &SignIn,
        tokens: &Tokens,
        error: &ProviderError,
    ) -> Result<Option<SignIn>, LoginError> {
        self.give_back(tokens.refresh.as_deref());
        self.end_login(key, sign_in, error).await
    }

    async fn end_login(
        &self,
        key: SignInKey,
        sign_in: &SignIn,
        error: &ProviderError,
    ) -> Result<Option<SignIn>, LoginError> {
        tracing::info!(target: "jwt", provider = %self.name, reason = %error, "a login has ended at its provider, so it ends here");
        self.logins.end(vec![Ending { key, subject: Some(sign_in.subject.clone()) }]).await?;
        Err(RefreshError::Ended.into())
    }

    fn give_back(&self, token: Option<&str>) {
        if let Some(token) = token {
            give_back(&self.name, &self.asked, token.to_owned());
        }
    }
}

/// What the application makes of the claims of today is about the same user.
fn fitting(
    sign_in: &SignIn,
    options: &LoginOptions,
    claims: (Box<RawValue>, Map<String, Value>),
) -> Result<(Box<RawValue>, Map<String, Value>), LoginError> {
    let options = LoginOptions { claims: claims.1.clone(), ..options.clone() };
    if subject(&options.complete(&claims.0)?)? == sign_in.subject { Ok(claims) } else { Err(LoginError::OtherSubject) }
}

/// What is kept for a login that began at that provider.
pub(super) fn kept<'o>(options: &'o LoginOptions, provider: &str) -> Option<&'o KeptAccess> {
    options.origin.as_ref().filter(|origin| origin.provider == provider)?.kept.as_ref()
}

/// Gives a refresh token back, in the background: whatever ends a login does not wait for it.
pub(super) fn give_back(name: &Arc<str>, asked: &Arc<Provider>, token: String) {
    let (name, asked) = (name.clone(), asked.clone());
    if let Ok(runtime) = Handle::try_current() {
        runtime.spawn(async move {
            if let Err(error) = asked.revoke(&token).await {
                tracing::info!(target: "jwt", provider = %name, reason = %error, "a refresh token could not be given back to its provider");
            }
        });
    }
}
