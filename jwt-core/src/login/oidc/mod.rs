//! Signing in with an identity provider: OpenID Connect Core 1.0 §3.1 and OAuth 2.0 (RFC 6749 §4.1), as ready routes.

mod answer;
mod build_error;
mod builder;
mod error;
mod flow;
mod provider;
mod seal;
mod today;
mod user;

use std::fmt;
use std::future::ready;
use std::sync::Arc;

use http::header::{CACHE_CONTROL, LOCATION, REFERRER_POLICY, SET_COOKIE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

pub use build_error::ProviderLoginBuildError;
pub use builder::ProviderLoginBuilder;
pub use error::{ProviderError, RefusedSignIn};
pub use user::{ProviderAccess, ProviderUser};

use super::body::Media;
use super::builder::is_path;
use super::cookies::SameSite;
use super::more_routes::{GoingOn, MoreRequest, MoreRoutes, Responding, Today};
use super::new_login::Keep;
use super::options::{LoginOptions, Origin};
use super::proof::Proof;
use super::{BodyError, Logins, LoginsBuilder};
use crate::session::sign_in::SignIn;
use crate::transport::form::append;
use crate::verify::OriginalLogin;
use answer::Answer;
use flow::{Flow, FlowKey, MAX_RETURN_TO};
use provider::{Place, Provider, Tokens};
use today::{Asking, Keeper};
use user::{Decided, Ends};

/// An identity provider that people sign in with, given to [`LoginsBuilder::provider`]. Cheap to clone.
///
/// ```
/// use std::convert::Infallible;
/// use std::sync::Arc;
/// use jwt_core::login::oidc::ProviderUser;
/// use jwt_core::{Algorithm, Issuer, Logins, MemoryStore, ProviderLogin, RefreshTokens, SigningKey};
///
/// /// What the application reads of the ID token.
/// #[derive(serde::Deserialize)]
/// struct Person {
///     name: String,
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (secret, key) = ("hunter2", SigningKey::generate(Algorithm::ES256)?);
/// # let issuer = Issuer::builder("https://app.example.com").audience("app").signing_key(key).build()?;
/// # let refresh_tokens = RefreshTokens::builder(Arc::new(MemoryStore::new())).build()?;
/// let google = ProviderLogin::builder("https://accounts.google.com", "1234.apps.googleusercontent.com")
///     .client_secret(secret)
///     .scope("profile")
///     .on_sign_in(|person: ProviderUser<Person>| async move {
///         // Look the user up by provider and subject; `None` refuses.
///         let user = serde_json::json!({"sub": format!("google:{}", person.subject()), "name": person.claims().name});
///         Ok::<_, Infallible>(Some(person.log_in(&user)))
///     })
///     .build()?;
/// let logins = Logins::builder(issuer, refresh_tokens)
///     .public_origin("https://app.example.com")
///     .provider("google", google)
///     .build()?;
/// # let _ = logins;
/// # Ok(()) }
/// ```
///
/// The [ready routes](super::LoginRoute) then have two more, below the path of the routes:
///
/// | request | answer |
/// |---|---|
/// | `GET …/login/google?return_to=/orders` | 303 to the provider, and a cookie for this flow |
/// | `GET …/callback/google`, `POST …/callback/google` | 303 to `return_to`, or to [`after_log_in`](LoginsBuilder::after_log_in), with the cookies of a login; [without cookies](LoginsBuilder::without_cookies) 200 and [the tokens in JSON](super::Login::json) |
///
/// Register `https://app.example.com/auth/callback/google` as the redirect URI. What comes out is a login as any other: it is
/// refreshed, listed, revoked and ended in the same way. A refusal is that of [`ProviderError::response`].
///
/// # What is checked
///
/// - A flow has a random `state`, a `nonce` and a verifier of PKCE by S256 (RFC 7636), always. A signed cookie of the host,
///   `__Host-sign_in_…`, for ten minutes, says that this browser has begun it. So nobody can be logged in by an address that
///   somebody else has made (login CSRF), and a code that was stolen on the way is of no use. Each tab has a flow of its own, up
///   to four.
/// - Each provider has a redirect URI of its own, and the flow belongs to one provider. `iss` in the answer has to be its name,
///   and has to be there where the metadata says so (RFC 9207): no provider gets the code of another one (mix-up).
/// - The ID token is verified as [`IdTokenVerifier`](crate::verify::IdTokenVerifier) does: signature, `iss`, `aud`, `azp`,
///   times, `nonce`, `at_hash`, and `auth_time` and `acr` where they are asked for.
/// - `return_to` is a path of this host.
/// - A flow begins with a navigation, and not with an image of another site (`Sec-Fetch-Mode`).
#[derive(Clone)]
pub struct ProviderLogin {
    asked: Arc<Provider>,
    ends: Arc<dyn Ends>,
    key: FlowKey,
    keeper: Option<Arc<Keeper>>,
    failure_page: Option<String>,
    end_session: bool,
}

impl ProviderLogin {
    /// A provider of OpenID Connect, by the name that is `iss` in its ID tokens, and the identifier of this service there. Its
    /// endpoints are discovered when the first sign-in begins, and again after an hour; while it does not say where they are,
    /// those that are known stay.
    pub fn builder(issuer: impl Into<String>, client_id: impl Into<String>) -> ProviderLoginBuilder {
        ProviderLoginBuilder::new(Place::Issuer(issuer.into()), client_id.into())
    }

    /// A provider of OAuth 2.0 without ID tokens, such as GitHub, by the addresses of its authorization endpoint and its token
    /// endpoint. Who it is says a function that asks the provider: [`on_access`](ProviderLoginBuilder::on_access).
    pub fn oauth2(
        authorization_endpoint: impl Into<String>,
        token_endpoint: impl Into<String>,
        client_id: impl Into<String>,
    ) -> ProviderLoginBuilder {
        let (authorization, token) = (authorization_endpoint.into(), token_endpoint.into());
        ProviderLoginBuilder::new(Place::Endpoints { authorization, token }, client_id.into())
    }

    fn same_site(&self) -> SameSite {
        // A form that a page of the provider posts brings no other cookies.
        if self.asked.how.form_post { SameSite::None } else { SameSite::Lax }
    }
}

impl fmt::Debug for ProviderLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let credentials = &self.asked.how.credentials;
        let issuer = self.asked.issuer();
        f.debug_struct("ProviderLogin")
            .field("issuer", &issuer)
            .field("credentials", credentials)
            .finish_non_exhaustive()
    }
}

impl LoginsBuilder {
    /// An identity provider that people sign in with, and its name in the paths of its routes: letters, digits, `-` and `_`, 32
    /// at most. Each call adds one; see [`ProviderLogin`]. Needs [`public_origin`](Self::public_origin), since the redirect URI
    /// is registered at the provider. None.
    #[must_use]
    #[cfg_attr(feature_labels, doc(cfg(feature = "oidc")))]
    pub fn provider(mut self, name: impl AsRef<str>, provider: ProviderLogin) -> Self {
        self.more.push(Arc::new(Named { name: name.as_ref().into(), provider }));
        self
    }
}

/// A provider, and what it is called here.
#[derive(Debug)]
struct Named {
    name: Arc<str>,
    provider: ProviderLogin,
}

impl MoreRoutes for Named {
    fn name(&self) -> &str {
        &self.name
    }

    fn methods(&self, path: &str) -> Option<&'static str> {
        match path.split_once('/')? {
            ("login", name) if name == &*self.name => Some("GET"),
            ("callback", name) if name == &*self.name => Some("GET, POST"),
            _ => None,
        }
    }

    fn respond<'r>(&'r self, logins: &'r Logins, request: MoreRequest<'r>) -> Responding<'r> {
        Box::pin(async move {
            let begins = request.head.uri().path().ends_with(&*format!("/login/{}", self.name));
            let response = if begins { self.begin(logins, &request).await } else { self.end(logins, &request).await };
            let mut response = response.unwrap_or_else(|failed| self.failed(&failed));
            // The address has the code in it.
            response.headers_mut().insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
            response
        })
    }

    fn follows_logins(&self) -> bool {
        self.provider.keeper.is_some()
    }

    fn today<'r>(&'r self, logins: &'r Logins, login: &'r SignIn, options: &'r LoginOptions) -> Today<'r> {
        let ProviderLogin { asked, ends, keeper: Some(keeper), end_session, .. } = &self.provider else {
            return Box::pin(ready(Ok(None)));
        };
        let asking = Asking {
            name: self.name.clone(),
            asked: asked.clone(),
            ends: ends.clone(),
            keeper: keeper.clone(),
            keep_id_token: *end_session,
            logins: logins.clone(),
        };
        Box::pin(asking.ask(login, options))
    }

    fn forget(&self, login: &SignIn) {
        let ProviderLogin { asked, keeper: Some(keeper), .. } = &self.provider else { return };
        let Ok(options) = LoginOptions::read(&login.options) else { return };
        let token =
            today::kept(&options, &self.name).and_then(|kept| keeper.ring.open(&self.name, login.id, &kept.token));
        if let Some(token) = token {
            today::give_back(&self.name, asked, token);
        }
    }

    fn after_log_out<'r>(&'r self, origin: &'r Origin, page: &'r str) -> GoingOn<'r> {
        Box::pin(async move {
            if !self.provider.end_session || origin.provider != *self.name {
                return None;
            }
            let endpoint = self.provider.asked.endpoints().await.ok()?.end_session.clone()?;
            let mut asked = String::new();
            append(&mut asked, "client_id", &self.provider.asked.how.credentials.id);
            append(&mut asked, "post_logout_redirect_uri", page);
            if let Some(id_token) = &origin.id_token {
                append(&mut asked, "id_token_hint", id_token);
            }
            let separator = if endpoint.contains('?') { '&' } else { '?' };
            HeaderValue::try_from(format!("{endpoint}{separator}{asked}")).ok()
        })
    }
}

/// Why there is no login, and the cookie of the flow, where it is over.
struct Failed {
    error: ProviderError,
    over: Option<HeaderValue>,
}

impl From<ProviderError> for Failed {
    fn from(error: ProviderError) -> Self {
        Self { error, over: None }
    }
}

const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");

impl Named {
    fn redirect_uri(&self, logins: &Logins, request: &MoreRequest<'_>) -> String {
        let (origin, routes) = (logins.public_origin_of(&request.head), &logins.0.paths.routes);
        format!("{origin}{routes}/callback/{}", self.name)
    }

    /// Sends a browser to the provider.
    async fn begin(&self, logins: &Logins, request: &MoreRequest<'_>) -> Result<Response<String>, Failed> {
        let ProviderLogin { asked, key, .. } = &self.provider;
        let head = &request.head;
        if head.headers().get(SEC_FETCH_MODE).is_some_and(|mode| mode != "navigate") {
            return Err(ProviderError::NoNavigation.into());
        }
        let return_to = return_to(head.uri().query().unwrap_or_default(), &logins.0.paths.routes)?;
        let now = logins.0.issuer.now();
        let flow = Flow::begin(key, &self.name, &return_to, now).ok_or(ProviderError::Random)?;
        let cookies = flow.cookies(key, &self.name, self.provider.same_site(), head).ok_or(ProviderError::Random)?;
        let address = asked.authorization(&flow, &self.redirect_uri(logins, request)).await?;
        let malformed = |_| ProviderError::Malformed { endpoint: "authorization_endpoint" };
        let mut response = going_on(HeaderValue::try_from(address).map_err(malformed)?);
        for cookie in cookies {
            response.headers_mut().append(SET_COOKIE, cookie);
        }
        Ok(response)
    }

    /// Takes the answer of the provider from a browser.
    async fn end(&self, logins: &Logins, request: &MoreRequest<'_>) -> Result<Response<String>, Failed> {
        let ProviderLogin { key, .. } = &self.provider;
        let answer = answer_in(request)?;
        let state = answer.state.as_deref().ok_or(ProviderError::Answer)?;
        let now = logins.0.issuer.now();
        let flow = Flow::find(key, &self.name, state, &request.head, now).ok_or(ProviderError::UnknownFlow)?;
        let over = flow.over(self.provider.same_site());
        match self.log_in(logins, request, &answer, &flow).await {
            Ok(mut response) => {
                response.headers_mut().extend(over.map(|over| (SET_COOKIE, over)));
                Ok(response)
            }
            // The page can be loaded again: the code may not have arrived yet.
            Err(error) if error.may_pass() => Err(error.into()),
            Err(error) => Err(Failed { error, over }),
        }
    }

    async fn log_in(
        &self,
        logins: &Logins,
        request: &MoreRequest<'_>,
        answer: &Answer,
        flow: &Flow,
    ) -> Result<Response<String>, ProviderError> {
        let asked = &self.provider.asked;
        // First, also of an error: it may be that of another provider (RFC 9207 §2.4).
        match (&answer.iss, asked.issuer()) {
            (Some(iss), Some(issuer)) if iss != issuer => return Err(ProviderError::OtherIssuer),
            (None, Some(_)) if asked.endpoints().await?.names_itself => return Err(ProviderError::OtherIssuer),
            _ => {}
        }
        let code = match (&answer.code, &answer.error) {
            (Some(code), None) if !code.is_empty() => code,
            (None, Some(error)) => return Err(ProviderError::Refused(RefusedSignIn::of(error))),
            _ => return Err(ProviderError::Answer),
        };
        self.provider.ends.ready().await?;
        let tokens = Arc::new(asked.tokens(code, flow, &self.redirect_uri(logins, request)).await?);
        let response = self.log_in_with(logins, request, &tokens, flow).await;
        // Nobody keeps it.
        if let (Err(_), Some(token), Some(_)) = (&response, &tokens.refresh, &self.provider.keeper) {
            today::give_back(&self.name, asked, token.clone());
        }
        response
    }

    async fn log_in_with(
        &self,
        logins: &Logins,
        request: &MoreRequest<'_>,
        tokens: &Arc<Tokens>,
        flow: &Flow,
    ) -> Result<Response<String>, ProviderError> {
        let ProviderLogin { asked, ends, end_session, .. } = &self.provider;
        let agent = request.head.headers().get(USER_AGENT).and_then(|agent| agent.to_str().ok());
        let access = ProviderAccess {
            tokens: tokens.clone(),
            asked: asked.clone(),
            logins: logins.clone(),
            name: self.name.clone(),
            label: agent.unwrap_or("unknown").into(),
            refresh: false,
        };
        let Decided { login, first } = ends.end(access, &flow.nonce).await?;
        let login = login.ok_or(ProviderError::Denied)?;
        let id_token = tokens.id.clone().filter(|_| *end_session);
        let origin = Origin { provider: self.name.to_string(), id_token, kept: None };
        let login = login.by_provider(origin, self.keep(logins, tokens, first));
        if logins.0.without_cookies {
            return Ok(login.await?.json());
        }
        let login = login.with_proof(Proof::in_cookies(&request.head)).await?;
        let location = match &*flow.return_to {
            "" => logins.0.paths.after_log_in.clone(),
            path => HeaderValue::from_str(path).map_err(|_| ProviderError::ReturnTo)?,
        };
        let mut response = going_on(location);
        response.headers_mut().extend(logins.set_cookies(&login));
        Ok(response)
    }

    /// What keeps the refresh token with the login, where that is wanted.
    fn keep(&self, logins: &Logins, tokens: &Tokens, first: Option<OriginalLogin>) -> Option<Keep> {
        let keeper = self.provider.keeper.clone()?;
        let Some(token) = tokens.refresh.clone() else {
            keeper.tell_nothing_came(&self.name);
            return None;
        };
        let (name, now) = (self.name.clone(), logins.0.issuer.now());
        Some(Box::new(move |login| keeper.keep(&name, login, &token, first, now)))
    }

    fn failed(&self, failed: &Failed) -> Response<String> {
        let mut response = match &self.provider.failure_page {
            Some(page) => failed.error.leading_to(page),
            None => failed.error.response(),
        };
        response.headers_mut().extend(failed.over.clone().map(|over| (SET_COOKIE, over)));
        response
    }
}

fn going_on(location: HeaderValue) -> Response<String> {
    let mut response = Response::default();
    *response.status_mut() = StatusCode::SEE_OTHER;
    let fields = [(LOCATION, location), (CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    *response.headers_mut() = HeaderMap::from_iter(fields);
    response
}

/// Where a flow goes on: a path of this host, and not one of these routes; empty where none is named.
fn return_to(query: &str, routes: &str) -> Result<String, ProviderError> {
    let mut named = answer::parameters(query).filter(|(name, _)| name == "return_to").map(|(_, value)| value);
    let Some(first) = named.next() else { return Ok(String::new()) };
    let path = first.filter(|_| named.next().is_none()).ok_or(ProviderError::ReturnTo)?;
    let is_route = path.strip_prefix(routes).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?', '#']));
    if is_path(&path) && !is_route && path.len() <= MAX_RETURN_TO { Ok(path) } else { Err(ProviderError::ReturnTo) }
}

/// What the provider has answered by way of the browser: in the query or, to a `POST`, as a form.
fn answer_in(request: &MoreRequest<'_>) -> Result<Answer, ProviderError> {
    if request.head.method() == http::Method::GET {
        return Answer::read(request.head.uri().query().unwrap_or_default());
    }
    let body = request.body.map_err(ProviderError::Body)?;
    if Media::of(&request.head).map_err(ProviderError::Body)? != Media::Form {
        return Err(ProviderError::Body(BodyError::MediaType));
    }
    Answer::read(std::str::from_utf8(body).map_err(|_| ProviderError::Answer)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flow_goes_on_inside_of_this_host_and_nowhere_else() {
        let read = |query: &str| return_to(query, "/auth").ok();
        assert_eq!(read("").as_deref(), Some(""));
        assert_eq!(read("a=b").as_deref(), Some(""));
        for path in ["/", "/orders?page=2#top", "/authors", "/a//b", "/%2F%2Fevil.example"] {
            let mut query = String::new();
            append(&mut query, "return_to", path);
            assert_eq!(read(&query).as_deref(), Some(path));
        }
        for path in [
            "",
            "orders",
            "//evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "https://evil.example",
            "https:evil.example",
            "javascript:alert(1)",
            "/\t/evil.example",
            "/ /evil.example",
            " //evil.example",
            "/a\r\nLocation: https://evil.example",
            "/\u{e9}",
            "/\0",
            "/auth",
            "/auth/login/a",
            "/auth?x",
            &format!("/{}", "a".repeat(MAX_RETURN_TO)),
        ] {
            let mut query = String::new();
            append(&mut query, "return_to", path);
            assert_eq!(read(&query), None, "{path:?}");
        }
        assert_eq!(read("return_to=/a&return_to=/b"), None);
        assert_eq!(read("return_to=/%ff"), None);
    }
}
