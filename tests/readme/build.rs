//! Puts every Rust block of the README and of some of the documents beside it into a function of its own, so that it is compiled as it stands there.

use std::fmt::Write;
use std::{env, fs, path::Path};

const DOCUMENTS: [&str; 4] = ["README.md", "docs/answers.md", "docs/guards.md", "docs/profiles.md"];

/// The names that a reader would have at hand.
const SIGNATURE: &str = "async fn compiled(
    secret: &[u8], pem: &str, jwks: &str, token: &str, id_token: &str, nonce: &str, auth: Authenticator<()>, request: http::Request<()>,
) -> Result<(), Box<dyn std::error::Error>>";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut code = String::new();
    for document in DOCUMENTS {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(document);
        println!("cargo::rerun-if-changed={}", path.display());
        let name: String = document.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        for (number, rest) in fs::read_to_string(path)?.split("\n```rust\n").skip(1).enumerate() {
            let (block, _) = rest.split_once("\n```").ok_or("a block has no end")?;
            writeln!(code, "mod {name}_{number} {{ use super::at_hand::*; {SIGNATURE} {{\n{block}\nOk(()) }} }}")?;
        }
    }
    fs::write(Path::new(&env::var("OUT_DIR")?).join("blocks.rs"), code)?;
    Ok(())
}
