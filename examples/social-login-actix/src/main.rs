//! Sign in with an identity provider, on a page; on actix-web.
//!
//! `cargo run -p social-login-actix [PORT]`, then open the address that it prints. It starts two providers on this machine by
//! Node.js, unless the environment names others: see `--help`. Providers, users and the page are in `social-login-common`.

use std::error::Error;

use actix_web::web::{Data, get};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use jwt_actix::{Claims, JwtAuth, LoginRoutes, response};
use social_login_common::{Loopback, Service, USAGE, User, has_providers, page};

async fn home(service: Data<Service>, request: HttpRequest, user: Option<Claims<User>>) -> HttpResponse {
    let user = user.as_ref().map(|Claims(user)| user.claims());
    response(page(&service, user, request.query_string()))
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().init();
    let listener = command_line::listen(command_line::port(USAGE, 3000));
    let port = listener.local_addr()?.port();
    let loopback = if has_providers() { None } else { Some(Loopback::start(port)?) };
    let service = Service::open(port, loopback.as_ref())?;
    println!("Open http://localhost:{port}/ and sign in; with the providers on this machine, any name will do.");
    let server = HttpServer::new(move || {
        App::new()
            .app_data(Data::new(service.clone()))
            .route("/", get().to(home))
            .wrap(JwtAuth::new(service.auth.clone()))
            // The providers too: `/auth/login/…` and `/auth/callback/…`.
            .wrap(LoginRoutes::new(service.logins.clone(), service.auth.clone()))
    });
    server.listen(listener)?.run().await?;
    Ok(())
}
