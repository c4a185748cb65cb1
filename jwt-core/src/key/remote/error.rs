//! Why keys cannot be fetched as they are configured.

use crate::config_error::debug_as_display;

/// Why keys cannot be fetched from where a `RemoteKeySet` says. An authenticator that is built with it fails to build.
///
/// `Debug` says what `Display` says. Addresses are shown without user name, password, query and fragment.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RemoteKeySetBuildError {
    /// The address of a key set, or the name of an issuer, that nothing can be fetched from.
    #[error(
        "no keys can be fetched from {address:?}: give an absolute https address without user name and fragment; an issuer's has no query either"
    )]
    Address {
        /// The address.
        address: Box<str>,
    },
    /// Plain http to another machine.
    #[error(
        "keys fetched from {address:?} over plain http can be forged on the way: use https (http is for loopback addresses), or `.dangerous_allow_plain_http()` inside of a network that you trust"
    )]
    Insecure {
        /// The address.
        address: Box<str>,
    },
    /// A setting that has one value was given twice.
    #[error("`.{setting}(…)` of the key set is called twice: keep one call")]
    SetTwice {
        /// The setting.
        setting: &'static str,
    },
    /// A certificate authority that is no certificate.
    #[error(
        "`.root_certificate(…)` of the key set got no readable certificate: give the text of a PEM file with `-----BEGIN CERTIFICATE-----`, not its path; DER is converted by `openssl x509 -inform der -in ca.der`"
    )]
    RootCertificate,
    /// A certificate authority for the default HTTP client, and another client.
    #[error("`.root_certificate(…)` of the key set has no effect on the client of `.client(…)`: trust it there")]
    UnusedRootCertificate,
    /// Two sources of fetched keys for one issuer.
    #[error("of the sources of keys that `.and(…)` joins, at most one is a `RemoteKeySet`: leave one out")]
    SeveralFetched,
    /// Fetched keys of a tenant, and others.
    #[error("`.and(…)` joins the fetched keys of a tenant with others: give a tenant one source of keys")]
    TenantSources,
    /// Keys are fetched in the background, and no runtime is there to do it.
    #[error("keys are fetched in the background by Tokio: build the authenticator inside of its runtime")]
    NoRuntime,
}

debug_as_display!(RemoteKeySetBuildError);
