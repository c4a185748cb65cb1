//! Puts every Rust block of the README and of all documents below `docs/` into a function, so that it is compiled
//! exactly as it is written.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, error::Error, fs, io};

use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag};

/// The other languages of a block. A language that is neither `rust` nor one of these stops the build, so that no Rust
/// block is skipped because of its label.
const OTHERS: [&str; 6] = ["http", "json", "sh", "text", "toml", "ts"];

/// The values that a reader would have at hand. Functions and types are in `src/at_hand.rs`.
const SIGNATURE: &str = "async fn compiled(
    secret: &[u8], pem: &str, jwks: &str, keys: KeySet, token: &str, id_token: &str, nonce: &str, refresh_token: &str,
    claims: serde_json::Value, auth: Authenticator<()>, issuer: Issuer, logins: Logins, revocations: Revocations,
    request: http::Request<()>, user: VerifiedToken<User>, client: Client,
) -> Result<(), Box<dyn std::error::Error>>";

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut documents = vec![PathBuf::from("README.md")];
    find_documents(&root, Path::new("docs"), &mut documents)?;
    // Cargo scans a directory with everything below it.
    println!("cargo::rerun-if-changed={}", root.join("README.md").display());
    println!("cargo::rerun-if-changed={}", root.join("docs").display());

    let mut code = String::new();
    for document in documents {
        let name = document.with_extension("").to_string_lossy().replace(|c: char| !c.is_ascii_alphanumeric(), "_");
        let text = fs::read_to_string(root.join(&document))?;
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

/// Adds every Markdown file below the directory, by its path from the root, in a stable order.
fn find_documents(root: &Path, directory: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    let mut entries = fs::read_dir(root.join(directory))?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = directory.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            find_documents(root, &path, found)?;
        } else if path.extension().is_some_and(|kind| kind == "md") {
            found.push(path);
        }
    }
    Ok(())
}
