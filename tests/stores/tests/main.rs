//! One acceptance suite for every store, in memory, in a file, on a real PostgreSQL, and on a real Redis, with its sentinels
//! and its cluster.

mod address;
mod failover;
mod limits;
mod logouts;
mod model;
mod own_store;
mod postgres;
mod proofs;
mod redis;
mod sqlite;
mod suite;
#[cfg(feature = "redis-tls")]
mod tls;
mod verifier;
