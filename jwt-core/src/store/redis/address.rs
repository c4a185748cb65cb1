//! Where the data are: the URL of a Redis server, a cluster or sentinels.

use std::future::ready;
use std::io;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use redis::cluster::ClusterClient;
use redis::io::tcp::TcpSettings;
use redis::io::tcp::socket2::TcpKeepalive;
use redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use redis::{Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisError, RedisResult, TlsMode};

use super::tls::{self, Tls};
use crate::store::StoreUrlError;

/// How long a node of a cluster may take to connect, and to answer when it is asked for the layout of the cluster. Others
/// wait meanwhile, so this is less than an operation may take.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(500);
/// How long a node of a cluster may take to answer an operation before it is asked again.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(1);
/// How long a sentinel that is followed may be silent before the connection is probed.
const KEEPALIVE: Duration = Duration::from_secs(30);
/// Where a sentinel listens if its address does not say so.
const SENTINEL_PORT: u16 = 26_379;

/// Where the data are, as a URL says it.
#[derive(Clone)]
pub(super) enum Address {
    Server(Box<Client>),
    /// With the nodes that the URL names.
    Cluster(Box<ClusterClient>, Vec<Client>),
    Sentinels(Vec<Sentinel>),
}

/// A sentinel, which knows the primary, and the credentials for both.
#[derive(Clone)]
pub(super) struct Sentinel {
    at: ConnectionAddr,
    name: Box<str>,
    /// At the primary.
    user: User,
    /// At the sentinel.
    own_user: User,
    database: i64,
    tls: Option<TlsMode>,
    certificates: Tls,
}

#[derive(Clone, Default)]
struct User {
    name: Option<Box<str>>,
    password: Option<Box<str>>,
}

impl Address {
    /// Reads the URL of a store. `redis+cluster` and `redis+sentinel` name several hosts and are read here; the driver
    /// reads every other URL.
    pub(super) fn parse(url: &str, tls: &Tls) -> Result<Self, StoreUrlError> {
        let (scheme, rest) = url.split_once("://").ok_or(StoreUrlError::NotAUrl)?;
        let (protocol, kind) = scheme.split_once('+').unwrap_or((scheme, ""));
        tls.check()?;
        if matches!(protocol, "rediss" | "valkeys") {
            tls::prepare();
        } else if tls.is_given() && matches!(protocol, "redis" | "valkey" | "unix") {
            return Err(StoreUrlError::NoTls { scheme: scheme.into() });
        }
        match (protocol, kind) {
            ("redis" | "rediss" | "valkey" | "valkeys", "cluster") => {
                Self::cluster(protocol, &Several::parse(scheme, rest)?, tls)
            }
            ("redis" | "rediss" | "valkey" | "valkeys", "sentinel") => {
                Self::sentinels(protocol, &Several::parse(scheme, rest)?, tls)
            }
            _ => {
                let info = server(scheme, url, || unreadable_server(scheme))?;
                if matches!(info.addr(), ConnectionAddr::TcpTls { insecure: true, .. }) {
                    return Err(StoreUrlError::Insecure { scheme: scheme.into() });
                }
                tls.server(info).map(|client| Self::Server(Box::new(client))).map_err(|_| unreadable_server(scheme))
            }
        }
    }

    /// Yields whenever something is published on that channel. Ends with the connection.
    pub(super) async fn messages(&self, channel: &str) -> RedisResult<BoxStream<'static, ()>> {
        match self {
            Self::Server(client) => subscribe(client, channel).await,
            // Each node of a cluster hears what is published on any.
            Self::Cluster(_, nodes) => {
                let mut heard = Err(no_server());
                for node in nodes {
                    heard = subscribe(node, channel).await;
                    if heard.is_ok() {
                        break;
                    }
                }
                heard
            }
            Self::Sentinels(sentinels) => {
                let mut heard = Err(no_server());
                for sentinel in sentinels {
                    heard = match sentinel.primary().await {
                        Ok(client) => subscribe(&client, channel).await,
                        Err(error) => Err(error),
                    };
                    if heard.is_ok() {
                        break;
                    }
                }
                heard
            }
        }
    }

    fn cluster(protocol: &str, parts: &Several<'_>, tls: &Tls) -> Result<Self, StoreUrlError> {
        if !matches!(parts.path, "" | "0") {
            return Err(match parts.path.parse() {
                Ok(database @ 1..) => StoreUrlError::ClusterDatabase { database },
                _ => parts.unreadable_database(parts.path),
            });
        }
        if !parts.query.is_empty() {
            return Err(parts.unknown_query());
        }
        let nodes = parts.hosts.split(',').map(|host| parts.server(&format!("{protocol}://{}{host}", parts.user)));
        let nodes = nodes.collect::<Result<Vec<_>, _>>()?;
        let single = nodes.iter().cloned().map(|node| tls.server(node));
        let single = single.collect::<RedisResult<Vec<_>>>().map_err(|_| parts.unreadable_hosts())?;
        // Waits some tenths of a second for a node that restarts, as on one server.
        let client = ClusterClient::builder(nodes)
            .connection_timeout(CONNECT_TIMEOUT)
            .response_timeout(RESPONSE_TIMEOUT)
            .overall_response_timeout(None)
            .retries(8)
            .min_retry_wait(20)
            .max_retry_wait(200)
            .retry_wait_formula(10, 2);
        tls.cluster(client)
            .build()
            .map(|client| Self::Cluster(Box::new(client), single))
            .map_err(|_| parts.unreadable_hosts())
    }

    fn sentinels(protocol: &str, parts: &Several<'_>, certificates: &Tls) -> Result<Self, StoreUrlError> {
        let (name, database) = parts.path.split_once('/').unwrap_or((parts.path, "0"));
        // The names that a sentinel takes.
        let in_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        if name.is_empty() || !name.bytes().all(in_name) {
            return Err(StoreUrlError::Primary { name: parts.shown(name) });
        }
        let database: u32 = database.parse().map_err(|_| parts.unreadable_database(database))?;
        let own_user = sentinel_user(parts)?;
        let sentinel = |host: &str| {
            let has_port = host.rsplit_once(']').map_or(host, |(_, behind)| behind).contains(':');
            let port = if has_port { String::new() } else { format!(":{SENTINEL_PORT}") };
            let info = parts.server(&format!("{protocol}://{}{host}{port}", parts.user))?;
            let at = info.addr().clone();
            let tls = matches!(at, ConnectionAddr::TcpTls { .. }).then_some(TlsMode::Secure);
            let user = User::of(&info);
            Ok(Sentinel {
                at,
                name: name.into(),
                user,
                own_user: own_user.clone(),
                database: database.into(),
                tls,
                certificates: certificates.clone(),
            })
        };
        parts.hosts.split(',').map(sentinel).collect::<Result<_, _>>().map(Self::Sentinels)
    }
}

impl Sentinel {
    /// The server that this sentinel takes for the primary, which says so itself.
    pub(super) async fn primary(&self) -> RedisResult<Client> {
        self.client()?.async_get_client().await
    }

    /// Yields whenever the sentinel reports another primary of this name. Ends with the connection.
    pub(super) async fn changes(&self) -> RedisResult<BoxStream<'static, ()>> {
        let mut messages = self.client()?.async_get_sentinel_client().await?.get_async_pubsub().await?;
        messages.subscribe("+switch-master").await?;
        let name = format!("{} ", self.name);
        let changes = messages.into_on_message().filter_map(move |message| {
            let is_of_name = message.get_payload_bytes().starts_with(name.as_bytes());
            ready(is_of_name.then_some(()))
        });
        Ok(changes.boxed())
    }

    fn client(&self) -> RedisResult<SentinelClient> {
        let mut client = SentinelClientBuilder::new([self.at.clone()], &self.name, SentinelServerType::Master)?
            .set_client_to_sentinel_tcp_settings(
                TcpSettings::default().set_keepalive(TcpKeepalive::new().with_time(KEEPALIVE)),
            )
            .set_client_to_redis_db(self.database);
        if let Some(tls) = self.tls {
            client = client.set_client_to_redis_tls_mode(tls);
        }
        if let Some(name) = &self.user.name {
            client = client.set_client_to_redis_username(name);
        }
        if let Some(password) = &self.user.password {
            client = client.set_client_to_redis_password(password);
        }
        if let Some(name) = &self.own_user.name {
            client = client.set_client_to_sentinel_username(name);
        }
        if let Some(password) = &self.own_user.password {
            client = client.set_client_to_sentinel_password(password);
        }
        self.certificates.sentinel(client).build()
    }
}

impl User {
    fn of(info: &ConnectionInfo) -> Self {
        let settings = info.redis_settings();
        Self { name: settings.username().map(Into::into), password: settings.password().map(Into::into) }
    }
}

async fn subscribe(client: &Client, channel: &str) -> RedisResult<BoxStream<'static, ()>> {
    let mut messages = client.get_async_pubsub().await?;
    messages.subscribe(channel).await?;
    Ok(messages.into_on_message().map(drop).boxed())
}

fn no_server() -> RedisError {
    io::Error::from(io::ErrorKind::NotFound).into()
}

/// The parts of a URL with several hosts, which no RFC describes: `user:password@host:port,host:port/path?query`.
struct Several<'a> {
    scheme: &'a str,
    /// With its `@`.
    user: &'a str,
    hosts: &'a str,
    path: &'a str,
    query: &'a str,
}

impl<'a> Several<'a> {
    fn parse(scheme: &'a str, rest: &'a str) -> Result<Self, StoreUrlError> {
        if rest.contains('#') {
            return Err(StoreUrlError::Fragment { scheme: scheme.into() });
        }
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, hosts) = authority.split_at(authority.find('@').map_or(0, |at| at + 1));
        let parts = Self { scheme, user, hosts, path: path.strip_suffix('/').unwrap_or(path), query };
        // One user for all hosts: a comma or another `@` means that somebody takes it for one of each.
        if user.contains(',') || hosts.contains('@') || hosts.split(',').any(str::is_empty) {
            return Err(parts.unreadable_hosts());
        }
        Ok(parts)
    }

    /// One of the hosts, as the driver reads it.
    fn server(&self, url: &str) -> Result<ConnectionInfo, StoreUrlError> {
        server(self.scheme, url, || self.unreadable_hosts())
    }

    fn unreadable_database(&self, text: &str) -> StoreUrlError {
        StoreUrlError::Database { database: self.shown(text) }
    }

    fn unreadable_hosts(&self) -> StoreUrlError {
        StoreUrlError::Hosts { scheme: self.scheme.into() }
    }

    fn unknown_query(&self) -> StoreUrlError {
        StoreUrlError::Query { scheme: self.scheme.into() }
    }

    /// A part of the path for an error: only where no user is in the URL. Where a password is not percent-encoded, part of
    /// it is read as the path.
    fn shown(&self, part: &str) -> Option<Box<str>> {
        let has_user = [self.user, self.path, self.query].iter().any(|part| part.contains('@'));
        (!has_user).then(|| part.into())
    }
}

/// Why the driver does not read the URL of one server.
fn unreadable_server(scheme: &str) -> StoreUrlError {
    const DRIVER: [&str; 7] = ["redis", "rediss", "valkey", "valkeys", "unix", "redis+unix", "valkey+unix"];
    // RFC 3986 §3.1. Anything else may be part of a password.
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
    match scheme {
        _ if !is_scheme => StoreUrlError::NotAUrl,
        _ if DRIVER.contains(&scheme) => StoreUrlError::Server { scheme: scheme.into() },
        _ => StoreUrlError::Scheme { scheme: scheme.into() },
    }
}

/// One host, as the driver reads it.
fn server(
    scheme: &str,
    url: &str,
    unreadable: impl FnOnce() -> StoreUrlError,
) -> Result<ConnectionInfo, StoreUrlError> {
    url.into_connection_info().map_err(|_| {
        // Without TLS, the driver does not read these.
        let plain = url.replacen("rediss:", "redis:", 1).replacen("valkeys:", "valkey:", 1);
        let wants_tls = plain != url && plain.as_str().into_connection_info().is_ok();
        if wants_tls { StoreUrlError::Tls { scheme: scheme.into() } } else { unreadable() }
    })
}

/// `sentinel_username=…&sentinel_password=…`, either or none.
fn sentinel_user(parts: &Several<'_>) -> Result<User, StoreUrlError> {
    let url = format!("redis://sentinel?{}", parts.query);
    let url = redis::parse_redis_url(&url).ok_or_else(|| parts.unknown_query())?;
    let mut user = User::default();
    for (name, value) in url.query_pairs() {
        let part = match &*name {
            "sentinel_username" => &mut user.name,
            "sentinel_password" => &mut user.password,
            _ => return Err(parts.unknown_query()),
        };
        if part.replace((&*value).into()).is_some() {
            return Err(parts.unknown_query());
        }
    }
    Ok(user)
}
