use std::env;
use std::path::Path;

use crate::Example;

/// Starts the example, with the two providers that it starts itself, and has `provider.mjs` sign in with them in Chromium.
pub fn signs_in_with_a_provider(program: &str) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"));
    let chromium = env::var("CHROMIUM").unwrap_or_else(|_| "/usr/bin/chromium".to_owned());
    let there = Path::new(&chromium).exists() && outside::is_pinned(directory, "package.json", "node_modules/stamp");
    let provider = outside::is_pinned(&directory.join("../oidc"), "package.json", "node_modules/stamp");
    if !outside::is_there(there, "Chromium or playwright-core", "tests/setup browser")
        || !outside::is_there(provider, "oidc-provider", "tests/setup oidc")
    {
        return;
    }
    let example = Example::start(program, &[]);
    let output = outside::command(outside::node())
        .arg("provider.mjs")
        .args([&chromium, &example.origin()])
        .current_dir(directory)
        .output()
        .expect("setup has installed node");
    let log = example.log();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}{err}\nthe log of the example:\n{log}");
    println!("{out}");
    assert!(log.contains("sign-in with a provider refused"), "nobody is told of the attacks: {log}");
    assert!(!client::shows_token(&log) && !log.contains("code="), "a token or a code is in the log: {log}");
}
