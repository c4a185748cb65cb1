//! What the documents point to exists: files, sections, and paths that are only named.

use std::collections::{BTreeMap, HashMap};
use std::path::{Component, Path, PathBuf};
use std::{env, fs};

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

/// The tops of the tree. A name in code that begins with one of them is the path of a file or a directory.
const TOPS: [&str; 7] = ["jwt-core/", "jwt-tower/", "jwt-actix/", "docs/", "examples/", "fuzz/", "tests/"];

#[derive(Default)]
struct Document {
    links: Vec<String>,
    paths: Vec<String>,
    anchors: Vec<String>,
}

impl Document {
    fn read(text: &str) -> Self {
        let (mut document, mut heading) = (Self::default(), None::<String>);
        let mut seen = HashMap::<String, usize>::new();
        for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
            match event {
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    document.links.push(dest_url.to_string());
                }
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::End(TagEnd::Heading(_)) => {
                    let anchor = anchor(&heading.take().unwrap_or_default());
                    let count = seen.entry(anchor.clone()).or_default();
                    document.anchors.push(if *count == 0 { anchor } else { format!("{anchor}-{count}") });
                    *count += 1;
                }
                Event::Code(text) | Event::Text(text) if heading.is_some() => {
                    heading.as_mut().into_iter().for_each(|heading| heading.push_str(&text));
                }
                Event::Code(text) if TOPS.iter().any(|top| text.starts_with(top)) => {
                    document.paths.extend(text.split(' ').next().map(str::to_owned));
                }
                _ => {}
            }
        }
        document
    }
}

/// As GitHub and mdBook make them.
fn anchor(heading: &str) -> String {
    let kept = heading.to_lowercase();
    kept.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c)).map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// Every Markdown file below the directory, by its path; not those that are links to others.
fn documents(root: &Path, directory: &Path, found: &mut BTreeMap<PathBuf, Document>) {
    for entry in fs::read_dir(root.join(directory)).expect("it is a directory").flatten() {
        let (name, path) = (entry.file_name(), directory.join(entry.file_name()));
        let name = name.to_string_lossy();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            // Neither what is hidden, nor what somebody else has written, nor the book once more, as rustdoc wants it.
            if !name.starts_with('.') && !["target", "node_modules", "guide"].contains(&&*name) {
                documents(root, &path, found);
            }
        } else if entry.file_type().is_ok_and(|kind| kind.is_file()) && name.ends_with(".md") {
            found.insert(path, Document::read(&fs::read_to_string(entry.path()).expect("it is text")));
        }
    }
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

#[test]
fn every_link_and_every_path_leads_to_something() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut all = BTreeMap::new();
    documents(&root, Path::new(""), &mut all);
    let chapters: Vec<_> =
        all[Path::new("docs/SUMMARY.md")].links.iter().map(|link| Path::new("docs").join(link)).collect();

    let mut broken = Vec::new();
    for (path, document) in &all {
        for link in document.links.iter().filter(|link| !link.contains("://") && !link.starts_with("mailto:")) {
            let (file, section) = link.split_once('#').unwrap_or((link, ""));
            let directory = path.parent().unwrap_or(Path::new(""));
            let file = if file.is_empty() { path.clone() } else { plain(&directory.join(file)) };
            let in_book = file.extension().is_none_or(|kind| kind != "md") || chapters.contains(&file);
            let problem = if !root.join(&file).exists() {
                "nothing is there"
            } else if !section.is_empty() && all.get(&file).is_none_or(|to| !to.anchors.iter().any(|to| to == section))
            {
                "no such section"
            } else if path.starts_with("docs") && !(file.starts_with("docs") && in_book) {
                "not a part of the book"
            } else {
                continue;
            };
            broken.push(format!("{}: {link}: {problem}", path.display()));
        }
        for name in document.paths.iter().filter(|name| !name.contains(['*', '…']) && !root.join(name).exists()) {
            broken.push(format!("{}: `{name}` is not there", path.display()));
        }
    }
    for path in all.keys().filter(|path| path.starts_with("docs") && !path.ends_with("SUMMARY.md")) {
        if !chapters.contains(path) {
            broken.push(format!("{} is not in docs/SUMMARY.md", path.display()));
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}
