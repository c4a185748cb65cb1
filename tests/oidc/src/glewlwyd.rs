use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;

use acceptance::{Connection, Reply};
use outside::Process;
use serde_json::Value;

/// Debian's glewlwyd, as a process of its own. It ends with this.
#[derive(Debug)]
pub struct Glewlwyd {
    _process: Process,
    address: SocketAddr,
}

impl Glewlwyd {
    /// Its client, which gets tokens and may ask about them.
    pub const CLIENT: &str = "robot";
    /// The secret of its client.
    pub const SECRET: &str = "a-secret-that-everybody-knows";
    /// The audience of its access tokens, which is their scope.
    pub const AUDIENCE: &str = "g_profile";

    /// Starts it, if it is installed; otherwise says so.
    ///
    /// # Panics
    /// Where it is not installed although it is demanded, or does not start.
    pub fn start() -> Option<Self> {
        if !outside::is_there(outside::is_installed("glewlwyd"), "glewlwyd", "tests/setup oidc") {
            return None;
        }
        let mut command = outside::command("python3");
        command.arg("glewlwyd_peer.py").current_dir(Path::new(env!("CARGO_MANIFEST_DIR")));
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = Process(command.spawn().expect("Python can be run"));
        let mut lines = BufReader::new(process.stdout.take().expect("its output is a pipe")).lines();
        let port: u16 = lines.find_map(|line| line.ok()?.trim().parse().ok()).expect("it says where it listens");
        Some(Self { _process: process, address: SocketAddr::from(([127, 0, 0, 1], port)) })
    }

    /// Its name.
    pub fn issuer(&self) -> String {
        format!("http://{}/api/oidc", self.address)
    }

    /// An access token of a user and a refresh token.
    ///
    /// # Panics
    /// Where it gives none.
    pub fn tokens(&self) -> [String; 2] {
        let reply = self.post("/token", "grant_type=password&username=admin&password=password&scope=g_profile");
        let answer: Value = serde_json::from_str(&reply.body).expect("the answer is JSON");
        ["access_token", "refresh_token"]
            .map(|member| answer[member].as_str().unwrap_or_else(|| panic!("no {member}: {reply:?}")).to_owned())
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
        let form = format!("{form}&client_id={}&client_secret={}", Self::CLIENT, Self::SECRET);
        let mut request = format!("POST /api/oidc{path} HTTP/1.1\r\nHost: {}\r\n", self.address);
        request.push_str("Content-Type: application/x-www-form-urlencoded\r\n");
        let _ = write!(request, "Content-Length: {}\r\n\r\n{form}", form.len());
        Connection::open(self.address).send(request.as_bytes())
    }
}
