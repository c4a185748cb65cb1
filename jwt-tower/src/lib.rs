//! A Tower layer that takes a JSON Web Token out of a request, proves it, and hands typed claims to the handler.
//!
//! For axum with an extractor, and for every other Tower stack (hyper, tonic) through the extensions of the request.
//! Everything that decides about a token is in [`jwt_core`], which is re-exported here.
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
#![cfg_attr(docsrs, feature(doc_cfg))]
#![warn(clippy::unwrap_used, clippy::expect_used)]

#[cfg(feature = "axum")]
mod extract;
mod forward;
#[cfg(feature = "login")]
mod jwks;
mod layer;
mod metadata;
mod rejection;
mod require;
mod service;

#[cfg(feature = "axum")]
pub use extract::{Claims, ExtractRejection, Token};
pub use forward::{ForwardFuture, ForwardToken, ForwardTokenService, ForwardingError};
#[cfg(feature = "login")]
pub use jwks::Jwks;
pub use jwt_core;
pub use jwt_core::*;
pub use layer::JwtAuth;
pub use metadata::{MetadataFuture, MetadataRoute, MetadataRouteService};
pub use rejection::{EmptyBody, Hook, ProblemBody, RejectionBody};
pub use require::{Require, RequireFuture, RequireService};
pub use service::{JwtAuthService, ResponseFuture};

/// The verified token that a [`JwtAuth`] put into the extensions of a request: for services without extractors, such
/// as those of hyper and tonic. `None` for an anonymous request.
///
/// ```
/// # use http_body_util::Full;
/// # use hyper::body::{Bytes, Incoming};
/// async fn hello(request: http::Request<Incoming>) -> Result<http::Response<Full<Bytes>>, jwt_tower::Rejection> {
///     let user = jwt_tower::claims::<()>(request.extensions())?;
///     let name = user.as_ref().and_then(|user| user.subject()).unwrap_or("nobody");
///     Ok(http::Response::new(format!("Hello, {name}!").into()))
/// }
/// # let _ = hello;
/// ```
///
/// # Errors
/// Where no [`JwtAuth`] is in front, or one whose claims are of another type.
pub fn claims<C: Send + Sync + 'static>(extensions: &http::Extensions) -> Result<Option<VerifiedToken<C>>, Rejection> {
    Admission::optional_claims(extensions.get())
}
