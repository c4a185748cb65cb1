//! How a store in PostgreSQL is set up before it connects.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use tokio::runtime::Handle;
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;
use tokio_postgres::config::SslMode;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{Config, NoTls, Socket};

use super::listen::{Connect, listen};
use super::statements::Statements;
use super::{Inner, PostgresStore, VERSION};
use crate::config_error::Given;
use crate::store::sql::check_name;
use crate::store::{SchemaError, StoreError, StoreUrlError};

/// How many connections a pool has that is made from a URL.
const CONNECTIONS: usize = 10;
/// How many operations are under way or wait for a connection at most.
const OPERATIONS: usize = 10_000;

/// Where the data are.
enum Place {
    Url(Box<str>),
    Pool(Pool),
}

/// Sets up a [`PostgresStore`]. A setting that has one value is given once; a second call is an error.
///
/// | setting | default | reason |
/// |---|---|---|
/// | [`schema`](Self::schema) | `jwt` | apart from the tables of the application |
/// | [`timeout`](Self::timeout) | 1 second | a request should not wait longer |
/// | [`max_revocations`](Self::max_revocations) | 1 000 000 | as in Redis |
/// | [`transaction_pooling`](Self::transaction_pooling) | off | prepared statements are faster |
/// | [`listen_at`](Self::listen_at) | the URL of the store; none for a pool | revocations are known at once, and not with the next poll |
pub struct PostgresStoreBuilder {
    place: Place,
    schema: Box<str>,
    timeout: Duration,
    max_revocations: usize,
    prepares: bool,
    listens: Option<Listens>,
    given: Given,
}

/// Where to listen.
enum Listens {
    At(Box<str>),
    With(Connect),
}

impl PostgresStoreBuilder {
    pub(super) fn at(url: &str) -> Self {
        Self::new(Place::Url(url.into()))
    }

    pub(super) fn with(pool: Pool) -> Self {
        Self::new(Place::Pool(pool))
    }

    fn new(place: Place) -> Self {
        Self {
            place,
            schema: "jwt".into(),
            timeout: Duration::from_secs(1),
            max_revocations: 1_000_000,
            prepares: true,
            listens: None,
            given: Given::default(),
        }
    }

    /// The schema that the tables and functions are in: `a` to `z`, `0` to `9` and `_`. `jwt`.
    #[must_use]
    pub fn schema(mut self, schema: &str) -> Self {
        self.given.once("schema");
        self.schema = schema.into();
        self
    }

    /// How long an operation may take, with everything that it waits for: a connection of the pool, a server that starts
    /// again, locks. 1 second.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.given.once("timeout");
        self.timeout = timeout;
        self
    }

    /// How many revocations there are at most. None is dropped before its time: one more is [`StoreError::Full`].
    /// The last tenth is for those of whole subjects. 1 000 000.
    #[must_use]
    pub fn max_revocations(mut self, revocations: usize) -> Self {
        self.given.once("max_revocations");
        self.max_revocations = revocations;
        self
    }

    /// Prepares no statements, for a pooler such as PgBouncer in transaction mode, which gives each transaction another
    /// connection to the server. Each operation still is one round trip. Default: statements are prepared.
    ///
    /// Notifications need a connection that stays: name the server itself by [`listen_at`](Self::listen_at).
    #[must_use]
    pub fn transaction_pooling(mut self) -> Self {
        self.prepares = false;
        self
    }

    /// Listens for revocations at this URL, on one connection more. It leads to the server and not to a pooler. Without
    /// it, revocations of other instances are known with the next poll. Default: the URL of the store, and none for a pool.
    #[must_use]
    pub fn listen_at(mut self, url: &str) -> Self {
        self.given.once("listen_at");
        self.listens = Some(Listens::At(url.into()));
        self
    }

    /// The same with a configuration of `tokio-postgres` and its TLS, such as those that the pool was made with. In the place
    /// of [`listen_at`](Self::listen_at).
    #[must_use]
    pub fn listen_with<T>(mut self, config: Config, tls: T) -> Self
    where
        T: MakeTlsConnect<Socket> + Clone + Send + Sync + 'static,
        T::Stream: Send,
        T::TlsConnect: Send,
        <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
    {
        self.given.once("listen_at");
        self.listens = Some(Listens::With(Connect::new(config, tls)));
        self
    }

    /// Connects, and listens. Does not make tables: see [`PostgresStore::migrate`]. Call it inside of a Tokio runtime that
    /// lasts as long as the store.
    ///
    /// # Errors
    /// [`StoreError::Config`] if a URL cannot be read, or asks for TLS. [`StoreError::SetTwice`].
    /// [`StoreError::NoRuntime`] outside of a Tokio runtime. [`StoreError::Schema`] if the tables are those of a later version, or the name of the schema is none. [`StoreError::Unavailable`] if no server
    /// answers within the timeout, and five seconds at least.
    pub async fn connect(self) -> Result<PostgresStore, StoreError> {
        let Self { place, schema, timeout, max_revocations, prepares, mut listens, given } = self;
        if let Some(setting) = given.twice() {
            return Err(StoreError::SetTwice { setting });
        }
        if Handle::try_current().is_err() {
            return Err(StoreError::NoRuntime);
        }
        check_name(&schema).map_err(StoreError::Schema)?;
        let pool = match place {
            Place::Pool(pool) => pool,
            Place::Url(url) => {
                let config = config(&url)?;
                if listens.is_none() && prepares {
                    listens = Some(Listens::With(Connect::new(config.clone(), NoTls)));
                }
                let recycle = ManagerConfig { recycling_method: RecyclingMethod::Fast };
                let pool = Pool::builder(Manager::from_config(config, NoTls, recycle));
                let pool = pool.max_size(CONNECTIONS).runtime(Runtime::Tokio1).build();
                pool.map_err(StoreError::unavailable)?
            }
        };
        let heard = Arc::new(Notify::new());
        let mut listening = JoinSet::new();
        let connect = match listens {
            Some(Listens::At(url)) => Some(Connect::new(config(&url)?, NoTls)),
            Some(Listens::With(connect)) => Some(connect),
            None => None,
        };
        if let Some(connect) = connect {
            listening.spawn(listen(connect, Arc::downgrade(&heard), schema.clone()));
        }
        let store = PostgresStore(Arc::new(Inner {
            pool,
            sql: Statements::new(&schema),
            schema,
            timeout,
            max_revocations,
            prepares,
            operations: Semaphore::new(OPERATIONS),
            heard,
            _listening: listening,
        }));
        match store.version(timeout.max(Duration::from_secs(5))).await {
            Ok(found) if found > VERSION => Err(StoreError::Schema(SchemaError::Newer { found, known: VERSION })),
            Ok(_) | Err(StoreError::Schema(SchemaError::Missing { .. })) => Ok(store),
            Err(error) => Err(error),
        }
    }
}

/// Reads a URL.
fn config(url: &str) -> Result<Config, StoreError> {
    let unreadable = StoreError::Config(StoreUrlError::Postgres);
    if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
        return Err(unreadable);
    }
    let tls = StoreError::Config(StoreUrlError::PostgresTls);
    // The driver knows no other modes.
    if url.contains("sslmode=verify-") {
        return Err(tls);
    }
    let mut config = Config::from_str(url).map_err(|_| unreadable)?;
    if config.get_ssl_mode() == SslMode::Require {
        return Err(tls);
    }
    if config.get_application_name().is_none() {
        config.application_name("jwt-core");
    }
    Ok(config)
}

impl fmt::Debug for PostgresStoreBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A URL may hold a password.
        f.debug_struct("PostgresStoreBuilder")
            .field("schema", &self.schema)
            .field("timeout", &self.timeout)
            .field("max_revocations", &self.max_revocations)
            .field("listens", &self.listens.is_some())
            .finish_non_exhaustive()
    }
}
