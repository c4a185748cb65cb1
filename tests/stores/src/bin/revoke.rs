//! `revoke URL ISSUER ID`: another process that revokes a token.

use std::error::Error;
use std::sync::Arc;

use jwt_core::clock::NumericDate;
use jwt_core::{RedisStore, Revocations};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, issuer, id] = &arguments[..] else { return Err("usage: revoke URL ISSUER ID".into()) };
    let revocations = Revocations::builder(Arc::new(RedisStore::connect(url).await?)).open().await?;
    revocations.revoke(issuer, id, NumericDate::from_secs(4_000_000_000)).await?;
    Ok(())
}
