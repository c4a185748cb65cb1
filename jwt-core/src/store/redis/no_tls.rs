//! In place of TLS, without the feature `redis-tls`.
#![allow(clippy::unnecessary_wraps, reason = "the functions are those that TLS has")]

use redis::cluster::ClusterClientBuilder;
use redis::sentinel::SentinelClientBuilder;
use redis::{Client, ConnectionInfo, RedisError, RedisResult};

use crate::store::{StoreError, StoreUrlError};

/// No settings.
#[derive(Clone, Default)]
pub(super) struct Tls(());

impl Tls {
    pub(super) fn is_given(&self) -> bool {
        false
    }

    pub(super) fn check(&self) -> Result<(), StoreUrlError> {
        Ok(())
    }

    pub(super) fn server(&self, info: ConnectionInfo) -> RedisResult<Client> {
        Client::open(info)
    }

    pub(super) fn cluster(&self, builder: ClusterClientBuilder) -> ClusterClientBuilder {
        builder
    }

    pub(super) fn sentinel(&self, builder: SentinelClientBuilder) -> SentinelClientBuilder {
        builder
    }
}

pub(super) fn prepare() {}

pub(super) fn explained(error: RedisError) -> StoreError {
    StoreError::unavailable(error)
}
