//! The header of a token (RFC 7515 §4): what of it has a meaning here.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};

use super::malformed;
use crate::base64url;
use crate::error::{Malformed, TokenError};
use crate::json::{NameSeed, Names, Skip, read_object};
use crate::key::algorithm::Algorithm;
use crate::key::{MAX_HEADER, MAX_KID};

/// The longest header segment that is decoded, in characters.
pub(super) const MAX_SEGMENT: usize = MAX_HEADER;

/// The verified header of a token (RFC 7515 §4): what of it has a meaning here.
///
/// Members that name keys (`jwk`, `jku`, `x5u`, `x5c`) are never used and not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    algorithm: Algorithm,
    kid: Option<Box<str>>,
    typ: Option<Box<str>>,
}

impl Header {
    /// `alg`: the algorithm by which the token is signed.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// `kid`: the name of the key that signed it.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// `typ`: what kind of token it says it is.
    pub fn typ(&self) -> Option<&str> {
        self.typ.as_deref()
    }

    /// Reads the first segment of a token whose signature is not verified yet.
    pub(crate) fn read(segment: &[u8]) -> Result<Self, TokenError> {
        if segment.len() > MAX_SEGMENT {
            return Err(TokenError::Malformed(Malformed::HeaderTooLong(MAX_SEGMENT)));
        }
        let bytes = base64url::decode(segment).ok_or(TokenError::Malformed(Malformed::Base64))?;
        let text = std::str::from_utf8(&bytes).map_err(|_| TokenError::Malformed(Malformed::Header))?;
        let members = read_object(text, Members::default()).map_err(|error| malformed(&error, Malformed::Header))?;
        if members.critical {
            return Err(TokenError::CriticalHeader);
        }
        if members.kid.as_ref().is_some_and(|kid| kid.len() > MAX_KID) {
            return Err(TokenError::Malformed(Malformed::KidTooLong(MAX_KID)));
        }
        let algorithm = members.alg.ok_or(TokenError::Malformed(Malformed::Header))?;
        Ok(Self {
            algorithm: algorithm.parse().map_err(|_| match &*algorithm {
                _ if members.encrypted => TokenError::Encrypted,
                "none" => TokenError::Unsecured,
                _ => TokenError::UnknownAlgorithm,
            })?,
            kid: members.kid.map(Into::into),
            typ: members.typ.map(Into::into),
        })
    }

    /// Whether `typ` is one of `expected`, without regard to case or to a leading `application/` (RFC 7515 §4.1.9).
    pub(crate) fn is_of_type(&self, expected: &[Box<str>]) -> bool {
        let Some(typ) = &self.typ else { return false };
        expected.iter().any(|one| subtype(one).eq_ignore_ascii_case(subtype(typ)))
    }
}

/// A media type without its leading `application/`, which may be left out only where no other `/` follows.
fn subtype(typ: &str) -> &str {
    match typ.split_at_checked("application/".len()) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case("application/") && !rest.contains('/') => rest,
        _ => typ,
    }
}

#[derive(Default)]
struct Members<'de> {
    alg: Option<Cow<'de, str>>,
    kid: Option<Cow<'de, str>>,
    typ: Option<Cow<'de, str>>,
    /// Something that must be understood and is not: any `crit`, or a `b64` that changes what is signed.
    critical: bool,
    /// `enc`, which every encrypted token has (RFC 7516 §4.1.2).
    encrypted: bool,
}

impl<'de> DeserializeSeed<'de> for Members<'de> {
    type Value = Self;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Members<'de> {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a header")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Self, A::Error> {
        let mut names = Names::default();
        while let Some(name) = map.next_key_seed(NameSeed)? {
            names.insert(&name)?;
            match &*name {
                "alg" => self.alg = Some(map.next_value_seed(NameSeed)?),
                "kid" => self.kid = Some(map.next_value_seed(NameSeed)?),
                "typ" => self.typ = Some(map.next_value_seed(NameSeed)?),
                "b64" => self.critical |= !map.next_value::<bool>()?,
                "crit" => {
                    map.next_value_seed(Skip)?;
                    self.critical = true;
                }
                "enc" => {
                    map.next_value_seed(Skip)?;
                    self.encrypted = true;
                }
                _ => map.next_value_seed(Skip)?,
            }
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(json: &str) -> Result<Header, TokenError> {
        Header::read(base64url::encode(json).as_bytes())
    }

    #[test]
    fn what_has_a_meaning_is_kept_and_keys_are_ignored() {
        let header =
            read(r#"{"alg":"RS256","kid":"k1","typ":"at+jwt","jku":"https://evil.example","jwk":{"kty":"oct"}}"#)
                .unwrap();
        assert_eq!((header.algorithm(), header.kid(), header.typ()), (Algorithm::RS256, Some("k1"), Some("at+jwt")));
    }

    #[test]
    fn anything_critical_is_refused() {
        for json in [
            r#"{"alg":"HS256","crit":["exp"]}"#,
            r#"{"alg":"HS256","crit":[]}"#,
            r#"{"alg":"HS256","crit":"exp"}"#,
            r#"{"alg":"HS256","crit":null}"#,
            r#"{"alg":"HS256","b64":false}"#,
            r#"{"alg":"HS256","b64":false,"crit":["b64"]}"#,
        ] {
            assert!(matches!(read(json), Err(TokenError::CriticalHeader)), "{json}");
        }
        assert!(read(r#"{"alg":"HS256","b64":true}"#).is_ok());
    }

    #[test]
    fn none_and_other_names_are_no_algorithm() {
        assert!(matches!(read(r#"{"alg":"none"}"#), Err(TokenError::Unsecured)));
        let encrypted = read(r#"{"alg":"RSA-OAEP-256","enc":"A256GCM"}"#);
        assert!(matches!(encrypted, Err(TokenError::Encrypted)), "{encrypted:?}");
        for name in ["None", "NONE", "nOnE", "hs256", "HS1", "", "RS1", "ES256K", "Ed448", "dir"] {
            assert!(matches!(read(&format!(r#"{{"alg":"{name}"}}"#)), Err(TokenError::UnknownAlgorithm)), "{name}");
        }
    }

    #[test]
    fn members_of_the_wrong_type_and_missing_ones_are_malformed() {
        for json in [
            "{}",
            r#"{"alg":null}"#,
            r#"{"alg":["HS256"]}"#,
            r#"{"alg":"HS256","kid":1}"#,
            r#"{"alg":"HS256","kid":null}"#,
            r#"{"alg":"HS256","typ":{}}"#,
            r#"{"alg":"HS256","b64":"false"}"#,
            "[]",
        ] {
            assert!(matches!(read(json), Err(TokenError::Malformed(Malformed::Header))), "{json}");
        }
    }

    #[test]
    fn white_space_around_the_object_is_part_of_json() {
        assert!(read("{\"alg\":\"HS256\"}\n").is_ok() && read(" \t{\"alg\":\"HS256\"}").is_ok());
    }

    #[test]
    fn a_long_header_and_a_long_kid_are_refused() {
        let long = format!(r#"{{"alg":"HS256","x":"{}"}}"#, "x".repeat(MAX_SEGMENT));
        assert!(matches!(read(&long), Err(TokenError::Malformed(Malformed::HeaderTooLong(_)))));
        let long = format!(r#"{{"alg":"HS256","kid":"{}"}}"#, "x".repeat(MAX_KID + 1));
        assert!(matches!(read(&long), Err(TokenError::Malformed(Malformed::KidTooLong(_)))));
    }

    #[test]
    fn types_compare_without_case_and_without_application() {
        let header = |typ: &str| read(&format!(r#"{{"alg":"HS256","typ":"{typ}"}}"#)).unwrap();
        for typ in ["at+jwt", "AT+JWT", "application/at+jwt", "Application/At+Jwt"] {
            assert!(header(typ).is_of_type(&["at+jwt".into()]), "{typ}");
            assert!(header(typ).is_of_type(&["application/at+jwt".into()]), "{typ}");
        }
        for typ in ["jwt", "", "at+jwtx", "text/at+jwt", "application/application/at+jwt", "application/"] {
            assert!(!header(typ).is_of_type(&["at+jwt".into()]), "{typ}");
        }
        assert!(!read(r#"{"alg":"HS256"}"#).unwrap().is_of_type(&["at+jwt".into()]));
    }

    proptest! {
        #[test]
        fn no_segment_makes_the_reader_panic(segment in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = Header::read(&segment);
        }
    }
}
