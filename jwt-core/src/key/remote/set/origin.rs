//! Where keys are fetched from: addresses, how they are shown, and the metadata that names them.

use std::fmt;

use http::Uri;
use serde::Deserialize;

use crate::key::{FetchError, RemoteKeySetBuildError};
use crate::transport::address::{is_allowed, is_secure, without_secrets};

#[derive(Clone, PartialEq, Eq)]
pub(super) enum Origin {
    /// The address of a JWK Set.
    Jwks(String),
    /// The name of an issuer that publishes metadata.
    Issuer(String),
}

impl Origin {
    /// Whether keys can be fetched from there without anybody forging them on the way; over plain http, somebody else saw to
    /// that.
    pub(super) fn check(&self, plain_http: bool) -> Result<(), RemoteKeySetBuildError> {
        let address = self.name();
        let usable = |uri: &Uri| matches!(self, Self::Jwks(_)) || uri.query().is_none();
        let uri = absolute(address).filter(usable);
        let uri = uri.ok_or_else(|| RemoteKeySetBuildError::Address { address: without_secrets(address) })?;
        if is_allowed(&uri, plain_http) {
            Ok(())
        } else {
            Err(RemoteKeySetBuildError::Insecure { address: without_secrets(address) })
        }
    }

    fn name(&self) -> &str {
        let (Self::Jwks(name) | Self::Issuer(name)) = self;
        name
    }

    /// What people and metrics see of it: no user name, password, query or fragment, where a key may be.
    pub(super) fn shown(&self) -> String {
        let shown = without_secrets(self.name());
        shown.strip_suffix("?…").or(shown.strip_suffix("#…")).unwrap_or(&shown).to_owned()
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Jwks(_) => "Jwks",
            Self::Issuer(_) => "Issuer",
        };
        f.debug_tuple(name).field(&self.shown()).finish()
    }
}

fn absolute(address: &str) -> Option<Uri> {
    // A fragment would be dropped silently.
    let uri: Uri = address.parse().ok().filter(|_| !address.contains('#'))?;
    // A user name and a password would be in every event and metric.
    if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        return None;
    }
    (matches!(uri.scheme_str(), Some("https" | "http")) && uri.host().is_some_and(|host| !host.is_empty()))
        .then_some(uri)
}

/// A text of an HTTP client, which may quote the address that it was given, without what may be secret in that.
pub(super) fn without_query_of(address: &str, text: &str) -> Option<String> {
    let (_, query) = address.split_once('?')?;
    let values = query.split('&').map(|pair| pair.split_once('=').map_or(pair, |(_, value)| value));
    let mut clean = text.replace(&format!("?{query}"), "?…");
    // Nobody's key is shorter, and a number of one digit is in many an address.
    for secret in values.filter(|value| value.len() >= 4) {
        clean = clean.replace(secret, "…");
    }
    (clean != text).then_some(clean)
}

/// The places where an issuer may publish its metadata, the usual one first: OpenID Connect Discovery §4, RFC 8414 §3,
/// and OpenID Connect in the manner of RFC 8414 (§5).
pub(super) fn metadata_addresses(issuer: &str) -> Vec<String> {
    let issuer = issuer.strip_suffix('/').unwrap_or(issuer);
    let mut addresses = vec![format!("{issuer}/.well-known/openid-configuration")];
    let after_scheme = issuer.find("://").map_or(0, |at| at + 3);
    let path_at = issuer[after_scheme..].find('/').map_or(issuer.len(), |at| after_scheme + at);
    let (host, path) = issuer.split_at(path_at);
    addresses.push(format!("{host}/.well-known/oauth-authorization-server{path}"));
    if !path.is_empty() {
        addresses.push(format!("{host}/.well-known/openid-configuration{path}"));
    }
    addresses
}

/// The address of the keys, out of a metadata document that must be that of `issuer`.
pub(super) fn jwks_uri(document: &[u8], issuer: &str, plain_http: bool) -> Result<String, FetchError> {
    #[derive(Deserialize)]
    struct Metadata {
        issuer: String,
        jwks_uri: String,
    }
    let metadata: Metadata = serde_json::from_slice(document).map_err(|_| FetchError::Metadata)?;
    if metadata.issuer != issuer {
        let found: String = without_secrets(&metadata.issuer).chars().take(128).collect();
        return Err(FetchError::OtherIssuer { found: found.into() });
    }
    let uri = absolute(&metadata.jwks_uri).ok_or(FetchError::Metadata)?;
    // An issuer on another machine must not direct requests to services of this one.
    let plain = absolute(issuer).filter(|issuer| issuer.scheme_str() == Some("http"));
    let from_own = plain.as_ref().is_some_and(is_secure) && is_secure(&uri);
    // What was said of plain http was said of that address.
    let from_same = plain.is_some_and(|issuer| issuer.authority() == uri.authority()) && is_allowed(&uri, plain_http);
    if uri.scheme_str() == Some("https") || from_own || from_same {
        Ok(metadata.jwks_uri)
    } else {
        Err(FetchError::Insecure)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_looked_for_behind_and_before_the_path() {
        assert_eq!(
            metadata_addresses("https://login.example.com/tenant/v2"),
            [
                "https://login.example.com/tenant/v2/.well-known/openid-configuration",
                "https://login.example.com/.well-known/oauth-authorization-server/tenant/v2",
                "https://login.example.com/.well-known/openid-configuration/tenant/v2",
            ]
        );
        for issuer in ["https://login.example.com", "https://login.example.com/"] {
            assert_eq!(
                metadata_addresses(issuer),
                [
                    "https://login.example.com/.well-known/openid-configuration",
                    "https://login.example.com/.well-known/oauth-authorization-server",
                ]
            );
        }
    }

    #[test]
    fn plain_http_is_for_this_machine_alone() {
        let check = |address: &str| Origin::Jwks(address.to_owned()).check(false).err();
        for address in ["https://a.example/jwks", "http://127.0.0.1:1/jwks", "http://[::1]:8080/", "http://localhost/k"]
        {
            assert_eq!(check(address), None, "{address}");
        }
        for address in
            ["http://a.example/jwks", "http://127.0.0.1.example/", "http://10.0.0.1/", "http://localhost.example/"]
        {
            assert_eq!(check(address), Some(RemoteKeySetBuildError::Insecure { address: address.into() }), "{address}");
        }
        for address in [
            "",
            "/jwks",
            "a.example",
            "ftp://a.example/",
            "https://",
            "https://a.example/#x",
            "https://a b/",
            "https://u:p@a.example/",
        ] {
            assert!(matches!(check(address), Some(RemoteKeySetBuildError::Address { .. })), "{address}");
        }
    }

    #[test]
    fn errors_show_the_address_without_what_may_be_secret() {
        for (address, shown) in [
            ("a.example", "a.example"),
            ("https://a.example/k#x", "https://a.example/k#…"),
            ("https://u:p@a.example/", "https://…@a.example/"),
            ("https://u:p?/#@q@a.example/k?key=secret", "https://…@a.example/k?…"),
            ("u:p@a.example", "…@a.example"),
        ] {
            let error = Origin::Issuer(address.to_owned()).check(false).unwrap_err();
            assert_eq!(error, RemoteKeySetBuildError::Address { address: shown.into() });
            assert!(error.to_string().contains(shown) && format!("{error:?}") == error.to_string());
        }
    }

    #[test]
    fn what_people_see_of_an_address_has_no_secret_in_it() {
        for (address, shown) in [
            ("https://a.example/k", "https://a.example/k"),
            ("https://a.example/k?key=hunter2", "https://a.example/k"),
            ("https://a.example/k?key=hunter2#x", "https://a.example/k"),
            ("https://a.example?hunter2", "https://a.example"),
            ("https://a.example/k?", "https://a.example/k"),
            ("https://u:hunter2@a.example/k", "https://…@a.example/k"),
        ] {
            for origin in [Origin::Jwks(address.to_owned()), Origin::Issuer(address.to_owned())] {
                assert_eq!(origin.shown(), shown);
                assert!(!format!("{origin:?}").contains("hunter2"), "{origin:?}");
            }
        }
    }

    #[test]
    fn what_a_client_says_has_no_query_in_it() {
        let address = "https://a.example/k?a=hunter2&b=&c=hunter3&hunter4";
        let said = format!("cannot connect to {address} with hunter3 (hunter4, key hunter2)");
        let clean = without_query_of(address, &said).unwrap();
        assert_eq!(clean, "cannot connect to https://a.example/k?… with … (…, key …)");
        assert_eq!(without_query_of(address, "cannot connect"), None);
        assert_eq!(without_query_of("https://a.example/k?version=1", "cannot connect to 10.0.0.1"), None);
        assert_eq!(without_query_of("https://a.example/k", "https://a.example/k?x"), None);
    }

    #[test]
    fn plain_http_is_allowed_for_the_address_that_was_given_and_for_no_other() {
        let issuer = "http://keycloak.auth:8080/realms/a";
        assert_eq!(Origin::Issuer(issuer.to_owned()).check(true), Ok(()));
        assert!(Origin::Issuer(issuer.to_owned()).check(false).is_err());
        assert!(Origin::Jwks("ftp://keycloak.auth/".to_owned()).check(true).is_err());
        let read = |issuer: &str, uri: &str, plain_http| {
            jwks_uri(format!(r#"{{"issuer":"{issuer}","jwks_uri":"{uri}"}}"#).as_bytes(), issuer, plain_http)
        };
        assert!(read(issuer, "http://keycloak.auth:8080/realms/a/certs", true).is_ok());
        assert!(read(issuer, "https://keys.example/k", true).is_ok());
        for uri in [
            "http://other.auth:8080/k",
            "http://keycloak.auth:9090/k",
            "http://keycloak.auth/k",
            "http://127.0.0.1/k",
            "http://localhost:8080/k",
            "http://169.254.169.254/k",
        ] {
            assert!(matches!(read(issuer, uri, true), Err(FetchError::Insecure)), "{uri}");
        }
        // Over https it never goes back to plain http.
        let tls = "https://keycloak.auth:8080";
        assert!(matches!(read(tls, "http://keycloak.auth:8080/k", true), Err(FetchError::Insecure)));
        assert!(matches!(read(issuer, "http://keycloak.auth:8080/k", false), Err(FetchError::Insecure)));
    }

    #[test]
    fn metadata_must_be_of_the_issuer_and_name_a_safe_address() {
        let read = |issuer: &str, uri: &str, of: &str| {
            jwks_uri(format!(r#"{{"issuer":"{issuer}","jwks_uri":"{uri}"}}"#).as_bytes(), of, false)
        };
        let (far, near) = ("https://a.example", "http://127.0.0.1:1");
        assert_eq!(read(far, "https://keys.example/k", far).unwrap(), "https://keys.example/k");
        assert_eq!(read(near, "http://localhost:2/k", near).unwrap(), "http://localhost:2/k");
        let other = |issuer: &str| read(issuer, "https://a.example/k", far).unwrap_err().to_string();
        let said = |issuer: &str| {
            format!(
                "the metadata is that of another issuer, \"{issuer}\": if that is the `iss` of its tokens, discover that one"
            )
        };
        assert_eq!(other("https://b.example"), said("https://b.example"));
        assert_eq!(other("https://a.example/"), said("https://a.example/"));
        assert_eq!(other(r"a\nb"), said(r"a\nb"), "what it says does not break the line of a log");
        assert_eq!(other(&"x".repeat(10_000)).len(), said("").len() + 128);
        for uri in ["http://a.example/k", "http://127.0.0.1/k", "http://169.254.169.254/k"] {
            assert!(matches!(read(far, uri, far), Err(FetchError::Insecure)), "{uri}");
        }
        for document in ["", "[]", "{}", r#"{"issuer":"https://a.example"}"#, r#"{"issuer":1,"jwks_uri":2}"#] {
            assert!(matches!(jwks_uri(document.as_bytes(), far, false), Err(FetchError::Metadata)), "{document}");
        }
    }
}
