//! Addresses of requests, compared as RFC 9449 §4.3 says: without query and fragment, after the normalization of RFC 3986
//! §6.2.2 and §6.2.3.

use std::fmt::Write;

/// Scheme, host and port of an address, in the one spelling that all equal ones have: `https://api.example.com:8443`, in
/// lower case and without a port that is the default one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin(String);

/// The longest address that is compared, in bytes.
pub(super) const MAX_ADDRESS: usize = 8 * 1024;

impl Origin {
    /// `authority` is host and, after a colon, perhaps a port. `None` for another scheme than http and https, a user name,
    /// and whatever else is no authority of theirs.
    pub(crate) fn new(scheme: &str, authority: &str) -> Option<Self> {
        let (scheme, default_port) = match scheme {
            _ if scheme.eq_ignore_ascii_case("https") => ("https", 443),
            _ if scheme.eq_ignore_ascii_case("http") => ("http", 80),
            _ => return None,
        };
        let (host, port) = split_port(authority)?;
        if host.is_empty() || !host.bytes().all(is_of_host) {
            return None;
        }
        let host = normal(host)?.to_ascii_lowercase();
        // Digits without leading zeros, or none at all behind the colon (RFC 3986 §6.2.3).
        let port = match port.unwrap_or_default() {
            "" => default_port,
            digits if digits.bytes().all(|digit| digit.is_ascii_digit()) => digits.parse::<u16>().ok()?,
            _ => return None,
        };
        Some(Self(if port == default_port {
            format!("{scheme}://{host}")
        } else {
            format!("{scheme}://{host}:{port}")
        }))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// An address in its normal spelling: origin, and path.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) origin: Origin,
    pub(crate) path: String,
}

impl Address {
    /// Of an absolute URL; query and fragment are left out. `None` for what is none.
    pub(crate) fn read(url: &str) -> Option<Self> {
        if url.len() > MAX_ADDRESS {
            return None;
        }
        let (scheme, rest) = url.split_once("://")?;
        let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        let origin = Origin::new(scheme, authority)?;
        let path = normal_path(path.split(['?', '#']).next().unwrap_or_default())?;
        Some(Self { origin, path })
    }
}

/// A path in its normal spelling; `None` for what is none.
pub(crate) fn normal_path(path: &str) -> Option<String> {
    if path.is_empty() {
        return Some("/".to_owned());
    }
    if !path.starts_with('/') || path.len() > MAX_ADDRESS {
        return None;
    }
    Some(without_dots(&normal(path)?))
}

/// `host[:port]`, where the host may be an address of IPv6 in brackets.
fn split_port(authority: &str) -> Option<(&str, Option<&str>)> {
    let host_end = if authority.starts_with('[') {
        authority.find(']')? + 1
    } else {
        authority.find(':').unwrap_or(authority.len())
    };
    let (host, rest) = authority.split_at(host_end);
    match rest.strip_prefix(':') {
        Some(port) => Some((host, Some(port))),
        None => rest.is_empty().then_some((host, None)),
    }
}

fn is_of_host(byte: u8) -> bool {
    is_unreserved(byte) || b"!$&'()*+,;=%[]:".contains(&byte)
}

/// RFC 3986 §2.3.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

/// Escapes of unreserved characters undone, the others in upper case (RFC 3986 §6.2.2.1, §6.2.2.2). `None` where there is
/// an escape that is none, or a character that has to be escaped.
fn normal(part: &str) -> Option<String> {
    let mut normal = String::with_capacity(part.len());
    let mut bytes = part.bytes();
    // Writing to a string cannot fail.
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {
                let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
                let value = u8::try_from(digit(bytes.next())? * 16 + digit(bytes.next())?).ok()?;
                if is_unreserved(value) {
                    normal.push(char::from(value));
                } else {
                    let _ = write!(normal, "%{value:02X}");
                }
            }
            0x21..=0x7E if !b"\"<>\\^`{|}".contains(&byte) => normal.push(char::from(byte)),
            // What clients send as it is although it needs an escape is taken as if it had one.
            0x21..=0x7E => _ = write!(normal, "%{byte:02X}"),
            _ => return None,
        }
    }
    Some(normal)
}

/// Without the segments `.` and `..` (RFC 3986 §5.2.4).
fn without_dots(path: &str) -> String {
    if !path.contains("/.") {
        return path.to_owned();
    }
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match segment {
            "." => {}
            ".." => {
                kept.pop();
            }
            segment => {
                kept.push(segment);
                continue;
            }
        }
        // What ends in dots names a directory.
        if is_last {
            kept.push("");
        }
    }
    kept.iter().flat_map(|segment| ["/", segment]).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(url: &str) -> Option<String> {
        Address::read(url).map(|address| address.origin.0 + &address.path)
    }

    #[test]
    fn spellings_of_one_address_are_one() {
        for (url, normal) in [
            ("https://api.example.com", "https://api.example.com/"),
            ("https://api.example.com/", "https://api.example.com/"),
            ("HTTPS://API.Example.COM/Things", "https://api.example.com/Things"),
            ("https://api.example.com:443/a", "https://api.example.com/a"),
            ("https://api.example.com:/a", "https://api.example.com/a"),
            ("https://api.example.com:0443/a", "https://api.example.com/a"),
            ("http://api.example.com:80/a", "http://api.example.com/a"),
            ("http://api.example.com:443/a", "http://api.example.com:443/a"),
            ("https://api.example.com:8443/a", "https://api.example.com:8443/a"),
            ("https://[2001:DB8::1]:443/a", "https://[2001:db8::1]/a"),
            ("https://a/b?c=d", "https://a/b"),
            ("https://a/b#c", "https://a/b"),
            ("https://a?c=/d", "https://a/"),
            ("https://a#c", "https://a/"),
            ("https://a/%7euser/%2f%c3%bc", "https://a/~user/%2F%C3%BC"),
            ("https://a/%41%2d", "https://a/A-"),
            ("https://%41.example/", "https://a.example/"),
            ("https://a/b/../c/./d", "https://a/c/d"),
            ("https://a/b/%2e%2E/c", "https://a/c"),
            ("https://a/b/..", "https://a/"),
            ("https://a/b/c/.", "https://a/b/c/"),
            ("https://a/../../b", "https://a/b"),
            ("https://a//b", "https://a//b"),
            ("https://a/.b/..c", "https://a/.b/..c"),
            ("https://a/b|c", "https://a/b%7Cc"),
        ] {
            assert_eq!(read(url).as_deref(), Some(normal), "{url}");
            assert_eq!(read(normal).as_deref(), Some(normal), "{normal}");
        }
    }

    #[test]
    fn what_is_no_address_of_a_request_is_none() {
        for url in [
            "",
            "/a",
            "api.example.com/a",
            "//a/b",
            "ftp://a/b",
            "https:///b",
            "https://user@a/b",
            "https://user:password@a/b",
            "https://a:b/c",
            "https://a:65536/c",
            "https://a:1:2/c",
            "https://[::1/c",
            "https://[::1]x/c",
            "https://a/%",
            "https://a/%4",
            "https://a/%zz",
            "https://a/b c",
            "https://a/ü",
            "https://a\\b/c",
            "https://a/b\n",
        ] {
            assert_eq!(read(url), None, "{url}");
        }
        assert_eq!(read(&format!("https://a/{}", "x".repeat(MAX_ADDRESS))), None);
    }

    proptest! {
        #[test]
        fn a_normal_spelling_stays_as_it_is(url in r"https?://[a-zA-Z0-9.%-]{0,8}(:[0-9]{0,4})?[/a-z0-9.%~A-F|]{0,24}(\?[a-z/]{0,4})?") {
            if let Some(normal) = read(&url) {
                prop_assert_eq!(read(&normal), Some(normal.clone()), "{}", normal);
            }
        }

        #[test]
        fn no_text_makes_the_reader_panic(url in ".{0,40}") {
            let _ = read(&url);
        }
    }
}
