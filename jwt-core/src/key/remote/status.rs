//! The state of fetched keys, for a health page or a metric.

use std::time::Duration;

use super::FetchError;

/// The state of fetched keys; see `RemoteKeySet::status`.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct KeyStatus {
    /// The issuer, or the address of the set without its query, where a key may be. For people who run the service: it
    /// may be an internal address.
    pub origin: String,
    /// How many keys are trusted now. Without any, requests with a token are answered with 503.
    pub keys: usize,
    /// How many keys of the last set cannot be used.
    pub skipped: usize,
    /// How long ago the keys were fetched or confirmed; `None` if they never were.
    pub age: Option<Duration>,
    /// How long the keys are still trusted if every fetch fails; `None` where there are none.
    pub trusted_for: Option<Duration>,
    /// Why the last fetch failed; `None` if it did not.
    pub error: Option<FetchError>,
    /// How many fetches brought keys, or confirmed those at hand.
    pub fetches: u64,
    /// How many fetches failed.
    pub failures: u64,
    /// How many tokens that no key at hand verifies were answered without a fetch, because of the cool-down.
    pub cool_downs: u64,
}

impl KeyStatus {
    /// Whether tokens can be verified.
    pub fn is_usable(&self) -> bool {
        self.keys > 0
    }
}
