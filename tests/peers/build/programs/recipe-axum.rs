use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::{StatusCode, request::Parts};
use axum::{RequestPartsExt, Router, routing::get};
use axum_extra::TypedHeader;
use axum_extra::headers::{Authorization, authorization::Bearer};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};

#[derive(Clone, serde::Deserialize)]
struct User {
    sub: String,
    name: String,
}

struct Recipe {
    key: DecodingKey,
    validation: Validation,
}

struct Authenticated(User);

impl<S> FromRequestParts<S> for Authenticated
where
    Arc<Recipe>: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, StatusCode> {
        let TypedHeader(Authorization(bearer)) =
            parts.extract::<TypedHeader<Authorization<Bearer>>>().await.map_err(|_| StatusCode::UNAUTHORIZED)?;
        let recipe: Arc<Recipe> = FromRef::from_ref(state);
        let data = decode::<User>(bearer.token(), &recipe.key, &recipe.validation);
        data.map(|data| Self(data.claims)).map_err(|_| StatusCode::UNAUTHORIZED)
    }
}

async fn hello(Authenticated(user): Authenticated) -> String {
    format!("Hello, {} ({})!", user.name, user.sub)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let key = DecodingKey::from_secret(b"a secret of at least thirty-two bytes");
    let mut validation = Validation::new(Algorithm::HS256);
    validation.set_issuer(&["https://issuer.example.com"]);
    validation.set_audience(&["api"]);
    let app = Router::new().route("/", get(hello)).with_state(Arc::new(Recipe { key, validation }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    Ok(axum::serve(listener, app).await?)
}
