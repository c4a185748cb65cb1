//! Where a secret may be sent, and where keys may come from.

use std::net::IpAddr;

use http::Uri;

/// TLS, or a connection that does not leave the machine.
pub(crate) fn is_secure(uri: &Uri) -> bool {
    let loopback = |host: &str| {
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
    };
    uri.scheme_str() == Some("https") || uri.host().is_some_and(loopback)
}
