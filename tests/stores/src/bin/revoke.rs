//! `revoke URL|FILE ISSUER ID`: another process that revokes a token.

use std::error::Error;
use std::sync::Arc;

use jwt_core::clock::NumericDate;
use jwt_core::store::RevocationStore;
use jwt_core::{PostgresStore, RedisStore, Revocations, SqliteStore};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, issuer, id] = &arguments[..] else { return Err("usage: revoke URL|FILE ISSUER ID".into()) };
    let store: Arc<dyn RevocationStore> = match url.split_once("://") {
        Some(("postgres", _)) => Arc::new(PostgresStore::connect(url).await?),
        Some(_) => Arc::new(RedisStore::connect(url).await?),
        None => Arc::new(SqliteStore::open(url).await?),
    };
    let revocations = Revocations::builder(store).open().await?;
    revocations.revoke(issuer, id, NumericDate::from_secs(4_000_000_000)).await?;
    Ok(())
}
