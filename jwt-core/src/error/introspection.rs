//! Why tokens cannot be asked about as configured.

use crate::config_error::debug_as_display;
use crate::key::RemoteKeySetBuildError;

/// Why tokens cannot be asked about as an `Introspection` says. An authenticator that is built with it fails to build.
///
/// `Debug` says what `Display` says. Addresses are shown without user name, password, query and fragment.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IntrospectionBuildError {
    /// The name of an issuer, or an address, that nobody can be asked at.
    #[error(
        "nobody can be asked about tokens at {address:?}: give an absolute https address without user name and fragment; an issuer's has no query either"
    )]
    Address {
        /// The address.
        address: Box<str>,
    },
    /// Plain http to another machine.
    #[error(
        "tokens that are sent to {address:?} over plain http can be read on the way, and answers forged: use https (http is for loopback addresses), or `.dangerous_allow_plain_http()` inside of a network that you trust"
    )]
    Insecure {
        /// The address.
        address: Box<str>,
    },
    /// A setting that has one value was given twice.
    #[error("`.{setting}(…)` of the introspection is called twice: keep one call")]
    SetTwice {
        /// The setting.
        setting: &'static str,
    },
    /// A setting has a value under which nothing works.
    #[error("`.{setting}(…)` of the introspection takes more than that: nothing could be asked, or nothing be kept")]
    TooSmall {
        /// The setting.
        setting: &'static str,
    },
    /// Nothing says who asks.
    #[error(
        "the introspection does not say how this service authenticates: call `.client_secret(id, secret)`, `.client_secret_post(id, secret)`, `.private_key_jwt(id, key)` or `.mutual_tls(id)` (RFC 7662 §2.1)"
    )]
    NoCredentials,
    /// Several ways to authenticate.
    #[error(
        "the introspection has two of `.client_secret(…)`, `.client_secret_post(…)`, `.private_key_jwt(…)` and `.mutual_tls(…)`: keep one"
    )]
    SeveralCredentials,
    /// An empty client identifier or secret, or one that no request can carry.
    #[error("the client identifier or the secret of the introspection is empty")]
    EmptyCredentials,
    /// Mutual TLS, and nothing that has a certificate.
    #[error(
        "`.mutual_tls(…)` of the introspection needs `.client(…)`: an HTTP client with the certificate of this service"
    )]
    NoCertificate,
    /// A setting that is about the issuer, and no issuer.
    #[error(
        "`.{setting}(…)` of the introspection needs the issuer: use `Introspection::discover`, or call `.issuer(…)`"
    )]
    NoIssuer {
        /// The setting.
        setting: &'static str,
    },
    /// Another issuer than the one that is discovered.
    #[error("`.issuer({issuer:?})` of the introspection is not the one that is discovered: leave it out")]
    OtherIssuer {
        /// The issuer.
        issuer: Box<str>,
    },
    /// A certificate authority that is no certificate.
    #[error(
        "`.root_certificate(…)` of the introspection got no readable certificate: give the text of a PEM file with `-----BEGIN CERTIFICATE-----`, not its path"
    )]
    RootCertificate,
    /// A certificate authority for the default HTTP client, and another client.
    #[error("`.root_certificate(…)` of the introspection has no effect on the client of `.client(…)`: trust it there")]
    UnusedRootCertificate,
    /// The keys of signed answers cannot be fetched as configured.
    #[error("{0}")]
    Keys(#[from] RemoteKeySetBuildError),
}

debug_as_display!(IntrospectionBuildError);
