//! With actix-web.

use std::error::Error;
use std::net::TcpListener;

use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use jwt_actix::{Claims, Head, JwtAuth, LoginRoutes, response};

use super::{Planted, Service, Sessions, Stores, User};
use crate::traffic::Store;

pub(super) fn serve(
    listener: TcpListener,
    stores: &Stores,
    planted: Option<Planted>,
    ready: impl FnOnce(),
) -> Result<(), Box<dyn Error>> {
    actix_web::rt::System::new().block_on(async {
        let service = Service::open(stores, planted).await?;
        let server = HttpServer::new(move || {
            let redis = LoginRoutes::new(service.redis.logins.clone(), service.redis.auth.clone());
            let postgres = LoginRoutes::new(service.postgres.logins.clone(), service.postgres.auth.clone());
            App::new().configure(|config| routes(config, &service)).wrap(redis).wrap(postgres)
        });
        let server = server.workers(2).tcp_nodelay(true).disable_signals().listen(listener)?;
        ready();
        Ok(server.run().await?)
    })
}

fn routes(config: &mut ServiceConfig, service: &Service) {
    config.app_data(Data::new(service.clone()));
    of(config, Store::Redis, &service.redis);
    of(config, Store::Postgres, &service.postgres);
    if service.planted == Some(Planted::Served) {
        // Served as a fault: the token is not asked for.
        config.route("/api/me", web::get().to(async || "everybody"));
    }
    config.service(web::resource("/api/me").wrap(JwtAuth::new(service.fetched.clone())).route(web::get().to(me)));
}

fn of(config: &mut ServiceConfig, store: Store, sessions: &Sessions) {
    let name = store.name();
    let protected = web::resource(format!("/{name}/me")).wrap(JwtAuth::new(sessions.auth.clone()));
    let (browser, api) = (sessions.clone(), sessions.clone());
    let log_in = move |request: HttpRequest| {
        let sessions = browser.clone();
        async move { response(sessions.log_in(&Head(&request)).await) }
    };
    let api_log_in = move |request: HttpRequest| {
        let sessions = api.clone();
        async move { response(sessions.api_log_in(&Head(&request)).await) }
    };
    config
        .route(&format!("/{name}/log-in"), web::post().to(log_in))
        .route(&format!("/{name}/api-log-in"), web::post().to(api_log_in))
        .service(protected.route(web::get().to(me)));
}

async fn me(service: Data<Service>, Claims(user): Claims<User>) -> HttpResponse {
    match service.me(&user) {
        Ok(text) => HttpResponse::Ok().body(text),
        Err(()) => HttpResponse::Unauthorized().finish(),
    }
}
