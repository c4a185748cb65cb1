//! The orders service on axum: instances 1 and 2.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::{HeaderMap, HeaderValue, StatusCode};
use hyper::body::Bytes;
use jwt_tower::forward::Forwarder;
use jwt_tower::store::StoreError;
use jwt_tower::{Claims, CompactToken, JwtAuth, LoginCookies, Token};
use serde_json::json;

use crate::access::Access;
use crate::client::Http;
use crate::user::{Place, SignIn, User};
use crate::witness;
use crate::world::World;

pub(crate) struct Shop {
    pub(crate) access: Access,
    pub(crate) http: Http,
    pub(crate) forwarder: Forwarder,
    pub(crate) cookies: LoginCookies,
    pub(crate) world: Arc<World>,
}

/// The routes of an instance of that name.
pub(crate) fn router(name: String, shop: Arc<Shop>) -> Router {
    let world = shop.world.clone();
    // #axum
    Router::new()
        .route("/orders", get(orders))
        .route("/orders/invoices", get(invoices))
        .route("/session/end", post(sign_out))
        .layer(JwtAuth::new(shop.access.authenticator.clone()))
        .route("/session", post(sign_in))
        .with_state(shop)
        .layer(middleware::from_fn_with_state((world, name), watch))
}

/// What Alice has ordered.
pub(crate) fn orders_of(user: &User) -> serde_json::Value {
    json!({"customer": user.name, "orders": ["a kettle", "two cups"]})
}

// #handler
async fn orders(Claims(user): Claims<User>) -> Response {
    witness::proved();
    Json(orders_of(&user)).into_response()
}

async fn invoices(State(shop): State<Arc<Shop>>, Token(token): Token, headers: HeaderMap) -> Response {
    witness::proved();
    passed_back(invoices_of(&shop, &token, id_of(&headers)).await)
}

async fn sign_in(State(shop): State<Arc<Shop>>, Json(sign_in): Json<SignIn>) -> Response {
    let Some(user) = User::named(&sign_in.name) else { return StatusCode::BAD_REQUEST.into_response() };
    match shop.access.start_session(&user, sign_in.brief).await {
        Err(error) => unavailable(&error),
        Ok((token, session)) if sign_in.place == Place::Cookie => {
            (StatusCode::NO_CONTENT, shop.cookies.set_session(&token, &session)).into_response()
        }
        Ok((token, _)) => (shop.cookies.clear(), Json(json!({"session": token.as_str()}))).into_response(),
    }
}

async fn sign_out(State(shop): State<Arc<Shop>>, Token(token): Token) -> Response {
    witness::proved();
    match shop.access.end_session(token.as_str()).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => unavailable(&error),
    }
}

fn unavailable(error: &StoreError) -> Response {
    witness::logged(error);
    StatusCode::SERVICE_UNAVAILABLE.into_response()
}

fn id_of(headers: &HeaderMap) -> Option<HeaderValue> {
    headers.get("x-request-id").cloned()
}

fn passed_back(answer: Result<http::Response<Bytes>, StatusCode>) -> Response {
    match answer {
        Ok(response) => crate::client::answer(response),
        Err(status) => status.into_response(),
    }
}

/// Asks the invoices service in the name of the user whose token that is: it goes there, and nowhere else.
pub(crate) async fn invoices_of(
    shop: &Shop,
    token: &CompactToken,
    id: Option<HeaderValue>,
) -> Result<http::Response<Bytes>, StatusCode> {
    // #pass-on
    let address = format!("http://127.0.0.1:{}/invoices", shop.world.invoices_port);
    let fields = shop.forwarder.headers(token, "GET", &*address).await.map_err(|error| {
        witness::logged(error);
        StatusCode::UNAUTHORIZED
    })?;
    let mut request = http::Request::get("/invoices").body(Bytes::new()).map_err(|_| StatusCode::BAD_REQUEST)?;
    request.headers_mut().extend(fields);
    request.headers_mut().extend(id.map(|id| (http::HeaderName::from_static("x-request-id"), id)));
    shop.http.send(request, shop.world.invoices_port).await.map_err(|_| StatusCode::BAD_GATEWAY)
}

/// Around everything: what happens to a request is noted, and who answered is said.
pub(crate) async fn watch(State((world, name)): State<(Arc<World>, String)>, request: Request, next: Next) -> Response {
    let id = request.headers().get("x-request-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
    let status = |response: &Response| response.status().as_u16();
    let mut response = world.witness.watch(id, (&name, "axum"), next.run(request), status).await;
    if let Ok(name) = HeaderValue::from_str(&name) {
        response.headers_mut().insert("x-instance", name);
    }
    response
}
