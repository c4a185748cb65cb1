//! The conformance suite of the protocol: a server behind the guard passes whatever it passes without it, and what is the
//! matter of a guard.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use mcp_tests::guarded::start_everything;
use serde_json::{Value, json};

use crate::peer::Peer;

/// What the transport is asked for, in the revisions that the suite tests.
const OF_THE_TRANSPORT: [(&str, &[&str]); 2] = [
    (
        "2025-11-25",
        &["server-initialize", "ping", "tools-list", "dns-rebinding-protection", "server-session-lifecycle"],
    ),
    ("2026-07-28", &["tools-list", "dns-rebinding-protection", "http-header-validation"]),
];

/// Each check of each scenario, and how it ended.
type Results = BTreeMap<String, String>;

fn run(url: &str, revision: &str) -> Results {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output =
        std::env::temp_dir().join(format!("conformance-{}-{}", std::process::id(), url.replace(['/', ':'], "-")));
    let mut command = outside::command(outside::node());
    command.arg("node_modules/@modelcontextprotocol/conformance/dist/index.js");
    command.args(["server", "--suite", "all", "--spec-version", revision, "--url", url, "-o"]).arg(&output);
    let printed = command.current_dir(directory).output().unwrap();
    let mut results = Results::new();
    for scenario in fs::read_dir(&output).unwrap_or_else(|error| panic!("{error}: {printed:?}")).flatten() {
        let name = scenario.file_name().into_string().unwrap();
        // `server-NAME-YYYY-MM-DDT…Z`
        let name = name.strip_prefix("server-").unwrap_or(&name);
        let name = &name[..name.len() - "-2026-01-01T00-00-00-000Z".len()];
        let checks: Value = serde_json::from_slice(&fs::read(scenario.path().join("checks.json")).unwrap()).unwrap();
        for (number, check) in checks.as_array().unwrap().iter().enumerate() {
            let status = check["status"].as_str().unwrap();
            results.insert(format!("{name}/{number} {}", check["id"].as_str().unwrap()), status.to_owned());
        }
    }
    fs::remove_dir_all(&output).unwrap();
    results
}

#[test]
fn a_guard_changes_nothing_of_what_a_server_passes() {
    let Some(mut peer) = Peer::start() else { return };
    for (revision, scenarios) in OF_THE_TRANSPORT {
        let bare = run(&start_everything(None), revision);
        let proxy = peer.ask(&json!({"op": "proxy"}))["url"].as_str().unwrap().to_owned();
        let issuer = peer.issuer_for(Some(&proxy));
        let server = start_everything(Some((&proxy, &issuer)));
        peer.ask(&json!({"op": "forward", "url": proxy, "to": server, "scope": "notes"}));
        let guarded = run(&proxy, revision);

        let failed = |results: &Results| -> Vec<String> {
            results.iter().filter(|(_, status)| *status == "FAILURE").map(|(check, _)| check.clone()).collect()
        };
        let passed = |results: &Results| results.values().filter(|status| *status == "SUCCESS").count();
        println!("{revision}: {} checks pass, {} without the guard", passed(&guarded), passed(&bare));
        println!("{revision}: failed with the guard: {:#?}", failed(&guarded));
        println!("{revision}: failed without: {:#?}", failed(&bare));
        let new: Vec<String> = failed(&guarded).into_iter().filter(|check| !failed(&bare).contains(check)).collect();
        assert_eq!(new, [""; 0], "{revision}");
        for scenario in scenarios {
            let of_it = |check: &String| check.starts_with(&format!("{scenario}/"));
            assert!(guarded.keys().any(of_it), "{revision} {scenario}: {guarded:#?}");
            assert!(!failed(&guarded).iter().any(of_it), "{revision} {scenario}: {:#?}", failed(&guarded));
        }
    }
}
