//! The claims: the application's type and the registered claims, out of one pass over the JSON.

pub(crate) mod confirmation;
pub(crate) mod grants;
pub(crate) mod scope_hierarchy;
pub(crate) mod used_proof;

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::ptr;

use serde::Deserialize;
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::value::RawValue;

use crate::clock::{Number, NumericDate};
use crate::json::{Name, NameSeed, Names, ReadError, Replay, Strict, Trail, read_object};
use confirmation::Confirmation;

/// A claim of RFC 7519 §4.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RegisteredClaim {
    /// `iss`, the issuer: a string.
    Issuer,
    /// `sub`, the subject: a string.
    Subject,
    /// `aud`, the audience: a string or an array of strings.
    Audience,
    /// `exp`, the end of its life: a number.
    ExpirationTime,
    /// `nbf`, the beginning of its life: a number.
    NotBefore,
    /// `iat`, when it was issued: a number.
    IssuedAt,
    /// `jti`, its identifier: a string.
    JwtId,
}

impl RegisteredClaim {
    /// The name as it stands in the claims.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Issuer => "iss",
            Self::Subject => "sub",
            Self::Audience => "aud",
            Self::ExpirationTime => "exp",
            Self::NotBefore => "nbf",
            Self::IssuedAt => "iat",
            Self::JwtId => "jti",
        }
    }
}

impl RegisteredClaim {
    fn of_name(name: &str) -> Option<Self> {
        Some(match name {
            "iss" => Self::Issuer,
            "sub" => Self::Subject,
            "aud" => Self::Audience,
            "exp" => Self::ExpirationTime,
            "nbf" => Self::NotBefore,
            "iat" => Self::IssuedAt,
            "jti" => Self::JwtId,
            _ => return None,
        })
    }

    /// What its value has to be.
    pub(crate) const fn expected(self) -> &'static str {
        match self {
            Self::Audience => "a string or an array of strings",
            Self::ExpirationTime | Self::NotBefore | Self::IssuedAt => "a number of seconds since 1970",
            Self::Issuer | Self::Subject | Self::JwtId => "a string",
        }
    }
}

/// Some of the registered claims.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct RegisteredClaims(u8);

impl RegisteredClaims {
    pub(crate) fn insert(&mut self, claim: RegisteredClaim) {
        self.0 |= 1 << claim as u8;
    }

    pub(crate) fn extend(&mut self, others: Self) {
        self.0 |= others.0;
    }

    fn contains(self, claim: RegisteredClaim) -> bool {
        self.0 & (1 << claim as u8) != 0
    }
}

impl fmt::Display for RegisteredClaim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A type that the claims of a token are read into: whatever implements [`serde::Deserialize`], owns what it holds, and can
/// be shared between threads. Implemented for all of them.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot hold the claims of a token",
    label = "no type for claims",
    note = "add `#[derive(serde::Deserialize)]` to it",
    note = "it has to own what it holds and to be `Send + Sync`: `String` instead of `&str`, `Arc` instead of `Rc`"
)]
pub trait ClaimsType: DeserializeOwned + Send + Sync + 'static {}

#[diagnostic::do_not_recommend]
impl<C: DeserializeOwned + Send + Sync + 'static> ClaimsType for C {}

/// Why claims cannot be read.
#[derive(Debug)]
pub(crate) enum ClaimsError {
    /// A registered claim has a type or a value that RFC 7519 does not allow.
    Registered(RegisteredClaim),
    /// They do not fit the application's type, or are no JSON object without duplicate members.
    Json(ReadError),
}

/// A string of the claims: a span of their JSON text, or a copy where the text had escapes in it.
#[derive(Debug, Clone)]
pub(crate) enum Text {
    Span { start: usize, end: usize },
    Copy(Box<str>),
}

impl Text {
    /// `text` is a part of `json`, or owned.
    fn new(text: Cow<'_, str>, json: &str) -> Self {
        match text {
            Cow::Borrowed(part) => {
                let start = part.as_ptr().addr().wrapping_sub(json.as_ptr().addr());
                let end = start.wrapping_add(part.len());
                // A part lies inside. Should it ever not, a copy is right as well.
                let inside = json.get(start..end).is_some_and(|span| ptr::eq(span, part));
                if inside { Self::Span { start, end } } else { Self::Copy(part.into()) }
            }
            Cow::Owned(text) => Self::own(text),
        }
    }

    pub(crate) fn own(text: String) -> Self {
        Self::Copy(text.into_boxed_str())
    }

    pub(crate) fn in_json<'j>(&'j self, json: &'j str) -> &'j str {
        match self {
            Self::Span { start, end } => &json[*start..*end],
            Self::Copy(text) => text,
        }
    }
}

/// `aud`: a string or an array of strings (RFC 7519 §4.1.3).
#[derive(Debug, Clone, Default)]
pub(crate) enum Audience<T> {
    #[default]
    Absent,
    One(T),
    Many(Box<[T]>),
}

impl<T> Audience<T> {
    pub(crate) fn as_slice(&self) -> &[T] {
        match self {
            Self::Absent => &[],
            Self::One(audience) => std::slice::from_ref(audience),
            Self::Many(audiences) => audiences,
        }
    }
}

/// The registered claims of RFC 7519 §4.1. `T` is how a string is held.
#[derive(Debug, Clone)]
pub(crate) struct Registered<T> {
    pub(crate) issuer: Option<T>,
    pub(crate) subject: Option<T>,
    pub(crate) audience: Audience<T>,
    pub(crate) token_id: Option<T>,
    pub(crate) times: Times,
}

/// The registered claims that say when a token is good.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Times {
    pub(crate) expires_at: Option<NumericDate>,
    pub(crate) not_before: Option<NumericDate>,
    pub(crate) issued_at: Option<NumericDate>,
}

impl<T> Default for Registered<T> {
    fn default() -> Self {
        Self { issuer: None, subject: None, audience: Audience::Absent, token_id: None, times: Times::default() }
    }
}

impl Registered<Cow<'_, str>> {
    /// The same, free of the borrow of `json`.
    pub(crate) fn detach(self, json: &str) -> Registered<Text> {
        let text = |text| Text::new(text, json);
        Registered {
            issuer: self.issuer.map(text),
            subject: self.subject.map(text),
            audience: match self.audience {
                Audience::Absent => Audience::Absent,
                Audience::One(audience) => Audience::One(text(audience)),
                Audience::Many(audiences) => Audience::Many(audiences.into_iter().map(text).collect()),
            },
            token_id: self.token_id.map(text),
            times: self.times,
        }
    }
}

/// What was noted while the application's type was read.
#[derive(Default)]
pub(crate) struct Noted<'de> {
    pub(crate) registered: Registered<Cow<'de, str>>,
    /// Every member name of the claims.
    pub(crate) names: Names<'de>,
    /// The registered claim that is being read and has not been seen to be one yet.
    at: Option<RegisteredClaim>,
    /// The way to what does not fit the application's type.
    pub(crate) trail: Trail,
    /// Those that may have another type.
    pub(crate) mistyped: RegisteredClaims,
    /// Those that are null, which counts as absent.
    null: RegisteredClaims,
}

impl Noted<'_> {
    /// Nothing yet. These claims may have another type than RFC 7519 gives them.
    pub(crate) fn allowing(mistyped: RegisteredClaims) -> Self {
        Self { mistyped, ..Self::default() }
    }

    /// Whether there is a claim of that name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.names.contains(name) && !(self.null != RegisteredClaims::default() && self.is_null(name))
    }

    /// What the token is bound to. `json` is the text of the claims.
    pub(crate) fn confirmation(&self, json: &str) -> Option<Box<Confirmation>> {
        self.names.contains("cnf").then(|| Confirmation::of_claims(json).into())
    }

    fn is_null(&self, name: &str) -> bool {
        RegisteredClaim::of_name(name).is_some_and(|claim| self.null.contains(claim))
    }
}

/// Reads the claims into `C`, noting the registered ones as they pass by.
pub(crate) fn read<'de, C: DeserializeOwned>(json: &'de str, noted: &mut Noted<'de>) -> Result<C, ClaimsError> {
    match read_object(json, ClaimsSeed { noted, claims: PhantomData }) {
        // Also where the type swallows the error and calls the claim absent.
        Ok(_) | Err(ReadError::Data(_)) if noted.at.is_some() => Err(match noted.at {
            Some(claim) => ClaimsError::Registered(claim),
            None => ClaimsError::Json(ReadError::NotAnObject),
        }),
        result => result.map_err(ClaimsError::Json),
    }
}

struct ClaimsSeed<'n, 'de, C> {
    noted: &'n mut Noted<'de>,
    claims: PhantomData<C>,
}

impl<'de, C: Deserialize<'de>> DeserializeSeed<'de> for ClaimsSeed<'_, 'de, C> {
    type Value = C;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<C, D::Error> {
        C::deserialize(Claims { deserializer, noted: self.noted })
    }
}

/// The claims as a deserializer: always an object, whatever the application's type asks for.
struct Claims<'n, 'de, D> {
    deserializer: D,
    noted: &'n mut Noted<'de>,
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Claims<'_, 'de, D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.deserializer.deserialize_map(ClaimsVisitor { visitor, noted: self.noted })
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, D::Error> {
        visitor.visit_newtype_struct(self)
    }

    /// `()` stands for "any claims": whoever wants none gets none, and the registered ones are noted all the same.
    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        IgnoredAny::deserialize(self)?;
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, D::Error> {
        self.deserialize_unit(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf seq tuple tuple_struct map
        struct enum identifier ignored_any
    }
}

struct ClaimsVisitor<'n, 'de, V> {
    visitor: V,
    noted: &'n mut Noted<'de>,
}

impl<'de, V: Visitor<'de>> Visitor<'de> for ClaimsVisitor<'_, 'de, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.visitor.expecting(f)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<V::Value, A::Error> {
        self.visitor.visit_map(ClaimsMap { map, noted: self.noted, claim: None })
    }
}

struct ClaimsMap<'n, 'de, A> {
    map: A,
    noted: &'n mut Noted<'de>,
    claim: Option<RegisteredClaim>,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for ClaimsMap<'_, 'de, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        let Some(name) = self.map.next_key_seed(NameSeed)? else { return Ok(None) };
        self.noted.names.insert(&name)?;
        self.claim = RegisteredClaim::of_name(&name);
        let key = seed.deserialize(Name(name, PhantomData));
        self.noted.trail.member(&key, || self.noted.names.last());
        key.map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, A::Error> {
        let Some(claim) = self.claim.take() else {
            let value = self.map.next_value_seed(Strict(seed, &self.noted.trail));
            self.noted.trail.member(&value, || self.noted.names.last());
            return value;
        };
        let value = if self.noted.mistyped.contains(claim) {
            self.mistyped_value(claim, seed)
        } else {
            self.typed_value(claim, seed)
        };
        self.noted.trail.member(&value, || claim.as_str());
        value
    }

    fn size_hint(&self) -> Option<usize> {
        self.map.size_hint()
    }
}

impl<'de, A: MapAccess<'de>> ClaimsMap<'_, 'de, A> {
    /// The value of a registered claim that has the type of RFC 7519.
    fn typed_value<T: DeserializeSeed<'de>>(&mut self, claim: RegisteredClaim, seed: T) -> Result<T::Value, A::Error> {
        let Self { map, noted, .. } = self;
        // Whatever goes wrong from here to the end of the reading of the value is the token's fault …
        noted.at = Some(claim);
        match claim {
            RegisteredClaim::Audience => {
                let audience = map.next_value_seed(AudienceSeed)?;
                noted.registered.audience = audience;
                noted.at = None;
                // … and from here on that of the type, which wants something else than RFC 7519.
                let replay = match &noted.registered.audience {
                    Audience::One(audience) => Replay::Text(audience.clone()),
                    audience => Replay::Texts(audience.as_slice()),
                };
                seed.deserialize(replay.into_deserializer())
            }
            RegisteredClaim::Issuer | RegisteredClaim::Subject | RegisteredClaim::JwtId => {
                let text = map.next_value_seed(NameSeed)?;
                noted.at = None;
                let place = match claim {
                    RegisteredClaim::Issuer => &mut noted.registered.issuer,
                    RegisteredClaim::Subject => &mut noted.registered.subject,
                    _ => &mut noted.registered.token_id,
                };
                seed.deserialize(Replay::Text(place.insert(text).clone()).into_deserializer())
            }
            RegisteredClaim::ExpirationTime | RegisteredClaim::NotBefore | RegisteredClaim::IssuedAt => {
                let number = map.next_value_seed(NumberSeed)?;
                let date = NumericDate::from_number(number).ok_or_else(|| A::Error::custom("not a moment"))?;
                noted.at = None;
                let place = match claim {
                    RegisteredClaim::ExpirationTime => &mut noted.registered.times.expires_at,
                    RegisteredClaim::NotBefore => &mut noted.registered.times.not_before,
                    _ => &mut noted.registered.times.issued_at,
                };
                *place = Some(date);
                seed.deserialize(Replay::Number(number).into_deserializer())
            }
        }
    }

    /// The value of a registered claim that may have another type: null for none, or a whole number for the text of its
    /// digits. Whatever else it is, it is read as strictly as ever.
    fn mistyped_value<T: DeserializeSeed<'de>>(
        &mut self,
        claim: RegisteredClaim,
        seed: T,
    ) -> Result<T::Value, A::Error> {
        self.noted.at = Some(claim);
        let text = self.map.next_value::<&'de RawValue>()?.get();
        let noted = &mut *self.noted;
        let place = match claim {
            RegisteredClaim::Issuer => Some(&mut noted.registered.issuer),
            RegisteredClaim::Subject => Some(&mut noted.registered.subject),
            RegisteredClaim::JwtId => Some(&mut noted.registered.token_id),
            _ => None,
        };
        match place {
            _ if text == "null" => {
                noted.null.insert(claim);
                noted.at = None;
                seed.deserialize(Replay::Null.into_deserializer())
            }
            Some(place) if is_integer(text) => {
                *place = Some(Cow::Borrowed(text));
                noted.at = None;
                seed.deserialize(Replay::Integer(text).into_deserializer())
            }
            _ => {
                let mut value = ClaimsMap { map: OneValue(text), noted, claim: None };
                value.typed_value(claim, seed).map_err(A::Error::custom)
            }
        }
    }
}

/// Whether a JSON value is a whole number that nobody else would write in another way.
fn is_integer(json: &str) -> bool {
    let digits = json.strip_prefix('-').unwrap_or(json);
    !digits.is_empty() && json != "-0" && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// The text of one value, as the rest of a map.
struct OneValue<'de>(&'de str);

impl<'de> MapAccess<'de> for OneValue<'de> {
    type Error = serde_json::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, _: K) -> Result<Option<K::Value>, Self::Error> {
        Ok(None)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Self::Error> {
        seed.deserialize(&mut serde_json::Deserializer::from_str(self.0))
    }
}

struct NumberSeed;

impl<'de> DeserializeSeed<'de> for NumberSeed {
    type Value = Number;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Number, D::Error> {
        struct NumberVisitor;

        impl Visitor<'_> for NumberVisitor {
            type Value = Number;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number")
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Number, E> {
                Ok(Number::Unsigned(number))
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Number, E> {
                Ok(u64::try_from(number).map_or(Number::Negative(number), Number::Unsigned))
            }

            fn visit_f64<E: Error>(self, number: f64) -> Result<Number, E> {
                Ok(Number::Float(number))
            }
        }

        // Deliberately not deserialize_any: with its feature `arbitrary_precision`, which any crate may switch on,
        // serde_json hands numbers over as maps there.
        deserializer.deserialize_f64(NumberVisitor)
    }
}

struct AudienceSeed;

impl<'de> DeserializeSeed<'de> for AudienceSeed {
    type Value = Audience<Cow<'de, str>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for AudienceSeed {
    type Value = Audience<Cow<'de, str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or an array of strings")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Audience::One(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Audience::One(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut audiences = Vec::new();
        while let Some(audience) = seq.next_element_seed(NameSeed)? {
            audiences.push(audience);
        }
        Ok(Audience::Many(audiences.into_boxed_slice()))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn read_noting<C: DeserializeOwned>(json: &str) -> Result<(C, Noted<'_>), ClaimsError> {
        let mut noted = Noted::default();
        Ok((read(json, &mut noted)?, noted))
    }

    /// In short: the claim, `data` for a type that does not fit, `duplicate`, `no object`, or `none`.
    fn error<C: DeserializeOwned>(json: &str) -> String {
        match read_noting::<C>(json) {
            Ok(_) => "none".into(),
            Err(ClaimsError::Registered(claim)) => claim.to_string(),
            Err(ClaimsError::Json(ReadError::Data(_))) => "data".into(),
            Err(ClaimsError::Json(ReadError::Duplicate)) => "duplicate".into(),
            Err(ClaimsError::Json(ReadError::NotAnObject)) => "no object".into(),
        }
    }

    #[test]
    fn registered_claims_are_noted_whatever_the_type_takes() {
        #[derive(Deserialize)]
        struct Nothing {}
        let json = r#"{"iss":"me","sub":"you","aud":["a","b"],"jti":"1","exp":3,"nbf":1.5,"iat":2e0,"x":{"y":[]}}"#;
        fn check<C: DeserializeOwned>(json: &str) {
            let (_, noted) = read_noting::<C>(json).unwrap();
            let registered = noted.registered.detach(json);
            assert_eq!(registered.issuer.unwrap().in_json(json), "me");
            assert_eq!(registered.subject.unwrap().in_json(json), "you");
            assert_eq!(registered.token_id.unwrap().in_json(json), "1");
            let audience: Vec<&str> = registered.audience.as_slice().iter().map(|one| one.in_json(json)).collect();
            assert_eq!(audience, ["a", "b"]);
            assert_eq!(registered.times.expires_at, Some(NumericDate::from_secs(3)));
            assert_eq!(registered.times.issued_at, Some(NumericDate::from_secs(2)));
            assert_eq!(registered.times.not_before.unwrap().since_epoch().as_millis(), 1500);
        }
        check::<Nothing>(json);
        check::<()>(json);
        check::<Option<()>>(json);
        check::<Value>(json);
        check::<HashMap<String, Value>>(json);
        check::<IgnoredAny>(json);
    }

    #[test]
    fn the_type_may_take_the_registered_claims_in_its_own_way() {
        #[derive(Deserialize, PartialEq, Debug)]
        struct Own {
            iss: String,
            sub: Option<String>,
            aud: Vec<String>,
            exp: u64,
            nbf: f64,
            iat: Option<i64>,
            #[serde(rename = "jti")]
            id: Id,
        }
        #[derive(Deserialize, PartialEq, Debug)]
        struct Id(String);
        let json = r#"{"iss":"m\u0065","sub":"you","aud":["a"],"jti":"1","exp":3,"nbf":1.5,"iat":2}"#;
        let (own, noted) = read_noting::<Own>(json).unwrap();
        assert_eq!(own, serde_json::from_str(json).unwrap());
        assert_eq!(noted.registered.detach(json).issuer.unwrap().in_json(json), "me");
    }

    #[test]
    fn a_registered_claim_of_the_wrong_type_is_never_absent() {
        for (claim, values) in [
            ("iss", &["1", "null", "[]", "[\"me\"]", "{}", "true"][..]),
            ("sub", &["1", "null", "[\"me\"]"]),
            ("jti", &["1", "null", "{}"]),
            ("aud", &["1", "null", "{}", "[1]", "[\"a\",null]", "[[\"a\"]]", "true"]),
            (
                "exp",
                &[
                    "\"never\"",
                    "\"1\"",
                    "null",
                    "true",
                    "[1]",
                    "{}",
                    "-1",
                    "-0.5",
                    "1e300",
                    "9223372036854775808",
                    "1e19",
                ],
            ),
            ("nbf", &["\"1\"", "null", "-1", "false"]),
            ("iat", &["\"1\"", "null", "-1", "[]"]),
        ] {
            for value in values {
                let json = format!("{{\"{claim}\":{value}}}");
                assert_eq!(error::<Value>(&json), claim, "{json}");
                assert_eq!(error::<()>(&json), claim, "{json}");
            }
        }
        assert!(read_noting::<Value>(r#"{"exp":1e400}"#).is_err());
    }

    #[test]
    fn a_type_that_wants_another_form_of_a_registered_claim_does_not_fit() {
        #[derive(Deserialize)]
        #[allow(dead_code)]
        struct Odd {
            exp: String,
        }
        assert_eq!(error::<Odd>(r#"{"exp":1}"#), "data");
    }

    #[test]
    fn a_type_that_swallows_errors_does_not_make_a_claim_absent() {
        #[derive(Deserialize)]
        #[allow(dead_code)]
        struct Lenient {
            #[serde(deserialize_with = "or_none")]
            nbf: Option<u64>,
        }
        #[allow(clippy::unnecessary_wraps, reason = "the signature that serde wants")]
        fn or_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
            Ok(u64::deserialize(deserializer).ok())
        }
        assert_eq!(error::<Lenient>(r#"{"nbf":"later"}"#), "nbf");
    }

    #[test]
    fn duplicates_are_malformed_in_registered_own_and_unknown_claims() {
        for json in [r#"{"exp":1,"exp":1}"#, r#"{"a":1,"a":1}"#, r#"{"exp":1,"\u0065xp":2}"#, r#"{"a":{"b":1,"b":1}}"#]
        {
            assert_eq!(error::<()>(json), "duplicate", "{json}");
            assert_eq!(error::<Value>(json), "duplicate", "{json}");
        }
    }

    #[test]
    fn claims_that_are_no_object_are_malformed() {
        for json in ["", "[]", "null", "1", "\"x\"", "{", "{}x"] {
            assert_eq!(error::<()>(json), "no object", "{json:?}");
        }
    }

    proptest! {
        #[test]
        fn a_value_type_yields_every_claim_as_it_was_written(
            sub in ".{0,12}", aud in prop::collection::vec(".{0,5}", 0..4), exp in 0u64..1 << 60, other in ".{0,12}",
        ) {
            let claims = json!({"sub": sub, "aud": aud, "exp": exp, "other": {"nested": [other]}});
            let text = claims.to_string();
            let (value, _) = read_noting::<Value>(&text).unwrap();
            prop_assert_eq!(value, claims);
        }
    }
}
