//! The statements, with the prefix of the tables.

/// Writes out what the statements are, once.
macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident: $sql:expr,)*) => {
        pub(super) struct Statements {
            $($(#[$doc])* pub(super) $name: Box<str>,)*
        }

        impl Statements {
            pub(super) fn new(prefix: &str) -> Self {
                Self { $($name: $sql.replace("jwt_", prefix).into(),)* }
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
    sweep: "DELETE FROM jwt_sign_ins WHERE (owner, id) IN (SELECT owner, id FROM jwt_sign_ins WHERE ends_at <= ?1 AND expires_at <= ?1 ORDER BY ends_at LIMIT ?2)",
    /// Of an owner: those that have expired, and the oldest of the others, so that one more has room.
    make_room: "DELETE FROM jwt_sign_ins WHERE owner = ?1 AND (expires_at <= ?2 OR id = ?3 OR id IN (SELECT id FROM jwt_sign_ins WHERE owner = ?1 AND expires_at > ?2 AND id <> ?3 ORDER BY created_at DESC LIMIT -1 OFFSET ?4))",
    insert: record!(
        "INSERT INTO jwt_sign_ins (owner,",
        ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)"
    ),
    get: record!("SELECT", "FROM jwt_sign_ins WHERE owner = ?1 AND id = ?2 AND expires_at > ?3"),
    touch: record!(
        "UPDATE jwt_sign_ins SET used_at = ?3, expires_at = min(?5, ends_at) WHERE owner = ?1 AND id = ?2 AND expires_at > ?3 AND secret = ?4 AND ?3 - used_at >= ?6 RETURNING",
        ""
    ),
    change: record!(
        "UPDATE jwt_sign_ins SET rotated_from = CASE WHEN secret = ?5 THEN rotated_from ELSE secret END, rotated_salt = CASE WHEN secret = ?5 THEN rotated_salt ELSE ?6 END, rotated_at = CASE WHEN secret = ?5 THEN rotated_at ELSE ?3 END, secret = ?5, used_at = ?3, expires_at = min(?7, ends_at), data = coalesce(?8, data), options = coalesce(?9, options) WHERE owner = ?1 AND id = ?2 AND expires_at > ?3 AND secret = ?4 RETURNING",
        ""
    ),
    remove: "DELETE FROM jwt_sign_ins WHERE owner = ?1 AND id = ?2",
    remove_all: "DELETE FROM jwt_sign_ins WHERE owner = ?1",
    list: record!("SELECT", "FROM jwt_sign_ins WHERE owner = ?1 AND expires_at > ?2"),

    forget: "DELETE FROM jwt_revocations WHERE number IN (SELECT number FROM jwt_revocations WHERE forget_at <= ?1 ORDER BY forget_at LIMIT ?2)",
    /// The same entry, and the last of the subject if the new one says all that it says.
    replace: "DELETE FROM jwt_revocations WHERE number IN (SELECT number FROM jwt_revocations WHERE entry = ?1) OR number IN (SELECT number FROM jwt_revocations WHERE subject = ?2 AND not_before <= ?3 AND forget_at <= ?4)",
    count: "UPDATE jwt_revocation_log SET last = last + ?1, entries = entries + ?2 RETURNING last, entries",
    revoke: "INSERT INTO jwt_revocations (number, entry, forget_at, subject, not_before) VALUES (?1, ?2, ?3, ?4, ?5)",
    since: "SELECT number, entry FROM jwt_revocations WHERE number > ?1 ORDER BY number LIMIT ?2",

    sweep_proofs: "DELETE FROM jwt_proofs WHERE (key, id) IN (SELECT key, id FROM jwt_proofs WHERE until < ?1 ORDER BY until LIMIT ?2)",
    proof: "SELECT until, attempt FROM jwt_proofs WHERE key = ?1 AND id = ?2",
    count_proofs: "SELECT count(*) FROM jwt_proofs WHERE key = ?1",
    forget_proofs: "DELETE FROM jwt_proofs WHERE key = ?1 AND until < ?2",
    use_proof: "INSERT OR REPLACE INTO jwt_proofs (key, id, until, attempt) VALUES (?1, ?2, ?3, ?4)",

    remove_tenant: "DELETE FROM jwt_tenants WHERE issuer = ?1",
    add_tenant: "INSERT INTO jwt_tenants (number, issuer) SELECT coalesce(max(number), 0) + 1, ?1 FROM jwt_tenants",
    keep_tenants: "DELETE FROM jwt_tenants WHERE number IN (SELECT number FROM jwt_tenants ORDER BY number DESC LIMIT -1 OFFSET ?1)",
    tenants: "SELECT issuer FROM jwt_tenants ORDER BY number",
}
