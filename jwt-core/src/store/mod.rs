//! What must be remembered: the traits that a store implements, and the stores that come with the crate.

mod error;
mod memory;
mod record;
#[cfg(feature = "redis")]
mod redis;
mod revocation;
pub(crate) mod time;
mod url_error;

use std::pin::Pin;

pub use error::{StoreError, StoreFault};
pub use memory::MemoryStore;
pub use record::{Change, Digest, NotAnId, Owner, Record, Rotation, Salt, SignInId, SignInKey, Touch};
#[cfg(feature = "redis")]
pub use redis::RedisStore;
pub use revocation::{Revocation, RevocationTarget};
pub use url_error::StoreUrlError;

use crate::clock::NumericDate;

/// What a store answers, when it has an answer. The one alias of this crate, since every method of a store has it.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Remembers who is signed in: refresh-token families and sessions, for [`RefreshTokens`](crate::RefreshTokens) and
/// [`Sessions`](crate::Sessions).
///
/// [`MemoryStore`] for one instance, `RedisStore` (feature `redis`) for more. One's own takes a table with the primary
/// key `(owner, id)` and these promises:
///
/// - Each method is atomic: of two at once, one happens first.
/// - What was answered with `Ok` is not forgotten.
/// - A record whose `expires_at` is at or before `now` is not there any more. `now` is the only clock: the present time
///   of the caller, in whole milliseconds.
/// - A method that is called again with the same arguments changes nothing more, so a store may try twice.
/// - Records can be dropped once they are expired, and never before.
///
/// A store never sees a token, only digests, and none of its decisions is about security: what a record becomes is in
/// the methods of [`Record`], which a store may simply call between reading and writing it.
pub trait SignInStore: Send + Sync {
    /// Adds a record, in the place of one with the same id if there is one. Of the owner's records that are not expired, at most `keep` stay, this one included: those that
    /// were created first go.
    fn insert(&self, owner: Owner, record: Record, keep: usize, now: NumericDate) -> StoreFuture<'_, ()>;

    /// The record, where `secret` is its current one; and [touches](Record::touch) it.
    fn find(&self, key: SignInKey, secret: Digest, touch: Touch, now: NumericDate) -> StoreFuture<'_, Option<Record>>;

    /// [Changes](Record::change) the record where `expected` is its current secret, and yields it as it then is,
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
/// A log: each entry gets a number higher than all before it, and nobody may see an entry before those with lower
/// numbers are to be seen too. Where a failover breaks that promise, for less than a minute, entries are learnt late, but
/// not never.
pub trait RevocationStore: Send + Sync {
    /// Adds an entry. It may be dropped once `forget_at` is at or before `now`, and never before.
    fn add(&self, revocation: Revocation, now: NumericDate) -> StoreFuture<'_, ()>;

    /// The entries after that number, the oldest first: all, or so many that the answer is not too long. None at all
    /// means that there are none.
    fn since(&self, number: u64) -> StoreFuture<'_, Vec<(u64, Revocation)>>;
}
