//! Two providers on this machine: npm `oidc-provider`, as a process of its own.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

/// The providers. They end with this.
#[derive(Debug)]
pub struct Loopback {
    process: Child,
    issuers: Vec<(&'static str, String)>,
}

/// Why they do not run.
#[derive(Debug, thiserror::Error)]
pub enum LoopbackError {
    /// Node.js or npm could not be started.
    #[error("Node.js is needed for the providers on this machine ({0}): install it, or set OIDC_ISSUER (see --help)")]
    Node(#[from] std::io::Error),
    /// They did not say where they listen.
    #[error("the providers on this machine did not start: what they say is above")]
    Silent,
}

const NAMES: [&str; 2] = ["orange", "lime"];

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/oidc")
}

fn node() -> PathBuf {
    let of_tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/tools/.venv/bin/node");
    if of_tests.is_file() { of_tests } else { "node".into() }
}

impl Loopback {
    /// Starts them for an application at that port. The first time, npm installs what they need.
    ///
    /// # Errors
    /// Where there is no Node.js.
    pub fn start(port: u16) -> Result<Self, LoopbackError> {
        if !directory().join("node_modules/oidc-provider").is_dir() {
            let npm = ["install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts"];
            Command::new("npm").args(npm).current_dir(directory()).stdout(Stdio::null()).status()?;
        }
        let mut process = Command::new(node())
            .args(["people.js", &format!("http://localhost:{port}")])
            .current_dir(directory())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // It warns of its pages for development.
            .stderr(Stdio::null())
            .spawn()?;
        let mut lines = process.stdout.take().map(|output| BufReader::new(output).lines());
        let ports = lines.iter_mut().flatten().map_while(Result::ok).find_map(|line| {
            let ports: Result<Vec<u16>, _> = line.split(' ').map(str::parse).collect();
            ports.ok().filter(|ports| ports.len() == NAMES.len())
        });
        // A process that writes where nobody reads ends.
        thread::spawn(move || lines.into_iter().flatten().for_each(drop));
        let Some(ports) = ports else {
            let _ = process.kill();
            return Err(LoopbackError::Silent);
        };
        let issuers = NAMES.into_iter().zip(ports).map(|(name, port)| (name, format!("http://127.0.0.1:{port}")));
        Ok(Self { process, issuers: issuers.collect() })
    }

    /// Name and issuer of each.
    pub fn issuers(&self) -> impl Iterator<Item = (&'static str, String)> {
        self.issuers.iter().cloned()
    }
}

impl Drop for Loopback {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
