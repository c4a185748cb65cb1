//! actix-web middleware that takes a JSON Web Token out of a request, verifies it, and hands typed claims to the handler.
//!
//! Works on an `App`, a `scope` and a `resource`. Everything that decides about a token is in [`jwt_core`], whose names are
//! all here too: depend on this crate alone.
//!
//! ```
//! use actix_web::{App, web};
//! use jwt_actix::{Authenticator, Claims, JwtAuth, KeySet};
//!
//! #[derive(serde::Deserialize)]
//! struct User {
//!     name: String,
//! }
//!
//! async fn me(Claims(user): Claims<User>) -> String {
//!     format!("Hello, {}!", user.name)
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let auth = Authenticator::<User>::builder()
//!     .keys(KeySet::hs256("a secret of at least thirty-two bytes")?)
//!     .audience("api")
//!     .build()?;
//! let app = App::new().route("/me", web::get().to(me)).wrap(JwtAuth::new(auth));
//! # let _ = app;
//! # Ok(())
//! # }
//! ```
//!
//! The module [`guide`] has a tutorial, how-to guides, every default with its reason, and the threat model.
//!
//! # What is here
//!
//! | to | use |
//! |---|---|
//! | let only authenticated requests through | [`JwtAuth`] |
//! | get at the claims or the token in a handler | [`Claims`], [`Token`] |
//! | let only tokens through that allow something | [`Require`] |
//! | pass the token on to another service | [`ForwardToken`] |
//! | tell clients where to get a token | [`MetadataRoute`] |
//! | protect a server of the Model Context Protocol | `McpAuth` (feature `mcp`) |
//! | publish the keys of an issuer | `Jwks` (feature `login`) |
//! | log people in | `LoginRoutes`, `SameOrigin`, `LoginRejection` (feature `login`) |
//! | take logouts of an identity provider | `LogoutRoute` (feature `login`) |
//! | give the core a request, and actix-web a response of the core | [`Head`], [`response()`], [`with_headers`] |
//!
//! The modules are those of the core: [`key`], [`verify`], [`guard`], [`forward`], [`metadata`], [`error`], [`clock`],
//! with the feature `login` also `issue`, `login`, `session`, `revocation` and `store`, and with the feature `testing` a
//! test kit.
//!
//! # Features
//!
//! | feature | default | what it adds |
//! |---|---|---|
//! | `aws-lc-rs` | on | signatures by aws-lc-rs, which needs a C compiler |
//! | `rust-crypto` | off | signatures in pure Rust, used where `aws-lc-rs` is off |
//! | `cache` | on | a cache of verified tokens, which the builder must be told to use |
//! | `tracing` | on | events and fields of spans |
//! | `remote` | off | keys fetched from an identity provider, tenants |
//! | `introspection` | off | tokens that are no JWTs, which their issuer is asked about |
//! | `login` | off | an issuer, logins, refresh tokens, sessions, revoked tokens |
//! | `oidc` | off | signing in with identity providers, as ready routes of logins |
//! | `device` | off | logins that are bound to a key of their browser: experimental |
//! | `redis` | off | what is remembered in Redis or Valkey |
//! | `redis-tls` | off | the same over TLS |
//! | `sqlite` | off | what is remembered in a file, by SQLite |
//! | `postgres` | off | what is remembered in PostgreSQL |
//! | `mcp` | off | a server of the Model Context Protocol as a resource server |
//! | `metrics` | off | counters and gauges |
//! | `testing` | off | a test kit for applications |
#![cfg_attr(docsrs, feature(doc_cfg))]
#![warn(clippy::unwrap_used, clippy::expect_used)]

mod auth;
#[cfg(any(feature = "login", feature = "mcp"))]
mod body;
mod extract;
mod forward_token;
#[cfg(any(
    all(doc, not(doctest)),
    all(
        doctest,
        feature = "cache",
        feature = "device",
        feature = "introspection",
        feature = "login",
        feature = "mcp",
        feature = "oidc",
        feature = "postgres",
        feature = "redis-tls",
        feature = "remote",
        feature = "sqlite",
        feature = "testing",
        feature = "tracing"
    )
))]
pub mod guide;
#[cfg(feature = "login")]
mod jwks;
#[cfg(feature = "login")]
mod login_rejection;
#[cfg(feature = "login")]
mod login_routes;
#[cfg(feature = "login")]
mod logout_route;
#[cfg(feature = "mcp")]
mod mcp_auth;
mod metadata_route;
mod rejection;
mod request;
mod require;
mod response;
mod route_future;
#[cfg(feature = "login")]
mod same_origin;
mod service;

/// The README, whose block is compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub use auth::JwtAuth;
pub use extract::{Claims, ExtractRejection, Token};
pub use forward_token::ForwardToken;
#[cfg(feature = "login")]
pub use jwks::Jwks;
pub use jwt_core;
pub use jwt_core::*;
#[cfg(feature = "login")]
pub use login_rejection::LoginRejection;
#[cfg(feature = "login")]
pub use login_routes::{LoginRoutes, LoginRoutesMiddleware};
#[cfg(feature = "login")]
pub use logout_route::{LogoutRoute, LogoutRouteMiddleware};
// Once more by name, since rustdoc knows no features of what a `*` brings.
#[cfg(feature = "postgres")]
pub use jwt_core::PostgresStore;
#[cfg(feature = "oidc")]
pub use jwt_core::ProviderLogin;
#[cfg(feature = "redis")]
pub use jwt_core::RedisStore;
#[cfg(feature = "sqlite")]
pub use jwt_core::SqliteStore;
#[cfg(feature = "cache")]
pub use jwt_core::TokenCache;
#[cfg(feature = "introspection")]
pub use jwt_core::introspection;
#[cfg(feature = "testing")]
pub use jwt_core::testing;
#[cfg(feature = "login")]
pub use jwt_core::{
    Issuer, LoginCookies, LoginError, Logins, MemoryStore, RefreshTokens, Revocations, Sessions, issue, login,
    revocation, session, store,
};
#[cfg(feature = "mcp")]
pub use jwt_core::{McpResource, mcp};
#[cfg(feature = "remote")]
pub use jwt_core::{RemoteKeySet, Tenants, tenants};
#[cfg(feature = "mcp")]
pub use mcp_auth::{McpAuth, McpAuthMiddleware, McpFuture};
pub use metadata_route::{MetadataRoute, MetadataRouteMiddleware};
pub use request::Head;
pub use require::{Require, RequireFuture, RequireMiddleware};
pub use response::{response, with_headers};
pub use route_future::RouteFuture;
#[cfg(feature = "login")]
pub use same_origin::SameOrigin;
pub use service::{JwtAuthAndRequire, JwtAuthMiddleware, ResponseFuture};
