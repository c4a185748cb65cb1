//! A service that tokens are passed on to.

use std::fmt;
use std::time::Duration;

use http::Uri;

use super::ForwarderBuildError;
use crate::config_error::Given;
use crate::transport::address::is_secure;

/// A service that tokens are passed on to: an origin (scheme, host and port), and which token it gets.
///
/// Without an audience, a scope and a lifetime, it gets the user's token as it is. With one of them, it gets the token that
/// the [exchange](crate::forward::ForwarderBuilder::exchange) yields for them, and never the user's token.
///
/// ```
/// use std::time::Duration;
/// use jwt_core::forward::ForwardTarget;
///
/// let invoices = ForwardTarget::new("https://invoices.example.com")
///     .audience("invoices")
///     .scope("invoices:read")
///     .lifetime(Duration::from_secs(60));
/// # let _ = invoices;
/// ```
#[derive(Debug, Clone)]
pub struct ForwardTarget {
    origin: Result<Origin, ForwarderBuildError>,
    pub(super) wish: Wish,
    pub(super) call_time: Duration,
    given: Given,
}

/// What the token for a target should be narrowed to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Wish {
    pub(super) audience: Option<String>,
    pub(super) scopes: Vec<String>,
    pub(super) lifetime: Option<Duration>,
}

/// RFC 6454 §4: with the port, also where the address leaves it out.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Origin {
    https: bool,
    host: Box<str>,
    port: u16,
}

impl ForwardTarget {
    /// The service at this origin, such as `https://invoices.example.com` or `http://127.0.0.1:3001`. Plain http is for
    /// loopback addresses alone. A path is an error, since it would restrict nothing.
    pub fn new(origin: impl AsRef<str>) -> Self {
        Self {
            origin: Origin::configured(origin.as_ref()),
            wish: Wish::default(),
            call_time: Duration::ZERO,
            given: Given::default(),
        }
    }

    /// The audience of the exchanged token: what the service is called in `aud`.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.given.once("audience");
        self.wish.audience = Some(audience.into());
        self
    }

    /// One more scope of the exchanged token. It has no other scopes than those that are named.
    #[must_use]
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.wish.scopes.push(scope.into());
        self
    }

    /// How long the exchanged token should be good. RFC 8693 has no parameter for that: your
    /// [`TokenExchange`](crate::forward::TokenExchange) says whether and how the issuer is told.
    #[must_use]
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.given.once("lifetime");
        self.wish.lifetime = Some(lifetime);
        self
    }

    /// How long a call to the service may take: a token that would expire meanwhile is not passed on. Counts in addition to
    /// the [margin](crate::forward::ForwarderBuilder::margin). Zero.
    #[must_use]
    pub fn call_time(mut self, time: Duration) -> Self {
        self.given.once("call_time");
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

    /// The origin, where there is nothing wrong with the target.
    pub(super) fn check(&self) -> Result<Box<str>, ForwarderBuildError> {
        let origin = Box::from(self.origin.as_ref().map_err(Clone::clone)?.to_string());
        if let Some(setting) = self.given.twice() {
            return Err(ForwarderBuildError::TargetSetTwice { origin, setting });
        }
        if self.wish.audience.as_ref().is_some_and(String::is_empty) {
            return Err(ForwarderBuildError::EmptyAudience { origin });
        }
        if self.wish.scopes.iter().any(String::is_empty) {
            return Err(ForwarderBuildError::EmptyScope { origin });
        }
        Ok(origin)
    }
}

impl<T: AsRef<str>> From<T> for ForwardTarget {
    fn from(origin: T) -> Self {
        Self::new(origin)
    }
}

impl Origin {
    fn configured(text: &str) -> Result<Self, ForwarderBuildError> {
        let not_an_origin = || ForwarderBuildError::NotAnOrigin { origin: without_credentials(text) };
        let uri: Uri = text.parse().map_err(|_| not_an_origin())?;
        let bare = !text.contains('#') && uri.query().is_none() && matches!(uri.path(), "" | "/");
        let origin = Self::of(&uri).filter(|_| bare).ok_or_else(not_an_origin)?;
        if is_secure(&uri) { Ok(origin) } else { Err(ForwarderBuildError::InsecureOrigin { origin: text.into() }) }
    }

    /// `None` where HTTP clients might read another origin: without a host, with credentials before the host, or with
    /// anything after it that is not a port.
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

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.https { "https" } else { "http" };
        write!(f, "{scheme}://{}:{}", self.host, self.port)
    }
}

/// An address for an error: with `…` for everything before the last `@`, where a password may be.
fn without_credentials(address: &str) -> Box<str> {
    match address.rsplit_once('@') {
        Some((_, rest)) => format!("…@{rest}").into(),
        None => address.into(),
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
            let expected = ForwarderBuildError::InsecureOrigin { origin: origin.into() };
            assert_eq!(check(origin), Some(expected), "{origin}");
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
            let error = check(origin).unwrap();
            assert!(matches!(error, ForwarderBuildError::NotAnOrigin { .. }), "{origin}: {error}");
        }
    }

    #[test]
    fn credentials_are_in_no_error() {
        for origin in ["https://user:geheim@a.example", "https://user:ge@geheim@a.example/x", "user:geheim@a.example"] {
            let error = ForwardTarget::new(origin).check().unwrap_err().to_string();
            assert!(error.contains("`…@a.example") && !error.contains("geheim"), "{error}");
        }
    }
}
