//! The documents use one plain word for one idea, and an application imports from its adapter alone.

use std::fs;
use std::path::{Path, PathBuf};

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

/// Words that the documents do not use, and what to write instead. Only the text counts, not code.
const WORDS: [(&str, &str); 16] = [
    ("anew", "again"),
    ("dear", "expensive"),
    ("doors", "routes, or what it is"),
    ("hence", "so"),
    ("in company", "together with other middleware"),
    ("in vain", "without success"),
    ("mend", "fix"),
    ("mends", "fixes"),
    ("of whom", "whose"),
    ("parted", "separated"),
    ("prove", "verify"),
    ("proved", "verified"),
    ("proves", "verifies"),
    ("proving", "verifying"),
    ("thereby", "so"),
    ("upon which", "then"),
];

/// The documents that an application's developer reads: the README, the CHANGELOG and the book.
fn documents() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut found = vec![root.join("README.md"), root.join("CHANGELOG.md"), root.join("CONTRIBUTING.md")];
    let mut directories = vec![root.join("docs")];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).expect("it is a directory").flatten() {
            let path = entry.path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|kind| kind == "md") {
                found.push(path);
            }
        }
    }
    found
}

/// The text in lower case, without code, with a space on either side of each word.
fn words(text: &str) -> String {
    let (mut words, mut in_block) = (String::from(" "), false);
    for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::CodeBlock(_)) => in_block = true,
            Event::End(TagEnd::CodeBlock) => in_block = false,
            Event::Text(text) if !in_block => {
                for word in text.to_lowercase().split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
                    words.push_str(word);
                    words.push(' ');
                }
            }
            _ => {}
        }
    }
    words
}

#[test]
fn no_word_that_a_reader_has_to_look_up() {
    let mut found = Vec::new();
    for path in documents() {
        let words = words(&fs::read_to_string(&path).expect("it is text"));
        for (word, instead) in WORDS.iter().filter(|(word, _)| words.contains(&format!(" {word} "))) {
            found.push(format!("{}: `{word}`; write: {instead}", path.display()));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn an_application_imports_from_its_adapter_alone() {
    for path in documents().iter().filter(|path| !path.ends_with("how-to/write-an-adapter.md")) {
        let text = fs::read_to_string(path).expect("it is text");
        assert!(!text.contains("jwt_core::"), "{}", path.display());
    }
}
