//! The authorization server, and the clients in JavaScript.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{ChildStdin, ChildStdout, Stdio};

use outside::Process;
use serde_json::{Value, json};

/// The process of `peer.mjs`. It ends when it is dropped, or with this process.
pub(crate) struct Peer {
    _process: Process,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Peer {
    /// `None` where `setup` has not installed the packages that are pinned now.
    pub(crate) fn start() -> Option<Self> {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR"));
        let installed = outside::is_pinned(directory, "package.json", "node_modules/stamp");
        if !outside::is_there(installed, "the SDK of the Model Context Protocol", "tests/setup mcp") {
            return None;
        }
        let mut command = outside::command(outside::node());
        command.arg("peer.mjs").current_dir(directory).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = Process(command.spawn().unwrap());
        let (requests, answers) = (process.stdin.take().unwrap(), BufReader::new(process.stdout.take().unwrap()));
        Some(Self { _process: process, requests, answers })
    }

    pub(crate) fn ask(&mut self, request: &Value) -> Value {
        writeln!(self.requests, "{request}").unwrap();
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert!(answer.get("failed").is_none(), "{request}: {}", answer["failed"].as_str().unwrap_or_default());
        answer
    }

    /// Who issues tokens. They may be for that resource.
    pub(crate) fn issuer_for(&mut self, resource: Option<&str>) -> String {
        if let Some(resource) = resource {
            self.ask(&json!({"op": "allow", "resource": resource}));
        }
        self.ask(&json!({"op": "keys"}))["issuer"].as_str().unwrap().to_owned()
    }
}
