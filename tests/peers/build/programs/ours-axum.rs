use axum::{Router, routing::get};
use jwt_tower::{Authenticator, Claims, JwtAuth, KeySet};

#[derive(serde::Deserialize)]
struct User {
    sub: String,
    name: String,
}

async fn hello(Claims(user): Claims<User>) -> String {
    format!("Hello, {} ({})!", user.name, user.sub)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let keys = KeySet::hs256("a secret of at least thirty-two bytes")?;
    let auth = Authenticator::<User>::builder().keys(keys).issuer("https://issuer.example.com").audience("api").build()?;
    let app = Router::new().route("/", get(hello)).layer(JwtAuth::new(auth));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    Ok(axum::serve(listener, app).await?)
}
