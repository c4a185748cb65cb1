//! The claims of a token: those that the issuer sets, and those of the application.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::IssueError;
use crate::error::RegisteredClaim;
use crate::json::{StrictSeed, read_object};

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

/// The JSON of one object with the members of both.
pub(super) fn merged<T: Serialize + ?Sized>(registered: &Registered<'_>, own: &T) -> Result<Vec<u8>, IssueError> {
    let own = serde_json::to_string(own).map_err(|_| IssueError::Claims)?;
    let found: Reserved = read_object(&own, StrictSeed(PhantomData)).map_err(|_| IssueError::Claims)?;
    if let Some(claim) = found.0 {
        return Err(IssueError::Collision(claim));
    }
    let mut json = serde_json::to_string(registered).map_err(|_| IssueError::Claims)?;
    if own != "{}" {
        json.truncate(json.len() - 1);
        json.push(',');
        json.push_str(&own[1..]);
    }
    Ok(json.into_bytes())
}

/// The first reserved claim of an object.
struct Reserved(Option<RegisteredClaim>);

impl<'de> Deserialize<'de> for Reserved {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Names;

        impl<'de> Visitor<'de> for Names {
            type Value = Reserved;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Reserved, A::Error> {
                let mut found = None;
                while let Some((name, IgnoredAny)) = map.next_entry::<Cow<'de, str>, _>()? {
                    found = found.or(RESERVED.into_iter().find(|claim| claim.as_str() == name));
                }
                Ok(Reserved(found))
            }
        }

        deserializer.deserialize_map(Names)
    }
}
