//! Why an issuer does not sign, does not change its keys, or cannot be set up as asked.

use std::time::Duration;

use super::signer::SignerError;
use crate::clock::NumericDate;
use crate::config_error::debug_as_display;
use crate::error::RegisteredClaim;
use crate::key::{Algorithm, KeyError, SigningError};

/// Why there is no token.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IssueError {
    /// The claims do not serialize, do not serialize to a JSON object, or have a member twice.
    #[error("the claims do not serialize to a JSON object in which each member occurs once")]
    Claims,
    /// The claims have a member that the issuer sets itself.
    #[error("the claims have `{0}`, which the issuer sets: leave it out of the type that is signed")]
    Collision(RegisteredClaim),
    /// The claims have `cnf` (RFC 7800), which the issuer sets itself where it binds a token to a key.
    #[error(
        "the claims have `cnf`, which the issuer sets: leave it out, and bind a token by `.bound_to(…)`, or a login by `.proof_from(…)`"
    )]
    Bound,
    /// A token is to be bound to what is no thumbprint of a key.
    #[error("`.bound_to(…)` was not given the SHA-256 thumbprint of a key in base64url (RFC 7638), 43 characters")]
    Thumbprint,
    /// The claims have what only ID tokens have: `nonce`, `at_hash`, `c_hash` or `s_hash`, or `auth_time` with `azp` and
    /// neither a scope nor a `client_id`. Verifiers here refuse it as an access token.
    #[error(
        "the claims have what makes an ID token (`nonce`, `at_hash`, `c_hash`, `s_hash`, or `auth_time` with `azp`) or a logout token (`events`), which opens no API: leave it out, or sign an ID token with `SigningKey::sign`"
    )]
    IdToken,
    /// `nbf` is later than now: the token is refused until then, by verifiers without leeway.
    #[error(
        "`nbf` is {not_before}, which is later than now ({now}), and verifiers refuse the token until then: leave it out, or sign the token when it is needed"
    )]
    NotYetValid {
        /// `nbf`.
        not_before: NumericDate,
        /// The present time.
        now: NumericDate,
    },
    /// The token is longer than what verifiers here accept by default.
    #[error(
        "a token of {bytes} bytes is longer than the {limit} that verifiers here accept by default: sign less, such as the names of roles instead of all that they allow, or use `SigningKey::sign` with verifiers that have a larger `.max_token_len(…)`"
    )]
    TooLong {
        /// The length of the token, in bytes.
        bytes: usize,
        /// The longest, in bytes.
        limit: usize,
    },
    /// A setting of a token was given twice.
    #[error("`.{setting}(…)` is called twice for one token: keep one call")]
    SetTwice {
        /// The setting.
        setting: &'static str,
    },
    /// A token is for an audience that the issuer does not name.
    #[error("a token is for a service that the issuer does not name: add its `.audience(…)` to `Issuer::builder(…)`")]
    Audience,
    /// A token would be good for longer than those of its issuer, or not at all. Keys and revocations are remembered for no
    /// longer than the lifetime that the issuer knows of.
    #[error(
        "a lifetime of {lifetime:?} is not between a second and the {most:?} of the issuer: change it, or the issuer's `.access_token_lifetime(…)`"
    )]
    Lifetime {
        /// The lifetime that was asked for, in whole seconds.
        lifetime: Duration,
        /// The longest.
        most: Duration,
    },
    /// The operating system gives no random numbers.
    #[error("the operating system gives no random numbers")]
    Random,
    /// The token could not be signed.
    #[error("{0}")]
    Signing(#[from] SigningError),
    /// The key that signs is a [`RemoteSigningKey`](super::RemoteSigningKey).
    #[error("the key that signs is elsewhere, which takes time: call `sign_async(…).await`")]
    Elsewhere,
    /// The signer of a [`RemoteSigningKey`](super::RemoteSigningKey) gave no signature. It may do so later.
    #[error("{0}")]
    Signer(#[from] SignerError),
}

/// Why the keys of an issuer are not changed.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RotationError {
    /// No published key has that `kid`.
    #[error("no published key has that `kid`")]
    UnknownKid,
    /// Another key has that `kid` already.
    #[error("another key has that `kid` already: give each key its own, or none for its thumbprint")]
    DuplicateKid,
    /// The key is the one that signs.
    #[error("this key is the one that signs: activate another one first")]
    Active,
    /// Browsers keep the tokens of this issuer in cookies, and none that the key signs fits into one.
    #[error(
        "browsers drop a cookie over 4096 bytes, and a signature of {algorithm} alone is longer: rotate to an algorithm with shorter ones, such as ES256 or ML-DSA-44, or keep the tokens of these logins out of cookies, by `.without_cookies()`"
    )]
    TooLargeForCookie {
        /// The algorithm of the key.
        algorithm: Algorithm,
    },
}

/// Why an [`Issuer`](crate::Issuer) cannot be built as asked.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IssuerBuildError {
    /// The name of the issuer is empty.
    #[error(
        "the name of the issuer is empty: it is the `iss` of its tokens, `Issuer::builder(\"https://auth.example.com\")`"
    )]
    EmptyName,
    /// There is no audience.
    #[error("no audience: call `.audience(\"…\")` with what the services are called that the tokens are for")]
    NoAudience,
    /// An audience is empty.
    #[error("an audience is empty: give `.audience(…)` what the service is called in `aud`")]
    EmptyAudience,
    /// The `typ` is empty.
    #[error("the type is empty: give `.typ(…)` one, such as `JWT`, or leave it out for `at+jwt`")]
    EmptyType,
    /// There is no key that signs.
    #[error("no signing key: call `.signing_key(…)`")]
    NoSigningKey,
    /// The keys do not make a key set.
    #[error("the keys of the issuer: {0}")]
    Keys(KeyError),
    /// Two keys have the same `kid`.
    #[error("two keys have the `kid` `{kid}`: give each its own, or none for its thumbprint")]
    DuplicateKid {
        /// The `kid` of both.
        kid: Box<str>,
    },
    /// A setting that has one value was given twice.
    #[error("`.{setting}(…)` is called twice: keep one call")]
    SetTwice {
        /// The setting.
        setting: &'static str,
    },
    /// Tokens would live for less than a second.
    #[error("`.access_token_lifetime({0:?})` is under a second: make it a few minutes")]
    TokenLifetime(Duration),
    /// A key would sign while copies of the JWK Set without it may still be in use.
    #[error(
        "`.head_start({head_start:?})` is shorter than `.jwks_max_age({jwks_max_age:?})`: make it as long at least, better twice as long"
    )]
    HeadStart {
        /// How long a key is published before it signs.
        head_start: Duration,
        /// How long others may keep a copy of the JWK Set.
        jwks_max_age: Duration,
    },
}

debug_as_display!(IssueError, RotationError, IssuerBuildError);
