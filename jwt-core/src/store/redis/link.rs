//! The connection to Redis, and how another one is found after a failover.

use std::io;
use std::sync::{Arc, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use redis::aio::{ConnectionManager, ConnectionManagerConfig, MultiplexedConnection};
use redis::cluster_async::ClusterConnection;
use redis::{AsyncConnectionConfig, Cmd, ErrorKind, FromRedisValue, RedisError, RedisResult, ServerErrorKind};
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use super::address::{Address, Sentinel};

/// How long a server may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// How long the search for a route may take.
const SEARCH_TIMEOUT: Duration = Duration::from_secs(5);
/// How long to wait before the second search.
const SEARCH_PAUSE: Duration = Duration::from_millis(200);
/// How long to wait before a sentinel that does not answer is asked again.
const SENTINEL_PAUSE: Duration = Duration::from_secs(1);

/// The connection to the data: to the server, to the primary that sentinels name, or to all primaries of a cluster.
#[derive(Clone)]
pub(super) struct Link(Arc<Inner>);

struct Inner {
    address: Address,
    current: ArcSwap<Current>,
    /// Held by the one that searches for a route.
    searching: Mutex<()>,
    /// The tasks end when this is dropped.
    _listening: JoinSet<()>,
}

struct Current {
    /// How many routes were searched for before this one.
    number: u64,
    route: Route,
}

/// A server and a cluster reconnect by themselves. A cluster also follows slots and primaries that move.
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
            Inner { address, current, searching: Mutex::new(()), _listening: listening }
        });
        Ok(Self(inner))
    }

    /// Yields whenever something is published on that channel. Ends with the connection.
    pub(super) async fn messages(&self, channel: &str) -> RedisResult<BoxStream<'static, ()>> {
        self.0.address.messages(channel).await
    }

    /// The number of the route that is taken now.
    pub(super) fn route_number(&self) -> u64 {
        self.0.current.load().number
    }

    /// Sends a command. Sends it a second time where the connection is lost, or the server is no longer the primary.
    pub(super) async fn send<T: FromRedisValue>(&self, command: &Cmd) -> RedisResult<T> {
        let current = self.0.current.load_full();
        match current.route.clone().send(command).await {
            Err(error) if current.route.is_lost(&error) => match &current.route {
                Route::Primary(_) => self.route_after(current.number).await?.send(command).await,
                route => route.clone().send(command).await,
            },
            answer => answer,
        }
    }

    /// The server at the end of that route may hang or be gone: searches for another route, in the background.
    pub(super) fn search_after(&self, number: u64) {
        let link = self.clone();
        drop(tokio::spawn(async move { link.route_after(number).await.map(drop) }));
    }

    /// The route that follows that one. All who ask at the same time get the same answer, also where there is no route.
    async fn route_after(&self, after: u64) -> RedisResult<Route> {
        let link = self.clone();
        // A task, so that the search goes on where the caller stops waiting.
        let search = tokio::spawn(async move {
            let _one_at_a_time = link.0.searching.lock().await;
            let current = link.0.current.load_full();
            if current.number == after { link.0.search().await } else { Ok(current.route.clone()) }
        });
        search.await.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::Interrupted).into()))
    }
}

impl Inner {
    /// Takes another route if there is one. One caller at a time.
    async fn search(&self) -> RedisResult<Route> {
        let mut found = self.address.connect().await;
        if found.is_err() {
            tokio::time::sleep(SEARCH_PAUSE).await;
            found = self.address.connect().await;
        }
        let current = self.current.load();
        let route = found.as_ref().unwrap_or(&current.route).clone();
        self.current.store(Arc::new(Current { number: current.number.wrapping_add(1), route }));
        found
    }
}

/// Follows what a sentinel says of the primary. When the primary changes, the old one may not know it yet and may still
/// accept writes, which will be lost. Other sentinels may still name the old primary, so all of them are followed: after
/// the last one has told of the change, none names the old one.
async fn listen(link: Weak<Inner>, sentinel: Sentinel) {
    let mut missed = false;
    loop {
        if let Ok(Ok(mut changes)) = tokio::time::timeout(SEARCH_TIMEOUT, sentinel.changes()).await {
            while missed || changes.next().await.is_some() {
                missed = false;
                let Some(link) = link.upgrade() else { return };
                let _one_at_a_time = link.searching.lock().await;
                // Where there is no route, the next operation fails and says so.
                let _ = link.search().await;
            }
            // The primary may have changed before the sentinel is followed again.
            missed = true;
        }
        tokio::time::sleep(SENTINEL_PAUSE).await;
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

    /// Whether it is worth trying again at once. A cluster has already been tried several times when it yields an error.
    fn is_lost(&self, error: &RedisError) -> bool {
        match self {
            Self::Server(_) => error.is_unrecoverable_error(),
            Self::Primary(_) => {
                let demoted = [ServerErrorKind::ReadOnly, ServerErrorKind::MasterDown].map(ErrorKind::Server);
                // Its replicas may follow another primary.
                let without_replicas = error.code() == Some("NOREPLICAS");
                error.is_unrecoverable_error() || demoted.contains(&error.kind()) || without_replicas
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
                    // Waits some tenths of a second for a server that restarts, and reports one that is down soon. The
                    // next operation tries again.
                    let config = ConnectionManagerConfig::new()
                        .set_min_delay(Duration::from_millis(20))
                        .set_max_delay(Duration::from_millis(200))
                        .set_number_of_retries(3)
                        .set_connection_timeout(Some(CONNECT_TIMEOUT))
                        .set_response_timeout(None);
                    ConnectionManager::new_with_config((**client).clone(), config).await.map(Route::Server)
                }
                Self::Cluster(client, _) => client.get_async_connection().await.map(Route::Cluster),
                Self::Sentinels(sentinels) => primary(sentinels).await.map(Route::Primary),
            }
        };
        let connected = tokio::time::timeout(SEARCH_TIMEOUT, connecting).await;
        connected.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into()))
    }
}

/// Asks all sentinels at once, so that one that hangs delays nobody. The first that names a primary counts.
async fn primary(sentinels: &[Sentinel]) -> RedisResult<MultiplexedConnection> {
    let mut asking = JoinSet::new();
    for sentinel in sentinels {
        let sentinel = sentinel.clone();
        asking.spawn(async move {
            let config =
                AsyncConnectionConfig::new().set_connection_timeout(Some(CONNECT_TIMEOUT)).set_response_timeout(None);
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
