//! Foreign libraries as peers: each a process that reads one JSON request per line and writes one JSON answer per
//! line. `setup` installs them.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use outside::Process;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// How long an answer may take. Far more than an RSA key pair on a busy machine takes.
const PATIENCE: Duration = Duration::from_secs(120);

/// A library that can be a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Library {
    /// PyJWT, run by the Python of `.venv`.
    PyJwt,
    /// The npm package jose, run by node.
    Jose,
    /// Packages of npm that know DPoP, run by node.
    Dpop,
    /// grpcio, run by the Python of `.venv`: not a peer that answers line by line.
    Grpcio,
    /// The npm package `@grpc/grpc-js`, run by node: not a peer that answers line by line.
    GrpcJs,
}

impl Library {
    /// Those that sign and verify tokens.
    pub const ALL: [Self; 2] = [Self::PyJwt, Self::Jose];

    /// Whether `setup` has installed the version that is pinned now.
    pub fn is_installed(self) -> bool {
        let (pinned, stamp) = match self {
            Self::PyJwt | Self::Grpcio => ("requirements.txt", ".venv/stamp"),
            Self::Jose | Self::Dpop | Self::GrpcJs => ("package.json", "node_modules/stamp"),
        };
        outside::is_pinned(directory(), pinned, stamp)
    }

    /// Its program with its script, in the directory where it is installed.
    pub fn command(self) -> Command {
        let (program, script) = match self {
            Self::PyJwt => (directory().join(".venv/bin/python"), "pyjwt_peer.py"),
            Self::Grpcio => (directory().join(".venv/bin/python"), "grpc_peer.py"),
            Self::GrpcJs => (outside::node(), "grpc_peer.mjs"),
            Self::Jose => (outside::node(), "jose_peer.mjs"),
            Self::Dpop => (outside::node(), "dpop_peer.mjs"),
        };
        let mut command = Command::new(program);
        command.arg(script).current_dir(directory());
        command
    }
}

impl fmt::Display for Library {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PyJwt => "PyJWT",
            Self::Jose => "jose",
            Self::Dpop => "packages for DPoP",
            Self::Grpcio => "grpcio",
            Self::GrpcJs => "@grpc/grpc-js",
        })
    }
}

fn directory() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Why a peer gave no answer, or none that is of use.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PeerError {
    /// The process could not be started.
    #[error("{peer}: cannot run `{program}`: {source}")]
    Start {
        /// The peer.
        peer: Library,
        /// What was to be run.
        program: String,
        /// Why it could not be.
        source: io::Error,
    },
    /// The process takes no request.
    #[error("{peer}: cannot write the request: {source}")]
    Write {
        /// The peer.
        peer: Library,
        /// Why.
        source: io::Error,
    },
    /// The process ended without an answer; what it had to say is on stderr.
    #[error("{peer}: ended without an answer to `{op}`, see stderr")]
    Ended {
        /// The peer.
        peer: Library,
        /// The request.
        op: String,
    },
    /// The process is silent.
    #[error("{peer}: no answer to `{op}` within {} seconds", PATIENCE.as_secs())]
    Silent {
        /// The peer.
        peer: Library,
        /// The request.
        op: String,
    },
    /// The peer could not do what it was asked to.
    #[error("{peer}: `{op}` failed: {reason}")]
    Failed {
        /// The peer.
        peer: Library,
        /// The request.
        op: String,
        /// The peer's words.
        reason: String,
    },
    /// The answer has not the form that it should have.
    #[error("{peer}: `{op}` was answered by something else: {source}: {answer}")]
    Answer {
        /// The peer.
        peer: Library,
        /// The request.
        op: String,
        /// The line.
        answer: String,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

/// A token that a peer has signed, with the key that it did so with: one key per algorithm, the same at every call.
#[derive(Debug, Clone, Deserialize)]
pub struct Minted {
    /// The compact token.
    pub token: String,
    /// The public key, or the secret, without `alg`, unless its kind needs one (`AKP`).
    pub jwk: Value,
    /// The private key, or the secret, likewise.
    pub private_jwk: Value,
    /// The public key as `PUBLIC KEY`; none for a secret.
    pub pem: Option<String>,
    /// The private key as `PRIVATE KEY`; none for a secret.
    pub private_pem: Option<String>,
}

/// A self-signed X.509 certificate, and a token that is signed with its key.
#[derive(Debug, Clone, Deserialize)]
pub struct Certified {
    /// The certificate as `CERTIFICATE`.
    pub pem: String,
    /// The compact token.
    pub token: String,
}

/// What a peer says to a token.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// Its claims.
    Accepted(Value),
    /// Why it is not good, in the peer's words.
    Rejected(String),
}

/// A client of a package for DPoP, with a key pair of its own.
#[derive(Debug, Clone, Deserialize)]
pub struct Client {
    id: usize,
    /// The thumbprint of its key (RFC 7638).
    pub jkt: String,
}

/// What came of a call by a [`Client`].
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Called {
    /// The status of each answer: there are two where a nonce was demanded.
    pub statuses: Vec<u16>,
    /// The body of the last one; empty where that was a refusal with challenges.
    pub body: String,
    /// The challenges of a refusal as the package has read them: `scheme`, and the parameters.
    pub challenges: Vec<BTreeMap<String, String>>,
}

/// What a client sends that is to be judged.
#[derive(Debug, Clone, Serialize)]
pub struct Judged<'a> {
    /// The keys of the issuer.
    pub jwks: &'a Value,
    /// The issuer that is expected.
    pub issuer: &'a str,
    /// The audience that is expected.
    pub audience: &'a str,
    /// The method of the request.
    pub method: &'a str,
    /// The address of the request.
    pub url: &'a str,
    /// The field `Authorization`.
    pub authorization: &'a str,
    /// The field `DPoP`.
    pub proof: &'a str,
}

/// A running peer. It ends when it is dropped, or with this process.
#[derive(Debug)]
pub struct Peer {
    library: Library,
    _process: Process,
    requests: ChildStdin,
    answers: Receiver<io::Result<String>>,
}

impl Peer {
    /// Starts it.
    pub fn start(library: Library) -> Result<Self, PeerError> {
        let mut command = library.command();
        let started = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().and_then(|mut process| {
            match (process.stdin.take(), process.stdout.take()) {
                (Some(requests), Some(answers)) => Ok((process, requests, answers)),
                _ => Err(io::ErrorKind::BrokenPipe.into()),
            }
        });
        let (process, requests, output) = started.map_err(|source| PeerError::Start {
            peer: library,
            program: command.get_program().to_string_lossy().into_owned(),
            source,
        })?;
        // A thread, so that a peer that hangs makes a test fail rather than hang too.
        let (sender, answers) = channel();
        std::thread::spawn(move || {
            // Fails when nobody waits for answers any more.
            let _ = BufReader::new(output).lines().try_for_each(|line| sender.send(line));
        });
        Ok(Self { library, _process: Process(process), requests, answers })
    }

    /// The library behind it.
    pub fn library(&self) -> Library {
        self.library
    }

    /// The names of the algorithms that it has.
    pub fn algorithms(&mut self) -> Result<Vec<String>, PeerError> {
        #[derive(Deserialize)]
        struct Answer {
            algorithms: Vec<String>,
        }
        self.ask("algorithms", json!({})).map(|answer: Answer| answer.algorithms)
    }

    /// Has it sign `claims`.
    pub fn mint(&mut self, alg: &str, kid: Option<&str>, claims: &Value) -> Result<Minted, PeerError> {
        self.ask("mint", json!({"alg": alg, "kid": kid, "claims": claims}))
    }

    /// Has it verify `token` with the key `jwk`.
    pub fn verify(
        &mut self,
        alg: &str,
        jwk: &Value,
        token: &str,
        issuer: &str,
        audience: &str,
    ) -> Result<Verdict, PeerError> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Answer {
            Rejected { error: String },
            Accepted { claims: Value },
        }
        let request = json!({"alg": alg, "jwk": jwk, "token": token, "issuer": issuer, "audience": audience});
        Ok(match self.ask("verify", request)? {
            Answer::Accepted { claims } => Verdict::Accepted(claims),
            Answer::Rejected { error } => Verdict::Rejected(error),
        })
    }

    /// Has it issue a certificate for its key and sign `claims` with that. PyJWT only.
    pub fn certificate(&mut self, alg: &str, claims: &Value) -> Result<Certified, PeerError> {
        self.ask("certificate", json!({"alg": alg, "claims": claims}))
    }

    /// A client of that package with a new key for that algorithm. [`Library::Dpop`] only.
    pub fn client(&mut self, package: &str, alg: &str) -> Result<Client, PeerError> {
        self.ask("client", json!({"client": package, "alg": alg}))
    }

    /// Has a client call that address with a token.
    pub fn call(&mut self, client: &Client, method: &str, url: &str, token: &str) -> Result<Called, PeerError> {
        self.ask("call", json!({"id": client.id, "method": method, "url": url, "token": token}))
    }

    /// What each package says to a request; `None` where it lets it pass. [`Library::Dpop`] only.
    pub fn judge(&mut self, judged: &Judged<'_>) -> Result<BTreeMap<String, Option<String>>, PeerError> {
        #[derive(Deserialize)]
        struct Answer {
            verdicts: BTreeMap<String, Option<String>>,
        }
        self.ask("judge", json!(judged)).map(|answer: Answer| answer.verdicts)
    }

    fn ask<T: DeserializeOwned>(&mut self, op: &str, mut request: Value) -> Result<T, PeerError> {
        let (peer, op) = (self.library, op.to_owned());
        request["op"] = Value::from(op.as_str());
        self.requests
            .write_all(format!("{request}\n").as_bytes())
            .map_err(|source| PeerError::Write { peer, source })?;
        let answer = match self.answers.recv_timeout(PATIENCE) {
            Ok(Ok(answer)) => answer,
            Err(RecvTimeoutError::Timeout) => return Err(PeerError::Silent { peer, op }),
            Ok(Err(_)) | Err(RecvTimeoutError::Disconnected) => return Err(PeerError::Ended { peer, op }),
        };
        // `ok` goes with the `error` of a token that is refused; alone, `error` is a request that failed.
        let read =
            serde_json::from_str::<Value>(&answer).and_then(|value| match (value.get("ok"), value.get("error")) {
                (None, Some(reason)) => Ok(Err(reason.to_string())),
                _ => T::deserialize(value).map(Ok),
            });
        match read {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(reason)) => Err(PeerError::Failed { peer, op, reason }),
            Err(source) => Err(PeerError::Answer { peer, op, answer, source }),
        }
    }
}
