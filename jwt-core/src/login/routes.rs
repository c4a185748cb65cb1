//! The ready routes: refresh, logout, and the devices of a user, for browsers and for other clients.

use std::sync::Arc;

use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use serde::{Deserialize, Serialize};

use super::attempt::settled;
use super::body::{BodyError, Media, Sender};
use super::more_routes::MoreRequest;
use super::options::LoginOptions;
use super::{LoginError, LoginRefusal, Logins};
use crate::answer::ResponseHeaders;
use crate::authenticator::Authenticator;
use crate::clock::NumericDate;
use crate::error::{AuthError, Mismatch, TokenError};
use crate::guard::{Admission, Rejection};
use crate::request::RequestHead;
use crate::request::source::{self, Presented};
use crate::session::refresh::RefreshTokens;
use crate::session::sign_in::SignIn;
use crate::store::{SignInId, StoreError};
use crate::verify::{Common, VerifiedToken};

/// Where the routes are, and where forms go on.
#[derive(Debug, Clone)]
pub(super) struct Paths {
    /// Without a slash at its end.
    pub(super) routes: Box<str>,
    pub(super) after_log_in: HeaderValue,
    pub(super) after_log_out: HeaderValue,
    /// Paths that a browser requests without refreshing a bound login first.
    #[cfg_attr(not(feature = "device"), expect(dead_code, reason = "only browsers that bind a login are told"))]
    pub(super) device_exempt: Box<[Box<str>]>,
}

/// One line of "signed in on these devices". Serializes to a JSON object with these members.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Device {
    /// What the login is ended by: [`Logins::log_out_device`].
    pub id: SignInId,
    /// The label of the login. The client chose it, so treat it as text and never as HTML.
    pub label: String,
    /// When the login began, in seconds since the epoch.
    pub signed_in_at: u64,
    /// When it was last refreshed, in seconds since the epoch.
    pub used_at: u64,
    /// When it ends unless it is refreshed, in seconds since the epoch.
    pub expires_at: u64,
    /// Whether it is the login of the token that asks.
    pub current: bool,
}

impl Device {
    fn new(sign_in: SignIn, current: Option<SignInId>) -> Self {
        let SignIn { id, label, created_at, used_at, expires_at, .. } = sign_in;
        let [signed_in_at, used_at, expires_at] = [created_at, used_at, expires_at].map(NumericDate::as_secs);
        Self { id, label, signed_in_at, used_at, expires_at, current: current == Some(id) }
    }
}

/// A request to one of the ready routes of [`Logins`], for adapters: they ask [`Logins::route`], read the body, and send
/// what [`respond`](Self::respond) says.
///
/// Below the path of the routes, `/auth` unless the builder says [otherwise](super::LoginsBuilder::routes_path):
///
/// | request | to a browser | to a client with its refresh token in a JSON body |
/// |---|---|---|
/// | `POST …/refresh` | 204, new cookies | 200, [the tokens in JSON](super::Login::json) |
/// | `POST …/logout` | 204, cookies cleared | 204; an access token in `Authorization` ends its login too |
/// | `POST …/logout-everywhere` | 204, cookies cleared | 204, by the access token in `Authorization` |
/// | `GET …/devices` | 200, an array of [`Device`]s in JSON | the same |
/// | `DELETE …/devices/{id}`, `POST …/devices/{id}/logout` | 204 | the same |
///
/// With the feature `oidc`, `GET …/login/{provider}` and `GET` and `POST …/callback/{provider}` are among them: see
/// `ProviderLogin`.
///
/// To the form of a page, 303 takes the place of 204: to [`after_log_in`](super::LoginsBuilder::after_log_in), or to
/// [`after_log_out`](super::LoginsBuilder::after_log_out) where the login has ended. Every response has
/// `Cache-Control: no-store`. A client with its refresh token in the body sends a proof in `DPoP` where its login
/// [is bound](super::NewLogin::proof_from) to a key. Refusals are those of [`LoginError::response`], and of the authenticator where an access
/// token is needed; another method is 405 with `Allow`.
#[derive(Debug, Clone)]
pub struct LoginRoute {
    logins: Logins,
    action: Action,
}

#[derive(Debug, Clone, Copy)]
enum Action {
    Refresh,
    LogOut,
    LogOutEverywhere,
    Devices,
    LogOutDevice(SignInId),
    /// That of a provider, by its place among them.
    More(usize),
    /// There is such a route, by other methods.
    NotAllowed(&'static str),
}

impl Logins {
    /// Which of the ready routes a request is for; `None` for another path.
    pub fn route(&self, head: &impl RequestHead) -> Option<LoginRoute> {
        let rest = head.path().strip_prefix(&*self.0.paths.routes)?.strip_prefix('/')?;
        let mut more = self.0.more.iter().enumerate();
        if let Some((place, methods)) = more.find_map(|(place, more)| Some((place, more.methods(rest)?))) {
            return Some(self.route_to(Action::More(place), methods, head));
        }
        let mut segments = rest.split('/');
        let (first, second, third) = (segments.next()?, segments.next(), segments.next());
        if segments.next().is_some() {
            return None;
        }
        let device = |id: &str| id.parse().ok().map(Action::LogOutDevice);
        let (action, methods) = match (first, second, third) {
            ("refresh", None, None) => (Action::Refresh, "POST"),
            ("logout", None, None) => (Action::LogOut, "POST"),
            ("logout-everywhere", None, None) => (Action::LogOutEverywhere, "POST"),
            ("devices", None, None) => (Action::Devices, "GET, HEAD"),
            ("devices", Some(id), None) => (device(id)?, "DELETE"),
            ("devices", Some(id), Some("logout")) => (device(id)?, "POST"),
            _ => return None,
        };
        Some(self.route_to(action, methods, head))
    }

    fn route_to(&self, action: Action, methods: &'static str, head: &impl RequestHead) -> LoginRoute {
        let allowed = methods.split(", ").any(|method| method == head.method());
        let action = if allowed { action } else { Action::NotAllowed(methods) };
        LoginRoute { logins: self.clone(), action }
    }

    /// "Signed in on these devices": the logins of the user of a verified access token, the last used first.
    ///
    /// # Errors
    /// [`LoginError::Store`]; [`LoginError::Request`] for a token without `sub`, or one that another issuer has signed.
    pub async fn devices<C>(&self, token: &VerifiedToken<C>) -> Result<Vec<Device>, LoginError> {
        self.devices_of(token.common()).await
    }

    async fn devices_of(&self, token: &Common) -> Result<Vec<Device>, LoginError> {
        let (subject, current) = self.login_of(token)?;
        let sign_ins = self.0.refresh.list(subject).await?;
        Ok(sign_ins.into_iter().map(|sign_in| Device::new(sign_in, current)).collect())
    }

    /// The subject and the login of an access token of these logins. Another issuer may have another user of that name.
    fn login_of<'t>(&self, token: &'t Common) -> Result<(&'t str, Option<SignInId>), LoginError> {
        let issuer = self.0.issuer.name();
        if token.issuer() != Some(issuer) {
            return Err(AuthError::from(TokenError::Issuer(Mismatch::new(token.issuer(), [issuer]))).into());
        }
        let subject = token.subject().ok_or_else(|| AuthError::from(TokenError::MissingClaim("sub".into())))?;
        Ok((subject, token.identity().session_id().and_then(|id| id.parse().ok())))
    }
}

impl LoginRoute {
    /// How much of a body is read, in bytes: many times what a refresh token needs. For a longer one, pass
    /// [`BodyError::TooLong`].
    pub const MAX_BODY: usize = 8 * 1024;

    /// The response. `authenticator` is one that [`Logins::authenticator`] has built: it says whose devices are listed, and
    /// what is asked of that request.
    pub async fn respond<C>(
        self,
        authenticator: &Authenticator<C>,
        head: &impl RequestHead,
        body: Result<&[u8], BodyError>,
    ) -> Response<String> {
        let logins = &self.logins;
        let response = match self.action {
            Action::Refresh => logins.respond_to_refresh(head, body).await,
            Action::LogOut => logins.respond_to_logout(head, body).await,
            Action::LogOutEverywhere | Action::Devices | Action::LogOutDevice(_) => {
                return logins.respond_to_user(self.action, authenticator, head).await;
            }
            Action::More(place) => match (self.logins.0.more.get(place), MoreRequest::new(head, body)) {
                (Some(more), Some(request)) => return more.respond(logins, request).await,
                _ => Err(LoginError::from(BodyError::Broken).into()),
            },
            Action::NotAllowed(methods) => Ok(not_allowed(methods)),
        };
        response.unwrap_or_else(|refusal| refusal.response())
    }
}

impl Logins {
    async fn respond_to_refresh(
        &self,
        head: &impl RequestHead,
        body: Result<&[u8], BodyError>,
    ) -> Result<Response<String>, LoginRefusal> {
        match Sender::of(head, body)? {
            Sender::Client(request) => Ok(self.refresh_with_proof(request.refresh_token, head).await?.json()),
            sender @ (Sender::Form | Sender::Script) => match self.refresh_from_request(head).await {
                // The browser refreshes it by itself, and has: there is nothing to do.
                Err(refusal) if matches!(refusal.reason(), LoginError::BoundToDevice) && self.has_good_access(head) => {
                    let form = matches!(sender, Sender::Form);
                    Ok(settled(form.then(|| self.0.paths.after_log_in.clone()), no_store()))
                }
                refreshed => Ok(refreshed?.response()),
            },
        }
    }

    /// Whether a request has a good access token in a cookie, of the login of its refresh token.
    fn has_good_access(&self, head: &impl RequestHead) -> bool {
        let login = self.0.refresh_cookie.find(head).ok().flatten().and_then(RefreshTokens::key);
        let in_cookies =
            source::all(head, self.0.cookies.access_name()).filter(|access| access.presented == Presented::InCookie);
        let mut verified = in_cookies.filter_map(|access| self.0.verifier.verify_unproven(access.token).ok());
        login.is_some_and(|login| verified.any(|token| token.session_id().is_some_and(|id| id == login.id.to_string())))
    }

    async fn respond_to_logout(
        &self,
        head: &impl RequestHead,
        body: Result<&[u8], BodyError>,
    ) -> Result<Response<String>, LoginRefusal> {
        let location = match Sender::of(head, body) {
            // What the head has ends all the same.
            Err(error) => {
                let cleared = self.log_out_from_request(head).await?;
                return Err(LoginRefusal::clearing(error.into(), cleared));
            }
            Ok(Sender::Client(request)) => {
                // Both, whatever becomes of the other.
                let ended = self.log_out(request.refresh_token).await;
                self.log_out_from_request(head).await?;
                ended?;
                return Ok(settled(None, no_store()));
            }
            Ok(Sender::Form) => Some(self.after_log_out(head).await),
            Ok(Sender::Script) => None,
        };
        Ok(settled(location, self.log_out_from_request(head).await?))
    }

    /// Where a browser goes on whose login is about to end: by way of the provider that it comes from, if that is to end too.
    async fn after_log_out(&self, head: &impl RequestHead) -> HeaderValue {
        let page = &self.0.paths.after_log_out;
        self.by_way_of_provider(head).await.unwrap_or_else(|| page.clone())
    }

    async fn by_way_of_provider(&self, head: &impl RequestHead) -> Option<HeaderValue> {
        if self.0.more.is_empty() {
            return None;
        }
        let token = self.refresh_token_from_request(head).ok()??;
        let found = self.0.refresh.find(token).await.ok()?;
        let origin = LoginOptions::read(&found.sign_in.options).ok()?.origin?;
        let request = MoreRequest::new(head, Ok(&[]))?;
        let page = format!("{}{}", self.public_origin_of(&request.head), self.0.paths.after_log_out.to_str().ok()?);
        for more in &self.0.more {
            if let Some(location) = more.after_log_out(&origin, &page).await {
                return Some(location);
            }
        }
        None
    }

    /// What the user of an access token asks for.
    async fn respond_to_user<C>(
        &self,
        action: Action,
        authenticator: &Authenticator<C>,
        head: &impl RequestHead,
    ) -> Response<String> {
        let by_form = matches!(Media::of(head), Ok(Media::Form));
        let outcome = match authenticator.outcome(head) {
            Ok(outcome) => outcome,
            Err(pending) => pending.await,
        };
        let (admission, headers) = Admission::of(authenticator, outcome, head);
        let response = match admission.and_then(|admission| Admission::token(Some(&admission))) {
            Ok(token) => match self.respond_to_token(action, token.common(), by_form).await {
                Ok(response) => response,
                Err(error) => error.response(),
            },
            Err(rejection) => self.rejected(&rejection.for_request(head), by_form),
        };
        with(response, headers)
    }

    async fn respond_to_token(
        &self,
        action: Action,
        token: &Common,
        by_form: bool,
    ) -> Result<Response<String>, LoginError> {
        let (subject, current) = self.login_of(token)?;
        let paths = &self.0.paths;
        Ok(match action {
            Action::LogOutEverywhere => {
                self.log_out_everywhere(subject).await?;
                settled(by_form.then(|| paths.after_log_out.clone()), self.clear_cookies())
            }
            Action::LogOutDevice(id) => {
                self.log_out_device(subject, id).await?;
                let (location, headers) = if current == Some(id) {
                    (&paths.after_log_out, self.clear_cookies())
                } else {
                    (&paths.after_log_in, no_store())
                };
                settled(by_form.then(|| location.clone()), headers)
            }
            _ => json(&self.devices_of(token).await?)?,
        })
    }

    /// Whoever is not logged in is sent where one logs in, if that is the form of a page.
    fn rejected(&self, rejection: &Rejection, by_form: bool) -> Response<String> {
        rejection.report();
        let response = rejection.answer.response();
        if by_form && response.status() == StatusCode::UNAUTHORIZED {
            return settled(Some(self.0.paths.after_log_out.clone()), no_store());
        }
        response.map(str::to_owned)
    }
}

pub(super) fn no_store() -> HeaderMap {
    HeaderMap::from_iter([(CACHE_CONTROL, HeaderValue::from_static("no-store"))])
}

fn not_allowed(methods: &'static str) -> Response<String> {
    let mut response = settled(None, no_store());
    *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(methods));
    response
}

fn json(devices: &[Device]) -> Result<Response<String>, LoginError> {
    let mut response = Response::new(serde_json::to_string(devices).map_err(|_| StoreError::Data)?);
    *response.headers_mut() = no_store();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

/// With the cookies of a login that was renewed on the way.
fn with(mut response: Response<String>, headers: Option<Arc<ResponseHeaders>>) -> Response<String> {
    if let Some(headers) = headers {
        headers.apply(response.headers_mut());
    }
    response
}
