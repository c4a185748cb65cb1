//! Why there is no certificate of the client, and why a header field of a proxy does not count.

use std::net::IpAddr;

use http::HeaderName;

/// Why no certificate of the client is known that a token could be bound to (RFC 8705 §3). For the log and for code: the
/// client learns `invalid_token`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// The connection has none, and no proxy was named that would say it in a header field.
    #[error(
        "the connection is not known to have one: if TLS ends here, ask clients for it and put it as `ClientCertificate` into the extensions of each request; if it ends at a proxy, name that by `.trusted_proxies(…)`"
    )]
    NotShown,
    /// The connection has none, and its other end is not known, so that it is not known to be a named proxy.
    #[error(
        "the address of the peer is not known, so that `{field}` does not count: put it as `PeerAddress` into the extensions of each request"
    )]
    PeerUnknown {
        /// The field that proxies say it in.
        field: HeaderName,
    },
    /// The connection has none, and does not come from a named proxy.
    #[error(
        "the request comes from {peer}, which is no trusted proxy, so that `{field}` does not count: if it is one, name it by `TrustedProxies::at`"
    )]
    OtherPeer {
        /// The other end of the connection.
        peer: IpAddr,
        /// The field that proxies say it in.
        field: HeaderName,
    },
    /// A named proxy has not said one.
    #[error(
        "the proxy has sent no `{field}`: the client has shown no certificate to it, or the proxy is not configured to pass it on"
    )]
    NotForwarded {
        /// The field that proxies say it in.
        field: HeaderName,
    },
    /// A named proxy has said one that cannot be read.
    #[error("{0}")]
    Forwarded(ProxyError),
}

/// What is wrong with a header field of a trusted proxy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyError {
    /// It is not there, although the proxy was said to set it.
    #[error("the proxy has sent no `{field}`, which it was said to set: have it do so, or do not name the field")]
    Missing {
        /// The field.
        field: HeaderName,
    },
    /// It is there more than once.
    #[error("`{field}` is there more than once: have the proxy replace what the client has sent")]
    Repeated {
        /// The field.
        field: HeaderName,
    },
    /// It has another form than that of its standard, or than the proxy was said to use.
    #[error("`{field}` of the proxy is not in the form that is expected of it")]
    Unreadable {
        /// The field.
        field: HeaderName,
    },
}
