//! The request of a Tower stack, as the core reads it.

use std::net::IpAddr;

use http::{Extensions, HeaderName, Request, Uri, Version};
use jwt_core::adapter::{PeerAddress, RequestHead};

/// Where the framework puts what `http` has no place for.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Facts {
    pub(crate) peer: Option<fn(&Extensions) -> Option<IpAddr>>,
    pub(crate) uri: Option<fn(&Extensions) -> Option<&Uri>>,
}

/// A request, and what its framework says of it.
pub(crate) struct Head<'r, B> {
    pub(crate) request: &'r Request<B>,
    pub(crate) facts: Facts,
}

impl<B> Head<'_, B> {
    fn uri(&self) -> &Uri {
        let original = self.facts.uri.and_then(|uri| uri(self.request.extensions()));
        original.unwrap_or_else(|| self.request.uri())
    }
}

impl<B> RequestHead for Head<'_, B> {
    fn method(&self) -> &str {
        RequestHead::method(self.request)
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
        self.request.version()
    }

    fn header_values<'a>(&'a self, name: &HeaderName) -> impl Iterator<Item = &'a [u8]> {
        self.request.header_values(name)
    }

    fn extension<T: Clone + Send + Sync + 'static>(&self) -> Option<T> {
        self.request.extension()
    }

    fn peer_address(&self) -> Option<IpAddr> {
        let said = self.extension().map(|PeerAddress(address)| address);
        said.or_else(|| self.facts.peer.and_then(|peer| peer(self.request.extensions())))
    }
}
