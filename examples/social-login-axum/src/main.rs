//! Sign in with an identity provider, on a page; on axum.
//!
//! `cargo run -p social-login-axum [PORT]`, then open the address that it prints. It starts two providers on this machine by
//! Node.js, unless the environment names others: see `--help`. Providers, users and the page are in `social-login-common`.

use std::error::Error;

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::Response;
use axum::routing::get;
use jwt_tower::{Claims, JwtAuth, LoginRoutes};
use social_login_common::{Loopback, Service, USAGE, User, has_providers, page};

fn app(service: Service) -> Router {
    let Service { logins, auth, .. } = service.clone();
    Router::new()
        .route("/", get(home))
        .layer(JwtAuth::new(auth.clone()))
        // The providers too: `/auth/login/…` and `/auth/callback/…`.
        .layer(LoginRoutes::new(logins, auth))
        .with_state(service)
}

async fn home(
    State(service): State<Service>,
    RawQuery(query): RawQuery,
    user: Option<Claims<User>>,
) -> Response<String> {
    let user = user.as_ref().map(|Claims(user)| user.claims());
    page(&service, user, query.as_deref().unwrap_or_default())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().init();
    let listener = tokio::net::TcpListener::from_std(command_line::listen(command_line::port(USAGE, 3000)))?;
    let port = listener.local_addr()?.port();
    let loopback = if has_providers() { None } else { Some(Loopback::start(port)?) };
    let service = Service::open(port, loopback.as_ref())?;
    println!("Open http://localhost:{port}/ and sign in; with the providers on this machine, any name will do.");
    axum::serve(listener, app(service)).await?;
    Ok(())
}
