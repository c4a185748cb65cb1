//! Where the keys of an authenticator come from: given, replaced as it runs, or fetched.

use std::fmt;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "remote")]
use super::OnDemand;
use super::{Algorithm, KeySet, KeyStatus, LiveKeys, RemoteKeySetBuildError, VerifyingKey};

/// Where the keys of an authenticator come from: given once ([`KeySet`], [`VerifyingKey`]), replaced as it runs
/// ([`LiveKeys`] and everything that publishes to them), or fetched (`RemoteKeySet`).
#[derive(Debug, Clone)]
pub struct KeySource(pub(crate) Source);

#[derive(Debug, Clone)]
pub(crate) enum Source {
    Live(LiveKeys),
    #[allow(dead_code, reason = "made by the feature `remote`")]
    Fetched(Arc<dyn KeyFeed>),
}

/// Keys that are fetched, and what a verifier asks of them. No method blocks.
#[allow(dead_code, reason = "what only tenants need is for the feature `remote`")]
pub(crate) trait KeyFeed: fmt::Debug + Send + Sync {
    /// The issuer whose keys are discovered; `None` where keys are fetched from a given address.
    fn issuer(&self) -> Option<&str>;

    /// Starts to fetch, and says where the keys will be. Called again, it says the same.
    fn start(&self) -> Result<LiveKeys, RemoteKeySetBuildError>;

    /// Whether there is a key by now for a token that none of those at hand verifies. Has the keys fetched for that where
    /// it is time to.
    fn ask(&self, question: &Question<'_>) -> Asked;

    /// What to wait for where there are no keys; `None` where waiting would not help.
    fn fetch_for_no_keys(&self) -> Option<Wait>;

    /// Whether the last fetch failed, so that a key that is not at hand may exist.
    fn fails(&self) -> bool;

    /// Whether a fetch is under way, or about to be.
    fn asks(&self) -> bool;

    /// When it is worth another try: one second at least.
    fn retry_after(&self) -> Duration;

    /// Whether the provider said that there is no such issuer.
    fn is_nobody(&self) -> bool;

    fn status(&self) -> KeyStatus;

    /// The same keys for an issuer of which it is not known whether it exists. Starting costs nothing.
    #[cfg(feature = "remote")]
    fn on_demand(&self, how: OnDemand) -> Arc<dyn KeyFeed>;

    /// How many places there are where the issuer may publish its metadata; 0 where none is looked for.
    fn metadata_places(&self) -> usize;

    /// At which of these places the metadata was found last.
    fn metadata_place(&self) -> Option<usize>;

    /// The settings as text, all but the HTTP client: equal where both fetch the same in the same way.
    fn settings(&self) -> String;
}

/// A token that no key at hand verifies, and that one may verify which is published by now.
#[allow(dead_code, reason = "what only fetched keys need is for the feature `remote`")]
pub(crate) struct Question<'t> {
    /// What is signed, and the signature: the same token is known again by both.
    pub(crate) message: &'t [u8],
    pub(crate) signature: &'t [u8],
    pub(crate) algorithm: Algorithm,
    pub(crate) lack: Lack,
    /// The address of whoever sent it, where it is known.
    pub(crate) client: Option<IpAddr>,
}

/// What a token lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lack {
    /// No key has the name that it gives.
    Name,
    /// One has, and the signature does not hold under it. Either the token is forged, or another key has the name by now.
    Signature,
}

/// Whether there is a key.
#[allow(dead_code, reason = "what only fetched keys need is for the feature `remote`")]
pub(crate) enum Asked {
    /// That is known once this has ended.
    Wait(Wait),
    /// There is none: the keys were fetched after this very token had come, or no key of the set is used with its
    /// algorithm.
    No,
    /// That is not known, and whoever asks does not wait: too many do, or the next fetch is too far off.
    Unknown,
}

/// Ends when the keys may have changed.
pub(crate) type Wait = Pin<Box<dyn Future<Output = Waited> + Send>>;

/// A fetch that was waited for.
#[allow(dead_code, reason = "what only fetched keys need is for the feature `remote`")]
#[derive(Clone, Copy)]
pub(crate) struct Waited {
    /// It began after it was asked for. The result of one that was under way already may be older than the token.
    pub(crate) began_later: bool,
    /// It brought keys, or confirmed those at hand.
    pub(crate) succeeded: bool,
    /// Who waited, by the address.
    pub(crate) client: Option<IpAddr>,
}

impl From<KeySet> for KeySource {
    fn from(keys: KeySet) -> Self {
        LiveKeys::new(keys).into()
    }
}

impl From<VerifyingKey> for KeySource {
    fn from(key: VerifyingKey) -> Self {
        LiveKeys::new(key).into()
    }
}

impl From<LiveKeys> for KeySource {
    fn from(keys: LiveKeys) -> Self {
        Self(Source::Live(keys))
    }
}

impl From<&LiveKeys> for KeySource {
    fn from(keys: &LiveKeys) -> Self {
        keys.clone().into()
    }
}
