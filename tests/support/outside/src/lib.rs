//! What tests need of the world outside: programs that end with the test, and what setup scripts install.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io::{self, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::ops::{Deref, DerefMut, Range};
use std::path::{Path, PathBuf};
use std::process::{self, Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::{env, fs, iter};

/// That program, to be run. Once it runs, it is killed with the thread that started it, even where a signal ends the whole
/// test; that takes Linux and `setpriv` of util-linux. Elsewhere it ends as other programs do.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    static TIES: LazyLock<bool> = LazyLock::new(|| {
        let tried = tied("true").stdout(Stdio::null()).stderr(Stdio::null()).status();
        tried.is_ok_and(|status| status.success())
    });
    if *TIES { tied(program) } else { Command::new(program) }
}

fn tied(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).arg(program);
    command
}

/// A process that is killed when this is dropped.
#[derive(Debug)]
pub struct Process(pub Child);

impl Deref for Process {
    type Target = Child;

    fn deref(&self) -> &Child {
        &self.0
    }
}

impl DerefMut for Process {
    fn deref_mut(&mut self) -> &mut Child {
        &mut self.0
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself; there is nobody to tell if not.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Whether a program of that name is installed.
pub fn is_installed(program: &str) -> bool {
    // Debian keeps servers where only administrators look.
    let paths = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&paths).chain(["/usr/sbin".into()]).any(|path| path.join(program).is_file())
}

/// Whether `setup` has installed what is pinned there now: it copies `pins` to `stamp` as its last step.
pub fn is_pinned(directory: &Path, pins: &str, stamp: &str) -> bool {
    let (pins, stamp) = (fs::read(directory.join(pins)), fs::read(directory.join(stamp)));
    matches!((pins, stamp), (Ok(pins), Ok(stamp)) if pins == stamp)
}

/// Node.js: the one of `tests/setup`, or that of the machine where `tests/setup` has not brought any.
pub fn node() -> PathBuf {
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tools/.venv/bin/node");
    if ours.is_file() { ours } else { PathBuf::from("node") }
}

/// `there`. Where it is not, says once what is left out, and how to change that.
///
/// # Panics
/// If it is not there and `JWT_TESTS_REQUIRE_ALL` is 1.
pub fn is_there(there: bool, what: &str, setup: &str) -> bool {
    static SAID: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    if !there {
        let required = env::var_os("JWT_TESTS_REQUIRE_ALL").is_some_and(|value| value == "1");
        assert!(!required, "{what} is not installed: run {setup} first");
        if SAID.lock().unwrap_or_else(PoisonError::into_inner).insert(what.to_owned()) {
            // Not a print macro, whose output the test harness would keep to itself.
            let _ = writeln!(io::stderr(), "left out, since {what} is not installed: run {setup} first");
        }
    }
    there
}

/// A port of loopback that is free. Not one of those that the system gives to whoever connects somewhere: a server that is started again would find it
/// taken.
///
/// # Panics
/// If none is free.
pub fn free_port() -> u16 {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    const RANGE: Range<u32> = 12_000..32_000;
    // Not all processes begin with the same.
    let start = process::id().wrapping_mul(331);
    let next = || RANGE.start + start.wrapping_add(COUNT.fetch_add(1, Ordering::Relaxed)) % (RANGE.end - RANGE.start);
    let mut ports = iter::repeat_with(next).take(RANGE.len()).filter_map(|port| u16::try_from(port).ok());
    let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    ports.find(is_free).expect("a port is free")
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::process::Stdio;
    use std::thread;

    #[test]
    fn a_program_ends_with_the_thread_that_started_it() {
        if super::is_there(super::is_installed("setpriv"), "setpriv", "apt-get install util-linux") {
            let start = || {
                let mut command = super::command("sh");
                command.args(["-c", "echo started; exec sleep 60"]).stdout(Stdio::piped());
                let mut process = command.spawn().expect("sh is there");
                // It is tied once it runs.
                let mut started = [0; 7];
                process.stdout.as_mut().expect("it is piped").read_exact(&mut started).expect("it says so");
                process
            };
            let mut process = thread::spawn(start).join().expect("it starts");
            assert!(!process.wait().expect("it is our own process").success(), "it would have gone on");
        }
    }
}
