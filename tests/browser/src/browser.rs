use std::env;
use std::path::Path;

use crate::Example;

/// Starts the example and has `browser.mjs` sign in, be attacked and sign out in Chromium.
pub fn signs_in_with_a_browser(program: &str) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"));
    let chromium = env::var("CHROMIUM").unwrap_or_else(|_| "/usr/bin/chromium".to_owned());
    let there = Path::new(&chromium).exists() && outside::is_pinned(directory, "package.json", "node_modules/stamp");
    if !outside::is_there(there, "Chromium or playwright-core", "tests/setup browser") {
        return;
    }
    let example = Example::start(program, &["--store", "memory"]);
    let plain = Example::start(program, &["--store", "memory", "--dangerous-plain-http-on-localhost"]);
    let output = outside::command(outside::node())
        .arg("browser.mjs")
        .args([&chromium, &example.origin(), &plain.origin()])
        .current_dir(directory)
        .output()
        .expect("setup has installed node");
    let log = example.log();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}{err}\nthe log of the example:\n{log}");
    println!("{out}");
    assert!(log.contains("WARN"), "nobody is told of the attacks: {log}");
    assert!(!client::shows_token(&log), "a token is in the log: {log}");
}
