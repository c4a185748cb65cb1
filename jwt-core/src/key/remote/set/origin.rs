//! Where keys are fetched from: addresses, and how they are shown.

use std::fmt;

use http::Uri;

use crate::key::RemoteKeySetBuildError;
use crate::key::remote::metadata::absolute;
use crate::transport::address::{is_allowed, without_secrets};

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

#[cfg(test)]
mod tests {
    use super::*;

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
    fn plain_http_is_allowed_for_the_address_that_was_given_and_for_no_other() {
        let issuer = "http://keycloak.auth:8080/realms/a";
        assert_eq!(Origin::Issuer(issuer.to_owned()).check(true), Ok(()));
        assert!(Origin::Issuer(issuer.to_owned()).check(false).is_err());
        assert!(Origin::Jwks("ftp://keycloak.auth/".to_owned()).check(true).is_err());
    }
}
