//! The metadata of an issuer: where it may be, and the addresses that it names.

use http::Uri;
use serde::Deserialize;

use crate::key::FetchError;
use crate::transport::address::{is_allowed, is_secure, without_secrets};

pub(crate) fn absolute(address: &str) -> Option<Uri> {
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
pub(crate) fn without_query_of(address: &str, text: &str) -> Option<String> {
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
pub(crate) fn addresses(issuer: &str) -> Vec<String> {
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

/// The metadata of an issuer (OpenID Connect Discovery 1.0 §3, RFC 8414 §2), as far as it is used.
#[derive(Deserialize)]
pub(crate) struct Metadata {
    issuer: String,
    jwks_uri: Option<String>,
    #[serde(default)]
    #[allow(dead_code, reason = "for the feature `introspection`")]
    pub(crate) introspection_endpoint: Option<String>,
    #[serde(default)]
    #[allow(dead_code, reason = "for the feature `oidc`")]
    pub(crate) authorization_endpoint: Option<String>,
    #[serde(default)]
    #[allow(dead_code, reason = "for the feature `oidc`")]
    pub(crate) token_endpoint: Option<String>,
    #[serde(default)]
    #[allow(dead_code, reason = "for the feature `oidc`")]
    pub(crate) pushed_authorization_request_endpoint: Option<String>,
    #[serde(default)]
    #[allow(dead_code, reason = "for the feature `oidc`")]
    pub(crate) end_session_endpoint: Option<String>,
    /// Where tokens are given back (RFC 7009, RFC 8414 §2).
    #[serde(default)]
    #[allow(dead_code, reason = "for the feature `oidc`")]
    pub(crate) revocation_endpoint: Option<String>,
    #[serde(default)]
    #[allow(dead_code, reason = "for the feature `oidc`")]
    pub(crate) scopes_supported: Vec<String>,
    /// Whether answers name the issuer (RFC 9207 §3).
    #[serde(default)]
    #[allow(dead_code, reason = "for the feature `oidc`")]
    pub(crate) authorization_response_iss_parameter_supported: bool,
    /// The algorithms of proofs at the token endpoint (RFC 9449 §5.1).
    #[serde(default)]
    #[allow(dead_code, reason = "for the feature `oidc`")]
    pub(crate) dpop_signing_alg_values_supported: Vec<String>,
    /// Addresses for clients that authenticate by a certificate (RFC 8705 §5).
    #[serde(default)]
    #[allow(dead_code, reason = "for the feature `introspection`")]
    pub(crate) mtls_endpoint_aliases: Aliases,
}

#[derive(Default, Deserialize)]
#[expect(clippy::struct_field_names, reason = "they are the names of the members")]
pub(crate) struct Aliases {
    #[allow(dead_code, reason = "for the feature `introspection`")]
    pub(crate) introspection_endpoint: Option<String>,
    #[allow(dead_code, reason = "for the feature `oidc`")]
    pub(crate) token_endpoint: Option<String>,
    #[allow(dead_code, reason = "for the feature `oidc`")]
    pub(crate) pushed_authorization_request_endpoint: Option<String>,
    #[allow(dead_code, reason = "for the feature `oidc`")]
    pub(crate) revocation_endpoint: Option<String>,
}

impl Metadata {
    /// Out of a document that must be that of `issuer`.
    pub(crate) fn read(document: &[u8], issuer: &str) -> Result<Self, FetchError> {
        let metadata: Self = serde_json::from_slice(document).map_err(|_| FetchError::Metadata)?;
        if metadata.issuer == issuer {
            return Ok(metadata);
        }
        let found: String = without_secrets(&metadata.issuer).chars().take(128).collect();
        Err(FetchError::OtherIssuer { found: found.into() })
    }
}

/// The address of the keys, out of a metadata document that must be that of `issuer`.
pub(crate) fn jwks_uri(document: &[u8], issuer: &str, plain_http: bool) -> Result<String, FetchError> {
    let address = Metadata::read(document, issuer)?.jwks_uri.ok_or(FetchError::Metadata)?;
    check_named(&address, issuer, plain_http)?;
    Ok(address)
}

/// Whether an address that the metadata of `issuer` names may be used.
pub(crate) fn check_named(address: &str, issuer: &str, plain_http: bool) -> Result<(), FetchError> {
    let uri = absolute(address).ok_or(FetchError::Metadata)?;
    // An issuer on another machine must not direct requests to services of this one.
    let plain = absolute(issuer).filter(|issuer| issuer.scheme_str() == Some("http"));
    let from_own = plain.as_ref().is_some_and(is_secure) && is_secure(&uri);
    // What was said of plain http was said of that address.
    let from_same = plain.is_some_and(|issuer| issuer.authority() == uri.authority()) && is_allowed(&uri, plain_http);
    if uri.scheme_str() == Some("https") || from_own || from_same { Ok(()) } else { Err(FetchError::Insecure) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_looked_for_behind_and_before_the_path() {
        assert_eq!(
            addresses("https://login.example.com/tenant/v2"),
            [
                "https://login.example.com/tenant/v2/.well-known/openid-configuration",
                "https://login.example.com/.well-known/oauth-authorization-server/tenant/v2",
                "https://login.example.com/.well-known/openid-configuration/tenant/v2",
            ]
        );
        for issuer in ["https://login.example.com", "https://login.example.com/"] {
            assert_eq!(
                addresses(issuer),
                [
                    "https://login.example.com/.well-known/openid-configuration",
                    "https://login.example.com/.well-known/oauth-authorization-server",
                ]
            );
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

    #[test]
    fn plain_http_of_an_issuer_goes_to_its_own_address_and_to_no_other() {
        let issuer = "http://keycloak.auth:8080/realms/a";
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
}
