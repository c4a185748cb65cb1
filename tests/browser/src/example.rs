use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use client::{Connection, Reply};
use outside::Process;
use serde_json::{Value, json};

/// An example that runs. Ends when it is dropped.
#[derive(Debug)]
pub struct Example {
    _process: Process,
    address: SocketAddr,
    log: Arc<Mutex<String>>,
}

impl Example {
    /// Starts that program, on any free port, and waits until it listens.
    pub fn start(program: &str, arguments: &[&str]) -> Self {
        let process = outside::command(program)
            .arg("0")
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Cargo has built it");
        let mut process = Process(process);
        let mut lines = BufReader::new(process.stdout.take().expect("it is piped")).lines();
        let port = loop {
            let line = lines.next().expect("it says where it listens").expect("it writes text");
            if let Some(rest) = line.strip_prefix("Open http://localhost:") {
                break rest.split('/').next().and_then(|port| port.parse().ok()).expect("a port is a number");
            }
        };
        let log = Arc::new(Mutex::new(String::new()));
        let copy = Arc::clone(&log);
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let mut log = copy.lock().unwrap_or_else(PoisonError::into_inner);
                log.extend([&*line, "\n"]);
            }
        });
        Self { _process: process, address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)), log }
    }

    /// Where it is, for a browser.
    pub fn origin(&self) -> String {
        format!("http://localhost:{}", self.address.port())
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A GET request with a bearer token.
    pub fn get(&self, path: &str, token: &str) -> Reply {
        let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n");
        Connection::open(self.address).send(head.as_bytes())
    }

    /// A POST request with a JSON body, and with a bearer token unless that is empty.
    pub fn post(&self, path: &str, token: &str, body: &Value) -> Reply {
        let bearer = if token.is_empty() { String::new() } else { format!("Authorization: Bearer {token}\r\n") };
        let (body, kind) = (body.to_string(), "Content-Type: application/json");
        let length = body.len();
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\n{bearer}{kind}\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        Connection::open(self.address).send(request.as_bytes())
    }

    /// A login of Alice: the access and the refresh token.
    pub fn log_in(&self) -> (String, String) {
        let alice = json!({"name": "alice", "password": "follow the white rabbit"});
        Self::tokens(&self.post("/api/login", "", &alice))
    }

    /// The next access and refresh token.
    pub fn refresh(&self, refresh_token: &str) -> (String, String) {
        Self::tokens(&self.post("/auth/refresh", "", &json!({"refresh_token": refresh_token})))
    }

    fn tokens(reply: &Reply) -> (String, String) {
        assert_eq!(reply.status, 200, "{reply:?}");
        let tokens: Value = serde_json::from_str(&reply.body).expect("it is JSON");
        let token = |name: &str| tokens[name].as_str().expect("there are both tokens").to_owned();
        (token("access_token"), token("refresh_token"))
    }
}
