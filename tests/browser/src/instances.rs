use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use postgres_servers::{PostgresServer, postgres_is_installed};
use redis_servers::{RedisServer, redis_is_installed};
use serde_json::json;

use crate::Example;

/// A key for both instances.
const KEY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/keys/keys/p256.pem");
/// How long a busy machine may take over what takes a second.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server that is killed and started again.
trait Server {
    fn kill(&mut self);
    fn restart(&mut self);
}

impl Server for RedisServer {
    fn kill(&mut self) {
        self.kill();
    }

    fn restart(&mut self) {
        self.restart();
    }
}

impl Server for PostgresServer {
    fn kill(&mut self) {
        self.kill();
    }

    fn restart(&mut self) {
        self.restart();
    }
}

/// Starts two instances on one Redis, signs in on one, renews on the other, and signs out again. Then Redis ends.
pub fn share_logins_through_redis(program: &str) {
    if redis_is_installed() {
        let server = RedisServer::start();
        let url = server.url();
        share_logins(program, &url, server);
    }
}

/// The same on one PostgreSQL.
pub fn share_logins_through_postgres(program: &str) {
    if postgres_is_installed() {
        let server = PostgresServer::start();
        let url = server.url();
        share_logins(program, &url, server);
    }
}

fn share_logins(program: &str, url: &str, mut server: impl Server) {
    let start = || Example::start(program, &["--store", url, "--key", KEY]);
    let (one, other) = (start(), start());

    // Signed in on one, at home on both.
    let (first, refresh_token) = one.log_in();
    assert_eq!(other.get("/api/me", &first).status, 200);
    let (second, refresh_token) = other.refresh(&refresh_token);
    for instance in [&one, &other] {
        assert_eq!(instance.get("/api/me", &second).status, 200);
        assert_eq!(instance.get("/auth/devices", &second).body.matches("\"id\"").count(), 1);
    }

    // Signed out on one, which knows at once; the other within a second.
    let body = json!({"refresh_token": refresh_token});
    assert_eq!(one.post("/auth/logout", &second, &body).status, 204);
    let since = Instant::now();
    assert_eq!(one.get("/api/me", &second).status, 401);
    while other.get("/api/me", &second).status != 401 {
        assert!(since.elapsed() < PATIENCE, "the other instance never hears of the logout");
        thread::sleep(Duration::from_millis(10));
    }
    println!("the other instance knows of a logout after {:?}", since.elapsed());
    for instance in [&one, &other] {
        assert_eq!(instance.post("/auth/refresh", "", &body).status, 400);
    }

    // Without the store, tokens are proved all the same; nobody signs in or renews, and is told to try again.
    let (access, refresh_token) = one.log_in();
    server.kill();
    for instance in [&one, &other] {
        assert_eq!(instance.get("/api/me", &access).status, 200);
        assert_eq!(instance.post("/auth/refresh", "", &json!({"refresh_token": refresh_token})).status, 503);
    }
    server.restart();
    let since = Instant::now();
    while other.post("/auth/refresh", "", &json!({"refresh_token": refresh_token})).status != 200 {
        assert!(since.elapsed() < PATIENCE, "the login is lost");
        thread::sleep(Duration::from_millis(50));
    }
    kill_amid_traffic(&mut server, &one, &other);
    for log in [one.log(), other.log()] {
        assert!(!client::shows_token(&log), "a token is in the log: {log}");
    }
}

/// While requests that need the store come in at both instances, it is killed and started again, twice. They are served or
/// told to try again, and nothing else; a handler that panics would close the connection without an answer.
fn kill_amid_traffic(store: &mut impl Server, one: &Example, other: &Example) {
    let (access, _) = one.log_in();
    let (stop, served, refused) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    let unknown = json!({"refresh_token": format!("jrt_{}", "A".repeat(86))});
    let until_more = |count: &AtomicUsize| {
        let (before, since) = (count.load(Ordering::Relaxed), Instant::now());
        while count.load(Ordering::Relaxed) < before + 6 {
            assert!(since.elapsed() < PATIENCE, "traffic neither goes on nor stops");
            thread::sleep(Duration::from_millis(10));
        }
    };
    thread::scope(|scope| {
        // Whatever becomes of this thread, those of the clients end.
        let _stops = Stops(&stop);
        for instance in [one, other] {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let devices = instance.get("/auth/devices", &access).status;
                    let refresh = instance.post("/auth/refresh", "", &unknown).status;
                    let me = instance.get("/api/me", &access).status;
                    assert!(matches!((devices, refresh, me), (200 | 503, 400 | 503, 200)), "{devices} {refresh} {me}");
                    let count = if devices == 200 { &served } else { &refused };
                    count.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for _ in 0..2 {
            until_more(&served);
            store.kill();
            until_more(&refused);
            store.restart();
        }
        until_more(&served);
    });
}

struct Stops<'s>(&'s AtomicBool);

impl Drop for Stops<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
