//! Which parts of the outside world are there to test with.

use std::env;
use std::io::{self, Write};
use std::path::Path;

/// Whether all these programs are installed.
pub(crate) fn are_there(programs: &[&str]) -> bool {
    let paths = env::var_os("PATH").unwrap_or_default();
    let paths: Vec<_> = env::split_paths(&paths).chain(["/usr/sbin".into()]).collect();
    programs.iter().all(|program| {
        let found = paths.iter().any(|path| path.join(program).is_file());
        found || missing(program)
    })
}

/// Whether that file or directory is there.
#[allow(dead_code, reason = "not every test has files to look for")]
pub(crate) fn is_there(path: &Path) -> bool {
    path.exists() || missing(&path.display().to_string())
}

/// Says what is left out, and how to change that: past the test harness, which would keep it to itself.
fn missing(what: &str) -> bool {
    let _ = writeln!(io::stderr(), "story: left out, since {what} is missing: run examples/story/tests/setup first");
    let required = env::var_os("JWT_TESTS_REQUIRE_ALL").is_some_and(|value| value == "1");
    assert!(!required, "{what} is missing: run examples/story/tests/setup first");
    false
}
