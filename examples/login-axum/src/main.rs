//! Sign in, refresh, sign out, list devices: browsers by cookie, API clients by bearer token; on axum.
//!
//! `cargo run -p login-axum [PORT] [--store FILE|URL] [--key FILE] [--bind-to-device]`, then open the address that it prints,
//! or paste the `curl` lines. Users, passwords, limits and pages are in `login-common`.

use std::error::Error;
use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Form, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use jwt_tower::{AuthError, Claims, Jwks, JwtAuth, LoginRejection, LoginRoutes, Logins, SameOrigin, VerifiedToken};
use login_common::{Credentials, Options, Refused, Service, User};

fn app(service: Service) -> Router {
    let Service { logins, auth, .. } = service.clone();
    let of_answers = logins.clone();
    let answer = move |error: &AuthError, request: &Parts, head| answer(&of_answers, error, request, head);
    Router::new()
        .route("/", get(home))
        .route("/api/me", get(me))
        .route(login_common::SIGNED_IN, get(|_: Claims<User>| async { Redirect::to("/") }))
        .route_layer(JwtAuth::new(auth.clone()).on_rejection(answer))
        .route("/login", get(|| async { login_common::login_page(None) }))
        .route("/dpop", get(|| async { login_common::dpop_page() }))
        .route("/dpop.js", get(|| async { login_common::dpop_script() }))
        .route("/auth/login", post(log_in))
        .route("/api/login", post(api_log_in))
        .route_service("/.well-known/jwks.json", Jwks::new(logins.issuer().clone()))
        // Refresh, logout and devices, for browsers and for everybody else.
        .layer(LoginRoutes::new(logins, auth))
        .with_state(service)
}

/// For browsers: a form, cookies, a redirect.
async fn log_in(
    attempt: SameOrigin,
    State(service): State<Service>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    Form(credentials): Form<Credentials>,
) -> Result<Response<String>, Page> {
    let user = service.check_password(credentials, from.ip()).await?;
    Ok(attempt.log_in(&user).await?.response())
}

/// For scripts and mobile clients: JSON, bearer tokens; bound ones for a client that sends a proof of its key (`/dpop`).
async fn api_log_in(
    State(service): State<Service>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    head: Parts,
    Json(credentials): Json<Credentials>,
) -> Result<Response<String>, Problem> {
    let user = service.check_password(credentials, from.ip()).await?;
    let label = head.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or("unknown");
    Ok(service.logins.log_in(&user, label).proof_from(&head).await?.json())
}

async fn home(State(service): State<Service>, Claims(user): Claims<User>) -> Result<Response<String>, LoginRejection> {
    let devices = service.logins.devices(&user).await?;
    Ok(login_common::devices_page(&user, &devices))
}

async fn me(Claims(user): Claims<User>) -> Json<VerifiedToken<User>> {
    Json(user)
}

/// Who has no good token is sent to the login page, if that is somebody who looks at pages. So is who has two: the browser
/// forgets both. Who comes from there without a token has a browser that has not kept it.
fn answer(logins: &Logins, error: &AuthError, request: &Parts, head: Response<()>) -> Response {
    let navigates = request.headers.get("sec-fetch-mode").is_some_and(|mode| mode == "navigate");
    let mut response = head.map(|()| axum::body::Body::empty());
    if navigates && matches!(error, AuthError::InvalidRequest(_)) {
        response.headers_mut().extend(logins.clear_cookies());
    }
    if request.uri.path() == login_common::SIGNED_IN && matches!(error, AuthError::MissingToken) {
        let (page, body) = login_common::no_cookies_page().into_parts();
        response.headers_mut().extend(page.headers);
        *response.body_mut() = body.into();
    } else if navigates
        && matches!(error, AuthError::MissingToken | AuthError::InvalidToken(_) | AuthError::InvalidRequest(_))
    {
        *response.status_mut() = StatusCode::SEE_OTHER;
        response.headers_mut().insert(header::LOCATION, HeaderValue::from_static("/login"));
    }
    response
}

/// A refusal that a browser shows.
struct Page(Refused);

impl<E: Into<Refused>> From<E> for Page {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        self.0.page().into_response()
    }
}

/// A refusal that a program reads.
struct Problem(Refused);

impl<E: Into<Refused>> From<E> for Problem {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.0.json().into_response()
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().init();
    let options = Options::from_command_line()?;
    let service = Service::open(&options).await?;
    let listener = tokio::net::TcpListener::from_std(command_line::listen(options.port))?;
    login_common::print_usage(listener.local_addr()?.port());
    axum::serve(listener, app(service).into_make_service_with_connect_info::<SocketAddr>()).await?;
    Ok(())
}
