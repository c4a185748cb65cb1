//! The cookie's other half: a browser sends cookies by itself, so a request that changes something must also say which
//! page it comes from.

use http::header::{HOST, HeaderName, ORIGIN, UPGRADE};

use super::RequestHead;
use super::csrf_token::CsrfTokens;
use crate::error::{AuthenticatorBuildError, CrossSiteError};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Refuses unsafe requests that a page of another site may have made. Filled by the builder, which documents each
/// member.
#[derive(Debug, Clone, Default)]
pub(crate) struct CrossSite {
    pub(crate) trusted: Vec<Box<str>>,
    pub(crate) origin_required: bool,
    pub(crate) allowed: bool,
    pub(crate) tokens: Option<CsrfTokens>,
}

impl CrossSite {
    pub(crate) fn check_config(&self) -> Result<(), AuthenticatorBuildError> {
        if self.allowed && (self.origin_required || self.tokens.is_some() || !self.trusted.is_empty()) {
            return Err(AuthenticatorBuildError::CrossSiteContradiction);
        }
        match self.trusted.iter().find(|origin| !is_origin(origin)) {
            Some(origin) => Err(AuthenticatorBuildError::TrustedOrigin { origin: origin.clone() }),
            None => Ok(()),
        }
    }

    /// Where a request comes from that has its token in a cookie; the others pass. Yields the `X-CSRF-Token` that is
    /// still to be held against the access token, if any is demanded.
    pub(crate) fn check<'r>(
        &self,
        head: &'r impl RequestHead,
        in_cookie: bool,
    ) -> Result<Option<&'r [u8]>, CrossSiteError> {
        if !in_cookie || self.allowed || is_safe(head) {
            return Ok(None);
        }
        self.check_origin(head)?;
        self.csrf_token(head)
    }

    /// Whether a request may change what the server remembers of its login, although it changes nothing else: a GET or
    /// HEAD that comes from where an unsafe request may come from.
    pub(crate) fn may_renew(&self, head: &impl RequestHead) -> bool {
        matches!(head.method(), "GET" | "HEAD") && is_safe(head) && self.check_origin(head).is_ok()
    }

    /// In this order: `Sec-Fetch-Site`, which no page can forge (Fetch Metadata §2.3); without it, `Origin` (RFC 6454
    /// §7) against the host that the request is for.
    fn check_origin(&self, head: &impl RequestHead) -> Result<(), CrossSiteError> {
        let origin = only(head, &ORIGIN)?;
        let trusted = || origin.is_some_and(|origin| self.trusted.iter().any(|one| one.as_bytes() == origin));
        match only(head, &SEC_FETCH_SITE)? {
            Some(b"same-origin" | b"none") => return Ok(()),
            Some(_) if trusted() => return Ok(()),
            Some(_) if origin.is_none() => return Err(CrossSiteError::OriginMissing),
            Some(_) => return Err(CrossSiteError::OriginUntrusted),
            None => {}
        }
        let Some(origin) = origin else {
            return if self.origin_required { Err(CrossSiteError::HeadersMissing) } else { Ok(()) };
        };
        if trusted() {
            return Ok(());
        }
        // The target names the host itself in HTTP/2 and in the absolute form, and then counts (RFC 9112 §3.2.2).
        let host = match head.authority() {
            Some(authority) => Some(authority.as_bytes()),
            None => only(head, &HOST)?,
        };
        match host {
            Some(host) if is_of_host(origin, host) => Ok(()),
            Some(_) => Err(CrossSiteError::OriginNotHost),
            None => Err(CrossSiteError::HostMissing),
        }
    }
}

impl CrossSite {
    fn csrf_token<'r>(&self, head: &'r impl RequestHead) -> Result<Option<&'r [u8]>, CrossSiteError> {
        match self.tokens {
            Some(_) => only(head, &CsrfTokens::HEADER)?.ok_or(CrossSiteError::TokenMissing).map(Some),
            None => Ok(None),
        }
    }

    /// The second half of [`check`](Self::check), once the access token is verified.
    pub(crate) fn check_token<'t>(
        &self,
        token: Option<&[u8]>,
        token_id: impl FnOnce() -> Option<&'t str>,
    ) -> Result<(), CrossSiteError> {
        let (Some(tokens), Some(token)) = (&self.tokens, token) else { return Ok(()) };
        let token_id = token_id().ok_or(CrossSiteError::NoTokenId)?;
        if tokens.is_good(token, token_id) { Ok(()) } else { Err(CrossSiteError::TokenInvalid) }
    }
}

/// The page that a request says it comes from and the host that it is for, for the log.
pub(crate) fn page_and_host(head: &impl RequestHead) -> [Option<&[u8]>; 2] {
    let host = || head.header_values(&HOST).next();
    [head.header_values(&ORIGIN).next(), head.authority().map(str::as_bytes).or_else(host)]
}

/// The methods that change nothing (RFC 9110 §9.2.1), in upper case as they must be: whatever is written otherwise is
/// another method. A WebSocket handshake is a GET by name only: what goes over the connection afterwards can change anything.
fn is_safe(head: &impl RequestHead) -> bool {
    let upgrades = || {
        let mut protocols = head.header_values(&UPGRADE).flat_map(|value| value.split(|byte| *byte == b','));
        protocols.any(|protocol| {
            let name = protocol.split(|byte| *byte == b'/').next().unwrap_or_default();
            name.trim_ascii().eq_ignore_ascii_case(b"websocket")
        })
    };
    matches!(head.method(), "GET" | "HEAD" | "OPTIONS" | "TRACE") && !upgrades()
}

/// The one value of a header field; two are not for guessing which one counts.
fn only<'r>(head: &'r impl RequestHead, name: &HeaderName) -> Result<Option<&'r [u8]>, CrossSiteError> {
    let mut values = head.header_values(name);
    let first = values.next();
    if first.is_some() && values.next().is_some() {
        return Err(CrossSiteError::Repeated(match name.as_str() {
            "sec-fetch-site" => "Sec-Fetch-Site",
            "origin" => "Origin",
            "host" => "Host",
            _ => "X-CSRF-Token",
        }));
    }
    Ok(first)
}

/// Whether the host and port of an origin are those of `host`. The scheme is not compared, since no request says by
/// which one it came; it only tells which port needs no name. `null` has no host.
fn is_of_host(origin: &[u8], host: &[u8]) -> bool {
    let Some(at) = memchr::memmem::find(origin, b"://") else { return false };
    let (scheme, from) = (&origin[..at], &origin[at + 3..]);
    let default_port: &[u8] = match scheme {
        b"https" => b":443",
        b"http" => b":80",
        _ => return false,
    };
    let without_port = |host| <[u8]>::strip_suffix(host, default_port).unwrap_or(host);
    !from.is_empty() && without_port(from).eq_ignore_ascii_case(without_port(host))
}

/// Whether a browser would write an origin like that (RFC 6454 §6.2), so that it can ever be equal to one.
pub(crate) fn is_origin(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    let (host, port) = match rest.rsplit_once(':') {
        // A colon within brackets belongs to an IPv6 address.
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (rest, None),
    };
    let of_scheme = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"+-.".contains(&b);
    let of_name = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-._".contains(&b);
    let host_is_good = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => {
            address.parse::<std::net::Ipv6Addr>().is_ok() && !address.bytes().any(|b| b.is_ascii_uppercase())
        }
        None => !host.is_empty() && host.bytes().all(of_name),
    };
    let port_is_good = port.is_none_or(|port| {
        let is_default = matches!((scheme, port), ("https", "443") | ("http", "80"));
        port.parse::<u16>().is_ok_and(|number| number.to_string() == port) && !is_default
    });
    let scheme_is_good = scheme.starts_with(|c: char| c.is_ascii_lowercase()) && scheme.bytes().all(of_scheme);
    scheme_is_good && host_is_good && port_is_good
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn checked(site: &CrossSite, method: &str, target: &str, fields: &[(&str, &str)]) -> Result<(), CrossSiteError> {
        let mut request = http::Request::builder().method(method).uri(target);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        site.check(&request.body(()).unwrap(), true).map(drop)
    }

    fn post(fields: &[(&str, &str)]) -> Result<(), CrossSiteError> {
        checked(&CrossSite::default(), "POST", "/", fields)
    }

    #[test]
    fn only_the_methods_of_rfc_9110_are_safe_and_only_in_upper_case() {
        let fields = [("sec-fetch-site", "cross-site")];
        for method in ["GET", "HEAD", "OPTIONS", "TRACE"] {
            assert_eq!(checked(&CrossSite::default(), method, "/", &fields), Ok(()), "{method}");
        }
        for method in ["POST", "CONNECT", "get", "Head", "QUERY"] {
            assert!(checked(&CrossSite::default(), method, "/", &fields).is_err(), "{method}");
        }
    }

    #[test]
    fn the_host_of_the_target_counts_before_the_header() {
        let fields = [("origin", "https://app.example.com"), ("host", "other.example.com")];
        assert_eq!(checked(&CrossSite::default(), "POST", "https://app.example.com/", &fields), Ok(()));
        assert_eq!(post(&fields), Err(CrossSiteError::OriginNotHost));
        assert_eq!(post(&fields[..1]), Err(CrossSiteError::HostMissing));
    }

    #[test]
    fn a_host_compares_without_regard_to_case_and_to_the_default_port() {
        for (origin, host) in [
            ("https://app.example.com", "app.example.com"),
            ("https://app.example.com", "APP.example.com:443"),
            ("http://app.example.com", "app.example.com:80"),
            ("http://localhost:8080", "localhost:8080"),
            ("http://[::1]:8080", "[::1]:8080"),
            ("https://[::1]", "[::1]"),
        ] {
            assert_eq!(post(&[("origin", origin), ("host", host)]), Ok(()), "{origin} {host}");
        }
        for (origin, host) in [
            ("null", "null"),
            ("null", "app.example.com"),
            ("", ""),
            ("https://", ""),
            ("app.example.com", "app.example.com"),
            ("file://app.example.com", "app.example.com"),
            ("https://app.example.com", "app.example.com:80"),
            ("https://app.example.com:8443", "app.example.com"),
            ("https://app.example.com.evil.com", "app.example.com"),
            ("https://evil.com/app.example.com", "app.example.com"),
            ("https://evil.com@app.example.com", "app.example.com"),
            ("https://app.example.com https://evil.com", "app.example.com"),
        ] {
            assert!(post(&[("origin", origin), ("host", host)]).is_err(), "{origin} {host}");
        }
    }

    #[test]
    fn a_trusted_origin_is_one_that_a_browser_would_write() {
        for origin in [
            "https://app.example.com",
            "http://localhost:3000",
            "https://xn--bcher-kva.example",
            "https://[2001:db8::1]:8443",
            "http://[::1]",
            "chrome-extension://aapbdbdomjkkjkaonfhkkikfgjllcleb",
            "capacitor://localhost",
        ] {
            assert!(is_origin(origin), "{origin}");
        }
        for origin in [
            "",
            "null",
            "*",
            "https://*.example.com",
            "app.example.com",
            "https://",
            "https://app.example.com/",
            "https://app.example.com/path",
            "https://App.example.com",
            "HTTPS://app.example.com",
            "https://app.example.com:443",
            "http://app.example.com:80",
            "https://app.example.com:",
            "https://app.example.com:08",
            "https://app.example.com:70000",
            "https://user@app.example.com",
            "https://bücher.example",
            "https://[::zz]",
            "https://[::1",
            "https://app.example.com ",
            "https://a.example, https://b.example",
        ] {
            assert!(!is_origin(origin), "{origin}");
        }
    }

    proptest! {
        #[test]
        fn no_header_bytes_make_the_reader_panic(
            origin in prop::collection::vec(any::<u8>(), 0..32),
            host in prop::collection::vec(any::<u8>(), 0..32),
        ) {
            let _ = is_of_host(&origin, &host);
        }

        #[test]
        fn an_origin_is_of_the_host_that_it_names_and_of_no_other(host in "[a-z.]{1,12}", other in "[a-z.:0-9]{0,14}") {
            let origin = format!("https://{host}");
            prop_assert!(is_of_host(origin.as_bytes(), host.as_bytes()));
            let same = other == host || other == format!("{host}:443");
            prop_assert_eq!(is_of_host(origin.as_bytes(), other.as_bytes()), same);
        }
    }
}
