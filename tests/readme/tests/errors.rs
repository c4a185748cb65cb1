//! The page of errors lists every text that the log can have.

use std::fs;
use std::path::{Path, PathBuf};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// Where the reasons of events come from. Errors of a start are read by whoever starts.
const REASONS: [&str; 14] = [
    "error/certificate.rs",
    "error/mod.rs",
    "error/step_up.rs",
    "error/token.rs",
    "guard/mcp/error.rs",
    "issue/signer.rs",
    "key/remote/fetch.rs",
    "login/body.rs",
    "login/error.rs",
    "login/logout/error.rs",
    "login/oidc/error.rs",
    "revocation/mod.rs",
    "session/refresh.rs",
    "store/error.rs",
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        match entry.path() {
            path if path.is_dir() => sources(&path, found),
            path => found.extend(Some(path).filter(|path| path.extension().is_some_and(|end| end == "rs"))),
        }
    }
}

/// The first string literal of some code.
fn literal(code: &str) -> Option<String> {
    let mut characters = code[code.find('"')? + 1..].chars();
    let mut text = String::new();
    loop {
        match characters.next()? {
            '"' => return Some(text),
            '\\' => text.extend(characters.next()),
            other => text.push(other),
        }
    }
}

/// The last string literal of a call, which is its message.
fn message(call: &str) -> Option<String> {
    let end = call.find(");")?;
    let call = &call[..end];
    let close = call.rfind('"')?;
    let open = call[..close].rfind('"')?;
    Some(call[open + 1..close].to_owned())
}

/// The longest part of a text that is the same whatever it is about, up to where it begins to explain.
fn fixed_part(text: &str) -> &str {
    let head = text.split([':', ';', '(', ',']).next().unwrap_or(text);
    let parts = head.split(['{', '}']).filter(|part| part.contains(' '));
    parts.max_by_key(|part| part.len()).unwrap_or_default().trim().trim_matches('`')
}

#[test]
fn every_reason_and_every_event_is_on_the_page_of_errors() {
    let page = fs::read_to_string(format!("{ROOT}/docs/reference/errors.md")).unwrap();
    let core = format!("{ROOT}/jwt-core/src");
    let mut texts = Vec::new();
    for file in REASONS {
        let source = fs::read_to_string(format!("{core}/{file}")).unwrap();
        texts.extend(source.split("#[error(").skip(1).filter_map(literal));
    }
    let mut files = Vec::new();
    sources(Path::new(&core), &mut files);
    for code in files
        .iter()
        .filter(|file| !file.ends_with("facade/no_tracing.rs"))
        .map(|file| fs::read_to_string(file).unwrap())
    {
        for level in ["error", "warn", "info", "debug"] {
            texts.extend(code.split(&format!("tracing::{level}!(")).skip(1).filter_map(message));
        }
    }
    assert!(texts.len() > 100, "{}", texts.len());
    let missing: Vec<_> =
        texts.iter().map(|text| fixed_part(text)).filter(|part| part.len() > 5 && !page.contains(part)).collect();
    assert_eq!(missing, [""; 0]);
}
