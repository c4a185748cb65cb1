//! Where logins and revoked tokens are remembered.

use std::error::Error;
use std::sync::Arc;

use jwt_core::store::{RevocationStore, SignInStore};
use jwt_core::{MemoryStore, PostgresStore, RedisStore, SqliteStore};

use crate::options::Place;

/// One store for both.
type Stores = (Arc<dyn SignInStore>, Arc<dyn RevocationStore>);

/// Opens the store. In PostgreSQL, makes its tables where there are none.
pub(crate) async fn open(place: &Place) -> Result<Stores, Box<dyn Error>> {
    Ok(match place {
        Place::Memory => both(MemoryStore::new()),
        Place::File(path) => {
            both(SqliteStore::open(path).await.map_err(|error| format!("the store in {}: {error}", path.display()))?)
        }
        Place::Postgres(url) => {
            let store = PostgresStore::connect(url).await?;
            store.migrate().await?;
            both(store)
        }
        Place::Redis(url) => both(RedisStore::connect(url).await?),
    })
}

fn both<S: SignInStore + RevocationStore + 'static>(store: S) -> Stores {
    let store = Arc::new(store);
    (store.clone(), store)
}
