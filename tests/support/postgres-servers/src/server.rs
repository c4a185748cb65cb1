use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use outside::{Process, free_port};
use tokio_postgres::NoTls;

use crate::{PATIENCE, user};

/// Where the programs are: `POSTGRES_BIN`, the last version that Debian has installed, or somewhere on the path.
static PROGRAMS: LazyLock<Option<PathBuf>> = LazyLock::new(|| {
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut debian: Vec<(u32, PathBuf)> = debian
        .filter_map(|version| Some((version.file_name().to_str()?.parse().ok()?, version.path().join("bin"))))
        .collect();
    debian.sort_unstable();
    let path = env::var_os("PATH").unwrap_or_default();
    let named = env::var_os("POSTGRES_BIN").map(PathBuf::from);
    let places = named.into_iter().chain(debian.into_iter().rev().map(|(_, path)| path)).chain(env::split_paths(&path));
    places.into_iter().find(|place| place.join("initdb").is_file())
});

/// Whether there is a PostgreSQL to test with. Says once what is left out if not, and how to change that.
///
/// # Panics
/// If there is none and `JWT_TESTS_REQUIRE_ALL` is 1.
pub fn postgres_is_installed() -> bool {
    outside::is_there(PROGRAMS.is_some(), "postgresql", "tests/setup stores")
}

fn program(name: &str) -> Command {
    user::command(PROGRAMS.as_ref().expect("PostgreSQL is installed").join(name))
}

/// A PostgreSQL of one's own, on a free port of loopback. Ends when it is dropped.
#[derive(Debug)]
pub struct PostgresServer {
    process: Process,
    port: u16,
    directory: PathBuf,
    options: Vec<String>,
}

impl PostgresServer {
    /// Starts one.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts one with these settings, such as `max_connections=5`.
    pub fn start_with(settings: &[&str]) -> Self {
        Self::start_in(user::directory(), settings)
    }

    /// Starts one whose data are in an empty directory that is there already, which it makes its own.
    pub fn start_in(directory: PathBuf, settings: &[&str]) -> Self {
        user::give(&directory);
        let mut init = program("initdb");
        init.args(["-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C", "--no-sync", "-D"])
            .arg(data(&directory));
        run(&mut init);
        Self::launch_in(directory, settings)
    }

    /// Starts a replica that follows this server.
    #[must_use]
    pub fn replica(&self, settings: &[&str]) -> Self {
        let directory = user::directory();
        let mut copy = program("pg_basebackup");
        let port = self.port.to_string();
        copy.args([
            "-h",
            "127.0.0.1",
            "-p",
            &port,
            "-U",
            "postgres",
            "-R",
            "-X",
            "stream",
            "-c",
            "fast",
            "--no-sync",
            "-D",
        ]);
        run(copy.arg(data(&directory)));
        Self::launch_in(directory, settings)
    }

    fn launch_in(directory: PathBuf, settings: &[&str]) -> Self {
        // A process that is killed loses nothing that the system has, so the disk need not be waited for.
        let common = ["listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off", "shared_buffers=32MB"];
        let options: Vec<String> =
            common.iter().chain(settings).flat_map(|setting| ["-c".into(), (*setting).into()]).collect();
        // Somebody else may take the port between looking and using it.
        for _ in 0..10 {
            let port = free_port();
            if let Some(process) = launch(port, &directory, &options) {
                return Self { process, port, directory, options };
            }
        }
        panic!("no PostgreSQL starts in {}: {}", directory.display(), log(&directory));
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What one value of the first row is, as text.
    pub async fn ask(&self, sql: &str) -> Result<Option<String>, tokio_postgres::Error> {
        let (client, connection) = tokio_postgres::connect(&self.url(), NoTls).await?;
        let connection = tokio::spawn(connection);
        let messages = client.simple_query(sql).await;
        drop(client);
        let _ = connection.await;
        let first = messages?.into_iter().find_map(|message| match message {
            tokio_postgres::SimpleQueryMessage::Row(row) => Some(row.get(0).map(ToOwned::to_owned)),
            _ => None,
        });
        Ok(first.flatten())
    }

    /// Does it.
    pub async fn run(&self, sql: &str) {
        if let Err(error) = self.ask(sql).await {
            panic!("{sql}: {error:?}");
        }
    }

    /// Waits until the answer is this.
    pub async fn waits_for(&self, sql: &str, answer: &str) {
        let started = Instant::now();
        loop {
            let told = self.ask(sql).await;
            if matches!(&told, Ok(Some(told)) if told == answer) {
                return;
            }
            assert!(started.elapsed() < PATIENCE, "never as expected: {sql} at {}: {told:?}", self.port);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Cuts all connections but the one that does it.
    pub async fn cut_connections(&self) {
        self.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'").await;
    }

    /// Makes the replica a primary.
    pub async fn promote(&self) {
        self.run("SELECT pg_promote()").await;
        self.waits_for("SELECT pg_is_in_recovery()", "f").await;
    }

    /// Ends it as a power cut would, with all of its processes.
    pub fn kill(&mut self) {
        for id in self.processes() {
            signal("-KILL", &id);
        }
        let _ = self.process.kill();
        self.process.wait().expect("it is our own process");
    }

    /// Lets it hang: it keeps its connections and answers nothing.
    pub fn pause(&self) {
        for id in self.processes() {
            signal("-STOP", &id);
        }
    }

    /// Lets it go on.
    pub fn resume(&self) {
        for id in self.processes().into_iter().rev() {
            signal("-CONT", &id);
        }
    }

    /// The one that is ours, first, and those that it has made.
    fn processes(&self) -> Vec<String> {
        let own = self.process.id().to_string();
        let made = Command::new("ps").args(["-o", "pid=", "--ppid", &own]).output().expect("ps is there").stdout;
        let made = String::from_utf8_lossy(&made).split_whitespace().map(ToOwned::to_owned).collect::<Vec<_>>();
        std::iter::once(own).chain(made).collect()
    }

    /// Starts it again, with what it had written.
    pub fn restart(&mut self) {
        let started = Instant::now();
        // The processes of the one before may take a moment to end.
        self.process = loop {
            if let Some(process) = launch(self.port, &self.directory, &self.options) {
                break process;
            }
            assert!(started.elapsed() < PATIENCE, "it does not start again: {}", log(&self.directory));
        };
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        // There is nobody to tell if it does not end. The others end when they miss it.
        for id in self.processes() {
            let _ = Command::new("kill").args(["-KILL", &id]).stderr(Stdio::null()).status();
        }
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

fn data(directory: &Path) -> PathBuf {
    directory.join("data")
}

fn log(directory: &Path) -> String {
    fs::read_to_string(directory.join("log")).unwrap_or_default()
}

/// It may have ended in between.
fn signal(signal: &str, id: &str) {
    let _ = Command::new("kill").args([signal, id]).stderr(Stdio::null()).status();
}

fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().expect("the program is installed");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// The process, once it takes connections; `None` if it ends.
fn launch(port: u16, directory: &Path, options: &[String]) -> Option<Process> {
    let log = fs::File::options().create(true).append(true).open(directory.join("log")).expect("it is writable");
    let process = program("postgres")
        .arg("-D")
        .arg(data(directory))
        .args(["-p", &port.to_string()])
        .args(options)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn();
    let mut process = Process(process.expect("PostgreSQL is installed"));
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        if process.try_wait().is_ok_and(|ended| ended.is_some()) {
            return None;
        }
        let mut ready = program("pg_isready");
        ready.args(["-q", "-h", "127.0.0.1", "-p", &port.to_string()]);
        if ready.stdin(Stdio::null()).status().is_ok_and(|status| status.success()) {
            return Some(process);
        }
        thread::sleep(Duration::from_millis(20));
    }
    None
}
