//! The JWK Set of an issuer, as a handler.

use std::future::{Ready, ready};

use actix_web::{Handler, HttpRequest, HttpResponse};
use jwt_core::Issuer;

use crate::request::Head;
use crate::response::response;

/// The JWK Set of an issuer as a handler, with `Cache-Control` and `ETag`.
///
/// ```
/// use actix_web::{App, web};
/// use jwt_actix::{Algorithm, Issuer, Jwks, SigningKey};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let key = SigningKey::generate(Algorithm::EdDSA)?;
/// let issuer = Issuer::builder("https://auth.example.com").audience("api").signing_key(key).build()?;
/// let app = App::new().route("/.well-known/jwks.json", web::to(Jwks::new(issuer)));
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

impl Handler<HttpRequest> for Jwks {
    type Output = HttpResponse;
    type Future = Ready<HttpResponse>;

    fn call(&self, request: HttpRequest) -> Self::Future {
        ready(response(self.0.jwks_response(&Head(&request))))
    }
}
