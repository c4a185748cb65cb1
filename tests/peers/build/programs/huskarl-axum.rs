use axum::http::{HeaderMap, Request, StatusCode};
use axum::{Router, routing::get};
use huskarl_axum::extractors::ValidatedToken;
use huskarl_axum::layers::ValidatorLayer;
use huskarl_axum::resource_server::core::http::{HttpClient, HttpResponse, Idempotency};
use huskarl_axum::resource_server::core::{EndpointUrl, Error, platform::MaybeSendBoxFuture};
use huskarl_axum::resource_server::validator::custom::CustomValidator;

#[derive(Clone, serde::Deserialize)]
struct User {
    name: String,
}

/// It takes its keys over HTTP only.
struct Fixed;

impl HttpClient for Fixed {
    fn execute(&self, _: Request<bytes::Bytes>, _: Idempotency) -> MaybeSendBoxFuture<'_, Result<HttpResponse, Error>> {
        let body = r#"{"keys":[]}"#.into();
        Box::pin(async { Ok(HttpResponse { status: StatusCode::OK, headers: HeaderMap::new(), body }) })
    }
}

async fn hello(user: ValidatedToken<User>) -> String {
    format!("Hello, {}!", user.claims.name)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let jwks_uri: EndpointUrl = "https://issuer.example.com/jwks.json".parse().expect("an address");
    let validator = CustomValidator::builder()
        .with_claims::<User>()
        .jwks_uri(jwks_uri)
        .jwks_source(Fixed)
        .iss("https://issuer.example.com")
        .aud("api")
        .build()
        .await
        .expect("a validator");
    let layer = ValidatorLayer::builder().validator(validator).build();
    let app = Router::new().route("/", get(hello)).layer(layer.authenticated());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    Ok(axum::serve(listener, app).await?)
}
