//! As whom the servers run.

use std::ffi::OsStr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs, process};

/// Whether this is root, by whom a process of its own belongs to.
static IS_ROOT: LazyLock<bool> = LazyLock::new(|| fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0));

/// Nobody, whom every Debian knows, and who owns nothing.
const NOBODY: &str = "65534";

/// That program, to be run as somebody who is not root. It ends with the thread that started it.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let tied = outside::command(program);
    let mut command = if *IS_ROOT {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", "--"]);
        command.arg(tied.get_program()).args(tied.get_args());
        command
    } else {
        tied
    };
    // The working directory of a test may be closed to others.
    command.current_dir("/").env("LC_ALL", "C");
    command
}

/// An empty directory that belongs to whom the servers run as.
pub(crate) fn directory() -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!("jwt-postgres-{}-{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let path = env::temp_dir().join(name);
    fs::create_dir_all(&path).expect("the temporary directory is writable");
    give(&path);
    path
}

/// Gives it to whom the servers run as.
pub(crate) fn give(path: &Path) {
    if *IS_ROOT {
        let owner = NOBODY.parse().ok();
        std::os::unix::fs::chown(path, owner, owner).expect("root may do that");
    }
}
