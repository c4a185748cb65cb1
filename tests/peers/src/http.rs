//! Whole servers over the loopback interface: what a request costs the server in CPU time, and how long its client waits.
//!
//! The time by the clock says little on a machine with two cores: the client needs one of them, and both wait for each other.
//! So the kernel is asked how long the threads of a server ran.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use std::{fs, thread};

use actix_web::rt::System;
use actix_web::web::Data;
use actix_web::{App, HttpServer};
use actix_web_httpauth::middleware::HttpAuthentication;
use axum::Router;
use jwt_actix::JwtAuth;
use jwt_core::Algorithm;
use tokio::runtime::Runtime;

use crate::core::RawKey;
use crate::measure::{Id, Row};
use crate::ours::{self, Mode};
use crate::recipe::Recipe;
use crate::tokens::{Key, tampered};
use crate::{actix, tower};

pub(crate) const LAYER: &str = "http";

/// A handler that verifies the signature and does nothing else: the floor where caches are as cold as in a server.
pub(crate) const RAW: &str = "raw";

pub(crate) const REQUESTS_PER_SECOND: &str = "requests_per_second";

/// How long a client waits, in microseconds, while the server has half of the work that one client can give it.
const LATENCIES: [(&str, f64); 3] = [("p50_us", 0.5), ("p99_us", 0.99), ("p999_us", 0.999)];

const ROUNDS: usize = 41;

/// How many requests a row gets in a round. Short, so that some rounds fall into quiet moments.
const REQUESTS: usize = 1024;

/// How many connections have a request on its way at a time.
const CONNECTIONS: usize = 16;

/// How many requests of a row are timed one by one, for latencies.
const TIMED: usize = 20_000;

/// A server, and what it is to be asked.
struct Server {
    id: Id,
    token: String,
    /// Makes it listen, and tells where.
    start: Box<dyn FnOnce() -> SocketAddr>,
}

/// Measures; `wanted` says which rows. None where the kernel does not say how long a thread ran.
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
    if fs::read("/proc/thread-self/schedstat").is_err() {
        eprintln!("{LAYER}: skipped, since the CPU time of a thread is read from Linux");
        return Vec::new();
    }
    // All of them listen the whole time. One that is not asked sleeps.
    let mut running: Vec<Running> = servers.into_iter().map(Running::start).collect();
    for round in 0..ROUNDS {
        if round % 10 == 0 {
            eprintln!("{LAYER}: round {} of {ROUNDS}, {} rows", round + 1, running.len());
        }
        let (count, rows) = (running.len(), &mut running);
        for turn in 0..count {
            // Each round begins somewhere else, so that nobody is always the one after a pause.
            rows[(turn + round * count / ROUNDS) % count].ask(REQUESTS);
        }
    }
    eprintln!("{LAYER}: latencies");
    latencies(&mut running);
    running.into_iter().map(Running::row).collect()
}

/// The same pace for all: half of what one client gets out of the first of them. In turns of a hundredth.
fn latencies(running: &mut [Running]) {
    let Some(first) = running.first_mut() else { return };
    let mut waits: Vec<Duration> = (0..1000).map(|_| first.wait_from(Instant::now())).collect();
    waits.sort();
    let pace = waits[waits.len() / 2] * 2;
    for _ in 0..100 {
        for row in running.iter_mut().filter(|row| row.is_timed()) {
            let begun = Instant::now();
            for number in 0..TIMED / 100 {
                let due = begun + pace * u32::try_from(number).expect("few");
                while Instant::now() < due {
                    std::hint::spin_loop();
                }
                // From when it was due: one that comes late because of the one before has waited as well.
                let wait = row.wait_from(due);
                row.waits.push(wait);
            }
        }
    }
}

/// A server that listens, and its client.
struct Running {
    id: Id,
    connections: Vec<TcpStream>,
    request: Vec<u8>,
    response: Vec<u8>,
    /// The threads of the server.
    threads: Vec<String>,
    cpu: Vec<f64>,
    clock: Vec<f64>,
    waits: Vec<Duration>,
}

impl Running {
    fn start(Server { id, token, start }: Server) -> Self {
        let before = threads();
        let address = start();
        if !(id.implementation.ends_with("bare")) {
            let status = status(&mut connect(address), &request(&tampered(&token))).1;
            assert_ne!(status, 200, "{id} accepts a tampered token");
        }
        let request = request(&token);
        let mut connections: Vec<TcpStream> = (0..CONNECTIONS).map(|_| connect(address)).collect();
        let mut response_len = 0;
        for connection in &mut connections {
            let (len, status) = status(connection, &request);
            assert_eq!(status, 200, "{id} refuses a good token");
            response_len = len;
        }
        let threads = threads().into_iter().filter(|thread| !before.contains(thread)).collect();
        let (cpu, clock, waits) = (Vec::new(), Vec::new(), Vec::new());
        Self { id, connections, request, response: vec![0; response_len], threads, cpu, clock, waits }
    }

    /// The rows of which somebody wants to know how long a client waits.
    fn is_timed(&self) -> bool {
        let name = &self.id.implementation;
        name.ends_with("bare") || name.ends_with("ours")
    }

    fn ask(&mut self, requests: usize) {
        let (before, begun) = (self.cpu_time(), Instant::now());
        for _ in 0..requests / CONNECTIONS {
            for connection in &mut self.connections {
                connection.write_all(&self.request).expect("a connection");
            }
            for connection in &mut self.connections {
                read(connection, &mut self.response);
            }
        }
        self.clock.push(begun.elapsed().as_nanos() as f64 / requests as f64);
        self.cpu.push((self.cpu_time() - before) as f64 / requests as f64);
    }

    /// One request alone; how long after that moment it is answered.
    fn wait_from(&mut self, due: Instant) -> Duration {
        let connection = &mut self.connections[0];
        connection.write_all(&self.request).expect("a connection");
        read(connection, &mut self.response);
        due.elapsed()
    }

    /// How long its threads ran so far, in nanoseconds.
    fn cpu_time(&self) -> u64 {
        let of = |thread: &String| {
            let text = fs::read_to_string(format!("/proc/self/task/{thread}/schedstat")).unwrap_or_default();
            text.split(' ').next().and_then(|ran| ran.parse::<u64>().ok()).unwrap_or_default()
        };
        self.threads.iter().map(of).sum()
    }

    fn row(mut self) -> Row {
        self.clock.sort_by(f64::total_cmp);
        self.waits.sort();
        let mut row = Row::new(self.id, self.cpu, None);
        row.extra.push((REQUESTS_PER_SECOND, 1e9 / self.clock[self.clock.len() / 2]));
        if let Some(last) = self.waits.len().checked_sub(1) {
            let at = |part: f64| self.waits[(last as f64 * part) as usize].as_nanos() as f64 / 1e3;
            row.extra.extend(LATENCIES.map(|(name, part)| (name, at(part))));
        }
        row
    }
}

/// The threads of this process.
fn threads() -> Vec<String> {
    let tasks = fs::read_dir("/proc/self/task").expect("Linux");
    tasks.flatten().map(|task| task.file_name().to_string_lossy().into_owned()).collect()
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("a server");
    stream.set_nodelay(true).expect("a socket");
    stream
}

fn request(token: &str) -> Vec<u8> {
    format!("GET / HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\r\n").into_bytes()
}

/// Sends it, and reads the response to its end: how long that is, and its status.
fn status(connection: &mut TcpStream, request: &[u8]) -> (usize, u16) {
    connection.write_all(request).expect("a connection");
    let (mut response, mut part) = (Vec::new(), [0; 4096]);
    loop {
        let read = connection.read(&mut part).expect("a response");
        assert_ne!(read, 0, "the server hung up: {}", String::from_utf8_lossy(&response));
        response.extend_from_slice(&part[..read]);
        let text = String::from_utf8_lossy(&response).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
        });
        if body.len() >= length.unwrap_or_default() {
            let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
            return (response.len(), status);
        }
    }
}

/// A response that is as long as all of this row.
fn read(connection: &mut TcpStream, response: &mut [u8]) {
    connection.read_exact(response).expect("a response");
    assert!(response.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(response));
}

fn of_axum(algorithm: Algorithm) -> Vec<Server> {
    // For as long as the process runs, as the servers do.
    let keys: &'static [Key] = Box::leak(Box::new([Key::generate(algorithm)]));
    let key = &keys[0];
    let mut servers = Vec::new();
    let mut server = |name: &str, mode, router: Box<dyn FnOnce(&Runtime) -> Router + Send>| {
        let id = Id::new(LAYER, algorithm.as_str(), format!("axum {name}"), mode);
        servers.push(Server { id, token: key.token(), start: Box::new(|| serve_axum(router)) });
    };
    server("bare", "cold", Box::new(|_| tower::bare()));
    server(RAW, "cold", Box::new(|_| tower::raw(RawKey::new(key))));
    for mode in Mode::BOTH {
        server("ours", mode.name(), Box::new(move |_| tower::ours(algorithm, keys, mode)));
    }
    for (name, router) in tower::peers(algorithm) {
        server(name, "cold", Box::new(move |runtime| router(key, runtime)));
    }
    servers
}

fn serve_axum(router: Box<dyn FnOnce(&Runtime) -> Router + Send>) -> SocketAddr {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let router = router(&runtime);
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
        ($name:expr, $mode:expr, $token:expr, $app:expr) => {{
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
            let id = Id::new(LAYER, algorithm.as_str(), format!("actix {}", $name), $mode);
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
    let raw = Data::new(RawKey::new(&keys[0]));
    let ours = |mode| {
        let auth = JwtAuth::new(ours::authenticator(algorithm, &keys, mode));
        move || App::new().wrap(auth.clone()).route("/", actix::ours())
    };
    let mut servers = vec![
        server!("bare", "cold", token.clone(), || App::new().route("/", actix::bare())),
        server!(RAW, "cold", token.clone(), move || App::new().app_data(raw.clone()).route("/", actix::raw())),
        server!("recipe", "cold", token.clone(), recipe),
    ];
    servers.extend(Mode::BOTH.map(|mode| server!("ours", mode.name(), token.clone(), ours(mode))));
    servers
}
