//! What the application says of the connection that a request came by.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

/// The address of the client that sent a request, put into its extensions by the application: from the connection or, behind
/// a proxy, from the field that the proxy sets. Only the application knows which of them to believe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

/// The address at the other end of the connection that a request came by, put into its extensions by the application: what
/// tells a [trusted proxy](crate::binding::TrustedProxies) from everybody else. Of the socket, and of no header field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerAddress(pub IpAddr);

/// The certificate of the client of this connection, in DER, without those of its authorities: put into the extensions of a
/// request by an application that ends TLS itself and has verified it there. Not that of a proxy, and of no header field.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientCertificate(pub Arc<[u8]>);

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientCertificate({} bytes)", self.0.len())
    }
}
