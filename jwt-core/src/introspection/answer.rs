//! What an issuer says of a token (RFC 7662 §2.2), before its claims are read.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};

use super::error::IntrospectionError;
use crate::error::{Mismatch, TokenError};
use crate::json::{NameSeed, Names, Skip, read_object};

/// The values of `token_type` that access tokens have: RFC 6750, RFC 9449, and what some providers write instead.
const ACCESS_TOKENS: [&str; 3] = ["Bearer", "DPoP", "access_token"];
/// What tokens have in `token_use` that are no access tokens is whatever is not one of these.
const ACCESS: [&str; 2] = ["access_token", "access"];
/// The values of `typ` by which Keycloak tells tokens that are no access tokens.
const OTHER_TOKENS: [&str; 4] = ["Refresh", "Offline", "ID", "Logout"];

/// The members that say what kind of token it is.
#[derive(Debug, Default)]
pub(super) struct Said<'de> {
    pub(super) active: bool,
    pub(super) has_issuer: bool,
    pub(super) is_for_dpop: bool,
    token_type: Option<Cow<'de, str>>,
    token_use: Option<Cow<'de, str>>,
    typ: Option<Cow<'de, str>>,
}

impl<'de> Said<'de> {
    /// Reads the text of an answer as strictly as claims.
    pub(super) fn read(json: &'de str) -> Result<Self, IntrospectionError> {
        read_object(json, Members).ok().flatten().ok_or(IntrospectionError::Answer)
    }

    /// Whether the token is an access token. Refresh tokens are active too, so that an answer without `token_type` says too
    /// little, unless `untyped` allows that.
    pub(super) fn check_kind(&self, untyped: bool) -> Result<(), TokenError> {
        let is_one_of = |value: &str, names: &[&str]| names.iter().any(|name| name.eq_ignore_ascii_case(value));
        let refused = |found: Option<&str>| Err(TokenError::TokenKind(Mismatch::new(found, ACCESS_TOKENS)));
        match &self.token_type {
            Some(kind) if !is_one_of(kind, &ACCESS_TOKENS) => return refused(Some(kind)),
            None if !untyped => return refused(None),
            _ => {}
        }
        if let Some(kind) = self.token_use.as_ref().filter(|kind| !is_one_of(kind, &ACCESS)) {
            return refused(Some(kind));
        }
        match self.typ.as_ref().filter(|kind| is_one_of(kind, &OTHER_TOKENS)) {
            Some(kind) => refused(Some(kind)),
            None => Ok(()),
        }
    }
}

struct Members;

impl<'de> DeserializeSeed<'de> for Members {
    /// None without `active`.
    type Value = Option<Said<'de>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Members {
    type Value = Option<Said<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an answer")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut said, mut names, mut active) = (Said::default(), Names::default(), None);
        while let Some(name) = map.next_key_seed(NameSeed)? {
            names.insert(&name)?;
            match &*name {
                "active" => active = Some(map.next_value::<bool>()?),
                "token_type" => said.token_type = Some(map.next_value_seed(NameSeed)?),
                "token_use" => said.token_use = Some(map.next_value_seed(NameSeed)?),
                "typ" => said.typ = Some(map.next_value_seed(NameSeed)?),
                _ => {
                    said.has_issuer |= *name == *"iss";
                    map.next_value_seed(Skip)?;
                }
            }
        }
        said.is_for_dpop = said.token_type.as_ref().is_some_and(|kind| kind.eq_ignore_ascii_case("DPoP"));
        Ok(active.map(|active| Said { active, ..said }))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_not_a_clear_yes_or_no_is_no_answer() {
        for json in [
            "",
            "[]",
            "true",
            "{}",
            r#"{"active":"true"}"#,
            r#"{"active":1}"#,
            r#"{"active":null}"#,
            r#"{"active":true,"active":true}"#,
            r#"{"active":false,"\u0061ctive":true}"#,
            r#"{"active":true,"x":{"a":1,"a":2}}"#,
            r#"{"active":true,"token_type":1}"#,
            r#"{"active":true}{}"#,
            r#"{"Active":true}"#,
        ] {
            assert!(matches!(Said::read(json), Err(IntrospectionError::Answer)), "{json}");
        }
        assert!(!Said::read(r#" {"active":false,"x":[]} "#).unwrap().active);
    }

    #[test]
    fn active_tokens_of_other_kinds_are_told_from_access_tokens() {
        let kind = |members: &str, untyped| {
            let json = format!(r#"{{"active":true{members}}}"#);
            Said::read(&json).unwrap().check_kind(untyped).is_ok()
        };
        for good in ["Bearer", "bearer", "DPoP", "access_token"] {
            assert!(kind(&format!(r#","token_type":"{good}""#), false), "{good}");
        }
        for bad in ["refresh_token", "id_token", "N_A", "mac", ""] {
            assert!(!kind(&format!(r#","token_type":"{bad}""#), true), "{bad}");
        }
        assert!(!kind("", false) && kind("", true));
        assert!(!kind(r#","token_type":"Bearer","token_use":"refresh_token""#, false));
        assert!(kind(r#","token_type":"Bearer","token_use":"access_token","typ":"Bearer""#, false));
        for typ in ["Refresh", "ID", "offline"] {
            assert!(!kind(&format!(r#","token_type":"Bearer","typ":"{typ}""#), true), "{typ}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in r#"\{"(active|token_type|typ)":[\{\}\[\]",:0-9a-z\\ -]{0,30}\}"#) {
            let _ = Said::read(&text).map(|said| said.check_kind(true));
        }
    }
}
