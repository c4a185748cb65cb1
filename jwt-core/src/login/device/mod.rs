//! Device-bound logins: refreshed only by a browser that signs with a key which does not leave its device (Device Bound
//! Session Credentials, an editor's draft of the W3C).

mod challenge;
mod instructions;
mod text;

use std::sync::Arc;
use std::time::Duration;

use http::header::{CONTENT_TYPE, HeaderName};
use http::{HeaderValue, Request, Response, StatusCode};

use super::attempt::settled;
use super::cookies::LoginCookies;
use super::device_error::DeviceError;
use super::more_routes::{GoingOn, MoreRequest, MoreRoutes, Responding};
use super::options::{DeviceKey, DeviceOptions, LoginOptions, Origin};
use super::routes::no_store;
use super::{Login, LoginError, LoginRefusal, Logins, LoginsBuilder};
use crate::base64url;
use crate::binding::device::{RegisteredKey, may_be_proof, refresh, registration};
use crate::claims::confirmation::Thumbprint;
use crate::clock::NumericDate;
use crate::error::{AuthError, ProofError};
use crate::key::crypto;
use crate::session::opaque::{Kind, Opaque, OpaqueToken};
use crate::session::refresh::{Exchange, RefreshError};
use crate::store::{Digest, SignInId, StoreError};
use challenge::{Asked, LIFETIME, Purpose};

const REGISTRATION: HeaderName = HeaderName::from_static("secure-session-registration");
const CHALLENGE: HeaderName = HeaderName::from_static("secure-session-challenge");
const RESPONSE: HeaderName = HeaderName::from_static("secure-session-response");
const SESSION_ID: HeaderName = HeaderName::from_static("sec-secure-session-id");

const REGISTER: &str = "device/register";
const REFRESH: &str = "device/refresh";

impl LoginsBuilder {
    /// Binds logins in cookies to a key of the browser, where it can (Device Bound Session Credentials, a draft of the W3C, as
    /// Chromium has it): **experimental**, and changes as the draft does. Off.
    ///
    /// The answer to a login has the field `Secure-Session-Registration`. A browser that knows it makes a key pair that does not
    /// leave the device, and registers the public key at `POST …/device/register` of the [ready routes](super::LoginRoute). From
    /// then on the login is refreshed only at `POST …/device/refresh`, which the browser asks by itself before the cookie of
    /// the access token runs out, and where it signs a challenge. Whoever copies all cookies is out when the access token
    /// expires: [`transparent_renewal`](Self::transparent_renewal) and `POST …/refresh` refuse the refresh token of a bound
    /// login. A browser that does not know the field goes on as before.
    ///
    /// `token.possession().by_device()` says which it was, and `Require::bound()` demands it. A challenge is good for one
    /// refresh, for a minute. The refresh is one round trip to the store, and needs no secret of this instance.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use jwt_core::{Algorithm, Issuer, Logins, MemoryStore, RefreshTokens, SigningKey};
    /// # let key = SigningKey::generate(Algorithm::ES256)?;
    /// # let issuer = Issuer::builder("https://auth.example.com").audience("api").signing_key(key).build()?;
    /// # let refresh_tokens = RefreshTokens::builder(Arc::new(MemoryStore::new())).build()?;
    /// let logins = Logins::builder(issuer, refresh_tokens).bind_to_device().device_exempt("/static").build()?;
    /// # let _ = logins;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    #[cfg_attr(feature_labels, doc(cfg(feature = "device")))]
    pub fn bind_to_device(mut self) -> Self {
        self.given.once("bind_to_device");
        self.more.push(Arc::new(DeviceBinding));
        self
    }
}

/// Bound logins: the routes of their browsers.
#[derive(Debug)]
struct DeviceBinding;

impl MoreRoutes for DeviceBinding {
    fn name(&self) -> &'static str {
        "device"
    }

    fn is_provider(&self) -> bool {
        false
    }

    fn methods(&self, path: &str) -> Option<&'static str> {
        matches!(path, REGISTER | REFRESH).then_some("POST")
    }

    fn begin(&self, options: &mut LoginOptions) -> Result<(), LoginError> {
        let secret = crypto::random::<32>().ok_or(StoreError::Backend)?;
        options.device = Some(DeviceOptions { secret: base64url::encode(secret), key: None });
        Ok(())
    }

    fn offer(&self, logins: &Logins, token: &OpaqueToken, options: &LoginOptions) -> Option<(HeaderName, HeaderValue)> {
        let device = options.device.as_ref()?;
        let presented = Presented::read(token.as_ref()).ok()?;
        let challenge = presented.asked(Purpose::Register, device).challenge(logins.0.issuer.now())?;
        let offer = format!("(ES256);path=\"{}/{REGISTER}\";challenge=\"{challenge}\"", logins.0.paths.routes);
        let mut offer = HeaderValue::try_from(offer).ok()?;
        offer.set_sensitive(true);
        Some((REGISTRATION, offer))
    }

    fn respond<'r>(&'r self, logins: &'r Logins, request: MoreRequest<'r>) -> Responding<'r> {
        Box::pin(async move {
            let registers = request.head.uri().path().ends_with(REGISTER);
            let answer =
                if registers { register(logins, &request.head).await } else { renew(logins, &request.head).await };
            match answer {
                Ok(Answer::Login(session, login)) => logins.instructed(&session, &login),
                Ok(Answer::Challenge(error, challenge)) => challenged(error, challenge),
                Err(error) => logins.refusal(error).response(),
            }
        })
    }

    fn after_log_out<'r>(&'r self, _: &'r Origin, _: &'r str) -> GoingOn<'r> {
        Box::pin(async { None })
    }
}

enum Answer {
    /// The login, and its name.
    Login(String, Login),
    /// A challenge to sign, and why, where the browser has signed another one.
    Challenge(Option<DeviceError>, HeaderValue),
}

/// The refresh token of a request.
struct Presented {
    login: SignInId,
    digest: Digest,
}

impl Presented {
    fn read(token: &[u8]) -> Result<Self, LoginError> {
        let token = Opaque::read(Kind::Refresh, token).ok_or(RefreshError::Malformed)?;
        Ok(Self { login: token.key()?.id, digest: token.digest()? })
    }

    fn asked<'a>(&self, purpose: Purpose, device: &'a DeviceOptions) -> Asked<'a> {
        Asked { purpose, secret: &device.secret, login: self.login, token: self.digest }
    }
}

/// Binds a login to the key of its browser. Costs two round trips to the store, once for each login.
async fn register(logins: &Logins, head: &Request<()>) -> Result<Answer, LoginError> {
    let proof = text::only(head, &RESPONSE).flatten().ok_or(DeviceError::Response)?;
    let token = refresh_token(logins, head)?;
    let presented = Presented::read(token)?;
    let refresh_tokens = &logins.0.refresh;
    let found = refresh_tokens.find(token).await?;
    let mut options = LoginOptions::read(&found.sign_in.options)?;
    let device = options.device.as_mut().ok_or(DeviceError::NotOffered)?;
    if device.key.is_some() {
        return Err(DeviceError::AlreadyBound.into());
    }
    let (RegisteredKey { jwk, thumbprint }, challenge) = registration(proof).map_err(DeviceError::from)?;
    let asked = presented.asked(Purpose::Register, device);
    asked.check(&challenge, logins.0.issuer.now()).ok_or(DeviceError::Challenge)?;
    device.key = Some(DeviceKey { jwk, jkt: base64url::encode(thumbprint) });
    let sign_in = match refresh_tokens.still_good(found).await {
        Ok(sign_in) => sign_in,
        Err(error) => return Err(logins.not_refreshed(error).await),
    };
    // A login that has just begun: its provider has nothing new to say, and what it says goes into the same options.
    let access = logins.next_access_as_known(&sign_in, &options, None).await?;
    // Last: whatever failed before, the login is as it was.
    let Exchange::First(token, sign_in) = refresh_tokens.exchange(token, Some(options.text()?)).await? else {
        return Err(RefreshError::Ended.into());
    };
    Ok(Answer::Login(presented.login.to_string(), logins.login(access, &token, &sign_in, &options)?))
}

/// Refreshes a login that is bound: without a proof, the browser gets a challenge to sign.
async fn renew(logins: &Logins, head: &Request<()>) -> Result<Answer, LoginError> {
    let token = refresh_token(logins, head)?;
    let presented = Presented::read(token)?;
    let session = presented.login.to_string();
    let named = text::only(head, &SESSION_ID).flatten();
    if named.is_none_or(|named| named != session.as_bytes()) {
        return Err(DeviceError::Session.into());
    }
    let now = logins.0.issuer.now();
    let refresh_tokens = &logins.0.refresh;
    let Some(proof) = text::only(head, &RESPONSE).ok_or(DeviceError::Response)? else {
        let options = LoginOptions::read(&refresh_tokens.find(token).await?.sign_in.options)?;
        let (device, _) = bound(&options)?;
        return challenge(&presented, device, now, None);
    };
    may_be_proof(proof).map_err(DeviceError::from)?;
    // First, so that it is one round trip to the store. Whoever has a copy of the token and not the key gets nothing by it, and
    // the browser goes on with the token that it has.
    let exchange = refresh_tokens.exchange(token, None).await?;
    let options = LoginOptions::read(&exchange.sign_in().options)?;
    let (device, key) = bound(&options)?;
    let answered = refresh(proof, &key.jwk, &session).map_err(DeviceError::from)?;
    let made = presented.asked(Purpose::Refresh, device).check(&answered, now);
    let (token, sign_in) = match (exchange, made) {
        (Exchange::Old(key, sign_in), _) => {
            return Err(logins.not_refreshed(refresh_tokens.reused(key, sign_in).await).await);
        }
        (Exchange::First(token, sign_in), Some(_)) => (token, sign_in),
        // The answer to the exchange was lost. What was signed before it is not good again, and what was signed after it is
        // good once: by memory, since the record does not change.
        (Exchange::Again(token, at, sign_in), Some(made)) if made > at => {
            let jkt = options.device_key()?.ok_or(StoreError::Data)?;
            logins.use_challenge(jkt, &answered, made.saturating_add(LIFETIME), now).await?;
            (token, sign_in)
        }
        (Exchange::First(_, sign_in) | Exchange::Again(_, _, sign_in), _) => {
            // Later than the exchange, so that it counts.
            let later = sign_in.used_at.saturating_add(Duration::from_millis(1));
            return challenge(&presented, device, now.max(later), Some(DeviceError::Challenge));
        }
    };
    let access = logins.next_access(&sign_in, &options, None).await?;
    Ok(Answer::Login(session, logins.login(access, &token, &sign_in, &options)?))
}

/// The refresh token of the login of this browser.
fn refresh_token<'r>(logins: &'r Logins, head: &'r Request<()>) -> Result<&'r [u8], LoginError> {
    let found = logins.0.refresh_cookie.find(head).map_err(AuthError::from)?;
    found.ok_or_else(|| AuthError::MissingToken.into())
}

fn bound(options: &LoginOptions) -> Result<(&DeviceOptions, &DeviceKey), DeviceError> {
    let device = options.device.as_ref().ok_or(DeviceError::NotBound)?;
    Ok((device, device.key.as_ref().ok_or(DeviceError::NotBound)?))
}

fn challenge(
    presented: &Presented,
    device: &DeviceOptions,
    now: NumericDate,
    error: Option<DeviceError>,
) -> Result<Answer, LoginError> {
    let challenge = presented.asked(Purpose::Refresh, device).challenge(now).ok_or(StoreError::Backend)?;
    let field = format!("\"{challenge}\";id=\"{}\"", presented.login);
    Ok(Answer::Challenge(error, HeaderValue::try_from(field).map_err(|_| StoreError::Data)?))
}

/// 403 with a challenge, as the draft has it: the browser signs it and asks again.
fn challenged(error: Option<DeviceError>, challenge: HeaderValue) -> Response<String> {
    let mut response = if let Some(error) = error {
        LoginError::from(error).response()
    } else {
        let mut response = settled(None, no_store());
        *response.status_mut() = StatusCode::FORBIDDEN;
        response
    };
    response.headers_mut().insert(CHALLENGE, challenge);
    response
}

impl Logins {
    async fn use_challenge(
        &self,
        key: Thumbprint,
        challenge: &str,
        until: NumericDate,
        now: NumericDate,
    ) -> Result<(), LoginError> {
        self.0.binding.use_challenge(key, challenge, until, now).await.map_err(|error| match error {
            AuthError::Unavailable(unavailable) => LoginError::ProofsUnavailable(unavailable),
            _ => DeviceError::Proof(ProofError::Replayed).into(),
        })
    }

    /// The cookies of a login, and what the browser is told of it.
    fn instructed(&self, session: &str, login: &Login) -> Response<String> {
        let Self(inner) = self;
        let cookies: &LoginCookies = &inner.cookies;
        let text = instructions::text(session, &inner.paths.routes, &inner.paths.device_exempt, cookies);
        let mut response = Response::new(text);
        *response.headers_mut() = self.set_cookies(login);
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }

    /// With the cookies cleared, where the login has ended.
    fn refusal(&self, error: LoginError) -> LoginRefusal {
        match &error {
            LoginError::Refresh(RefreshError::Store(_)) => error.into(),
            LoginError::Refresh(_) => LoginRefusal::clearing(error, self.clear_cookies()),
            _ => error.into(),
        }
    }
}
