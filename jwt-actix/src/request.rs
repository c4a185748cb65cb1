use actix_web::HttpRequest;
use actix_web::http::header::HeaderValue;
use actix_web::http::uri::Authority;
use jwt_core::{HeaderName, RequestHead};

/// actix-web's request, as the core reads it: for what a handler asks the core itself, such as
/// `Logins::refresh_token_from_request`.
#[derive(Debug)]
pub struct Head<'r>(pub &'r HttpRequest);

impl RequestHead for Head<'_> {
    fn header_values<'a>(&'a self, name: &HeaderName) -> impl Iterator<Item = &'a [u8]> {
        self.0.headers().get_all(name.as_str()).map(HeaderValue::as_bytes)
    }

    fn query(&self) -> Option<&str> {
        self.0.uri().query()
    }

    fn method(&self) -> &str {
        self.0.method().as_str()
    }

    fn authority(&self) -> Option<&str> {
        self.0.uri().authority().map(Authority::as_str)
    }
}
