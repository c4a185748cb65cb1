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
use jwt_core::Algorithm;

use crate::measure::{Id, Row};
use crate::ours::{self, Mode};
use crate::recipe::Recipe;
use crate::tokens::Key;
use crate::{actix, tower};

pub(crate) const LAYER: &str = "http";

pub(crate) const REQUESTS_PER_SECOND: &str = "requests_per_second";

const ROUNDS: usize = 3;

/// A server that listens, and what it is to be asked.
struct Server {
    id: Id,
    address: SocketAddr,
    token: String,
}

/// Measures; `wanted` says which rows. None without `wrk`.
pub(crate) fn rows(wanted: impl Fn(&Id) -> bool) -> Vec<Row> {
    if Command::new("wrk").arg("-v").output().is_err() {
        eprintln!("http: skipped, since there is no `wrk` here (Debian: apt-get install wrk)");
        return Vec::new();
    }
    let mut servers = Vec::new();
    for algorithm in [Algorithm::HS256, Algorithm::RS256] {
        servers.extend(of_axum(algorithm));
        servers.extend(of_actix(algorithm));
    }
    servers.retain(|server| wanted(&server.id));
    for server in servers.iter().filter(|server| !server.id.implementation.ends_with("bare")) {
        let tampered = crate::tokens::tampered(&server.token);
        assert!(load(server.address, &tampered, 1).is_none(), "{} accepts a tampered token", server.id);
    }

    let mut rounds = vec![Vec::with_capacity(ROUNDS); servers.len()];
    for round in 1..=ROUNDS {
        eprintln!("http: round {round} of {ROUNDS}");
        for (server, rounds) in servers.iter().zip(&mut rounds) {
            let requests = load(server.address, &server.token, 2);
            rounds.push(requests.unwrap_or_else(|| panic!("{} refuses a good token", server.id)));
        }
    }
    servers.into_iter().zip(rounds).map(|(server, rounds)| row(server.id, rounds)).collect()
}

/// The number that counts is the median here: a server that is asked by 32 connections has no quiet moments.
fn row(id: Id, mut requests: Vec<f64>) -> Row {
    requests.sort_by(f64::total_cmp);
    let median = requests[requests.len() / 2];
    let ns = 1e9 / median;
    Row { id, ns, median_ns: ns, allocations: None, extra: vec![(REQUESTS_PER_SECOND, median)] }
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
        address: serve_axum(router),
        token: keys[0].token(),
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
    macro_rules! serve {
        ($app:expr) => {{
            let (sender, receiver) = mpsc::channel();
            thread::spawn(move || {
                let server = HttpServer::new($app).workers(1).disable_signals();
                let server = server.bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
                sender.send(server.addrs()[0]).expect("somebody who waits");
                System::new().block_on(server.run()).expect("a server");
            });
            receiver.recv().expect("an address")
        }};
    }
    let keys = [Key::generate(algorithm)];
    let recipe = Data::new(Recipe::new(&keys[0]));
    let mut servers = vec![
        ("bare", "cold", serve!(|| App::new().route("/", actix::bare()))),
        (
            "recipe",
            "cold",
            serve!(move || {
                let check = HttpAuthentication::bearer(actix::recipe_check);
                App::new().wrap(check).app_data(recipe.clone()).route("/", actix::recipe())
            }),
        ),
    ];
    for mode in Mode::BOTH {
        let auth = jwt_actix::JwtAuth::new(ours::authenticator(algorithm, &keys, mode));
        let address = serve!(move || App::new().wrap(auth.clone()).route("/", actix::ours()));
        servers.push(("ours", mode.name(), address));
    }
    let server = |(name, mode, address)| Server {
        id: Id::new(LAYER, algorithm.as_str(), format!("actix {name}"), mode),
        address,
        token: keys[0].token(),
    };
    servers.into_iter().map(server).collect()
}
