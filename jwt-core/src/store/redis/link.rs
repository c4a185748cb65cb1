use std::io;
use std::sync::{Arc, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;
use futures_util::StreamExt;
use redis::aio::{ConnectionManager, ConnectionManagerConfig, MultiplexedConnection};
use redis::cluster_async::ClusterConnection;
use redis::{AsyncConnectionConfig, Cmd, ErrorKind, FromRedisValue, RedisError, RedisResult, ServerErrorKind};
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use super::address::{Address, Sentinel};

/// For how long a server that is asked to connect may say nothing.
const SILENT: Duration = Duration::from_secs(1);
/// For how long a way is looked for at most.
const LOOKING: Duration = Duration::from_secs(5);
/// How long to wait before looking once more.
const PAUSE: Duration = Duration::from_millis(200);
/// How long to wait for a sentinel that does not listen.
const AWAY: Duration = Duration::from_secs(1);

/// The way to the data: to the server, to the primary that sentinels name, or to all primaries of a cluster.
#[derive(Clone)]
pub(super) struct Link(Arc<Inner>);

struct Inner {
    address: Address,
    current: ArcSwap<Current>,
    looking: Mutex<()>,
    /// Ends with it.
    _listening: JoinSet<()>,
}

struct Current {
    /// How often was looked for a way before it.
    number: u64,
    route: Route,
}

/// The first and the last connect anew by themselves, the last one also follows slots and primaries that move.
#[derive(Clone)]
enum Route {
    Server(ConnectionManager),
    Primary(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Link {
    pub(super) async fn open(address: Address) -> RedisResult<Self> {
        let route = address.connect().await?;
        let current = ArcSwap::from_pointee(Current { number: 0, route });
        let inner = Arc::new_cyclic(|inner: &Weak<Inner>| {
            let mut listening = JoinSet::new();
            if let Address::Sentinels(sentinels) = &address {
                for sentinel in sentinels {
                    listening.spawn(listen(inner.clone(), sentinel.clone()));
                }
            }
            Inner { address, current, looking: Mutex::new(()), _listening: listening }
        });
        Ok(Self(inner))
    }

    /// Which way is taken now.
    pub(super) fn number(&self) -> u64 {
        self.0.current.load().number
    }

    /// Sends it, and once more where the connection turns out to be gone, or the server to be the primary no more.
    pub(super) async fn send<T: FromRedisValue>(&self, command: &Cmd) -> RedisResult<T> {
        let current = self.0.current.load_full();
        match current.route.clone().send(command).await {
            Err(error) if current.route.is_lost(&error) => match &current.route {
                Route::Primary(_) => self.renew(current.number).await?.send(command).await,
                route => route.clone().send(command).await,
            },
            answer => answer,
        }
    }

    /// That way may lead to a server that hangs, or to nobody: looks for another one, in the background.
    pub(super) fn doubt(&self, number: u64) {
        let link = self.clone();
        drop(tokio::spawn(async move { link.renew(number).await.map(drop) }));
    }

    /// The way after that one. Whoever asks at the same time gets the same, also if there is none.
    async fn renew(&self, after: u64) -> RedisResult<Route> {
        let link = self.clone();
        // Looking goes on when nobody has the time to wait for it.
        let looking = tokio::spawn(async move {
            let _one_at_a_time = link.0.looking.lock().await;
            let current = link.0.current.load_full();
            if current.number == after { link.0.look().await } else { Ok(current.route.clone()) }
        });
        looking.await.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::Interrupted).into()))
    }
}

impl Inner {
    /// Takes another way if there is one. For one at a time.
    async fn look(&self) -> RedisResult<Route> {
        let mut found = self.address.connect().await;
        if found.is_err() {
            tokio::time::sleep(PAUSE).await;
            found = self.address.connect().await;
        }
        let current = self.current.load();
        let route = found.as_ref().unwrap_or(&current.route).clone();
        self.current.store(Arc::new(Current { number: current.number.wrapping_add(1), route }));
        found
    }
}

/// A sentinel tells when there is another primary. The old one may not know yet, and take writes that will be lost. That
/// sentinel knows more than others: the last of them that tells us leaves nobody who names the old one.
async fn listen(link: Weak<Inner>, sentinel: Sentinel) {
    let mut missed = false;
    loop {
        if let Ok(Ok(mut changes)) = tokio::time::timeout(LOOKING, sentinel.changes()).await {
            while missed || changes.next().await.is_some() {
                missed = false;
                let Some(link) = link.upgrade() else { return };
                let _one_at_a_time = link.looking.lock().await;
                // If there is none, the next operation says so.
                let _ = link.look().await;
            }
            // There may be another primary by the time that it listens again.
            missed = true;
        }
        tokio::time::sleep(AWAY).await;
    }
}

impl Route {
    async fn send<T: FromRedisValue>(self, command: &Cmd) -> RedisResult<T> {
        match self {
            Self::Server(mut connection) => command.query_async(&mut connection).await,
            Self::Primary(mut connection) => command.query_async(&mut connection).await,
            Self::Cluster(mut connection) => command.query_async(&mut connection).await,
        }
    }

    /// Whether it is worth trying again at once. A cluster has been tried often enough when it yields an error.
    fn is_lost(&self, error: &RedisError) -> bool {
        match self {
            Self::Server(_) => error.is_unrecoverable_error(),
            Self::Primary(_) => {
                let demoted = [ServerErrorKind::ReadOnly, ServerErrorKind::MasterDown].map(ErrorKind::Server);
                // Its replicas may follow another one.
                let alone = error.code() == Some("NOREPLICAS");
                error.is_unrecoverable_error() || demoted.contains(&error.kind()) || alone
            }
            Self::Cluster(_) => false,
        }
    }
}

impl Address {
    async fn connect(&self) -> RedisResult<Route> {
        let connecting = async {
            match self {
                Self::Server(client) => {
                    // A server that restarts is waited for, for some tenths of a second; one that is down is said to be
                    // so soon. The next operation tries again.
                    let config = ConnectionManagerConfig::new()
                        .set_min_delay(Duration::from_millis(20))
                        .set_max_delay(Duration::from_millis(200))
                        .set_number_of_retries(3)
                        .set_connection_timeout(Some(SILENT))
                        .set_response_timeout(None);
                    ConnectionManager::new_with_config(client.clone(), config).await.map(Route::Server)
                }
                Self::Cluster(client) => client.get_async_connection().await.map(Route::Cluster),
                Self::Sentinels(sentinels) => primary(sentinels).await.map(Route::Primary),
            }
        };
        let connected = tokio::time::timeout(LOOKING, connecting).await;
        connected.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into()))
    }
}

/// Asks all sentinels at once, so that none that hangs is waited for. The first that names a primary counts.
async fn primary(sentinels: &[Sentinel]) -> RedisResult<MultiplexedConnection> {
    let mut asking = JoinSet::new();
    for sentinel in sentinels {
        let sentinel = sentinel.clone();
        asking.spawn(async move {
            let config = AsyncConnectionConfig::new().set_connection_timeout(Some(SILENT)).set_response_timeout(None);
            sentinel.primary().await?.get_multiplexed_async_connection_with_config(&config).await
        });
    }
    let mut fault = io::Error::from(io::ErrorKind::NotFound).into();
    while let Some(answer) = asking.join_next().await {
        match answer {
            Ok(Ok(connection)) => return Ok(connection),
            Ok(Err(error)) => fault = error,
            Err(_) => {}
        }
    }
    Err(fault)
}
