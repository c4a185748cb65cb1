//! One acceptance suite for every store, in memory and on a real Redis, with its sentinels and its cluster.

mod address;
mod failover;
mod limits;
mod model;
mod proofs;
mod redis;
mod suite;
#[cfg(feature = "redis-tls")]
mod tls;
mod verifier;
