//! The book comes to docs.rs as the module `guide` of each adapter, made from the same pages: the links become those of
//! rustdoc, the names those of the adapter, and the blocks become doctests.
//!
//! `UPDATE_GUIDE=1 cargo test -p readme guide` writes the pages after a change in `docs/`.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

/// Pages about the repository: who reads the documentation of a crate has none.
const LEFT_OUT: [&str; 6] = [
    "tutorial/story.md",
    "tutorial/test-your-api.md",
    "how-to/add-a-conformance-case.md",
    "reference/speed.md",
    "reference/story-results.md",
    "reference/scoreboard.md",
];

struct Adapter {
    name: &'static str,
    /// What only the blocks for the other framework have.
    foreign: &'static [&'static str],
    /// What the names of the adapter that the book prefers are here.
    rename: Option<(&'static str, &'static str)>,
}

const ADAPTERS: [Adapter; 2] = [
    Adapter { name: "jwt-tower", foreign: &["actix", "HttpResponse", "greet_session"], rename: None },
    Adapter {
        name: "jwt-actix",
        foreign: &[
            "axum",
            "tonic",
            " tower::",
            "tower_http",
            "hyper",
            "Router",
            "IntoResponse",
            "Greeter",
            "jwt_tower::claims",
            "on_rejection_response",
        ],
        rename: Some(("jwt_tower", "jwt_actix")),
    },
];

/// What stands before a block, and after it: the values that a reader would have at hand, as in `build.rs`. None of it is
/// shown.
const BEFORE: &str = "\
# mod at_hand { include!(concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/guide/at_hand.rs\")); }
# use at_hand::*;
# async fn compiled(
#     secret: &[u8], pem: &str, jwks: &str, keys: KeySet, token: &str, id_token: &str, nonce: &str, refresh_token: &str,
#     claims: serde_json::Value, auth: Authenticator<()>, issuer: Issuer, logins: Logins, revocations: Revocations,
#     request: http::Request<()>, user: VerifiedToken<User>, client: Client,
# ) -> Result<(), Box<dyn std::error::Error>> {
";
const AFTER: &str = "\
# Ok(())
# }
# fn main() {}
";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// `../how-to/own-store.md` is `own_store`.
fn module(page: &str) -> String {
    let file = page.rsplit('/').next().unwrap_or(page);
    file.trim_end_matches(".md").replace('-', "_")
}

/// The text of a page with some parts replaced.
fn replaced(text: &str, mut parts: Vec<(Range<usize>, String)>) -> String {
    parts.sort_by_key(|(range, _)| range.start);
    let (mut whole, mut at) = (String::new(), 0);
    for (range, part) in parts {
        whole.push_str(&text[at..range.start]);
        whole.push_str(&part);
        at = range.end;
    }
    whole + &text[at..]
}

/// A page for that adapter.
fn page(text: &str, adapter: &Adapter, is_in_guide: impl Fn(&str) -> bool) -> String {
    let mut parts = Vec::new();
    let mut link = None;
    let mut events = Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter();
    while let Some((event, range)) = events.next() {
        match event {
            Event::Start(Tag::Link { dest_url, .. }) => link = Some((dest_url.to_string(), range)),
            Event::End(TagEnd::Link) => {
                let Some((to, range)) = link.take().filter(|(to, _)| !to.contains("://") && !to.starts_with('#'))
                else {
                    continue;
                };
                let (name, _) = text[range.clone()].rsplit_once("](").expect("the book has no other links");
                let (file, section) = to.split_once('#').map_or((&*to, None), |(file, section)| (file, Some(section)));
                let section = section.map_or_else(String::new, |section| format!("#{section}"));
                let file = module(file);
                parts.push(if is_in_guide(&file) {
                    (range, format!("{name}](crate::guide::{file}{section})"))
                } else {
                    (range, name.trim_start_matches('[').to_owned())
                });
            }
            // Rustdoc would take it for Rust.
            Event::Start(Tag::CodeBlock(CodeBlockKind::Indented)) => {
                let mut block = String::new();
                while let Some((Event::Text(line), _)) = events.next() {
                    block.push_str(&line);
                }
                let start = text[..range.start].rfind('\n').map_or(0, |at| at + 1);
                parts.push((start..range.end, format!("```text\n{}\n```\n", block.trim_end())));
            }
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(language))) => {
                let whole = &text[range.clone()];
                let (fence, rest) = whole.split_once('\n').expect("a block has lines");
                let block = rest.trim_end().trim_end_matches('`');
                if &*language != "rust" {
                    continue;
                }
                let foreign = adapter.foreign.iter().any(|name| block.contains(name));
                parts.push(if foreign {
                    (range, format!("{fence},ignore\n{block}```"))
                } else {
                    (range, format!("{fence}\n{BEFORE}{block}{AFTER}```"))
                });
            }
            _ => {}
        }
    }
    let text = replaced(text, parts);
    let Some((from, to)) = adapter.rename else { return text };
    // Blocks for the other framework keep its names.
    let pieces = text.split("```").map(|piece| {
        if piece.starts_with("rust,ignore") || piece.starts_with("toml") {
            piece.to_owned()
        } else {
            piece.replace(from, to)
        }
    });
    pieces.collect::<Vec<_>>().join("```")
}

/// The module with all its pages, by their paths in the package of the adapter.
fn guide(adapter: &Adapter) -> BTreeMap<String, String> {
    let docs = root().join("docs");
    let summary = fs::read_to_string(docs.join("SUMMARY.md")).expect("the book has a table of contents");
    let mut entries = Vec::new();
    let mut contents = String::from(
        "//! The guide: a tutorial, how-to guides, reference and explanations.\n//!\n\
         //! It is here only in the documentation, not in the crate that is built. A block with the mark \"not tested\" is for\n\
         //! another framework; the one for this crate is beside it, unless the page is about the other.\n",
    );
    for line in summary.lines() {
        if let Some(title) = line.strip_prefix("# ").filter(|title| *title != "Summary") {
            write!(contents, "//!\n//! # {title}\n//!\n").expect("a string takes all");
        } else if let Some((title, path)) = line.strip_prefix("- [").and_then(|line| line.split_once("](")) {
            let path = path.trim_end_matches(')');
            if !LEFT_OUT.contains(&path) {
                let name = module(path);
                writeln!(contents, "//! - [{title}](self::{name})").expect("a string takes all");
                entries.push((name, path.to_owned()));
            }
        }
    }
    contents.push('\n');
    let mut files = BTreeMap::new();
    let names: Vec<_> = entries.iter().map(|(name, _)| name.clone()).collect();
    for (name, path) in entries {
        writeln!(contents, "#[doc = include_str!(\"../guide/{name}.md\")]\npub mod {name} {{}}")
            .expect("a string takes all");
        let text = fs::read_to_string(docs.join(path)).expect("the page exists");
        let page = page(&text, adapter, |other| names.iter().any(|name| name == other));
        let file = format!("{}/guide/{name}.md", adapter.name);
        assert!(files.insert(file, page).is_none(), "two pages are called {name}");
    }
    files.insert(format!("{}/src/guide.rs", adapter.name), contents);
    files
}

#[test]
fn the_guide_of_each_adapter_is_the_book() {
    let update = std::env::var_os("UPDATE_GUIDE").is_some();
    let mut differ = Vec::new();
    for adapter in ADAPTERS {
        let files = guide(&adapter);
        let directory = root().join(adapter.name).join("guide");
        for entry in fs::read_dir(&directory).expect("the guide is there").flatten() {
            let file = format!("{}/guide/{}", adapter.name, entry.file_name().to_string_lossy());
            if !files.contains_key(&file) && !file.ends_with("/at_hand.rs") {
                differ.push(file);
                if update {
                    fs::remove_file(entry.path()).expect("it is ours");
                }
            }
        }
        for (file, text) in files {
            if fs::read_to_string(root().join(&file)).ok().as_ref() != Some(&text) {
                if update {
                    fs::write(root().join(&file), text).expect("it is ours");
                }
                differ.push(file);
            }
        }
    }
    assert!(
        update || differ.is_empty(),
        "not made from docs/ as it is now; UPDATE_GUIDE=1 cargo test -p readme guide writes them:\n{}",
        differ.join("\n")
    );
}
