//! `measure`: what the check of a revocation, a refresh and the authentication of a request cost, in memory and on a
//! Redis of its own, beside the bare round trip to that Redis. Run it with `--release`; with `requests` or `sql`, only those.

mod requests;
mod sql;

use std::error::Error;
use std::hint::black_box;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jwt_core::clock::NumericDate;
use jwt_core::session::NewSignIn;
use jwt_core::store::{RevocationStore, SignInStore};
use jwt_core::{MemoryStore, RedisStore, RefreshTokens, Revocations, Sessions};
use serde_json::json;
use stores_tests::{RedisServer, proved, redis_is_installed};

const FAR: NumericDate = NumericDate::from_secs(4_000_000_000);
const ROUNDS: usize = 15;

/// The least of some rounds, in nanoseconds for one.
fn least(mut round: impl FnMut() -> Duration, times: u32) -> f64 {
    let least = (0..ROUNDS).map(|_| round()).min().unwrap_or_default();
    least.as_secs_f64() * 1e9 / f64::from(times)
}

fn print(line: &str) -> io::Result<()> {
    writeln!(io::stdout(), "{line}")
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let only = std::env::args().nth(1);
    if only.as_deref().is_none_or(|only| only == "sql") {
        sql::measure().await?;
    }
    if only.as_deref() == Some("sql") {
        return Ok(());
    }
    if only.is_none_or(|only| only != "requests") {
        operations_and_checks().await?;
    }
    let server = redis_is_installed().then(RedisServer::start_without_disk);
    requests::measure(server.as_ref()).await
}

async fn operations_and_checks() -> Result<(), Box<dyn Error>> {
    let token = proved(json!({"iss": "https://issuer.example.com", "sub": "alice", "jti": "a token", "iat": 1}));
    for (entries, subjects) in [(0, 0), (1_000, 0), (100_000, 0), (100_000, 1_000)] {
        let store = MemoryStore::new().max_revocations(200_000);
        let list = Revocations::builder(Arc::new(store)).open().await?;
        for number in 0..entries {
            list.revoke("https://issuer.example.com", &format!("token {number}"), FAR).await?;
        }
        for number in 0..subjects {
            let subject = format!("subject {number}");
            list.revoke_all("https://issuer.example.com", &subject, Duration::from_secs(3600)).await?;
        }
        let times = 1_000_000;
        let check = || {
            let start = Instant::now();
            for _ in 0..times {
                let _ = black_box(list.check(black_box(&token)));
            }
            start.elapsed()
        };
        let cost = least(check, times);
        print(&format!("check, {entries:>6} tokens and {subjects:>4} subjects revoked   {cost:>10.1} ns"))?;
    }

    let memory = Arc::new(MemoryStore::new());
    let costs = operations(memory.clone(), memory, None).await?;
    for (what, cost) in OPERATIONS.into_iter().zip(costs).take(3) {
        print(&format!("{what}, memory   {:>10.1} µs", micros(cost)))?;
    }
    if !redis_is_installed() {
        return Ok(());
    }
    for (disk, server) in
        [("without disk", RedisServer::start_without_disk()), ("every write on disk", RedisServer::start())]
    {
        let redis = Arc::new(RedisStore::connect(&server.url()).await?);
        let bare = redis::Client::open(server.url())?.get_multiplexed_async_connection().await?;
        let costs = operations(redis.clone(), redis, Some(bare)).await?;
        let [.., ping, set] = costs.map(micros);
        for (what, cost) in OPERATIONS.into_iter().zip(costs.map(micros)) {
            let (pings, sets) = (cost / ping, cost / set);
            print(&format!("{what}, Redis {disk}   {cost:>10.1} µs: {pings:.2} times a PING, {sets:.2} times a SET"))?;
        }
    }
    Ok(())
}

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

const OPERATIONS: [&str; 5] = ["refresh", "look-up of a session", "revoke", "PING, bare", "SET, bare"];
const TIMES: u32 = 200;

/// Each the least of some rounds, in which all have their turn.
async fn operations(
    sign_ins: Arc<dyn SignInStore>,
    log: Arc<dyn RevocationStore>,
    mut bare: Option<redis::aio::MultiplexedConnection>,
) -> Result<[Duration; 5], Box<dyn Error>> {
    let tokens = RefreshTokens::builder(sign_ins.clone()).build()?;
    let sessions = Sessions::builder(sign_ins).build()?;
    let revocations = Revocations::builder(log).open().await?;
    let data = json!({"roles": ["reader", "writer"]});
    let (mut token, _) = tokens.start(NewSignIn::new("alice", &data)?.label("Firefox on Linux")).await?;
    let (session, _) = sessions.start(NewSignIn::new("alice", &data)?).await?;
    let mut best = [Duration::MAX; 5];
    let mut number = 0;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        for _ in 0..TIMES {
            token = tokens.refresh(&token).await?.0;
        }
        best[0] = best[0].min(start.elapsed() / TIMES);
        let start = Instant::now();
        for _ in 0..TIMES {
            black_box(sessions.look_up(&session).await?);
        }
        best[1] = best[1].min(start.elapsed() / TIMES);
        let start = Instant::now();
        for _ in 0..TIMES {
            number += 1;
            revocations.revoke("https://issuer.example.com", &number.to_string(), FAR).await?;
        }
        best[2] = best[2].min(start.elapsed() / TIMES);
        let Some(bare) = &mut bare else { continue };
        let start = Instant::now();
        for _ in 0..TIMES {
            let _: String = redis::cmd("PING").query_async(bare).await?;
        }
        best[3] = best[3].min(start.elapsed() / TIMES);
        let start = Instant::now();
        for _ in 0..TIMES {
            let () = redis::cmd("SET").arg("key").arg("value").query_async(bare).await?;
        }
        best[4] = best[4].min(start.elapsed() / TIMES);
    }
    Ok(best)
}
