//! What issuers have said of tokens lately, by the digest of each token. No token is kept.

use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use foldhash::quality::RandomState;
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{OptionsBuilder, Weighter};
use tokio::time::Instant;

use crate::error::{AuthError, TokenError};
use crate::key::crypto;
use crate::verify::AnyToken;

/// SHA-256 of a token.
pub(super) type Digest = [u8; 32];

/// `None` where a backend yields anything else, which none does: two tokens must never have one name.
pub(super) fn digest(token: &[u8]) -> Option<Digest> {
    crypto::sha256(token).try_into().ok()
}

/// What an entry takes up at least, in bytes: so many of that size fit into the cache. Larger ones take the place of several.
const ENTRY: u64 = 2048;
/// No part of the cache with a lock of its own is smaller than this, in bytes, so that the longest answers fit into each.
const LEAST_SHARD: u64 = 256 * 1024;
/// How many such parts there are for each core.
const SHARDS_PER_CORE: usize = 16;
/// How many answers about tokens that are not good are kept.
const REFUSED: usize = 4096;

pub(super) struct Known {
    good: Cache<Digest, Good, Weight, RandomState>,
    refused: Cache<Digest, Refused>,
    cache_for: Duration,
    stale_if_error: Duration,
    cache_inactive_for: Duration,
}

#[derive(Clone)]
struct Good {
    token: AnyToken,
    asked: Instant,
}

#[derive(Clone)]
struct Refused {
    error: Arc<TokenError>,
    asked: Instant,
}

#[derive(Clone)]
struct Weight {
    /// An entry weighs no less than this, so that the bound in bytes bounds the entries too.
    least: u64,
}

impl Weighter<Digest, Good> for Weight {
    fn weight(&self, _: &Digest, good: &Good) -> u64 {
        // The text, and as much again for the claims that were made of it.
        self.least.max(2 * good.token.common().json().len() as u64)
    }
}

impl Known {
    pub(super) fn new(
        max_cached: usize,
        cache_for: Duration,
        stale_if_error: Duration,
        cache_inactive_for: Duration,
    ) -> Self {
        let entries = max_cached.max(1);
        let bytes = ENTRY.saturating_mul(entries as u64).max(LEAST_SHARD);
        let weight = Weight { least: bytes.div_ceil(entries as u64) };
        // The cache keeps a thirtieth free of entries that were asked for twice, so that one alone would not get in.
        let bytes = bytes.saturating_add(weight.least / 16);
        let most = usize::try_from(bytes / LEAST_SHARD).unwrap_or(usize::MAX);
        let shards = (available_parallelism().map_or(1, usize::from) * SHARDS_PER_CORE).min(most).max(1);
        let mut options = OptionsBuilder::new();
        options.estimated_items_capacity(entries).weight_capacity(bytes).shards(shards);
        let good = match options.build() {
            Ok(options) => Cache::with_options(options, weight, RandomState::default(), DefaultLifecycle::default()),
            Err(_) => Cache::with(entries, bytes, weight, RandomState::default(), DefaultLifecycle::default()),
        };
        Self { good, refused: Cache::new(REFUSED), cache_for, stale_if_error, cache_inactive_for }
    }

    /// What needs no question.
    pub(super) fn fresh(&self, digest: &Digest, now: Instant) -> Option<Result<AnyToken, AuthError>> {
        let is_fresh = |asked: Instant, time: Duration| now.saturating_duration_since(asked) < time;
        if let Some(good) = self.good.get(digest)
            && is_fresh(good.asked, self.cache_for)
        {
            return Some(Ok(good.token));
        }
        let refused = self.refused.get(digest).filter(|refused| is_fresh(refused.asked, self.cache_inactive_for));
        refused.map(|refused| Err(TokenError::clone(&refused.error).into()))
    }

    /// Whether the token was good when it was last asked about, however long ago. Nobody has made it up.
    pub(super) fn was_good(&self, digest: &Digest) -> bool {
        self.good.get(digest).is_some()
    }

    /// A good token that nobody can be asked about at the moment, if that is not for too long.
    pub(super) fn stale(&self, digest: &Digest, now: Instant) -> Option<AnyToken> {
        let good = self.good.get(digest)?;
        let age = now.saturating_duration_since(good.asked);
        (age < self.cache_for.saturating_add(self.stale_if_error)).then_some(good.token)
    }

    /// Keeps an answer, to a question that was asked at that moment.
    pub(super) fn keep(&self, digest: &Digest, answer: &Result<AnyToken, TokenError>, asked: Instant) {
        match answer {
            Ok(token) => {
                self.refused.remove(digest);
                self.good.insert(*digest, Good { token: token.clone(), asked });
            }
            Err(error) => {
                self.good.remove(digest);
                self.refused.insert(*digest, Refused { error: Arc::new(error.clone()), asked });
            }
        }
    }
}
