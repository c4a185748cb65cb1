//! What must be remembered: the traits that a store implements, and the stores of this crate.

mod error;
mod memory;
mod proof;
mod record;
#[cfg(feature = "redis")]
mod redis;
mod revocation;
mod schema_error;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod sql;
mod tenants;
pub(crate) mod time;
mod url_error;

use std::pin::Pin;

pub use error::{StoreError, StoreFault};
pub use memory::MemoryStore;
pub use proof::ProofStore;
pub use record::{Change, Digest, NotAnId, Owner, Record, Rotation, Salt, SignInId, SignInKey, Touch};
#[cfg(feature = "redis")]
pub use redis::{RedisStore, RedisStoreBuilder};
pub use revocation::{Revocation, RevocationTarget};
pub use schema_error::SchemaError;
#[cfg(feature = "postgres")]
pub use sql::{PostgresStore, PostgresStoreBuilder};
#[cfg(feature = "sqlite")]
pub use sql::{SqliteStore, SqliteStoreBuilder};
pub use tenants::TenantStore;
pub use url_error::StoreUrlError;

use crate::clock::NumericDate;

/// The answer of a store, as a boxed future.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Remembers who is signed in: refresh-token families and sessions, for [`RefreshTokens`](crate::RefreshTokens) and
/// [`Sessions`](crate::Sessions).
///
/// [`MemoryStore`] is for one instance, `RedisStore` (feature `redis`) for more. A store of your own needs a table with the
/// primary key `(owner, id)`, and keeps these promises:
///
/// - Each method is atomic: of two calls at once, one happens first.
/// - A change that was answered with `Ok` is not forgotten.
/// - A record whose `expires_at` is at or before `now` counts as absent. `now` is the only clock: the present time of the
///   caller, in whole milliseconds.
/// - A method that is called again with the same arguments changes nothing more, so a store may try twice.
/// - Records may be dropped once they have expired, and never before.
///
/// A store never sees a token, only digests, and decides nothing about security: the methods of [`Record`] say what a
/// record becomes, and a store may call them between reading and writing it.
pub trait SignInStore: Send + Sync {
    /// Adds a record, in the place of one with the same id if there is one. Of the owner's records that have not expired, at
    /// most `keep` stay, this one included: those that were created first are removed.
    fn insert(&self, owner: Owner, record: Record, keep: usize, now: NumericDate) -> StoreFuture<'_, ()>;

    /// The record, where `secret` is its current secret. [Touches](Record::touch) it.
    fn find(&self, key: SignInKey, secret: Digest, touch: Touch, now: NumericDate) -> StoreFuture<'_, Option<Record>>;

    /// [Changes](Record::change) the record where `expected` is its current secret. Yields the record as it is after that,
    /// changed or not.
    fn change(
        &self,
        key: SignInKey,
        expected: Digest,
        change: Change,
        now: NumericDate,
    ) -> StoreFuture<'_, Option<Record>>;

    /// Removes the record, if there is one.
    fn remove(&self, key: SignInKey) -> StoreFuture<'_, ()>;

    /// Removes all records of the owner.
    fn remove_all(&self, owner: Owner) -> StoreFuture<'_, ()>;

    /// The owner's records, in any order.
    fn list(&self, owner: Owner, now: NumericDate) -> StoreFuture<'_, Vec<Record>>;
}

/// Carries revocations from the instance that makes them to all others, for [`Revocations`](crate::Revocations).
///
/// It is a log. Each entry gets a number that is higher than all before it, and no reader may see an entry before it can
/// see those with lower numbers. Where a failover breaks that promise, for less than a minute, entries are learnt late,
/// but they are learnt.
pub trait RevocationStore: Send + Sync {
    /// Adds an entry. It may be dropped once `forget_at` is at or before `now`, and never before, with one exception: the
    /// entry for a subject may be dropped with a later one for the same issuer and subject whose `not_before` and `forget_at`
    /// are no earlier.
    ///
    /// A store that is limited keeps the [last tenth](RevocationTarget::room) free for entries of subjects, and drops
    /// those that are replaced, so that no user can fill it.
    fn add(&self, revocation: Revocation, now: NumericDate) -> StoreFuture<'_, ()>;

    /// The entries after that number, the oldest first: all of them, or as many as one answer should hold. An empty answer
    /// means that there are no more.
    fn since(&self, number: u64) -> StoreFuture<'_, Vec<(u64, Revocation)>>;

    /// Waits until there may be new entries, counted from this call on and not from the first poll of the future. It is a
    /// hint, by which an entry is known before the next poll of the log. It may come without reason, late, or never, which is
    /// the default.
    fn changed(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(std::future::pending())
    }
}
