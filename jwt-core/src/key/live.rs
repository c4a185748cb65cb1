//! Keys that can be replaced while they are in use.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

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
    /// Where they come from, if it is from other keys.
    derive: OnceLock<Mutex<Derive>>,
    /// What is made of these.
    derived: Mutex<Vec<Weak<Live>>>,
}

/// Makes keys of others. Says as well whether some of these are missing.
pub(crate) type Derive = Box<dyn Fn() -> (Option<KeySet>, bool) + Send>;

/// The keys that are trusted at one moment.
pub(crate) struct Snapshot {
    /// `None` while there are none: not fetched yet, or too old to be trusted.
    pub(crate) keys: Option<KeySet>,
    /// Of several sources, one has none.
    pub(crate) incomplete: bool,
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
        let current = ArcSwap::from_pointee(Snapshot { keys, incomplete: false, generation: 0 });
        let (generation, derive, derived) = (AtomicU64::new(0), OnceLock::new(), Mutex::default());
        Self(Arc::new(Live { current, generation, derive, derived }))
    }

    /// What `derive` makes of those keys, made again whenever some of them are replaced.
    pub(crate) fn derived<'k>(from: impl IntoIterator<Item = &'k Self>, derive: Derive) -> Self {
        let made = Self::starting_with(None);
        made.0.derive.get_or_init(|| Mutex::new(derive));
        for source in from {
            source.0.derived.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(&made.0));
        }
        made.derive();
        made
    }

    fn derive(&self) {
        // One after the other, so that what is published last is what was read last.
        let Some(derive) = self.0.derive.get() else { return };
        let derive = derive.lock().unwrap_or_else(PoisonError::into_inner);
        let (keys, incomplete) = derive();
        self.publish_part(keys.as_ref(), incomplete);
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
        self.publish_part(keys, false);
    }

    fn publish_part(&self, keys: Option<&KeySet>, incomplete: bool) {
        let mut generation = 0;
        self.0.current.rcu(|before| {
            generation = before.generation + 1;
            Snapshot { keys: keys.cloned(), incomplete, generation }
        });
        // Of two publishers at once the later one has the higher number.
        self.0.generation.fetch_max(generation, Ordering::AcqRel);
        let mut derived = self.0.derived.lock().unwrap_or_else(PoisonError::into_inner);
        derived.retain(|derived| derived.upgrade().map(|live| Self(live).derive()).is_some());
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
