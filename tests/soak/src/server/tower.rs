//! With axum.

use std::error::Error;
use std::net;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use jwt_tower::{Claims, JwtAuth, LoginRoutes};
use tokio::net::TcpListener;
use tokio::runtime::Builder;

use super::{Planted, Service, Sessions, Stores, User};
use crate::traffic::Store;

pub(super) fn serve(
    listener: net::TcpListener,
    stores: &Stores,
    planted: Option<Planted>,
    ready: impl FnOnce(),
) -> Result<(), Box<dyn Error>> {
    Builder::new_multi_thread().worker_threads(2).enable_all().build()?.block_on(async {
        let service = Service::open(stores, planted).await?;
        listener.set_nonblocking(true)?;
        // Else the second of two answers waits until the client has confirmed the first.
        let listener = TcpListener::from_std(listener)?.tap_io(|stream| drop(stream.set_nodelay(true)));
        ready();
        Ok(axum::serve(listener, app(&service)).await?)
    })
}

fn app(service: &Service) -> Router {
    let api = Router::new().route("/api/me", get(me)).route_layer(JwtAuth::new(service.fetched.clone()));
    // Served as a fault: the token is not asked for.
    let api = if service.planted == Some(Planted::Served) {
        Router::new().route("/api/me", get(async || "everybody"))
    } else {
        api.with_state(service.clone())
    };
    api.merge(of(Store::Redis, &service.redis, service))
        .merge(of(Store::Postgres, &service.postgres, service))
        .layer(LoginRoutes::new(service.redis.logins.clone(), service.redis.auth.clone()))
        .layer(LoginRoutes::new(service.postgres.logins.clone(), service.postgres.auth.clone()))
}

fn of(store: Store, sessions: &Sessions, service: &Service) -> Router {
    let name = store.name();
    let protected = Router::new()
        .route(&format!("/{name}/me"), get(me))
        .route_layer(JwtAuth::new(sessions.auth.clone()))
        .with_state(service.clone());
    Router::new()
        .route(&format!("/{name}/log-in"), post(log_in))
        .route(&format!("/{name}/api-log-in"), post(api_log_in))
        .with_state(sessions.clone())
        .merge(protected)
}

async fn log_in(State(sessions): State<Sessions>, head: Parts) -> impl IntoResponse {
    sessions.log_in(&head).await
}

async fn api_log_in(State(sessions): State<Sessions>, head: Parts) -> impl IntoResponse {
    sessions.api_log_in(&head).await
}

async fn me(State(service): State<Service>, Claims(user): Claims<User>) -> Result<String, StatusCode> {
    service.me(&user).map_err(|()| StatusCode::UNAUTHORIZED)
}
