//! A store in PostgreSQL.

mod builder;
mod fault;
mod listen;
mod statements;
mod text;

pub use builder::PostgresStoreBuilder;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Object, Pool};
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, ToSql, Type};

use super::{Entry, PAGE, SWEEP, bytes, millis, moment};
use crate::claims::used_proof::{FirstUse, UsedProof};
use crate::clock::NumericDate;
use crate::store::{
    Change, Digest, Owner, ProofStore, Record, Revocation, RevocationStore, Rotation, Salt, SchemaError, SignInId,
    SignInKey, SignInStore, StoreError, StoreFuture, TenantStore, Touch,
};
use fault::{Fault, Late};
use statements::{Statement, Statements};

/// Each version of the tables and functions, by the SQL that makes it of the one before.
const MIGRATIONS: [&str; 1] = [include_str!("1.sql")];
/// The version that this crate needs.
const VERSION: u32 = 1;
/// The schema in the SQL files.
const SCHEMA: &str = "jwt.";
/// How long the migration may take, which may wait for that of another instance.
const MIGRATION_TIMEOUT: Duration = Duration::from_secs(60);
/// How often a connection that was lost is replaced, for one operation.
const REPLACEMENTS: u32 = 5;
/// How long to wait before the second attempt, and the longest wait before one.
const PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

type Parameters<'a> = &'a [&'a (dyn ToSql + Sync)];

/// Remembers in PostgreSQL (13 or later), for any number of instances.
///
/// Each operation is one statement, which is a transaction of its own: atomic, and one round trip where nobody else works on
/// the same sign-in. It is tried again, within the timeout, where another transaction was in the way, or where the connection was
/// lost: to a server that starts again, or to the one that has become the primary. An operation that takes longer than
/// the timeout is [`StoreError::Unavailable`]. What has expired is deleted with what is added, some rows at a time; nothing runs
/// in the background. What PostgreSQL acknowledged is as safe as `synchronous_commit` makes it: see
/// `docs/how-to/postgres.md`.
#[derive(Clone)]
#[cfg_attr(feature_labels, doc(cfg(feature = "postgres")))]
pub struct PostgresStore(Arc<Inner>);

struct Inner {
    pool: Pool,
    sql: Statements,
    schema: Box<str>,
    timeout: Duration,
    max_revocations: usize,
    prepares: bool,
    operations: Semaphore,
    /// Somebody has added a revocation.
    heard: Arc<Notify>,
    /// The task ends when this is dropped.
    _listening: JoinSet<()>,
}

impl PostgresStore {
    /// Connects to `postgres://user:password@host:5432/database`, with the defaults of [`builder`](Self::builder), by a pool of
    /// ten connections. Several hosts are separated by commas, and `?target_session_attrs=read-write` finds the primary among
    /// them. Special characters in a user name or password are percent-encoded. Without TLS: for that, and for the pool that
    /// the application has, see [`with_pool`](Self::with_pool).
    ///
    /// # Errors
    /// As [`PostgresStoreBuilder::connect`].
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        Self::builder(url).connect().await
    }

    /// A store at a URL like that of [`connect`](Self::connect), with settings.
    pub fn builder(url: &str) -> PostgresStoreBuilder {
        PostgresStoreBuilder::at(url)
    }

    /// A store on a pool of `deadpool-postgres` 0.14 that the application has, with its size and its TLS. No connection is kept for
    /// longer than an operation, and nothing is left behind on it but prepared statements.
    ///
    /// ```no_run
    /// # async fn example(pool: deadpool_postgres::Pool) -> Result<(), jwt_core::store::StoreError> {
    /// use jwt_core::PostgresStore;
    ///
    /// let store = PostgresStore::with_pool(pool).schema("auth").connect().await?;
    /// store.migrate().await?;
    /// # Ok(()) }
    /// ```
    pub fn with_pool(pool: Pool) -> PostgresStoreBuilder {
        PostgresStoreBuilder::with(pool)
    }

    /// Makes the schema with its tables and functions where there are none, and brings older ones up to date: in one
    /// transaction, one instance at a time. Changes nothing where they are up to date. The user needs the right to create the
    /// schema, or in the schema if it is there. Those who apply SQL by themselves find the same in
    /// `jwt-core/src/store/sql/postgres/`, and need not call this.
    ///
    /// # Errors
    /// [`StoreError::Schema`] if the tables are those of a later version. [`StoreError::Unavailable`] also if the user lacks a right.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        let migration = async {
            let mut client = self.0.pool.get().await.map_err(|error| Fault::of_pool(error).into_error())?;
            self.migrate_by(&mut client).await
        };
        tokio::time::timeout(MIGRATION_TIMEOUT, migration)
            .await
            .unwrap_or_else(|late| Err(StoreError::unavailable(late)))
    }

    async fn migrate_by(&self, client: &mut Object) -> Result<(), StoreError> {
        let schema = &self.0.schema;
        let fault = |error| Fault::of_query(error, schema).into_error();
        let transaction = client.transaction().await.map_err(fault)?;
        // The name is checked: it needs no quotes.
        let lock = format!("SELECT pg_advisory_xact_lock(hashtextextended('{schema} migration', 0))");
        transaction.batch_execute(&lock).await.map_err(fault)?;
        let is_there = async |name: String, of: &str| {
            let exists = format!("SELECT {of}($1) IS NOT NULL");
            let rows = transaction.query_typed(&exists, &[(&name, Type::TEXT)]).await.map_err(fault)?;
            first::<bool>(&rows)
        };
        if !is_there(schema.to_string(), "to_regnamespace").await? {
            transaction.batch_execute(&format!("CREATE SCHEMA {schema}")).await.map_err(fault)?;
        }
        let mut found = 0;
        if is_there(format!("{schema}.schema_version"), "to_regclass").await? {
            found = version(&transaction.query_typed(&self.0.sql.version.sql, &[]).await.map_err(fault)?)?;
        }
        if found > VERSION {
            return Err(StoreError::Schema(SchemaError::Newer { found, known: VERSION }));
        }
        for migration in MIGRATIONS.iter().skip(found as usize) {
            let sql = migration.replace(SCHEMA, &format!("{schema}."));
            transaction.batch_execute(&sql).await.map_err(fault)?;
        }
        transaction.commit().await.map_err(fault)
    }

    /// The version of the tables.
    async fn version(&self, timeout: Duration) -> Result<u32, StoreError> {
        version(&self.run(&self.0.sql.version, &[], timeout).await?)
    }

    async fn rows(&self, statement: &Statement, parameters: Parameters<'_>) -> Result<Vec<Row>, StoreError> {
        self.run(statement, parameters, self.0.timeout).await
    }

    /// Every operation may be repeated: the second time it changes nothing and has the same answer.
    async fn run(
        &self,
        statement: &Statement,
        parameters: Parameters<'_>,
        timeout: Duration,
    ) -> Result<Vec<Row>, StoreError> {
        let Ok(_place) = self.0.operations.try_acquire() else { return Err(StoreError::unavailable(Late::Queue)) };
        let deadline = Instant::now() + timeout;
        let (mut pause, mut replacements) = (PAUSE, 0);
        loop {
            let error = match self.attempt(statement, parameters, deadline).await {
                Ok(rows) => return Ok(rows),
                Err(Fault::Conflict(error)) => error,
                Err(Fault::Lost(error)) if replacements < REPLACEMENTS => {
                    replacements += 1;
                    error
                }
                Err(fault) => return Err(fault.into_error()),
            };
            if Instant::now() + pause >= deadline {
                return Err(error);
            }
            tokio::time::sleep(pause).await;
            pause = (2 * pause).min(LONGEST_PAUSE);
        }
    }

    async fn attempt(
        &self,
        statement: &Statement,
        parameters: Parameters<'_>,
        deadline: Instant,
    ) -> Result<Vec<Row>, Fault> {
        let client = match tokio::time::timeout_at(deadline, self.0.pool.get()).await {
            Ok(client) => client.map_err(Fault::of_pool)?,
            Err(_) => return Err(Fault::Final(StoreError::unavailable(Late::Pool))),
        };
        let fault = match tokio::time::timeout_at(deadline, self.query(&client, statement, parameters)).await {
            Ok(Ok(rows)) => return Ok(rows),
            Ok(Err(error)) => Fault::of_query(error, &self.0.schema),
            Err(_) => Fault::Final(StoreError::unavailable(Late::Answer)),
        };
        // Nobody else gets a connection that is lost, or on which an answer is still to come.
        if !matches!(fault, Fault::Conflict(_)) {
            drop(Object::take(client));
        }
        Err(fault)
    }

    async fn query(
        &self,
        client: &Object,
        statement: &Statement,
        parameters: Parameters<'_>,
    ) -> Result<Vec<Row>, tokio_postgres::Error> {
        let Statement { sql, types } = statement;
        if self.0.prepares {
            let prepared = client.prepare_typed_cached(sql, types).await?;
            client.query(&prepared, parameters).await
        } else {
            let typed: Vec<_> = parameters.iter().copied().zip(types.iter().cloned()).collect();
            client.query_typed(sql, &typed).await
        }
    }

    async fn record(&self, statement: &Statement, parameters: Parameters<'_>) -> Result<Option<Record>, StoreError> {
        self.rows(statement, parameters).await?.first().map(record).transpose()
    }
}

impl Fault {
    fn into_error(self) -> StoreError {
        match self {
            Self::Conflict(error) | Self::Lost(error) | Self::Final(error) => error,
        }
    }
}

fn get<'a, T: FromSql<'a>>(row: &'a Row, column: usize) -> Result<T, StoreError> {
    row.try_get(column).map_err(|_| StoreError::Unreadable)
}

/// The only value of an answer.
fn first<'a, T: FromSql<'a>>(rows: &'a [Row]) -> Result<T, StoreError> {
    get(rows.first().ok_or(StoreError::Unreadable)?, 0)
}

fn version(rows: &[Row]) -> Result<u32, StoreError> {
    let version = first::<Option<i32>>(rows)?.unwrap_or(0);
    u32::try_from(version).map_err(|_| StoreError::Unreadable)
}

fn record(row: &Row) -> Result<Record, StoreError> {
    let time = |column| moment(get(row, column)?);
    let digest = |column| bytes::<32>(get(row, column)?);
    let rotated = match get::<Option<i64>>(row, 4)? {
        Some(at) => Some(Rotation { from: Digest::new(digest(2)?), salt: Salt::new(digest(3)?), at: moment(at)? }),
        None => None,
    };
    Ok(Record {
        id: SignInId::new(bytes(get(row, 0)?)?),
        secret: Digest::new(digest(1)?),
        rotated,
        created_at: time(5)?,
        used_at: time(6)?,
        expires_at: time(7)?,
        ends_at: time(8)?,
        subject: text::unescape(get(row, 9)?)?,
        label: text::unescape(get(row, 10)?)?,
        data: get(row, 11)?,
        options: get(row, 12)?,
    })
}

impl SignInStore for PostgresStore {
    fn insert(&self, owner: Owner, record: Record, keep: usize, now: NumericDate) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            let keep = i64::try_from(keep.max(1)).unwrap_or(i64::MAX);
            let rotated = record.rotated.as_ref();
            let insert: Parameters<'_> = &[
                &millis(now),
                &keep,
                &SWEEP,
                &owner.as_bytes().as_slice(),
                &record.id.as_bytes().as_slice(),
                &record.secret.as_bytes().as_slice(),
                &rotated.map(|rotated| rotated.from.as_bytes().as_slice()),
                &rotated.map(|rotated| rotated.salt.as_bytes().as_slice()),
                &rotated.map(|rotated| millis(rotated.at)),
                &millis(record.created_at),
                &millis(record.used_at),
                &millis(record.expires_at),
                &millis(record.ends_at),
                &text::escape(&record.subject),
                &text::escape(&record.label),
                &text::json(&record.data)?,
                &text::json(&record.options)?,
            ];
            self.rows(&self.0.sql.insert, insert).await.map(drop)
        })
    }

    fn find(&self, key: SignInKey, secret: Digest, touch: Touch, now: NumericDate) -> StoreFuture<'_, Option<Record>> {
        Box::pin(async move {
            let (owner, id) = (key.owner.as_bytes().as_slice(), key.id.as_bytes().as_slice());
            let (at, expires_at) = (millis(now), millis(touch.expires_at));
            let after = i64::try_from(touch.after.as_millis()).unwrap_or(i64::MAX);
            loop {
                let found = self.record(&self.0.sql.get, &[&owner, &id, &at]).await?;
                let Some(record) = found.filter(|record| record.secret == secret) else { return Ok(None) };
                if !record.clone().touch(touch, now) {
                    return Ok(Some(record));
                }
                let touch: Parameters<'_> = &[&owner, &id, &at, &secret.as_bytes().as_slice(), &expires_at, &after];
                if let Some(touched) = self.record(&self.0.sql.touch, touch).await? {
                    return Ok(Some(touched));
                }
                // Somebody else has changed it in between.
            }
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
            let (owner, id) = (key.owner.as_bytes().as_slice(), key.id.as_bytes().as_slice());
            let (at, expires_at) = (millis(now), millis(change.expires_at));
            let data = change.data.as_deref().map(text::json).transpose()?;
            let options = change.options.as_deref().map(text::json).transpose()?;
            let (secret, salt) = (change.secret.as_bytes().as_slice(), change.salt.as_bytes().as_slice());
            let before = expected.as_bytes().as_slice();
            let change: Parameters<'_> = &[&owner, &id, &at, &before, &secret, &salt, &expires_at, &data, &options];
            loop {
                if let Some(changed) = self.record(&self.0.sql.change, change).await? {
                    return Ok(Some(changed));
                }
                // Another secret counts, or there is no such sign-in; unless one was added in between.
                let found = self.record(&self.0.sql.get, &[&owner, &id, &at]).await?;
                if found.as_ref().is_none_or(|record| record.secret != expected) {
                    return Ok(found);
                }
            }
        })
    }

    fn remove(&self, key: SignInKey) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            let key: Parameters<'_> = &[&key.owner.as_bytes().as_slice(), &key.id.as_bytes().as_slice()];
            self.rows(&self.0.sql.remove, key).await.map(drop)
        })
    }

    fn remove_all(&self, owner: Owner) -> StoreFuture<'_, ()> {
        Box::pin(async move { self.rows(&self.0.sql.remove_all, &[&owner.as_bytes().as_slice()]).await.map(drop) })
    }

    fn list(&self, owner: Owner, now: NumericDate) -> StoreFuture<'_, Vec<Record>> {
        Box::pin(async move {
            let rows = self.rows(&self.0.sql.list, &[&owner.as_bytes().as_slice(), &millis(now)]).await?;
            rows.iter().map(record).collect()
        })
    }
}

impl RevocationStore for PostgresStore {
    fn add(&self, revocation: Revocation, now: NumericDate) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            let room = i64::try_from(revocation.target.room(self.0.max_revocations)).unwrap_or(i64::MAX);
            let Entry { text, forget_at, subject } = Entry::new(&revocation)?;
            let (subject, not_before) = subject.unzip();
            let add: Parameters<'_> = &[&millis(now), &room, &SWEEP, &text, &forget_at, &subject, &not_before];
            if first(&self.rows(&self.0.sql.revoke, add).await?)? { Ok(()) } else { Err(StoreError::Full) }
        })
    }

    fn since(&self, number: u64) -> StoreFuture<'_, Vec<(u64, Revocation)>> {
        Box::pin(async move {
            let after = i64::try_from(number).unwrap_or(i64::MAX);
            let rows = self.rows(&self.0.sql.since, &[&after, &PAGE]).await?;
            rows.iter().map(|row| Entry::read(get(row, 0)?, get(row, 1)?)).collect()
        })
    }

    fn changed(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(self.0.heard.notified())
    }
}

impl ProofStore for PostgresStore {
    fn first_use(&self, proof: UsedProof, now: NumericDate) -> StoreFuture<'_, FirstUse> {
        Box::pin(async move {
            let (key, id, attempt) = (proof.key.as_slice(), proof.id.as_slice(), proof.attempt.as_slice());
            let (until, limit) = (millis(proof.until), i64::from(proof.limit));
            let proof: Parameters<'_> = &[&millis(now), &SWEEP, &key, &id, &until, &attempt, &limit];
            Ok(match first::<i32>(&self.rows(&self.0.sql.proof, proof).await?)? {
                1 => FirstUse::Yes,
                0 => FirstUse::No,
                _ => FirstUse::Full,
            })
        })
    }
}

impl TenantStore for PostgresStore {
    fn add_tenant(&self, issuer: String, keep: usize, _: NumericDate) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            let keep = i64::try_from(keep.max(1)).unwrap_or(i64::MAX);
            self.rows(&self.0.sql.add_tenant, &[&text::escape(&issuer), &keep]).await.map(drop)
        })
    }

    fn remove_tenant(&self, issuer: String) -> StoreFuture<'_, ()> {
        Box::pin(async move { self.rows(&self.0.sql.remove_tenant, &[&text::escape(&issuer)]).await.map(drop) })
    }

    fn tenants(&self) -> StoreFuture<'_, Vec<String>> {
        Box::pin(async move {
            let rows = self.rows(&self.0.sql.tenants, &[]).await?;
            rows.iter().map(|row| text::unescape(get(row, 0)?)).collect()
        })
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore")
            .field("schema", &self.0.schema)
            .field("timeout", &self.0.timeout)
            .field("max_revocations", &self.0.max_revocations)
            .field("prepares", &self.0.prepares)
            .finish_non_exhaustive()
    }
}
