//! actix-web middleware that takes a JSON Web Token out of a request, proves it, and hands typed claims to the handler.
//!
//! Works on an `App`, a `scope` and a `resource`. Everything that decides about a token is in [`jwt_core`], which is
//! re-exported here.
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
#![cfg_attr(docsrs, feature(doc_cfg))]
#![warn(clippy::unwrap_used, clippy::expect_used)]

mod extract;
mod forward;
#[cfg(feature = "login")]
mod jwks;
mod metadata;
mod middleware;
mod rejection;
mod request;
mod require;
#[cfg(feature = "login")]
mod response;

pub use extract::{Claims, ExtractError, Token};
pub use forward::ForwardToken;
#[cfg(feature = "login")]
pub use jwks::Jwks;
pub use jwt_core;
pub use jwt_core::*;
pub use metadata::{MetadataFuture, MetadataRoute, MetadataRouteMiddleware};
pub use middleware::{JwtAuth, JwtAuthMiddleware, ResponseFuture};
pub use request::Head;
pub use require::{Require, RequireFuture, RequireMiddleware};
#[cfg(feature = "login")]
pub use response::{response, with_headers};
