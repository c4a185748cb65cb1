//! A server as every case wants it: slow, and obviously right. And the same with a planted fault.

mod faults;
mod json;
mod verify;

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub(crate) use faults::FAULTS;
use json::{Json, Wrong};

use crate::keys::Keys;
use crate::provider::JWKS;
use crate::target::{Cookie, Delivery, Scope, StepUp, Target};
use crate::wire;

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
}

#[derive(Default)]
struct Fetched {
    keys: Option<Vec<Json>>,
    last: Option<Instant>,
    refused: Vec<String>,
    /// Tokens that were good once.
    good: Vec<String>,
}

pub(crate) struct Reference {
    pub(crate) address: SocketAddr,
    expected: Expected,
    places: Places,
    /// Where the keys are, unless they are static.
    jwks: Option<String>,
    fetched: Mutex<Fetched>,
    one_at_a_time: Mutex<()>,
    requests: AtomicUsize,
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
    /// There are no keys.
    Down,
    /// A planted fault: it is served.
    Free,
    /// A planted fault.
    Broken,
    /// A planted fault: it says what the client said.
    Says(String),
}

struct Head {
    method: String,
    path: String,
    query: String,
    fields: Vec<(String, Vec<u8>)>,
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
        port: u16,
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
        };
        let is_fetched = target.keys.delivery == Delivery::Fetched;
        let server = Arc::new(Self {
            address,
            expected,
            places,
            jwks: is_fetched.then(|| format!("{kit}{JWKS}")),
            fetched: Mutex::default(),
            one_at_a_time: Mutex::default(),
            requests: AtomicUsize::new(0),
            over: AtomicBool::new(false),
            fault,
        });
        if !is_fetched {
            let set = Json::read(keys.jwks().to_string().as_bytes(), Wrong("")).unwrap_or(Json::Null);
            server.fetched().keys = server.keys_of(&set);
        } else if fault == "fetches-at-start-alone" || fault == "no-second-fetch" {
            server.refresh();
        }
        let serving = Arc::clone(&server);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if serving.over.load(Ordering::SeqCst) {
                    break;
                }
                let server = Arc::clone(&serving);
                thread::spawn(move || server.connection(stream));
            }
        });
        Ok(server)
    }

    #[cfg(test)]
    pub(crate) fn stop(&self) {
        self.over.store(true, Ordering::SeqCst);
        // It waits for one more connection.
        _ = TcpStream::connect(self.address);
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

    // Keys.

    fn fetch(&self, address: &str) -> Option<Json> {
        let (host, path) = address.strip_prefix("http://")?.split_once('/')?;
        let request = format!("GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        let answer = wire::exchange(host.parse().ok()?, request.as_bytes(), false, Duration::from_secs(5));
        let answer = match answer {
            Ok(answer) if answer.status == 200 => answer,
            _ => return None,
        };
        Json::read(&answer.body, Wrong(""))
    }

    /// The keys of a set that can be used; the others are skipped. RFC 7517 §5.
    fn keys_of(&self, set: &Json) -> Option<Vec<Json>> {
        let Some(Json::Array(all)) = set.get("keys") else {
            return None;
        };
        let is_known = |key: &Json| match key.get("kty").and_then(Json::text) {
            Some("RSA") => key.get("n").is_some() && key.get("e").is_some(),
            Some("EC" | "OKP") => key.get("crv").is_some() && key.get("x").is_some(),
            // A set that everybody can read has no secrets.
            Some("oct") => self.jwks.is_none() || self.wrong("secrets-of-the-set"),
            _ => false,
        };
        let is_for_signatures = |key: &Json| {
            let use_ = key.get("use").is_none_or(|use_| use_.text() == Some("sig"));
            let operations = match key.get("key_ops") {
                None => true,
                Some(Json::Array(all)) => all.contains(&Json::String("verify".to_owned())),
                Some(_) => false,
            };
            (use_ || self.wrong("key-use-ignored")) && (operations || self.wrong("key-ops-ignored"))
        };
        if self.wrong("odd-key-breaks-set") && !all.iter().all(is_known) {
            return None;
        }
        if self.wrong("unknown-key-member-breaks") && all.iter().any(|key| key.get("x-kit").is_some()) {
            return None;
        }
        Some(all.iter().filter(|key| is_known(key) && is_for_signatures(key)).cloned().collect())
    }

    /// Fetches the keys, unless that was a moment ago. What was known stays where nothing better came.
    fn refresh(&self) {
        let Some(address) = &self.jwks else {
            return;
        };
        {
            let mut fetched = self.fetched();
            let is_soon = fetched.last.is_some_and(|last| last.elapsed() < COOL_DOWN);
            if is_soon && !self.wrong("fetch-for-every-name") {
                return;
            }
            if self.wrong("no-second-fetch") && fetched.last.is_some() {
                return;
            }
            fetched.last = Some(Instant::now());
        }
        let _guard = self.wrong("lock-while-fetching").then(|| self.one_at_a_time.lock());
        let set = self.fetch(address);
        let keys = set.as_ref().and_then(|set| self.keys_of(set));
        let mut fetched = self.fetched();
        match keys {
            Some(new) if self.wrong("old-keys-kept") => fetched.keys.get_or_insert_default().extend(new),
            Some(new) => fetched.keys = Some(new),
            None if self.wrong("outage-drops-keys") => fetched.keys = None,
            None if self.wrong("large-set-breaks") => fetched.keys = Some(Vec::new()),
            None => {}
        }
    }

    /// The keys that may have signed. RFC 7515 §4.1.4.
    fn candidates(&self, kid: Option<&str>, algorithm: &str) -> Result<Vec<Json>, Why> {
        if self.wrong("lock-while-fetching") {
            drop(self.one_at_a_time.lock());
        }
        if self.wrong("refusals-remembered") && self.fetched().refused.iter().any(|refused| Some(&**refused) == kid) {
            return Err(Why::Invalid);
        }
        let find = || {
            let fetched = self.fetched();
            let all = fetched.keys.as_ref()?;
            let is_it = |key: &&Json| {
                let name = key.get("kid").and_then(Json::text);
                let bound = key.get("alg").and_then(Json::text);
                let fits = bound.is_none_or(|bound| bound == algorithm)
                    || self.wrong("key-alg-ignored")
                    || self.wrong("alg-of-any-kind")
                    || self.wrong("key-of-any-name");
                fits && (kid.is_none() || name == kid || self.wrong("key-of-any-name"))
            };
            Some((
                all.iter().filter(is_it).cloned().collect::<Vec<_>>(),
                all.iter().any(|key| key.get("kid").and_then(Json::text) == kid),
            ))
        };
        if self.wrong("fetches-at-start-alone") {
            return find().map(|(keys, _)| keys).ok_or(Why::Down);
        }
        let is_known = find().is_some_and(|(_, is_known)| is_known || kid.is_none());
        if !is_known {
            self.refresh();
        }
        find().map(|(keys, _)| keys).ok_or(Why::Down)
    }

    // HTTP.

    fn connection(&self, mut stream: TcpStream) {
        let _turn = self.wrong("one-connection-at-a-time").then(|| self.one_at_a_time.lock());
        _ = stream.set_read_timeout(Some(Duration::from_secs(10)));
        let mut known: Option<Response> = None;
        let mut bytes = Vec::new();
        loop {
            let Some((head, used)) = self.head(&mut stream, &mut bytes) else {
                return;
            };
            let (head, is_last) = match head {
                Ok(head) => {
                    let is_last = head.one("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
                    (head, is_last)
                }
                Err(status) => {
                    self.write(&mut stream, &Response { status, fields: Vec::new(), body: String::new() }, false);
                    return;
                }
            };
            let length = head.one("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
            bytes.drain(..used);
            while bytes.len() < length {
                let mut buffer = [0; 4096];
                match stream.read(&mut buffer) {
                    Ok(count) if count > 0 => bytes.extend_from_slice(&buffer[..count]),
                    _ => return,
                }
            }
            bytes.drain(..length.min(bytes.len()));
            let response = match known.take() {
                Some(response) if self.wrong("connection-remembered") => response,
                _ => std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.answer(&head)))
                    .unwrap_or(Response { status: 500, fields: Vec::new(), body: String::new() }),
            };
            self.write(&mut stream, &response, head.method == "HEAD");
            if is_last {
                return;
            }
            known = Some(response);
        }
    }

    /// One head and its length; nothing where the connection is over.
    fn head(&self, stream: &mut TcpStream, bytes: &mut Vec<u8>) -> Option<(Result<Head, u16>, usize)> {
        let max = if self.wrong("small-heads") { 2048 } else { MAX_HEAD };
        let mut buffer = [0; 4096];
        let end = loop {
            if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                break at;
            }
            if bytes.len() > max {
                return Some((Err(if self.wrong("large-token-breaks") { 500 } else { 431 }), 0));
            }
            match stream.read(&mut buffer) {
                Ok(count) if count > 0 => bytes.extend_from_slice(&buffer[..count]),
                _ => return None,
            }
        };
        if end > max {
            return Some((Err(431), 0));
        }
        let mut lines = bytes[..end].split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        let first = String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
        let mut words = first.split(' ');
        let method = words.next().unwrap_or_default().to_owned();
        let target = words.next().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let (path, query) = (path.to_owned(), query.to_owned());
        let mut fields = Vec::new();
        for line in lines {
            let Some(at) = line.iter().position(|byte| *byte == b':') else {
                return Some((Err(400), 0));
            };
            let name = String::from_utf8_lossy(&line[..at]).into_owned();
            let value = if self.wrong("white-space-kept") {
                line[at + 1..].strip_prefix(b" ").unwrap_or(&line[at + 1..])
            } else {
                line[at + 1..].trim_ascii()
            };
            fields.push((name, value.to_vec()));
        }
        if self.wrong("many-fields-break") && fields.len() > 50 {
            return Some((Err(500), 0));
        }
        Some((Ok(Head { method, path, query, fields }), end + 4))
    }

    fn write(&self, stream: &mut TcpStream, response: &Response, is_head: bool) {
        let mut text = format!("HTTP/1.1 {} Reference\r\nContent-Length: {}\r\n", response.status, response.body.len());
        for (name, value) in &response.fields {
            _ = write!(text, "{name}: {value}\r\n");
        }
        text.push_str("\r\n");
        if !is_head {
            text.push_str(&response.body);
        }
        _ = stream.write_all(text.as_bytes());
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
        if let Some(response) = self.metadata(head) {
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
        let judged = self.credential(head).and_then(|token| {
            if self.wrong("good-once") && self.fetched().good.contains(&token) {
                return Ok(Json::Null);
            }
            let judged = self.verify(&token);
            if judged.is_ok() && self.wrong("good-once") {
                self.fetched().good.push(token.clone());
            }
            if judged.is_err() && self.wrong("token-echoed") {
                return Err(Why::Says(token));
            }
            let claims = judged?;
            if let Some(scope) = scope {
                self.has_scope(&claims, &scope.scope)?;
            }
            if let Some(step_up) = step_up {
                self.is_strong(&claims, step_up)?;
            }
            Ok(claims)
        });
        match judged {
            Ok(_) if self.wrong("serves-nobody") => self.refusal(&Why::Invalid),
            Ok(_) => ok("{\"served\":true}"),
            Err(Why::None) if self.wrong("everybody-is-free") => ok("{}"),
            Err(Why::Free) => ok("{}"),
            Err(why) => self.refusal(&why),
        }
    }

    fn refusal(&self, why: &Why) -> Response {
        let (mut status, code, more) = match why {
            Why::None | Why::Free => (401, "", String::new()),
            Why::Request => (400, "invalid_request", String::new()),
            Why::Invalid => (401, "invalid_token", String::new()),
            Why::Says(what) => (401, "invalid_token", what.clone()),
            Why::CrossSite => (403, "", String::new()),
            Why::Scope => (403, "insufficient_scope", String::new()),
            Why::StepUp => (401, "insufficient_user_authentication", String::new()),
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
        if let Some(resource) = &self.places.metadata
            && !self.wrong("metadata-not-named")
        {
            challenge.push(format!("resource_metadata=\"{}\"", well_known(resource)));
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
            let parameters = if challenge.is_empty() { String::new() } else { format!(" {}", challenge.join(", ")) };
            fields.push(("WWW-Authenticate", format!("Bearer{parameters}")));
        }
        Response { status, fields, body: more }
    }

    // Where the token is.

    fn credential(&self, head: &Head) -> Result<String, Why> {
        let mut found = Vec::new();
        let mut has_other = false;
        let is_only = self.places.cookie.as_ref().is_some_and(|cookie| cookie.only);
        if !is_only {
            let mut values: Vec<&[u8]> = head
                .fields
                .iter()
                .filter(|(name, _)| {
                    if self.wrong("field-name-to-the-letter") {
                        name == "Authorization"
                    } else {
                        name.eq_ignore_ascii_case("authorization")
                            || self.wrong("other-fields") && name.to_ascii_lowercase().ends_with("authorization")
                    }
                })
                .map(|(_, value)| &**value)
                .collect();
            if self.wrong("first-field-wins") {
                values.truncate(1);
            }
            if self.wrong("last-field-wins") && values.len() > 1 {
                values.remove(0);
            }
            for value in values {
                match self.bearer(value)? {
                    Some(token) => found.push(token),
                    None => has_other = true,
                }
            }
            if self.wrong("token-in-address") && found.is_empty() {
                found.extend(
                    head.query.split('&').filter_map(|pair| pair.strip_prefix("access_token=")).map(str::to_owned),
                );
            }
        }
        if let Some(cookie) = &self.places.cookie {
            let mut ours = self.cookies(head, &cookie.name);
            if self.wrong("first-cookie-wins") {
                ours.truncate(1);
            }
            if self.wrong("last-cookie-wins") && ours.len() > 1 {
                ours.remove(0);
            }
            if self.wrong("header-before-cookie") && !found.is_empty() {
                ours.clear();
            }
            if !ours.is_empty() {
                self.same_site(head)?;
            }
            found.extend(ours);
        }
        match &*found {
            [] => Err(Why::None),
            [token] if !has_other => Ok(token.clone()),
            _ => Err(Why::Request),
        }
    }

    /// The token of `Bearer TOKEN`. RFC 6750 §2.1. Nothing for another scheme.
    fn bearer(&self, value: &[u8]) -> Result<Option<String>, Why> {
        let mut value = value.to_vec();
        if self.wrong("odd-bytes-dropped") {
            value.retain(u8::is_ascii);
        }
        let text = String::from_utf8_lossy(&value).into_owned();
        if self.wrong("token-without-scheme") && text.starts_with("eyJ") {
            return Ok(Some(text));
        }
        if self.wrong("no-separator-needed") && text.starts_with("Bearer") {
            return Ok(Some(text["Bearer".len()..].trim_start().to_owned()));
        }
        let is_separator = |one: char| one == ' ' || self.wrong("tab-separates") && one == '\t';
        let (scheme, token) = text.split_once(is_separator).unwrap_or((&text, ""));
        let is_bearer = if self.wrong("scheme-to-the-letter") {
            scheme == "Bearer"
        } else {
            scheme.eq_ignore_ascii_case("bearer") || self.wrong("any-scheme")
        };
        if !is_bearer {
            return Ok(None);
        }
        let mut token =
            if self.wrong("one-space") { token.to_owned() } else { token.trim_start_matches(' ').to_owned() };
        if self.wrong("quotes-dropped") {
            token = token.trim_matches('"').to_owned();
        }
        if self.wrong("parameter") {
            token = token.trim_start_matches("token=").to_owned();
        }
        if self.wrong("first-word") {
            token = token.split([' ', ',']).next().unwrap_or_default().to_owned();
        }
        if token.is_empty() && self.wrong("no-token-is-free") {
            return Err(Why::Free);
        }
        let is_letter = |one: char| one.is_ascii_alphanumeric() || "-._~+/".contains(one);
        let is_lenient = self.wrong("json-form") || self.wrong("junk-skipped");
        let body = token.trim_end_matches('=');
        if body.is_empty() || !body.chars().all(is_letter) && !is_lenient {
            return Err(Why::Request);
        }
        Ok(Some(token))
    }

    /// The values of the cookies of that name. RFC 6265 §4.2.1.
    fn cookies(&self, head: &Head, name: &str) -> Vec<String> {
        let mut values = Vec::new();
        for field in head.all("cookie") {
            let text = String::from_utf8_lossy(field).into_owned();
            for pair in text.split(';') {
                let Some((known, value)) = pair.trim().split_once('=') else {
                    continue;
                };
                let decoded = |text: &str| text.replace(&format!("%{:02x}", name.as_bytes()[0]), &name[..1]);
                let is_it = known == name
                    || self.wrong("cookie-any-case") && known.eq_ignore_ascii_case(name)
                    || self.wrong("cookie-name-inside") && known.contains(name)
                    || self.wrong("cookie-name-decoded") && decoded(known) == name;
                if is_it {
                    values.push(value.trim_matches('"').to_owned());
                }
            }
            if self.wrong("first-cookie-field") {
                break;
            }
        }
        values
    }

    /// A request that changes something comes from our own pages. Fetch Metadata first, then `Origin`.
    fn same_site(&self, head: &Head) -> Result<(), Why> {
        if ["GET", "HEAD", "OPTIONS"].contains(&&*head.method) || self.wrong("cross-site-unchecked") {
            return Ok(());
        }
        let origin = head.one("origin");
        let ours = format!("http://{}", head.one("host").unwrap_or_default());
        let is_ours = origin.as_deref().is_none_or(|origin| {
            origin == ours
                || self.wrong("origin-loose") && origin.starts_with(&ours)
                || self.wrong("null-origin") && origin == "null"
        });
        let good = match head.one("sec-fetch-site").as_deref() {
            Some("same-origin" | "none") => true,
            Some("same-site") => self.wrong("same-site-trusted"),
            Some(_) => false,
            None => is_ours,
        };
        if good && !self.wrong("own-pages-refused") { Ok(()) } else { Err(Why::CrossSite) }
    }

    // What the claims allow.

    fn has_scope(&self, claims: &Json, scope: &str) -> Result<(), Why> {
        let has = match claims.get("scope") {
            Some(Json::String(text)) => text.split(' ').any(|one| {
                one == scope
                    || self.wrong("scope-loose") && one.contains(scope)
                    || self.wrong("scope-separators") && one.split([',', '\t']).any(|one| one == scope)
            }),
            Some(Json::Array(all)) => all.contains(&Json::String(scope.to_owned())),
            Some(Json::Bool(true) | Json::Object(_)) => self.wrong("scope-any-type"),
            _ => false,
        };
        if (has || self.wrong("scope-unchecked")) && !self.wrong("scope-refused") { Ok(()) } else { Err(Why::Scope) }
    }

    fn is_strong(&self, claims: &Json, step_up: &StepUp) -> Result<(), Why> {
        let acr = step_up.acr.as_ref().is_none_or(|acr| match claims.get("acr") {
            Some(Json::String(has)) => has == acr || self.wrong("acr-unchecked"),
            Some(_) => self.wrong("acr-any-type"),
            None => self.wrong("acr-optional"),
        });
        let fresh = step_up.max_age.is_none_or(|age| match claims.get("auth_time") {
            Some(Json::Number(text)) => {
                let at: i64 = text.parse().unwrap_or(0);
                self.now() <= at + age + self.expected.leeway || self.wrong("auth-time-unchecked")
            }
            Some(_) => self.wrong("auth-time-any-type"),
            None => self.wrong("auth-time-optional"),
        });
        if !(acr && fresh) {
            return Err(if self.wrong("step-up-is-invalid-token") { Why::Invalid } else { Why::StepUp });
        }
        if self.wrong("step-up-refused") { Err(Why::StepUp) } else { Ok(()) }
    }

    fn metadata(&self, head: &Head) -> Option<Response> {
        let resource = self.places.metadata.as_ref()?;
        if !well_known(resource).ends_with(&head.path) || !head.path.starts_with("/.well-known/") {
            return None;
        }
        if self.wrong("metadata-protected") {
            return Some(self.refusal(&Why::None));
        }
        let mut members = vec![];
        let named = if self.wrong("metadata-of-another") { "https://other.example" } else { resource };
        members.push(format!("\"resource\":\"{named}\""));
        if !self.wrong("metadata-without-issuer") {
            members.push(format!("\"authorization_servers\":[\"{}\"]", self.expected.issuer));
        }
        if self.wrong("metadata-empty-member") {
            members.push("\"scopes_supported\":[]".to_owned());
        }
        Some(Response {
            status: 200,
            fields: vec![("Content-Type", "application/json".to_owned())],
            body: format!("{{{}}}", members.join(",")),
        })
    }
}

/// Where the document about a resource is. RFC 9728 §3.1.
fn well_known(resource: &str) -> String {
    let (scheme, rest) = resource.split_once("://").unwrap_or(("http", resource));
    let (host, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    format!("{scheme}://{host}/.well-known/oauth-protected-resource{}", path.trim_end_matches('/'))
}
