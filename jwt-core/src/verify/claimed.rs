use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};

use super::scan;
#[cfg(feature = "tracing")]
use crate::base64url;
use crate::error::{Malformed, RegisteredClaim, TokenError};
use crate::json::{NameSeed, ReadError, Skip, read_object};
#[cfg(feature = "tracing")]
use crate::verify::token::UntrustedToken;

/// The longest `iss` that is looked up, in bytes.
const MAX_ISSUER: usize = 1024;

/// Whom claims name as their issuer, before anything is proved: to choose among those who are trusted, for nothing else.
/// The claims are read again, and strictly, once the signature holds, and have to name one whose keys proved them.
pub(super) fn issuer(json: &str) -> Result<Cow<'_, str>, TokenError> {
    let issuer = match scan::issuer(json) {
        Some(issuer) => Some(Cow::Borrowed(issuer)),
        None => read_issuer(json)?,
    };
    match issuer {
        Some(issuer) if issuer.len() <= MAX_ISSUER => Ok(issuer),
        Some(_) => Err(TokenError::Issuer),
        None => Err(TokenError::MissingClaim(RegisteredClaim::Issuer.as_str().into())),
    }
}

/// The same for claims that are spelled in an unusual way, or are none.
fn read_issuer(json: &str) -> Result<Option<Cow<'_, str>>, TokenError> {
    read_object(json, Issuer).map_err(|error| match error {
        ReadError::Data(_) => TokenError::ClaimType(RegisteredClaim::Issuer),
        other => TokenError::Malformed(other.or(Malformed::Claims)),
    })
}

struct Issuer;

impl<'de> DeserializeSeed<'de> for Issuer {
    type Value = Option<Cow<'de, str>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Issuer {
    type Value = Option<Cow<'de, str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("claims")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut issuer = None;
        while let Some(name) = map.next_key_seed(NameSeed)? {
            match &*name {
                "iss" => issuer = Some(map.next_value_seed(NameSeed)?),
                _ => map.next_value_seed(Skip)?,
            }
        }
        Ok(issuer)
    }
}

/// How much of a name that a stranger chose is worth a place in the log, in characters.
#[cfg(feature = "tracing")]
const MAX_LOGGED: usize = 128;

/// What a rejected token says of itself, for the log. Nothing of it is proved.
#[cfg(feature = "tracing")]
#[derive(Debug, Default)]
pub(crate) struct Claimed {
    pub(crate) kid: Option<String>,
    pub(crate) issuer: Option<String>,
}

#[cfg(feature = "tracing")]
impl Claimed {
    pub(crate) fn read(token: &[u8]) -> Self {
        let Ok(token) = UntrustedToken::split(token) else { return Self::default() };
        Self { kid: member(token.header, "kid"), issuer: member(token.payload, "iss") }
    }
}

#[cfg(feature = "tracing")]
fn member(segment: &[u8], name: &str) -> Option<String> {
    let object: serde_json::Value = serde_json::from_slice(&base64url::decode(segment)?).ok()?;
    Some(object.get(name)?.as_str()?.chars().take(MAX_LOGGED).collect())
}

#[cfg(all(test, feature = "tracing"))]
mod tests {
    use super::*;

    #[test]
    fn names_are_cut_short_and_anything_else_is_no_name() {
        let token =
            |header: &str, claims: &str| format!("{}.{}.x", base64url::encode(header), base64url::encode(claims));
        let claimed =
            Claimed::read(token(r#"{"kid":"k1"}"#, &format!(r#"{{"iss":"{}"}}"#, "i".repeat(500))).as_bytes());
        assert_eq!((claimed.kid.as_deref(), claimed.issuer.map(|issuer| issuer.len())), (Some("k1"), Some(MAX_LOGGED)));
        let claimed = Claimed::read(token(r#"{"kid":1}"#, "[]").as_bytes());
        assert!(claimed.kid.is_none() && claimed.issuer.is_none());
    }
}
