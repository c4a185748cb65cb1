//! What is short in the README stays short.

use std::fs;
use std::path::Path;

/// The lines of code in each Rust block of a section, without the empty ones.
fn lengths(readme: &str, heading: &str) -> Vec<usize> {
    let (_, section) = readme.split_once(&format!("\n## {heading}\n")).expect("there is such a section");
    let (section, _) = section.split_once("\n## ").expect("another section follows");
    let blocks = section.split("\n```rust\n").skip(1).map(|rest| rest.split("\n```").next().unwrap_or_default());
    blocks.map(|block| block.lines().filter(|line| !line.trim().is_empty()).count()).collect()
}

#[test]
fn each_framework_takes_so_many_lines_and_no_more() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
    let readme = fs::read_to_string(readme).expect("there is a README");
    for (heading, most) in [("Quickstart", 15), ("Log people in", 25)] {
        let lengths = lengths(&readme, heading);
        assert_eq!(lengths.len(), 2, "{heading}: axum and actix-web");
        assert!(lengths.iter().all(|length| (5..=most).contains(length)), "{heading}: {lengths:?}");
    }
}
