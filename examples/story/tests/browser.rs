//! A person at the page: Chromium, driven by Playwright, walks through all of it. `tests/run story`.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::{env, fs};

use outside::Process;

#[test]
fn a_person_walks_through_the_page() {
    let _alone = crate::MACHINE.blocking_write();
    // The walk has its driver from there.
    let driver = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/browser");
    let there = outside::is_installed("chromium") && outside::is_pinned(&driver, "package.json", "node_modules/stamp");
    if !outside::is_there(there, "Chromium or playwright-core", "tests/setup browser") {
        return;
    }
    let mut story = outside::command(env!("CARGO_BIN_EXE_story"))
        .args(["--port", "0"])
        .stdout(Stdio::piped())
        .spawn()
        .map(Process)
        .expect("the example starts");
    let mut line = String::new();
    BufReader::new(story.stdout.take().expect("it is piped")).read_line(&mut line).expect("it says where it is");
    let url = line.split_whitespace().find(|word| word.starts_with("http://")).expect("it names its address");

    let pictures = pictures();
    fs::create_dir_all(&pictures).expect("the directory can be made");
    let walked = outside::command(outside::node())
        .args(["tests/walk.mjs", url])
        .arg(&pictures)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .expect("node runs");
    assert!(walked.success(), "the walk ended early, see above");
    println!("pictures in {}", pictures.display());
}

/// Into the book where `STORY_KEEP` is set, and else to where they do no harm.
fn pictures() -> PathBuf {
    if env::var_os("STORY_KEEP").is_some() {
        return Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/images");
    }
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("story")
}
