// What the blocks of the guide use without defining it: the application around them.

use actix_ws::{MessageStream, Session};

use jwt_actix::forward::{ExchangeRequest, Exchanging, TokenExchange};
pub(crate) use jwt_actix::{AuthError, Authenticator, Claims, Issuer, KeySet, Logins, Revocations, VerifiedToken};

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

pub(crate) async fn me(Claims(user): Claims<User>) -> String {
    format!("Hello, {}!", user.name)
}

pub(crate) async fn things() -> &'static str {
    "things"
}

pub(crate) async fn mcp() -> &'static str {
    "an answer"
}

pub(crate) async fn greet_session(session: Session, messages: MessageStream, user: VerifiedToken<User>) {}

pub(crate) async fn talk_session(session: Session, messages: MessageStream, user: &User) {}

/// An HTTP client.
pub(crate) struct Client;

#[derive(Debug)]
pub(crate) struct TokenEndpoint;

impl TokenExchange for TokenEndpoint {
    fn exchange(&self, request: ExchangeRequest) -> Exchanging<'_> {
        unimplemented!("the blocks are not run")
    }
}
