//! `measure`: what the check of a revocation and a refresh cost, in memory and on a Redis of its own, beside the bare
//! round trip to that Redis. Run it with `--release`.

use std::error::Error;
use std::hint::black_box;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jwt_core::store::{RevocationStore, SignInStore};
use jwt_core::{MemoryStore, NewSignIn, NumericDate, RedisStore, RefreshTokens, Revocations, Sessions};
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
    store("memory", memory.clone(), memory).await?;
    if !redis_is_installed() {
        return Ok(());
    }
    let server = RedisServer::start();
    let redis = Arc::new(RedisStore::connect(&server.url()).await?);
    let client = redis::Client::open(server.url())?;
    let mut connection = client.get_multiplexed_async_connection().await?;
    let mut best = [Duration::MAX; 2];
    for _ in 0..ROUNDS {
        let start = Instant::now();
        for _ in 0..200 {
            let _: String = redis::cmd("PING").query_async(&mut connection).await?;
        }
        best[0] = best[0].min(start.elapsed() / 200);
        let start = Instant::now();
        for number in 0..200 {
            let () = redis::cmd("SET").arg("key").arg(number).query_async(&mut connection).await?;
        }
        best[1] = best[1].min(start.elapsed() / 200);
    }
    print(&format!("PING, bare   {:>10.1} µs", best[0].as_secs_f64() * 1e6))?;
    print(&format!("SET, bare, written to disk   {:>10.1} µs", best[1].as_secs_f64() * 1e6))?;
    let costs = store("Redis", redis.clone(), redis).await?;
    for (name, cost) in ["refresh", "look-up", "revoke"].into_iter().zip(costs) {
        let (ping, set) = (cost.as_secs_f64() / best[0].as_secs_f64(), cost.as_secs_f64() / best[1].as_secs_f64());
        print(&format!("{name} on Redis: {ping:.2} times a bare PING, {set:.2} times a bare SET"))?;
    }
    Ok(())
}

/// A refresh, a look-up and a revocation, each the least of some rounds.
async fn store(
    name: &str,
    sign_ins: Arc<dyn SignInStore>,
    log: Arc<dyn RevocationStore>,
) -> Result<[Duration; 3], Box<dyn Error>> {
    let tokens = RefreshTokens::builder(sign_ins.clone()).build()?;
    let sessions = Sessions::builder(sign_ins).build()?;
    let revocations = Revocations::builder(log).open().await?;
    let data = json!({"roles": ["reader", "writer"]});
    let (mut token, _) = tokens.start(NewSignIn::new("alice", &data)?.label("Firefox on Linux")).await?;
    let (session, _) = sessions.start(NewSignIn::new("alice", &data)?).await?;
    let mut best = [Duration::MAX; 3];
    let mut number = 0;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        for _ in 0..200 {
            token = tokens.refresh(&token).await?.0;
        }
        best[0] = best[0].min(start.elapsed() / 200);
        let start = Instant::now();
        for _ in 0..200 {
            black_box(sessions.look_up(&session).await?);
        }
        best[1] = best[1].min(start.elapsed() / 200);
        let start = Instant::now();
        for _ in 0..200 {
            number += 1;
            revocations.revoke("https://issuer.example.com", &number.to_string(), FAR).await?;
        }
        best[2] = best[2].min(start.elapsed() / 200);
    }
    for (what, cost) in ["refresh", "look-up of a session", "revoke"].into_iter().zip(best) {
        print(&format!("{what}, {name}   {:>10.1} µs", cost.as_secs_f64() * 1e6))?;
    }
    Ok(best)
}
