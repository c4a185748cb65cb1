//! Addresses: where a secret may be sent and where keys may come from (https, or http to this machine), how an address is
//! shown in an error, and whose requests count as those of one client.

use std::net::{IpAddr, Ipv6Addr};

use http::Uri;

/// Https, or http over a connection that does not leave the machine.
pub(crate) fn is_secure(uri: &Uri) -> bool {
    match (uri.scheme_str(), host(uri)) {
        (Some("https"), Some(_)) => true,
        (Some("http"), Some(host)) => is_this_machine(host),
        _ => false,
    }
}

/// The same, and http to any machine where somebody said that nobody forges what comes from there.
#[cfg_attr(not(any(feature = "remote", test)), expect(dead_code, reason = "only fetched keys may come that way"))]
pub(crate) fn is_allowed(uri: &Uri, plain_http: bool) -> bool {
    is_secure(uri) || (plain_http && uri.scheme_str() == Some("http") && host(uri).is_some())
}

/// The host, where nobody can read the address as that of another one: what is behind it is a port and nothing else.
fn host(uri: &Uri) -> Option<&str> {
    let host = uri.host()?;
    let (_, host_and_port) = uri.authority()?.as_str().rsplit_once('@').unwrap_or(("", uri.authority()?.as_str()));
    let behind = host_and_port.strip_prefix(host)?;
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    (behind.is_empty() || behind.strip_prefix(':').is_some_and(is_port)).then_some(host)
}

fn is_this_machine(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

/// An address as an error shows it: no user name and password, which end at the last `@` whatever is in them, and no
/// query and fragment.
#[cfg_attr(not(feature = "remote"), expect(dead_code, reason = "only errors of fetched keys show one"))]
pub(crate) fn without_secrets(address: &str) -> Box<str> {
    let host_at = address.find("://").map_or(0, |at| at + 3);
    let (scheme, rest) = address.split_at(host_at);
    let (user, rest) = rest.rfind('@').map_or(("", rest), |at| ("…", &rest[at..]));
    let (place, rest) = rest.split_at(rest.find(['?', '#']).unwrap_or(rest.len()));
    let rest = match rest.chars().next() {
        Some('?') => "?…",
        Some(_) => "#…",
        None => "",
    };
    [scheme, user, place, rest].concat().into()
}

/// Whose requests count as those of one client: one address of IPv4, and all addresses of IPv6 with the same first 48 bits,
/// which is what one site is given (RFC 6177) and can choose its addresses from.
#[cfg_attr(not(any(feature = "remote", test)), expect(dead_code, reason = "only what strangers can cause is counted"))]
pub(crate) fn network_of(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 80 << 80).into(),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_cannot_get_more_by_changing_its_address() {
        let same = |one: &str, other: &str| network_of(one.parse().unwrap()) == network_of(other.parse().unwrap());
        assert!(same("2001:db8:1:2::3", "2001:db8:1:ffff::") && !same("2001:db8:1::", "2001:db8:2::"));
        assert!(same("192.0.2.1", "::ffff:192.0.2.1") && !same("192.0.2.1", "192.0.2.2"));
    }

    #[test]
    fn plain_http_to_any_machine_is_still_http_to_one_host() {
        let allowed = |uri: &str| is_allowed(&uri.parse().unwrap(), true);
        assert!(
            allowed("http://keycloak.auth.svc:8080/realms/x") && allowed("http://10.0.0.1") && allowed("https://a")
        );
        for uri in ["ftp://a.example/", "ws://a.example", "/x", "http://[::1].evil.example/x"] {
            assert!(!allowed(uri), "{uri}");
        }
    }

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
            "http://[::1].evil.example/x",
            "https://[::1].evil.example/x",
            "http://127.0.0.1@[::1].evil.example/x",
            "/x",
        ] {
            assert!(!is_secure(&uri.parse().unwrap()), "{uri}");
            assert!(!is_allowed(&uri.parse().unwrap(), false), "{uri}");
        }
    }
}
