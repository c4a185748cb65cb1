//! Responses and header fields of the core in actix-web's types, which are of an older `http`.

use std::fmt;

use actix_web::body::MessageBody;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::{Error, HttpResponse, HttpResponseBuilder, ResponseError};
use jwt_core::adapter::{self, HeaderFields, HeaderName as CoreName, HeaderValue as CoreValue, Response};

/// A response of the core in actix-web's type.
pub fn response(response: Response<impl MessageBody + 'static>) -> HttpResponse {
    let (parts, body) = response.into_parts();
    head(&Response::from_parts(parts, ())).body(body)
}

/// Header fields of the core beside those that a response has, such as the cookies of a login.
///
/// ```
/// use actix_web::HttpResponse;
/// use jwt_actix::{adapter::HeaderMap, with_headers};
///
/// # let cleared = HeaderMap::new();
/// let cleared: HeaderMap = cleared; // by `logins.clear_cookies()`
/// let response = with_headers(&mut HttpResponse::NoContent(), &cleared).finish();
/// # let _ = response;
/// ```
pub fn with_headers<'b>(
    builder: &'b mut HttpResponseBuilder,
    headers: &adapter::HeaderMap,
) -> &'b mut HttpResponseBuilder {
    for (name, value) in headers {
        builder.append_header((name.as_str(), value.as_bytes()));
    }
    builder
}

/// Status and header fields, without a body yet.
pub(crate) fn head(response: &Response<()>) -> HttpResponseBuilder {
    let status = StatusCode::from_u16(response.status().as_u16()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut builder = HttpResponse::build(status);
    with_headers(&mut builder, response.headers());
    builder
}

/// The header fields of a response, as the core completes them.
pub(crate) struct Fields<'m>(pub(crate) &'m mut HeaderMap);

impl HeaderFields for Fields<'_> {
    fn values<'a>(&'a self, name: &CoreName) -> impl Iterator<Item = &'a [u8]> {
        self.0.get_all(name.as_str()).map(HeaderValue::as_bytes)
    }

    fn insert(&mut self, name: CoreName, value: CoreValue) {
        if let Some((name, value)) = older(&name, &value) {
            self.0.insert(name, value);
        }
    }

    fn append(&mut self, name: CoreName, value: CoreValue) {
        if let Some((name, value)) = older(&name, &value) {
            self.0.append(name, value);
        }
    }
}

/// The same bytes in the older version of the types, which takes them all.
fn older(name: &CoreName, value: &CoreValue) -> Option<(HeaderName, HeaderValue)> {
    let name = HeaderName::from_bytes(name.as_str().as_bytes()).ok()?;
    Some((name, HeaderValue::from_bytes(value.as_bytes()).ok()?))
}

/// An error of middleware further inside, whose response gets the same header fields as every other one.
pub(crate) struct CompletedError<F> {
    error: Error,
    complete: F,
}

impl<F: Fn(&mut Fields<'_>) + 'static> CompletedError<F> {
    pub(crate) fn of(error: Error, complete: F) -> Error {
        Self { error, complete }.into()
    }
}

impl<F> fmt::Debug for CompletedError<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl<F> fmt::Display for CompletedError<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl<F: Fn(&mut Fields<'_>)> ResponseError for CompletedError<F> {
    fn status_code(&self) -> StatusCode {
        self.error.as_response_error().status_code()
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = self.error.error_response();
        (self.complete)(&mut Fields(response.headers_mut()));
        response
    }
}
