//! Everything that reads a request head.

pub(crate) mod cross_site;
#[cfg(feature = "login")]
pub(crate) mod csrf_token;
pub(crate) mod source;

use http::HeaderName;

/// The head of an HTTP request, read as bytes: the port through which any framework's request is seen.
///
/// Implemented here for [`http::Request`] and [`http::request::Parts`]; `jwt-actix` implements it for actix-web.
pub trait RequestHead {
    /// The values of every header field of that name, in their order.
    fn header_values<'a>(&'a self, name: &HeaderName) -> impl Iterator<Item = &'a [u8]>;

    /// The query of the target, without its `?`.
    fn query(&self) -> Option<&str>;

    /// The method, in upper case for the registered ones.
    fn method(&self) -> &str;

    /// Host and port of the target, where it names them: `:authority` in HTTP/2, the absolute form in HTTP/1.1.
    fn authority(&self) -> Option<&str>;
}

impl RequestHead for http::request::Parts {
    fn header_values<'a>(&'a self, name: &HeaderName) -> impl Iterator<Item = &'a [u8]> {
        self.headers.get_all(name).into_iter().map(http::HeaderValue::as_bytes)
    }

    fn query(&self) -> Option<&str> {
        self.uri.query()
    }

    fn method(&self) -> &str {
        self.method.as_str()
    }

    fn authority(&self) -> Option<&str> {
        self.uri.authority().map(http::uri::Authority::as_str)
    }
}

impl<B> RequestHead for http::Request<B> {
    fn header_values<'a>(&'a self, name: &HeaderName) -> impl Iterator<Item = &'a [u8]> {
        self.headers().get_all(name).into_iter().map(http::HeaderValue::as_bytes)
    }

    fn query(&self) -> Option<&str> {
        self.uri().query()
    }

    fn method(&self) -> &str {
        self.method().as_str()
    }

    fn authority(&self) -> Option<&str> {
        self.uri().authority().map(http::uri::Authority::as_str)
    }
}
