//! Several sources of keys for one issuer, as one.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

#[cfg(feature = "remote")]
use crate::key::OnDemand;
use crate::key::{
    Asked, KeyFeed, KeySet, KeySource, KeyStatus, LiveKeys, Question, RemoteKeySetBuildError, Source, Wait,
};

impl KeySource {
    /// These keys and those: a token is good under the keys of either. For a secret that is in use until the last token has
    /// gone over to a published set, or for a key of one's own beside those of a provider. At most one of the sources may be
    /// a `RemoteKeySet`; with two of them, an authenticator fails to build. The keys of a tenant that are fetched are joined
    /// with no others: such a tenant is not trusted.
    ///
    /// A token is verified with the keys that its `kid` names in either source, else with those without a name, as if both
    /// were one [`KeySet`]. Whoever has a key of one source can sign every token of the issuer. While fetched keys have not
    /// arrived, tokens under the other keys are good, and the rest is answered with 503.
    ///
    /// ```
    /// # use jwt_core::key::KeySource;
    /// # use jwt_core::{Algorithm, Authenticator, KeySet, VerifyingKey};
    /// # fn example(published: KeySet) -> Result<(), Box<dyn std::error::Error>> {
    /// let secret = VerifyingKey::secret(Algorithm::HS256, b"the secret that was in use until today.")?;
    /// let auth = Authenticator::<()>::builder()
    ///     .keys(KeySource::from(secret).and(published)) // or `.and(&remote_key_set)`
    ///     .audience("api")
    ///     .build()?;
    /// # let _ = auth;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn and(self, other: impl Into<Self>) -> Self {
        match (self.0, other.into().0) {
            (Source::Live(keys), Source::Live(others)) => Self(Source::Live(joined(&keys, &others))),
            (Source::Fetched(feed), other) | (other @ Source::Live(_), Source::Fetched(feed)) => {
                Self(Source::Fetched(Arc::new(Joined { feed, other, keys: OnceLock::new(), on_demand: false })))
            }
        }
    }
}

/// The keys of both, replaced whenever those of one are.
fn joined(one: &LiveKeys, other: &LiveKeys) -> LiveKeys {
    let (first, second) = (one.clone(), other.clone());
    let join = move || {
        let (one, other) = (first.snapshot(), second.snapshot());
        let incomplete = [&one, &other].iter().any(|part| part.keys.is_none() || part.incomplete);
        let keys = match (&one.keys, &other.keys) {
            (Some(keys), Some(others)) => {
                let skipped = keys.skipped().iter().chain(others.skipped()).cloned().collect();
                KeySet::with_skipped(keys.keys().iter().chain(others.keys()).cloned().collect(), skipped).ok()
            }
            (keys, others) => keys.clone().or(others.clone()),
        };
        (keys, incomplete)
    };
    LiveKeys::derived([one, other], Box::new(join))
}

/// Keys that are fetched, and others.
struct Joined {
    feed: Arc<dyn KeyFeed>,
    other: Source,
    keys: OnceLock<LiveKeys>,
    on_demand: bool,
}

impl KeyFeed for Joined {
    fn issuer(&self) -> Option<&str> {
        self.feed.issuer()
    }

    fn start(&self) -> Result<LiveKeys, RemoteKeySetBuildError> {
        let Source::Live(others) = &self.other else { return Err(RemoteKeySetBuildError::SeveralFetched) };
        // Only who asks for the keys of a tenant is counted, and a token under the other keys does not.
        if self.on_demand {
            return Err(RemoteKeySetBuildError::TenantSources);
        }
        let fetched = self.feed.start()?;
        Ok(self.keys.get_or_init(|| joined(&fetched, others)).clone())
    }

    fn ask(&self, question: &Question<'_>) -> Asked {
        self.feed.ask(question)
    }

    fn fetch_for_no_keys(&self) -> Option<Wait> {
        self.feed.fetch_for_no_keys()
    }

    fn fails(&self) -> bool {
        self.feed.fails()
    }

    fn asks(&self) -> bool {
        self.feed.asks()
    }

    fn retry_after(&self) -> Duration {
        self.feed.retry_after()
    }

    fn is_nobody(&self) -> bool {
        self.feed.is_nobody()
    }

    fn status(&self) -> KeyStatus {
        self.feed.status()
    }

    #[cfg(feature = "remote")]
    fn on_demand(&self, how: OnDemand) -> Arc<dyn KeyFeed> {
        Arc::new(Self {
            feed: self.feed.on_demand(how),
            other: self.other.clone(),
            keys: OnceLock::new(),
            on_demand: true,
        })
    }

    fn metadata_places(&self) -> usize {
        self.feed.metadata_places()
    }

    fn metadata_place(&self) -> Option<usize> {
        self.feed.metadata_place()
    }

    fn settings(&self) -> String {
        self.feed.settings()
    }
}

impl fmt::Debug for Joined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entry(&self.feed).entry(&self.other).finish()
    }
}
