//! Why the tables of a store cannot be used.

use crate::config_error::debug_as_display;

/// Why the tables of a store in an SQL database cannot be used, and what to do.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SchemaError {
    /// There are no tables.
    #[error(
        "the tables of the schema `{schema}` are missing: call `.migrate()` once, or apply the SQL files that it ships"
    )]
    Missing {
        /// The schema in which they were looked for.
        schema: Box<str>,
    },
    /// The tables are of a version that is older than this crate needs.
    #[error("the tables have version {found}, and this version of the crate needs {needed}: call `.migrate()` once")]
    Older {
        /// The version of the tables.
        found: u32,
        /// The version that is needed.
        needed: u32,
    },
    /// The tables were made by a later version of this crate.
    #[error(
        "the tables have version {found}, and this version of the crate knows {known}: use the later version of the crate"
    )]
    Newer {
        /// The version of the tables.
        found: u32,
        /// The version that this crate knows.
        known: u32,
    },
    /// A name of a schema, or a prefix of tables, that is none.
    #[error(
        "`{name}` cannot name tables: use 1 to 40 of the characters `a` to `z`, `0` to `9` and `_`, and no digit first"
    )]
    Name {
        /// The name, as far as it is shown.
        name: Box<str>,
    },
    /// A path that names no file.
    #[error("a store needs the path of a file: for one that is gone with the process, use `MemoryStore`")]
    NoFile,
}

debug_as_display!(SchemaError);
