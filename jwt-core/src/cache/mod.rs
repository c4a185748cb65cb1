//! Tokens that were verified a moment ago: a memory of verified tokens, as the gate asks for one (feature `cache`).

mod front;

use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::available_parallelism;

use equivalent::Equivalent;
use foldhash::quality::RandomState;
use quick_cache::sync::Cache;
use quick_cache::{Lifecycle, OptionsBuilder, Weighter};

use crate::verify::{AnyToken, CacheStats, Common, ReadToken, Remember};
use front::Front;

/// The longest token that is kept, in bytes: one of ML-DSA-87 with some claims.
const MAX_TOKEN_LEN: usize = 8 * 1024;
/// What the cache itself needs for an entry, in bytes, roughly.
const OVERHEAD: usize = 128;
/// How many parts with a lock of their own there are for each core. A lock is a write, also for a reader, so the fewer
/// tokens share one, the less the cores take from each other.
const SHARDS_PER_CORE: usize = 32;
/// The part of its memory that the cache may use for copies which threads have for themselves.
const FRONT: usize = 4;
/// No part is smaller than this, in bytes, so that some of the longest tokens fit into each.
const LEAST_SHARD: usize = 64 * 1024;

fn compact(token: &AnyToken) -> &[u8] {
    token.common().compact().as_bytes()
}

/// What a token takes up in memory, in bytes. What hangs on the claims is taken for as long as their JSON.
fn size(token: &AnyToken) -> usize {
    token.size() + token.common().json().len()
}

/// Whether the keys under which a token was verified are those that are trusted now.
fn is_of_current_keys(token: &Common) -> bool {
    let evidence = token.facts().evidence.as_ref();
    evidence.is_some_and(|evidence| evidence.trust.keys.generation() == evidence.generation)
}

/// The same in memory of its own, its claims read once more.
fn copied(token: &AnyToken, application: &Arc<dyn ReadToken>) -> Option<AnyToken> {
    let common = token.common();
    let (json, compact) = (common.json(), common.compact());
    let mut text = String::with_capacity(json.len() + compact.len());
    text.push_str(json);
    let mistyped_allowed = common.trust()?.validation.mistyped_allowed;
    application.clone().read(text, compact.as_bytes(), mistyped_allowed, &mut |_, _| Ok(common.facts().clone())).ok()
}

/// How much the cache of verified tokens may hold. Off, unless given to
/// [`AuthenticatorBuilder::cache`](crate::AuthenticatorBuilder::cache).
///
/// A token that was verified is found again by all of its bytes, and its signature and JSON are not looked at a second
/// time. Everything that may have changed since is checked on every hit: `exp`, `nbf`, the maximum age, the keys, and
/// the checks of the application. Only verified tokens of up to 8 KiB get in; the least used ones make room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature_labels, doc(cfg(feature = "cache")))]
pub struct TokenCache {
    max_entries: Option<usize>,
    max_bytes: Option<usize>,
    /// A setting that was given twice, which the builder refuses.
    pub(crate) twice: Option<&'static str>,
}

impl TokenCache {
    /// 10 000 tokens, and 16 MiB, whichever is reached first.
    pub const fn new() -> Self {
        Self { max_entries: None, max_bytes: None, twice: None }
    }

    /// At most that many tokens. 10 000.
    #[must_use]
    pub const fn max_entries(mut self, entries: usize) -> Self {
        if self.max_entries.is_some() {
            self.twice = Some("max_entries");
        }
        self.max_entries = Some(entries);
        self
    }

    /// At most that many bytes for tokens and claims, as far as they can be told. 16 MiB.
    #[must_use]
    pub const fn max_bytes(mut self, bytes: usize) -> Self {
        if self.max_bytes.is_some() {
            self.twice = Some("max_bytes");
        }
        self.max_bytes = Some(bytes);
        self
    }
}

impl Default for TokenCache {
    fn default() -> Self {
        Self::new()
    }
}

/// A verified token, found by its compact form.
struct Key(AnyToken);

/// A compact token that may be in the cache.
struct Lookup<'t>(&'t [u8]);

/// The hash of a token is the hash of the end of its signature, which is as good as random for whoever cannot sign.
/// Equality is that of all bytes.
fn hash_token(token: &[u8], state: &mut impl Hasher) {
    state.write(&token[token.len().saturating_sub(32)..]);
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash_token(compact(&self.0), state);
    }
}

impl Hash for Lookup<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash_token(self.0, state);
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        compact(&self.0) == compact(&other.0)
    }
}

impl Eq for Key {}

impl Equivalent<Key> for Lookup<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        self.0 == compact(&key.0)
    }
}

#[derive(Clone)]
struct Weight {
    /// An entry weighs no less than this, so that the bound in bytes bounds the entries too.
    least: u64,
}

impl Weighter<Key, AnyToken> for Weight {
    fn weight(&self, key: &Key, _: &AnyToken) -> u64 {
        self.least.max((size(&key.0) + OVERHEAD) as u64)
    }
}

#[derive(Clone, Default)]
struct Evictions(Arc<AtomicU64>);

impl Lifecycle<Key, AnyToken> for Evictions {
    type RequestState = ();

    fn on_evict(&self, (): &mut (), _: Key, _: AnyToken) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// The tokens that a verifier has verified.
pub(crate) struct VerifiedTokens {
    cache: Cache<Key, AnyToken, Weight, RandomState, Evictions>,
    front: Front,
    evictions: Evictions,
}

impl VerifiedTokens {
    pub(crate) fn new(bound: TokenCache) -> Self {
        let evictions = Evictions::default();
        let max_bytes = bound.max_bytes.unwrap_or(16 * 1024 * 1024);
        let cores = available_parallelism().map_or(1, usize::from);
        // As many threads as cores ask all the time, and now and then another one.
        let front = Front::new(cores + 1, max_bytes / FRONT);
        let max_bytes = max_bytes - front.max_bytes();
        let (entries, bytes) = (bound.max_entries.unwrap_or(10_000).max(1), max_bytes as u64);
        let weight = Weight { least: bytes.div_ceil(entries as u64) };
        // Room is made in advance, so not for more entries than the bytes can hold.
        let expected = entries.min(max_bytes / OVERHEAD).max(1);
        let shards = (cores * SHARDS_PER_CORE).min(max_bytes / LEAST_SHARD).max(1);
        let mut options = OptionsBuilder::new();
        options.estimated_items_capacity(expected).weight_capacity(bytes).shards(shards);
        let cache = match options.build() {
            Ok(options) => Cache::with_options(options, weight, RandomState::default(), evictions.clone()),
            Err(_) => Cache::with(expected, bytes, weight, RandomState::default(), evictions.clone()),
        };
        Self { cache, front, evictions }
    }
}

impl Remember for VerifiedTokens {
    fn get(&self, token: &[u8], application: &Arc<dyn ReadToken>) -> Option<AnyToken> {
        let wanted = match self.front.get(token) {
            Ok(copy) => return Some(copy),
            Err(wanted) => wanted,
        };
        if let Some(found) = self.cache.get(&Lookup(token)) {
            if is_of_current_keys(found.common()) {
                if wanted
                    && size(&found) <= front::MAX_COPY
                    && let Some(copy) = copied(&found, application)
                {
                    self.front.put(&copy);
                    return Some(copy);
                }
                return Some(found);
            }
            self.cache.remove(&Lookup(token));
        }
        self.front.missed();
        None
    }

    fn insert(&self, token: &AnyToken) {
        if compact(token).len() <= MAX_TOKEN_LEN {
            self.cache.insert(Key(token.clone()), token.clone());
        }
    }

    fn stats(&self) -> CacheStats {
        let (hits, misses) = self.front.hits_and_misses();
        CacheStats {
            hits,
            misses,
            evictions: self.evictions.0.load(Ordering::Relaxed),
            entries: self.cache.len(),
            bytes: self.cache.weight() + self.front.bytes(),
        }
    }
}
