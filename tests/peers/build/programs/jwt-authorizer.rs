use axum::{Router, routing::get};
use jwt_authorizer::{AuthorizerBuilder, IntoLayer, JwtClaims, Validation};

#[derive(Clone, serde::Deserialize)]
struct User {
    sub: String,
    name: String,
}

async fn hello(JwtClaims(user): JwtClaims<User>) -> String {
    format!("Hello, {} ({})!", user.name, user.sub)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let builder: AuthorizerBuilder<User> = AuthorizerBuilder::from_secret("a secret of at least thirty-two bytes");
    let validation = Validation::new().iss(&["https://issuer.example.com"]).aud(&["api"]);
    let authorizer = builder.validation(validation).build().await?;
    let app = Router::new().route("/", get(hello)).layer(authorizer.into_layer());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    Ok(axum::serve(listener, app).await?)
}
