//! A login service, and two others: orders asks invoices on behalf of the user, with a token for nothing else.
//!
//! `cargo run -p forward [PORT]`, then paste the `curl` lines that it prints.
//!
//! ```text
//! browser ── token for orders ──▶ orders ── token for invoices ──▶ invoices
//!                                   │ ▲
//!             token for orders, and │ │ token for invoices, good for a minute
//!             who is asking         ▼ │
//!                                  login
//! ```

use std::error::Error;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime, SystemTimeError};

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use jwt_tower::forward::{
    ExchangeError, ExchangeRequest, ExchangedToken, Exchanging, ForwardError, ForwardTarget, Forwarder, TokenExchange,
};
use jwt_tower::{
    Algorithm, Authenticator, Claims, ForwardToken, ForwardTokenService, ForwardingError, JwtAuth, KeySet, SigningKey,
    Token, Verifier,
};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tower::{Layer, ServiceExt};

type Http = Client<HttpConnector, Full<axum::body::Bytes>>;

#[derive(serde::Deserialize)]
struct User {
    name: String,
}

// Invoices: takes tokens for invoices, and no others.

fn invoices(secret: &[u8]) -> Result<Router, Box<dyn Error>> {
    let auth = Authenticator::<User>::builder().keys(KeySet::hs256(secret)?).audience("invoices").build()?;
    Ok(Router::new().route("/unpaid", get(unpaid)).layer(JwtAuth::new(auth)))
}

async fn unpaid(Claims(user): Claims<User>) -> String {
    let audience: Vec<_> = user.audience().collect();
    format!("{} has two unpaid invoices, says the service for which the token is: {audience:?}\n", user.name)
}

// Orders: takes tokens for orders, and has them exchanged for what it sends to invoices.

#[derive(Clone)]
struct Orders {
    invoices: SocketAddr,
    client: ForwardTokenService<Http>,
}

fn orders(secret: &[u8], invoices: SocketAddr, login: SocketAddr) -> Result<Router, Box<dyn Error>> {
    let auth = Authenticator::<User>::builder().keys(KeySet::hs256(secret)?).audience("orders").build()?;
    let http = Client::builder(TokioExecutor::new()).build_http();
    let target = ForwardTarget::new(format!("http://{invoices}"))
        .audience("invoices")
        .scope("invoices:read")
        .call_time(Duration::from_secs(10));
    let forwarder =
        Forwarder::builder().target(target).exchange(Login { address: login, http: http.clone() }).build()?;
    let orders = Orders { invoices, client: ForwardToken::new(forwarder).layer(http) };
    Ok(Router::new().route("/orders", get(list)).with_state(orders).layer(JwtAuth::new(auth)))
}

async fn list(State(orders): State<Orders>, Token(token): Token) -> Response {
    let call = Request::get(format!("http://{}/unpaid", orders.invoices)).extension(token).body(Full::default());
    let Ok(call) = call else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    match orders.client.oneshot(call).await {
        Ok(answer) => answer.map(axum::body::Body::new),
        // The client has to get a new token before it asks again.
        Err(ForwardingError::Forward(ForwardError::Expiring)) => StatusCode::UNAUTHORIZED.into_response(),
        Err(error) => {
            eprintln!("invoices: {error}");
            StatusCode::BAD_GATEWAY.into_response()
        }
    }
}

/// How orders gets at narrower tokens. A real one would send its own credentials along.
struct Login {
    address: SocketAddr,
    http: Http,
}

impl TokenExchange for Login {
    fn exchange(&self, request: ExchangeRequest) -> Exchanging<'_> {
        Box::pin(async move {
            let call = Request::post(format!("http://{}/token", self.address))
                .header("content-type", "application/x-www-form-urlencoded")
                .body(request.form().into())
                .map_err(ExchangeError::transport)?;
            let answer = self.http.request(call).await.map_err(ExchangeError::transport)?;
            let status = answer.status().as_u16();
            let body = answer.into_body().collect().await.map_err(ExchangeError::transport)?.to_bytes();
            ExchangedToken::from_answer(status, &body)
        })
    }
}

// Login: signs tokens, and exchanges those for orders for narrower ones (RFC 8693).

struct Issuer {
    key: SigningKey,
    verifier: Verifier<User>,
}

fn login(secret: &[u8]) -> Result<Router, Box<dyn Error>> {
    let auth = Authenticator::<User>::builder().keys(KeySet::hs256(secret)?).audience("orders").build_verifier()?;
    let issuer = Issuer { key: SigningKey::secret(Algorithm::HS256, secret)?, verifier: auth };
    Ok(Router::new().route("/token", post(exchange)).with_state(std::sync::Arc::new(issuer)))
}

#[derive(serde::Deserialize)]
struct Exchange {
    subject_token: String,
    audience: String,
    scope: String,
}

async fn exchange(
    State(issuer): State<std::sync::Arc<Issuer>>,
    Form(wish): Form<Exchange>,
) -> Result<Json<Value>, (StatusCode, Json<Value>)> {
    let refused = |error| (StatusCode::BAD_REQUEST, Json(json!({"error": error})));
    let user = issuer.verifier.verify(&wish.subject_token).map_err(|_| refused("invalid_request"))?;
    if (&*wish.audience, &*wish.scope) != ("invoices", "invoices:read") {
        return Err(refused("invalid_target"));
    }
    let claims =
        json!({"name": user.name, "aud": wish.audience, "scope": wish.scope, "exp": seconds_from_now(60).unwrap_or(0)});
    let token = issuer.key.sign(&claims).map_err(|_| refused("invalid_request"))?;
    Ok(Json(json!({
        "access_token": token, "token_type": "Bearer", "expires_in": 60,
        "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
    })))
}

fn seconds_from_now(seconds: u64) -> Result<u64, SystemTimeError> {
    Ok(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs() + seconds)
}

const USAGE: &str = "\
A login service, and two others: one asks the other on behalf of the user, with a token for nothing else.

usage: cargo run -p forward [PORT]

  PORT   where orders is to listen on 127.0.0.1: 3000 unless told otherwise, 0 for any free port
";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().init();

    // A secret for this run, which all three share. Services of different hands would rather use public keys.
    let mut secret = [0; 32];
    getrandom::fill(&mut secret)?;

    let port = command_line::port(USAGE, 3000);
    let [for_orders, for_invoices, for_login] =
        [port, 0, 0].map(|port| TcpListener::from_std(command_line::listen(port)));
    let (for_orders, for_invoices, for_login) = (for_orders?, for_invoices?, for_login?);
    let invoices_at = for_invoices.local_addr()?;
    let orders = orders(&secret, invoices_at, for_login.local_addr()?)?;

    let claims = json!({"name": "Alice", "aud": "orders", "exp": seconds_from_now(3600)?});
    let token = SigningKey::secret(Algorithm::HS256, secret)?.sign(&claims)?;
    let address = for_orders.local_addr()?;
    println!("Orders asks invoices on behalf of Alice:\n");
    println!("    curl -i -H 'Authorization: Bearer {token}' http://{address}/orders\n");
    println!("whereas her own token is none of invoices' business, which is a 401:\n");
    println!("    curl -i -H 'Authorization: Bearer {token}' http://{invoices_at}/unpaid\n");

    let invoices = axum::serve(for_invoices, invoices(&secret)?).into_future();
    let login = axum::serve(for_login, login(&secret)?).into_future();
    tokio::try_join!(axum::serve(for_orders, orders).into_future(), invoices, login)?;
    Ok(())
}
