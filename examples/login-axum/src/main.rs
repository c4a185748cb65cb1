//! Sign in, refresh, sign out, list devices: browsers by cookie, API clients by bearer token; on axum.
//!
//! `cargo run -p login-axum [PORT] [--redis URL --key FILE]`, then open the address that it prints, or paste the `curl`
//! lines. Users, passwords, limits and pages are in `login-common`.

use std::error::Error;
use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Form, Path, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use jwt_tower::store::SignInId;
use jwt_tower::{AuthError, Claims, Jwks, JwtAuth, Logins, VerifiedToken};
use login_common::{Credentials, Device, Options, RefreshRequest, Refused, Service, User};

fn app(service: Service) -> Router {
    let logins = service.logins.clone();
    let answer = move |error: &AuthError, request: &Parts, head| answer(&logins, error, request, head);
    Router::new()
        .route("/", get(home))
        .route("/devices/{id}/end", post(end_device_of_form))
        .route("/api/me", get(me))
        .route("/api/devices", get(devices))
        .route("/api/devices/{id}", delete(end_device))
        .route_layer(JwtAuth::new(service.auth.clone()).on_rejection(answer))
        .route("/login", get(|| async { login_common::login_page(None) }))
        .route("/auth/login", post(log_in))
        .route("/auth/refresh", post(refresh))
        .route("/auth/logout", post(log_out))
        .route("/api/login", post(api_log_in))
        .route("/api/refresh", post(api_refresh))
        .route("/api/logout", post(api_log_out))
        .route_service("/.well-known/jwks.json", Jwks::new(service.logins.issuer().clone()))
        .with_state(service)
}

// For browsers: forms, cookies, redirects.

async fn log_in(
    State(service): State<Service>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    head: Parts,
    Form(credentials): Form<Credentials>,
) -> Result<Response, Page> {
    service.logins.check_origin(&head)?;
    let user = service.check_password(credentials, from.ip()).await?;
    let login = service.logins.log_in(&user, label(&head.headers)).await?;
    Ok((service.logins.set_cookies(&login), Redirect::to("/")).into_response())
}

async fn refresh(State(service): State<Service>, head: Parts) -> Result<Response, Page> {
    let login = service.logins.refresh_from_request(&head).await?;
    Ok((service.logins.set_cookies(&login), Redirect::to("/")).into_response())
}

async fn log_out(State(service): State<Service>, head: Parts) -> Result<Response, Page> {
    let cleared = service.logins.log_out_from_request(&head).await?;
    Ok((cleared, Redirect::to("/login")).into_response())
}

async fn home(State(service): State<Service>, Claims(user): Claims<User>) -> Result<Response, Page> {
    let devices = service.devices(&user).await?;
    Ok(login_common::devices_page(&user, &devices).into_response())
}

async fn end_device_of_form(
    State(service): State<Service>,
    Claims(user): Claims<User>,
    Path(id): Path<SignInId>,
) -> Result<Redirect, Page> {
    service.end_device(&user, id).await?;
    Ok(Redirect::to("/"))
}

// For scripts and mobile clients: JSON, bearer tokens.

async fn api_log_in(
    State(service): State<Service>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Json(credentials): Json<Credentials>,
) -> Result<Response, Problem> {
    let user = service.check_password(credentials, from.ip()).await?;
    let login = service.logins.log_in(&user, label(&headers)).await?;
    Ok(login.json().into_response())
}

async fn api_refresh(State(service): State<Service>, Json(request): Json<RefreshRequest>) -> Result<Response, Problem> {
    Ok(service.logins.refresh(request.refresh_token).await?.json().into_response())
}

async fn api_log_out(
    State(service): State<Service>,
    head: Parts,
    Json(request): Json<RefreshRequest>,
) -> Result<StatusCode, Problem> {
    // Both, whatever becomes of the other.
    let ended = service.logins.log_out(request.refresh_token).await;
    service.logins.log_out_from_request(&head).await?;
    ended?;
    Ok(StatusCode::NO_CONTENT)
}

async fn me(Claims(user): Claims<User>) -> Json<VerifiedToken<User>> {
    Json(user)
}

async fn devices(State(service): State<Service>, Claims(user): Claims<User>) -> Result<Json<Vec<Device>>, Problem> {
    Ok(Json(service.devices(&user).await?))
}

async fn end_device(
    State(service): State<Service>,
    Claims(user): Claims<User>,
    Path(id): Path<SignInId>,
) -> Result<StatusCode, Problem> {
    service.end_device(&user, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What the user will know a device by.
fn label(headers: &HeaderMap) -> &str {
    headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or("unknown")
}

/// Who has no good token is sent to the login page, if that is somebody who looks at pages. So is who has two: the browser
/// forgets both.
fn answer(logins: &Logins, error: &AuthError, request: &Parts, head: Response<()>) -> Response {
    let navigates = request.headers.get("sec-fetch-mode").is_some_and(|mode| mode == "navigate");
    let mut response = head.map(|()| axum::body::Body::empty());
    if navigates && matches!(error, AuthError::InvalidRequest(_)) {
        response.headers_mut().extend(logins.clear_cookies());
    }
    if navigates && matches!(error, AuthError::MissingToken | AuthError::InvalidToken(_) | AuthError::InvalidRequest(_))
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
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", options.port)).await?;
    login_common::print_usage(listener.local_addr()?.port());
    axum::serve(listener, app(service).into_make_service_with_connect_info::<SocketAddr>()).await?;
    Ok(())
}
