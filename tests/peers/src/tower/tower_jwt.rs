//! tower-jwt, which sits on jsonwebtoken 9.

use std::hint::black_box;

use axum::routing::get;
use axum::{Extension, Router};
use jsonwebtoken9::{Algorithm, DecodingKey, Validation};
use tower_jwt::{JwtLayer, RequestClaim};

use super::ANSWER;
use crate::tokens::{AUDIENCE, ISSUER, Key, User};

pub(super) fn router(key: &Key) -> Router {
    async fn hello(Extension(user): Extension<RequestClaim<User>>) -> &'static str {
        black_box(user.claim);
        ANSWER
    }
    let (algorithm, key) = match key.algorithm {
        jwt_core::Algorithm::HS256 => (Algorithm::HS256, DecodingKey::from_secret(key.secret.as_bytes())),
        _ => (Algorithm::RS256, DecodingKey::from_rsa_pem(key.public_pem.as_bytes()).expect("a key")),
    };
    let mut validation = Validation::new(algorithm);
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[AUDIENCE]);
    Router::new().route("/", get(hello)).layer(JwtLayer::<User, _>::new(validation, key))
}
