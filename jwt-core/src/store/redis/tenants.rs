//! Names of tenants: one sorted set, ordered by when each was added.

use redis::Cmd;

use super::RedisStore;
use crate::clock::NumericDate;
use crate::store::{StoreFuture, TenantStore};

impl RedisStore {
    fn tenants_key(&self) -> String {
        format!("{}tenants", self.prefix)
    }
}

impl TenantStore for RedisStore {
    fn add_tenant(&self, issuer: String, keep: usize, now: NumericDate) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            let added: u64 = self.send(&Cmd::zadd(self.tenants_key(), issuer, now.as_millis())).await?;
            if added > 0 {
                // Ranks below zero count from the end.
                let last_to_go = -1 - isize::try_from(keep.max(1)).unwrap_or(isize::MAX - 1);
                let _: u64 = self.send(&Cmd::zremrangebyrank(self.tenants_key(), 0, last_to_go)).await?;
            }
            Ok(())
        })
    }

    fn remove_tenant(&self, issuer: String) -> StoreFuture<'_, ()> {
        Box::pin(async move { self.send(&Cmd::zrem(self.tenants_key(), issuer)).await })
    }

    fn tenants(&self) -> StoreFuture<'_, Vec<String>> {
        Box::pin(async move { self.send(&Cmd::zrange(self.tenants_key(), 0, -1)).await })
    }
}
