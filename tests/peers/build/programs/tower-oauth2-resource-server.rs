use axum::{Extension, Router, routing::get};
use tower_oauth2_resource_server::server::OAuth2ResourceServer;
use tower_oauth2_resource_server::tenant::TenantConfiguration;
use tower_oauth2_resource_server::validation::ClaimsValidationSpec;

#[derive(Clone, Debug, serde::Deserialize)]
struct User {
    sub: String,
    name: String,
}

async fn hello(Extension(user): Extension<User>) -> String {
    format!("Hello, {} ({})!", user.name, user.sub)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let claims = ClaimsValidationSpec::new().iss("https://issuer.example.com").aud(&vec!["api".to_owned()]).exp(true);
    let tenant = TenantConfiguration::static_builder(r#"{"keys":[]}"#).claims_validation(claims).build()?;
    let server = OAuth2ResourceServer::<User>::builder().add_tenant(tenant).build().await?;
    let app = Router::new().route("/", get(hello)).layer(server.into_layer());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    Ok(axum::serve(listener, app).await?)
}
