//! axum-jwt-auth, which sits on jsonwebtoken 10 with the pure-Rust backend.

use std::hint::black_box;
use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use axum_jwt_auth::{Claims, Decoder, LocalDecoder};
use jsonwebtoken10::{Algorithm, DecodingKey, Validation};

use super::ANSWER;
use crate::tokens::{AUDIENCE, ISSUER, Key, User};

pub(super) fn router(key: &Key) -> Router {
    async fn hello(user: Claims<User>) -> &'static str {
        black_box(user.claims);
        ANSWER
    }
    let (algorithm, key) = match key.algorithm {
        jwt_core::Algorithm::HS256 => (Algorithm::HS256, DecodingKey::from_secret(key.secret.as_bytes())),
        _ => (Algorithm::RS256, DecodingKey::from_rsa_pem(key.public_pem.as_bytes()).expect("a key")),
    };
    let mut validation = Validation::new(algorithm);
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[AUDIENCE]);
    let decoder = LocalDecoder::builder().keys(vec![key]).validation(validation).build().expect("a decoder");
    let decoder: Decoder<User> = Arc::new(decoder);
    Router::new().route("/", get(hello)).with_state(decoder)
}
