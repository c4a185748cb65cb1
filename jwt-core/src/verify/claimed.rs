//! What an unverified token says of itself: to choose among trusted issuers, and for the log.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};

use super::token::UntrustedToken;
use super::{malformed, scan};
use crate::base64url;
use crate::error::{Malformed, RegisteredClaim, TokenError};
use crate::json::{NameSeed, ReadError, Skip, read_object};
use crate::observe::log::{Claimed, MAX_NAME};

/// The longest `iss` that is looked up, in bytes.
const MAX_ISSUER: usize = 1024;

/// Whom claims name as their issuer, before anything is verified: to choose among those who are trusted, for nothing else.
/// The claims are read again, and strictly, once the signature holds, and have to name one whose keys verified them.
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
        other => malformed(other, Malformed::Claims),
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

/// What a rejected token says of itself, for the log. Nothing of it is verified.
pub(crate) fn for_log(token: &[u8]) -> Claimed {
    let Ok(token) = UntrustedToken::split(token) else { return Claimed::default() };
    Claimed { kid: member(token.header, "kid"), issuer: member(token.payload, "iss") }
}

fn member(segment: &[u8], name: &str) -> Option<String> {
    let object: serde_json::Value = serde_json::from_slice(&base64url::decode(segment)?).ok()?;
    Some(object.get(name)?.as_str()?.chars().take(MAX_NAME).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cut_short_and_anything_else_is_no_name() {
        let token =
            |header: &str, claims: &str| format!("{}.{}.x", base64url::encode(header), base64url::encode(claims));
        let claimed = for_log(token(r#"{"kid":"k1"}"#, &format!(r#"{{"iss":"{}"}}"#, "i".repeat(500))).as_bytes());
        assert_eq!((claimed.kid.as_deref(), claimed.issuer.map(|issuer| issuer.len())), (Some("k1"), Some(MAX_NAME)));
        let claimed = for_log(token(r#"{"kid":1}"#, "[]").as_bytes());
        assert!(claimed.kid.is_none() && claimed.issuer.is_none());
    }
}
