//! A real Redis of one's own for a test: one server, sentinels with theirs, a cluster. All of them end with the test.

#![expect(clippy::missing_panics_doc, reason = "whatever is amiss here makes a test fail")]

mod cluster;
mod sentinels;
mod server;

pub use cluster::RedisCluster;
pub use sentinels::RedisSentinels;
pub use server::{OtherServer, RedisServer, redis_is_installed};
