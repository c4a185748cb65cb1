//! Keys that can be replaced while they are in use.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::{ArcSwap, Guard};

use super::KeySet;

/// Keys that can be replaced while they are in use: a rotation without a restart.
///
/// Clones share the keys. A verifier reads a snapshot and never waits for a replacement. Once keys are replaced, tokens
/// that were verified with the old ones are verified again, cached tokens included.
///
/// ```
/// use jwt_core::{Authenticator, KeySet, LiveKeys};
///
/// let keys = LiveKeys::new(KeySet::hs256("a secret of at least thirty-two bytes")?);
/// let auth = Authenticator::<()>::builder().keys(&keys).audience("api").build()?;
///
/// keys.replace(KeySet::hs256("the secret that is used from today on")?);
/// # let _ = auth;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct LiveKeys(Arc<Live>);

struct Live {
    current: ArcSwap<Snapshot>,
    /// The generation of the current snapshot, for callers that need nothing else of it.
    generation: AtomicU64,
}

/// The keys that are trusted at one moment.
pub(crate) struct Snapshot {
    /// `None` while there are none: not fetched yet, or too old to be trusted.
    pub(crate) keys: Option<KeySet>,
    /// Counts the replacements.
    pub(crate) generation: u64,
}

impl LiveKeys {
    /// Those keys, until they are replaced.
    pub fn new(keys: impl Into<KeySet>) -> Self {
        Self::starting_with(Some(keys.into()))
    }

    /// Those keys, or none yet.
    pub(crate) fn starting_with(keys: Option<KeySet>) -> Self {
        let current = ArcSwap::from_pointee(Snapshot { keys, generation: 0 });
        Self(Arc::new(Live { current, generation: AtomicU64::new(0) }))
    }

    /// Trusts these keys and no others, from now on.
    pub fn replace(&self, keys: impl Into<KeySet>) {
        self.publish(Some(&keys.into()));
    }

    /// The keys that are trusted now; `None` while keys that are fetched have not arrived.
    pub fn current(&self) -> Option<KeySet> {
        self.snapshot().keys.clone()
    }

    pub(crate) fn publish(&self, keys: Option<&KeySet>) {
        let mut generation = 0;
        self.0.current.rcu(|before| {
            generation = before.generation + 1;
            Snapshot { keys: keys.cloned(), generation }
        });
        // Of two publishers at once the later one has the higher number.
        self.0.generation.fetch_max(generation, Ordering::AcqRel);
    }

    /// Whether both are replaced together, or hold the very same set.
    #[allow(dead_code, reason = "only tenants (feature `remote`) are compared")]
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let same_set =
            || self.current().zip(other.current()).is_some_and(|(one, other)| std::ptr::eq(one.keys(), other.keys()));
        Arc::ptr_eq(&self.0, &other.0) || same_set()
    }

    pub(crate) fn snapshot(&self) -> Guard<Arc<Snapshot>> {
        self.0.current.load()
    }

    pub(crate) fn generation(&self) -> u64 {
        self.0.generation.load(Ordering::Acquire)
    }
}

impl fmt::Debug for LiveKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LiveKeys").field(&self.snapshot().keys).finish()
    }
}
