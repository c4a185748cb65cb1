//! What a store remembers of tenants: their names.

use super::StoreFuture;
use crate::clock::NumericDate;

/// Remembers the names of the tenants of a provider, for `tenants::StoredTenants` (feature `remote`).
///
/// A store of your own needs a table of names and of when each was added. A method that is called again with the same
/// arguments changes nothing more, so a store may try twice.
pub trait TenantStore: Send + Sync {
    /// Adds a name as the last one, also where it is there already. At most `keep` names stay: those that were added last.
    fn add_tenant(&self, issuer: String, keep: usize, now: NumericDate) -> StoreFuture<'_, ()>;

    /// Removes a name, if it is there.
    fn remove_tenant(&self, issuer: String) -> StoreFuture<'_, ()>;

    /// All names, the last added last.
    fn tenants(&self) -> StoreFuture<'_, Vec<String>>;
}
