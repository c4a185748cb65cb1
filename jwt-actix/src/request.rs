//! actix-web's request, as the core reads it.

use std::net::IpAddr;

use actix_web::http::Version as OlderVersion;
use actix_web::http::header::HeaderValue;
use actix_web::http::uri::Authority;
use actix_web::{HttpMessage, HttpRequest};
use jwt_core::adapter::{ClientCertificate, HeaderName, PeerAddress, RequestHead, Version};

/// actix-web's request, as the core reads it: for what a handler asks the core itself, such as
/// `Logins::refresh_token_from_request`.
#[derive(Debug)]
pub struct Head<'r>(pub &'r HttpRequest);

impl RequestHead for Head<'_> {
    fn method(&self) -> &str {
        self.0.method().as_str()
    }

    fn scheme(&self) -> Option<&str> {
        self.0.uri().scheme_str()
    }

    fn authority(&self) -> Option<&str> {
        self.0.uri().authority().map(Authority::as_str)
    }

    fn path(&self) -> &str {
        self.0.uri().path()
    }

    fn query(&self) -> Option<&str> {
        self.0.uri().query()
    }

    fn version(&self) -> Version {
        match self.0.version() {
            OlderVersion::HTTP_09 => Version::HTTP_09,
            OlderVersion::HTTP_10 => Version::HTTP_10,
            OlderVersion::HTTP_2 => Version::HTTP_2,
            OlderVersion::HTTP_3 => Version::HTTP_3,
            _ => Version::HTTP_11,
        }
    }

    fn header_values<'a>(&'a self, name: &HeaderName) -> impl Iterator<Item = &'a [u8]> {
        self.0.headers().get_all(name.as_str()).map(HeaderValue::as_bytes)
    }

    fn extension<T: Clone + Send + Sync + 'static>(&self) -> Option<T> {
        self.0.extensions().get().cloned()
    }

    fn peer_address(&self) -> Option<IpAddr> {
        let said = self.extension().map(|PeerAddress(address)| address);
        said.or_else(|| self.0.peer_addr().map(|peer| peer.ip()))
    }

    /// Of the request, or of its connection, where `HttpServer::on_connect` puts it.
    fn client_certificate(&self) -> Option<ClientCertificate> {
        self.extension().or_else(|| self.0.conn_data().cloned())
    }
}
