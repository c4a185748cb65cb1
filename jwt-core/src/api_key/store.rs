//! The port to where an application keeps its API keys.

use std::pin::Pin;

use super::{ApiKeyDigest, ApiKeyStoreError, KnownApiKey};

/// Where an application keeps its API keys, such as a table with the digest as its primary key.
///
/// ```
/// use jwt_core::api_key::{ApiKeyDigest, ApiKeyStore, ApiKeyStoreError, FindingApiKey, KnownApiKey};
/// # #[derive(Debug, thiserror::Error)]
/// # #[error("unreachable")]
/// # struct Down;
/// # struct Row { claims: String, caller: String }
/// # struct Database;
/// # impl Database {
/// #     async fn row(&self, _: &str, _: &str) -> Result<Option<Row>, Down> { Err(Down) }
/// # }
///
/// struct Table {
///     database: Database,
/// }
///
/// impl ApiKeyStore for Table {
///     fn find(&self, digest: ApiKeyDigest) -> FindingApiKey<'_> {
///         Box::pin(async move {
///             let query = "select claims, caller from api_keys where digest = $1";
///             let row = self.database.row(query, &digest.to_string()).await.map_err(ApiKeyStoreError::new)?;
///             Ok(row.map(|row| KnownApiKey::from_json(digest, row.claims).subject(row.caller)))
///         })
///     }
/// }
/// # let _ = Table { database: Database };
/// ```
pub trait ApiKeyStore: Send + Sync {
    /// What is known of the key with that digest; `None` where there is none. Asked for every request with a key that has the
    /// right form, so that it must be about as fast as the service can answer requests of strangers.
    ///
    /// # Errors
    /// [`ApiKeyStoreError`] where that cannot be said at the moment: the request is answered with 503.
    fn find(&self, digest: ApiKeyDigest) -> FindingApiKey<'_>;
}

/// A look-up that is under way.
pub type FindingApiKey<'a> = Pin<Box<dyn Future<Output = Result<Option<KnownApiKey>, ApiKeyStoreError>> + Send + 'a>>;
