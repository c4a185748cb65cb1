//! The clients.

mod bearer;
mod junk;
mod logins;
mod wire;

use std::error::Error;
use std::fmt::Debug;
use std::io::{self, BufRead, Write};
use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use outside::Process;

use crate::outages::Outages;
use crate::provider::Provider;
use crate::report::Report;
use bearer::Tokens;
use wire::{Answer, Wire};

/// Where a login is kept.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Store {
    Redis,
    Postgres,
}

impl Store {
    pub(crate) const ALL: [Self; 2] = [Self::Redis, Self::Postgres];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Redis => "redis",
            Self::Postgres => "postgres",
        }
    }

    fn down(self) -> &'static str {
        match self {
            Self::Redis => "Redis was down",
            Self::Postgres => "PostgreSQL was down",
        }
    }
}

/// All clients.
pub(crate) struct Traffic {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

/// What clients share.
struct Shared {
    stop: AtomicBool,
    servers: [SocketAddr; 2],
    provider: Arc<Provider>,
    outages: Arc<Outages>,
    report: Arc<Report>,
    /// Good tokens of known keys.
    tokens: Mutex<Arc<Tokens>>,
}

impl Shared {
    fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }

    fn tokens(&self) -> Arc<Tokens> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What must not be. A server answers 503 also where the machine leaves a store no time to answer.
    fn bad(&self, what: &'static str, sent: Instant, answer: &Answer) {
        if answer.status == 503 {
            self.late(what, sent, answer);
        } else {
            self.report.bad(what, &format!("{answer:?} after {} ms", sent.elapsed().as_millis()));
        }
    }

    /// What must not be so long after that moment, unless the machine stood still meanwhile.
    fn late(&self, what: &'static str, since: Instant, answer: &dyn Debug) {
        if self.outages.stood_still(since, Instant::now()) {
            self.report.excused("the machine stood still");
        } else {
            self.report.bad(what, &format!("{answer:?} after {} ms", since.elapsed().as_millis()));
        }
    }

    fn pause(&self, milliseconds: u64) {
        let until = Instant::now() + Duration::from_millis(milliseconds);
        while self.goes_on() && Instant::now() < until {
            thread::sleep(Duration::from_millis(milliseconds.min(100)));
        }
    }
}

/// Keeps to a rate.
struct Pace {
    /// Seconds for one request.
    each: f64,
    next: Instant,
}

impl Pace {
    fn new(rate: u32) -> Self {
        Self { each: 1.0 / f64::from(rate), next: Instant::now() }
    }

    /// Waits for as long as so many requests may take.
    fn keep(&mut self, requests: u16) {
        let now = Instant::now();
        if now > self.next + Duration::from_secs(1) {
            // What was not sent while the machine was busy is not made up for.
            self.next = now;
        }
        self.next += Duration::from_secs_f64(self.each * f64::from(requests));
        thread::sleep(self.next.saturating_duration_since(now));
    }
}

/// How many connections to each server carry cached tokens: on a busy machine, each waits for its turn.
const CONNECTIONS: u32 = 8;
/// For how long a connection is used that has many requests on the way at a time. Its server keeps the largest buffer that they
/// ever needed. If they all lasted as long as the soak, its memory would follow the worst moment of the machine so far.
const LIFETIME: Duration = Duration::from_secs(15);
/// How many connections to each server are flooded with keys that nobody has.
const FLOODS: usize = 32;

/// A connection fails, which it never does while its server lives.
const BROKEN: &str = "lost: a connection broke";

impl Traffic {
    /// `rate`: how many cached tokens a second go to each server.
    pub(crate) fn start(
        servers: [SocketAddr; 2],
        rate: u32,
        provider: &Arc<Provider>,
        outages: &Arc<Outages>,
        report: &Arc<Report>,
    ) -> Self {
        let shared = Arc::new(Shared {
            stop: AtomicBool::new(false),
            servers,
            provider: provider.clone(),
            outages: outages.clone(),
            report: report.clone(),
            tokens: Mutex::default(),
        });
        let mut threads = vec![client(&shared, bearer::rotate)];
        for server in servers {
            for first in 0..CONNECTIONS {
                threads
                    .push(client(&shared, move |shared| bearer::repeat(shared, server, rate / CONNECTIONS + 1, first)));
            }
            threads.push(client(&shared, move |shared| junk::send(shared, server, (rate / 5).max(1))));
            for number in 0..FLOODS {
                threads.push(client(&shared, move |shared| junk::flood(shared, server, number)));
            }
            threads.push(client(&shared, move |shared| end_clients(shared, server)));
        }
        let mut number = 0;
        for store in Store::ALL {
            for in_cookies in [true, false] {
                for first in 0..servers.len() {
                    number += 1;
                    threads.push(client(&shared, move |shared| {
                        logins::live(shared, store, in_cookies, first, number);
                    }));
                }
            }
        }
        Self { shared, threads }
    }

    /// Ends them all, and waits for what they are at.
    pub(crate) fn stop(self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            if thread.join().is_err() {
                self.shared.report.bad("a client panicked", "its message is above");
            }
        }
    }
}

fn client(shared: &Arc<Shared>, work: impl FnOnce(&Shared) + Send + 'static) -> JoinHandle<()> {
    let shared = shared.clone();
    thread::spawn(move || work(&shared))
}

/// Starts clients as processes, and ends them in the middle of what they do.
fn end_clients(shared: &Shared, server: SocketAddr) {
    while shared.goes_on() {
        let tokens = shared.tokens();
        let Ok(mut process) = hammering(server, &tokens.lines()) else {
            shared.report.bad("a client does not start", "");
            return;
        };
        shared.pause(1500);
        let id = process.id().to_string();
        let ended = std::process::Command::new("kill").args(["-TERM", &id]).status();
        if ended.is_ok_and(|status| status.success()) && process.wait().is_ok() {
            shared.report.trouble("clients ended by SIGTERM");
        }
        shared.pause(500);
    }
}

fn hammering(server: SocketAddr, lines: &str) -> io::Result<Process> {
    let mut command = outside::command(std::env::current_exe()?);
    command.args(["hammer", &server.to_string()]).stdin(Stdio::piped()).stdout(Stdio::null());
    let mut process = Process(command.spawn()?);
    if let Some(mut stdin) = process.stdin.take() {
        stdin.write_all(lines.as_bytes())?;
    }
    Ok(process)
}

/// Sends requests with the tokens that stdin has, one in a line, until somebody ends it.
pub(crate) fn hammer(server: SocketAddr) -> Result<(), Box<dyn Error>> {
    let tokens: Vec<String> = io::stdin().lock().lines().collect::<Result<_, _>>()?;
    let requests: Vec<_> = tokens.iter().map(|token| wire::get("/api/me", &wire::bearer(token))).collect();
    let mut wires = [Wire::open(server)?, Wire::open(server)?];
    loop {
        for wire in &mut wires {
            wire.exchange(requests.iter().take(16).map(Vec::as_slice), |_, _| {})?;
        }
        thread::sleep(Duration::from_millis(20));
    }
}
