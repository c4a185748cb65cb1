//! Sign in, refresh, sign out, list devices: browsers by cookie, API clients by bearer token; on actix-web.
//!
//! `cargo run -p login-actix [PORT] [--redis URL --key FILE]`, then open the address that it prints, or paste the `curl`
//! lines. Users, passwords, limits and pages are in `login-common`.

use std::error::Error;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use actix_web::http::{StatusCode, header};
use actix_web::web::{self, Data, Form, Json, Path, ServiceConfig};
use actix_web::{App, HttpRequest, HttpResponse, HttpResponseBuilder, HttpServer, ResponseError};
use jwt_actix::login::Login;
use jwt_actix::store::SignInId;
use jwt_actix::{AuthError, Claims, Head, Jwks, JwtAuth, Logins, response, with_headers};
use login_common::{Credentials, Options, RefreshRequest, Refused, Service, User};

fn routes(config: &mut ServiceConfig, service: &Service) {
    let logins = service.logins.clone();
    let answer = move |error: &AuthError, request: &HttpRequest, head| answer(&logins, error, request, head);
    config
        .app_data(Data::new(service.clone()))
        .route("/.well-known/jwks.json", web::to(Jwks::new(service.logins.issuer().clone())))
        .route("/login", web::get().to(|| async { response(login_common::login_page(None)) }))
        .route("/auth/login", web::post().to(log_in))
        .route("/auth/refresh", web::post().to(refresh))
        .route("/auth/logout", web::post().to(log_out))
        .route("/api/login", web::post().to(api_log_in))
        .route("/api/refresh", web::post().to(api_refresh))
        .route("/api/logout", web::post().to(api_log_out))
        .service(
            web::scope("")
                .wrap(JwtAuth::new(service.auth.clone()).on_rejection(answer))
                .route("/", web::get().to(home))
                .route("/devices/{id}/end", web::post().to(end_device_of_form))
                .route("/api/me", web::get().to(me))
                .route("/api/devices", web::get().to(devices))
                .route("/api/devices/{id}", web::delete().to(end_device)),
        );
}

// For browsers: forms, cookies, redirects.

async fn log_in(
    service: Data<Service>,
    request: HttpRequest,
    Form(credentials): Form<Credentials>,
) -> Result<HttpResponse, Page> {
    service.logins.check_origin(&Head(&request))?;
    let user = service.check_password(credentials, address(&request)).await?;
    let login = service.logins.log_in(&user, label(&request)).await?;
    Ok(signed_in(&service, &login))
}

async fn refresh(service: Data<Service>, request: HttpRequest) -> Result<HttpResponse, Page> {
    Ok(signed_in(&service, &service.logins.refresh_from_request(&Head(&request)).await?))
}

async fn log_out(service: Data<Service>, request: HttpRequest) -> Result<HttpResponse, Page> {
    let cleared = service.logins.log_out_from_request(&Head(&request)).await?;
    Ok(with_headers(&mut redirect("/login"), &cleared).finish())
}

async fn home(service: Data<Service>, Claims(user): Claims<User>) -> Result<HttpResponse, Page> {
    let devices = service.devices(&user).await?;
    Ok(response(login_common::devices_page(&user, &devices)))
}

async fn end_device_of_form(
    service: Data<Service>,
    Claims(user): Claims<User>,
    id: Path<SignInId>,
) -> Result<HttpResponse, Page> {
    service.end_device(&user, *id).await?;
    Ok(redirect("/").finish())
}

// For scripts and mobile clients: JSON, bearer tokens.

async fn api_log_in(
    service: Data<Service>,
    request: HttpRequest,
    Json(credentials): Json<Credentials>,
) -> Result<HttpResponse, Problem> {
    let user = service.check_password(credentials, address(&request)).await?;
    let login = service.logins.log_in(&user, label(&request)).await?;
    Ok(response(login.json()))
}

async fn api_refresh(service: Data<Service>, Json(request): Json<RefreshRequest>) -> Result<HttpResponse, Problem> {
    Ok(response(service.logins.refresh(request.refresh_token).await?.json()))
}

async fn api_log_out(
    service: Data<Service>,
    head: HttpRequest,
    Json(request): Json<RefreshRequest>,
) -> Result<HttpResponse, Problem> {
    // Both, whatever becomes of the other.
    let ended = service.logins.log_out(request.refresh_token).await;
    service.logins.log_out_from_request(&Head(&head)).await?;
    ended?;
    Ok(HttpResponse::NoContent().finish())
}

async fn me(Claims(user): Claims<User>) -> HttpResponse {
    HttpResponse::Ok().json(user)
}

async fn devices(service: Data<Service>, Claims(user): Claims<User>) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(service.devices(&user).await?))
}

async fn end_device(
    service: Data<Service>,
    Claims(user): Claims<User>,
    id: Path<SignInId>,
) -> Result<HttpResponse, Problem> {
    service.end_device(&user, *id).await?;
    Ok(HttpResponse::NoContent().finish())
}

fn signed_in(service: &Service, login: &Login) -> HttpResponse {
    with_headers(&mut redirect("/"), &service.logins.set_cookies(login)).finish()
}

fn redirect(to: &str) -> HttpResponseBuilder {
    let mut response = HttpResponse::SeeOther();
    response.insert_header((header::LOCATION, to));
    response
}

/// What the user will know a device by.
fn label(request: &HttpRequest) -> &str {
    request.headers().get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or("unknown")
}

fn address(request: &HttpRequest) -> IpAddr {
    request.peer_addr().map_or(Ipv4Addr::UNSPECIFIED.into(), |address| address.ip())
}

/// Who has no good token is sent to the login page, if that is somebody who looks at pages. So is who has two: the browser
/// forgets both.
fn answer(logins: &Logins, error: &AuthError, request: &HttpRequest, mut head: HttpResponseBuilder) -> HttpResponse {
    let navigates = request.headers().get("sec-fetch-mode").is_some_and(|mode| mode == "navigate");
    if navigates && matches!(error, AuthError::InvalidRequest(_)) {
        with_headers(&mut head, &logins.clear_cookies());
    }
    if navigates && matches!(error, AuthError::MissingToken | AuthError::InvalidToken(_) | AuthError::InvalidRequest(_))
    {
        head.status(StatusCode::SEE_OTHER).insert_header((header::LOCATION, "/login"));
    }
    head.finish()
}

/// A refusal that a browser shows.
#[derive(Debug)]
struct Page(Refused);

impl<E: Into<Refused>> From<E> for Page {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl ResponseError for Page {
    fn error_response(&self) -> HttpResponse {
        response(self.0.page())
    }
}

/// A refusal that a program reads.
#[derive(Debug)]
struct Problem(Refused);

impl<E: Into<Refused>> From<E> for Problem {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl ResponseError for Problem {
    fn error_response(&self) -> HttpResponse {
        response(self.0.json())
    }
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().init();
    let options = Options::from_command_line()?;
    let service = Service::open(&options).await?;
    let server = HttpServer::new(move || App::new().configure(|config| routes(config, &service)));
    let server = server.bind(("127.0.0.1", options.port))?;
    login_common::print_usage(server.addrs()[0].port());
    server.run().await?;
    Ok(())
}
