//! Tokens that are bound to a certificate of their client (RFC 8705), over real TLS.

mod proxied;
mod rustls;
