//! Takes a JSON Web Token out of a request, verifies it, and yields typed claims: the core of `jwt-tower` (axum, hyper,
//! tonic) and `jwt-actix` (actix-web), which only translate between it and their framework.
//!
//! Applications depend on an adapter, which re-exports everything here. This crate alone is for those who
//! [write an adapter](adapter), and for [bare tokens](Verifier) that do not come with a request.
//!
//! ```
//! use jwt_core::adapter::Verdict;
//! use jwt_core::{Authenticator, KeySet};
//!
//! #[derive(serde::Deserialize)]
//! struct User {
//!     name: String,
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let auth = Authenticator::<User>::builder()
//!     .keys(KeySet::hs256("a secret of at least thirty-two bytes")?)
//!     .audience("api")
//!     .build()?;
//!
//! let request = http::Request::get("/me").header("authorization", "Bearer …").body(())?;
//! match auth.authenticate(&request) {
//!     Verdict::Verified(user) => println!("Hello, {}!", user.name),
//!     Verdict::Anonymous => println!("Hello, stranger!"),
//!     Verdict::Rejected(error) => println!("{}", auth.answer(&error).status),
//!     Verdict::Pending(_) => println!("Only where keys are fetched or sessions are looked up: await it."),
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # The modules
//!
//! | to | look in |
//! |---|---|
//! | load keys, fetch them, sign with them | [`key`] |
//! | verify tokens, trust several issuers, look tokens up | [`verify`] |
//! | remember the tenants of a provider | `tenants` (feature `remote`) |
//! | trust a provider by a preset | `providers` (feature `remote`) |
//! | say what claims allow | [`guard`] |
//! | sign tokens, here or where the key is, and publish keys | `issue` (feature `login`) |
//! | log people in, refresh, log them out; cookies | `login` (feature `login`) |
//! | bind logins to their browser | `login` (feature `device`) |
//! | have people sign in with an identity provider | `login::oidc` (feature `oidc`) |
//! | keep refresh tokens and sessions | `session`, in a `store` (feature `login`) |
//! | refuse tokens before they expire | `revocation` (feature `login`) |
//! | ask an issuer about tokens that are no JWTs | `introspection` (feature `introspection`) |
//! | accept static keys of services | [`api_key`] |
//! | pass tokens on to other services | [`forward`] |
//! | tell clients where to get a token | [`metadata`] |
//! | protect a server of the Model Context Protocol | `mcp` (feature `mcp`) |
//! | write an adapter for another framework | [`adapter`] |
//! | ask for proofs of possession, trust proxies | [`binding`] |
//! | see why something was refused | [`error`] |
//! | stop the time in a test | [`clock`], `testing` (feature `testing`) |
//!
//! # The path of a request
//!
//! ```text
//! header bytes ── TokenSource ── one token, or none, or refused as ambiguous
//!                                 │ three parts, within the limits
//!                                 ▼
//!                first part ── KeySet ── the key that `kid` and `alg` name
//!                                 │ signature, by aws-lc-rs
//!                                 ▼
//!                second part ── registered claims and the application's type, in one strict pass
//!                                 │ issuer, audience, times, checks
//!                                 ▼
//!                           VerifiedToken<C>, or an AuthError, which Authenticator::answer
//!                                 turns into status, challenge and body
//! ```
//!
//! The signature is verified before a claim is read. What was read on the way is in the error for the log; what goes on
//! the wire is fixed text.
//!
//! # Features
//!
//! | feature | default | what it adds |
//! |---|---|---|
//! | `aws-lc-rs` | on | signatures by aws-lc-rs, with keys parsed once |
//! | `rust-crypto` | off | signatures by the pure-Rust backend, used where `aws-lc-rs` is off; without ES512 and ML-DSA |
//! | `cache` | off | a cache of verified tokens, which the builder must be told to use |
//! | `remote` | off | keys fetched from an identity provider and kept fresh; tenants |
//! | `introspection` | off | tokens that are no JWTs, which their issuer is asked about |
//! | `mcp` | off | a server of the Model Context Protocol as a resource server, with a guard for each tool |
//! | `oidc` | off | signing in with identity providers, as ready routes of logins |
//! | `device` | off | logins that are bound to a key of their browser: experimental |
//! | `login` | off | an issuer, logins and their cookies, refresh tokens, sessions, revoked tokens, a store in memory |
//! | `redis` | off | the store in Redis or Valkey, for more than one instance |
//! | `redis-tls` | off | the same over TLS |
//! | `postgres` | off | the store in PostgreSQL, for more than one instance |
//! | `sqlite` | off | the store in a file, for one machine |
//! | `tracing` | off | an event of the target `jwt` for every rejected request, with its reason; fields of spans |
//! | `metrics` | off | counters and gauges by the facade of that name |
//! | `testing` | off | a test kit for applications |
#![cfg_attr(any(docsrs, feature_labels), feature(doc_cfg))]
#![warn(clippy::unwrap_used, clippy::expect_used)]

mod answer;
pub mod api_key;
mod authenticator;
mod base64url;
pub mod binding;
#[cfg(feature = "cache")]
mod cache;
mod claims;
pub mod clock;
mod config_error;
pub mod error;
mod facade;
pub mod forward;
pub mod guard;
#[cfg(feature = "introspection")]
pub mod introspection;
#[cfg(feature = "login")]
pub mod issue;
mod issuers;
mod json;
pub mod key;
#[cfg(feature = "login")]
pub mod login;
pub mod metadata;
mod observe;
mod request;
#[cfg(feature = "login")]
pub mod revocation;
#[cfg(feature = "login")]
pub mod session;
mod single_flight;
#[cfg(feature = "login")]
pub mod store;
#[cfg(feature = "testing")]
pub mod testing;
mod transport;
pub mod verify;

/// The README, whose block is compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub use authenticator::{Authenticator, AuthenticatorBuilder};
#[cfg(feature = "cache")]
pub use cache::TokenCache;
pub use error::AuthError;
#[cfg(feature = "mcp")]
pub use guard::mcp::{self, McpResource};
#[cfg(feature = "login")]
pub use issue::Issuer;
pub use issuers::TrustedIssuer;
#[cfg(feature = "remote")]
pub use issuers::providers;
#[cfg(feature = "remote")]
pub use issuers::tenants::{self, Tenants};
#[cfg(feature = "remote")]
pub use key::RemoteKeySet;
pub use key::{Algorithm, KeySet, LiveKeys, SigningKey, VerifyingKey};
#[cfg(feature = "oidc")]
pub use login::oidc::ProviderLogin;
#[cfg(feature = "login")]
pub use login::{LoginCookies, LoginError, Logins};
pub use request::csrf_token::CsrfTokens;
pub use request::source::TokenSource;
#[cfg(feature = "login")]
pub use revocation::Revocations;
#[cfg(feature = "login")]
pub use session::{RefreshTokens, Sessions};
#[cfg(feature = "login")]
pub use store::MemoryStore;
#[cfg(feature = "postgres")]
pub use store::PostgresStore;
#[cfg(feature = "redis")]
pub use store::RedisStore;
#[cfg(feature = "sqlite")]
pub use store::SqliteStore;
pub use verify::{CompactToken, Roles, Scopes, VerifiedToken, Verifier};

/// For those who write an adapter: how a request is viewed, what is said of it, and what goes on the wire.
///
/// An adapter implements [`RequestHead`](adapter::RequestHead) for the requests of its framework, asks an
/// [`Authenticator`] that is [untyped](Authenticator::untyped), turns the [`Outcome`](adapter::Outcome) into an
/// [`Admission`](adapter::Admission), and copies the [`Answer`](adapter::Answer) of a [`Rejection`](adapter::Rejection) into the
/// response of its framework. It decides nothing. The acceptance suite for it is `testing::acceptance` (feature `testing`).
pub mod adapter {
    pub use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, Version};

    #[doc(inline)]
    pub use crate::__require_facade as require_facade;
    pub use crate::answer::{Answer, GrpcStatus, HeaderFields, ResponseHeaders};
    pub use crate::authenticator::{AnyClaims, Outcome, Pending, Verdict};
    pub use crate::guard::{Admission, Deciding, Decision, FromAdmission, Rejection};
    pub use crate::request::{ClientAddress, ClientCertificate, PeerAddress, RequestHead};
}
