//! Takes a JSON Web Token out of a request, proves it, and yields typed claims: the core of `jwt-tower` (axum, hyper,
//! tonic) and `jwt-actix` (actix-web), which only translate between it and their framework.
//!
//! ```
//! use jwt_core::{Authenticator, KeySet, Verdict};
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
//!     Verdict::Pending(_) => println!("Only where keys are fetched or sessions looked up: await it."),
//! }
//! # Ok(())
//! # }
//! ```
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
//! The signature is proved before a claim is read. What was read on the way is in the error for the log; what goes on
//! the wire is fixed text.
//!
//! # Features
//!
//! - `aws-lc-rs` (default): signatures by aws-lc-rs, with keys parsed once.
//! - `rust-crypto`: signatures by the pure-Rust backend, where `aws-lc-rs` is off. ES512 is not in it.
//! - `cache`: a cache of verified tokens, off until the builder is told to use it.
//! - `remote`: keys fetched from an identity provider and kept fresh.
//! - `metrics`: counters and gauges of those keys, by the facade of that name.
//! - `login`: the other half: an issuer that signs, publishes its keys and rotates them; the cookies of a login; what is
//!   remembered of those who logged in, in memory: refresh tokens, sessions, revoked tokens.
//! - `redis`: what is remembered in Redis or Valkey, for more than one instance.
//! - `testing`: a test kit for applications; see the module of that name.
//! - `tracing`: an event of the target `jwt` for every rejected request, with its reason.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![warn(clippy::unwrap_used, clippy::expect_used)]

mod address;
mod answer;
mod authenticator;
mod base64url;
mod clock;
mod debug_text;
mod error;
mod facade;
mod forward;
mod guard;
#[cfg(feature = "login")]
mod issue;
mod issuers;
mod json;
mod key;
#[cfg(feature = "login")]
mod login;
mod observe;
mod request;
#[cfg(feature = "login")]
mod revocation;
#[cfg(feature = "login")]
mod session;
mod single_flight;
#[cfg(feature = "login")]
pub mod store;
#[cfg(feature = "testing")]
pub mod testing;
mod transport;
mod verify;

pub use answer::cache_control::Caching;
pub use answer::challenge::Answer;
pub use answer::grpc::GrpcStatus;
pub use answer::metadata::{BearerMethod, MetadataAnswer, MetadataError, ResourceMetadata, ResourceMetadataBuilder};
pub use authenticator::builder::AuthenticatorBuilder;
pub use authenticator::{Authenticator, Outcome, Pending, Verdict};
pub use clock::{Clock, NumericDate, SystemClock};
pub use error::{
    AuthError, CheckError, ConfigError, CrossSiteError, Denial, Malformed, Misuse, ProfileClaim, RegisteredClaim,
    RequestError, ShapeError, TokenError, Unavailable,
};
pub use forward::{
    Authorizing, ExchangeError, ExchangeRequest, ExchangedToken, Exchanging, ForwardError, ForwardTarget, Forwarder,
    ForwarderBuildError, ForwarderBuilder, OAuthErrorCode, TokenExchange,
};
pub use guard::admission::{Admission, Rejection};
pub use guard::policy::{Deciding, Decision, Policy, PolicyOutcome};
pub use http::HeaderName;
#[cfg(feature = "login")]
pub use issue::{AccessToken, IssueError, Issuer, IssuerBuildError, IssuerBuilder, RotationError};
pub use issuers::TrustedIssuer;
#[cfg(feature = "remote")]
pub use issuers::tenants::Tenants;
pub use key::algorithm::{Algorithm, UnknownAlgorithm};
#[cfg(feature = "remote")]
pub use key::{Fetch, FetchError, Fetching, KeyStatus, RemoteKeySet};
pub use key::{KeyError, KeySet, KeySource, LiveKeys, SigningError, SigningKey, SkippedKey, VerifyingKey};
#[cfg(feature = "login")]
pub use login::{
    Login, LoginCookies, LoginCookiesBuildError, LoginCookiesBuilder, LoginError, Logins, LoginsBuildError,
    LoginsBuilder, RefreshToken, SameSite, UnfitToken,
};
pub use request::RequestHead;
#[cfg(feature = "login")]
pub use request::csrf_token::CsrfTokens;
pub use request::source::TokenSource;
#[cfg(feature = "login")]
pub use revocation::{Revocations, RevocationsBuilder, Revoked, TokenIdentity, WhileUnreachable};
#[cfg(feature = "login")]
pub use session::opaque::OpaqueToken;
#[cfg(feature = "login")]
pub use session::refresh::{RefreshError, RefreshTokens, RefreshTokensBuilder};
#[cfg(feature = "login")]
pub use session::sign_in::{NewSignIn, SignIn};
#[cfg(feature = "login")]
pub use session::{Sessions, SessionsBuilder, SignInsBuildError};
#[cfg(feature = "redis")]
pub use store::RedisStore;
#[cfg(feature = "login")]
pub use store::{MemoryStore, SignInId, StoreError};
pub use transport::TransportError;
pub use verify::grants::{Grants, RealmAccess, ResourceAccess, Roles, Scopes};
pub use verify::id_token::{AuthenticationRequest, IdTokenVerifier};
pub use verify::original_login::OriginalLogin;
pub use verify::token::{CompactToken, VerifiedToken};
#[cfg(feature = "cache")]
pub use verify::{CacheStats, TokenCache};
pub use verify::{Header, Verifier};
