// What the blocks of the guide use without defining it: the application around them.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use axum::extract::ws::WebSocket;
use tonic::{Response, Status, body::Body};

use jwt_tower::forward::{ExchangeRequest, Exchanging, TokenExchange};
pub(crate) use jwt_tower::{AuthError, Authenticator, Claims, Issuer, KeySet, Logins, Revocations, VerifiedToken};

#[derive(serde::Deserialize)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) tenant: String,
}

#[derive(serde::Deserialize)]
pub(crate) struct Job {
    pub(crate) task: String,
}

/// What a login form has.
#[derive(serde::Deserialize)]
pub(crate) struct Credentials {
    pub(crate) name: String,
    pub(crate) password: String,
}

/// The claims of the user, if name and password are right.
pub(crate) async fn check_password(credentials: Credentials) -> Option<serde_json::Value> {
    None
}

#[derive(Debug, thiserror::Error)]
#[error("the tenant is locked")]
pub(crate) struct Locked;

#[derive(Debug, thiserror::Error)]
#[error("the token is for another application")]
pub(crate) struct NotForUs;

pub(crate) fn app(auth: Authenticator<User>) -> axum::Router {
    axum::Router::new().route("/me", axum::routing::get(me)).layer(jwt_tower::JwtAuth::new(auth))
}

pub(crate) async fn me(Claims(user): Claims<User>) -> String {
    format!("Hello, {}!", user.name)
}

pub(crate) async fn things() -> &'static str {
    "things"
}

pub(crate) async fn mcp() -> &'static str {
    "an answer"
}

pub(crate) async fn greet(socket: WebSocket, user: VerifiedToken<User>) {}

pub(crate) async fn talk(socket: WebSocket, user: &User) {}

/// An HTTP client.
pub(crate) struct Client;

#[derive(Debug)]
pub(crate) struct TokenEndpoint;

impl TokenExchange for TokenEndpoint {
    fn exchange(&self, request: ExchangeRequest) -> Exchanging<'_> {
        unimplemented!("the blocks are not run")
    }
}

// What tonic's code generator makes of a service.

pub(crate) struct Hello;

pub(crate) struct Greeting {
    pub(crate) text: String,
}

#[tonic::async_trait]
pub(crate) trait Greeter {
    async fn hello(&self, request: tonic::Request<Hello>) -> Result<Response<Greeting>, Status>;
}

pub(crate) struct Service;

#[derive(Clone)]
pub(crate) struct GreeterServer;

impl GreeterServer {
    pub(crate) fn new(service: Service) -> Self {
        Self
    }
}

impl tonic::server::NamedService for GreeterServer {
    const NAME: &str = "example.Greeter";
}

impl tower::Service<http::Request<Body>> for GreeterServer {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        ready(Ok(http::Response::default()))
    }
}
