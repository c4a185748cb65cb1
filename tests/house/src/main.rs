//! Checks the architecture: which room of the core may import which, and which crates may be named where.

mod check;
mod circle;
mod krate;
mod manifest;
mod numbers;
mod reader;
mod suites;
mod tree;

#[cfg(test)]
mod tests;

use std::env;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use tree::Tree;

/// The floors of `jwt-core/src`, the ground first. A room is a folder or a file of the first level; it may import rooms
/// of its own floor, unless they import it too, and rooms of the floors below. `lib.rs` is the roof: it may import all,
/// and nobody imports what it defines. A file that is not listed is on the ground; a folder that is not is an error.
pub(crate) const FLOORS: [&[&str]; 10] = [
    &["base64url", "claims", "clock", "facade", "json", "single_flight", "transport"],
    &["key"],
    &["error"],
    &["observe", "request", "store"],
    &["answer", "metadata", "revocation", "session"],
    &["verify"],
    &["binding", "cache", "introspection", "issuers"],
    &["api_key", "authenticator", "forward"],
    &["guard", "issue"],
    &["login", "testing"],
];

/// The crate that knows what a token is.
pub(crate) const CORE: &str = "jwt-core";

/// The crates that translate it for a framework.
pub(crate) const ADAPTERS: [&str; 2] = ["jwt-tower", "jwt-actix"];

/// Where packages are that have a suite of tests in `tests/main.rs`.
pub(crate) const SUITES: [&str; 2] = ["examples", "tests"];

/// Families of crates that the core does not name: `tower` stands for `tower_http` and `tower-layer` too.
pub(crate) const FRAMEWORKS: [&str; 9] =
    ["actix", "axum", "hyper", "poem", "rocket", "tonic", "tower", "warp", "salvo"];

/// Families of crates that an adapter does not name.
pub(crate) const CRYPTOGRAPHY: [&str; 19] = [
    "aws_lc",
    "boring",
    "dsa",
    "ecdsa",
    "ed25519",
    "ed448",
    "elliptic_curve",
    "hmac",
    "josekit",
    "jsonwebtoken",
    "k256",
    "ml_dsa",
    "openssl",
    "p256",
    "p384",
    "p521",
    "ring",
    "rsa",
    "sha2",
];

const HELP: &str = "\
usage: cargo run -p house -- [--numbers] [--root DIRECTORY]

Reads the sources of jwt-core, jwt-tower and jwt-actix and fails on
  - an import of the core that runs up: from a room to one of a higher floor, or to what lib.rs defines
  - two rooms of one floor that import each other
  - a circle of imports between files of different rooms
  - a folder of jwt-core/src that is on no floor of the table in tests/house/src/main.rs
  - a framework, or an adapter, that the core names in its sources or in [dependencies]
  - a crate of cryptography, or the other adapter, that an adapter names there
  - a file beside the tests/main.rs of a suite that this does not declare, so that its tests are not run
What is compiled for tests only does not count, nor do comments. Each violation is printed as

    FILE:LINE: ROOM -> ROOM: IMPORT

  --numbers          also print the lines of code of each room, without blank lines, comments and tests, and how many
                     cfg attributes there are, without those for tests
  --root DIRECTORY   the repository, if it is not the one that this was built in
  --help             this text

The status is 0 without violations, 1 with some, 2 if the sources cannot be read.";

fn main() -> ExitCode {
    let mut root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut numbers = false;
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match &*argument {
            "--help" | "-h" => {
                println!("{HELP}");
                return ExitCode::SUCCESS;
            }
            "--numbers" => numbers = true,
            "--root" => match arguments.next() {
                Some(directory) => root = PathBuf::from(directory),
                None => return failed("--root needs a directory"),
            },
            _ => return failed(&format!("unknown argument {argument}\n\n{HELP}")),
        }
    }
    let report = match Tree::read(&root).and_then(|tree| check::check(&tree)) {
        Ok(report) => report,
        Err(error) => return failed(&error),
    };
    if numbers {
        print!("{}", report.numbers);
    }
    for violation in &report.violations {
        println!("{violation}");
    }
    println!("{}", report.summary);
    if report.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn failed(message: &str) -> ExitCode {
    eprintln!("house: {message}");
    ExitCode::from(2)
}
