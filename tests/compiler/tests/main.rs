//! What the compiler says about the usual mistakes, word for word: `cases/*.rs`, and beside each what it says.
//!
//! The words are those of one compiler version; with another one nothing is compared, and the test says so. After a change,
//! `TRYBUILD=overwrite cargo test -p compiler-tests` writes them again: read them as somebody who made the mistake.

use std::process::Command;

/// The version whose words are kept.
const VERSION: &str = "rustc 1.95.";

#[test]
fn the_compiler_says_what_is_wrong_and_how_to_make_it_right() {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("--version").output().expect("there is a compiler");
    let version = String::from_utf8_lossy(&output.stdout);
    if !version.starts_with(VERSION) {
        eprintln!("left out: the words are those of {VERSION}, and this is {version}");
        return;
    }
    trybuild::TestCases::new().compile_fail("tests/cases/*.rs");
}
