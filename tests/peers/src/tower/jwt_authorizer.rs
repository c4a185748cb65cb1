//! jwt-authorizer, which is made for axum 0.7 and sits on jsonwebtoken 9.

use std::hint::black_box;

use axum07::Router;
use axum07::body::Body;
use axum07::routing::get;
use jwt_authorizer::{AuthorizerBuilder, IntoLayer, JwtClaims, Validation};

use super::ANSWER;
use crate::tokens::{AUDIENCE, ISSUER, Key, User};

pub(super) fn body() -> Body {
    Body::empty()
}

/// Its own bare route, since another axum is another floor.
pub(super) fn bare() -> Router {
    async fn hello() -> &'static str {
        ANSWER
    }
    Router::new().route("/", get(hello)).with_state(())
}

pub(super) async fn router(key: &Key) -> Router {
    async fn hello(JwtClaims(user): JwtClaims<User>) -> &'static str {
        black_box(user);
        ANSWER
    }
    let builder: AuthorizerBuilder<User> = match key.algorithm {
        jwt_core::Algorithm::HS256 => AuthorizerBuilder::from_secret(&key.secret),
        _ => AuthorizerBuilder::from_rsa_pem_text(&key.public_pem),
    };
    let validation = Validation::new().iss(&[ISSUER]).aud(&[AUDIENCE]);
    let authorizer = builder.validation(validation).build().await.expect("an authorizer");
    Router::new().route("/", get(hello)).layer(authorizer.into_layer()).with_state(())
}
