//! What the application says of the connection that a request came by.

use std::net::IpAddr;

/// The address of the client that sent a request, put into its extensions by the application: from the connection or, behind
/// a proxy, from the field that the proxy sets. Only the application knows which of them to believe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);
