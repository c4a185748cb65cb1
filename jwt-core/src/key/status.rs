//! How it stands with fetched keys, for a health page or a metric.

use std::time::Duration;

use super::FetchError;

/// How it stands with fetched keys; see `RemoteKeySet::status`.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct KeyStatus {
    /// The issuer, or the address of the set.
    pub origin: String,
    /// The keys that are trusted now. Without any, requests with a token are answered with 503.
    pub keys: usize,
    /// The keys of the last set that cannot be used.
    pub skipped: usize,
    /// How long ago the keys were fetched or confirmed; `None` if they never were.
    pub age: Option<Duration>,
    /// How long they are trusted if they cannot be fetched any more.
    pub trusted_for: Option<Duration>,
    /// Why the last fetch failed, if it did.
    pub error: Option<FetchError>,
    /// Fetches that brought something, or confirmed it.
    pub fetches: u64,
    /// Fetches that failed.
    pub failures: u64,
    /// Tokens with unknown keys that were refused because of the cool-down.
    pub cool_downs: u64,
}

impl KeyStatus {
    /// Whether tokens can be proved.
    pub fn is_usable(&self) -> bool {
        self.keys > 0
    }
}
