//! Why an authenticator cannot be built as asked.

use std::time::Duration;

use super::{Fapi2Contradiction, IntrospectionBuildError};
use crate::config_error::debug_as_display;
use crate::key::{Algorithm, RemoteKeySetBuildError};

/// Why an [`Authenticator`](crate::Authenticator) or a [`Verifier`](crate::Verifier) cannot be built as asked. `Debug`
/// says what `Display` says.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthenticatorBuildError {
    /// No keys.
    #[error("no keys: call `.keys(…)`")]
    NoKeys,
    /// No audience.
    #[error(
        "no audience: call `.audience(\"…\")` with what this service is called in `aud`, or `.any_audience()` to accept tokens made for other services"
    )]
    NoAudience,
    /// Both `audience` and `any_audience`.
    #[error("`.audience({audience:?})` and `.any_audience()` contradict each other: keep one")]
    AudienceContradiction {
        /// The first audience.
        audience: Box<str>,
    },
    /// An empty issuer, audience, `typ` or claim name.
    #[error("`.{setting}(\"\")`: an empty string is not a valid expectation, name one or leave the call out")]
    EmptyExpectation {
        /// The setting.
        setting: &'static str,
    },
    /// A setting that has one value was given twice.
    #[error("`.{setting}(…)` is called twice: keep one call")]
    SetTwice {
        /// The setting.
        setting: &'static str,
    },
    /// The same token source twice.
    #[error("{token_source} is configured twice as a token source: keep one")]
    DuplicateSource {
        /// The source, in words.
        token_source: Box<str>,
    },
    /// A source whose header, cookie, scheme or parameter name no request can carry.
    #[error(
        "{token_source} is no token source, since no request can carry that name: use letters, digits, `-` and `_`"
    )]
    SourceName {
        /// The source, in words.
        token_source: Box<str>,
    },
    /// A trusted origin that no browser sends.
    #[error(
        "`.trusted_origin({origin:?})`: an origin is written as browsers send it, like `https://app.example.com`, in lower case, with a port only where it is not the default one, without `/` at the end, without `*`"
    )]
    TrustedOrigin {
        /// The origin.
        origin: Box<str>,
    },
    /// Cross-site requests are both allowed and checked.
    #[error(
        "`.dangerous_allow_cross_site_requests()` contradicts `.trusted_origin(…)`, `.origin_required()` and `.csrf(…)`: leave it out"
    )]
    CrossSiteContradiction,
    /// A realm that a challenge cannot carry.
    #[error("`.realm({realm:?})`: a realm is printable ASCII without `\"` and `\\`")]
    Realm {
        /// The realm.
        realm: Box<str>,
    },
    /// Issuers are trusted one by one, and one more is expected for which there are no keys.
    #[error("`.issuer({issuer:?})` beside `.trust(…)` needs `.keys(…)`: add them, or leave it out")]
    IssuerWithoutKeys {
        /// The issuer.
        issuer: Box<str>,
    },
    /// The same issuer twice.
    #[error("the issuer {issuer:?} is trusted twice: keep one")]
    DuplicateIssuer {
        /// The issuer.
        issuer: Box<str>,
    },
    /// A second name of an issuer that has no first one.
    #[error("`.issuer_alias({alias:?})` is a second name: call `.issuer(\"…\")` with the first one")]
    AliasWithoutIssuer {
        /// The second name.
        alias: Box<str>,
    },
    /// A second name of a tenant, which a rule knows by one name.
    #[error("`.issuer_alias({alias:?})` of a tenant: a rule has to make an issuer of each name, leave the call out")]
    TenantAlias {
        /// The second name.
        alias: Box<str>,
    },
    /// Expired tokens are to be anonymous where nobody can be.
    #[error(
        "`.dangerous_allow_expired_as_anonymous()` needs `.optional()`: without it, no request is anonymous; add it, or leave the call out"
    )]
    ExpiredWithoutOptional,
    /// Several parties are trusted, and one of them has no name to tell it by.
    #[error("`.keys(…)` beside `.trust(…)` needs an `.issuer(\"…\")` that says whose keys they are")]
    NamelessIssuer,
    /// Keys that cannot be fetched as configured.
    #[error("{0}")]
    Keys(#[from] RemoteKeySetBuildError),
    /// Tokens cannot be asked about as configured.
    #[error("{0}")]
    Introspection(#[from] IntrospectionBuildError),
    /// The keys are discovered from one issuer, and another one is expected.
    #[error(
        "`.issuer({expected:?})` is not the issuer whose keys are discovered, which is {discovered:?}: leave it out, or make them equal"
    )]
    DiscoveredIssuer {
        /// The issuer that is expected.
        expected: Box<str>,
        /// The issuer whose keys are discovered.
        discovered: Box<str>,
    },
    /// A template without exactly one `{tenant}` in its path, or one whose tenants' keys cannot be fetched.
    #[error(
        "the tenant template {template:?}: a template is an https address with exactly one `{{tenant}}`, behind the host, without user name, query and fragment (http is for loopback addresses)"
    )]
    Template {
        /// The template, without user name, query and fragment.
        template: Box<str>,
    },
    /// A profile without an issuer.
    #[error("this profile checks who issued a token: call `.issuer(\"…\")`")]
    ProfileWithoutIssuer,
    /// A profile, and a setting that takes back what it demands.
    #[error(
        "this profile checks audience and expiry: leave out `.any_audience()` and `.dangerous_allow_tokens_without_expiry()`"
    )]
    ProfileContradiction,
    /// A limit on the token length under which no token fits.
    #[error("`.max_token_len({bytes})`: no token fits into less than 64 bytes")]
    TokenLimit {
        /// The limit, in bytes.
        bytes: usize,
    },
    /// An address of this service that is none.
    #[error(
        "`.public_origin({origin:?})`: write it as clients do, like `https://api.example.com`, without user name, query and fragment"
    )]
    PublicOrigin {
        /// The address.
        origin: Box<str>,
    },
    /// A network of trusted proxies that is none, or that is everybody.
    #[error(
        "`TrustedProxies::at({network:?})`: write an address such as `10.0.0.7`, or a network such as `10.1.0.0/16` with nothing behind its prefix; `TrustedProxies::dangerous_every_peer()` trusts everybody"
    )]
    TrustedProxy {
        /// The network.
        network: Box<str>,
    },
    /// Trusted proxies of which nothing is taken, or of which two things are that contradict each other.
    #[error(
        "`TrustedProxies` needs at least one address or network, and at least one field that these proxies set: `.forwarded()` or `.x_forwarded_proto()` and `.x_forwarded_host()`, and one field for certificates"
    )]
    TrustedProxyFields,
    /// A header field that cannot be named so.
    #[error("`TrustedProxies::client_cert_pem({field:?})`: no header field has this name")]
    CertificateField {
        /// The name.
        field: Box<str>,
    },
    /// Proofs by an algorithm that has no key pair.
    #[error("`Dpop::algorithm(Algorithm::{algorithm})`: a proof is signed with a key pair, and {algorithm} has none")]
    ProofAlgorithm {
        /// The algorithm.
        algorithm: Algorithm,
    },
    /// Proofs of no age, or a memory that holds none.
    #[error("`Dpop::max_age` and `Dpop::max_proofs` take more than zero: otherwise every proof is refused")]
    NoProofs,
    /// Only tokens with a proof are accepted, and there is no source that one could come from, or tokens without are accepted
    /// too.
    #[error(
        "`.require_dpop()` needs `TokenSource::bearer()`, where the scheme `DPoP` is read too, and contradicts `.dangerous_allow_bound_tokens()` and renewals by cookie"
    )]
    DpopContradiction,
    /// Two authenticators that differ in the proofs that they accept have one metadata document.
    #[error(
        "`.resource_metadata(…)` was told to another authenticator that accepts other DPoP proofs: build a `ResourceMetadata` for each"
    )]
    SharedMetadata,
    /// Only tokens whose key was shown are accepted, and tokens of which nobody has shown that are accepted too.
    #[error(
        "`.require_bound_tokens()` contradicts `.dangerous_allow_bound_tokens()` and renewals by cookie: leave them out"
    )]
    BoundContradiction,
    /// FAPI 2.0 is demanded, and something is missing for it or contradicts it.
    #[error("{0}")]
    Fapi2(#[from] Fapi2Contradiction),
    /// A revoked token would be forgotten while it is still accepted.
    #[error(
        "the leeway of the revocations, {revocations:?}, is shorter than that of the tokens, {tokens:?}: call `Revocations::builder(…).leeway(…)` with at least as much"
    )]
    RevocationLeeway {
        /// The leeway of the revocations.
        revocations: Duration,
        /// The leeway of the tokens.
        tokens: Duration,
    },
}

debug_as_display!(AuthenticatorBuildError);
