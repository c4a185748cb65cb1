//! Which crates a manifest depends on.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A crate that a manifest depends on, and the line that says so.
#[derive(Debug)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) line: usize,
}

/// What the manifest has in `[dependencies]` and `[build-dependencies]`, also for some targets only. What tests depend on
/// is theirs.
pub(crate) fn dependencies(manifest: &str) -> Result<Vec<Dependency>, String> {
    let document = DeTable::parse(manifest).map_err(|error| error.to_string())?;
    let mut found = Vec::new();
    collect(manifest, document.get_ref(), &mut found);
    if let Some(targets) = table(document.get_ref(), "target") {
        for target in targets.values() {
            if let DeValue::Table(target) = target.get_ref() {
                collect(manifest, target, &mut found);
            }
        }
    }
    Ok(found)
}

fn collect(manifest: &str, of: &DeTable<'_>, found: &mut Vec<Dependency>) {
    for section in ["dependencies", "build-dependencies"] {
        for (key, value) in table(of, section).into_iter().flatten() {
            // The crate may have another name than the key.
            let renamed = match value.get_ref() {
                DeValue::Table(details) => details.get("package").and_then(|package| package.get_ref().as_str()),
                _ => None,
            };
            let name = renamed.unwrap_or_else(|| key.get_ref()).replace('-', "_");
            let line = manifest[..key.span().start].matches('\n').count() + 1;
            found.push(Dependency { name, line });
        }
    }
}

fn table<'t, 'm>(of: &'t DeTable<'m>, name: &str) -> Option<&'t DeTable<'m>> {
    match of.get(name).map(Spanned::get_ref) {
        Some(DeValue::Table(table)) => Some(table),
        _ => None,
    }
}
