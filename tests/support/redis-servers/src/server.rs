use std::io::Write;
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use std::{env, fs, process, thread};

use outside::{Process, free_port};

/// How long a server may take to start, and servers to agree. Far more than it does on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// The server that is tested with: `REDIS_SERVER`, such as the path of a `valkey-server`, or `redis-server`.
fn binary() -> String {
    env::var("REDIS_SERVER").unwrap_or_else(|_| "redis-server".into())
}

/// A server that speaks to the clients of Redis, and is not the one of Debian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtherServer {
    /// Valkey.
    Valkey,
    /// The last series before Redis 7.
    Redis62,
}

impl OtherServer {
    /// Whether `tests/setup` has brought it. Says once what is left out if not, and how to change that.
    ///
    /// # Panics
    /// If it has not and `JWT_TESTS_REQUIRE_ALL` is 1.
    pub fn is_installed(self) -> bool {
        // Nobody has built it for other machines.
        let can_be_had = self == Self::Valkey || cfg!(target_arch = "x86_64");
        let is_there = Path::new(self.program()).is_file();
        is_there || (can_be_had && outside::is_there(is_there, "Valkey or Redis 6.2", "tests/setup stores"))
    }

    fn program(self) -> &'static str {
        match self {
            Self::Valkey => concat!(env!("CARGO_MANIFEST_DIR"), "/../../stores/.venv/bin/valkey-server"),
            Self::Redis62 => concat!(env!("CARGO_MANIFEST_DIR"), "/../../stores/.venv/bin/redis-server-6.2"),
        }
    }
}

/// Whether there is a Redis to test with. Says once what is left out if not, and how to change that.
///
/// # Panics
/// If there is none and `JWT_TESTS_REQUIRE_ALL` is 1.
pub fn redis_is_installed() -> bool {
    outside::is_there(outside::is_installed(&binary()), "redis-server", "tests/setup stores")
}

/// A Redis of one's own, on a free port, that writes every command to disk before it answers. Ends when it is dropped.
#[derive(Debug)]
pub struct RedisServer {
    process: Process,
    program: String,
    port: u16,
    directory: PathBuf,
    arguments: Vec<String>,
}

impl RedisServer {
    /// Starts one.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts one that writes nothing to disk.
    pub fn start_without_disk() -> Self {
        Self::start_with(&["--appendonly", "no"])
    }

    /// Starts one of another kind.
    pub fn start_other(other: OtherServer) -> Self {
        Self::start_program(other.program(), |port, directory| {
            let directory = directory.to_str().expect("its name is ours");
            let port = port.to_string();
            let options = ["--port", &port, "--bind", "127.0.0.1", "--dir", directory, "--save", ""];
            options.map(Into::into).to_vec()
        })
    }

    pub(crate) fn start_with(options: &[&str]) -> Self {
        Self::start_as(|port, directory| {
            let port = port.to_string();
            let directory = directory.to_str().expect("its name is ours");
            // The port that the nodes of a cluster speak to each other on is too high if left alone.
            let bus = free_port().to_string();
            let always = ["--port", &port, "--bind", "127.0.0.1", "--dir", directory, "--cluster-port", &bus];
            let disk = ["--appendonly", "yes", "--appendfsync", "always", "--save", ""];
            // Replicas get their data at once.
            let replication = ["--repl-diskless-sync-delay", "0"];
            let options = always.into_iter().chain(disk).chain(replication).chain(options.iter().copied());
            options.map(Into::into).collect()
        })
    }

    /// Starts one that also listens for TLS, and gives the port of that. `files` are its certificate, its private key and
    /// the authorities of its clients, in PEM; it demands a certificate of its clients, or asks for none.
    pub fn start_with_tls(files: [&str; 3], demands: bool, options: &[&str]) -> (Self, u16) {
        let tls_port = free_port();
        let port = tls_port.to_string();
        let [certificate, key, authorities] = files;
        let demands = if demands { "yes" } else { "no" };
        let tls = ["--tls-port", &port, "--tls-cert-file", certificate, "--tls-key-file", key];
        let clients = ["--tls-ca-cert-file", authorities, "--tls-auth-clients", demands];
        (Self::start_with(&[&tls[..], &clients, options].concat()), tls_port)
    }

    /// Starts one with the arguments that are made for a port and a directory.
    pub(crate) fn start_as(arguments: impl Fn(u16, &Path) -> Vec<String>) -> Self {
        Self::start_program(&binary(), arguments)
    }

    fn start_program(program: &str, arguments: impl Fn(u16, &Path) -> Vec<String>) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("jwt-stores-{}-{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let directory = env::temp_dir().join(name);
        fs::create_dir_all(&directory).expect("the temporary directory is writable");
        // Somebody else may take the port between looking and using it.
        for _ in 0..10 {
            let port = free_port();
            let arguments = arguments(port, &directory);
            if let Some(process) = launch(program, port, &arguments) {
                return Self { process, program: program.to_owned(), port, directory, arguments };
            }
        }
        panic!("no Redis server starts in {}", directory.display());
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("redis://{}", self.address())
    }

    /// Its host and port.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn bus_port(&self) -> &str {
        let option = self.arguments.iter().position(|argument| argument == "--cluster-port");
        &self.arguments[option.expect("it is no sentinel") + 1]
    }

    /// What it answers.
    pub async fn ask<T: redis::FromRedisValue>(&self, command: &str) -> redis::RedisResult<T> {
        let mut words = command.split(' ');
        let mut command = redis::cmd(words.next().unwrap_or_default());
        for word in words {
            command.arg(word);
        }
        let mut connection = redis::Client::open(self.url())?.get_multiplexed_async_connection().await?;
        command.query_async(&mut connection).await
    }

    /// Does it.
    pub async fn run(&self, command: &str) {
        let () = self.ask(command).await.unwrap_or_else(|error| panic!("{command}: {error}"));
    }

    /// Waits until a part of what it tells of itself holds.
    pub async fn waits_for(&self, command: &str, holds: impl Fn(&str) -> bool) {
        let started = Instant::now();
        loop {
            let told = self.ask::<String>(command).await;
            if told.as_deref().is_ok_and(&holds) {
                return;
            }
            assert!(started.elapsed() < PATIENCE, "never as expected: {command} at {}: {told:?}", self.port);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until its replicas have all that it has now.
    pub async fn is_replicated(&self, replicas: &[&Self]) {
        let offset = |told: &str, name: &str| -> Option<u64> {
            told.lines().find_map(|line| line.strip_prefix(name)).and_then(|offset| offset.trim().parse().ok())
        };
        let own: String = self.ask("INFO replication").await.expect("it is there");
        let own = offset(&own, "master_repl_offset:").expect("it is a primary");
        for replica in replicas {
            let has_it = |told: &str| {
                let link_is_up = told.contains("master_link_status:up");
                link_is_up && offset(told, "slave_repl_offset:").is_some_and(|offset| offset >= own)
            };
            replica.waits_for("INFO replication", has_it).await;
        }
    }

    /// Ends it as a power cut would.
    pub fn kill(&mut self) {
        self.process.kill().expect("it is our own process");
        self.process.wait().expect("it is our own process");
    }

    /// Lets it hang: it keeps its connections and answers nothing.
    pub fn pause(&self) {
        self.signal("-STOP");
        // The signal takes its time to arrive, in which a server answers a dozen times.
        let id = self.process.id().to_string();
        let started = Instant::now();
        loop {
            let state = Command::new("ps").args(["-o", "state=", "-p", &id]).output().expect("ps is there").stdout;
            if state.starts_with(b"T") {
                return;
            }
            assert!(started.elapsed() < PATIENCE, "it goes on");
        }
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([signal, &self.process.id().to_string()]).status();
        assert!(status.expect("kill is there").success(), "it is our own process");
    }

    /// Starts it again, with what it had written to disk.
    pub fn restart(&mut self) {
        self.process = launch(&self.program, self.port, &self.arguments).expect("the port is still ours");
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        // A server that still runs might write there. There is nobody to tell if it does not end.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// The process, once it takes connections and has loaded what it had; `None` if it ends.
fn launch(program: &str, port: u16, arguments: &[String]) -> Option<Process> {
    let process = outside::command(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .expect("redis-server is installed");
    let mut process = Process(process);
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        if process.try_wait().is_ok_and(|ended| ended.is_some()) {
            return None;
        }
        if answers(port) {
            return Some(process);
        }
        thread::sleep(Duration::from_millis(5));
    }
    None
}

fn answers(port: u16) -> bool {
    use std::io::Read;
    let Ok(mut stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else { return false };
    let mut answer = [0; 5];
    stream.set_read_timeout(Some(Duration::from_secs(1))).is_ok()
        && stream.write_all(b"PING\r\n").is_ok()
        && stream.read_exact(&mut answer).is_ok()
        && &answer == b"+PONG"
}
