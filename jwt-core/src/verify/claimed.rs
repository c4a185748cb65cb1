//! What an unverified token says of itself: to choose among trusted issuers, and for the log.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};

use super::header::MAX_SEGMENT;
use super::token::UntrustedToken;
use super::{malformed, scan};
use crate::base64url;
use crate::config_error::MAX_UNVERIFIED;
use crate::error::{Malformed, RegisteredClaim, TokenError};
use crate::json::{NameSeed, ReadError, Skip, read_object};
use crate::observe::log::Claimed;

/// The longest `iss` that is looked up, in bytes.
const MAX_ISSUER: usize = 1024;

/// Whom claims name as their issuer, before anything is verified: to choose among those who are trusted, for nothing else.
/// The claims are read again, and strictly, once the signature holds, and have to name one whose keys verified them.
pub(super) fn issuer(json: &str) -> Result<Cow<'_, str>, TokenError> {
    let issuer = match scan::text(json, RegisteredClaim::Issuer.as_str()) {
        Some(issuer) => Some(Cow::Borrowed(issuer)),
        None => read_issuer(json)?,
    };
    match issuer {
        Some(issuer) if issuer.len() <= MAX_ISSUER => Ok(issuer),
        Some(issuer) => Err(TokenError::untrusted(&issuer)),
        None => Err(TokenError::MissingClaim(RegisteredClaim::Issuer.as_str().into())),
    }
}

/// The same for claims that are spelled in an unusual way, or are none.
fn read_issuer(json: &str) -> Result<Option<Cow<'_, str>>, TokenError> {
    read_object(json, Issuer).map_err(|error| match error {
        ReadError::Data(_) => TokenError::ClaimType(RegisteredClaim::Issuer),
        other => malformed(&other, Malformed::Claims),
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

/// What a rejected token says of itself, for the log. Nothing of it is verified, and nothing is read of a token or a header
/// that is longer than the limits: a log line costs no more than a good token does.
pub(crate) fn for_log(token: &[u8], max_token_len: usize) -> Claimed {
    let within = Some(token).filter(|token| token.len() <= max_token_len);
    let Some(Ok(token)) = within.map(UntrustedToken::split) else { return Claimed::default() };
    let token = token.unpadded();
    let header = Some(token.header).filter(|header| header.len() <= MAX_SEGMENT);
    Claimed {
        kid: header.and_then(|header| member(header, "kid")),
        issuer: member(token.payload, RegisteredClaim::Issuer.as_str()),
    }
}

fn member(segment: &[u8], name: &str) -> Option<String> {
    let json = String::from_utf8(base64url::decode(segment)?).ok()?;
    Some(scan::text(&json, name)?.chars().take(MAX_UNVERIFIED).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claimed(header: &str, claims: &str) -> Claimed {
        let token = format!("{}.{}.x", base64url::encode(header), base64url::encode(claims));
        for_log(token.as_bytes(), 16 * 1024)
    }

    #[test]
    fn names_are_cut_short_and_anything_else_is_no_name() {
        let named = claimed(r#"{"kid":"k1"}"#, &format!(r#"{{"iss":"{}"}}"#, "i".repeat(500)));
        assert_eq!((named.kid.as_deref(), named.issuer.map(|issuer| issuer.len())), (Some("k1"), Some(MAX_UNVERIFIED)));
        for (header, claims) in [(r#"{"kid":1}"#, "[]"), ("", ""), (r#"{"jwk":{"kid":"k"}}"#, r#"{"a":{"iss":"i"}}"#)] {
            let named = claimed(header, claims);
            assert!(named.kid.is_none() && named.issuer.is_none(), "{header} {claims}");
        }
    }

    #[test]
    fn nothing_is_read_beyond_the_limits() {
        let filler = format!(r#""x":"{}""#, "x".repeat(MAX_SEGMENT));
        let long_header = claimed(&format!(r#"{{"kid":"k1",{filler}}}"#), r#"{"iss":"me"}"#);
        assert_eq!((long_header.kid, long_header.issuer.as_deref()), (None, Some("me")));
        let long_token = claimed(r#"{"kid":"k1"}"#, &format!(r#"{{"iss":"me",{filler},{filler}}}"#));
        assert!(long_token.kid.is_none() && long_token.issuer.is_none());
    }
}
