//! A test kit for applications (feature `testing`): tokens of every kind in one line, without a key file or a network.
//!
//! For `[dev-dependencies]` only. Whoever has it can make a [`VerifiedToken`](crate::VerifiedToken) of anything, which
//! is what a test needs, and makes verification worthless anywhere else.
//!
//! ```
//! use jwt_core::testing::TestIssuer;
//!
//! #[derive(serde::Deserialize)]
//! struct User {
//!     name: String,
//! }
//!
//! let issuer = TestIssuer::new();
//! let auth = issuer.builder::<User>().build()?; // keys, issuer, audience and clock are set
//!
//! let good = issuer.token("alice").claim("name", "Alice").compact();
//! assert_eq!(auth.verifier().verify(good)?.name, "Alice");
//!
//! let bad = issuer.token("alice").claim("name", "Alice").expired().compact();
//! assert!(auth.verifier().verify(bad).is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What is made here holds for the real clock as well as for the one of the issuer, so that an application that was
//! built for production can be tested as it is, with the issuer's [`keys`](TestIssuer::keys) in the place of its own.
//!
//! Whatever goes wrong in here panics, as a test wants it.
#![expect(clippy::expect_used, reason = "a test that cannot be set up has failed")]

pub mod acceptance;
mod clock;
mod device;
mod issuer;
mod server;
#[cfg(feature = "login")]
pub mod stores;
mod token;
mod verified;

pub use clock::TestClock;
pub use device::TestDevice;
pub use issuer::TestIssuer;
pub use server::IssuerServer;
pub use token::TestToken;
