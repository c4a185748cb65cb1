//! The settings of the feature `cache`.

use super::AuthenticatorBuilder;
use crate::claims::ClaimsType;
use crate::verify::TokenCache;
use crate::verify::cache::VerifiedTokens;

#[cfg_attr(feature_labels, doc(cfg(feature = "cache")))]
impl<C: ClaimsType> AuthenticatorBuilder<C> {
    /// Keeps verified tokens, so that a token that comes again costs next to nothing. See [`TokenCache`] for what is
    /// checked all the same. Off.
    #[must_use]
    pub fn cache(mut self, bound: TokenCache) -> Self {
        self.given.once("cache");
        if let Some(setting) = bound.twice {
            self.given.once(setting);
            self.given.once(setting);
        }
        self.memory = Some(Box::new(VerifiedTokens::new(bound)));
        self
    }
}
