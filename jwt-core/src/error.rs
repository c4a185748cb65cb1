use std::any::Any;
use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::key::algorithm::Algorithm;

/// Why a request is not authenticated.
///
/// Each variant stands for one answer on the wire, made by [`Authenticator::answer`](crate::Authenticator::answer);
/// the causes inside are for logs and for code, never for the client.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum AuthError {
    /// No configured source holds a token: 401 with a bare challenge (RFC 6750 §3.1).
    #[error("no token in the request")]
    MissingToken,
    /// The request is malformed or ambiguous: 400 `invalid_request`.
    #[error("invalid request: {0}")]
    InvalidRequest(#[from] RequestError),
    /// The token is not good: 401 `invalid_token`.
    #[error("invalid token: {0}")]
    InvalidToken(#[from] TokenError),
    /// What the answer depends on cannot be had at the moment: 503 with `Retry-After`.
    #[error("unavailable: {0}")]
    Unavailable(#[from] Unavailable),
    /// The token came from a cookie, and the request may come from a page of another site: 403.
    #[error("cross-site request: {0}")]
    CrossSite(#[from] CrossSiteError),
    /// The token is good and does not allow the request: 403 `insufficient_scope`.
    #[error("not allowed: {0}")]
    Forbidden(#[from] Denial),
    /// The application is put together wrongly: 500, with the mend in the log and nothing on the wire.
    #[error("{0}")]
    NotConfigured(#[from] Misuse),
}

/// What is wrong with a request beside its token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The header field, cookie or parameter of a source stands there more than once.
    #[error("the place of the token is there more than once")]
    Repeated,
    /// More than one configured source holds a token (RFC 6750 §2).
    #[error("more than one source holds a token")]
    SeveralSources,
    /// Not one token after the scheme, a list of credentials, or a quoted cookie.
    #[error("malformed credentials")]
    Malformed,
}

/// Why a request with a cookie may come from a page of another site, and what to configure where it should not count as
/// one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CrossSiteError {
    /// `Sec-Fetch-Site` is neither `same-origin` nor `none`, and `Origin` is not there.
    #[error(
        "`Sec-Fetch-Site` is neither `same-origin` nor `none`, and there is no `Origin`: if a proxy drops it, have it pass the one that it got; if pages of that origin may do this, add it by `.trusted_origin(\"…\")`"
    )]
    OriginMissing,
    /// `Sec-Fetch-Site` is neither `same-origin` nor `none`, and `Origin` is not trusted.
    #[error(
        "`Sec-Fetch-Site` is neither `same-origin` nor `none`, and `Origin` is not a trusted one: if pages of that origin may do this, add it by `.trusted_origin(\"…\")`"
    )]
    OriginUntrusted,
    /// There is no `Sec-Fetch-Site`, and `Origin` is neither of the host of the request nor trusted.
    #[error(
        "no `Sec-Fetch-Site`, and `Origin` is not of the host in `Host`: if pages of that origin may do this, add it by `.trusted_origin(\"…\")`; if a proxy changes `Host`, have it pass the one that it got"
    )]
    OriginNotHost,
    /// There is no `Sec-Fetch-Site`, and no host to compare `Origin` with.
    #[error("no `Sec-Fetch-Site`, and no `Host` to compare `Origin` with: have the proxy pass the one that it got")]
    HostMissing,
    /// There is neither `Sec-Fetch-Site` nor `Origin`, one of which is [required](crate::AuthenticatorBuilder::origin_required).
    #[error(
        "neither `Sec-Fetch-Site` nor `Origin`, of which `.origin_required()` demands one: have clients that are no browsers send the token in `Authorization`"
    )]
    HeadersMissing,
    /// This one of `Sec-Fetch-Site`, `Origin`, `Host` and `X-CSRF-Token` is there more than once.
    #[error("`{0}` is there more than once: have proxy and page send one")]
    Repeated(&'static str),
    /// There is no `X-CSRF-Token`, which `csrf` demands.
    #[error(
        "no `X-CSRF-Token`, which `.csrf(…)` demands: have the page send the value of the cookie `__Host-csrf_token`"
    )]
    TokenMissing,
    /// `X-CSRF-Token` does not go with the access token.
    #[error(
        "`X-CSRF-Token` was not made for this access token: have the page read its cookie anew for each request, and give every instance the same secret"
    )]
    TokenInvalid,
    /// The access token has no name that an `X-CSRF-Token` could go with.
    #[error(
        "the access token has no `jti` for an `X-CSRF-Token` to go with: have its issuer set one, or leave out `.csrf(…)`"
    )]
    NoTokenId,
}

/// Why a token is not good.
///
/// Names and numbers in here come from the configuration; nothing of the token is in it.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// Longer than the configured limit, in bytes.
    #[error("token longer than {limit} bytes")]
    TooLong {
        /// The limit that was exceeded, in bytes.
        limit: usize,
    },
    /// Not a compact JWS of three parts (RFC 7515 §7.1), or a part that cannot be read.
    #[error("malformed token: {0}")]
    Malformed(Malformed),
    /// The `alg` header names no supported signature algorithm; `none` is one of those names.
    #[error("`alg` is not a supported signature algorithm")]
    UnknownAlgorithm,
    /// A supported algorithm, for which none of the keys that come into question is made.
    #[error("no key accepts {0} for this token")]
    AlgorithmNotAllowed(Algorithm),
    /// The `kid` header names no key of the set.
    #[error("`kid` names no known key")]
    UnknownKey,
    /// A `crit` header, or `b64` other than true: nothing of that kind is understood here (RFC 7515 §4.1.11, RFC 7797).
    #[error("a critical header that is not understood")]
    CriticalHeader,
    /// The signature does not hold.
    #[error("the signature does not hold")]
    Signature,
    /// The `typ` header is not one of the expected.
    #[error("`typ` is missing or not one of the expected")]
    Type,
    /// A registered claim has a type or a value that its standard does not allow.
    #[error("claim `{0}` has the wrong type")]
    ClaimType(RegisteredClaim),
    /// The claims do not fit the application's claims type.
    #[error("the claims do not fit their type: {0}")]
    Shape(ShapeError),
    /// A claim that the configuration demands is not there.
    #[error("claim `{0}` is missing")]
    MissingClaim(Arc<str>),
    /// At or past `exp` and the leeway (RFC 7519 §4.1.4).
    #[error("expired")]
    Expired,
    /// Before `nbf` less the leeway (RFC 7519 §4.1.5).
    #[error("not yet valid")]
    NotYetValid,
    /// Older than the maximum age, or issued in the future, by `iat`.
    #[error("older than the maximum age, or issued in the future")]
    Age,
    /// `iss` is not an expected issuer.
    #[error("not an expected issuer")]
    Issuer,
    /// `aud` holds no expected audience.
    #[error("not an expected audience")]
    Audience,
    /// The claim `cnf` binds the token to a key of its client (RFC 7800, RFC 8705, RFC 9449), and whoever sent it as a
    /// bearer token has not shown that key.
    #[error("bound to a key of its client, and sent without proof of that key")]
    Bound,
    /// A claim of a profile has another type than its standard says.
    #[error("claim `{0}` has the wrong type")]
    ProfileClaimType(ProfileClaim),
    /// `nonce` is not that of the login, or there should be none (OpenID Connect Core §3.1.3.7).
    #[error("`nonce` is not that of this login")]
    Nonce,
    /// `azp` is another client (OpenID Connect Core §3.1.3.7).
    #[error("`azp` is another client")]
    AuthorizedParty,
    /// The user proved who they are too long ago, or in the future, by `auth_time`.
    #[error("the user authenticated too long ago, or in the future")]
    AuthenticationAge,
    /// `at_hash` is not that of the access token (OpenID Connect Core §3.1.3.8).
    #[error("`at_hash` is not that of the access token")]
    AccessTokenHash,
    /// `c_hash` is not that of the authorization code (OpenID Connect Core §3.3.2.10).
    #[error("`c_hash` is not that of the authorization code")]
    CodeHash,
    /// This claim is not what the ID token of the same login says (OpenID Connect Core §3.3.3.6, §12.2).
    #[error("claim `{0}` is not that of the ID token of the same login")]
    OtherLogin(&'static str),
    /// It was revoked.
    #[error("revoked")]
    Revoked,
    /// The token of a session that has ended, or that never was.
    #[error("no such session: it has ended, or it never was")]
    NoSession,
    /// A token of another kind, where only sessions are accepted.
    #[error("not the token of a session, and nothing else is accepted")]
    NotASession,
    /// Refused by a check of the application.
    #[error("refused by a check: {0}")]
    Check(CheckError),
}

/// What cannot be had at the moment. The token may be good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unavailable {
    /// The keys of the issuer: not fetched yet, or fetched too long ago.
    #[error("the issuer's keys could not be fetched")]
    Keys {
        /// When it is worth another try.
        retry_after: Duration,
    },
    /// What a policy of the application decides by, such as a database.
    #[error("what a policy decides by could not be had")]
    Policy {
        /// When it is worth another try.
        retry_after: Duration,
    },
    /// The list of revoked tokens: not brought up to date for longer than was allowed.
    #[error("the list of revoked tokens is out of date")]
    Revocations,
    /// The store of sessions or of refresh tokens.
    #[error("the store is unavailable")]
    Store,
}

impl Unavailable {
    /// Keys that nobody fetches.
    pub(crate) const KEYS: Self = Self::Keys { retry_after: Duration::from_secs(1) };

    /// When it is worth another try.
    pub fn retry_after(self) -> Duration {
        match self {
            Self::Keys { retry_after } | Self::Policy { retry_after } => retry_after,
            Self::Revocations | Self::Store => Duration::from_secs(1),
        }
    }
}

/// Why a good token does not allow a request.
///
/// Names in here come from the guard; nothing of the token is in it.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Denial {
    /// It does not grant these scopes, parted by spaces: what the challenge names.
    #[error("the scope `{0}` is needed")]
    Scope(Arc<str>),
    /// It does not grant this role.
    #[error("the role `{0}` is needed")]
    Role(Arc<str>),
    /// A policy of the application refused it.
    #[error("{0}")]
    Policy(CheckError),
}

impl Denial {
    /// The denial of a policy that gives this reason.
    pub fn because(reason: impl Error + Send + Sync + 'static) -> Self {
        Self::Policy(CheckError::new(reason))
    }
}

/// Which part of a token could not be read, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Malformed {
    /// Not exactly three non-empty parts: an encrypted token (five), an unsecured one, or no JWT at all.
    #[error("not three parts parted by dots")]
    Parts,
    /// Not canonical base64url without padding (RFC 7515 §2).
    #[error("not canonical base64url without padding")]
    Base64,
    /// The header is longer than the limit.
    #[error("header longer than {0} bytes")]
    HeaderTooLong(usize),
    /// The `kid` header is longer than the limit.
    #[error("`kid` longer than {0} bytes")]
    KidTooLong(usize),
    /// The header is not a JSON object in UTF-8, or one of its registered members has the wrong type.
    #[error("the header is not a JSON object with members of the right types")]
    Header,
    /// The claims are not a JSON object in UTF-8, are nested too deeply, or have something before or after them.
    #[error("the claims are not a JSON object")]
    Claims,
    /// A member name occurs twice in one JSON object (RFC 7515 §4, RFC 7519 §4).
    #[error("duplicate member name")]
    Duplicate,
}

/// A claim of RFC 7519 §4.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RegisteredClaim {
    /// `iss`, the issuer: a string.
    Issuer,
    /// `sub`, the subject: a string.
    Subject,
    /// `aud`, the audience: a string or an array of strings.
    Audience,
    /// `exp`, the end of its life: a number.
    ExpirationTime,
    /// `nbf`, the beginning of its life: a number.
    NotBefore,
    /// `iat`, when it was issued: a number.
    IssuedAt,
    /// `jti`, its identifier: a string.
    JwtId,
}

impl RegisteredClaim {
    /// The name as it stands in the claims.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Issuer => "iss",
            Self::Subject => "sub",
            Self::Audience => "aud",
            Self::ExpirationTime => "exp",
            Self::NotBefore => "nbf",
            Self::IssuedAt => "iat",
            Self::JwtId => "jti",
        }
    }
}

impl fmt::Display for RegisteredClaim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A claim that RFC 9068 or OpenID Connect has beside those of RFC 7519.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProfileClaim {
    /// `client_id`, the client that asked for the access token: a string.
    ClientId,
    /// `azp`, the client that asked for the ID token: a string.
    AuthorizedParty,
    /// `nonce`, what ties it to a login: a string.
    Nonce,
    /// `auth_time`, when the user proved who they are: a number.
    AuthenticationTime,
    /// `at_hash`, what ties it to an access token: a string.
    AccessTokenHash,
    /// `c_hash`, what ties it to an authorization code: a string.
    CodeHash,
}

impl ProfileClaim {
    /// The name as it stands in the claims.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClientId => "client_id",
            Self::AuthorizedParty => "azp",
            Self::Nonce => "nonce",
            Self::AuthenticationTime => "auth_time",
            Self::AccessTokenHash => "at_hash",
            Self::CodeHash => "c_hash",
        }
    }
}

impl fmt::Display for ProfileClaim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where the claims and the application's type part.
///
/// Names the missing field, which the type knows; never a value, which only the token knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShapeError(Option<Arc<str>>);

impl ShapeError {
    pub(crate) fn of(error: &serde_json::Error) -> Self {
        // The messages of serde quote values. This one quotes only a name that the type itself brings.
        let message = error.to_string();
        let field = message.strip_prefix("missing field `").and_then(|rest| rest.split_once('`'));
        Self(field.map(|(name, _)| name.into()))
    }

    /// The field that is not there, if that is what is wrong.
    pub fn missing_field(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

impl fmt::Display for ShapeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(field) => write!(f, "missing field `{field}`"),
            None => f.write_str("a value of another type than the field has"),
        }
    }
}

impl Error for ShapeError {}

/// The reason that a check or a policy of the application gave; [`downcast_ref`](Self::downcast_ref) yields it back, typed.
#[derive(Clone)]
pub struct CheckError(Arc<dyn CheckReason>);

pub(crate) trait CheckReason: Error + Any + Send + Sync {}

impl<E: Error + Send + Sync + 'static> CheckReason for E {}

impl CheckError {
    pub(crate) fn new(reason: impl Error + Send + Sync + 'static) -> Self {
        Self(Arc::new(reason))
    }

    /// The reason as the check gave it.
    pub fn downcast_ref<E: Error + 'static>(&self) -> Option<&E> {
        let any: &dyn Any = &*self.0;
        any.downcast_ref()
    }
}

impl fmt::Debug for CheckError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for CheckError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// How the application was put together wrongly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Misuse {
    /// A handler asks for claims, or a guard for a token, on a route that no layer protects.
    #[error(
        "no JwtAuth in front of this route: add `.layer(JwtAuth::new(…))` (Tower) or `.wrap(JwtAuth::new(…))` (actix-web), outside of every guard"
    )]
    MissingLayer,
    /// A handler or a policy asks for claims of another type than its layer yields.
    #[error(
        "the handler or policy asks for claims of type `{wanted}`, the JwtAuth in front of it yields `{found}`: make them one type"
    )]
    OtherClaimsType {
        /// The type that is asked for.
        wanted: &'static str,
        /// The type that the layer yields.
        found: &'static str,
    },
    /// A guard asks for a scope, and the authenticator was not told where scopes are.
    #[error(
        "a guard needs a scope, and nobody knows where scopes are: call `.scopes(|claims| &claims.scope)` on the builder"
    )]
    ScopesUnknown,
    /// A guard asks for a role, and the authenticator was not told where roles are.
    #[error(
        "a guard needs a role, and nobody knows where roles are: call `.roles(|claims| &claims.roles)` on the builder"
    )]
    RolesUnknown,
    /// A guard was made of a name that is no scope (RFC 6749 §3.3), or of none at all.
    #[error(
        "a guard names no scope: it takes one or more, each of printable ASCII without space, `\"` and `\\` (RFC 6749 §3.3)"
    )]
    ScopeName,
}

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
