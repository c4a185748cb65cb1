use std::env;
use std::path::Path;

use crate::Example;

/// A browser that is not Chromium, and what drives it.
struct Browser {
    /// As `walk.mjs` calls it.
    kind: &'static str,
    /// As people call it.
    name: &'static str,
    /// The variable that says where its program is.
    variable: &'static str,
    program: &'static str,
    /// What else it needs.
    beside: Option<&'static str>,
}

const FIREFOX: Browser =
    Browser { kind: "firefox", name: "Firefox", variable: "FIREFOX", program: "/usr/bin/firefox-esr", beside: None };
const WEBKIT: Browser = Browser {
    kind: "webkit",
    name: "WebKitGTK",
    variable: "WEBKIT_DRIVER",
    program: "/usr/bin/WebKitWebDriver",
    beside: Some("Xvfb"),
};

impl Browser {
    /// Its program, where it is installed.
    fn program(&self) -> Option<String> {
        let program = env::var(self.variable).unwrap_or_else(|_| self.program.to_owned());
        let there = Path::new(&program).exists() && self.beside.is_none_or(outside::is_installed);
        outside::is_there(there, self.name, "tests/setup browser").then_some(program)
    }
}

/// Starts the example and has `walk.mjs` sign in, renew, be attacked and sign out in Firefox, behind TLS.
pub fn signs_in_with_firefox(program: &str) {
    walk(&FIREFOX, program);
}

/// The same in WebKitGTK.
pub fn signs_in_with_webkit(program: &str) {
    walk(&WEBKIT, program);
}

fn walk(browser: &Browser, program: &str) {
    let Some(executable) = browser.program() else { return };
    let example = Example::start(program, &["--store", "memory"]);
    run(&example, &["walk.mjs", browser.kind, &executable]);
    let log = example.log();
    assert!(!client::shows_token(&log), "a token is in the log: {log}");
}

/// Starts the example, with the two providers that it starts itself, and has `sign_in.mjs` sign in with one in Firefox.
pub fn signs_in_with_a_provider_in_firefox(program: &str) {
    let provider = outside::is_pinned(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("../oidc"),
        "package.json",
        "node_modules/stamp",
    );
    let Some(executable) = FIREFOX.program() else { return };
    if outside::is_there(provider, "oidc-provider", "tests/setup oidc") {
        run(&Example::start(program, &[]), &["sign_in.mjs", &executable]);
    }
}

fn run(example: &Example, arguments: &[&str]) {
    let output = outside::command(outside::node())
        .args(arguments)
        .arg(example.origin())
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("setup has installed node");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}{err}\nthe log of the example:\n{}", example.log());
    println!("{out}");
}
