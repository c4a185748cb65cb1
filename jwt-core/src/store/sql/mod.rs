//! Stores in SQL databases.

#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;

#[cfg(feature = "postgres")]
pub use postgres::{PostgresStore, PostgresStoreBuilder};
#[cfg(feature = "sqlite")]
pub use sqlite::{SqliteStore, SqliteStoreBuilder};

use super::{Revocation, RevocationTarget, SchemaError, StoreError};
use crate::clock::NumericDate;
use crate::config_error::unverified;

/// How many revocations one answer holds at most.
const PAGE: i64 = 4096;
/// How many rows that have expired one operation deletes at most, so that none takes long.
const SWEEP: i64 = 32;

/// A moment, as a database counts it.
fn millis(moment: NumericDate) -> i64 {
    i64::try_from(moment.as_millis()).unwrap_or(i64::MAX)
}

/// A moment that a database holds.
fn moment(millis: i64) -> Result<NumericDate, StoreError> {
    u64::try_from(millis).map(NumericDate::from_millis).map_err(|_| StoreError::Unreadable)
}

/// Bytes of a fixed length that a database holds.
fn bytes<const N: usize>(bytes: &[u8]) -> Result<[u8; N], StoreError> {
    bytes.try_into().map_err(|_| StoreError::Unreadable)
}

/// A name for tables: what needs no quotes, and is no more than that.
fn check_name(name: &str) -> Result<(), SchemaError> {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let starts = name.starts_with(|first: char| !first.is_ascii_digit());
    if starts && name.len() <= 40 && name.bytes().all(is_plain) {
        Ok(())
    } else {
        Err(SchemaError::Name { name: unverified(name).trim_matches('"').into() })
    }
}

/// An entry of the log of revocations, as a row has it.
struct Entry {
    text: String,
    forget_at: i64,
    /// Issuer and subject, and the moment that `iat` is compared with.
    subject: Option<(String, i64)>,
}

impl Entry {
    fn new(revocation: &Revocation) -> Result<Self, StoreError> {
        let subject = match &revocation.target {
            RevocationTarget::Subject { issuer, subject, not_before } => {
                Some((serde_json::to_string(&(issuer, subject)).map_err(|_| StoreError::Data)?, millis(*not_before)))
            }
            RevocationTarget::Token { .. } | RevocationTarget::Session { .. } => None,
        };
        let text = serde_json::to_string(revocation).map_err(|_| StoreError::Data)?;
        Ok(Self { text, forget_at: millis(revocation.forget_at), subject })
    }

    /// What a row has.
    fn read(number: i64, text: &str) -> Result<(u64, Revocation), StoreError> {
        let number = u64::try_from(number).map_err(|_| StoreError::Unreadable)?;
        Ok((number, serde_json::from_str(text).map_err(|_| StoreError::Unreadable)?))
    }
}
