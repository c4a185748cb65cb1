//! The suites: each is one test binary, and every file of it is in there.

use std::collections::BTreeSet;

use syn::Item;

use crate::tree::Tree;

/// The files beside the `main.rs` of a suite that it does not declare: Cargo would leave out their tests without a word.
pub(crate) fn forgotten_files(tree: &Tree) -> Result<Vec<String>, String> {
    let mut forgotten = Vec::new();
    for main in tree.paths().filter(|path| path.ends_with("/tests/main.rs")) {
        let text = tree.text(main).unwrap_or_default();
        let broken = |error: syn::Error| format!("{main}:{}: {error}", error.span().start().line);
        let items = syn::parse_file(text).map_err(broken)?.items;
        let modules: BTreeSet<String> = items.iter().filter_map(declared).collect();
        let directory = main.trim_end_matches("main.rs");
        for path in tree.paths().filter(|path| *path != main) {
            let Some(name) = path.strip_prefix(directory) else { continue };
            let name = name.strip_suffix("/mod.rs").or_else(|| name.strip_suffix(".rs")).unwrap_or(name);
            if !name.contains('/') && !modules.contains(name) {
                forgotten.push(format!("{path}:1: is in no test binary: add `mod {name};` to {main}"));
            }
        }
    }
    Ok(forgotten)
}

fn declared(item: &Item) -> Option<String> {
    match item {
        Item::Mod(module) => Some(module.ident.to_string()),
        _ => None,
    }
}
