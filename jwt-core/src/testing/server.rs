use std::fmt;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::ops::Deref;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::json;

use super::issuer::TestIssuer;

/// How long a client may take to send its request, and a test to let it through.
const PATIENCE: Duration = Duration::from_secs(30);

/// A [`TestIssuer`] that serves its keys on loopback, until it is dropped. Dereferences to the issuer.
///
/// | path | answer |
/// |---|---|
/// | `/jwks.json` | the JWK Set as it is at that moment |
/// | `/.well-known/openid-configuration`, `/.well-known/oauth-authorization-server` | `issuer` and `jwks_uri` |
///
/// ```
/// use jwt_core::testing::TestIssuer;
///
/// let server = TestIssuer::new().serve();
/// let token = server.token("alice").compact(); // `iss` is the address of the server
/// server.rotate();
/// server.fail_with(503);
/// assert_eq!(server.hits(), 0);
/// # let _ = token;
/// ```
pub struct IssuerServer {
    issuer: TestIssuer,
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    hits: usize,
    held: bool,
    stopped: bool,
    failure: Option<u16>,
    body: Option<String>,
    cache_control: Option<String>,
}

impl IssuerServer {
    pub(super) fn start(issuer: TestIssuer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("a bound listener has an address");
        let issuer = issuer.with_name(format!("http://{address}"));
        let shared = Arc::new(Shared::default());
        let (served, state) = (issuer.clone(), shared.clone());
        thread::spawn(move || {
            for stream in listener.incoming() {
                if state.lock().stopped {
                    break;
                }
                let (served, state) = (served.clone(), state.clone());
                if let Ok(stream) = stream {
                    // A client that goes away has nobody to tell here.
                    thread::spawn(move || answer(&stream, &served, &state));
                }
            }
        });
        Self { issuer, address, shared }
    }

    /// The issuer behind it.
    pub fn issuer(&self) -> &TestIssuer {
        &self.issuer
    }

    /// Where the JWK Set is.
    pub fn jwks_url(&self) -> String {
        format!("http://{}/jwks.json", self.address)
    }

    /// How often the JWK Set was asked for, failures included.
    pub fn hits(&self) -> usize {
        self.shared.lock().hits
    }

    /// Waits until the JWK Set was asked for at least that often.
    ///
    /// # Panics
    /// Where that does not happen within half a minute.
    pub fn wait_for_hits(&self, hits: usize) {
        let state = self.shared.lock();
        let waited = self.shared.changed.wait_timeout_while(state, PATIENCE, |state| state.hits < hits);
        let (state, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        assert!(!timeout.timed_out(), "{} requests for the JWK Set instead of {hits}", state.hits);
    }

    /// Answers every request with that status and no body, until [`recover`](Self::recover).
    pub fn fail_with(&self, status: u16) {
        self.change(|state| state.failure = Some(status));
    }

    /// Answers with that text in the place of the JWK Set, until [`recover`](Self::recover).
    pub fn answer_with(&self, body: impl Into<String>) {
        self.change(|state| state.body = Some(body.into()));
    }

    /// Takes requests and keeps them waiting, until [`recover`](Self::recover).
    pub fn hold(&self) {
        self.change(|state| state.held = true);
    }

    /// Serves the JWK Set again, also to those that wait.
    pub fn recover(&self) {
        self.change(|state| (state.failure, state.body, state.held) = (None, None, false));
    }

    /// Says that about the JWK Set, in `Cache-Control`. Nothing, unless told.
    pub fn cache_control(&self, value: impl Into<String>) {
        self.change(|state| state.cache_control = Some(value.into()));
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.shared.lock());
        self.shared.changed.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Deref for IssuerServer {
    type Target = TestIssuer;

    fn deref(&self) -> &TestIssuer {
        &self.issuer
    }
}

impl Drop for IssuerServer {
    fn drop(&mut self) {
        self.change(|state| (state.stopped, state.held) = (true, false));
        // Wakes the listener up. Should that fail, the thread stays until the next connection, or the process ends.
        let _ = TcpStream::connect(self.address);
    }
}

impl fmt::Debug for IssuerServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuerServer")
            .field("issuer", &self.issuer)
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

/// One request per connection is all that a test needs.
fn answer(mut stream: &TcpStream, issuer: &TestIssuer, shared: &Shared) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut lines = BufReader::new(stream).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    let path = request.split(' ').nth(1).unwrap_or_default();

    let mut state = shared.lock();
    if path == "/jwks.json" {
        state.hits += 1;
        shared.changed.notify_all();
    }
    state = shared.changed.wait_while(state, |state| state.held).unwrap_or_else(PoisonError::into_inner);
    let (status, body) = match (state.failure, path) {
        (Some(status), _) => (status, String::new()),
        (None, "/jwks.json") => (200, state.body.clone().unwrap_or_else(|| issuer.jwks())),
        (None, "/.well-known/openid-configuration" | "/.well-known/oauth-authorization-server") => {
            let jwks_uri = format!("{}/jwks.json", issuer.name());
            (200, json!({"issuer": issuer.name(), "jwks_uri": jwks_uri}).to_string())
        }
        (None, _) => (404, String::new()),
    };
    let cache_control = state.cache_control.as_ref().map(|value| format!("cache-control: {value}\r\n"));
    drop(state);
    let (length, cache_control) = (body.len(), cache_control.unwrap_or_default());
    write!(
        stream,
        "HTTP/1.1 {status} {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n{cache_control}connection: close\r\n\r\n{body}"
    )
}
