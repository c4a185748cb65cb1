//! The kit as an authorization server: metadata, keys, and whatever a case makes of them.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::report;

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

/// A question about a token, as it came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Question {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) address: String,
    pub(crate) fields: Vec<(String, String)>,
    /// The members of its form.
    pub(crate) form: Vec<(String, String)>,
}

impl Question {
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| &**value)
    }

    pub(crate) fn member(&self, name: &str) -> Option<&str> {
        self.form.iter().find(|(known, _)| known == name).map(|(_, value)| &**value)
    }
}

#[derive(Default)]
struct State {
    pages: HashMap<String, Page>,
    requests: HashMap<String, usize>,
    /// Requests whose answer has been sent, or was not wanted any more.
    answered: HashMap<String, usize>,
    /// What is said of opaque tokens.
    tokens: HashMap<String, Page>,
    questions: Vec<Question>,
    /// Who may ask about them: a name and a secret.
    client: Option<(String, String)>,
}

impl State {
    /// RFC 7662 §2.1: whoever asks has to say who it is.
    fn knows(&self, question: &Question) -> bool {
        let Some((id, secret)) = &self.client else {
            return false;
        };
        let basic = question.field("authorization").and_then(|value| value.split_once(' ')).is_some_and(|(_, text)| {
            let text = base64_simd::STANDARD.decode_to_vec(text.trim().as_bytes()).unwrap_or_default();
            let text = String::from_utf8_lossy(&text).into_owned();
            text.split_once(':').is_some_and(|(name, word)| decoded(name) == *id && decoded(word) == *secret)
        });
        basic
            || question.member("client_id") == Some(id) && question.member("client_secret") == Some(secret)
            || question.member("client_assertion").is_some()
    }

    fn answer(&self, question: &Question) -> Page {
        if !self.knows(question) {
            return Page { status: 401, ..Page::json(&json!({ "error": "invalid_client" })) };
        }
        let known = question.member("token").and_then(|token| self.tokens.get(token));
        known.cloned().unwrap_or_else(|| Page::json(&json!({ "active": false })))
    }
}

/// A member of a form, without its encoding.
fn decoded(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let [first, behind @ ..] = rest {
        rest = behind;
        let pair = behind.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        match (first, pair.and_then(|pair| u8::from_str_radix(pair, 16).ok())) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &behind[2..];
            }
            (b'+', _) => bytes.push(b' '),
            (byte, _) => bytes.push(*byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Questions that are kept.
const KEPT: usize = 1000;

/// The server; it ends with the process.
#[derive(Clone)]
pub(crate) struct Provider {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

pub(crate) const JWKS: &str = "/jwks.json";
pub(crate) const INTROSPECT: &str = "/introspect";

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
    pub(crate) fn reset(&self, issuer: &str, jwks: &Value, client: Option<(String, String)>) {
        let url = self.url();
        let metadata = json!({
            "issuer": issuer,
            "jwks_uri": format!("{url}{JWKS}"),
            "authorization_endpoint": format!("{url}/authorize"),
            "token_endpoint": format!("{url}/token"),
            "introspection_endpoint": format!("{url}{INTROSPECT}"),
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        });
        let mut state = self.state();
        *state = State { client, ..State::default() };
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

    /// What is said of that token from now on.
    pub(crate) fn describe(&self, token: &str, page: Page) {
        self.state().tokens.insert(token.to_owned(), page);
    }

    /// What is said of the token in that request, as text.
    pub(crate) fn said(&self, sent: &[u8]) -> Option<String> {
        let text = String::from_utf8_lossy(sent);
        let state = self.state();
        // A longer token may begin with a shorter one.
        let about = state.tokens.iter().filter(|(token, _)| text.contains(token.as_str()));
        let (_, page) = about.max_by_key(|(token, _)| token.len())?;
        let delay = if page.delay.is_zero() { String::new() } else { format!(", after {:?}", page.delay) };
        let fields = page.fields.iter().fold(String::new(), |made, (name, value)| format!("{made}{name}: {value}\n"));
        Some(format!("introspection: {}{delay}\n{fields}\n{}", page.status, report::readable(&page.body)))
    }

    pub(crate) fn questions(&self) -> Vec<Question> {
        self.state().questions.clone()
    }

    pub(crate) fn answered(&self, path: &str) -> usize {
        self.state().answered.get(path).copied().unwrap_or(0)
    }

    fn serve(&self, stream: TcpStream) -> io::Result<()> {
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        let mut reader = BufReader::new(stream.try_clone()?).take(1 << 16);
        let (mut first, mut length, mut fields) = (String::new(), 0, Vec::new());
        reader.read_line(&mut first)?;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(':') {
                if name.eq_ignore_ascii_case("content-length") {
                    length = value.trim().parse().unwrap_or(0);
                }
                fields.push((name.to_owned(), value.trim().to_owned()));
            }
        }
        let mut body = vec![0; length.min(1 << 16)];
        reader.read_exact(&mut body)?;
        // Some clients add a query.
        let path = first.split([' ', '?']).nth(1).unwrap_or("/").to_owned();
        let page = {
            let mut state = self.state();
            *state.requests.entry(path.clone()).or_default() += 1;
            let known = state.pages.get(&path).cloned();
            if path == INTROSPECT {
                let body = String::from_utf8_lossy(&body);
                let pairs = body.split('&').filter_map(|pair| pair.split_once('='));
                let mut words = first.split(' ').map(str::to_owned);
                let question = Question {
                    method: words.next().unwrap_or_default(),
                    address: words.next().unwrap_or_default(),
                    fields,
                    form: pairs.map(|(name, value)| (decoded(name), decoded(value))).collect(),
                };
                let page = known.unwrap_or_else(|| state.answer(&question));
                if state.questions.len() < KEPT {
                    state.questions.push(question);
                }
                page
            } else {
                known.unwrap_or(Page::status(404))
            }
        };
        thread::sleep(page.delay);
        let sent = Self::send(stream, &page);
        *self.state().answered.entry(path).or_default() += 1;
        sent
    }

    fn send(mut stream: TcpStream, page: &Page) -> io::Result<()> {
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
