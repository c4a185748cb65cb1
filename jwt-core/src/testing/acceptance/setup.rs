//! The authenticators that the server under test gets, one after the other.

use std::sync::OnceLock;
use std::time::Duration;

use super::make::{AUDIENCE, ISSUER, NOW, SECRET, good_claims};
use super::{User, later};
use crate::authenticator::{Authenticator, AuthenticatorBuilder};
use crate::clock::NumericDate;
use crate::error::Unavailable;
use crate::key::algorithm::Algorithm;
use crate::key::{KeySet, KeySource, SigningKey};
use crate::request::source::TokenSource;
use crate::testing::TestClock;
use crate::verify::{CredentialKind, LookUp, LookedUp};

/// A configuration of the authenticator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Setup {
    /// HS256, an issuer, an audience; the rest is as the builder has it.
    Bearer,
    /// The same with tokens from the cookie `access_token` as well, and so the rules about cross-site requests.
    Browser,
    /// From the cookie, the field and the parameter `t`, and from `Authorization`.
    Everywhere,
    /// From the query parameter `t` alone.
    Query,
    /// Anonymous requests are served.
    Optional,
    /// Whatever else can be expected of a token, and a realm in the challenge.
    Strict,
    /// ES256.
    Elliptic,
    /// Tokens that are looked up while the request waits, beside JWTs.
    LookedUp,
    /// Without a word about where scopes and roles are.
    Plain,
}

impl Setup {
    pub(super) const ALL: [Self; 9] = [
        Self::Bearer,
        Self::Browser,
        Self::Everywhere,
        Self::Query,
        Self::Optional,
        Self::Strict,
        Self::Elliptic,
        Self::LookedUp,
        Self::Plain,
    ];

    pub(super) fn authenticator(self) -> Authenticator<User> {
        let secret = || KeySet::hs256(SECRET).expect("the secret is long enough");
        let builder = match self {
            Self::Bearer => builder(secret()),
            Self::Browser => {
                builder(secret()).source(TokenSource::cookie("access_token")).source(TokenSource::bearer())
            }
            Self::Everywhere => builder(secret())
                .source(TokenSource::cookie("t"))
                .source(TokenSource::bearer())
                .source(TokenSource::header("x-token"))
                .source(TokenSource::query("t")),
            Self::Query => builder(secret()).source(TokenSource::query("t")),
            Self::Optional => builder(secret()).optional(),
            Self::Strict => builder(secret())
                .realm("the api")
                .typ("at+jwt")
                .required_claim("tenant")
                .leeway(Duration::from_secs(30))
                .max_age(Duration::from_secs(300))
                .max_token_len(2000)
                .check(|user| if user.name == "Mallory" { Err(Locked) } else { Ok(()) }),
            Self::Elliptic => builder(elliptic_key().verifying_key()),
            Self::LookedUp => builder(secret()).credentials(Opaque),
            Self::Plain => plain(secret()),
        };
        builder.build().expect("the configuration is complete")
    }
}

#[derive(Debug, thiserror::Error)]
#[error("locked")]
struct Locked;

fn plain(keys: impl Into<KeySource>) -> AuthenticatorBuilder<User> {
    let clock = TestClock::at(NumericDate::from_secs(NOW));
    let builder = AuthenticatorBuilder::new().keys(keys).issuer(ISSUER).audience(AUDIENCE).clock(clock);
    #[cfg(feature = "cache")]
    let builder = builder.cache(crate::TokenCache::new());
    builder
}

fn builder(keys: impl Into<KeySource>) -> AuthenticatorBuilder<User> {
    plain(keys)
        .scopes(|user| &user.scope)
        .scopes(|user| &user.permissions)
        .roles(|user| &user.realm_access)
        .roles(|user| user.resource_access.of("shop"))
}

/// One for the process: the server and the tokens have to agree.
pub(super) fn elliptic_key() -> &'static SigningKey {
    static KEY: OnceLock<SigningKey> = OnceLock::new();
    KEY.get_or_init(|| SigningKey::generate(Algorithm::ES256).expect("every backend makes such keys"))
}

/// Tokens such as `key_alice`.
struct Opaque;

impl CredentialKind for Opaque {
    fn recognizes(&self, token: &[u8]) -> bool {
        token.starts_with(b"key_")
    }

    fn look_up<'a>(&'a self, token: &'a [u8]) -> LookUp<'a> {
        Box::pin(async move {
            later().await;
            match token {
                b"key_alice" => Ok(Some(LookedUp::new(good_claims().to_string()))),
                b"key_down" => Err(Unavailable::Store.into()),
                _ => Ok(None),
            }
        })
    }
}
