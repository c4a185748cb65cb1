//! The examples, built, and how each is started.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;

use outside::Process;
use serde_json::Value;

/// Where an example is told its port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Port {
    /// `[PORT]` after that framework, if it has a choice.
    Argument(Option<&'static str>),
    /// `--port PORT`.
    Option,
    /// The environment, beside that of an identity provider.
    Environment,
    /// It serves nothing.
    Nowhere,
}

/// An example.
#[derive(Debug)]
pub(crate) struct Example {
    pub(crate) name: String,
    program: PathBuf,
}

/// All that can be run, by the names of their directories.
pub(crate) fn all() -> &'static [Example] {
    static ALL: LazyLock<Vec<Example>> = LazyLock::new(build);
    &ALL
}

fn build() -> Vec<Example> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut names = Vec::new();
    for directory in fs::read_dir(root.join("examples")).expect("it is a directory").flatten() {
        if directory.path().join("src/main.rs").exists() {
            names.push(directory.file_name().into_string().expect("it is text"));
        }
    }
    names.sort();
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--quiet", "--locked", "--workspace", "--message-format", "json"]).current_dir(&root);
    // With a test among what is built, nothing is built again that the tests have.
    cargo.args(["--test", "examples"]);
    for name in &names {
        cargo.args(["--bin", name]);
    }
    let built = cargo.stderr(Stdio::inherit()).output().expect("cargo runs");
    assert!(built.status.success(), "the examples are not built");
    let mut programs = BTreeMap::new();
    for line in BufRead::lines(&*built.stdout).map_while(Result::ok) {
        let message: Value = serde_json::from_str(&line).expect("Cargo writes JSON");
        if let (Some(name), Some(program)) = (message["target"]["name"].as_str(), message["executable"].as_str()) {
            programs.insert(name.to_owned(), PathBuf::from(program));
        }
    }
    let example = |name: String| Example { program: programs.remove(&name).expect("it has a program"), name };
    names.into_iter().map(example).collect()
}

impl Example {
    pub(crate) fn output(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("it starts")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = outside::command(&self.program);
        // The login examples leave a file where they are.
        command.args(arguments).stdin(Stdio::null()).current_dir(env!("CARGO_TARGET_TMPDIR"));
        for name in ["OIDC_ISSUER", "OIDC_AUDIENCE", "OIDC_START_ANYWAY", "PORT"] {
            command.env_remove(name);
        }
        command
    }

    pub(crate) fn help(&self) -> String {
        let output = self.output(&["--help"]);
        assert!(output.status.success(), "{}: --help ends with {}", self.name, output.status);
        assert!(output.stderr.is_empty(), "{}: {}", self.name, String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("it is text")
    }

    /// The ways to serve on a port, by what `--help` says.
    fn ports(&self) -> Vec<Port> {
        let help = self.help();
        if help.contains("[axum|actix] [PORT]") {
            vec![Port::Argument(Some("axum")), Port::Argument(Some("actix"))]
        } else if help.contains(" [PORT]") {
            vec![Port::Argument(None)]
        } else if help.contains("--port PORT") {
            vec![Port::Option]
        } else if help.contains("[PORT=PORT]") {
            vec![Port::Environment]
        } else {
            vec![Port::Nowhere]
        }
    }

    /// To serve on that port, in every way that there is; none for an example that serves nothing.
    pub(crate) fn serving(&self, port: u16) -> Vec<Command> {
        let port = &*port.to_string();
        let command = |way| match way {
            Port::Argument(None) => Some(self.command(&[port])),
            Port::Argument(Some(framework)) => Some(self.command(&[framework, port])),
            Port::Option => Some(self.command(&["--port", port])),
            Port::Environment => {
                let mut command = self.command(&[]);
                command.envs([("OIDC_ISSUER", "https://login.example.com"), ("OIDC_AUDIENCE", "api")]);
                command.envs([("OIDC_START_ANYWAY", "1"), ("PORT", port)]);
                Some(command)
            }
            Port::Nowhere => None,
        };
        self.ports().into_iter().filter_map(command).collect()
    }
}

/// Starts it, and waits for the first port of this machine that it prints.
pub(crate) fn printed_port(mut command: Command) -> (Process, Option<u16>) {
    let mut process = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().map(Process).expect("it starts");
    let mut port = None;
    let out = process.stdout.take().expect("it is piped");
    for line in BufReader::new(out).lines().map_while(Result::ok) {
        let after = line.split_once("http://127.0.0.1:").or_else(|| line.split_once("http://localhost:"));
        if let Some((_, after)) = after {
            port = after.split(|c: char| !c.is_ascii_digit()).next().and_then(|port| port.parse().ok());
            break;
        }
    }
    (process, port)
}
