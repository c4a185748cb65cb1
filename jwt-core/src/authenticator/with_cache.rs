//! The settings of the feature `cache`.

use super::AuthenticatorBuilder;
use crate::cache::{TokenCache, VerifiedTokens};

#[cfg_attr(feature_labels, doc(cfg(feature = "cache")))]
impl<C> AuthenticatorBuilder<C> {
    /// Keeps verified tokens, so that a token that comes again costs next to nothing. See [`TokenCache`] for what is
    /// checked all the same. Off.
    #[must_use]
    pub fn cache(mut self, bound: TokenCache) -> Self {
        self.settings.given.once("cache");
        if let Some(setting) = bound.twice {
            self.settings.given.once(setting);
            self.settings.given.once(setting);
        }
        self.settings.memory = Some(Box::new(VerifiedTokens::new(bound)));
        self
    }
}
