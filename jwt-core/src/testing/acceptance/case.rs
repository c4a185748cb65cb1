//! One case: a request, what the answer has to be, and how it is told where it is not.

use std::fmt;
use std::net::SocketAddr;

use serde_json::{Value, json};

use super::client::{self, Reply};
use super::setup::Setup;
use crate::config_error::debug_as_display;

/// How much of a request or an answer is told.
const EXCERPT: usize = 1500;

/// A request, and what has to come back.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub(super) setup: Setup,
    pub(super) name: String,
    method: &'static str,
    target: String,
    host: &'static str,
    fields: Vec<(&'static str, String)>,
    expected: Expected,
}

#[derive(Debug, Clone)]
enum Expected {
    /// 200 with this body.
    Served(String),
    /// The same, with what caches are told.
    ServedTelling { body: String, cache_control: Option<&'static str>, vary: &'static [&'static str] },
    /// A problem document of this status, with this challenge of Bearer.
    Refused { status: u16, challenge: Option<String> },
    /// 503, to be tried again after so many seconds, and no verdict on the user.
    Unavailable { retry_after: Option<&'static str> },
    /// 500 that says nothing.
    Misconfigured,
    /// Any 4xx.
    ClientError,
}

impl Case {
    /// A GET request.
    pub(super) fn get(setup: Setup, name: impl Into<String>, target: impl Into<String>) -> Self {
        Self {
            setup,
            name: name.into(),
            method: "GET",
            target: target.into(),
            host: "api.example.com",
            fields: Vec::new(),
            expected: Expected::Served("alice".to_owned()),
        }
    }

    pub(super) fn post(setup: Setup, name: impl Into<String>, target: impl Into<String>) -> Self {
        Self { method: "POST", ..Self::get(setup, name, target) }.field("Content-Length", "0")
    }

    pub(super) fn field(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.fields.push((name, value.into()));
        self
    }

    pub(super) fn bearer(self, token: &str) -> Self {
        self.field("Authorization", format!("Bearer {token}"))
    }

    pub(super) fn served(self, body: impl Into<String>) -> Self {
        Self { expected: Expected::Served(body.into()), ..self }
    }

    pub(super) fn served_telling(
        self,
        body: &str,
        cache_control: Option<&'static str>,
        vary: &'static [&'static str],
    ) -> Self {
        Self { expected: Expected::ServedTelling { body: body.to_owned(), cache_control, vary }, ..self }
    }

    pub(super) fn refused(self, status: u16, challenge: impl Into<String>) -> Self {
        Self { expected: Expected::Refused { status, challenge: Some(challenge.into()) }, ..self }
    }

    pub(super) fn refused_without_challenge(self, status: u16) -> Self {
        Self { expected: Expected::Refused { status, challenge: None }, ..self }
    }

    pub(super) fn unavailable(self, retry_after: Option<&'static str>) -> Self {
        Self { expected: Expected::Unavailable { retry_after }, ..self }
    }

    pub(super) fn misconfigured(self) -> Self {
        Self { expected: Expected::Misconfigured, ..self }
    }

    pub(super) fn client_error(self) -> Self {
        Self { expected: Expected::ClientError, ..self }
    }

    /// Sends the request, twice where it is to be served: the second answer may come by another way, such as a cache.
    pub(super) fn check(&self, address: SocketAddr) -> Result<(), Failure> {
        let served = matches!(self.expected, Expected::Served(_) | Expected::ServedTelling { .. });
        for _ in 0..if served { 2 } else { 1 } {
            let (expected, received) = match client::exchange(address, &self.request()) {
                Err(error) => (vec!["an answer of HTTP/1.1".to_owned()], error.to_string()),
                Ok(reply) => (self.unmet(&reply), told(&reply)),
            };
            if !expected.is_empty() {
                let sent = String::from_utf8_lossy(&self.request()).trim_end().replace("\r\n", "\n            ");
                return Err(Failure { case: self.name.clone(), sent: excerpt(&sent), expected, received });
            }
        }
        Ok(())
    }

    fn request(&self) -> Vec<u8> {
        let Self { method, target, host, .. } = self;
        let mut head = format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
        for (name, value) in &self.fields {
            head.extend([name, ": ", value, "\r\n"]);
        }
        head.push_str("\r\n");
        head.into_bytes()
    }

    /// What was expected of the answer and is not so.
    fn unmet(&self, reply: &Reply) -> Vec<String> {
        let mut unmet = Unmet(reply, Vec::new());
        match &self.expected {
            Expected::Served(body) => unmet.served(body),
            Expected::ServedTelling { body, cache_control, vary } => {
                unmet.served(body);
                unmet.field("cache-control", *cache_control);
                let mut values: Vec<String> = reply.values("vary").join(",").split(',').map(named).collect();
                values.retain(|value| !value.is_empty());
                values.sort_unstable();
                let expected = format!("`vary` of {vary:?}, in any order");
                unmet.unless(values == **vary, || expected);
            }
            Expected::Refused { status, challenge } => {
                unmet.status(*status);
                unmet.challenges(challenge.as_deref(), self.setup != Setup::Query);
                unmet.problem_document(*status, challenge.as_deref());
                unmet.told_nobody(self.fields.iter().map(|(_, value)| value.as_str()));
            }
            Expected::Unavailable { retry_after } => {
                unmet.status(503);
                unmet.field("www-authenticate", None);
                if retry_after.is_some() {
                    unmet.field("retry-after", *retry_after);
                }
                unmet.problem_document(503, None);
            }
            Expected::Misconfigured => {
                unmet.status(500);
                unmet.field("www-authenticate", None);
                let silent = !["JwtAuth", "layer", "scope"].iter().any(|word| reply.body.contains(word));
                unmet.unless(silent, || "a body that says nothing of how the application is made".to_owned());
            }
            Expected::ClientError => unmet.unless((400..500).contains(&reply.status), || "a status of 4xx".to_owned()),
        }
        unmet.1
    }
}

/// The name of a header field, to be compared.
fn named(value: &str) -> String {
    value.trim().to_ascii_lowercase()
}

/// An answer, and what was expected of it and is not so.
struct Unmet<'a>(&'a Reply, Vec<String>);

impl Unmet<'_> {
    fn unless(&mut self, met: bool, expected: impl FnOnce() -> String) {
        if !met {
            self.1.push(expected());
        }
    }

    fn served(&mut self, body: &str) {
        self.status(200);
        self.unless(self.0.body == body, || format!("the body {body:?}"));
        self.field("www-authenticate", None);
    }

    fn status(&mut self, status: u16) {
        self.unless(self.0.status == status, || format!("status {status}"));
    }

    /// The field is there once, with this value, or it is not there.
    fn field(&mut self, name: &str, value: Option<&str>) {
        let expected: Vec<&str> = value.into_iter().collect();
        self.unless(self.0.values(name) == expected, || match value {
            Some(value) => format!("one `{name}: {value}`"),
            None => format!("no `{name}`"),
        });
    }

    /// This challenge, and a field of its own with one of DPoP where that is accepted too, or none at all.
    fn challenges(&mut self, challenge: Option<&str>, with_dpop: bool) {
        let values = self.0.values("www-authenticate");
        let is_dpop =
            |value: &&str| value.starts_with("DPoP ") && value.contains("algs=\"") && !value.contains("error=");
        let met = match (challenge, &values[..]) {
            (None, []) => true,
            (Some(challenge), [first]) => *first == challenge && !with_dpop,
            (Some(challenge), [first, second]) => *first == challenge && with_dpop && is_dpop(second),
            _ => false,
        };
        self.unless(met, || match challenge {
            Some(challenge) if with_dpop => {
                format!("`www-authenticate: {challenge}`, and one of DPoP without a reason")
            }
            Some(challenge) => format!("one `www-authenticate: {challenge}`"),
            None => "no `www-authenticate`".to_owned(),
        });
    }

    /// RFC 9457, and RFC 9111 §5.2.2.5: a cache that keeps a refusal shows it to those who may come in.
    fn problem_document(&mut self, status: u16, challenge: Option<&str>) {
        self.field("content-type", Some("application/problem+json"));
        self.field("cache-control", Some("no-store"));
        self.field("set-cookie", None);
        let (title, detail) = match (status, challenge) {
            (400, _) => ("Bad Request", "The request must carry exactly one access token."),
            (401, Some(challenge)) if challenge.contains("error=") => {
                ("Unauthorized", "The access token is not valid.")
            }
            (401, _) => ("Unauthorized", "This resource needs an access token."),
            (403, Some(_)) => ("Forbidden", "The access token does not allow this."),
            (403, None) => ("Forbidden", "The request may come from another site."),
            _ => ("Service Unavailable", "Authentication is not possible at the moment."),
        };
        let expected = json!({"type": "about:blank", "title": title, "status": status, "detail": detail});
        let document: Value = serde_json::from_str(&self.0.body).unwrap_or_default();
        self.unless(document == expected, || format!("the problem document {expected}"));
    }

    /// Nothing of the request, and nothing of the claims, is in the answer.
    fn told_nobody<'v>(&mut self, values: impl Iterator<Item = &'v str>) {
        let body = &self.0.body;
        let tells = |value: &str| value.split(' ').any(|word| word.len() > 16 && body.contains(word));
        let silent = !body.contains("alice") && !values.into_iter().any(tells);
        self.unless(silent, || "a body without anything of the request or its token".to_owned());
    }
}

fn told(reply: &Reply) -> String {
    let fields: String = reply.headers.iter().flat_map(|(name, value)| ["\n            ", name, ": ", value]).collect();
    excerpt(&format!("{}{fields}\n            {:?}", reply.status, reply.body))
}

fn excerpt(text: &str) -> String {
    match text.char_indices().nth(EXCERPT) {
        Some((end, _)) => format!("{}… ({} bytes)", &text[..end], text.len()),
        None => text.to_owned(),
    }
}

/// A case that failed. `Debug` says what `Display` says.
#[derive(Clone)]
pub struct Failure {
    case: String,
    sent: String,
    expected: Vec<String>,
    received: String,
}

impl Failure {
    /// The name of the case.
    pub fn case(&self) -> &str {
        &self.case
    }

    /// What was expected of the answer and is not so.
    pub fn expected(&self) -> impl Iterator<Item = &str> {
        self.expected.iter().map(String::as_str)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { case, sent, expected, received } = self;
        write!(f, "{case}\n  sent      {sent}\n  expected  {}\n  received  {received}", expected.join("\n            "))
    }
}

debug_as_display!(Failure);

impl std::error::Error for Failure {}
