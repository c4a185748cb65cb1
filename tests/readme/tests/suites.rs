//! No suite is left out of `tests/run`, which names each of them.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

fn as_text(value: &Value) -> String {
    value.as_str().expect("it is text").to_owned()
}

/// The names of all integration tests of the workspace, which are the words after `--test`.
fn suites() -> Vec<String> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let arguments = ["metadata", "--locked", "--offline", "--no-deps", "--format-version", "1"];
    let output = Command::new(cargo).args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output();
    let metadata: Value = serde_json::from_slice(&output.expect("cargo runs").stdout).expect("Cargo writes JSON");
    let packages = metadata["packages"].as_array().expect("there are packages");
    let targets = packages.iter().flat_map(|package| package["targets"].as_array().expect("it has targets"));
    targets.filter(|target| target["kind"][0] == "test").map(|target| as_text(&target["name"])).collect()
}

#[test]
fn each_suite_is_run() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../run");
    let script = fs::read_to_string(script).expect("it is text");
    // `suite NAME...`, `VARIABLE=VALUE suite NAME...`, `--test NAME`
    let mut run = BTreeSet::new();
    for line in script.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match &*words {
            ["suite", names @ ..] | [_, "suite", names @ ..] => run.extend(names.iter().copied()),
            words => run.extend(words.windows(2).filter(|two| two[0] == "--test").map(|two| two[1])),
        }
    }
    let suites = suites();
    assert!(suites.len() > 15, "{suites:?}");
    let left_out: Vec<&String> = suites.iter().filter(|name| !run.contains(name.as_str())).collect();
    assert!(left_out.is_empty(), "tests/run leaves out {left_out:?}");
}
