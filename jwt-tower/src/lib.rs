//! A Tower layer that takes a JSON Web Token out of a request, verifies it, and hands typed claims to the handler.
//!
//! For axum with an extractor, and for every other Tower stack (hyper, tonic) through the extensions of the request.
//! Everything that decides about a token is in [`jwt_core`], whose names are all here too: depend on this crate alone.
//!
//! ```
//! use axum::{Router, routing::get};
//! use jwt_tower::{Authenticator, Claims, JwtAuth, KeySet};
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
//! let app: Router = Router::new().route("/me", get(me)).layer(JwtAuth::new(auth));
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
//! | get at the claims or the token in a handler | `Claims`, `Token` (feature `axum`); [`claims`] elsewhere |
//! | let only tokens through that allow something | [`Require`] |
//! | pass the token on to another service | [`ForwardToken`] |
//! | tell clients where to get a token | [`MetadataRoute`] |
//! | protect a server of the Model Context Protocol | `McpAuth` (feature `mcp`) |
//! | publish the keys of an issuer | `Jwks` (feature `login`) |
//! | log people in | `LoginRoutes`, `SameOrigin`, `LoginRejection` (feature `login`) |
//! | take logouts of an identity provider | `LogoutRoute` (feature `login`) |
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
//! | `axum` | on | the extractors for axum |
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
#[cfg(feature = "axum")]
mod extract;
mod forward_token;
#[cfg(any(
    all(doc, not(doctest)),
    all(
        doctest,
        feature = "axum",
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
#[cfg(all(feature = "axum", feature = "login"))]
mod login_rejection;
#[cfg(feature = "login")]
mod login_routes;
#[cfg(feature = "login")]
mod logout_route;
#[cfg(feature = "mcp")]
mod mcp_auth;
#[cfg(feature = "mcp")]
mod mcp_body;
mod metadata_route;
#[cfg(feature = "axum")]
mod on_rejection;
mod rejection;
mod request;
mod require;
mod route_future;
#[cfg(all(feature = "axum", feature = "login"))]
mod same_origin;
mod service;

/// The README, whose block is compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub use auth::JwtAuth;
#[cfg(feature = "axum")]
pub use extract::{Claims, ExtractRejection, Token};
pub use forward_token::{ForwardFuture, ForwardToken, ForwardTokenService, ForwardingError};
#[cfg(feature = "login")]
pub use jwks::Jwks;
pub use jwt_core;
pub use jwt_core::*;
#[cfg(all(feature = "axum", feature = "login"))]
pub use login_rejection::LoginRejection;
#[cfg(feature = "login")]
pub use login_routes::{LoginRoutes, LoginRoutesService};
#[cfg(feature = "login")]
pub use logout_route::{LogoutRoute, LogoutRouteService};
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
pub use mcp_auth::{McpAuth, McpAuthService, McpFuture};
#[cfg(feature = "mcp")]
pub use mcp_body::{McpBody, McpResponseBody};
pub use metadata_route::{MetadataRoute, MetadataRouteService};
#[cfg(feature = "axum")]
pub use on_rejection::AxumHook;
pub use rejection::{EmptyBody, Hook, ProblemBody, RejectionBody};
pub use require::{Require, RequireFuture, RequireService};
pub use route_future::RouteFuture;
#[cfg(all(feature = "axum", feature = "login"))]
pub use same_origin::SameOrigin;
pub use service::{JwtAuthService, ResponseFuture};

/// The verified token that a [`JwtAuth`] put into the extensions of a request: for services without extractors, such
/// as those of hyper and tonic. `None` for an anonymous request.
///
/// ```
/// # use http_body_util::Full;
/// # use hyper::body::{Bytes, Incoming};
/// use jwt_tower::adapter::Rejection;
///
/// async fn hello(request: http::Request<Incoming>) -> Result<http::Response<Full<Bytes>>, Rejection> {
///     let user = jwt_tower::claims::<()>(request.extensions())?;
///     let name = user.as_ref().and_then(|user| user.subject()).unwrap_or("nobody");
///     Ok(http::Response::new(format!("Hello, {name}!").into()))
/// }
/// # let _ = hello;
/// ```
///
/// # Errors
/// Where no [`JwtAuth`] is in front, or one whose claims are of another type.
pub fn claims<C: Send + Sync + 'static>(
    extensions: &http::Extensions,
) -> Result<Option<VerifiedToken<C>>, adapter::Rejection> {
    adapter::Admission::optional_claims(extensions.get())
}
