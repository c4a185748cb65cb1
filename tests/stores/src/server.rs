use std::io::Write;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use std::{env, fs, process, thread};

use outside::Process;

/// How long a server may take to start. Far more than it does on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Whether there is a Redis to test with. Says once what is left out if not, and how to change that.
///
/// # Panics
/// If there is none and `JWT_TESTS_REQUIRE_ALL` is 1.
pub fn redis_is_installed() -> bool {
    outside::is_there(outside::is_installed("redis-server"), "redis-server", "tests/stores/setup")
}

/// A Redis of one's own, on a free port, that writes every command to disk before it answers. Ends when it is dropped.
#[derive(Debug)]
pub struct RedisServer {
    process: Process,
    port: u16,
    directory: PathBuf,
    options: &'static [&'static str],
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

    /// Starts one that is the only node of a cluster, and refuses what a cluster refuses: commands and scripts with keys
    /// of several slots.
    pub async fn start_cluster() -> Self {
        let server = Self::start_with(&["--cluster-enabled", "yes"]);
        let client = redis::Client::open(server.url()).expect("it is a URL");
        let mut connection = client.get_multiplexed_async_connection().await.expect("it has just been started");
        let mut slots = redis::cmd("CLUSTER");
        slots.arg("ADDSLOTSRANGE").arg(0).arg(16_383);
        let () = slots.query_async(&mut connection).await.expect("no slot is taken yet");
        let started = Instant::now();
        loop {
            let info = redis::cmd("CLUSTER").arg("INFO").query_async::<String>(&mut connection).await;
            if info.is_ok_and(|info| info.contains("cluster_state:ok")) {
                return server;
            }
            assert!(started.elapsed() < PATIENCE, "the cluster never gets ready");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn start_with(options: &'static [&'static str]) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("jwt-stores-{}-{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let directory = env::temp_dir().join(name);
        fs::create_dir_all(&directory).expect("the temporary directory is writable");
        // Somebody else may take the port between looking and using it.
        for _ in 0..10 {
            let port = free_port();
            if let Some(process) = launch(port, &directory, options) {
                return Self { process, port, directory, options };
            }
        }
        panic!("no Redis server starts in {}", directory.display());
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Ends it as a power cut would.
    pub fn kill(&mut self) {
        self.process.kill().expect("it is our own process");
        self.process.wait().expect("it is our own process");
    }

    /// Lets it hang: it keeps its connections and answers nothing.
    pub fn pause(&self) {
        self.signal("-STOP");
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
        self.process = launch(self.port, &self.directory, self.options).expect("the port is still ours");
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

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    listener.local_addr().expect("it is bound").port()
}

/// The process, once it takes connections and has loaded what it had; `None` if it ends.
fn launch(port: u16, directory: &Path, options: &[&str]) -> Option<Process> {
    let process = outside::command("redis-server")
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--daemonize", "no", "--loglevel", "warning"])
        .args(["--appendonly", "yes", "--appendfsync", "always", "--save", "", "--dir"])
        .arg(directory)
        .args(options)
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
