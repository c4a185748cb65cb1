//! huskarl-axum, the strictest of the peers.

use std::hint::black_box;

use axum::Router;
use axum::routing::get;
use http::{HeaderMap, Request, StatusCode};
use huskarl_axum::extractors::ValidatedToken;
use huskarl_axum::layers::ValidatorLayer;
use huskarl_axum::resource_server::core::http::{HttpClient, HttpResponse, Idempotency};
use huskarl_axum::resource_server::core::{EndpointUrl, Error, platform::MaybeSendBoxFuture};
use huskarl_axum::resource_server::validator::custom::CustomValidator;

use super::ANSWER;
use crate::tokens::{AUDIENCE, ISSUER, Key, UserWithoutSubject};

/// It takes its keys over HTTP only, so here is a client that has the answer already.
struct Fixed(String);

impl HttpClient for Fixed {
    fn execute(&self, _: Request<bytes::Bytes>, _: Idempotency) -> MaybeSendBoxFuture<'_, Result<HttpResponse, Error>> {
        let body = self.0.clone().into();
        Box::pin(async { Ok(HttpResponse { status: StatusCode::OK, headers: HeaderMap::new(), body }) })
    }
}

pub(super) async fn router(key: &Key) -> Router {
    async fn hello(user: ValidatedToken<UserWithoutSubject>) -> &'static str {
        black_box(&user.claims);
        ANSWER
    }
    let jwks_uri: EndpointUrl = format!("{ISSUER}/jwks.json").parse().expect("an address");
    let validator = CustomValidator::builder()
        .with_claims::<UserWithoutSubject>()
        .jwks_uri(jwks_uri)
        .jwks_source(Fixed(key.jwks.clone()))
        .iss(ISSUER)
        .aud(AUDIENCE)
        // Many issuers leave it out, and nobody else here asks for it.
        .require_jti(false)
        .build()
        .await
        .expect("a validator");
    let layer = ValidatorLayer::builder().validator(validator).build();
    Router::new().route("/", get(hello)).layer(layer.authenticated())
}
