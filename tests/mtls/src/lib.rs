//! What the tests of certificate-bound tokens are made of: an authority of their own, clients with and without certificates,
//! the servers of docs/how-to/mutual-tls.md, and the proxies in front of them.

mod authority;
mod client;
mod proxies;
mod servers;

pub use authority::{Authority, Identity};
pub use client::{Answer, Client};
pub use proxies::{HAPROXY, NGINX, Proxy, ProxyKind};
pub use servers::{BEHIND, Server, TLS};
