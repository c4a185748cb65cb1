//! The suite for those who write a store: what every store has to do, from sign-ins to used proofs.
//!
//! Each function runs the cases of one trait. It calls yours for a store once per case: an empty one, or one that shares
//! nothing with those before, such as by a prefix. It says of every case that failed what was expected. Call it inside of a
//! Tokio runtime of several threads, so that calls really are made at once.
//!
//! ```
//! use std::sync::Arc;
//!
//! use jwt_core::MemoryStore;
//! use jwt_core::testing::stores;
//!
//! # #[allow(clippy::test_attr_in_doctest)]
//! #[tokio::test(flavor = "multi_thread")]
//! async fn the_store_passes_the_suite() {
//!     stores::sign_ins(async || Arc::new(MemoryStore::new()) as _).await.unwrap();
//!     stores::revocations(async || Arc::new(MemoryStore::new()) as _).await.unwrap();
//! }
//! ```
//!
//! A store beside the process has to be tried further by its author: killed amid traffic, cut off, full.

mod case;
mod proofs;
mod revocations;
mod sign_ins;
mod tenants;

use std::sync::Arc;
use std::time::Duration;

pub use case::Failures;

use crate::clock::NumericDate;
use crate::store::{ProofStore, RevocationStore, SignInStore, TenantStore};
use crate::testing::TestClock;

/// Runs every case of [`SignInStore`]: refresh tokens with their grace and their reuse, sessions, limits, expiry, and a
/// thousand refreshes at once. Returns how many cases there were.
///
/// # Errors
/// Every case that failed.
pub async fn sign_ins(open: impl AsyncFn() -> Arc<dyn SignInStore>) -> Result<usize, Failures> {
    case::run(sign_ins::all(), open).await
}

/// Runs every case of [`RevocationStore`]: what one instance revokes, another one learns, in the order of the log.
///
/// # Errors
/// Every case that failed.
pub async fn revocations(open: impl AsyncFn() -> Arc<dyn RevocationStore>) -> Result<usize, Failures> {
    case::run(revocations::all(), open).await
}

/// Runs every case of [`ProofStore`]: each proof is good once, and no key takes the room of another.
///
/// # Errors
/// Every case that failed.
pub async fn proofs(open: impl AsyncFn() -> Arc<dyn ProofStore>) -> Result<usize, Failures> {
    case::run(proofs::all(), open).await
}

/// Runs every case of [`TenantStore`].
///
/// # Errors
/// Every case that failed.
pub async fn tenants(open: impl AsyncFn() -> Arc<dyn TenantStore>) -> Result<usize, Failures> {
    case::run(tenants::all(), open).await
}

/// Some moment in 2026.
fn test_clock() -> TestClock {
    TestClock::at(NumericDate::from_secs(1_790_000_000))
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}
