//! The identity provider: its keys, which rotate, and its server, which goes away and comes back.

use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use jwt_core::{Algorithm, Issuer, SigningKey};

/// The `iss` of its tokens.
pub(crate) const ISSUER: &str = "https://login.example.com";

/// How the server answers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Answers {
    /// With the keys.
    Keys,
    /// 503.
    Failure,
    /// 200 and something else.
    Garbage,
    /// Not at all, and keeps the connection for some seconds.
    Silence,
    /// It closes the connection.
    Nothing,
}

/// How long a silent server keeps a connection.
const SILENCE: Duration = Duration::from_secs(4);

pub(crate) struct Provider {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    /// The key that it has at the start.
    pub(crate) first: SigningKey,
}

struct State {
    issuer: Issuer,
    answers: Answers,
    /// Since when it answers as it does.
    since: Instant,
}

impl Provider {
    /// With one key.
    pub(crate) fn start() -> Result<Self, Box<dyn Error>> {
        let first = new_key(0)?;
        let issuer = Issuer::builder(ISSUER).audience("soak").signing_key(first.clone()).build()?;
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let state = Arc::new(Mutex::new(State { issuer, answers: Answers::Keys, since: Instant::now() }));
        let theirs = state.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = theirs.clone();
                // A client that goes away has nobody to tell here.
                thread::spawn(move || answer(&stream, &state));
            }
        });
        Ok(Self { address, state, first })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/jwks.json", self.address)
    }

    pub(crate) fn answers(&self, answers: Answers) {
        let mut state = self.state();
        if state.answers != answers {
            (state.answers, state.since) = (answers, Instant::now());
        }
    }

    /// For how long its keys have been there to be had; `None` while they are not.
    pub(crate) fn up_for(&self) -> Option<Duration> {
        let state = self.state();
        (state.answers == Answers::Keys).then(|| state.since.elapsed())
    }

    /// Publishes a key; no other is withdrawn.
    pub(crate) fn publish(&self, key: &SigningKey) -> Result<(), Box<dyn Error>> {
        Ok(self.state().issuer.publish(key.clone())?)
    }

    /// Publishes it no longer.
    pub(crate) fn withdraw(&self, active: &SigningKey, withdrawn: &SigningKey) -> Result<(), Box<dyn Error>> {
        let state = self.state();
        state.issuer.activate(active.kid().unwrap_or_default())?;
        Ok(state.issuer.withdraw(withdrawn.kid().unwrap_or_default())?)
    }
}

/// RS256, with a name that says which one it is.
pub(crate) fn new_key(number: usize) -> Result<SigningKey, Box<dyn Error>> {
    Ok(SigningKey::generate(Algorithm::RS256)?.with_kid(format!("key {number}")))
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn answer(mut stream: &TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    stream.set_read_timeout(Some(SILENCE))?;
    let mut lines = BufReader::new(stream).lines();
    while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    let (answers, keys) = {
        let state = lock(state);
        (state.answers, state.issuer.jwks())
    };
    let (status, body) = match answers {
        Answers::Keys => (200, keys),
        Answers::Failure => (503, String::new()),
        Answers::Garbage => (200, "<html>We will be back soon.</html>".to_owned()),
        Answers::Silence => {
            thread::sleep(SILENCE);
            return Ok(());
        }
        Answers::Nothing => return Ok(()),
    };
    let length = body.len();
    write!(stream, "HTTP/1.1 {status} X\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
}
