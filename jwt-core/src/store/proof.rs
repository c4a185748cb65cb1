//! Remembers which proofs of possession were used.

use super::StoreFuture;
use crate::claims::used_proof::{FirstUse, UsedProof};
use crate::clock::NumericDate;

/// Remembers which DPoP proofs were used, for all instances (RFC 9449 §11.1). [`MemoryStore`](super::MemoryStore) and
/// `RedisStore` (feature `redis`) do.
///
/// - Of any number of questions about one `id` that come with different `attempt`s before its `until`, exactly one is answered
///   with [`FirstUse::Yes`].
/// - A question that is asked again with the same `attempt` is answered as before, so a store may try twice.
/// - A key of which `limit` proofs are remembered gets [`FirstUse::Full`] for the next one, and takes nothing from other keys.
///   Nothing is forgotten before its `until`.
/// - So a `limit` of zero asks and remembers nothing: [`FirstUse::Full`] for what is not there, and otherwise as above.
pub trait ProofStore: Send + Sync {
    /// Remembers the proof, and says whether it was not there before.
    fn first_use(&self, proof: UsedProof, now: NumericDate) -> StoreFuture<'_, FirstUse>;
}
