//! The one rule for where a secret may be sent and where keys may come from: https, or http to this machine.

use std::net::IpAddr;

use http::Uri;

/// Https, or http over a connection that does not leave the machine.
pub(crate) fn is_secure(uri: &Uri) -> bool {
    match uri.scheme_str() {
        Some("https") => true,
        Some("http") => uri.host().is_some_and(is_this_machine),
        _ => false,
    }
}

fn is_this_machine(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_this_machine_alone() {
        for uri in [
            "https://a.example",
            "HTTPS://a.example/x",
            "http://127.0.0.1/x",
            "http://127.9.9.9:80",
            "http://[::1]:8080/",
            "http://localhost",
            "http://LocalHost:1",
        ] {
            assert!(is_secure(&uri.parse().unwrap()), "{uri}");
        }
        for uri in [
            "http://a.example",
            "http://127.0.0.1.evil.example/x",
            "http://localhost.evil.example",
            "http://127.0.0.1@evil.example",
            "http://10.0.0.1",
            "http://0.0.0.0",
            "http://[::ffff:10.0.0.1]",
            "ftp://localhost/x",
            "ws://127.0.0.1",
            "/x",
        ] {
            assert!(!is_secure(&uri.parse().unwrap()), "{uri}");
        }
    }
}
