use std::env;
use std::io::{self, Write};
use std::path::Path;
use std::process::Command;

use crate::Example;

/// Starts the example and has `browser.mjs` sign in, be attacked and sign out in Chromium.
pub fn signs_in_with_a_browser(program: &str) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"));
    let chromium = env::var("CHROMIUM").unwrap_or_else(|_| "/usr/bin/chromium".to_owned());
    // `setup` copies the pinned version there as its last step.
    let driver = matches!(
        (std::fs::read(directory.join("package.json")), std::fs::read(directory.join("node_modules/stamp"))),
        (Ok(pinned), Ok(stamp)) if pinned == stamp
    );
    if !driver || !Path::new(&chromium).exists() {
        // Not a print macro, whose output the test harness would keep to itself.
        let _ = writeln!(io::stderr(), "login: the browser is left out: run tests/login/setup first");
        let required = env::var_os("JWT_TESTS_REQUIRE_ALL").is_some_and(|value| value == "1");
        assert!(!required, "Chromium or playwright-core is not installed: run tests/login/setup first");
        return;
    }
    let example = Example::start(program, &[]);
    let plain = Example::start(program, &["--dangerous-plain-http-on-localhost"]);
    let output = Command::new("node")
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
    assert!(!log.contains("eyJ") && !log.contains("jrt_"), "a token is in the log: {log}");
}
