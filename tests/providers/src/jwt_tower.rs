//! What recipes import: the names of the library, with the client of the suite in all that is fetched.

use std::cell::RefCell;

use jwt_core::key::KeySource;
pub(crate) use jwt_core::{Algorithm, Authenticator, Tenants, TokenSource, VerifyingKey, key};

use crate::Fake;

thread_local! {
    static PROVIDER: RefCell<Option<Fake>> = const { RefCell::new(None) };
    static LOADED: RefCell<Option<jwt_core::LiveKeys>> = const { RefCell::new(None) };
}

/// Runs a recipe in front of that provider.
pub(crate) fn with<T>(provider: Fake, recipe: impl FnOnce() -> T) -> T {
    PROVIDER.set(Some(provider));
    recipe()
}

fn provider() -> Fake {
    PROVIDER.with_borrow(Clone::clone).expect("a recipe is run in front of a provider")
}

pub(crate) fn replace_loaded_keys(pem: &str, kid: &str) {
    let key = VerifyingKey::pem(Algorithm::ES256, pem).expect("the key is one of ES256").with_kid(kid);
    LOADED.with_borrow(|keys| keys.as_ref().expect("the recipe has loaded keys").replace(key));
}

pub(crate) struct RemoteKeySet(jwt_core::RemoteKeySet);

impl RemoteKeySet {
    pub(crate) fn discover(issuer: &str) -> Self {
        Self(jwt_core::RemoteKeySet::discover(issuer).client(provider()))
    }

    pub(crate) fn jwks(address: &str) -> Self {
        Self(jwt_core::RemoteKeySet::jwks(address).client(provider()))
    }

    /// The client of the suite has no TLS; `tests/oidc` tries this setting.
    pub(crate) fn root_certificate(self, _pem: Vec<u8>) -> Self {
        self
    }

    pub(crate) fn bearer_token_file(self, path: String) -> Self {
        Self(self.0.bearer_token_file(path))
    }
}

impl From<&RemoteKeySet> for KeySource {
    fn from(keys: &RemoteKeySet) -> Self {
        (&keys.0).into()
    }
}

pub(crate) struct LiveKeys;

impl LiveKeys {
    #[allow(clippy::new_ret_no_self, reason = "the recipe gets what it would get")]
    pub(crate) fn new(key: VerifyingKey) -> jwt_core::LiveKeys {
        let keys = jwt_core::LiveKeys::new(key);
        LOADED.set(Some(keys.clone()));
        keys
    }
}

pub(crate) struct TrustedIssuer;

impl TrustedIssuer {
    pub(crate) fn discover(issuer: &str) -> jwt_core::TrustedIssuer {
        // The rule of tenants runs later, on the same thread.
        jwt_core::TrustedIssuer::new(issuer, jwt_core::RemoteKeySet::discover(issuer).client(provider()))
    }
}

pub(crate) mod providers {
    pub(crate) use jwt_core::providers::aws_alb_signer;

    pub(crate) struct Cognito(jwt_core::providers::CognitoPool);

    pub(crate) fn cognito(region: &str, pool: &str) -> Cognito {
        Cognito(jwt_core::providers::cognito(region, pool))
    }

    impl Cognito {
        pub(crate) fn client_id(self, id: &str) -> jwt_core::providers::Provider {
            self.0.client_id(id).client(super::provider())
        }
    }
}
