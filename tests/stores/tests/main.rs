//! One acceptance suite for every store, in memory and on a real Redis, with its sentinels and its cluster.

mod address;
mod failover;
mod limits;
mod model;
mod redis;
mod suite;
mod verifier;
