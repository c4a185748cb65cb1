//! A server as every case wants it: slow, and obviously right. And the same with a planted fault.

mod access;
mod credential;
mod dpop;
mod faults;
mod forward_auth;
mod grpc;
mod http;
mod introspection;
mod json;
mod keys;
mod mcp;
mod mtls;
mod verify;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub(crate) use faults::FAULTS;
use json::{Json, Wrong};

use access::well_known;

use crate::keys::Keys;
use crate::provider::JWKS;
use crate::target::{Cookie, Delivery, Dpop, ForwardAuth, Grpc, Introspection, Mtls, Scope, StepUp, Target};

/// Between two fetches of the keys.
const COOL_DOWN: Duration = Duration::from_secs(1);

/// Longer heads get 431.
const MAX_HEAD: usize = 16 * 1024;

/// What it expects of a token.
struct Expected {
    issuer: String,
    audience: String,
    algorithms: Vec<String>,
    leeway: i64,
    kind: Option<String>,
    required: Vec<String>,
    rfc9068: bool,
    /// Of the first key, for faults that take it for a secret.
    pem: String,
    der: Vec<u8>,
    jwk: String,
}

/// Where it answers what.
struct Places {
    path: String,
    cookie: Option<Cookie>,
    scope: Option<Scope>,
    step_up: Option<StepUp>,
    /// The identifier of the resource.
    metadata: Option<String>,
    dpop: Option<Dpop>,
    introspection: Option<Introspection>,
    forward_auth: Option<ForwardAuth>,
    /// Path and identifier.
    mcp: Option<(String, String)>,
    mtls: Option<Mtls>,
    grpc: Option<Grpc>,
}

#[derive(Default)]
struct Fetched {
    keys: Option<Vec<Json>>,
    last: Option<Instant>,
    refused: Vec<String>,
    /// Tokens that were good once.
    good: Vec<String>,
    /// The names of proofs that were used.
    proofs: Vec<String>,
}

pub(crate) struct Reference {
    pub(crate) address: SocketAddr,
    /// Where it ends TLS, if it does.
    pub(crate) tls_address: Option<SocketAddr>,
    expected: Expected,
    places: Places,
    /// The kit.
    kit: String,
    /// What the issuer said of tokens, and when.
    introspected: Mutex<Vec<(String, Json, Instant)>>,
    /// Where the keys are, unless they are static.
    jwks: Option<String>,
    fetched: Mutex<Fetched>,
    one_at_a_time: Mutex<()>,
    requests: AtomicUsize,
    questions: AtomicUsize,
    over: AtomicBool,
    fault: &'static str,
}

/// Why a request is refused.
#[derive(Clone, Debug)]
enum Why {
    /// It has no token.
    None,
    /// It has two, or something that is none.
    Request,
    Invalid,
    /// Another site may have sent it.
    CrossSite,
    Scope,
    StepUp,
    /// The proof of possession is bad.
    Proof,
    /// The proof has not the nonce.
    Nonce,
    /// There are no keys.
    Down,
    /// A planted fault: it is served.
    Free,
    /// A planted fault.
    Broken,
    /// A planted fault: it says what the client said.
    Says(String),
}

/// A token, and how it came.
struct Credential {
    token: String,
    is_dpop: bool,
}

struct Head {
    method: String,
    path: String,
    query: String,
    fields: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
    peer: Peer,
}

/// What is known of a connection.
#[derive(Clone, Default)]
struct Peer {
    is_tls: bool,
    /// What the client has shown.
    certificate: Option<Vec<u8>>,
}

impl Head {
    fn all<'h>(&'h self, name: &'h str) -> impl Iterator<Item = &'h [u8]> {
        self.fields.iter().filter(move |(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| &**value)
    }

    fn one(&self, name: &str) -> Option<String> {
        self.all(name).next().map(|value| String::from_utf8_lossy(value).into_owned())
    }
}

struct Response {
    status: u16,
    fields: Vec<(&'static str, String)>,
    body: String,
}

impl Reference {
    /// Serves until the process ends, or a test stops it.
    pub(crate) fn start(
        target: &Target,
        keys: &Keys,
        kit: &str,
        (port, tls_port): (u16, u16),
        fault: &'static str,
    ) -> Result<Arc<Self>, String> {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(|error| format!("port {port}: {error}"))?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        let tokens = &target.tokens;
        let first = &keys.published()[0];
        let kind = tokens.kind.clone().or(tokens.rfc9068.then(|| "at+jwt".to_owned()));
        let expected = Expected {
            issuer: tokens.issuer.clone().unwrap_or_else(|| kit.to_owned()),
            audience: tokens.audience.clone(),
            algorithms: tokens.algorithms.clone(),
            leeway: tokens.leeway,
            kind,
            required: tokens.required.clone(),
            rfc9068: tokens.rfc9068,
            pem: first.pem(),
            der: first.der(),
            jwk: first.jwk().to_string(),
        };
        let path = target.place().path.split('?').next().unwrap_or("/").to_owned();
        let metadata = target
            .metadata
            .as_ref()
            .map(|metadata| metadata.resource.clone().unwrap_or_else(|| format!("http://{address}{path}")));
        let places = Places {
            path,
            cookie: target.cookie.clone(),
            scope: target.scope.clone(),
            step_up: target.step_up.clone(),
            metadata,
            dpop: target.dpop.clone(),
            introspection: target.introspection.clone(),
            forward_auth: target.forward_auth.clone(),
            mcp: target.mcp.as_ref().map(|mcp| {
                let resource = mcp.resource(tokens);
                (mcp.path.clone(), resource.unwrap_or_else(|| format!("http://{address}{}", mcp.path)))
            }),
            mtls: target.mtls.clone(),
            grpc: target.grpc.clone(),
        };
        let tls = match target.mtls.as_ref().and_then(|mtls| mtls.place.as_ref()) {
            Some(_) => {
                let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, tls_port))
                    .map_err(|error| format!("port {tls_port}: {error}"))?;
                Some((listener, keys.certificates()?.acceptor()?))
            }
            None => None,
        };
        let tls_address = tls.as_ref().and_then(|(listener, _)| listener.local_addr().ok());
        let is_fetched = target.keys.delivery == Delivery::Fetched;
        let server = Arc::new(Self {
            address,
            tls_address,
            expected,
            places,
            kit: kit.to_owned(),
            introspected: Mutex::default(),
            jwks: is_fetched.then(|| format!("{kit}{JWKS}")),
            fetched: Mutex::default(),
            one_at_a_time: Mutex::default(),
            requests: AtomicUsize::new(0),
            questions: AtomicUsize::new(0),
            over: AtomicBool::new(false),
            fault,
        });
        if !is_fetched {
            let set = Json::read(keys.jwks().to_string().as_bytes(), Wrong("")).unwrap_or(Json::Null);
            server.fetched().keys = server.keys_of(&set);
        } else if fault == "fetches-at-start-alone" || fault == "no-second-fetch" {
            server.refresh();
        }
        if let Some((listener, config)) = tls {
            let serving = Arc::clone(&server);
            thread::spawn(move || {
                for stream in listener.incoming().flatten() {
                    let (server, config) = (Arc::clone(&serving), Arc::clone(&config));
                    thread::spawn(move || server.over_tls(stream, config));
                }
            });
        }
        let serving = Arc::clone(&server);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if serving.over.load(Ordering::SeqCst) {
                    break;
                }
                let server = Arc::clone(&serving);
                thread::spawn(move || {
                    _ = stream.set_read_timeout(Some(Duration::from_secs(10)));
                    if server.places.grpc.is_some() && grpc::is_http2(&stream) {
                        server.http2(stream);
                    } else {
                        server.connection(stream, &Peer::default());
                    }
                });
            }
        });
        Ok(server)
    }

    #[cfg(test)]
    pub(crate) fn stop(&self) {
        self.over.store(true, Ordering::SeqCst);
        // It waits for one more connection.
        _ = std::net::TcpStream::connect(self.address);
    }

    fn wrong(&self, fault: &str) -> bool {
        self.fault == fault
    }

    fn json_wrong(&self) -> Wrong {
        Wrong(self.fault)
    }

    fn now(&self) -> i64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(now.as_secs()).unwrap_or(0)
    }

    fn fetched(&self) -> std::sync::MutexGuard<'_, Fetched> {
        self.fetched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn says(&self, why: Why, what: &str, value: &Json) -> Why {
        if self.wrong("header-echoed") && what == "header" || self.wrong("claims-echoed") && what == "claims" {
            return Why::Says(format!("{value:?}"));
        }
        why
    }

    fn remember_refused(&self, kid: String) {
        self.fetched().refused.push(kid);
    }

    fn answer(&self, head: &Head) -> Response {
        let requests = self.requests.fetch_add(1, Ordering::SeqCst);
        if self.wrong("flood-breaks") && requests > 100 {
            return Response { status: 500, fields: Vec::new(), body: String::new() };
        }
        let ok = |body: &str| Response {
            status: 200,
            fields: vec![("Content-Type", "application/json".to_owned())],
            body: body.to_owned(),
        };
        let not_found = || Response { status: 404, fields: Vec::new(), body: String::new() };
        if let Some(response) = self.metadata(head).or_else(|| self.mcp(head)).or_else(|| self.forward_auth(head)) {
            return response;
        }
        let places = &self.places;
        let scope = places.scope.as_ref().filter(|scope| scope.path == head.path);
        let step_up = places.step_up.as_ref().filter(|step_up| step_up.path == head.path);
        if head.path != places.path && scope.is_none() && step_up.is_none() {
            if self.wrong("other-spellings-are-free") && head.path.contains('%') {
                return ok("{}");
            }
            return not_found();
        }
        if self.wrong("head-is-free") && head.method == "HEAD"
            || self.wrong("method-override") && head.one("x-http-method-override").is_some()
        {
            return ok("{}");
        }
        let judged = self.judged(head).and_then(|claims| {
            if let Some(scope) = scope {
                self.has_scope(&claims, &scope.scope)?;
            }
            if let Some(step_up) = step_up {
                self.is_strong(&claims, step_up)?;
            }
            Ok(claims)
        });
        match judged {
            Ok(_) if self.wrong("serves-nobody") => self.refusal(&Why::Invalid, false),
            Ok(_) => ok("{\"served\":true}"),
            Err(Why::None) if self.wrong("everybody-is-free") => ok("{}"),
            Err(Why::Free) => ok("{}"),
            Err(why) => self.refusal(&why, is_dpop(head)),
        }
    }

    /// The claims of the token of that request.
    fn judged(&self, head: &Head) -> Result<Json, Why> {
        let credential = self.credential(head)?;
        let token = &credential.token;
        if self.wrong("good-once") && self.fetched().good.contains(token) {
            return Ok(Json::Null);
        }
        let is_opaque = self.places.introspection.is_some() && !token.contains(['.', '{']);
        let judged = if is_opaque { self.introspected(token) } else { self.verify(token, &self.expected.audience) };
        if judged.is_ok() && self.wrong("good-once") {
            self.fetched().good.push(token.clone());
        }
        if judged.is_err() && self.wrong("token-echoed") {
            return Err(Why::Says(token.clone()));
        }
        let claims = judged?;
        self.possession(head, &credential, &claims)?;
        Ok(claims)
    }

    /// `is_dpop`: the request has used that scheme, so that the reason goes there.
    fn refusal(&self, why: &Why, is_dpop: bool) -> Response {
        let (mut status, code, more) = match why {
            Why::None | Why::Free => (401, "", String::new()),
            Why::Request => (400, "invalid_request", String::new()),
            Why::Invalid => (401, "invalid_token", String::new()),
            Why::Says(what) => (401, "invalid_token", what.clone()),
            Why::CrossSite => (403, "", String::new()),
            Why::Scope => (403, "insufficient_scope", String::new()),
            Why::StepUp => (401, "insufficient_user_authentication", String::new()),
            Why::Proof => (401, "invalid_dpop_proof", String::new()),
            Why::Nonce => (401, "use_dpop_nonce", String::new()),
            Why::Down => (503, "", String::new()),
            Why::Broken => (500, "", String::new()),
        };
        let mut challenge = vec![];
        if !code.is_empty() && !self.wrong("no-error-code") {
            challenge.push(format!("error=\"{code}\""));
        }
        if matches!(why, Why::None) && self.wrong("error-code-for-nobody") {
            challenge.push("error=\"invalid_token\"".to_owned());
        }
        if matches!(why, Why::Scope) && !self.wrong("scope-not-named") {
            let scope = self.places.scope.as_ref().map_or("", |scope| &scope.scope);
            challenge.push(format!("scope=\"{scope}\""));
        }
        if matches!(why, Why::Scope) && self.wrong("scope-is-401") {
            status = 401;
        }
        if let (Why::StepUp, Some(step_up)) = (why, &self.places.step_up)
            && !self.wrong("step-up-not-named")
        {
            challenge.extend(step_up.acr.as_ref().map(|acr| format!("acr_values=\"{acr}\"")));
            challenge.extend(step_up.max_age.map(|age| format!("max_age=\"{age}\"")));
        }
        if self.wrong("odd-letters") {
            challenge.push("error_description=\"caf\u{e9}\"".to_owned());
        }
        if self.wrong("challenge-twice") && !code.is_empty() {
            challenge.push(format!("error=\"{code}\""));
        }
        let mut fields = Vec::new();
        if !self.wrong("cacheable") {
            fields.push(("Cache-Control", "no-store".to_owned()));
        }
        if [400, 401, 403].contains(&status) && !matches!(why, Why::CrossSite) && !self.wrong("no-challenge") {
            let text = |scheme: &str, parameters: &[String]| {
                format!("{scheme} {}", parameters.join(", ")).trim_end().to_owned()
            };
            let is_dpop = is_dpop || matches!(why, Why::Proof | Why::Nonce);
            let (mut bearer, mut dpop) = if is_dpop { (Vec::new(), challenge) } else { (challenge, Vec::new()) };
            if let Some(resource) = &self.places.metadata
                && !self.wrong("metadata-not-named")
            {
                bearer.push(format!("resource_metadata=\"{}\"", well_known(resource)));
            }
            fields.push(("WWW-Authenticate", text("Bearer", &bearer)));
            if let Some(expected) = &self.places.dpop
                && (is_dpop || !self.wrong("dpop-not-offered"))
            {
                if !self.wrong("algs-not-named") {
                    dpop.push(format!("algs=\"{}\"", expected.algorithm));
                }
                fields.push(("WWW-Authenticate", text("DPoP", &dpop)));
            }
        }
        if matches!(why, Why::Nonce) && !self.wrong("nonce-not-given") {
            fields.push(("DPoP-Nonce", dpop::NONCE.to_owned()));
        }
        Response { status, fields, body: more }
    }
}

/// Whether the request shows a token under the scheme of RFC 9449.
fn is_dpop(head: &Head) -> bool {
    head.one("authorization").is_some_and(|value| value.to_ascii_lowercase().starts_with("dpop "))
}
