//! What an error of the driver means for an operation.

use std::error::Error;
use std::fmt;

use deadpool_postgres::PoolError;
use tokio_postgres::error::SqlState;

use crate::store::{SchemaError, StoreError};

/// Why an attempt failed, and what to do about it.
pub(super) enum Fault {
    /// Another transaction was in the way.
    Conflict(StoreError),
    /// The connection is lost, or leads to a server that cannot be written to. Another one may do.
    Lost(StoreError),
    /// Trying again would not help.
    Final(StoreError),
}

impl Fault {
    pub(super) fn of_pool(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) if is_refusal(&error) => Self::Final(StoreError::unavailable(Said(error))),
            PoolError::Backend(error) => Self::Lost(StoreError::unavailable(Said(error))),
            error => Self::Final(StoreError::unavailable(error)),
        }
    }

    pub(super) fn of_query(error: tokio_postgres::Error, schema: &str) -> Self {
        let Some(code) = error.code() else {
            // Of the connection, and not of the server. A row that cannot be read is found later.
            return Self::Lost(StoreError::unavailable(Said(error)));
        };
        let missing = [SqlState::UNDEFINED_TABLE, SqlState::UNDEFINED_FUNCTION, SqlState::INVALID_SCHEMA_NAME];
        let conflicts = [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED];
        let prepared = [SqlState::INVALID_SQL_STATEMENT_NAME, SqlState::DUPLICATE_PSTATEMENT];
        if missing.contains(code) {
            return Self::Final(StoreError::Schema(SchemaError::Missing { schema: schema.into() }));
        }
        if conflicts.contains(code) {
            return Self::Conflict(StoreError::unavailable(Said(error)));
        }
        if prepared.contains(code) {
            return Self::Lost(StoreError::unavailable(Pooler(error)));
        }
        // The server ends, or starts, or has become a replica; a pooler has lost it.
        let of_connection = code.code().starts_with("08") || code.code().starts_with("57P");
        if of_connection || *code == SqlState::READ_ONLY_SQL_TRANSACTION {
            return Self::Lost(StoreError::unavailable(Said(error)));
        }
        Self::Final(StoreError::unavailable(Said(error)))
    }
}

/// Whether the server has answered, and will not say anything else the next time: the password, the name of the database.
fn is_refusal(error: &tokio_postgres::Error) -> bool {
    let class = |code: &SqlState| code.code().starts_with("28") || code.code().starts_with("3D");
    error.code().is_some_and(class)
}

/// An error with its cause: the driver says only "db error" by itself.
struct Said(tokio_postgres::Error);

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_db_error() {
            // Neither its details nor its context, which may quote what is in a row.
            Some(error) => write!(f, "{} ({})", error.message(), error.code().code()),
            None => match self.0.source() {
                Some(cause) => write!(f, "{}: {cause}", self.0),
                None => write!(f, "{}", self.0),
            },
        }
    }
}

impl fmt::Debug for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for Said {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

/// A statement was prepared on another connection than the one that it was called on.
#[derive(Debug, thiserror::Error)]
#[error("{}: connections are shared by a pooler such as PgBouncer in transaction mode: call `.transaction_pooling()`", Said::text(.0))]
struct Pooler(#[source] tokio_postgres::Error);

impl Said {
    fn text(error: &tokio_postgres::Error) -> String {
        error.as_db_error().map_or_else(|| error.to_string(), |error| error.message().to_owned())
    }
}

/// What took too long.
#[derive(Debug, thiserror::Error)]
pub(super) enum Late {
    #[error("no connection to PostgreSQL was free in time: all of the pool are in use, or none can be made")]
    Pool,
    #[error("PostgreSQL did not answer in time")]
    Answer,
    #[error("too many operations wait for a connection to PostgreSQL")]
    Queue,
}
