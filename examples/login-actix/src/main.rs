//! Sign in, refresh, sign out, list devices: browsers by cookie, API clients by bearer token; on actix-web.
//!
//! `cargo run -p login-actix [PORT] [--store FILE|URL] [--key FILE] [--bind-to-device]`, then open the address that it prints,
//! or paste the `curl` lines. Users, passwords, limits and pages are in `login-common`.

use std::error::Error;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use actix_web::http::{StatusCode, header};
use actix_web::web::{self, Data, Form, Json, Redirect, ServiceConfig};
use actix_web::{App, HttpRequest, HttpResponse, HttpResponseBuilder, HttpServer, ResponseError};
use jwt_actix::{
    AuthError, Claims, Head, Jwks, JwtAuth, LoginRejection, LoginRoutes, Logins, SameOrigin, response, with_headers,
};
use login_common::{Credentials, Options, Refused, Service, User};

fn routes(config: &mut ServiceConfig, service: &Service) {
    let logins = service.logins.clone();
    let answer = move |error: &AuthError, request: &HttpRequest, head| answer(&logins, error, request, head);
    config
        .app_data(Data::new(service.clone()))
        .route("/.well-known/jwks.json", web::to(Jwks::new(service.logins.issuer().clone())))
        .route("/login", web::get().to(|| async { response(login_common::login_page(None)) }))
        .route("/dpop", web::get().to(|| async { response(login_common::dpop_page()) }))
        .route("/dpop.js", web::get().to(|| async { response(login_common::dpop_script()) }))
        .route("/auth/login", web::post().to(log_in))
        .route("/api/login", web::post().to(api_log_in))
        .service(
            web::scope("")
                .wrap(JwtAuth::new(service.auth.clone()).on_rejection(answer))
                .route("/", web::get().to(home))
                .route("/api/me", web::get().to(me))
                .route(login_common::SIGNED_IN, web::get().to(async |_: Claims<User>| Redirect::to("/").see_other())),
        );
}

/// For browsers: a form, cookies, a redirect.
async fn log_in(
    attempt: SameOrigin,
    service: Data<Service>,
    request: HttpRequest,
    Form(credentials): Form<Credentials>,
) -> Result<HttpResponse, Page> {
    let user = service.check_password(credentials, address(&request)).await?;
    Ok(response(attempt.log_in(&user).await?.response()))
}

/// For scripts and mobile clients: JSON, bearer tokens; bound ones for a client that sends a proof of its key (`/dpop`).
async fn api_log_in(
    service: Data<Service>,
    request: HttpRequest,
    Json(credentials): Json<Credentials>,
) -> Result<HttpResponse, Problem> {
    let user = service.check_password(credentials, address(&request)).await?;
    let label = request.headers().get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or("unknown");
    let login = service.logins.log_in(&user, label).proof_from(&Head(&request)).await?;
    Ok(response(login.json()))
}

async fn home(service: Data<Service>, Claims(user): Claims<User>) -> Result<HttpResponse, LoginRejection> {
    let devices = service.logins.devices(&user).await?;
    Ok(response(login_common::devices_page(&user, &devices)))
}

async fn me(Claims(user): Claims<User>) -> HttpResponse {
    HttpResponse::Ok().json(user)
}

fn address(request: &HttpRequest) -> IpAddr {
    request.peer_addr().map_or(Ipv4Addr::UNSPECIFIED.into(), |address| address.ip())
}

/// Who has no good token is sent to the login page, if that is somebody who looks at pages. So is who has two: the browser
/// forgets both. Who comes from there without a token has a browser that has not kept it.
fn answer(logins: &Logins, error: &AuthError, request: &HttpRequest, mut head: HttpResponseBuilder) -> HttpResponse {
    let navigates = request.headers().get("sec-fetch-mode").is_some_and(|mode| mode == "navigate");
    if navigates && matches!(error, AuthError::InvalidRequest(_)) {
        with_headers(&mut head, &logins.clear_cookies());
    }
    if request.path() == login_common::SIGNED_IN && matches!(error, AuthError::MissingToken) {
        let (page, body) = login_common::no_cookies_page().into_parts();
        with_headers(&mut head, &page.headers);
        return head.body(body);
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
    let server = HttpServer::new(move || {
        // Refresh, logout and devices, for browsers and for everybody else.
        let ready = LoginRoutes::new(service.logins.clone(), service.auth.clone());
        App::new().configure(|config| routes(config, &service)).wrap(ready)
    });
    let server = server.listen(command_line::listen(options.port))?;
    login_common::print_usage(server.addrs()[0].port());
    server.run().await?;
    Ok(())
}
