use std::sync::Arc;

use axum::{Router, routing::get};
use axum_jwt_auth::{Claims, Decoder, LocalDecoder};
use jsonwebtoken10::{Algorithm, DecodingKey, Validation};

#[derive(Clone, serde::Deserialize)]
struct User {
    sub: String,
    name: String,
}

async fn hello(user: Claims<User>) -> String {
    format!("Hello, {} ({})!", user.claims.name, user.claims.sub)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let key = DecodingKey::from_secret(b"a secret of at least thirty-two bytes");
    let mut validation = Validation::new(Algorithm::HS256);
    validation.set_issuer(&["https://issuer.example.com"]);
    validation.set_audience(&["api"]);
    let decoder = LocalDecoder::builder().keys(vec![key]).validation(validation).build().expect("a decoder");
    let decoder: Decoder<User> = Arc::new(decoder);
    let app = Router::new().route("/", get(hello)).with_state(decoder);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    Ok(axum::serve(listener, app).await?)
}
