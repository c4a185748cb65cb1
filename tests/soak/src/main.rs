//! `soak`: both adapters, as processes, under mixed traffic for minutes or hours, while keys rotate, the provider goes away
//! and comes back, Redis and PostgreSQL are killed, and clients are ended in the middle of a request. It counts what is lost
//! and looks for what leaks. `tests/run soak` runs it.

mod outages;
mod provider;
mod report;
mod server;
mod traffic;
mod watch;

use std::error::Error;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::str::FromStr;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use jwt_core::{PostgresStore, RedisStore};
use outages::Outages;
use postgres_servers::{PostgresServer, postgres_is_installed};
use provider::Provider;
use redis_servers::{RedisServer, redis_is_installed};
use report::Report;
use server::{Framework, Planted, Stores};
use tokio::runtime::Builder;
use traffic::Traffic;
use watch::Watched;

/// Counts the bytes that are alive.
#[global_allocator]
static ALLOCATOR: cap::Cap<std::alloc::System> = cap::Cap::new(std::alloc::System, usize::MAX);

/// The least that is no guess: the warm-up, and three whole minutes. Revoked logins are forgotten when a minute is full, so the
/// memory goes up and down once a minute, and each third that is compared has to have all of that.
const LEAST_MINUTES: f64 = 4.0;
/// For so long, and for a quarter of what is to be done, nothing has to be flat: caches and stores fill, threads start, and the
/// first that is revoked is forgotten.
const WARM_UP: Duration = Duration::from_secs(60);
/// How often the progress is said.
const PROGRESS: Duration = Duration::from_secs(10);

const HELP: &str = "\
usage: soak [--minutes N] [--requests N] [--rate N] [--plant FAULT]

Serves the axum and the actix-web adapter, each as a process of its own, on one Redis and one PostgreSQL, and sends both
of them cached and new tokens of fetched keys, logins in cookies and in JSON with refreshes and logouts, and junk. Meanwhile
the keys rotate, the provider goes away and comes back, the stores are killed or hang, and clients are ended by SIGTERM.

  --minutes N    for so long, at least 4; SOAK_MINUTES, or 4
  --requests N   until so many are answered, and at most for those minutes, which are 30 then; SOAK_REQUESTS
  --rate N       cached tokens a second to each server, and a fifth of that of junk; 5000
  --plant FAULT  puts a fault into the servers, which has to be found: lost, served, panic, leak or descriptors

It ends with 1 where a valid request was lost, something was served that must not be, a server panicked, its memory or its
descriptors grow by more than 2 % after the warm-up and by more than they go up and down, or fewer requests were answered
than were asked for. The warm-up is a quarter of it, and at least a minute. Redis and PostgreSQL have to be installed: tests/setup stores.";

#[derive(Debug, Clone, Copy)]
struct Options {
    minutes: f64,
    requests: Option<u64>,
    rate: u32,
    planted: Option<Planted>,
}

enum Task {
    Help,
    Soak(Options),
    /// A process that the soak starts: a server.
    Serve(Framework, Stores, Option<Planted>),
    /// A process that the soak starts and ends by SIGTERM: a client.
    Hammer(SocketAddr),
}

fn main() -> ExitCode {
    let done = task().and_then(|task| match task {
        Task::Help => Ok(writeln!(io::stdout(), "{HELP}").map(|()| true)?),
        Task::Serve(framework, stores, planted) => server::serve(framework, &stores, planted).map(|()| true),
        Task::Hammer(address) => traffic::hammer(address).map(|()| true),
        Task::Soak(options) => soak(options),
    });
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            let _ = writeln!(io::stderr(), "soak: {error}");
            ExitCode::from(2)
        }
    }
}

fn task() -> Result<Task, Box<dyn Error>> {
    use lexopt::prelude::{Long, Short, Value, ValueExt};

    let mut minutes: Option<f64> = variable("SOAK_MINUTES")?;
    let mut requests: Option<u64> = variable("SOAK_REQUESTS")?;
    let (mut rate, mut planted) = (5000, None);
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("help") | Short('h') => return Ok(Task::Help),
            Long("minutes") => minutes = Some(arguments.value()?.parse()?),
            Long("requests") => requests = Some(arguments.value()?.parse()?),
            Long("rate") => rate = arguments.value()?.parse()?,
            Long("plant") => planted = Some(arguments.value()?.parse()?),
            Value(word) if word == "serve" => {
                let framework = arguments.value()?.parse()?;
                let mut address = || -> Result<String, Box<dyn Error>> { Ok(arguments.value()?.string()?) };
                let stores = Stores { redis: address()?, postgres: address()?, keys: address()? };
                let planted = match arguments.next()? {
                    Some(_) => Some(arguments.value()?.parse()?),
                    None => None,
                };
                return Ok(Task::Serve(framework, stores, planted));
            }
            Value(word) if word == "hammer" => return Ok(Task::Hammer(arguments.value()?.parse()?)),
            other => return Err(other.unexpected().into()),
        }
    }
    let minutes = minutes.unwrap_or(if requests.is_some() { 30.0 } else { LEAST_MINUTES });
    if !(LEAST_MINUTES..=100_000.0).contains(&minutes) || rate == 0 || requests == Some(0) {
        return Err("from four minutes on, since what is not full yet still grows, and at least one request".into());
    }
    Ok(Task::Soak(Options { minutes, requests, rate, planted }))
}

/// What that variable of the environment says; `None` where there is none.
fn variable<T: FromStr>(name: &str) -> Result<Option<T>, String> {
    let value = std::env::var(name).ok();
    value.map(|value| value.parse().map_err(|_| format!("{name} is {value:?}, no number"))).transpose()
}

/// Whether nothing was lost and nothing leaks.
#[expect(clippy::cast_precision_loss, reason = "nobody asks that often")]
fn soak(options: Options) -> Result<bool, Box<dyn Error>> {
    if !redis_is_installed() || !postgres_is_installed() {
        return Err("it takes Redis and PostgreSQL".into());
    }
    let (redis, postgres) = (RedisServer::start(), PostgresServer::start());
    let provider = Arc::new(Provider::start()?);
    let stores = Stores { redis: redis.url(), postgres: postgres.url(), keys: provider.url() };
    Builder::new_current_thread().enable_all().build()?.block_on(prepare(&stores))?;

    let outages = Arc::new(Outages::default());
    outages.clone().watch_the_machine();
    let report = Arc::new(Report::default());
    let mut servers = Vec::new();
    for framework in Framework::ALL {
        servers.push(Watched::start(framework, &stores, options.planted)?);
    }
    let addresses = [servers[0].address(), servers[1].address()];
    let traffic = Traffic::start(addresses, options.rate, &provider, &outages, &report);
    let stores = outages.clone().trouble(redis, postgres, report.clone());

    let time = Duration::from_secs_f64(options.minutes * 60.0);
    let until =
        options.requests.map_or_else(String::new, |requests| format!(", or until {requests} requests are answered"));
    say(&format!("{} s{until}; the first quarter is the warm-up, at least {} s", time.as_secs(), WARM_UP.as_secs()))?;
    let started = Instant::now();
    // How much is done, of 1.
    let done = || match options.requests {
        Some(requests) => report.requests() as f64 / requests as f64,
        None => started.elapsed().as_secs_f64() / time.as_secs_f64(),
    };
    let (mut said, mut warm) = (started, false);
    while done() < 1.0 && started.elapsed() < time {
        thread::sleep(Duration::from_millis(500));
        if !warm && done() >= 0.25 && started.elapsed() >= WARM_UP {
            warm = true;
            say(&format!("{:>5} s  warm", started.elapsed().as_secs()))?;
        }
        for server in &mut servers {
            server.sample(warm)?;
        }
        if said.elapsed() >= PROGRESS {
            said = Instant::now();
            say(&format!("{:>5} s  {}", started.elapsed().as_secs(), report.progress()))?;
            for server in &servers {
                say(&format!("         {server}"))?;
            }
        }
    }
    traffic.stop();
    stores.stop();
    say("")?;
    let still = outages.stood_still_for().as_secs();
    say(&format!("{}{still:>12}  seconds in which the machine had too little room for this\n", report.table()))?;
    let enough = done() >= 1.0;
    if !enough {
        say("            ! fewer requests than were asked for")?;
    }
    let mut good = report.is_good() && enough;
    for server in &servers {
        let (text, flat) = server.verdict();
        say(&text)?;
        good &= flat;
    }
    say(if good { "nothing lost, nothing leaks" } else { "NOT GOOD: see the lines with !" })?;
    Ok(good)
}

/// What the stores need before somebody uses them.
async fn prepare(stores: &Stores) -> Result<(), Box<dyn Error>> {
    PostgresStore::connect(&stores.postgres).await?.migrate().await?;
    RedisStore::connect(&stores.redis).await?;
    Ok(())
}

fn say(line: &str) -> io::Result<()> {
    writeln!(io::stdout(), "{line}")
}
