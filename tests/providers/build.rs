//! Makes a function of the first Rust block of each page below `docs/how-to/providers`, exactly as it is written but for the
//! directory in which Kubernetes puts what a pod needs.

use std::fmt::Write;
use std::path::Path;
use std::{env, error::Error, fs};

const MOUNTED: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

fn main() -> Result<(), Box<dyn Error>> {
    let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/how-to/providers");
    println!("cargo::rerun-if-changed={}", pages.display());
    let out = env::var("OUT_DIR")?;
    fs::write(Path::new(&out).join("ca.crt"), "an authority, which the client of the suite does not need")?;
    fs::write(Path::new(&out).join("token"), "the-token-of-this-pod\n")?;

    let mut names = Vec::new();
    for entry in fs::read_dir(&pages)? {
        let name = entry?.file_name().into_string().map_err(|_| "a page has a name of ASCII")?;
        names.push(name.trim_end_matches(".md").to_owned());
    }
    names.sort();
    let (mut code, mut all) = (String::new(), String::new());
    for slug in &names {
        let text = fs::read_to_string(pages.join(format!("{slug}.md")))?;
        let block = text.split("```rust\n").nth(1).and_then(|rest| rest.split("```").next());
        let block = block.ok_or_else(|| format!("{slug} has no recipe"))?.replace(MOUNTED, &out);
        let module = slug.replace('-', "_");
        writeln!(
            code,
            "#[allow(dead_code, clippy::struct_field_names, reason = \"written for a page\")] mod {module} {{ use super::jwt_tower;
            pub(super) fn recipe(pem: &str, secret: &[u8]) -> Result<super::Recipe, Box<dyn std::error::Error>> {{
            let _ = (pem, secret);
            {block}
            Ok(super::Recipe::new(auth)) }} }}"
        )?;
        writeln!(all, "    ({slug:?}, {module}::recipe),")?;
    }
    writeln!(code, "const RECIPES: &[(&str, Run)] = &[\n{all}];")?;
    fs::write(Path::new(&out).join("recipes.rs"), code)?;
    Ok(())
}
