//! tower-oauth2-resource-server, with a tenant whose keys are given and not fetched.

use std::hint::black_box;

use axum::routing::get;
use axum::{Extension, Router};
use tower_oauth2_resource_server::server::OAuth2ResourceServer;
use tower_oauth2_resource_server::tenant::TenantConfiguration;
use tower_oauth2_resource_server::validation::ClaimsValidationSpec;

use super::ANSWER;
use crate::tokens::{AUDIENCE, ISSUER, Key, User};

pub(super) async fn router(key: &Key) -> Router {
    async fn hello(Extension(user): Extension<User>) -> &'static str {
        black_box(user);
        ANSWER
    }
    // Not the recommended set, which wants an `nbf` that many issuers leave out.
    let claims = ClaimsValidationSpec::new().iss(ISSUER).aud(&vec![AUDIENCE.to_owned()]).exp(true);
    let tenant = TenantConfiguration::static_builder(&key.jwks).claims_validation(claims).build().expect("a tenant");
    let server = OAuth2ResourceServer::<User>::builder().add_tenant(tenant).build().await.expect("a server");
    Router::new().route("/", get(hello)).layer(server.into_layer())
}
