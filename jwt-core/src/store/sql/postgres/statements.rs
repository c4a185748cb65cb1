//! The statements, with the name of the schema. What takes more than one statement is a function of the schema, in `1.sql`.

use tokio_postgres::types::Type;

/// A statement and the types of its parameters: with them, it needs no preparation.
pub(super) struct Statement {
    pub(super) sql: Box<str>,
    pub(super) types: &'static [Type],
}

/// Writes out what the statements are, once.
macro_rules! statements {
    ($($name:ident: $sql:expr, [$($type:ident),*];)*) => {
        pub(super) struct Statements {
            $(pub(super) $name: Statement,)*
        }

        impl Statements {
            pub(super) fn new(schema: &str) -> Self {
                let schema = format!("{schema}.");
                Self {
                    $($name: {
                        const TYPES: &[Type] = &[$(Type::$type),*];
                        Statement { sql: $sql.replace("jwt.", &schema).into(), types: TYPES }
                    },)*
                }
            }
        }
    };
}

/// All columns of a sign-in but its owner, in the order in which a record is read.
macro_rules! record {
    ($before:literal, $after:literal) => {
        concat!(
            $before,
            " id, secret, rotated_from, rotated_salt, rotated_at, created_at, used_at, expires_at, ends_at, subject, label, data, options ",
            $after
        )
    };
}

statements! {
    version: "SELECT max(version) FROM jwt.schema_version", [];
    insert: "SELECT jwt.insert_sign_in($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)",
        [INT8, INT8, INT8, BYTEA, BYTEA, BYTEA, BYTEA, BYTEA, INT8, INT8, INT8, INT8, INT8, TEXT, TEXT, TEXT, TEXT];
    get: record!("SELECT", "FROM jwt.sign_ins WHERE owner = $1 AND id = $2 AND expires_at > $3"), [BYTEA, BYTEA, INT8];
    touch: record!(
        "UPDATE jwt.sign_ins SET used_at = $3, expires_at = least($5, ends_at) WHERE owner = $1 AND id = $2 AND expires_at > $3 AND secret = $4 AND $3 - used_at >= $6 RETURNING",
        ""
    ), [BYTEA, BYTEA, INT8, BYTEA, INT8, INT8];
    change: record!(
        "UPDATE jwt.sign_ins SET rotated_from = CASE WHEN secret = $5 THEN rotated_from ELSE secret END, rotated_salt = CASE WHEN secret = $5 THEN rotated_salt ELSE $6 END, rotated_at = CASE WHEN secret = $5 THEN rotated_at ELSE $3 END, secret = $5, used_at = $3, expires_at = least($7, ends_at), data = coalesce($8, data), options = coalesce($9, options) WHERE owner = $1 AND id = $2 AND expires_at > $3 AND secret = $4 RETURNING",
        ""
    ), [BYTEA, BYTEA, INT8, BYTEA, BYTEA, BYTEA, INT8, TEXT, TEXT];
    remove: "DELETE FROM jwt.sign_ins WHERE owner = $1 AND id = $2", [BYTEA, BYTEA];
    remove_all: "DELETE FROM jwt.sign_ins WHERE owner = $1", [BYTEA];
    list: record!("SELECT", "FROM jwt.sign_ins WHERE owner = $1 AND expires_at > $2"), [BYTEA, INT8];

    revoke: "SELECT jwt.add_revocation($1, $2, $3, $4, $5, $6, $7)", [INT8, INT8, INT8, TEXT, INT8, TEXT, INT8];
    since: "SELECT number, entry FROM jwt.revocations WHERE number > $1 ORDER BY number LIMIT $2", [INT8, INT8];

    proof: "SELECT jwt.use_proof($1, $2, $3, $4, $5, $6, $7)", [INT8, INT8, BYTEA, BYTEA, INT8, BYTEA, INT8];

    add_tenant: "SELECT jwt.add_tenant($1, $2)", [TEXT, INT8];
    remove_tenant: "DELETE FROM jwt.tenants WHERE issuer = $1", [TEXT];
    tenants: "SELECT issuer FROM jwt.tenants ORDER BY number", [];
}
