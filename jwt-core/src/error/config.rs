//! What is wrong with a configuration.

/// Why an authenticator cannot be built as asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// No keys.
    #[error("no keys: call `.keys(…)`")]
    NoKeys,
    /// No audience.
    #[error(
        "no audience: call `.audience(\"…\")` with what this service is called in `aud`, or `.any_audience()` to accept tokens made for other services"
    )]
    NoAudience,
    /// Both `audience` and `any_audience`.
    #[error("`.audience(…)` and `.any_audience()` contradict each other: keep one")]
    AudienceContradiction,
    /// An empty issuer, audience, claim name or `typ`.
    #[error("an empty string is not a valid expectation")]
    EmptyExpectation,
    /// The same source twice.
    #[error("the same token source is configured twice: keep one")]
    DuplicateSource,
    /// A source whose header, cookie, scheme or parameter name no request can carry.
    #[error("a token source has a name that no request can carry: use letters, digits, `-` and `_`")]
    SourceName,
    /// A trusted origin that no browser would send.
    #[error(
        "a trusted origin is written as browsers send it: `https://app.example.com`, in lower case, with a port only where it is not the default one, without `/` at the end, without `*`"
    )]
    TrustedOrigin,
    /// Cross-site requests are both allowed and looked at.
    #[error(
        "`.dangerous_allow_cross_site_requests()` contradicts `.trusted_origin(…)`, `.origin_required()` and `.csrf(…)`: leave it out"
    )]
    CrossSiteContradiction,
    /// A realm that a challenge cannot carry.
    #[error("the realm may hold printable ASCII without `\"` and `\\`")]
    Realm,
    /// Issuers are trusted one by one, and one more is expected for which there are no keys.
    #[error("`.issuer(…)` beside `.trust(…)` needs `.keys(…)`, or leave it out")]
    IssuerWithoutKeys,
    /// The same issuer twice.
    #[error("the same issuer is trusted twice: keep one")]
    DuplicateIssuer,
    /// Several parties are trusted, and one of them has no name to tell it by.
    #[error("`.keys(…)` beside `.trust(…)` needs an `.issuer(\"…\")` to tell whose keys they are")]
    NamelessIssuer,
    /// The address of a key set, or the name of an issuer, that nothing can be fetched from.
    #[error(
        "keys are fetched from an absolute https address without user name and fragment; an issuer's has no query either"
    )]
    KeyAddress,
    /// Plain http to another machine.
    #[error("keys fetched over plain http can be forged on the way: use https (http is for loopback addresses)")]
    InsecureKeyAddress,
    /// Keys are fetched in the background, and there is nothing to run that on.
    #[error("keys are fetched in the background by Tokio: build the authenticator inside of its runtime")]
    NoRuntime,
    /// The keys are discovered from one issuer, and another one is expected.
    #[error("`.issuer(…)` is not the issuer whose keys are discovered: leave it out, or make them equal")]
    DiscoveredIssuer,
    /// A template without exactly one `{tenant}` in its path, or one that is not https.
    #[error("a template is an https address with exactly one `{{tenant}}`, behind the host")]
    Template,
    /// An issuer without a key.
    #[error("no signing key: call `.signing_key(…)`")]
    NoSigningKey,
    /// An issuer whose tokens are for nobody.
    #[error("no audience: call `.audience(\"…\")` with what the services are called that the tokens are for")]
    NoIssuedAudience,
    /// A lifetime under a second.
    #[error("a token must live for a second at least: give `.access_token_lifetime(…)` a few minutes")]
    TokenLifetime,
    /// A key would be used while copies of the JWK Set without it may be kept.
    #[error("`.head_start(…)` is shorter than `.jwks_max_age(…)`: make it as long at least, better twice as long")]
    HeadStart,
    /// Two keys of an issuer with one name.
    #[error("two keys have the same `kid`: give each a name of its own, or none for its thumbprint")]
    DuplicateKid,
    /// A cookie with a name that no request can carry.
    #[error("a cookie has a name that no request can carry: use letters, digits, `-` and `_`")]
    CookieName,
    /// Two tokens in one cookie.
    #[error("two cookies have the same name: give each its own")]
    SameCookie,
    /// A cookie path that is none.
    #[error("a cookie path begins with `/` and holds no white space, `;` or `,`")]
    CookiePath,
    /// The middleware is to renew logins by a cookie that it does not get.
    #[error(
        "`.transparent_renewal()` needs the refresh token with every request: `.refresh_path(\"/\").refresh_name(\"__Host-refresh_token\")`"
    )]
    RenewalPath,
    /// A cookie domain that no browser takes, or that is wider than anybody means.
    #[error("a cookie domain is a host name in lower case, with a dot in it and none in front")]
    CookieDomain,
    /// A `__Host-` cookie that every browser refuses.
    #[error("a `__Host-` cookie has the path `/` and no domain: name it `__Secure-…`, or leave the other out")]
    HostCookie,
    /// `SameSite=None` that every browser refuses.
    #[error("`SameSite=None` needs `Secure`: leave out `.dangerous_plain_http_on_localhost()`")]
    SameSiteNone,
    /// A profile without an issuer.
    #[error("this profile checks who issued a token: call `.issuer(\"…\")`")]
    ProfileWithoutIssuer,
    /// A profile, and a setting that takes back what it demands.
    #[error(
        "this profile checks audience and expiry: leave out `.any_audience()` and `.dangerous_allow_tokens_without_expiry()`"
    )]
    ProfileContradiction,
    /// A forwarder without targets.
    #[error("no target to pass tokens on to: call `.target(\"https://…\")`")]
    NoForwardTarget,
    /// A target that is no origin.
    #[error("a target is an http(s) origin: scheme, host and port, without credentials, path, query and fragment")]
    ForwardTarget,
    /// A target over plain http on another machine.
    #[error("tokens sent over plain http can be read on the way: use https (http is for loopback addresses)")]
    InsecureForwardTarget,
    /// The same target twice.
    #[error("the same target is named twice: keep one")]
    DuplicateForwardTarget,
    /// A target wants a narrower token, and nobody can make one.
    #[error("a target with an audience, a scope or a lifetime needs `.exchange(…)`")]
    NoExchange,
    /// Tokens could be exchanged, and no target wants that.
    #[error("`.exchange(…)` is for targets with an audience, a scope or a lifetime: give one to a target")]
    UnusedExchange,
    /// A limit on the token length under which no token fits.
    #[error("the limit on the token length is under 64 bytes: no token fits")]
    TokenLimit,
    /// Lifetimes of sign-ins that contradict each other.
    #[error("the grace must be shorter than the idle lifetime, and the idle lifetime no longer than the absolute one")]
    Lifetime,
    /// No room for any sign-in of a subject.
    #[error("a subject needs at least one sign-in")]
    SignInLimit,
    /// A revoked token would be forgotten while a verifier still takes it.
    #[error("the leeway of the revocations is shorter than that of the tokens: `Revocations::builder(…).leeway(…)`")]
    RevocationLeeway,
    /// The address of a store that is none, or names hosts or settings that its kind has not.
    #[error(
        "the address of a store is `redis://host:6379/0`, `redis+cluster://host:7000,host:7001` or `redis+sentinel://host:26379,host:26380/NAME`, with `user:password@` before the hosts, percent-encoded, and `rediss` for TLS"
    )]
    StoreAddress,
    /// The address of sentinels without the name of a primary.
    #[error(
        "behind the sentinels, the address has the name that they know the primary by: `redis+sentinel://host:26379/NAME`"
    )]
    StorePrimary,
    /// A database that is no number, or a number in a cluster.
    #[error("a database is a number, and a cluster has no other than 0: use `.prefix(…)` to tell applications apart")]
    StoreDatabase,
    /// TLS that is not compiled in.
    #[error(
        "an address with TLS needs a TLS feature of the crate `redis`, such as `tokio-rustls-comp`: depend on it with that"
    )]
    StoreTls,
}
