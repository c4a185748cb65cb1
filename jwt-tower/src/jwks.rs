//! The JWK Set of an issuer, as a service.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use http::{Request, Response};
use jwt_core::Issuer;
use tower_service::Service;

/// The JWK Set of an issuer as a service, with `Cache-Control` and `ETag`.
///
/// ```
/// use axum::Router;
/// use jwt_tower::{Algorithm, Issuer, Jwks, SigningKey};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let key = SigningKey::generate(Algorithm::EdDSA)?;
/// let issuer = Issuer::builder("https://auth.example.com").audience("api").signing_key(key).build()?;
/// let app: Router = Router::new().route_service("/.well-known/jwks.json", Jwks::new(issuer));
/// # let _ = app;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Jwks(Issuer);

impl Jwks {
    /// That issuer's keys, whichever they are when a request comes.
    pub fn new(issuer: Issuer) -> Self {
        Self(issuer)
    }
}

impl<B> Service<Request<B>> for Jwks {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = Ready<Result<Response<String>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        ready(Ok(self.0.jwks_response(&request)))
    }
}
