//! Takes the servers out of docs/how-to/mutual-tls.md, so that what is tested is what readers copy.

use std::error::Error;
use std::path::Path;
use std::{env, fs};

/// The Rust blocks of the page, in their order.
const BLOCKS: [&str; 3] = ["tls", "axum", "actix"];

fn main() -> Result<(), Box<dyn Error>> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/how-to/mutual-tls.md");
    println!("cargo::rerun-if-changed={}", page.display());
    let text = fs::read_to_string(page)?;
    let mut blocks = text.split("```rust\n").skip(1).map(|rest| rest.split("```").next().unwrap_or_default());
    for name in BLOCKS {
        let block = blocks.next().ok_or("the page has fewer blocks")?;
        fs::write(Path::new(&env::var("OUT_DIR")?).join(format!("{name}.rs")), block)?;
    }
    Ok(())
}
