//! The request of a Tower stack, as the core reads it.

use std::net::IpAddr;

use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version};
use jwt_core::adapter::{PeerAddress, RequestHead};

/// Where the framework puts what `http` has no place for.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Facts {
    pub(crate) peer: Option<fn(&Extensions) -> Option<IpAddr>>,
    pub(crate) uri: Option<fn(&Extensions) -> Option<&Uri>>,
}

/// The head of a request, whatever its body is, and what its framework says of it.
pub(crate) struct Head<'r> {
    method: &'r Method,
    uri: &'r Uri,
    version: Version,
    headers: &'r HeaderMap,
    extensions: &'r Extensions,
    facts: Facts,
}

impl<'r> Head<'r> {
    pub(crate) fn of<B>(request: &'r Request<B>, facts: Facts) -> Self {
        Self {
            method: request.method(),
            uri: request.uri(),
            version: request.version(),
            headers: request.headers(),
            extensions: request.extensions(),
            facts,
        }
    }

    fn uri(&self) -> &Uri {
        self.facts.uri.and_then(|uri| uri(self.extensions)).unwrap_or(self.uri)
    }
}

impl RequestHead for Head<'_> {
    fn method(&self) -> &str {
        self.method.as_str()
    }

    fn scheme(&self) -> Option<&str> {
        self.uri().scheme_str()
    }

    fn authority(&self) -> Option<&str> {
        self.uri().authority().map(http::uri::Authority::as_str)
    }

    fn path(&self) -> &str {
        self.uri().path()
    }

    fn query(&self) -> Option<&str> {
        self.uri().query()
    }

    fn version(&self) -> Version {
        self.version
    }

    fn header_values<'a>(&'a self, name: &HeaderName) -> impl Iterator<Item = &'a [u8]> {
        self.headers.get_all(name).into_iter().map(HeaderValue::as_bytes)
    }

    fn extension<T: Clone + Send + Sync + 'static>(&self) -> Option<T> {
        self.extensions.get().cloned()
    }

    fn peer_address(&self) -> Option<IpAddr> {
        let said = self.extension().map(|PeerAddress(address)| address);
        said.or_else(|| self.facts.peer.and_then(|peer| peer(self.extensions)))
    }
}
