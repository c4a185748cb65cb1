//! A store in Redis or Valkey.

mod address;
mod builder;
mod hearing;
mod link;
mod proof;
mod script;
mod tenants;
#[cfg(not(feature = "redis-tls"))]
#[path = "no_tls.rs"]
#[allow(clippy::unused_self, reason = "it stands in for what has settings")]
mod tls;
#[cfg(feature = "redis-tls")]
mod tls;

pub use builder::RedisStoreBuilder;

use std::fmt;
use std::future::pending;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use redis::{Cmd, ErrorKind, FromRedisValue, RedisResult, ServerErrorKind};
use tokio::runtime::Handle;

use hearing::Hearing;
use link::Link;
use script::Script;

use super::{
    Change, Digest, Owner, Record, Revocation, RevocationStore, SignInKey, SignInStore, StoreError, StoreFuture, Touch,
};
use crate::clock::NumericDate;
use crate::config_error::Given;

/// How many revocations one answer holds at most.
const PAGE: usize = 4096;
/// How much longer than its content a key lives, since clocks differ.
const SLACK: Duration = Duration::from_secs(60);
/// The longest time to live of a key, in milliseconds: a thousand years. Redis refuses larger numbers.
const LONGEST: u64 = 1000 * 365 * 24 * 60 * 60 * 1000;

/// Remembers in Redis (7 or later) or Valkey, for any number of instances: on one server, on the primary that Sentinel
/// names, or in a cluster.
///
/// Each operation is one command or one script on the sign-ins of one user, which are one hash: atomic, and one round
/// trip to one node. Keys begin with a prefix and have a time to live. An operation that takes longer than the timeout
/// is [`StoreError::Unavailable`]; connections are made again by themselves, and to another server after a failover.
/// A setting is given once: a store that was given one twice refuses every operation, with [`StoreError::SetTwice`].
/// What Redis acknowledged is as safe as its persistence and its replication make it: see `docs/how-to/redis.md`.
#[derive(Clone)]
#[cfg_attr(feature_labels, doc(cfg(feature = "redis")))]
pub struct RedisStore {
    link: Link,
    prefix: Box<str>,
    timeout: Duration,
    max_revocations: usize,
    given: Given,
    scripts: Arc<Scripts>,
    /// Begins with the first list that waits for revocations, when the prefix is known.
    hearing: Arc<OnceLock<Hearing>>,
}

struct Scripts {
    insert: Script,
    find: Script,
    change: Script,
    revoke: Script,
    proof: Script,
}

impl RedisStore {
    /// Connects to the store at a URL:
    ///
    /// - `redis://user:password@host:6379/0`: one server, and the number of the database.
    /// - `redis+cluster://user:password@host:7000,host:7001`: a cluster, by some of its nodes. The other nodes are found,
    ///   also those that are added later.
    /// - `redis+sentinel://user:password@host:26379,host:26380/NAME/0`: the primary that these sentinels call `NAME`, and
    ///   the number of the database. User and password are for the primary; `?sentinel_username=…&sentinel_password=…` for the sentinels.
    ///
    /// With `rediss` instead of `redis`, all connections use TLS, which is the feature `redis-tls`.
    /// Special characters in a user name or password are percent-encoded.
    ///
    /// # Errors
    /// [`StoreError::Config`] if the URL is none of these. [`StoreError::Unavailable`] if no server answers, after five
    /// seconds at most.
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        Self::builder(url).connect().await
    }

    /// A store at a URL like that of [`connect`](Self::connect), with settings for TLS (feature `redis-tls`): its own
    /// certificate authority, and a certificate of this client.
    ///
    /// ```no_run
    /// # #[cfg(feature = "redis-tls")]
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use jwt_core::RedisStore;
    ///
    /// let store = RedisStore::builder("rediss://redis.internal.example")
    ///     .root_certificate(std::fs::read("/etc/ssl/example-ca.pem")?)
    ///     .client_certificate(std::fs::read("client.pem")?, std::fs::read("client.key")?)
    ///     .connect()
    ///     .await?;
    /// # let _ = store;
    /// # Ok(()) }
    /// ```
    pub fn builder(url: &str) -> RedisStoreBuilder {
        RedisStoreBuilder::new(url)
    }

    /// The text that all keys begin with. `jwt:`.
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.given.once("prefix");
        self.prefix = prefix.into().into_boxed_str();
        self.hearing = Arc::default();
        self
    }

    /// How long an operation may take, with everything that it waits for. 1 second.
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

    fn sign_ins_of(&self, owner: Owner) -> String {
        format!("{}sign-ins:{owner}", self.prefix)
    }

    /// The braces keep the keys of the log on one node of a cluster.
    fn revocations(&self, part: &str) -> String {
        format!("{}{{revocations}}:{part}", self.prefix)
    }

    async fn send<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, StoreError> {
        self.within_time(self.link.send(command)).await
    }

    async fn run<T: FromRedisValue>(&self, script: &Script, call: &Cmd) -> Result<T, StoreError> {
        let unknown = ErrorKind::Server(ServerErrorKind::NoScript);
        let answer = async {
            match self.link.send(call).await {
                Err(error) if error.kind() == unknown => self.link.send(&script.in_full(call)).await,
                answer => answer,
            }
        };
        self.within_time(answer).await
    }

    /// Every operation may be repeated: the second time it changes nothing and has the same answer.
    async fn within_time<T>(&self, answer: impl Future<Output = RedisResult<T>>) -> Result<T, StoreError> {
        if let Some(setting) = self.given.twice() {
            return Err(StoreError::SetTwice { setting });
        }
        let route = self.link.route_number();
        match tokio::time::timeout(self.timeout, answer).await {
            Ok(answer) => answer.map_err(StoreError::unavailable),
            Err(late) => {
                self.link.search_after(route);
                Err(StoreError::unavailable(late))
            }
        }
    }
}

/// The time to live of a key that holds something that expires at that moment.
fn time_to_live(expires_at: NumericDate, now: NumericDate) -> u64 {
    let slack = u64::try_from(SLACK.as_millis()).unwrap_or(u64::MAX);
    expires_at.as_millis().saturating_sub(now.as_millis()).saturating_add(slack)
}

fn read(text: &str) -> Result<Record, StoreError> {
    serde_json::from_str(text).map_err(|_| StoreError::Unreadable)
}

impl SignInStore for RedisStore {
    fn insert(&self, owner: Owner, record: Record, keep: usize, now: NumericDate) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            let text = serde_json::to_string(&record).map_err(|_| StoreError::Data)?;
            let script = &self.scripts.insert;
            let mut call = script.call(&[self.sign_ins_of(owner)]);
            call.arg(now.as_millis()).arg(record.id.to_string()).arg(text).arg(keep.max(1));
            call.arg(time_to_live(record.expires_at, now));
            self.run(script, &call).await
        })
    }

    fn find(&self, key: SignInKey, secret: Digest, touch: Touch, now: NumericDate) -> StoreFuture<'_, Option<Record>> {
        Box::pin(async move {
            let script = &self.scripts.find;
            let mut call = script.call(&[self.sign_ins_of(key.owner)]);
            call.arg(now.as_millis()).arg(key.id.to_string()).arg(secret.to_string());
            call.arg(touch.expires_at.as_millis()).arg(u64::try_from(touch.after.as_millis()).unwrap_or(u64::MAX));
            call.arg(time_to_live(touch.expires_at, now));
            let text: Option<String> = self.run(script, &call).await?;
            text.as_deref().map(read).transpose()
        })
    }

    fn change(
        &self,
        key: SignInKey,
        expected: Digest,
        change: Change,
        now: NumericDate,
    ) -> StoreFuture<'_, Option<Record>> {
        Box::pin(async move {
            let script = &self.scripts.change;
            let mut call = script.call(&[self.sign_ins_of(key.owner)]);
            call.arg(now.as_millis()).arg(key.id.to_string()).arg(expected.to_string());
            call.arg(change.secret.to_string()).arg(change.salt.to_string());
            call.arg(change.expires_at.as_millis()).arg(time_to_live(change.expires_at, now));
            // JSON is never empty.
            call.arg(change.data.unwrap_or_default()).arg(change.options.unwrap_or_default());
            let text: Option<String> = self.run(script, &call).await?;
            text.as_deref().map(read).transpose()
        })
    }

    fn remove(&self, key: SignInKey) -> StoreFuture<'_, ()> {
        Box::pin(async move { self.send(&Cmd::hdel(self.sign_ins_of(key.owner), key.id.to_string())).await })
    }

    fn remove_all(&self, owner: Owner) -> StoreFuture<'_, ()> {
        Box::pin(async move { self.send(&Cmd::del(self.sign_ins_of(owner))).await })
    }

    fn list(&self, owner: Owner, now: NumericDate) -> StoreFuture<'_, Vec<Record>> {
        Box::pin(async move {
            let texts: Vec<String> = self.send(&Cmd::hvals(self.sign_ins_of(owner))).await?;
            let mut records = texts.iter().map(|text| read(text)).collect::<Result<Vec<_>, _>>()?;
            records.retain(|record| record.is_live(now));
            Ok(records)
        })
    }
}

impl RevocationStore for RedisStore {
    fn add(&self, revocation: Revocation, now: NumericDate) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            let text = serde_json::to_string(&revocation).map_err(|_| StoreError::Data)?;
            let script = &self.scripts.revoke;
            let mut call = script.call(&["log", "ends", "last", "subjects"].map(|part| self.revocations(part)));
            call.arg(now.as_millis()).arg(text).arg(revocation.forget_at.as_millis());
            call.arg(revocation.target.room(self.max_revocations)).arg(LONGEST);
            let added: bool = self.run(script, &call).await?;
            if added { Ok(()) } else { Err(StoreError::Full) }
        })
    }

    fn since(&self, number: u64) -> StoreFuture<'_, Vec<(u64, Revocation)>> {
        Box::pin(async move {
            let (log, after) = (self.revocations("log"), format!("({number}"));
            let command = Cmd::zrangebyscore_limit_withscores(log, after, "+inf", 0, PAGE.cast_signed());
            let page: Vec<(String, f64)> = self.send(&command).await?;
            let read = |(text, number): (String, f64)| {
                let revocation = serde_json::from_str(&text).map_err(|_| StoreError::Unreadable)?;
                // A whole number of microseconds, which is exact until the year 2255.
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
                Ok((number as u64, revocation))
            };
            page.into_iter().map(read).collect()
        })
    }

    fn changed(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        if Handle::try_current().is_err() {
            return Box::pin(pending());
        }
        let hearing = self.hearing.get_or_init(|| Hearing::start(self.link.clone(), self.revocations("log")));
        Box::pin(hearing.next())
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore")
            .field("prefix", &self.prefix)
            .field("timeout", &self.timeout)
            .field("max_revocations", &self.max_revocations)
            .finish_non_exhaustive()
    }
}
