use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};
use std::{fs, thread};

use outside::{Process, free_port};

use crate::{PATIENCE, PostgresServer, user};

/// Whether there is a PgBouncer to test with. Says once what is left out if not, and how to change that.
///
/// # Panics
/// If there is none and `JWT_TESTS_REQUIRE_ALL` is 1.
pub fn pgbouncer_is_installed() -> bool {
    outside::is_there(outside::is_installed("pgbouncer"), "pgbouncer", "tests/setup stores")
}

/// A PgBouncer of one's own before a server, in transaction mode, with three connections for all. Ends when it is dropped.
#[derive(Debug)]
pub struct PgBouncer {
    _process: Process,
    port: u16,
    directory: PathBuf,
}

impl PgBouncer {
    /// Starts one.
    pub fn start(server: &PostgresServer) -> Self {
        let directory = user::directory();
        for _ in 0..10 {
            let port = free_port();
            let target = server.port();
            let settings = directory.join("pgbouncer.ini");
            // From 1.21 on it can keep track of prepared statements. Older ones cannot, and are in use.
            let tracks = if keeps_prepared_statements() { "max_prepared_statements = 0\n" } else { "" };
            let text = format!(
                "[databases]\npostgres = host=127.0.0.1 port={target} dbname=postgres user=postgres\n[pgbouncer]\n\
                listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\npool_mode = transaction\n\
                default_pool_size = 3\nmax_client_conn = 2000\n{tracks}logfile = {}\n",
                directory.join("log").display()
            );
            fs::write(&settings, text).expect("it is writable");
            let process = user::command("/usr/sbin/pgbouncer").arg("-q").arg(&settings).stdin(Stdio::null()).spawn();
            let mut process = Process(process.expect("PgBouncer is installed"));
            let started = Instant::now();
            while started.elapsed() < PATIENCE && process.try_wait().is_ok_and(|ended| ended.is_none()) {
                if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
                    return Self { _process: process, port, directory };
                }
                thread::sleep(Duration::from_millis(10));
            }
        }
        panic!("no PgBouncer starts: {}", fs::read_to_string(directory.join("log")).unwrap_or_default());
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }
}

/// Whether this version can, and so has a setting for it.
fn keeps_prepared_statements() -> bool {
    let output = user::command("/usr/sbin/pgbouncer").arg("--version").output().expect("PgBouncer is installed");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let version = text.split_whitespace().nth(1).unwrap_or_default();
    let numbers: Vec<u32> = version.split('.').filter_map(|number| number.parse().ok()).collect();
    numbers >= vec![1, 21]
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}
