//! Puts every Rust block of the README into a function of its own, so that it is compiled as it stands there.

use std::fmt::Write;
use std::{env, fs, path::Path};

const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md");

/// The names that a reader would have at hand.
const SIGNATURE: &str = "async fn compiled(
    secret: &[u8], pem: &str, jwks: &str, token: &str, auth: Authenticator<()>, request: http::Request<()>,
) -> Result<(), Box<dyn std::error::Error>>";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed={README}");
    let readme = fs::read_to_string(README)?;
    let mut code = String::new();
    for (number, rest) in readme.split("\n```rust\n").skip(1).enumerate() {
        let (block, _) = rest.split_once("\n```").ok_or("a block has no end")?;
        writeln!(code, "mod block_{number} {{ use super::at_hand::*; {SIGNATURE} {{\n{block}\nOk(()) }} }}")?;
    }
    fs::write(Path::new(&env::var("OUT_DIR")?).join("blocks.rs"), code)?;
    Ok(())
}
