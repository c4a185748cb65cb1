//! What jwt-core is to accept, said a second time: over a tree of the whole JSON, which keeps every member.

use std::fmt;
use std::time::Duration;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::token::NOW;

const LEEWAY: Duration = Duration::from_secs(30);
const NOW_SINCE_EPOCH: Duration = Duration::from_secs(NOW);

/// JSON with the members of its objects as they were written, duplicates included.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    Unsigned(u64),
    Negative(i64),
    Float(f64),
    Text(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    /// One object, perhaps with white space around it (RFC 8259 §2): the only JSON that a token may hold.
    pub(crate) fn object(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok().filter(|json| matches!(json, Self::Object(_)))
    }

    /// The first member of that name.
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        let Self::Object(members) = self else { return None };
        members.iter().find(|(member, _)| member == name).map(|(_, value)| value)
    }

    pub(crate) fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    fn any_object(&self, test: &impl Fn(&[(String, Self)]) -> bool) -> bool {
        match self {
            Self::Array(items) => items.iter().any(|item| item.any_object(test)),
            Self::Object(members) => test(members) || members.iter().any(|(_, value)| value.any_object(test)),
            _ => false,
        }
    }

    pub(crate) fn has_duplicates(&self) -> bool {
        self.any_object(&|members| {
            let mut names: Vec<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
            names.sort_unstable();
            names.windows(2).any(|pair| pair[0] == pair[1])
        })
    }

    /// Whether a member has a name by which serde_json marks values of its own: such an object may be read as
    /// something else than an object, so nothing is said of it.
    pub(crate) fn has_private_names(&self) -> bool {
        self.any_object(&|members| members.iter().any(|(name, _)| name.starts_with("$serde_json::private::")))
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct JsonVisitor;

        impl<'de> Visitor<'de> for JsonVisitor {
            type Value = Json;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON")
            }

            fn visit_unit<E: Error>(self) -> Result<Json, E> {
                Ok(Json::Null)
            }

            fn visit_bool<E: Error>(self, value: bool) -> Result<Json, E> {
                Ok(Json::Bool(value))
            }

            fn visit_u64<E: Error>(self, value: u64) -> Result<Json, E> {
                Ok(Json::Unsigned(value))
            }

            fn visit_i64<E: Error>(self, value: i64) -> Result<Json, E> {
                Ok(Json::Negative(value))
            }

            fn visit_f64<E: Error>(self, value: f64) -> Result<Json, E> {
                Ok(Json::Float(value))
            }

            fn visit_str<E: Error>(self, value: &str) -> Result<Json, E> {
                Ok(Json::Text(value.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Json, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element()? {
                    items.push(item);
                }
                Ok(Json::Array(items))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Json::Object(members))
            }
        }

        deserializer.deserialize_any(JsonVisitor)
    }
}

/// What a verifier is configured to demand of the claims.
#[derive(Clone, Copy)]
pub(crate) struct Demands {
    pub(crate) issuer: Option<&'static str>,
    pub(crate) audience: &'static str,
    pub(crate) required: Option<&'static str>,
    pub(crate) max_age: Option<Duration>,
}

/// The registered claims (RFC 7519 §4.1), where each has the type that it must have.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Registered<'j> {
    pub(crate) issuer: Option<&'j str>,
    pub(crate) subject: Option<&'j str>,
    pub(crate) audience: Vec<&'j str>,
    pub(crate) token_id: Option<&'j str>,
    pub(crate) expires_at: Option<Duration>,
    pub(crate) not_before: Option<Duration>,
    pub(crate) issued_at: Option<Duration>,
}

/// Claims that are no claims: a registered one has the wrong type, or a name is there twice.
pub(crate) struct Malformed;

/// A claim that is absent is fine, one of the wrong type is not.
fn typed<'j, T>(json: &'j Json, name: &str, read: impl Fn(&'j Json) -> Option<T>) -> Result<Option<T>, Malformed> {
    json.get(name).map(|value| read(value).ok_or(Malformed)).transpose()
}

fn moment(json: &Json) -> Option<Duration> {
    let duration = match json {
        Json::Unsigned(seconds) => Duration::from_secs(*seconds),
        Json::Float(seconds) => Duration::try_from_secs_f64(*seconds).ok()?,
        _ => return None,
    };
    i64::try_from(duration.as_secs()).is_ok().then_some(duration)
}

fn audiences(json: &Json) -> Option<Vec<&str>> {
    match json {
        Json::Text(text) => Some(vec![text]),
        Json::Array(items) => items.iter().map(Json::text).collect(),
        _ => None,
    }
}

impl<'j> Registered<'j> {
    pub(crate) fn read(claims: &'j Json) -> Result<Self, Malformed> {
        if claims.has_duplicates() {
            return Err(Malformed);
        }
        Ok(Self {
            issuer: typed(claims, "iss", Json::text)?,
            subject: typed(claims, "sub", Json::text)?,
            audience: typed(claims, "aud", audiences)?.unwrap_or_default(),
            token_id: typed(claims, "jti", Json::text)?,
            expires_at: typed(claims, "exp", moment)?,
            not_before: typed(claims, "nbf", moment)?,
            issued_at: typed(claims, "iat", moment)?,
        })
    }

    /// Whether claims that are well-formed are good.
    pub(crate) fn satisfies(&self, claims: &Json, demands: &Demands) -> bool {
        let lives = self.expires_at.is_some_and(|end| NOW_SINCE_EPOCH < end.saturating_add(LEEWAY));
        let has_begun = self.not_before.is_none_or(|begin| begin <= NOW_SINCE_EPOCH + LEEWAY);
        let is_young = demands.max_age.is_none_or(|max_age| {
            self.issued_at.is_some_and(|issued| {
                issued <= NOW_SINCE_EPOCH + LEEWAY && NOW_SINCE_EPOCH < issued.saturating_add(max_age + LEEWAY)
            })
        });
        lives
            && has_begun
            && is_young
            && demands.issuer.is_none_or(|issuer| self.issuer == Some(issuer))
            && self.audience.contains(&demands.audience)
            && claims.get("cnf").is_none()
            && !is_id_token(claims)
            && demands.required.is_none_or(|name| claims.get(name).is_some())
    }
}

/// Whether only an ID token has such claims, or a logout token.
fn is_id_token(claims: &Json) -> bool {
    let has = |name| claims.get(name).is_some();
    ["nonce", "at_hash", "c_hash", "s_hash"].into_iter().any(has)
        || (has("auth_time") && has("azp") || has("events")) && !["scope", "scp", "client_id"].into_iter().any(has)
}

/// Whether a header is one under which an HS256 signature by an unnamed key may hold.
pub(crate) fn header_is_good(header: &Json) -> bool {
    let is_text_or_absent = |name| header.get(name).is_none_or(|value| value.text().is_some());
    !header.has_duplicates()
        && header.get("alg").and_then(Json::text) == Some("HS256")
        && header.get("crit").is_none()
        && header.get("b64").is_none_or(|value| *value == Json::Bool(true))
        && is_text_or_absent("kid")
        && is_text_or_absent("typ")
        && header.get("kid").and_then(Json::text).is_none_or(|kid| kid.len() <= 1024)
}
