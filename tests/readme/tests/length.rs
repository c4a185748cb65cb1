//! What should be short stays short: the README, and the code for each framework.

use std::fs;
use std::path::Path;

const README_LINES: usize = 250;

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    fs::read_to_string(path).expect("the document exists")
}

/// The lines of code in each Rust block of a section, without the empty ones.
fn lengths(document: &str, heading: &str) -> Vec<usize> {
    let (_, section) = document.split_once(&format!("\n## {heading}\n")).expect("the section exists");
    let (section, _) = section.split_once("\n## ").expect("another section follows");
    let blocks = section.split("\n```rust\n").skip(1).map(|rest| rest.split("\n```").next().unwrap_or_default());
    blocks.map(|block| block.lines().filter(|line| !line.trim().is_empty()).count()).collect()
}

#[test]
fn the_readme_is_one_page() {
    let lines = read("README.md").lines().count();
    assert!(lines <= README_LINES, "{lines} lines");
}

#[test]
fn a_framework_takes_few_lines() {
    let (readme, login) = (read("README.md"), read("docs/how-to/log-people-in.md"));
    let quickstarts = lengths(&readme, "Quickstart");
    assert_eq!(quickstarts.len(), 2, "axum and actix-web");
    assert!(quickstarts.iter().all(|lines| (5..=15).contains(lines)), "{quickstarts:?}");
    for heading in ["With axum", "With actix-web"] {
        let lines = lengths(&login, heading);
        assert_eq!(lines.len(), 1, "{heading}");
        assert!((5..=25).contains(&lines[0]), "{heading}: {lines:?}");
    }
}
