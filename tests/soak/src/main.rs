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

/// How often the progress is said.
const PROGRESS: Duration = Duration::from_secs(10);

const HELP: &str = "\
usage: soak [--minutes N] [--rate N] [--plant FAULT]

Serves the axum and the actix-web adapter, each as a process of its own, on one Redis and one PostgreSQL, and sends both
of them cached and new tokens of fetched keys, logins in cookies and in JSON with refreshes and logouts, and junk. Meanwhile
the keys rotate, the provider goes away and comes back, the stores are killed or hang, and clients are ended by SIGTERM.

  --minutes N    for so long; SOAK_MINUTES, or 2
  --rate N       cached tokens a second to each server, and a fifth of that of junk; 5000
  --plant FAULT  puts a fault into the servers, which has to be found: lost, served, panic, leak or descriptors

It ends with 1 where a valid request was lost, something was served that must not be, a server panicked, or its memory or
its descriptors grow by more than 2 % after the warm-up. Redis and PostgreSQL have to be installed: tests/setup stores.";

#[derive(Debug, Clone, Copy)]
struct Options {
    minutes: f64,
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

    let minutes = std::env::var("SOAK_MINUTES").ok();
    let minutes = minutes.map(|minutes| minutes.parse().map_err(|_| format!("SOAK_MINUTES is {minutes:?}, no number")));
    let mut options = Options { minutes: minutes.transpose()?.unwrap_or(2.0), rate: 5000, planted: None };
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("help") | Short('h') => return Ok(Task::Help),
            Long("minutes") => options.minutes = arguments.value()?.parse()?,
            Long("rate") => options.rate = arguments.value()?.parse()?,
            Long("plant") => options.planted = Some(arguments.value()?.parse()?),
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
    if !(0.5..=100_000.0).contains(&options.minutes) || options.rate == 0 {
        return Err("from half a minute on, and at least one request a second".into());
    }
    Ok(Task::Soak(options))
}

/// Whether nothing was lost and nothing leaks.
fn soak(options: Options) -> Result<bool, Box<dyn Error>> {
    if !redis_is_installed() || !postgres_is_installed() {
        return Err("it takes Redis and PostgreSQL".into());
    }
    let (redis, postgres) = (RedisServer::start(), PostgresServer::start());
    let provider = Arc::new(Provider::start()?);
    let stores = Stores { redis: redis.url(), postgres: postgres.url(), keys: provider.url() };
    Builder::new_current_thread().enable_all().build()?.block_on(prepare(&stores))?;

    let outages = Arc::new(Outages::default());
    let report = Arc::new(Report::default());
    let mut servers = Vec::new();
    for framework in Framework::ALL {
        servers.push(Watched::start(framework, &stores, options.planted)?);
    }
    let addresses = [servers[0].address(), servers[1].address()];
    let traffic = Traffic::start(addresses, options.rate, &provider, &outages, &report);
    let stores = outages.clone().trouble(redis, postgres, report.clone());

    let time = Duration::from_secs_f64(options.minutes * 60.0);
    let warm_up = (time / 4).max(Duration::from_secs(10)).min(time / 2);
    say(&format!("{} s, of which {} s are the warm-up", time.as_secs(), warm_up.as_secs()))?;
    let started = Instant::now();
    let (mut before, mut said) = (started, started);
    while started.elapsed() < time {
        thread::sleep(Duration::from_millis(500));
        outages.watch_the_machine(before);
        before = Instant::now();
        for server in &mut servers {
            server.sample(started.elapsed() >= warm_up)?;
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
    say(&report.table())?;
    let mut good = report.is_good();
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
