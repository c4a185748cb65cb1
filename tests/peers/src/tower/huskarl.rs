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
use crate::dpop;
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
    let layer = ValidatorLayer::builder().validator(validator(key).await).build();
    hello().layer(layer.authenticated())
}

/// The same for tokens that are bound to a key. Proofs are accepted again and again: it has no memory of its own for them.
pub(crate) async fn router_with_proofs(key: &Key) -> Router {
    let layer = ValidatorLayer::builder().validator(validator(key).await).base_url(dpop::ORIGIN).expect("an address");
    hello().layer(layer.build().authenticated())
}

fn hello() -> Router {
    async fn hello(user: ValidatedToken<UserWithoutSubject>) -> &'static str {
        black_box(&user.claims);
        ANSWER
    }
    Router::new().route("/", get(hello))
}

async fn validator(key: &Key) -> CustomValidator<UserWithoutSubject> {
    let jwks_uri: EndpointUrl = format!("{ISSUER}/jwks.json").parse().expect("an address");
    CustomValidator::builder()
        .with_claims::<UserWithoutSubject>()
        .jwks_uri(jwks_uri)
        .jwks_source(Fixed(key.jwks.clone()))
        .iss(ISSUER)
        .aud(AUDIENCE)
        // Many issuers leave it out, and nobody else here asks for it.
        .require_jti(false)
        .build()
        .await
        .expect("a validator")
}
