//! A service that tokens are passed on to.

use std::time::Duration;

use http::Uri;

use crate::address::is_secure;
use crate::error::ConfigError;

/// A service that tokens are passed on to: an origin, that is scheme, host and port, and what it should get.
///
/// As long as neither an audience nor a scope nor a lifetime is wished for, it gets the user's token as it is.
/// Otherwise it gets what the [exchange](crate::ForwarderBuilder::exchange) yields for these wishes, and never the
/// user's token.
///
/// ```
/// use std::time::Duration;
/// use jwt_core::ForwardTarget;
///
/// let invoices = ForwardTarget::new("https://invoices.example.com")
///     .audience("invoices")
///     .scope("invoices:read")
///     .lifetime(Duration::from_secs(60));
/// # let _ = invoices;
/// ```
#[derive(Debug, Clone)]
pub struct ForwardTarget {
    origin: Result<Origin, ConfigError>,
    pub(super) wish: Wish,
    pub(super) call_time: Duration,
}

/// What the token for a target should be narrowed to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Wish {
    pub(super) audience: Option<String>,
    pub(super) scopes: Vec<String>,
    pub(super) lifetime: Option<Duration>,
}

/// RFC 6454 §4: the port is there even where the address leaves it out.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Origin {
    https: bool,
    host: Box<str>,
    port: u16,
}

impl ForwardTarget {
    /// The service at this origin, such as `https://invoices.example.com` or `http://127.0.0.1:3001`. Plain http is for
    /// loopback addresses alone; a path is an error, since it would not bind anything.
    pub fn new(origin: impl AsRef<str>) -> Self {
        Self { origin: Origin::configured(origin.as_ref()), wish: Wish::default(), call_time: Duration::ZERO }
    }

    /// The audience of the exchanged token: what the service is called in `aud`.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.wish.audience = Some(audience.into());
        self
    }

    /// One more scope that the exchanged token should have, and no others than those that are named.
    #[must_use]
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.wish.scopes.push(scope.into());
        self
    }

    /// How long the exchanged token should be good. RFC 8693 has no parameter for that: whether the issuer hears of it
    /// is up to the exchange.
    #[must_use]
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.wish.lifetime = Some(lifetime);
        self
    }

    /// How long a call to the service may take: a token that would end meanwhile is not passed on. Zero, beside the
    /// [margin](crate::ForwarderBuilder::margin).
    #[must_use]
    pub fn call_time(mut self, time: Duration) -> Self {
        self.call_time = time;
        self
    }

    pub(super) fn narrows(&self) -> bool {
        self.wish != Wish::default()
    }

    pub(super) fn holds(&self, address: &Uri) -> bool {
        self.origin.as_ref().is_ok_and(|origin| Origin::of(address).as_ref() == Some(origin))
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.origin == other.origin
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let mut texts = self.wish.audience.iter().chain(&self.wish.scopes);
        if texts.any(String::is_empty) {
            return Err(ConfigError::EmptyExpectation);
        }
        self.origin.as_ref().map(|_| ()).map_err(Clone::clone)
    }
}

impl<T: AsRef<str>> From<T> for ForwardTarget {
    fn from(origin: T) -> Self {
        Self::new(origin)
    }
}

impl Origin {
    fn configured(text: &str) -> Result<Self, ConfigError> {
        let uri: Uri = text.parse().map_err(|_| ConfigError::ForwardTarget)?;
        let bare = !text.contains('#') && uri.query().is_none() && matches!(uri.path(), "" | "/");
        let origin = Self::of(&uri).filter(|_| bare).ok_or(ConfigError::ForwardTarget)?;
        if is_secure(&uri) { Ok(origin) } else { Err(ConfigError::InsecureForwardTarget) }
    }

    /// `None` where HTTP clients might read another origin out of it: without a host, with credentials before it, or
    /// with anything behind it that is no port.
    fn of(uri: &Uri) -> Option<Self> {
        let https = match uri.scheme_str()? {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let host = uri.host().filter(|host| !host.is_empty())?;
        let port = match uri.authority()?.as_str().strip_prefix(host)? {
            "" if https => 443,
            "" => 80,
            port => port.strip_prefix(':').filter(|port| port.bytes().all(|b| b.is_ascii_digit()))?.parse().ok()?,
        };
        Some(Self { https, host: host.to_ascii_lowercase().into(), port })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_held(target: &str, address: &str) -> bool {
        let target = ForwardTarget::new(target);
        target.check().unwrap();
        address.parse().is_ok_and(|address| target.holds(&address))
    }

    #[test]
    fn an_origin_is_scheme_host_and_port_however_they_are_written() {
        for address in [
            "https://a.example",
            "https://a.example/x?y",
            "https://A.Example:443/",
            "HTTPS://a.example",
            "https://a.example:0443",
        ] {
            assert!(is_held("https://a.example", address), "{address}");
        }
        assert!(is_held("http://127.0.0.1", "http://127.0.0.1:80/x"));
        assert!(is_held("http://[::1]:8080", "http://[::1]:8080/x"));
    }

    #[test]
    fn whatever_might_lead_elsewhere_is_not_held() {
        for address in [
            "http://a.example",
            "https://a.example:444",
            "https://a.example.:443",
            "https://a.example.evil.example",
            "https://evil.example/a.example",
            "https://a.example@evil.example",
            "https://user@a.example",
            "https://a.example:443@evil.example",
            "https://evil.example\\@a.example",
            "https://evil.example#@a.example",
            "https://evil.example?@a.example",
            "https://a.example:65979",
            "https://a.example:x",
            "https://a.example:+443",
            "https://a.example:",
            "ftp://a.example",
            "//a.example",
            "a.example:443",
            "/x",
            "*",
            "",
        ] {
            assert!(!is_held("https://a.example", address), "{address}");
        }
    }

    #[test]
    fn a_target_is_an_origin_alone_and_a_safe_one() {
        let check = |origin: &str| ForwardTarget::new(origin).check().err();
        for origin in ["https://a.example", "https://a.example:8443/", "http://localhost:1", "http://[::1]"] {
            assert_eq!(check(origin), None, "{origin}");
        }
        for origin in ["http://a.example", "http://10.0.0.1:80", "http://localhost.example"] {
            assert_eq!(check(origin), Some(ConfigError::InsecureForwardTarget), "{origin}");
        }
        for origin in [
            "",
            "a.example",
            "/x",
            "https://a.example/x",
            "https://a.example/?",
            "https://a.example/#",
            "https://u@a.example",
            "ws://a.example",
        ] {
            assert_eq!(check(origin), Some(ConfigError::ForwardTarget), "{origin}");
        }
    }
}
