//! How a store in a file is set up before it is opened.

use std::fmt;
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, TransactionBehavior};

use super::statements::Statements;
use super::worker::{Fault, Worker};
use super::{Inner, SqliteStore};
use crate::config_error::Given;
use crate::store::sql::check_name;
use crate::store::{SchemaError, StoreError};

/// The prefix in the SQL files.
const PREFIX: &str = "jwt_";
/// How much of the file a connection keeps in memory: the pages of some ten thousand sign-ins.
const CACHE_KIB: i64 = 16 * 1024;
/// How long it is before the mode of a file is tried again that another process is changing.
const TURN: Duration = Duration::from_millis(5);
/// Each version of the tables, by the SQL that makes it of the one before.
const MIGRATIONS: [&str; 1] = [include_str!("1.sql")];

/// Opens a [`SqliteStore`]. A setting that has one value is given once; a second call is an error.
///
/// | setting | default | reason |
/// |---|---|---|
/// | [`prefix`](Self::prefix) | `jwt_` | the tables of the application may be in the same file |
/// | [`timeout`](Self::timeout) | 1 second | another process may have the file to itself for a moment |
/// | [`max_revocations`](Self::max_revocations) | 1 000 000 | as in Redis |
/// | [`lose_last_writes_on_power_failure`](Self::lose_last_writes_on_power_failure) | off | what was acknowledged is on disk |
pub struct SqliteStoreBuilder {
    path: PathBuf,
    prefix: Box<str>,
    timeout: Duration,
    max_revocations: usize,
    synchronous: &'static str,
    given: Given,
}

impl SqliteStoreBuilder {
    pub(super) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            prefix: PREFIX.into(),
            timeout: Duration::from_secs(1),
            max_revocations: 1_000_000,
            synchronous: "FULL",
            given: Given::default(),
        }
    }

    /// The text that the names of all tables begin with: `a` to `z`, `0` to `9` and `_`. `jwt_`.
    #[must_use]
    pub fn prefix(mut self, prefix: &str) -> Self {
        self.given.once("prefix");
        self.prefix = prefix.into();
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

    /// Does not wait for the disk at each write (`PRAGMA synchronous = NORMAL`). Writes are many times as fast, and nothing
    /// is lost when the process ends, however it ends. When the power fails or the system crashes, the writes of the last
    /// seconds may be lost: who has refreshed since then is logged out, and a token that was revoked since then is good
    /// again until it expires. Default: off.
    #[must_use]
    pub fn lose_last_writes_on_power_failure(mut self) -> Self {
        self.synchronous = "NORMAL";
        self
    }

    /// Opens the file, or makes it, and brings its tables up to date.
    ///
    /// # Errors
    /// [`StoreError::SetTwice`]. [`StoreError::Schema`] if the tables are those of a later version, if the prefix is none or
    /// the path names no file. [`StoreError::Unavailable`] if the file cannot be opened, or is no database.
    pub async fn open(self) -> Result<SqliteStore, StoreError> {
        if let Some(setting) = self.given.twice() {
            return Err(StoreError::SetTwice { setting });
        }
        check_name(&self.prefix).map_err(StoreError::Schema)?;
        // SQLite reads both as a database that is gone with its connection.
        if self.path.as_os_str().is_empty() || self.path == Path::new(":memory:") {
            return Err(StoreError::Schema(SchemaError::NoFile));
        }
        let Self { path, prefix, timeout, max_revocations, synchronous, .. } = self;
        let connect = {
            let path = path.clone();
            move || connect(&path, timeout, synchronous)
        };
        let migrate_by = prefix.clone();
        let open = {
            let connect = connect.clone();
            move || {
                private_file(&path)?;
                let mut connection = connect()?;
                migrate(&mut connection, &migrate_by)?;
                Ok(connection)
            }
        };
        let writer = Worker::start("jwt-sqlite-write", open).await?;
        let open = move || {
            let connection = connect()?;
            connection.pragma_update(None, "query_only", true)?;
            Ok(connection)
        };
        let reader = Worker::start("jwt-sqlite-read", open).await?;
        let sql = Statements::new(&prefix);
        Ok(SqliteStore(Arc::new(Inner { writer, reader, sql, prefix, timeout, max_revocations })))
    }
}

/// Makes the file where there is none, for nobody but its owner. SQLite gives the files beside it the same rights.
fn private_file(path: &Path) -> Result<(), Fault> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(StoreError::unavailable(error).into()),
    }
}

fn connect(path: &Path, timeout: Duration, synchronous: &str) -> Result<Connection, Fault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(timeout)?;
    write_ahead(&connection, timeout)?;
    connection.pragma_update(None, "synchronous", synchronous)?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(connection)
}

/// Readers and the writer do not wait for each other. Of several that open a new file at once, only one may change its mode, and
/// SQLite does not let the others wait for that by itself.
fn write_ahead(connection: &Connection, timeout: Duration) -> rusqlite::Result<()> {
    let started = Instant::now();
    loop {
        // Yields the mode that it is now.
        match connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(())) {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && started.elapsed() < timeout => {
                thread::sleep(TURN);
            }
            changed => return changed,
        }
    }
}

/// Brings the tables up to date, one process at a time.
fn migrate(connection: &mut Connection, prefix: &str) -> Result<(), Fault> {
    let known = u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX);
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let schema = format!("{prefix}schema");
    transaction.execute_batch(&format!("CREATE TABLE IF NOT EXISTS {schema} (version INTEGER NOT NULL) STRICT"))?;
    let version = transaction.query_row(&format!("SELECT max(version) FROM {schema}"), (), |row| row.get(0));
    let found: u32 = version.optional()?.flatten().unwrap_or(0);
    if found > known {
        return Err(StoreError::Schema(SchemaError::Newer { found, known }).into());
    }
    for (migration, version) in MIGRATIONS.iter().zip(1..).skip(found as usize) {
        transaction.execute_batch(&migration.replace(PREFIX, prefix))?;
        transaction.execute(&format!("INSERT INTO {schema} (version) VALUES (?1)"), [version])?;
    }
    Ok(transaction.commit()?)
}

impl fmt::Debug for SqliteStoreBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStoreBuilder")
            .field("path", &self.path)
            .field("prefix", &self.prefix)
            .field("timeout", &self.timeout)
            .field("max_revocations", &self.max_revocations)
            .field("synchronous", &self.synchronous)
            .finish_non_exhaustive()
    }
}
