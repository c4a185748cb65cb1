//! The documentation of the three crates, as docs.rs makes it but for what takes a nightly toolchain.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

pub(crate) const CRATES: [&str; 3] = ["jwt-core", "jwt-tower", "jwt-actix"];

/// Dead links in what other crates say of their own traits and types, which rustdoc repeats with ours: `WithSubscriber` of
/// tracing, and `HeaderMap` of http.
const NOT_OURS: [&str; 2] = ["dispatcher#setting-the-default-subscriber", "struct.GetAll.html"];

/// What a page has: the places that can be linked to, and the links.
#[derive(Default)]
struct Page {
    anchors: BTreeSet<String>,
    links: Vec<String>,
}

/// Every page, by its path below the directory of the documentation.
pub(crate) struct Documentation {
    pages: BTreeMap<PathBuf, Page>,
}

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Runs cargo in the workspace.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(arguments).args(CRATES.iter().flat_map(|name| ["-p", name])).current_dir(root());
    cargo
}

/// Where cargo builds for the workspace.
pub(crate) fn target() -> PathBuf {
    let program = env::current_exe().expect("this test is a program");
    // target/debug/deps/packages-…
    program.ancestors().nth(3).expect("Cargo keeps it three directories down").to_owned()
}

impl Documentation {
    pub(crate) fn get() -> &'static Self {
        static MADE: LazyLock<Documentation> = LazyLock::new(Documentation::make);
        &MADE
    }

    fn make() -> Self {
        let made = cargo(&["doc", "--quiet", "--locked", "--no-deps", "--all-features"])
            .env("CARGO_TARGET_DIR", target())
            .env("RUSTDOCFLAGS", "-D warnings")
            .status();
        assert!(made.expect("cargo runs").success(), "rustdoc is not content");
        let mut documentation = Self { pages: BTreeMap::new() };
        for name in CRATES {
            documentation.read(&target().join("doc"), Path::new(&name.replace('-', "_")));
        }
        documentation
    }

    fn read(&mut self, doc: &Path, directory: &Path) {
        for entry in fs::read_dir(doc.join(directory)).expect("it is documented").flatten() {
            let path = directory.join(entry.file_name());
            if entry.path().is_dir() {
                self.read(doc, &path);
            } else if path.extension().is_some_and(|kind| kind == "html") {
                let text = fs::read_to_string(entry.path()).expect("it is text");
                self.pages.insert(path, Page::read(&text));
            }
        }
    }

    /// What is wrong with a link from that page; nothing for one that leads out of the documentation.
    fn problem(&self, from: &Path, link: &str) -> Option<&'static str> {
        let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
        if file.contains(':') || file.starts_with("//") {
            return None;
        }
        let target = if file.is_empty() { from.to_owned() } else { plain(&from.parent()?.join(file)) };
        self.leads(&target, anchor)
    }

    /// What is wrong with a page, such as `jwt_core/index.html`, or with an anchor there.
    pub(crate) fn leads(&self, page: &Path, anchor: &str) -> Option<&'static str> {
        let ours = CRATES.iter().any(|name| page.starts_with(name.replace('-', "_")));
        if !ours {
            return None;
        }
        match self.pages.get(page) {
            None => Some("there is no such page"),
            Some(to) if !anchor.is_empty() && !to.anchors.contains(anchor) => Some("the page has no such section"),
            Some(_) => None,
        }
    }

    pub(crate) fn dead_links(&self) -> Vec<String> {
        let mut dead = Vec::new();
        for (path, page) in &self.pages {
            for link in page.links.iter().filter(|link| !NOT_OURS.contains(&&***link)) {
                if let Some(problem) = self.problem(path, link) {
                    dead.push(format!("{}: {link}: {problem}", path.display()));
                }
            }
        }
        dead
    }

    pub(crate) fn pages(&self) -> usize {
        self.pages.len()
    }
}

impl Page {
    fn read(html: &str) -> Self {
        let mut page = Self::default();
        for (name, value) in attributes(html) {
            match name {
                "id" => {
                    page.anchors.insert(value.to_owned());
                }
                _ => page.links.push(value.replace("&amp;", "&")),
            }
        }
        page
    }
}

/// The values of `id` and `href`. Rustdoc quotes them with `"`.
fn attributes(html: &str) -> impl Iterator<Item = (&'static str, &str)> {
    let values = |name: &'static str| {
        let start = format!(" {name}=\"");
        let pieces: Vec<_> =
            html.split(&*start).skip(1).map(|rest| rest.split('"').next().unwrap_or_default()).collect();
        pieces.into_iter().map(move |value| (name, value))
    };
    values("id").chain(values("href"))
}

/// Without `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        if part == Component::ParentDir {
            plain.pop();
        } else {
            plain.push(part);
        }
    }
    plain
}
