//! What a refresh and a look-up cost on PostgreSQL and on SQLite, beside one bare statement by primary key; how a look-up
//! grows with what is stored; and how soon another instance knows of a revocation.

use std::error::Error;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use deadpool_postgres::{Manager, Pool};
use jwt_core::session::{NewSignIn, OpaqueToken};
use jwt_core::store::{RevocationStore, SignInStore};
use jwt_core::{PostgresStore, RedisStore, RefreshTokens, Revocations, Sessions, SqliteStore};
use serde_json::json;
use stores_tests::{PostgresServer, RedisServer, TestDirectory, is_revoked, postgres_is_installed, redis_is_installed};
use tokio::sync::{mpsc, oneshot};
use tokio_postgres::NoTls;

use crate::{FAR, median, micros, print};

const ROUNDS: usize = 41;
const TIMES: u32 = 100;
/// How many sign-ins are looked up in turn.
const LOOKED_UP: usize = 1_000;
const STORED: u32 = 1_000_000;

/// What the bare statements are, by the name of the table and the words for a parameter.
fn bare(table: &str, parameter: &str) -> [String; 2] {
    let columns = "id, secret, rotated_from, rotated_salt, rotated_at, created_at, used_at, expires_at, ends_at, subject, label, data, options";
    [
        format!(
            "UPDATE {table} SET secret = {parameter}3, used_at = used_at + 1, expires_at = expires_at + 1 WHERE owner = {parameter}1 AND id = {parameter}2 RETURNING {columns}"
        ),
        format!("SELECT {columns} FROM {table} WHERE owner = {parameter}1 AND id = {parameter}2"),
    ]
}

fn new(name: &str) -> Result<NewSignIn, Box<dyn Error>> {
    Ok(NewSignIn::new(name, &json!({"roles": ["reader", "writer"]}))?.label("Firefox on Linux"))
}

/// The operations of a store, each in rounds.
struct Operations {
    tokens: RefreshTokens,
    token: OpaqueToken,
    sessions: Sessions,
    session: OpaqueToken,
}

impl Operations {
    async fn of(store: Arc<dyn SignInStore>) -> Result<Self, Box<dyn Error>> {
        let tokens = RefreshTokens::builder(store.clone()).build()?;
        let sessions = Sessions::builder(store).build()?;
        let (token, _) = tokens.start(new("alice")?).await?;
        let (session, _) = sessions.start(new("alice")?).await?;
        Ok(Self { tokens, token, sessions, session })
    }

    async fn refresh(&mut self) -> Result<Duration, Box<dyn Error>> {
        let start = Instant::now();
        for _ in 0..TIMES {
            self.token = self.tokens.refresh(&self.token).await?.0;
        }
        Ok(start.elapsed() / TIMES)
    }

    async fn look_up(&self) -> Result<Duration, Box<dyn Error>> {
        let start = Instant::now();
        for _ in 0..TIMES {
            black_box(self.sessions.look_up(&self.session).await?);
        }
        Ok(start.elapsed() / TIMES)
    }
}

/// Prints the medians of both, and that of the ratios of each round, in which both had their turn.
fn compare(what: &str, with: &str, rounds: &[(Duration, Duration)], most: f64) -> Result<(), Box<dyn Error>> {
    let one = median(rounds.iter().map(|(one, _)| micros(*one)));
    let other = median(rounds.iter().map(|(_, other)| micros(*other)));
    let ratio = median(rounds.iter().map(|(one, other)| micros(*one) / micros(*other)));
    let most = if most.is_finite() { format!(", at most {most}") } else { String::new() };
    Ok(print(&format!("{what:<40} {one:>7.1} µs, {with} {other:>7.1} µs: {ratio:.2} times{most}"))?)
}

/// A thousand sign-ins are looked up in turn, before and after a million others are added.
struct LookUps {
    sessions: Sessions,
    tokens: Vec<OpaqueToken>,
}

impl LookUps {
    async fn of(store: Arc<dyn SignInStore>) -> Result<Self, Box<dyn Error>> {
        let sessions = Sessions::builder(store).build()?;
        let mut tokens = Vec::new();
        for number in 0..LOOKED_UP {
            tokens.push(sessions.start(new(&format!("user {number}"))?).await?.0);
        }
        Ok(Self { sessions, tokens })
    }

    async fn round(&self) -> Result<Duration, Box<dyn Error>> {
        let start = Instant::now();
        for token in &self.tokens {
            black_box(self.sessions.look_up(token).await?);
        }
        Ok(start.elapsed() / u32::try_from(self.tokens.len())?)
    }

    /// The same among many others: both have their turn in each round.
    async fn compare(&self, what: &str, few: &Self) -> Result<(), Box<dyn Error>> {
        let mut rounds = Vec::new();
        for _ in 0..ROUNDS {
            let few = few.round().await?;
            rounds.push((self.round().await?, few));
        }
        compare(what, "of 1 000", &rounds, 1.5)
    }
}

pub(crate) async fn measure() -> Result<(), Box<dyn Error>> {
    sqlite().await?;
    if postgres_is_installed() {
        postgres().await?;
    }
    announcements().await
}

/// A bare statement where an async application can run it: not on the threads of its runtime.
struct Elsewhere(mpsc::Sender<(Key, oneshot::Sender<rusqlite::Result<i64>>)>);

/// Owner, id and secret.
type Key = [Vec<u8>; 3];

impl Elsewhere {
    fn start(file: &Path, update: &str) -> Result<Self, Box<dyn Error>> {
        let connection = rusqlite::Connection::open(file)?;
        connection.execute_batch("PRAGMA synchronous = NORMAL")?;
        let (sender, mut wanted) = mpsc::channel::<(Key, oneshot::Sender<rusqlite::Result<i64>>)>(1);
        let update = update.to_owned();
        std::thread::spawn(move || {
            while let Some(([owner, id, secret], answer)) = wanted.blocking_recv() {
                let updated = connection
                    .prepare_cached(&update)
                    .and_then(|mut statement| statement.query_row((owner, id, secret), |row| row.get(6)));
                let _ = answer.send(updated);
            }
        });
        Ok(Self(sender))
    }

    async fn update(&self, key: Key) -> Result<i64, Box<dyn Error>> {
        let (answer, answered) = oneshot::channel();
        self.0.send((key, answer)).await?;
        Ok(answered.await??)
    }
}

async fn sqlite() -> Result<(), Box<dyn Error>> {
    let directory = TestDirectory::new();
    let file = directory.path().join("store.db");
    let store = Arc::new(SqliteStore::builder(&file).lose_last_writes_on_power_failure().open().await?);
    let mut operations = Operations::of(store.clone()).await?;
    let look_ups = LookUps::of(store.clone()).await?;
    let [update, select] = bare("jwt_sign_ins", "?");
    let connection = rusqlite::Connection::open(&file)?;
    connection.execute_batch("PRAGMA synchronous = NORMAL")?;
    let elsewhere = Elsewhere::start(&file, &update)?;
    let key = "SELECT owner, id, secret FROM jwt_sign_ins WHERE subject = 'user 0'";
    let (owner, id, secret): (Vec<u8>, Vec<u8>, Vec<u8>) =
        connection.query_row(key, (), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let (mut refreshes, mut direct, mut finds) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let start = Instant::now();
        for _ in 0..TIMES {
            let mut statement = connection.prepare_cached(&update)?;
            black_box(statement.query_row((&owner, &id, &secret), |row| row.get::<_, i64>(6))?);
        }
        let took = start.elapsed() / TIMES;
        let start = Instant::now();
        for _ in 0..TIMES {
            black_box(elsewhere.update([owner.clone(), id.clone(), secret.clone()]).await?);
        }
        let on_a_thread = start.elapsed() / TIMES;
        let refresh = operations.refresh().await?;
        refreshes.push((refresh, on_a_thread));
        direct.push((refresh, took));
        let start = Instant::now();
        for _ in 0..TIMES {
            let mut statement = connection.prepare_cached(&select)?;
            black_box(statement.query_row((&owner, &id), |row| row.get::<_, i64>(6))?);
        }
        let took = start.elapsed() / TIMES;
        finds.push((operations.look_up().await?, took));
    }
    compare("refresh, SQLite, synchronous=NORMAL", "one UPDATE on a thread of its own", &refreshes, 1.5)?;
    compare("refresh, SQLite, synchronous=NORMAL", "one UPDATE that blocks the caller", &direct, f64::INFINITY)?;
    compare("look-up of a session, SQLite", "one SELECT", &finds, f64::INFINITY)?;
    let other = SqliteStore::open(directory.path().join("few.db")).await?;
    let few = LookUps::of(Arc::new(other)).await?;
    connection.execute_batch(&format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {STORED}) \
         INSERT INTO jwt_sign_ins SELECT randomblob(16), randomblob(16), randomblob(32), NULL, NULL, NULL, 1, 1, \
         4000000000000 + i, 4000000000000 + i, 'user', 'Firefox on Linux', '{{\"roles\":[\"reader\",\"writer\"]}}', '' FROM n"
    ))?;
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(()))?;
    look_ups.compare("look-up of 1 000 000, SQLite", &few).await
}

async fn postgres() -> Result<(), Box<dyn Error>> {
    let server = PostgresServer::start_with(&["shared_buffers=256MB", "max_wal_size=4GB"]);
    // The bare statements are on the connection that the store uses.
    let pool = Pool::builder(Manager::new(server.url().parse()?, NoTls)).max_size(1).build()?;
    let store = Arc::new(PostgresStore::with_pool(pool.clone()).connect().await?);
    store.migrate().await?;
    let mut operations = Operations::of(store.clone()).await?;
    let look_ups = LookUps::of(store.clone()).await?;
    let [update, select] = bare("jwt.sign_ins", "$");
    let key = {
        let client = pool.get().await?;
        client.query_one("SELECT owner, id, secret FROM jwt.sign_ins WHERE subject = 'user 0'", &[]).await?
    };
    let (owner, id, secret): (Vec<u8>, Vec<u8>, Vec<u8>) = (key.get(0), key.get(1), key.get(2));
    let (mut refreshes, mut finds) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let (updates, selects) = {
            let client = pool.get().await?;
            let (update, select) = (client.prepare_cached(&update).await?, client.prepare_cached(&select).await?);
            let start = Instant::now();
            for _ in 0..TIMES {
                black_box(client.query_one(&update, &[&owner, &id, &secret]).await?);
            }
            let updates = start.elapsed() / TIMES;
            let start = Instant::now();
            for _ in 0..TIMES {
                black_box(client.query_one(&select, &[&owner, &id]).await?);
            }
            (updates, start.elapsed() / TIMES)
        };
        refreshes.push((operations.refresh().await?, updates));
        finds.push((operations.look_up().await?, selects));
    }
    compare("refresh, PostgreSQL", "one UPDATE", &refreshes, 1.5)?;
    compare("look-up of a session, PostgreSQL", "one SELECT", &finds, 1.3)?;
    // On that connection too, since two of them need not be equally fast.
    let other = PostgresStore::with_pool(pool.clone()).schema("few").connect().await?;
    other.migrate().await?;
    let few = LookUps::of(Arc::new(other)).await?;
    let fill = format!(
        "INSERT INTO jwt.sign_ins SELECT decode(md5(i::text), 'hex'), decode(md5((-i)::text), 'hex'), \
         decode(md5(i::text) || md5((-i)::text), 'hex'), NULL, NULL, NULL, 1, 1, 4000000000000 + i, 4000000000000 + i, \
         'user', 'Firefox on Linux', '{{\"roles\":[\"reader\",\"writer\"]}}', '' FROM generate_series(1, {STORED}) i"
    );
    server.run(&fill).await;
    server.run("VACUUM ANALYZE jwt.sign_ins").await;
    server.run("CHECKPOINT").await;
    look_ups.compare("look-up of 1 000 000, PostgreSQL", &few).await
}

/// How soon another instance knows of a revocation.
async fn announcements() -> Result<(), Box<dyn Error>> {
    if postgres_is_installed() {
        let server = PostgresServer::start();
        let (here, there) =
            (PostgresStore::connect(&server.url()).await?, PostgresStore::connect(&server.url()).await?);
        here.migrate().await?;
        known("PostgreSQL", Arc::new(here), Arc::new(there)).await?;
    }
    if redis_is_installed() {
        let server = RedisServer::start_without_disk();
        let (here, there) = (RedisStore::connect(&server.url()).await?, RedisStore::connect(&server.url()).await?);
        known("Redis", Arc::new(here), Arc::new(there)).await?;
    }
    Ok(())
}

async fn known(
    name: &str,
    here: Arc<dyn RevocationStore>,
    there: Arc<dyn RevocationStore>,
) -> Result<(), Box<dyn Error>> {
    let (here, there) = (Revocations::builder(here).open().await?, Revocations::builder(there).open().await?);
    let mut took = Vec::new();
    for number in 0..101 {
        // Somewhere between two polls.
        tokio::time::sleep(Duration::from_millis(7 * (number % 13))).await;
        let number = usize::try_from(number)?;
        let start = Instant::now();
        here.revoke("https://issuer.example.com", &number.to_string(), FAR).await?;
        while !is_revoked(&there, number) {
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
        took.push(micros(start.elapsed()) / 1000.0);
    }
    let most = took.iter().copied().fold(0.0, f64::max);
    let median = median(took.into_iter());
    Ok(print(&format!(
        "a revocation, {name}: known on another instance after {median:.1} ms, {most:.1} ms at most; 50 and 1000 at most"
    ))?)
}
