//! Why a URL names no store.

use crate::config_error::debug_as_display;

/// Why a URL names no store, or cannot be used with the certificates beside it, and what to write instead. Never holds a user name or a password.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreUrlError {
    /// There is no scheme, `://` and something after it.
    #[error(
        "not a URL: write `redis://host:6379/0`, `redis+cluster://host:7000,host:7001` or `redis+sentinel://host:26379,host:26380/NAME`"
    )]
    NotAUrl,
    /// No store has this scheme.
    #[error(
        "no store has the scheme `{scheme}`: use `redis`, `redis+cluster` or `redis+sentinel`, with `rediss` in place of `redis` for TLS"
    )]
    Scheme {
        /// What the URL has before `://`.
        scheme: Box<str>,
    },
    /// The address of the one server cannot be read.
    #[error(
        "the address after `{scheme}://` cannot be read: write `{scheme}://user:password@host:6379/0`, with user and password percent-encoded and a number for the database"
    )]
    Server {
        /// What the URL has before `://`.
        scheme: Box<str>,
    },
    /// The hosts of a cluster or of sentinels cannot be read: there is none, one is empty, one has a user of its own or a
    /// port that is no number.
    #[error(
        "the hosts after `{scheme}://` cannot be read: write `{scheme}://user:password@host:7000,host:7001`, with one user for all hosts, percent-encoded"
    )]
    Hosts {
        /// What the URL has before `://`.
        scheme: Box<str>,
    },
    /// The URL of a cluster or of sentinels has a fragment.
    #[error(
        "a `{scheme}` URL has no `#`: the name of a primary goes after the hosts, as in `redis+sentinel://host:26379/NAME`; write `%23` for a `#` in a password"
    )]
    Fragment {
        /// What the URL has before `://`.
        scheme: Box<str>,
    },
    /// The query of the URL has something that this kind of store does not know, or the same twice.
    #[error(
        "the query of a `{scheme}` URL: a cluster has none, sentinels know `sentinel_username` and `sentinel_password`, each once"
    )]
    Query {
        /// What the URL has before `://`.
        scheme: Box<str>,
    },
    /// The URL of sentinels names no primary, or by a name that no sentinel takes.
    #[error(
        "no name of a primary after the hosts (found {}): write the one that the sentinels know it by, `redis+sentinel://host:26379/NAME`, of letters, digits, `.`, `-` and `_`",
        found(.name.as_deref())
    )]
    Primary {
        /// What the URL has in the place of the name. `None` where the URL also holds a user: a password with a `/` in it
        /// could be read as a name.
        name: Option<Box<str>>,
    },
    /// The database is no number.
    #[error("the database is not a number (found {}): write one, such as `0`, or leave it out", found(.database.as_deref()))]
    Database {
        /// What the URL has in the place of the number. `None` where the URL also holds a user: a password with a `/` in
        /// it could be read as a database.
        database: Option<Box<str>>,
    },
    /// A cluster has one database.
    #[error(
        "a cluster has no database {database}, only 0: leave it out, and use `.prefix(…)` to keep applications apart"
    )]
    ClusterDatabase {
        /// The number in the URL.
        database: u32,
    },
    /// TLS is not compiled in.
    #[error("`{scheme}` is for TLS, which is not compiled in: switch on the feature `redis-tls`")]
    Tls {
        /// What the URL has before `://`.
        scheme: Box<str>,
    },
    /// There are certificates for TLS, and the URL is one without TLS.
    #[error(
        "certificates are given, and `{scheme}` is without TLS: write `rediss` in place of `redis` (`valkeys`, `valkey`), or leave them out"
    )]
    NoTls {
        /// What the URL has before `://`.
        scheme: Box<str>,
    },
    /// The URL asks for TLS without a look at the certificate of the server.
    #[error(
        "`#insecure` in a `{scheme}` URL would accept whoever answers: leave it out, and name a private authority by `.root_certificate(pem)`"
    )]
    Insecure {
        /// What the URL has before `://`.
        scheme: Box<str>,
    },
    /// A certificate authority that is no certificate.
    #[error(
        "`.root_certificate(…)` got no readable certificate: give the text of a PEM file with `-----BEGIN CERTIFICATE-----`, not its path; DER is converted by `openssl x509 -inform der -in ca.der`"
    )]
    RootCertificate,
    /// A client certificate that cannot be used.
    #[error(
        "`.client_certificate(…)` cannot be used: give the PEM of the certificate, and the PEM of the private key that belongs to it, not encrypted, and not their paths"
    )]
    ClientCertificate,
    /// The URL of a PostgreSQL server cannot be read.
    #[error(
        "the URL of PostgreSQL cannot be read: write `postgres://user:password@host:5432/database`, with user and password percent-encoded"
    )]
    Postgres,
    /// The URL of a PostgreSQL server asks for TLS.
    #[error(
        "a URL with `sslmode=require` or more needs TLS, which a pool of your own brings: `PostgresStore::with_pool(pool)`, and `.listen_with(config, tls)`"
    )]
    PostgresTls,
}

debug_as_display!(StoreUrlError);

/// What the URL has in some place.
fn found(text: Option<&str>) -> String {
    match text {
        Some("") => "nothing".to_owned(),
        Some(text) => format!("`{}`", text.escape_debug()),
        None => "a text that is not shown".to_owned(),
    }
}
