//! A store in a file, by SQLite.

mod builder;
mod statements;
mod worker;

pub use builder::SqliteStoreBuilder;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Row, Transaction, TransactionBehavior, params};

use super::{Entry, PAGE, SWEEP, bytes, millis, moment};
use crate::claims::used_proof::{FirstUse, UsedProof};
use crate::clock::NumericDate;
use crate::store::{
    Change, Digest, Owner, ProofStore, Record, Revocation, RevocationStore, Rotation, Salt, SignInId, SignInKey,
    SignInStore, StoreError, StoreFuture, TenantStore, Touch,
};
use statements::Statements;
use worker::{Fault, Worker};

/// Remembers in a file, by SQLite, which is compiled in: for one machine, and for all processes on it. What was remembered
/// survives a restart.
///
/// The file is in WAL mode, and belongs to its owner alone (mode 0600 on Unix). Two threads work on it, one that writes and
/// one that reads; nothing blocks the async runtime. An operation that takes longer than the timeout is
/// [`StoreError::Unavailable`]. What has expired is deleted with what is added, some rows at a time; nothing runs in the
/// background. See `docs/how-to/sqlite.md`.
#[derive(Clone)]
#[cfg_attr(feature_labels, doc(cfg(feature = "sqlite")))]
pub struct SqliteStore(Arc<Inner>);

struct Inner {
    writer: Worker,
    reader: Worker,
    sql: Statements,
    prefix: Box<str>,
    timeout: Duration,
    max_revocations: usize,
}

impl SqliteStore {
    /// Opens the file, or makes it, with the defaults of [`builder`](Self::builder).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::sync::Arc;
    /// use jwt_core::{RefreshTokens, SqliteStore};
    ///
    /// # let path = std::env::temp_dir().join(format!("jwt-core-{}.db", std::process::id()));
    /// let store = Arc::new(SqliteStore::open(&path).await?);
    /// let refresh_tokens = RefreshTokens::builder(store).build()?;
    /// # drop(refresh_tokens);
    /// # std::fs::remove_file(path)?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`SqliteStoreBuilder::open`].
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::builder(path).open().await
    }

    /// A store in a file, with settings.
    pub fn builder(path: impl AsRef<Path>) -> SqliteStoreBuilder {
        SqliteStoreBuilder::new(path.as_ref())
    }

    async fn read<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&Connection, &Statements) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        let inner = self.0.clone();
        self.0.reader.run(self.0.timeout, move |connection| operation(connection, &inner.sql)).await
    }

    /// One statement, which is a transaction of its own.
    async fn write<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&Connection, &Statements) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        let inner = self.0.clone();
        self.0.writer.run(self.0.timeout, move |connection| operation(connection, &inner.sql)).await
    }

    /// Several statements, all or none.
    async fn change_all<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&Transaction<'_>, &Statements) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        let inner = self.0.clone();
        let operation = move |connection: &mut Connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let answer = operation(&transaction, &inner.sql)?;
            transaction.commit()?;
            Ok(answer)
        };
        self.0.writer.run(self.0.timeout, operation).await
    }
}

/// A record, or why it is none.
fn record(row: &Row<'_>) -> Result<Record, Fault> {
    let time = |column: usize| -> Result<NumericDate, Fault> { Ok(moment(row.get(column)?)?) };
    let blob =
        |column: usize| -> Result<[u8; 32], Fault> { Ok(bytes(row.get_ref(column)?.as_blob().map_err(unreadable)?)?) };
    let rotated = match row.get::<_, Option<i64>>(4)? {
        Some(at) => Some(Rotation { from: Digest::new(blob(2)?), salt: Salt::new(blob(3)?), at: moment(at)? }),
        None => None,
    };
    Ok(Record {
        id: SignInId::new(bytes(row.get_ref(0)?.as_blob().map_err(unreadable)?)?),
        secret: Digest::new(blob(1)?),
        rotated,
        created_at: time(5)?,
        used_at: time(6)?,
        expires_at: time(7)?,
        ends_at: time(8)?,
        subject: row.get(9)?,
        label: row.get(10)?,
        data: row.get(11)?,
        options: row.get(12)?,
    })
}

fn unreadable<E>(_: E) -> Fault {
    Fault::Store(StoreError::Unreadable)
}

/// The record that a statement yields, if it yields one.
fn one(connection: &Connection, sql: &str, params: impl rusqlite::Params) -> Result<Option<Record>, Fault> {
    let mut statement = connection.prepare_cached(sql)?;
    let found = statement.query_row(params, |row| Ok(record(row))).optional()?;
    found.transpose()
}

fn run(connection: &Connection, sql: &str, params: impl rusqlite::Params) -> Result<usize, Fault> {
    Ok(connection.prepare_cached(sql)?.execute(params)?)
}

impl SignInStore for SqliteStore {
    fn insert(&self, owner: Owner, record: Record, keep: usize, now: NumericDate) -> StoreFuture<'_, ()> {
        Box::pin(self.change_all(move |transaction, sql| {
            let now = millis(now);
            let (owner, id) = (owner.as_bytes(), record.id.as_bytes());
            run(transaction, &sql.sweep, params![now, SWEEP])?;
            let others = i64::try_from(keep.max(1) - 1).unwrap_or(i64::MAX);
            run(transaction, &sql.make_room, params![owner, now, id, others])?;
            let rotated = record.rotated.as_ref();
            let row = params![
                owner,
                id,
                record.secret.as_bytes(),
                rotated.map(|rotated| *rotated.from.as_bytes()),
                rotated.map(|rotated| *rotated.salt.as_bytes()),
                rotated.map(|rotated| millis(rotated.at)),
                millis(record.created_at),
                millis(record.used_at),
                millis(record.expires_at),
                millis(record.ends_at),
                record.subject,
                record.label,
                record.data,
                record.options,
            ];
            run(transaction, &sql.insert, row)?;
            Ok(())
        }))
    }

    fn find(&self, key: SignInKey, secret: Digest, touch: Touch, now: NumericDate) -> StoreFuture<'_, Option<Record>> {
        Box::pin(async move {
            let (owner, id) = (*key.owner.as_bytes(), *key.id.as_bytes());
            let get = move |connection: &Connection, sql: &Statements| {
                one(connection, &sql.get, params![owner, id, millis(now)])
            };
            let found = self.read(get).await?.filter(|record| record.secret == secret);
            let Some(record) = found else { return Ok(None) };
            if !record.clone().touch(touch, now) {
                return Ok(Some(record));
            }
            let after = i64::try_from(touch.after.as_millis()).unwrap_or(i64::MAX);
            self.write(move |connection, sql| {
                let expires_at = millis(touch.expires_at);
                let row = params![owner, id, millis(now), secret.as_bytes(), expires_at, after];
                match one(connection, &sql.touch, row)? {
                    Some(touched) => Ok(Some(touched)),
                    // Something has happened to it in between.
                    None => Ok(get(connection, sql)?.filter(|record| record.secret == secret)),
                }
            })
            .await
        })
    }

    fn change(
        &self,
        key: SignInKey,
        expected: Digest,
        change: Change,
        now: NumericDate,
    ) -> StoreFuture<'_, Option<Record>> {
        Box::pin(self.write(move |connection, sql| {
            let (owner, id, now) = (key.owner.as_bytes(), key.id.as_bytes(), millis(now));
            let row = params![
                owner,
                id,
                now,
                expected.as_bytes(),
                change.secret.as_bytes(),
                change.salt.as_bytes(),
                millis(change.expires_at),
                change.data,
                change.options,
            ];
            match one(connection, &sql.change, row)? {
                Some(changed) => Ok(Some(changed)),
                None => one(connection, &sql.get, params![owner, id, now]),
            }
        }))
    }

    fn remove(&self, key: SignInKey) -> StoreFuture<'_, ()> {
        Box::pin(self.write(move |connection, sql| {
            run(connection, &sql.remove, params![key.owner.as_bytes(), key.id.as_bytes()]).map(drop)
        }))
    }

    fn remove_all(&self, owner: Owner) -> StoreFuture<'_, ()> {
        Box::pin(
            self.write(move |connection, sql| run(connection, &sql.remove_all, params![owner.as_bytes()]).map(drop)),
        )
    }

    fn list(&self, owner: Owner, now: NumericDate) -> StoreFuture<'_, Vec<Record>> {
        Box::pin(self.read(move |connection, sql| {
            let mut statement = connection.prepare_cached(&sql.list)?;
            let mut rows = statement.query(params![owner.as_bytes(), millis(now)])?;
            let mut records = Vec::new();
            while let Some(row) = rows.next()? {
                records.push(record(row)?);
            }
            Ok(records)
        }))
    }
}

impl RevocationStore for SqliteStore {
    fn add(&self, revocation: Revocation, now: NumericDate) -> StoreFuture<'_, ()> {
        let room = i64::try_from(revocation.target.room(self.0.max_revocations)).unwrap_or(i64::MAX);
        Box::pin(async move {
            let Entry { text, forget_at, subject } = Entry::new(&revocation)?;
            self.change_all(move |transaction, sql| {
                let (subject, not_before) = subject.unzip();
                let forgotten = run(transaction, &sql.forget, params![millis(now), SWEEP])?;
                let replaced = run(transaction, &sql.replace, params![text, subject, not_before, forget_at])?;
                let gone = i64::try_from(forgotten + replaced).unwrap_or(i64::MAX);
                let mut count = transaction.prepare_cached(&sql.count)?;
                let row = count.query_row(params![1, 1 - gone], |row| Ok((row.get(0)?, row.get(1)?)));
                let (number, entries): (i64, i64) = row?;
                if replaced == 0 && entries > room {
                    return Err(StoreError::Full.into());
                }
                run(transaction, &sql.revoke, params![number, text, forget_at, subject, not_before])?;
                Ok(())
            })
            .await
        })
    }

    fn since(&self, number: u64) -> StoreFuture<'_, Vec<(u64, Revocation)>> {
        Box::pin(self.read(move |connection, sql| {
            let after = i64::try_from(number).unwrap_or(i64::MAX);
            let mut statement = connection.prepare_cached(&sql.since)?;
            let mut rows = statement.query(params![after, PAGE])?;
            let mut page = Vec::new();
            while let Some(row) = rows.next()? {
                page.push(Entry::read(row.get(0)?, row.get_ref(1)?.as_str().map_err(unreadable)?)?);
            }
            Ok(page)
        }))
    }
}

impl ProofStore for SqliteStore {
    fn first_use(&self, proof: UsedProof, now: NumericDate) -> StoreFuture<'_, FirstUse> {
        Box::pin(self.change_all(move |transaction, sql| {
            let now = millis(now);
            let mut known = transaction.prepare_cached(&sql.proof)?;
            let known = known.query_row(params![proof.key, proof.id], |row| {
                Ok((row.get::<_, i64>(0)?, row.get_ref(1)?.as_blob()? == proof.attempt))
            });
            let known = known.optional()?;
            if let Some((_, same)) = known.filter(|(until, _)| *until >= now) {
                return Ok(if same { FirstUse::Yes } else { FirstUse::No });
            }
            run(transaction, &sql.sweep_proofs, params![now, SWEEP])?;
            let is_full = || -> Result<bool, Fault> {
                let mut count = transaction.prepare_cached(&sql.count_proofs)?;
                Ok(count.query_row(params![proof.key], |row| row.get::<_, i64>(0))? >= i64::from(proof.limit))
            };
            if known.is_none() && is_full()? {
                run(transaction, &sql.forget_proofs, params![proof.key, now])?;
                if is_full()? {
                    return Ok(FirstUse::Full);
                }
            }
            run(transaction, &sql.use_proof, params![proof.key, proof.id, millis(proof.until), proof.attempt])?;
            Ok(FirstUse::Yes)
        }))
    }
}

impl TenantStore for SqliteStore {
    fn add_tenant(&self, issuer: String, keep: usize, _: NumericDate) -> StoreFuture<'_, ()> {
        Box::pin(self.change_all(move |transaction, sql| {
            run(transaction, &sql.remove_tenant, params![issuer])?;
            run(transaction, &sql.add_tenant, params![issuer])?;
            run(transaction, &sql.keep_tenants, params![i64::try_from(keep.max(1)).unwrap_or(i64::MAX)])?;
            Ok(())
        }))
    }

    fn remove_tenant(&self, issuer: String) -> StoreFuture<'_, ()> {
        Box::pin(self.write(move |connection, sql| run(connection, &sql.remove_tenant, params![issuer]).map(drop)))
    }

    fn tenants(&self) -> StoreFuture<'_, Vec<String>> {
        Box::pin(self.read(|connection, sql| {
            let mut statement = connection.prepare_cached(&sql.tenants)?;
            let names = statement.query_map((), |row| row.get(0))?;
            Ok(names.collect::<Result<_, _>>()?)
        }))
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore")
            .field("prefix", &self.0.prefix)
            .field("timeout", &self.0.timeout)
            .field("max_revocations", &self.0.max_revocations)
            .finish_non_exhaustive()
    }
}
