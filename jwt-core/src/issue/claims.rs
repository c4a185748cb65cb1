//! The claims of a token: those that the issuer sets, and those of the application.

use serde::{Serialize, Serializer};

use super::IssueError;
use crate::base64url;
use crate::claims::confirmation::Thumbprint;
use crate::claims::{self, ClaimsError, Noted, RegisteredClaim};
use crate::clock::NumericDate;
use crate::key::SigningError;
use crate::verify::validation::is_id_token;

/// The claims that an issuer sets itself.
#[derive(Serialize)]
pub(super) struct Registered<'i> {
    pub(super) iss: &'i str,
    /// One audience is a string, several are an array (RFC 7519 §4.1.3).
    #[serde(serialize_with = "audience")]
    pub(super) aud: &'i [Box<str>],
    pub(super) iat: u64,
    pub(super) exp: u64,
    pub(super) jti: &'i str,
    /// The login that the token belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sid: Option<&'i str>,
    /// The key of the client that the token is bound to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cnf: Option<Cnf>,
}

/// What binds a token to a key (RFC 7800 §3.1, RFC 9449 §6.1).
#[derive(Serialize)]
pub(super) struct Cnf {
    #[serde(skip_serializing_if = "Option::is_none")]
    jkt: Option<String>,
    /// That of a browser, which signs for refreshes alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    dbsc: Option<String>,
}

impl Cnf {
    /// `None` for a bearer token.
    pub(super) fn new(key: Option<&Thumbprint>, device_key: Option<&Thumbprint>) -> Option<Self> {
        let [jkt, dbsc] = [key, device_key].map(|key| key.map(base64url::encode));
        (jkt.is_some() || dbsc.is_some()).then_some(Self { jkt, dbsc })
    }
}

const RESERVED: [RegisteredClaim; 5] = [
    RegisteredClaim::Issuer,
    RegisteredClaim::Audience,
    RegisteredClaim::IssuedAt,
    RegisteredClaim::ExpirationTime,
    RegisteredClaim::JwtId,
];

fn audience<S: Serializer>(audiences: &&[Box<str>], serializer: S) -> Result<S::Ok, S::Error> {
    match audiences {
        [one] => one.serialize(serializer),
        several => several.serialize(serializer),
    }
}

/// The claims of the application as JSON text: those that verifiers of this issuer accept at that moment. They are read by
/// the code that reads the claims of a token.
pub(super) fn checked<T: Serialize + ?Sized>(own: &T, now: NumericDate) -> Result<String, IssueError> {
    let own = serde_json::to_string(own).map_err(|_| IssueError::Claims)?;
    let mut noted = Noted::default();
    let read = claims::read::<()>(&own, &mut noted);
    if let Some(claim) = RESERVED.into_iter().find(|claim| noted.names.contains(claim.as_str())) {
        return Err(IssueError::Collision(claim));
    }
    read.map_err(|error| match error {
        ClaimsError::Registered(claim) => IssueError::Signing(SigningError::ClaimType(claim)),
        ClaimsError::Json(_) => IssueError::Claims,
    })?;
    if noted.names.contains("cnf") {
        return Err(IssueError::Bound);
    }
    if is_id_token(&noted.names) {
        return Err(IssueError::IdToken);
    }
    match noted.registered.times.not_before {
        Some(not_before) if not_before > now => Err(IssueError::NotYetValid { not_before, now }),
        _ => Ok(own),
    }
}

/// The JSON of one object with the members of both.
pub(super) fn merged(registered: &Registered<'_>, own: &str) -> Result<Vec<u8>, IssueError> {
    let members = own.trim_matches(WHITE_SPACE).strip_prefix('{').and_then(|own| own.strip_suffix('}'));
    let members = members.ok_or(IssueError::Claims)?.trim_matches(WHITE_SPACE);
    let mut json = serde_json::to_string(registered).map_err(|_| IssueError::Claims)?;
    if !members.is_empty() {
        json.truncate(json.len() - 1);
        json.push(',');
        json.push_str(members);
        json.push('}');
    }
    Ok(json.into_bytes())
}

/// The white space of JSON (RFC 8259 §2).
const WHITE_SPACE: [char; 4] = [' ', '\t', '\n', '\r'];
