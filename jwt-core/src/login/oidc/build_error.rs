//! Why a provider cannot be signed in with as asked.

use std::time::Duration;

use crate::config_error::debug_as_display;
use crate::error::AuthenticatorBuildError;
use crate::key::{KeyError, RemoteKeySetBuildError};

/// Why a [`ProviderLogin`](super::ProviderLogin) cannot be built as asked.
///
/// `Debug` says what `Display` says.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProviderLoginBuildError {
    /// A setting that has one value was given twice.
    #[error("`.{setting}(…)` of a provider is called twice: keep one call")]
    SetTwice {
        /// The setting.
        setting: &'static str,
    },
    /// Nobody says who it is that signs in.
    #[error(
        "nobody turns who signs in into a user: call `.on_sign_in(…)`, or `.on_access(…)` where there is no ID token"
    )]
    NoUser,
    /// A function for ID tokens, of a provider that has none, or the other way round.
    #[error(
        "`.{setting}(…)` is not for this provider: `.on_sign_in(…)` is for those with ID tokens, `.on_access(…)` for those of `ProviderLogin::oauth2`"
    )]
    OtherKind {
        /// The setting.
        setting: &'static str,
    },
    /// The name of the provider, or one of its endpoints, is not an address.
    #[error(
        "{address:?} is no address of a provider: give an absolute https address without user name and fragment; an issuer's has no query either"
    )]
    Address {
        /// The address.
        address: Box<str>,
    },
    /// Plain http to another machine.
    #[error(
        "what is sent to {address:?} over plain http can be read on the way: use https (http is for loopback addresses), or `.dangerous_allow_plain_http()` inside of a network that you trust"
    )]
    Insecure {
        /// The address.
        address: Box<str>,
    },
    /// No way to authenticate was chosen, or several.
    #[error(
        "choose one of `.client_secret(…)`, `.client_secret_post(…)`, `.private_key_jwt(…)`, `.mutual_tls()` and `.public_client()`"
    )]
    Credentials,
    /// The identifier or the secret of the client is empty.
    #[error("the client has an empty identifier or secret: is an environment variable not set?")]
    EmptyCredentials,
    /// The client is to authenticate by a certificate, and the HTTP client has none.
    #[error("`.mutual_tls()` needs an HTTP client that has the certificate: `.client(…)`")]
    NoCertificate,
    /// A parameter of the request is set by this crate.
    #[error("`.parameter({name:?}, …)`: this one is set here")]
    Parameter {
        /// The name of the parameter.
        name: Box<str>,
    },
    /// A scope is not one (RFC 6749 §3.3).
    #[error("`.scope({scope:?})` is no scope: one call for each, without white space and quotes")]
    Scope {
        /// What was given.
        scope: Box<str>,
    },
    /// A page is not a path of this host.
    #[error(
        "`.{setting}({path:?})`: a path of this host begins with one `/`, is ASCII, and has no white space and no backslash in it"
    )]
    Path {
        /// The setting.
        setting: &'static str,
        /// What was given.
        path: Box<str>,
    },
    /// The time for a request is zero.
    #[error("`.timeout(…)` of a provider is zero")]
    Timeout,
    /// The secret of the cookies is too short, or there are no random numbers for one.
    #[error("`.cookie_secret(…)`: {0}")]
    CookieSecret(KeyError),
    /// A secret that refresh tokens are to be encrypted with is too short.
    #[error("`.keep_refresh_token(…)`: {0}")]
    RefreshTokenSecret(KeyError),
    /// A setting for providers that are asked again, of one that is not.
    #[error(
        "`.{setting}(…)` says something of a provider that is asked again: call `.keep_refresh_token(…)` too, or leave it out"
    )]
    NotAskedAgain {
        /// The setting.
        setting: &'static str,
    },
    /// A provider would be asked at almost every refresh.
    #[error("`.refresh_interval({time:?})` is under a minute: a provider is not asked at every refresh of a login")]
    RefreshInterval {
        /// What was given.
        time: Duration,
    },
    /// A certificate authority that is no certificate, or for the default HTTP client while another one is set.
    #[error("{0}")]
    RootCertificate(RemoteKeySetBuildError),
    /// ID tokens cannot be verified as asked.
    #[error("the verifier for ID tokens: {0}")]
    Verifier(#[from] AuthenticatorBuildError),
}

debug_as_display!(ProviderLoginBuildError);
