//! Everything that reads a request head.

mod connection;
mod cookie_value;
pub(crate) mod cross_site;
pub(crate) mod csrf_token;
pub(crate) mod refresh_cookie;
pub(crate) mod source;

use std::net::IpAddr;

use http::{HeaderName, Version};

pub use connection::{ClientAddress, ClientCertificate, PeerAddress};

/// The head of an HTTP request, read as bytes: the port through which a request of any framework is read.
///
/// Implemented here for [`http::Request`] and [`http::request::Parts`]; `jwt-actix` implements it for actix-web.
pub trait RequestHead {
    /// The method, in upper case for the registered ones (RFC 9110 §9.1).
    fn method(&self) -> &str;

    /// The scheme of the target, where it names one: `:scheme` in HTTP/2, the absolute form in HTTP/1.1. `None`, for
    /// frameworks that do not tell.
    fn scheme(&self) -> Option<&str> {
        None
    }

    /// Host and port of the target, where it names them: `:authority` in HTTP/2, the absolute form in HTTP/1.1. `None`, for
    /// frameworks that do not tell, or that put it into `Host`. A request with neither is taken for a cross-site one where
    /// that matters.
    fn authority(&self) -> Option<&str> {
        None
    }

    /// The path of the target, as it was sent.
    fn path(&self) -> &str;

    /// The query of the target, without its `?`.
    fn query(&self) -> Option<&str>;

    /// The version of HTTP that the request came by. HTTP/1.1, for frameworks that do not tell: no call of gRPC comes by
    /// that.
    fn version(&self) -> Version {
        Version::HTTP_11
    }

    /// The values of every header field of that name, in their order.
    fn header_values<'a>(&'a self, name: &HeaderName) -> impl Iterator<Item = &'a [u8]>;

    /// What the application has put into the extensions of the request. `None`, for frameworks without.
    fn extension<T: Clone + Send + Sync + 'static>(&self) -> Option<T> {
        None
    }

    /// The address of the client, where the application says it by a [`ClientAddress`] in the extensions of the request. So
    /// that the requests of one client cannot use up what all clients share.
    fn client_address(&self) -> Option<IpAddr> {
        self.extension().map(|ClientAddress(address)| address)
    }

    /// The address at the other end of the connection, a client or a proxy: of a [`PeerAddress`] in the extensions of the
    /// request, unless the framework tells.
    fn peer_address(&self) -> Option<IpAddr> {
        self.extension().map(|PeerAddress(address)| address)
    }

    /// The certificate that the client has shown in the handshake of the connection: of a [`ClientCertificate`] in the
    /// extensions of the request, unless the framework tells.
    fn client_certificate(&self) -> Option<ClientCertificate> {
        self.extension()
    }
}

/// What `Request` has methods for, `Parts` has as fields.
macro_rules! parts_are_read {
    ($($call:tt)?) => {
        fn method(&self) -> &str {
            self.method $($call)?.as_str()
        }

        fn scheme(&self) -> Option<&str> {
            self.uri $($call)?.scheme_str()
        }

        fn authority(&self) -> Option<&str> {
            self.uri $($call)?.authority().map(http::uri::Authority::as_str)
        }

        fn path(&self) -> &str {
            self.uri $($call)?.path()
        }

        fn query(&self) -> Option<&str> {
            self.uri $($call)?.query()
        }

        fn version(&self) -> Version {
            self.version $($call)?
        }

        fn header_values<'a>(&'a self, name: &HeaderName) -> impl Iterator<Item = &'a [u8]> {
            self.headers $($call)?.get_all(name).into_iter().map(http::HeaderValue::as_bytes)
        }

        fn extension<T: Clone + Send + Sync + 'static>(&self) -> Option<T> {
            self.extensions $($call)?.get().cloned()
        }
    };
}

impl RequestHead for http::request::Parts {
    parts_are_read!();
}

impl<B> RequestHead for http::Request<B> {
    parts_are_read!(());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(head: &impl RequestHead) -> [String; 7] {
        let host = head.header_values(&http::header::HOST).map(|value| String::from_utf8_lossy(value).into_owned());
        let text = |part: Option<&str>| part.unwrap_or("-").to_owned();
        let version = format!("{:?}", head.version());
        let (scheme, authority, query) = (text(head.scheme()), text(head.authority()), text(head.query()));
        [head.method().to_owned(), scheme, authority, head.path().to_owned(), query, version, host.collect()]
    }

    #[test]
    fn every_part_of_a_head_is_seen_as_it_was_sent() {
        for (target, parts) in [
            ("https://api.example.com:8443/a%2Fb/?x=1&y", ["https", "api.example.com:8443", "/a%2Fb/", "x=1&y"]),
            ("/things", ["-", "-", "/things", "-"]),
            ("*", ["-", "-", "*", "-"]),
        ] {
            let request = http::Request::post(target).version(Version::HTTP_2).header("host", "a.example");
            let request = request.body(()).unwrap();
            let [scheme, authority, path, query] = parts.map(str::to_owned);
            let expected = ["POST".to_owned(), scheme, authority, path, query, "HTTP/2.0".into(), "a.example".into()];
            assert_eq!(seen(&request), expected, "{target}");
            assert_eq!(seen(&request.into_parts().0), expected, "{target}");
        }
    }
}
