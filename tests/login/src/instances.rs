use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use stores_tests::{RedisServer, redis_is_installed};

use crate::Example;

/// A key for both instances.
const KEY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/keys/keys/p256.pem");
/// How long a busy machine may take over what takes a second.
const PATIENCE: Duration = Duration::from_secs(30);

/// Starts two instances on one Redis, signs in on one, renews on the other, and signs out again. Then Redis ends.
pub fn share_logins_through_redis(program: &str) {
    if !redis_is_installed() {
        return;
    }
    let mut redis = RedisServer::start();
    let start = || Example::start(program, &["--redis", &redis.url(), "--key", KEY]);
    let (one, other) = (start(), start());

    // Signed in on one, at home on both.
    let (first, refresh_token) = one.log_in();
    assert_eq!(other.get("/api/me", &first).status, 200);
    let (second, refresh_token) = other.refresh(&refresh_token);
    for instance in [&one, &other] {
        assert_eq!(instance.get("/api/me", &second).status, 200);
        assert_eq!(instance.get("/api/devices", &second).body.matches("\"id\"").count(), 1);
    }

    // Signed out on one, which knows at once; the other within a second.
    let body = json!({"refresh_token": refresh_token});
    assert_eq!(one.post("/api/logout", &second, &body).status, 204);
    let since = Instant::now();
    assert_eq!(one.get("/api/me", &second).status, 401);
    while other.get("/api/me", &second).status != 401 {
        assert!(since.elapsed() < PATIENCE, "the other instance never hears of the logout");
        thread::sleep(Duration::from_millis(10));
    }
    println!("the other instance knows of a logout after {:?}", since.elapsed());
    for instance in [&one, &other] {
        assert_eq!(instance.post("/api/refresh", "", &body).status, 400);
    }

    // Without Redis, tokens are proved all the same; nobody signs in or renews, and is told to try again.
    let (access, refresh_token) = one.log_in();
    redis.kill();
    for instance in [&one, &other] {
        assert_eq!(instance.get("/api/me", &access).status, 200);
        assert_eq!(instance.post("/api/refresh", "", &json!({"refresh_token": refresh_token})).status, 503);
    }
    redis.restart();
    let since = Instant::now();
    while other.post("/api/refresh", "", &json!({"refresh_token": refresh_token})).status != 200 {
        assert!(since.elapsed() < PATIENCE, "the login is lost");
        thread::sleep(Duration::from_millis(50));
    }
    for log in [one.log(), other.log()] {
        assert!(!log.contains("eyJ") && !log.contains("jrt_"), "a token is in the log: {log}");
    }
}
