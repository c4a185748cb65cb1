//! What it costs to authenticate a request, from its head to the claims: by a session in memory or on Redis, by a JWT
//! that is proved each time or found in the cache, and beside them the bare round trip to that Redis.

use std::error::Error;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::header::AUTHORIZATION;
use http::request::Parts;
use jwt_core::adapter::Verdict;
use jwt_core::session::NewSignIn;
use jwt_core::store::SignInStore;
use jwt_core::{
    Algorithm, Authenticator, AuthenticatorBuilder, MemoryStore, RedisStore, Sessions, SigningKey, TokenCache,
};
use redis::aio::MultiplexedConnection;
use serde::Deserialize;
use serde_json::json;
use stores_tests::RedisServer;

use crate::{median, micros, print};

const ROUNDS: usize = 101;

#[derive(Deserialize)]
struct User {
    #[expect(dead_code, reason = "what counts is that it is read")]
    name: String,
    #[expect(dead_code, reason = "what counts is that it is read")]
    roles: Vec<String>,
}

/// A way to be authenticated, and what it took in each round.
struct Way {
    name: &'static str,
    auth: Authenticator<User>,
    head: Parts,
    /// How many requests make a round.
    times: u32,
    took: Vec<Duration>,
}

impl Way {
    fn new(
        name: &'static str,
        builder: AuthenticatorBuilder<User>,
        token: &str,
        times: u32,
    ) -> Result<Self, Box<dyn Error>> {
        let request = http::Request::get("/me").header(AUTHORIZATION, format!("Bearer {token}")).body(())?;
        let (head, ()) = request.into_parts();
        Ok(Self { name, auth: builder.build()?, head, times, took: Vec::new() })
    }

    async fn session(name: &'static str, store: Arc<dyn SignInStore>, times: u32) -> Result<Self, Box<dyn Error>> {
        let sessions = Sessions::builder(store).build()?;
        let (token, _) = sessions.start(NewSignIn::new("alice", &claims())?).await?;
        Self::new(name, Authenticator::builder().sessions(&sessions), token.as_str(), times)
    }

    async fn round(&mut self) -> Result<(), Box<dyn Error>> {
        let start = Instant::now();
        for _ in 0..self.times {
            let result = match self.auth.authenticate(black_box(&self.head)) {
                Verdict::Pending(pending) => pending.await.result()?,
                Verdict::Verified(token) => Some(token),
                Verdict::Rejected(error) => return Err(error.into()),
                Verdict::Anonymous => None,
            };
            black_box(result.ok_or("the request went through as anonymous")?);
        }
        self.took.push(start.elapsed() / self.times);
        Ok(())
    }
}

fn claims() -> serde_json::Value {
    json!({"name": "Alice", "roles": ["reader", "writer"]})
}

/// The JWT with those claims: proved each time, and found in the cache.
fn jwts() -> Result<[Way; 2], Box<dyn Error>> {
    let key = SigningKey::generate(Algorithm::ES256)?;
    let mut claims = claims();
    for (name, value) in [("sub", json!("alice")), ("aud", json!("api")), ("exp", json!(4_000_000_000_u64))] {
        claims[name] = value;
    }
    let token = key.sign(&claims)?;
    let builder = || Authenticator::builder().keys(key.verifying_key()).audience("api");
    Ok([
        Way::new("JWT, ES256, proved each time", builder(), &token, 50)?,
        Way::new("JWT, from the cache", builder().cache(TokenCache::new()), &token, 5_000)?,
    ])
}

/// Prints the medians, also of how many times the bare round trip of its round each of them is. All have their turn in
/// each round, so that what else the machine does hits all of them.
pub(crate) async fn measure(server: Option<&RedisServer>) -> Result<(), Box<dyn Error>> {
    let [proved, cached] = jwts()?;
    let mut ways = vec![Way::session("session, memory", Arc::new(MemoryStore::new()), 2_000).await?, proved, cached];
    let mut bare = None;
    if let Some(server) = server {
        ways.push(Way::session("session, Redis", Arc::new(RedisStore::connect(&server.url()).await?), 100).await?);
        bare = Some(redis::Client::open(server.url())?.get_multiplexed_async_connection().await?);
    }
    let mut pings = Vec::new();
    for _ in 0..ROUNDS {
        if let Some(bare) = &mut bare {
            pings.push(ping(bare).await?);
        }
        for way in &mut ways {
            way.round().await?;
        }
    }
    for Way { name, took, .. } in &ways {
        let cost = median(took.iter().copied().map(micros));
        let ratios = took.iter().zip(&pings).map(|(took, ping)| micros(*took) / micros(*ping));
        let ratio = if pings.is_empty() { String::new() } else { format!(": {:.3} times a PING", median(ratios)) };
        print(&format!("a request, {name:<28} {cost:>10.2} µs{ratio}"))?;
    }
    if !pings.is_empty() {
        print(&format!("{:<39} {:>10.2} µs", "PING, bare", median(pings.into_iter().map(micros))))?;
    }
    Ok(())
}

async fn ping(bare: &mut MultiplexedConnection) -> Result<Duration, Box<dyn Error>> {
    const TIMES: u32 = 100;
    let start = Instant::now();
    for _ in 0..TIMES {
        let _: String = redis::cmd("PING").query_async(bare).await?;
    }
    Ok(start.elapsed() / TIMES)
}
