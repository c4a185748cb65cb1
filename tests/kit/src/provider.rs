//! The kit as an authorization server: metadata, keys, and whatever a case makes of them.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

/// What it answers at one path.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// It waits that long before it answers.
    pub(crate) delay: Duration,
}

impl Page {
    pub(crate) fn json(value: &Value) -> Self {
        Self {
            status: 200,
            fields: vec![("Content-Type".to_owned(), "application/json".to_owned())],
            body: value.to_string().into_bytes(),
            delay: Duration::ZERO,
        }
    }

    pub(crate) fn status(status: u16) -> Self {
        Self { status, fields: Vec::new(), body: Vec::new(), delay: Duration::ZERO }
    }

    pub(crate) fn field(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }
}

#[derive(Default)]
struct State {
    pages: HashMap<String, Page>,
    requests: HashMap<String, usize>,
}

/// The server; it ends with the process.
#[derive(Clone)]
pub(crate) struct Provider {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

pub(crate) const JWKS: &str = "/jwks.json";

impl Provider {
    pub(crate) fn start(listen: SocketAddr) -> Result<Self, String> {
        let listener = TcpListener::bind(listen).map_err(|error| format!("keys.listen = {listen}: {error}"))?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        let provider = Self { address, state: Arc::default() };
        let served = provider.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let provider = served.clone();
                thread::spawn(move || _ = provider.serve(stream));
            }
        });
        Ok(provider)
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything as it should be, and nothing counted.
    pub(crate) fn reset(&self, issuer: &str, jwks: &Value) {
        let url = self.url();
        let metadata = json!({
            "issuer": issuer,
            "jwks_uri": format!("{url}{JWKS}"),
            "authorization_endpoint": format!("{url}/authorize"),
            "token_endpoint": format!("{url}/token"),
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        });
        let mut state = self.state();
        *state = State::default();
        for path in ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"] {
            state.pages.insert(path.to_owned(), Page::json(&metadata));
        }
        state.pages.insert(JWKS.to_owned(), Page::json(jwks));
    }

    pub(crate) fn page(&self, path: &str, page: Page) {
        self.state().pages.insert(path.to_owned(), page);
    }

    pub(crate) fn publish(&self, jwks: &Value) {
        self.page(JWKS, Page::json(jwks));
    }

    pub(crate) fn requests(&self, path: &str) -> usize {
        self.state().requests.get(path).copied().unwrap_or(0)
    }

    fn serve(&self, stream: TcpStream) -> io::Result<()> {
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        let mut reader = BufReader::new(stream.try_clone()?).take(1 << 16);
        let (mut first, mut length) = (String::new(), 0);
        reader.read_line(&mut first)?;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().unwrap_or(0);
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        // Some clients add a query.
        let path = first.split([' ', '?']).nth(1).unwrap_or("/").to_owned();
        let page = {
            let mut state = self.state();
            *state.requests.entry(path.clone()).or_default() += 1;
            state.pages.get(&path).cloned().unwrap_or(Page::status(404))
        };
        thread::sleep(page.delay);
        let mut stream = stream;
        let mut head = format!("HTTP/1.1 {} Kit\r\nConnection: close\r\n", page.status);
        for (name, value) in &page.fields {
            _ = write!(head, "{name}: {value}\r\n");
        }
        if !page.fields.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-length")) {
            _ = write!(head, "Content-Length: {}\r\n", page.body.len());
        }
        stream.write_all(head.as_bytes())?;
        stream.write_all(b"\r\n")?;
        stream.write_all(&page.body)?;
        stream.flush()
    }
}
