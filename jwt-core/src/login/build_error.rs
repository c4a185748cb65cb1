//! Why logins or their cookies cannot be set up as asked.

use crate::config_error::debug_as_display;
use crate::error::AuthenticatorBuildError;
use crate::key::Algorithm;

/// Why [`Logins`](crate::Logins) cannot be built as asked.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LoginsBuildError {
    /// A setting that has one value was given twice.
    #[error("`.{setting}(…)` is called twice: keep one call")]
    SetTwice {
        /// The setting.
        setting: &'static str,
    },
    /// A trusted origin is not written as browsers send it.
    #[error(
        "the trusted origin `{origin}` is not written as browsers send it: `https://app.example.com`, in lower case, with a port only where it is not the default one, without `/` at the end, without `*`"
    )]
    TrustedOrigin {
        /// What was given.
        origin: Box<str>,
    },
    /// The middleware is to renew logins, and browsers do not send it the cookie that this needs.
    #[error(
        "`.transparent_renewal()` needs the refresh token with every request, and its cookie has the path `{path}`: `.refresh_path(\"/\").refresh_name(\"__Host-refresh_token\")`"
    )]
    RenewalPath {
        /// The path of the refresh token.
        path: Box<str>,
    },
    /// The middleware is to renew logins in cookies, which cannot be bound to a key, and tokens have to be.
    #[error(
        "`.transparent_renewal()` renews logins in cookies, which cannot be bound to a key, and `.require_dpop()` refuses them: leave one out"
    )]
    RenewalUnbound,
    /// What is said of proofs, or the public origin, is not possible.
    #[error("{0}")]
    Proofs(AuthenticatorBuildError),
    /// A path is not one of this host.
    #[error(
        "`.{setting}({path:?})`: a path of this host begins with one `/`, is ASCII, and has no white space and no backslash in it"
    )]
    Path {
        /// The setting.
        setting: &'static str,
        /// What was given.
        path: Box<str>,
    },
    /// Browsers would not send the refresh token to the routes that need it.
    #[error(
        "browsers send the refresh token only below `{refresh_path}`, and the routes are at `{path}`: choose a `.routes_path(…)` below it, or change `.refresh_path(…)` of the cookies"
    )]
    RoutesPath {
        /// The path of the routes.
        path: Box<str>,
        /// The path of the refresh token.
        refresh_path: Box<str>,
    },
    /// The logins are kept out of cookies, and a setting is of those that are in cookies.
    #[error("`.{setting}(…)` is of logins in cookies, and `.without_cookies()` keeps them out: leave one of both out")]
    NoCookies {
        /// The setting.
        setting: &'static str,
    },
    /// The name of a provider cannot be in a path.
    #[error("`.provider({name:?}, …)`: the name is in a path, and has 1 to 32 letters, digits, `-` and `_`")]
    ProviderName {
        /// What was given.
        name: Box<str>,
    },
    /// Two providers have one name.
    #[error("`.provider({name:?}, …)` is there twice: each has a name of its own")]
    ProviderTwice {
        /// The name.
        name: Box<str>,
    },
    /// Nobody says by which address a provider sends browsers back.
    #[error(
        "`.provider({name:?}, …)` needs `.public_origin(\"https://app.example.com\")`: the provider sends browsers back to this address, and it is registered there"
    )]
    NoPublicOrigin {
        /// The name of the provider.
        name: Box<str>,
    },
    /// A key of the issuer signs tokens that do not fit into a cookie.
    #[error(
        "a token of {algorithm} cannot be a cookie: browsers drop a cookie over 4096 bytes, and its signature alone is longer. Sign with another algorithm, such as ES256 or ML-DSA-44; or give clients the token for the `Authorization` header, and say so by `.without_cookies()`; or keep sessions instead of tokens in the cookie (`Sessions`)"
    )]
    TooLargeForCookie {
        /// The algorithm of the key.
        algorithm: Algorithm,
    },
    /// The default cookies cannot be built.
    #[error("{0}")]
    Cookies(#[from] LoginCookiesBuildError),
    /// The verifier for the access tokens of this issuer cannot be built.
    #[error("the verifier for access tokens: {0}")]
    Verifier(#[from] AuthenticatorBuildError),
}

/// Why [`LoginCookies`](crate::LoginCookies) cannot be built as asked.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LoginCookiesBuildError {
    /// A setting that has one value was given twice.
    #[error("`.{setting}(…)` is called twice: keep one call")]
    SetTwice {
        /// The setting.
        setting: &'static str,
    },
    /// No request can carry a cookie of this name.
    #[error("no request can carry a cookie of the name {name:?}: use letters, digits, `-` and `_`")]
    Name {
        /// The name.
        name: Box<str>,
    },
    /// Two cookies have the same name.
    #[error("two cookies have the name `{name}`: give each its own")]
    SameName {
        /// The name of both.
        name: Box<str>,
    },
    /// A cookie cannot have this path.
    #[error(
        "the cookie `{name}` cannot have the path {path:?}: a path begins with `/` and has no white space, `;` or `,` in it"
    )]
    Path {
        /// The name of the cookie.
        name: Box<str>,
        /// The path.
        path: Box<str>,
    },
    /// No browser accepts a cookie for this domain, or it is wider than anybody means.
    #[error(
        "the cookie `{name}` cannot have the domain {domain:?}: a domain is a host name in lower case, with a dot in it and none in front"
    )]
    Domain {
        /// The name of the cookie.
        name: Box<str>,
        /// The domain.
        domain: Box<str>,
    },
    /// Every browser refuses this `__Host-` cookie: it has a domain, or a path other than `/`.
    #[error(
        "browsers refuse the cookie `{name}`: a `__Host-` cookie has the path `/` and no domain. Name it `__Secure-…`, or leave the other out"
    )]
    HostPrefix {
        /// The name of the cookie.
        name: Box<str>,
    },
    /// A cookie that is kept apart for each site, and that no browser would keep or send there.
    #[error(
        "the cookie `{name}` cannot be `Partitioned`: that needs `SameSite=None` and `Secure`. Add `.same_site(SameSite::None).refresh_same_site(SameSite::None)` and leave out `.dangerous_plain_http_on_localhost()`, or leave out `.partitioned()`"
    )]
    Partitioned {
        /// The name of the cookie.
        name: Box<str>,
    },
    /// Every browser refuses `SameSite=None` without `Secure`.
    #[error(
        "browsers refuse the cookie `{name}`: `SameSite=None` needs `Secure`. Leave out `.dangerous_plain_http_on_localhost()`"
    )]
    SameSiteNone {
        /// The name of the cookie.
        name: Box<str>,
    },
}

debug_as_display!(LoginsBuildError, LoginCookiesBuildError);
