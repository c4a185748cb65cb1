//! Logins that are bound to a key of their browser, in Chromium with a key in software.

use std::env;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use acceptance::{AUDIENCE, ISSUER, ROUTED, RoutedStack};
use jwt_core::testing::TestClock;
use jwt_core::{Algorithm, Issuer, Logins, MemoryStore, RefreshTokens, Revocations, SigningKey};

#[test]
fn a_login_on_axum_is_of_no_use_without_the_key_of_its_browser() {
    in_a_browser("axum");
}

#[test]
fn a_login_on_actix_is_of_no_use_without_the_key_of_its_browser() {
    in_a_browser("actix");
}

fn in_a_browser(stack: &str) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"));
    let chromium = env::var("CHROMIUM").unwrap_or_else(|_| "/usr/bin/chromium".to_owned());
    let there = Path::new(&chromium).exists() && outside::is_pinned(directory, "package.json", "node_modules/stamp");
    if !outside::is_there(there, "Chromium or playwright-core", "tests/setup browser") {
        return;
    }
    let clock = TestClock::new();
    let stack = ROUTED.into_iter().find(|one| one.name == stack).unwrap();
    let origin = format!("http://{}", start(stack, &clock).address);
    let mut script = outside::command(outside::node())
        .arg("device.mjs")
        .args([&chromium, &origin])
        .current_dir(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("setup has installed node");
    let mut answers = script.stdin.take().unwrap();
    let mut lines = Vec::new();
    for line in BufReader::new(script.stdout.take().unwrap()).lines().map_while(Result::ok) {
        if let Some(seconds) = line.strip_prefix("clock ") {
            clock.advance(Duration::from_secs(seconds.parse().unwrap()));
            writeln!(answers, "it has passed").unwrap();
        } else {
            lines.push(line);
        }
    }
    let mut error = String::new();
    script.stderr.take().unwrap().read_to_string(&mut error).unwrap();
    assert!(script.wait().unwrap().success(), "{}: {lines:#?}\n{error}", stack.name);
}

/// With an access token for ten minutes, as the browser has it too: its quota of refreshes is for that.
fn start(stack: RoutedStack, clock: &TestClock) -> acceptance::Server {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let list = Revocations::builder(Arc::new(MemoryStore::new())).clock(clock.clone());
    let list = runtime.block_on(list.open()).unwrap();
    let key = SigningKey::generate(Algorithm::ES256).unwrap();
    let issuer = Issuer::builder(ISSUER)
        .audience(AUDIENCE)
        .signing_key(key)
        .access_token_lifetime(Duration::from_secs(600))
        .clock(clock.clone())
        .build()
        .unwrap();
    let refresh = RefreshTokens::builder(Arc::new(MemoryStore::new())).clock(clock.clone()).build().unwrap();
    stack.start(Logins::builder(issuer, refresh).revocations(&list).bind_to_device().build().unwrap())
}
