//! Puts every Rust block of the README and of the documents in `docs/` into a function of its own, so that it is
//! compiled as it stands there.

use std::fmt::Write;
use std::{env, error::Error, fs, path::Path};

use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag};

/// What else a block may be. Anything but these and `rust` stops the build, so that no block is left out by the way it
/// is marked.
const OTHERS: [&str; 2] = ["sh", "toml"];

/// The values that a reader would have at hand. Functions and types are in `src/at_hand.rs`.
const SIGNATURE: &str = "async fn compiled(
    secret: &[u8], pem: &str, jwks: &str, keys: KeySet, token: &str, id_token: &str, nonce: &str, auth: Authenticator<()>,
    request: http::Request<()>, user: VerifiedToken<User>,
) -> Result<(), Box<dyn std::error::Error>>";

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut documents = vec![root.join("README.md")];
    for entry in fs::read_dir(root.join("docs"))? {
        documents.extend(Some(entry?.path()).filter(|path| path.extension().is_some_and(|kind| kind == "md")));
    }
    println!("cargo::rerun-if-changed={}", documents[0].display());
    println!("cargo::rerun-if-changed={}", root.join("docs").display());

    let mut code = String::new();
    for document in documents {
        let name = document.file_stem().ok_or("a document has no name")?.to_string_lossy().replace('-', "_");
        let text = fs::read_to_string(&document)?;
        let (mut events, mut number) = (Parser::new(&text), 0);
        while let Some(event) = events.next() {
            let Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(language))) = event else { continue };
            let mut block = String::new();
            while let Some(Event::Text(line)) = events.next() {
                block.push_str(&line);
            }
            if &*language == "rust" {
                number += 1;
                writeln!(code, "mod {name}_{number} {{ use super::at_hand::*; {SIGNATURE} {{\n{block}\nOk(()) }} }}")?;
            } else if !OTHERS.contains(&&*language) {
                return Err(format!("{}: a block is `{language}`, and not `rust`", document.display()).into());
            }
        }
    }
    fs::write(Path::new(&env::var("OUT_DIR")?).join("blocks.rs"), code)?;
    Ok(())
}
