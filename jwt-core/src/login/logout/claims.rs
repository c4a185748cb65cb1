//! What the claims of a logout token or a security event token say, by the rules of their standards.

use std::time::Duration;

use serde_json::{Map, Value};

use super::error::Delivery;
use super::event::{EventKind, EventSubject};
use super::{LogoutError, LogoutProvider};
use crate::clock::NumericDate;
use crate::verify::VerifiedToken;

/// The event of a logout token.
const LOGOUT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// The claims: an object.
pub(super) type Claims = Map<String, Value>;

/// A token whose signature, issuer, audience and expiry hold, and that is what it was sent as.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) token_id: String,
    pub(super) issued_at: NumericDate,
    pub(super) happened: Vec<Happened>,
}

/// One event.
#[derive(Debug)]
pub(super) struct Happened {
    pub(super) kind: EventKind,
    /// Whether it ends anything.
    pub(super) ends: bool,
    pub(super) subject: Option<EventSubject>,
    pub(super) session_id: Option<String>,
    pub(super) details: String,
}

impl Told {
    pub(super) fn read(
        delivery: Delivery,
        token: &VerifiedToken<Claims>,
        provider: &LogoutProvider,
    ) -> Result<Self, LogoutError> {
        check_type(delivery, token, provider)?;
        let token_id = token.token_id().filter(|id| !id.is_empty()).ok_or(LogoutError::Missing("jti"))?.to_owned();
        let issued_at = token.issued_at().ok_or(LogoutError::Missing("iat"))?;
        let events = match token.get("events") {
            None => return Err(LogoutError::Missing("events")),
            Some(Value::Object(events)) if !events.is_empty() => events,
            Some(_) => return Err(LogoutError::Claim("events")),
        };
        let happened = match delivery {
            Delivery::LogoutToken => vec![logged_out(token, events)?],
            Delivery::SecurityEvent => {
                events.iter().map(|(uri, event)| happened(token, uri, event)).collect::<Result<_, _>>()?
            }
        };
        Ok(Self { token_id, issued_at, happened })
    }

    /// Whether it was issued no longer ago than that.
    pub(super) fn check_age(&self, max_age: Duration, leeway: Duration, now: NumericDate) -> Result<(), LogoutError> {
        let (issued_at, now) = (self.issued_at.since_epoch(), now.since_epoch());
        if issued_at > now.saturating_add(leeway) {
            return Err(LogoutError::InFuture);
        }
        let until = issued_at.saturating_add(max_age).saturating_add(leeway);
        if now >= until { Err(LogoutError::TooOld) } else { Ok(()) }
    }
}

fn check_type(delivery: Delivery, token: &VerifiedToken<Claims>, provider: &LogoutProvider) -> Result<(), LogoutError> {
    let Some(header) = token.header() else { return Err(LogoutError::Missing("typ")) };
    let (expected, optional) = match delivery {
        // Back-Channel Logout §2.4: recommended, and no other.
        Delivery::LogoutToken => ("logout+jwt", true),
        // RFC 8417 §2.3.
        Delivery::SecurityEvent => ("secevent+jwt", false),
    };
    let is_right = match header.typ() {
        None => optional || provider.generic_typ_allowed,
        Some(_) => {
            header.is_of_type(&[expected.into()]) || provider.generic_typ_allowed && header.is_of_type(&["JWT".into()])
        }
    };
    if is_right { Ok(()) } else { Err(LogoutError::Type { expected }) }
}

/// Back-Channel Logout §2.4, §2.6.
fn logged_out(token: &VerifiedToken<Claims>, events: &Map<String, Value>) -> Result<Happened, LogoutError> {
    if token.expires_at().is_none() {
        return Err(LogoutError::Missing("exp"));
    }
    if token.contains_key("nonce") {
        return Err(LogoutError::Nonce);
    }
    let (Some(Value::Object(details)), 1) = (events.get(LOGOUT), events.len()) else {
        return Err(LogoutError::Claim("events"));
    };
    let session_id = match token.get("sid") {
        None => None,
        Some(Value::String(sid)) if !sid.is_empty() => Some(sid.clone()),
        Some(_) => return Err(LogoutError::Claim("sid")),
    };
    let subject = user(token)?;
    if subject.is_none() && session_id.is_none() {
        return Err(LogoutError::Missing("sub"));
    }
    Ok(Happened { kind: EventKind::LoggedOut, ends: true, subject, session_id, details: text(details) })
}

/// The user that `iss` and `sub` of the token name.
fn user(token: &VerifiedToken<Claims>) -> Result<Option<EventSubject>, LogoutError> {
    let (issuer, Some(subject)) = (token.issuer(), token.subject()) else { return Ok(None) };
    if subject.is_empty() {
        return Err(LogoutError::Claim("sub"));
    }
    let issuer = issuer.ok_or(LogoutError::Missing("iss"))?.to_owned();
    Ok(Some(EventSubject::User { issuer, subject: subject.to_owned() }))
}

/// RFC 8417 §2, with the subject of RFC 9493 §4.1, or within the event as drafts of CAEP and RISC had it.
fn happened(token: &VerifiedToken<Claims>, uri: &str, event: &Value) -> Result<Happened, LogoutError> {
    // A logout is told of by a logout token, and would otherwise be one of the events that end nothing.
    let Value::Object(event) = event else { return Err(LogoutError::Claim("events")) };
    if uri == LOGOUT {
        return Err(LogoutError::Claim("events"));
    }
    let kind = EventKind::of_uri(uri);
    let ends = match &kind {
        EventKind::Other(_) => false,
        EventKind::CredentialChange => event.get("change_type").and_then(Value::as_str) != Some("create"),
        _ => true,
    };
    let named = match (token.get("sub_id"), event.get("subject")) {
        (Some(subject), _) | (None, Some(subject)) => Subject::read(subject),
        (None, None) => user(token).map(|user| Subject { user, session_id: None }),
    };
    let Subject { user, session_id } = match named {
        Ok(named) => named,
        // What ends nothing may be about whatever it is.
        Err(LogoutError::SubjectFormat) if !ends => Subject::default(),
        Err(error) => return Err(error),
    };
    if ends && user.is_none() && session_id.is_none() {
        return Err(LogoutError::Missing("sub_id"));
    }
    Ok(Happened { kind, ends, subject: user, session_id, details: text(event) })
}

fn text(details: &Map<String, Value>) -> String {
    serde_json::to_string(details).unwrap_or_default()
}

/// A subject identifier (RFC 9493).
#[derive(Default)]
struct Subject {
    user: Option<EventSubject>,
    session_id: Option<String>,
}

impl Subject {
    fn read(subject: &Value) -> Result<Self, LogoutError> {
        let Value::Object(members) = subject else { return Err(LogoutError::Claim("sub_id")) };
        match format(members) {
            Some("complex") | None if members.contains_key("user") || members.contains_key("session") => {
                let user = members.get("user").map(simple).transpose()?;
                let session_id = members.get("session").map(session).transpose()?;
                Ok(Self { user, session_id })
            }
            _ => Ok(Self { user: Some(simple(subject)?), session_id: None }),
        }
    }
}

/// `format`, or what drafts called it.
fn format(members: &Map<String, Value>) -> Option<&str> {
    members.get("format").or_else(|| members.get("subject_type")).and_then(Value::as_str)
}

fn simple(subject: &Value) -> Result<EventSubject, LogoutError> {
    let Value::Object(members) = subject else { return Err(LogoutError::Claim("sub_id")) };
    let member = |name: &str| match members.get(name) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text.clone()),
        _ => Err(LogoutError::Claim("sub_id")),
    };
    match format(members) {
        Some("iss_sub" | "iss-sub") => Ok(EventSubject::User { issuer: member("iss")?, subject: member("sub")? }),
        Some("email") => Ok(EventSubject::Email(member("email")?)),
        Some("opaque") => Ok(EventSubject::Opaque(member("id")?)),
        _ => Err(LogoutError::SubjectFormat),
    }
}

/// The session of a complex subject: its name, which is the `sid` of tokens.
fn session(subject: &Value) -> Result<String, LogoutError> {
    match simple(subject)? {
        EventSubject::Opaque(id) => Ok(id),
        _ => Err(LogoutError::SubjectFormat),
    }
}
