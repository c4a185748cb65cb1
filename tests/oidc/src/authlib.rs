use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;

use acceptance::{Connection, Reply};
use outside::Process;
use serde_json::Value;

/// An authorization server of the Python package Authlib, as a process of its own. It ends with this.
#[derive(Debug)]
pub struct Authlib {
    _process: Process,
    address: SocketAddr,
}

impl Authlib {
    /// The secret of its clients.
    pub const SECRET: &str = "a-secret-that-everybody-knows";

    /// Starts it, if `setup` has installed the pinned version; otherwise says so.
    ///
    /// # Panics
    /// Where it is not installed although it is demanded, or does not start.
    pub fn start() -> Option<Self> {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR"));
        let installed = outside::is_pinned(directory, "requirements.txt", ".venv/stamp");
        if !outside::is_there(installed, "Authlib", "tests/setup oidc") {
            return None;
        }
        let mut command = outside::command(directory.join(".venv/bin/python"));
        command.arg("authlib_peer.py").current_dir(directory);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = Process(command.spawn().expect("Python can be run"));
        let mut lines = BufReader::new(process.stdout.take().expect("its output is a pipe")).lines();
        let port: u16 = lines.find_map(|line| line.ok()?.trim().parse().ok()).expect("it says where it listens");
        Some(Self { _process: process, address: SocketAddr::from(([127, 0, 0, 1], port)) })
    }

    /// Its name.
    pub fn issuer(&self) -> String {
        format!("http://{}", self.address)
    }

    /// An opaque access token of its, by client credentials.
    ///
    /// # Panics
    /// Where it gives none.
    pub fn token(&self) -> String {
        let reply = self.post("/token", "grant_type=client_credentials&scope=read");
        let answer: Value = serde_json::from_str(&reply.body).expect("the answer is JSON");
        answer["access_token"].as_str().unwrap_or_else(|| panic!("no token: {reply:?}")).to_owned()
    }

    /// A refresh token of its.
    ///
    /// # Panics
    /// Where it gives none.
    pub fn refresh_token(&self) -> String {
        let reply = self.post("/refresh-token", "");
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.body
    }

    /// Has it revoke a token (RFC 7009).
    ///
    /// # Panics
    /// Where it does not.
    pub fn revoke(&self, token: &str) {
        let reply = self.post("/revoke", &format!("token={token}"));
        assert_eq!(reply.status, 200, "{reply:?}");
    }

    fn post(&self, path: &str, form: &str) -> Reply {
        let form = format!("{form}&client_id=robot&client_secret={}", Self::SECRET);
        let mut request = format!("POST {path} HTTP/1.1\r\nHost: {}\r\n", self.address);
        request.push_str("Content-Type: application/x-www-form-urlencoded\r\n");
        let _ = write!(request, "Content-Length: {}\r\n\r\n{form}", form.len());
        Connection::open(self.address).send(request.as_bytes())
    }
}
