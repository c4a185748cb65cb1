//! Whole servers over the loopback interface, under `wrk`: one thread here, one thread there.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::sync::mpsc;
use std::thread;

use actix_web::rt::System;
use actix_web::web::Data;
use actix_web::{App, HttpServer};
use actix_web_httpauth::middleware::HttpAuthentication;
use axum::Router;
use jwt_actix::JwtAuth;
use jwt_core::Algorithm;

use crate::measure::{Id, Row};
use crate::ours::{self, Mode};
use crate::recipe::Recipe;
use crate::tokens::{Key, tampered};
use crate::{actix, tower};

pub(crate) const LAYER: &str = "http";

pub(crate) const REQUESTS_PER_SECOND: &str = "requests_per_second";

/// From the slowest round to the quickest, as a part of the median: what a difference has to exceed to be one.
pub(crate) const SPREAD: &str = "spread";

const ROUNDS: usize = 5;

/// A server, and what it is to be asked.
struct Server {
    id: Id,
    token: String,
    /// Makes it listen, and tells where.
    start: Box<dyn FnOnce() -> SocketAddr>,
}

/// Measures; `wanted` says which rows. None without `wrk`.
pub(crate) fn rows(wanted: impl Fn(&Id) -> bool) -> Vec<Row> {
    let mut servers = Vec::new();
    for algorithm in [Algorithm::HS256, Algorithm::RS256] {
        servers.extend(of_axum(algorithm));
        servers.extend(of_actix(algorithm));
    }
    servers.retain(|server| wanted(&server.id));
    if servers.is_empty() {
        return Vec::new();
    }
    if Command::new("wrk").arg("-v").output().is_err() {
        eprintln!("{LAYER}: skipped, since there is no `wrk` here (Debian: apt-get install wrk)");
        return Vec::new();
    }
    // All of them listen the whole time. One that is not asked sleeps.
    let servers: Vec<(Id, String, SocketAddr)> =
        servers.into_iter().map(|server| (server.id, server.token, (server.start)())).collect();
    for (id, token, address) in servers.iter().filter(|(id, ..)| !id.implementation.ends_with("bare")) {
        assert!(load(*address, &tampered(token), 1).is_none(), "{id} accepts a tampered token");
    }

    let mut rounds = vec![Vec::with_capacity(ROUNDS); servers.len()];
    for round in 0..ROUNDS {
        eprintln!("{LAYER}: round {} of {ROUNDS}, {} rows", round + 1, servers.len());
        for turn in 0..servers.len() {
            // Each round begins somewhere else, so that nobody is always the one after a pause.
            let index = (turn + round * servers.len() / ROUNDS) % servers.len();
            let (id, token, address) = &servers[index];
            rounds[index].push(load(*address, token, 2).unwrap_or_else(|| panic!("{id} refuses a good token")));
        }
    }
    servers.into_iter().zip(rounds).map(|((id, ..), rounds)| row(id, rounds)).collect()
}

/// The number that counts is the median here: a server that is asked by 32 connections has no quiet moments.
fn row(id: Id, mut requests: Vec<f64>) -> Row {
    requests.sort_by(f64::total_cmp);
    let median = requests[requests.len() / 2];
    let spread = (requests[requests.len() - 1] - requests[0]) / median;
    let ns = 1e9 / median;
    let extra = vec![(REQUESTS_PER_SECOND, median), (SPREAD, spread)];
    Row { id, ns, median_ns: ns, allocations: None, extra }
}

/// Requests per second; none where an answer was not a success.
fn load(address: SocketAddr, token: &str, seconds: u32) -> Option<f64> {
    let output = Command::new("wrk")
        .args(["-t1", "-c32", &format!("-d{seconds}s"), "-H", &format!("Authorization: Bearer {token}")])
        .arg(format!("http://{address}/"))
        .output()
        .expect("wrk");
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && !report.contains("Socket errors"), "wrk: {report}");
    if report.contains("Non-2xx") {
        return None;
    }
    let line = report.lines().find_map(|line| line.strip_prefix("Requests/sec:")).expect("a number");
    Some(line.trim().parse().expect("a number"))
}

fn of_axum(algorithm: Algorithm) -> Vec<Server> {
    let keys = [Key::generate(algorithm)];
    let mut routers = vec![("bare", "cold", tower::bare()), ("recipe", "cold", tower::recipe(&keys[0]))];
    routers.extend(Mode::BOTH.map(|mode| ("ours", mode.name(), tower::ours(algorithm, &keys, mode))));
    let server = |(name, mode, router)| Server {
        id: Id::new(LAYER, algorithm.as_str(), format!("axum {name}"), mode),
        token: keys[0].token(),
        start: Box::new(|| serve_axum(router)),
    };
    routers.into_iter().map(server).collect()
}

fn serve_axum(router: Router) -> SocketAddr {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
            sender.send(listener.local_addr().expect("an address")).expect("somebody who waits");
            axum::serve(listener, router).await.expect("a server");
        });
    });
    receiver.recv().expect("an address")
}

fn of_actix(algorithm: Algorithm) -> Vec<Server> {
    /// Every app is of a type of its own.
    macro_rules! server {
        ($name:literal, $mode:expr, $token:expr, $app:expr) => {{
            let app = $app;
            let start = move || {
                let (sender, receiver) = mpsc::channel();
                thread::spawn(move || {
                    System::new().block_on(async {
                        let server = HttpServer::new(app).workers(1).disable_signals();
                        let server = server.bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
                        sender.send(server.addrs()[0]).expect("somebody who waits");
                        server.run().await.expect("a server");
                    });
                });
                receiver.recv().expect("an address")
            };
            let id = Id::new(LAYER, algorithm.as_str(), concat!("actix ", $name), $mode);
            Server { id, token: $token, start: Box::new(start) }
        }};
    }
    let keys = [Key::generate(algorithm)];
    let token = keys[0].token();
    let recipe = Data::new(Recipe::new(&keys[0]));
    let recipe = move || {
        let check = HttpAuthentication::bearer(actix::recipe_check);
        App::new().wrap(check).app_data(recipe.clone()).route("/", actix::recipe())
    };
    let ours = |mode| {
        let auth = JwtAuth::new(ours::authenticator(algorithm, &keys, mode));
        move || App::new().wrap(auth.clone()).route("/", actix::ours())
    };
    let mut servers = vec![
        server!("bare", "cold", token.clone(), || App::new().route("/", actix::bare())),
        server!("recipe", "cold", token.clone(), recipe),
    ];
    servers.extend(Mode::BOTH.map(|mode| server!("ours", mode.name(), token.clone(), ours(mode))));
    servers
}
