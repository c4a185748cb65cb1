//! Static API keys for service callers, beside tokens: made here, kept as digests, looked up for each request.

mod builder;
mod digest;
mod error;
mod key;
mod known;
mod store;

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;

pub use builder::ApiKeysBuilder;
pub use digest::{ApiKeyDigest, NotADigest};
pub use error::{ApiKeyError, ApiKeyRefusal, ApiKeyStoreError, ApiKeysBuildError};
pub use key::ApiKey;
pub use known::KnownApiKey;
pub use store::{ApiKeyStore, FindingApiKey};

use crate::clock::{Clock, NumericDate};
use crate::error::{AuthError, CheckError, TokenError, Unavailable};
use crate::facade::tracing;
use crate::verify::{CredentialKind, LookUp, LookedUp};
use builder::List;
use digest::Compare;

/// API keys that an authenticator accepts beside or instead of JWTs: for callers that are services, and that keep one
/// secret for months. Cheap to clone; clones share the keys.
///
/// A key is 256 random bits behind a prefix, made by [`ApiKey::generate`]. What is kept of it is a digest, with the claims
/// of its caller: handlers and guards get them as those of a JWT. Keys of a caller are replaced one by one: while the new
/// one is put in use, both are good.
///
/// ```
/// use jwt_core::Authenticator;
/// use jwt_core::api_key::{ApiKey, ApiKeys, KnownApiKey};
///
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct Caller {
///     name: String,
///     scope: String,
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // Once, where keys are given out. The caller gets the key, and the service keeps the digest.
/// let key = ApiKey::generate("acme")?;
/// let digest = key.digest();
///
/// // In the service.
/// let invoices = Caller { name: "invoices".into(), scope: "orders:read".into() };
/// let known = KnownApiKey::new(digest, &invoices)?.subject("invoices").id("invoices-2026");
/// let keys = ApiKeys::builder("acme").key(known).build()?;
/// let auth = Authenticator::<Caller>::builder().credentials(keys).scopes(|caller| &caller.scope).build()?;
///
/// let caller = auth.verifier().verify_async(key.as_str()).await?;
/// assert_eq!((&*caller.name, caller.subject()), ("invoices", Some("invoices")));
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct ApiKeys(Arc<Inner>);

struct Inner {
    /// With its `_`.
    prefix: Box<str>,
    list: ArcSwap<List>,
    store: Option<Box<dyn ApiKeyStore>>,
    clock: Arc<dyn Clock>,
    compare: Compare,
}

impl ApiKeys {
    /// A builder for keys with this prefix, the one that they were [generated](ApiKey::generate) with.
    pub fn builder(prefix: impl Into<String>) -> ApiKeysBuilder {
        ApiKeysBuilder::new(prefix.into())
    }

    /// Takes these keys in the place of those that were given so far, while requests go on: after a file with them has
    /// changed. Those of the [store](ApiKeysBuilder::store) stay.
    ///
    /// # Errors
    /// [`ApiKeysBuildError::Duplicate`]. Then the keys are as before.
    pub fn replace(&self, keys: impl IntoIterator<Item = KnownApiKey>) -> Result<(), ApiKeysBuildError> {
        self.0.list.store(Arc::new(builder::list(keys)?));
        Ok(())
    }

    async fn find(&self, token: &[u8]) -> Result<LookedUp, AuthError> {
        let inner = &*self.0;
        let digest = ApiKeyDigest::of(token);
        let mut known = inner.list.load().get(&digest).cloned();
        if known.is_none()
            && let Some(store) = &inner.store
        {
            known = store.find(digest).await.map_err(|error| {
                tracing::error!(target: "jwt", reason = %error, "an API key could not be looked up");
                Unavailable::Store
            })?;
        }
        // What a store finds may be what its collation takes for equal.
        let known = known.filter(|known| inner.compare.are_equal(known.digest(), digest));
        known
            .ok_or(ApiKeyRefusal::Unknown)
            .and_then(|known| known.looked_up(inner.clock.now()))
            .map_err(|refusal| AuthError::InvalidToken(TokenError::Check(CheckError::new(refusal))))
    }
}

impl CredentialKind for ApiKeys {
    fn recognizes(&self, token: &[u8]) -> bool {
        key::is_key(&self.0.prefix, token)
    }

    fn look_up<'a>(&'a self, token: &'a [u8]) -> LookUp<'a> {
        Box::pin(async move { self.find(token).await.map(Some) })
    }
}

impl fmt::Debug for ApiKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKeys")
            .field("prefix", &self.0.prefix)
            .field("keys", &self.0.list.load().len())
            .field("store", &self.0.store.is_some())
            .finish_non_exhaustive()
    }
}

impl KnownApiKey {
    fn looked_up(self, now: NumericDate) -> Result<LookedUp, ApiKeyRefusal> {
        match self.expires_at {
            Some(expires_at) if expires_at <= now => Err(ApiKeyRefusal::Expired { expires_at }),
            _ => Ok(self.into_looked_up()),
        }
    }
}
