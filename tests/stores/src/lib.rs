//! What the tests and the measurements of the stores share: the stores, a clock that obeys, traffic.

#![expect(clippy::missing_panics_doc, reason = "whatever is amiss here makes a test fail")]

mod clock;
mod directory;
mod disk;
mod traffic;

use std::any::Any;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Weak, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use jwt_core::clock::NumericDate;
use jwt_core::store::{
    PostgresStoreBuilder, ProofStore, Revocation, RevocationStore, SignInStore, StoreFuture, TenantStore,
};
use jwt_core::{
    Algorithm, Authenticator, KeySet, MemoryStore, PostgresStore, RedisStore, SigningKey, SqliteStore, VerifiedToken,
};

use tokio::runtime::Builder;
use tokio::sync::{Mutex, oneshot};

pub use clock::TestClock;
pub use directory::TestDirectory;
pub use disk::SmallDisk;
pub use postgres_servers::{PgBouncer, PostgresServer, pgbouncer_is_installed, postgres_is_installed};
pub use redis_servers::{OtherServer, RedisCluster, RedisSentinels, RedisServer, redis_is_installed};
pub use traffic::{Traffic, is_revoked, until};

/// A busy machine is not what is tested here.
const PATIENT: Duration = Duration::from_secs(20);

/// A store under test, and the servers that it may need.
pub struct Stores {
    /// The sign-ins.
    pub sign_ins: Arc<dyn SignInStore>,
    /// The revocations.
    pub revocations: Arc<dyn RevocationStore>,
    /// The names of tenants.
    pub tenants: Arc<dyn TenantStore>,
    /// The used proofs.
    pub proofs: Arc<dyn ProofStore>,
    /// End with it.
    _servers: Option<Arc<dyn Any + Send + Sync>>,
}

impl Stores {
    /// In memory.
    pub fn memory() -> Self {
        Self::of(Arc::new(MemoryStore::new()), None)
    }

    fn of<S: SignInStore + RevocationStore + TenantStore + ProofStore + 'static>(
        store: Arc<S>,
        servers: Option<Arc<dyn Any + Send + Sync>>,
    ) -> Self {
        Self {
            sign_ins: store.clone(),
            revocations: store.clone(),
            tenants: store.clone(),
            proofs: store,
            _servers: servers,
        }
    }

    /// In a file of its own.
    pub async fn sqlite() -> Self {
        let directory = TestDirectory::new();
        let store = SqliteStore::builder(directory.path().join("store.db")).timeout(PATIENT).open().await;
        Self::of(Arc::new(store.expect("the directory is there")), Some(Arc::new(directory)))
    }

    /// In a schema of its own of a PostgreSQL, which those that live at the same time share; `None` where none is installed.
    pub async fn postgres() -> Option<Self> {
        static SHARED: Mutex<Weak<Shared>> = Mutex::const_new(Weak::new());
        if !postgres_is_installed() {
            return None;
        }
        let start = async || {
            let server = PostgresServer::start_with(&["max_connections=500"]);
            (server.url(), server)
        };
        let shared = Shared::start(&SHARED, start).await;
        Some(Self::in_schema(PostgresStore::builder(&shared.url), shared.clone()).await)
    }

    /// The same where every transaction is serializable, so that some of them fail and have to be tried again.
    pub async fn serializable() -> Option<Self> {
        static SHARED: Mutex<Weak<Shared>> = Mutex::const_new(Weak::new());
        if !postgres_is_installed() {
            return None;
        }
        let start = async || {
            let settings = ["max_connections=500", "default_transaction_isolation=serializable"];
            let server = PostgresServer::start_with(&settings);
            (server.url(), server)
        };
        let shared = Shared::start(&SHARED, start).await;
        Some(Self::in_schema(PostgresStore::builder(&shared.url), shared.clone()).await)
    }

    /// The same behind a PgBouncer in transaction mode; `None` where none is installed.
    pub async fn pgbouncer() -> Option<Self> {
        static SHARED: Mutex<Weak<Shared>> = Mutex::const_new(Weak::new());
        if !postgres_is_installed() || !pgbouncer_is_installed() {
            return None;
        }
        let start = async || {
            let server = PostgresServer::start();
            let bouncer = PgBouncer::start(&server);
            (bouncer.url(), (bouncer, server))
        };
        let shared = Shared::start(&SHARED, start).await;
        Some(Self::in_schema(PostgresStore::builder(&shared.url).transaction_pooling(), shared.clone()).await)
    }

    async fn in_schema(builder: PostgresStoreBuilder, servers: Arc<dyn Any + Send + Sync>) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let schema = format!("jwt_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let store = builder.schema(&schema).timeout(PATIENT).connect().await.expect("the server has just been started");
        store.migrate().await.expect("there is nothing yet");
        Self::of(Arc::new(store), Some(servers))
    }

    /// On a Redis that is started for it; `None` where none is installed.
    pub async fn redis() -> Option<Self> {
        if !redis_is_installed() {
            return None;
        }
        Some(Self::as_user(RedisServer::start()).await)
    }

    /// On a Valkey that is started for it; `None` where none is installed.
    pub async fn valkey() -> Option<Self> {
        Self::other(OtherServer::Valkey).await
    }

    /// On a Redis of the last series before 7 that is started for it; `None` where none is installed.
    pub async fn redis_6_2() -> Option<Self> {
        Self::other(OtherServer::Redis62).await
    }

    async fn other(other: OtherServer) -> Option<Self> {
        if !other.is_installed() {
            return None;
        }
        Some(Self::as_user(RedisServer::start_other(other)).await)
    }

    /// As a user who may do what the book says, and nothing else.
    async fn as_user(server: RedisServer) -> Self {
        let (rights, announced) = documented_rights();
        server.run(&format!("ACL SETUSER app on >secret resetchannels {rights} {announced}")).await;
        let store = RedisStore::connect(&server.url().replace("//", "//app:secret@")).await;
        let store = store.expect("the server has just been started").timeout(PATIENT);
        Self::of(Arc::new(store), Some(Arc::new(server)))
    }

    /// In a cluster, which those that live at the same time share; `None` where no Redis is installed.
    pub async fn cluster() -> Option<Self> {
        static SHARED: Mutex<Weak<Shared>> = Mutex::const_new(Weak::new());
        if !redis_is_installed() {
            return None;
        }
        let start = async || {
            let cluster = RedisCluster::start_without_disk().await;
            (cluster.url(), cluster)
        };
        let shared = Shared::start(&SHARED, start).await;
        Some(Self::at(&shared.url, shared.clone()).await)
    }

    /// Behind sentinels, which those that live at the same time share; `None` where no Redis is installed.
    pub async fn sentinels() -> Option<Self> {
        static SHARED: Mutex<Weak<Shared>> = Mutex::const_new(Weak::new());
        if !redis_is_installed() {
            return None;
        }
        let start = async || {
            let sentinels = RedisSentinels::start_without_disk().await;
            (sentinels.url(), sentinels)
        };
        let shared = Shared::start(&SHARED, start).await;
        Some(Self::at(&shared.url, shared.clone()).await)
    }

    /// With a prefix of its own.
    async fn at(url: &str, servers: Arc<dyn Any + Send + Sync>) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let store = RedisStore::connect(url).await.expect("the servers have just been started");
        let store = store.timeout(PATIENT);
        let store = Arc::new(store.prefix(format!("jwt-{}:", COUNT.fetch_add(1, Ordering::Relaxed))));
        Self::of(store, Some(servers))
    }
}

/// What a user of the store needs by `docs/how-to/redis.md`, and what they also need so that revocations are announced.
pub fn documented_rights() -> (&'static str, &'static str) {
    let page = include_str!("../../../docs/how-to/redis.md");
    let (_, rest) = page.split_once("Give the store its own user with").expect("the page says so");
    let mut code = rest.split('`').skip(1).step_by(2);
    let rights = code.next().expect("they are in the sentence");
    (rights, code.find(|code| code.contains("+publish")).expect("they are in the next sentences"))
}

/// A log that says nothing of new entries by itself: a list on it looks when it is told to.
pub struct Unannounced(pub Arc<dyn RevocationStore>);

impl RevocationStore for Unannounced {
    fn add(&self, revocation: Revocation, now: NumericDate) -> StoreFuture<'_, ()> {
        self.0.add(revocation, now)
    }

    fn since(&self, number: u64) -> StoreFuture<'_, Vec<(u64, Revocation)>> {
        self.0.since(number)
    }
}

impl std::fmt::Debug for Unannounced {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Unannounced").finish_non_exhaustive()
    }
}

/// Servers that tests share which run at the same time. They end with the last of these tests.
struct Shared {
    url: String,
    user: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Shared {
    fn drop(&mut self) {
        // They leave nothing behind if they are waited for.
        self.user = None;
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

impl Shared {
    /// Servers end with the thread that started them, so these have one of their own.
    async fn start<T>(
        shared: &Mutex<Weak<Self>>,
        start: impl AsyncFnOnce() -> (String, T) + Send + 'static,
    ) -> Arc<Self> {
        let mut shared = shared.lock().await;
        if let Some(shared) = shared.upgrade() {
            return shared;
        }
        let (started, url) = oneshot::channel();
        let (user, users) = mpsc::channel();
        let thread = thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().expect("threads can be had");
            let (url, _servers) = runtime.block_on(start());
            let _ = started.send(url);
            let _ = users.recv();
        });
        let url = url.await.expect("they start");
        let started = Arc::new(Self { url, user: Some(user), thread: Some(thread) });
        *shared = Arc::downgrade(&started);
        started
    }
}

impl std::fmt::Debug for Stores {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stores").finish_non_exhaustive()
    }
}

/// A proved token with these claims and an `exp` far away.
pub fn proved(mut claims: serde_json::Value) -> VerifiedToken<()> {
    let secret = b"a secret of at least thirty-two bytes";
    claims["exp"] = 4_000_000_000_u64.into();
    let token = SigningKey::secret(Algorithm::HS256, secret).expect("long enough").sign(&claims).expect("an object");
    let verifier = Authenticator::<()>::builder()
        .keys(KeySet::hs256(secret).expect("long enough"))
        .any_audience()
        .build_verifier()
        .expect("keys and audience are set");
    verifier.verify(token).expect("it was just signed")
}
