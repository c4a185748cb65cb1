//! JSON as a token may hold it: one object, no duplicate members at any depth, nothing around it.
//!
//! serde_json reads; the wrappers here only look on while it does, so that the application's type, the registered
//! claims and the duplicate check share one pass.

mod replay;
mod strict;
mod trail;

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, Error, Visitor};

pub(crate) use replay::{Name, Replay};
pub(crate) use strict::Strict;
pub(crate) use trail::{DataError, Trail};

/// The message by which a duplicate member is known again once serde_json has wrapped it.
const DUPLICATE: &str = "duplicate member name";

/// How the names begin by which serde_json tells its own types (raw values, numbers of any precision) that come along as
/// maps. In a text that a stranger wrote they would be taken for such a type, and what it holds would not be looked at.
const PRIVATE_NAME: &str = "$serde_json::private::";

/// Reads `text` as exactly one JSON object into `seed`.
pub(crate) fn read_object<'de, S: DeserializeSeed<'de>>(text: &'de str, seed: S) -> Result<S::Value, ReadError> {
    // White space around a JSON text is part of it (RFC 8259 §2): tokens that a shell or Google has made have some.
    if !(bare(text).starts_with('{') && bare(text).ends_with('}')) {
        return Err(ReadError::NotAnObject);
    }
    read_text(text, seed)
}

/// Reads `text` as exactly one JSON value into `seed`, which says what it may be, without duplicate members at any depth.
#[cfg_attr(not(feature = "mcp"), expect(dead_code, reason = "only messages of JSON-RPC are read as this"))]
pub(crate) fn read_strictly<'de, S: DeserializeSeed<'de>>(text: &'de str, seed: S) -> Result<S::Value, ReadError> {
    read_text(text, Strict(seed, &Trail::default()))
}

/// Reads `text` into a type.
///
/// # Errors
/// The path of what does not fit the type, and what serde_json says of it.
#[cfg_attr(not(feature = "login"), expect(dead_code, reason = "only what a login keeps is read as this"))]
pub(crate) fn read_into<T: DeserializeOwned>(text: &str) -> Result<T, (String, DataError)> {
    let trail = Trail::default();
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let read = T::deserialize(Strict(&mut deserializer, &trail));
    let read = read.and_then(|value| deserializer.end().map(|()| value));
    read.map_err(|error| (trail.path(), DataError(error.to_string().into())))
}

fn read_text<'de, S: DeserializeSeed<'de>>(text: &'de str, seed: S) -> Result<S::Value, ReadError> {
    if memchr::memchr(b'$', text.as_bytes()).is_some() && has_private_name(text) {
        return Err(ReadError::NotAnObject);
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = seed.deserialize(&mut deserializer).map_err(|error| ReadError::of(&error))?;
    deserializer.end().map_err(|error| ReadError::of(&error))?;
    Ok(value)
}

/// Without the white space of JSON around it.
fn bare(text: &str) -> &str {
    text.trim_matches([' ', '\t', '\n', '\r'])
}

/// Whether a member is named like a type of serde_json's own. Names with an escape in them are found when they are read.
/// A string that is a value may hold anything.
fn has_private_name(text: &str) -> bool {
    let bytes = text.as_bytes();
    let mut found = memchr::memmem::find_iter(bytes, PRIVATE_NAME).peekable();
    let mut at = 0;
    while found.peek().is_some() {
        let Some(quote) = memchr::memchr(b'"', &bytes[at..]).map(|quote| at + quote) else { return false };
        let Some(end) = string_end(bytes, quote + 1) else { return false };
        let begins_there = found.next_if(|place| *place == quote + 1).is_some();
        if begins_there && bytes.get(skip_blank(bytes, end + 1)) == Some(&b':') {
            return true;
        }
        while found.next_if(|place| *place <= end).is_some() {}
        at = end + 1;
    }
    false
}

/// Where the string ends whose text begins there.
pub(crate) fn string_end(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at += memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes.get(at) == Some(&b'"') {
            return Some(at);
        }
        at += 2;
    }
}

/// Where the white space ends that may begin there.
pub(crate) fn skip_blank(bytes: &[u8], mut at: usize) -> usize {
    while matches!(bytes.get(at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
        at += 1;
    }
    at
}

/// Why a text could not be read.
#[derive(Debug)]
pub(crate) enum ReadError {
    NotAnObject,
    Duplicate,
    /// It does not fit the type.
    Data(DataError),
}

impl ReadError {
    fn of(error: &serde_json::Error) -> Self {
        match error.classify() {
            serde_json::error::Category::Data => {
                let message = error.to_string();
                if message.starts_with(DUPLICATE) { Self::Duplicate } else { Self::Data(DataError(message.into())) }
            }
            _ => Self::NotAnObject,
        }
    }
}

/// How many names of one object are kept without an allocation.
const FEW: usize = 16;

/// The member names of one object so far.
#[derive(Default)]
pub(crate) struct Names<'de> {
    /// One bit per (length, first, last character): two names that differ in their bits differ.
    bits: u64,
    few: [&'de str; FEW],
    count: usize,
    /// The names past the first few, and those with an escape in them, which have no place in the text.
    many: HashSet<Cow<'de, str>>,
    /// The last name, if it is one of those.
    late: Option<Cow<'de, str>>,
}

impl<'de> Names<'de> {
    /// Notes a name; an error where it was there already.
    #[expect(clippy::ptr_arg, reason = "a borrowed name is kept, an owned one is copied")]
    pub(crate) fn insert<E: Error>(&mut self, name: &Cow<'de, str>) -> Result<(), E> {
        let bit = Self::bit(name);
        if self.bits & bit != 0 && self.holds(name) {
            return Err(E::custom(DUPLICATE));
        }
        self.bits |= bit;
        if let (Cow::Borrowed(name), Some(place)) = (name, self.few.get_mut(self.count)) {
            *place = name;
            self.count += 1;
            if self.late.is_some() {
                self.late = None;
            }
            return Ok(());
        }
        // Spelled with an escape, so that it did not stand in the text as it is.
        if matches!(name, Cow::Owned(name) if name.starts_with(PRIVATE_NAME)) {
            return Err(E::custom(DUPLICATE));
        }
        self.many.insert(name.clone());
        self.late = Some(name.clone());
        Ok(())
    }

    /// The last name that was noted.
    pub(crate) fn last(&self) -> &str {
        let few = || self.few[..self.count].last().copied().unwrap_or_default();
        self.late.as_deref().unwrap_or_else(few)
    }

    /// The factors tell the registered claims and the most frequent others from each other.
    fn bit(name: &str) -> u64 {
        let (Some(first), Some(last)) = (name.as_bytes().first(), name.as_bytes().last()) else { return 1 };
        1 << ((name.len() + 27 * usize::from(*first) + 4 * usize::from(*last)) % 64)
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        self.bits & Self::bit(name) != 0 && self.holds(name)
    }

    fn holds(&self, name: &str) -> bool {
        self.few[..self.count].contains(&name) || self.many.contains(name)
    }
}

/// A member name, borrowed from the text where it has no escape.
pub(crate) struct NameSeed;

impl<'de> DeserializeSeed<'de> for NameSeed {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        struct NameVisitor;

        impl<'de> Visitor<'de> for NameVisitor {
            type Value = Cow<'de, str>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Cow::Borrowed(text))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Cow::Owned(text.to_owned()))
            }
        }

        deserializer.deserialize_str(NameVisitor)
    }
}

/// A value that only has to be well-formed.
pub(crate) struct Skip;

impl<'de> DeserializeSeed<'de> for Skip {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        Strict(deserializer, &Trail::default()).deserialize_ignored_any(serde::de::IgnoredAny).map(drop)
    }
}

/// A value of type `T`, without duplicate members at any depth.
pub(crate) struct StrictSeed<T>(pub(crate) PhantomData<T>);

impl<'de, T: Deserialize<'de>> DeserializeSeed<'de> for StrictSeed<T> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        T::deserialize(Strict(deserializer, &Trail::default()))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde_json::value::RawValue;
    use serde_json::{Value, json};

    use super::*;

    fn read<'de, T: Deserialize<'de>>(text: &'de str) -> Result<T, ReadError> {
        read_object(text, StrictSeed(PhantomData))
    }

    #[test]
    fn duplicates_are_found_at_every_depth_and_behind_escapes() {
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{"x":{"a":1,"a":2}}"#,
            r#"{"x":[0,{"a":1,"a":2}]}"#,
            r#"{"":1,"":2}"#,
        ] {
            assert!(matches!(read::<Value>(text), Err(ReadError::Duplicate)), "{text}");
            assert!(matches!(read_object(text, Skip), Err(ReadError::Duplicate)), "{text} skipped");
        }
    }

    #[test]
    fn names_that_mean_something_to_serde_json_alone_are_refused() {
        for text in [
            r#"{"$serde_json::private::RawValue":"{\"a\":1,\"a\":2}"}"#,
            r#"{"x":{"$serde_json::private::RawValue":"[]"}}"#,
            r#"{"x":{"$serde_json::private::Number":"1"}}"#,
            r#"{"x":{"\u0024serde_json::private::RawValue":"[]"}}"#,
            r#"{"x":{"$serde_json::privat\u0065::RawValue":"[]"}}"#,
        ] {
            assert!(read::<Value>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_value_may_hold_anything() {
        for text in [
            r#"{"$ref":"$5"}"#,
            r#"{"a":"$serde_json::private::RawValue"}"#,
            r#"{"a":["$serde_json::private::Number",{"b":"$serde_json::private::RawValue"}]}"#,
            r#"{"a":"say \"$serde_json::private::RawValue\": that","b":1}"#,
            r#"{"a":"x$serde_json::private::RawValue"}"#,
        ] {
            assert_eq!(read::<Value>(text).unwrap(), serde_json::from_str::<Value>(text).unwrap(), "{text}");
        }
    }

    #[test]
    fn duplicates_are_found_in_what_a_type_takes_unread() {
        #[derive(Debug, Deserialize)]
        struct Unread<'a> {
            #[serde(borrow)]
            borrowed: &'a RawValue,
            owned: Box<RawValue>,
            maybe: Option<Box<RawValue>>,
            #[serde(default)]
            many: Vec<Box<RawValue>>,
        }
        let text = r#"{"borrowed": {"a": [1, {"b":2}]},"owned":"x","maybe":null,"many":[{},[7.50]]}"#;
        let read_back = read::<Unread<'_>>(text).unwrap();
        assert_eq!(read_back.borrowed.get(), r#"{"a": [1, {"b":2}]}"#);
        assert_eq!((read_back.owned.get(), read_back.maybe.is_some()), ("\"x\"", false));
        assert_eq!(read_back.many.iter().map(|one| one.get()).collect::<Vec<_>>(), ["{}", "[7.50]"]);
        for place in ["borrowed", "owned", "maybe"] {
            let mut members = [("borrowed", "1"), ("owned", "1"), ("maybe", "1")];
            for value in [r#"{"a":1,"a":2}"#, r#"[{"b":{"a":1,"\u0061":2}}]"#] {
                members.iter_mut().filter(|(name, _)| *name == place).for_each(|member| member.1 = value);
                let text = members.map(|(name, value)| format!("\"{name}\":{value}")).join(",");
                assert!(matches!(read::<Unread<'_>>(&format!("{{{text}}}")), Err(ReadError::Duplicate)), "{text}");
            }
        }
    }

    #[test]
    fn white_space_of_json_may_stand_around_the_object_and_nothing_else_may() {
        for text in [" {}", "{} ", "{}\n", "\r\n\t {\"a\":1}\r\n\t "] {
            assert!(read::<Value>(text).is_ok(), "{text:?}");
        }
        for text in ["\u{feff}{}", "{}\0", "\u{a0}{}", "{}\u{2028}", "\u{b}{}", "{}\u{c}", ",{}", "{};", " "] {
            assert!(read::<Value>(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn names_past_the_first_few_are_still_told_apart() {
        let names: Vec<String> = (0..200).map(|n| format!("\"claim{n}\":{n}")).collect();
        let object = format!("{{{}}}", names.join(","));
        assert!(read::<Value>(&object).is_ok());
        for twice in [0, 30, 199] {
            let object = format!("{{{},\"claim{twice}\":0}}", names.join(","));
            assert!(matches!(read::<Value>(&object), Err(ReadError::Duplicate)), "{twice}");
        }
    }

    #[test]
    fn anything_but_one_object_is_refused() {
        for text in [
            "",
            " ",
            "[]",
            "1",
            "null",
            "\"{}\"",
            "{",
            "}",
            "{}{}",
            "{}x",
            "\u{feff}{}",
            "{}\0",
            "{\"a\":1,}",
            "{a:1}",
            "{'a':1}",
            "{\"a\":01}",
            "{\"a\":NaN}",
            "{\"a\":1}}",
            "{\"a\":\"\u{1}\"}",
        ] {
            assert!(read::<Value>(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn depth_is_bounded() {
        let deep = |n: usize| format!("{{\"a\":{}{}}}", "[".repeat(n), "]".repeat(n));
        assert!(read::<Value>(&deep(50)).is_ok());
        assert!(read::<Value>(&deep(200)).is_err());
        assert!(read_object(&deep(100_000), Skip).is_err());
    }

    #[test]
    fn types_beyond_maps_of_strings_are_read_as_serde_json_reads_them() {
        #[derive(Debug, PartialEq, Deserialize)]
        #[serde(rename_all = "lowercase")]
        enum Kind {
            Unit,
            New(u8),
            Tuple(u8, u8),
            Struct { a: u8 },
        }
        #[derive(Debug, PartialEq, Deserialize)]
        struct Odd<'a> {
            kinds: Vec<Kind>,
            numbers: BTreeMap<i32, bool>,
            by_kind: BTreeMap<char, Option<u8>>,
            text: &'a str,
            wrapped: std::num::Wrapping<u64>,
            nothing: (),
            float: f32,
        }
        let text = r#"{"kinds":["unit",{"new":1},{"tuple":[1,2]},{"struct":{"a":3}}],"numbers":{"-5":true,"7":false},
            "by_kind":{"x":null,"y":3},"text":"borrowed","wrapped":9,"nothing":null,"float":1.5}"#;
        assert_eq!(read::<Odd<'_>>(text).unwrap(), serde_json::from_str::<Odd<'_>>(text).unwrap());
        assert!(read::<Odd<'_>>(&text.replace(r#"{"a":3}"#, r#"{"a":3,"b":1,"b":2}"#)).is_err());
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(".{0,4}", inner, 0..6).prop_map(|map| json!(map)),
            ]
        })
    }

    proptest! {
        #[test]
        fn without_duplicates_it_reads_what_serde_json_reads(map in prop::collection::btree_map(".{0,4}", any_json(), 0..6)) {
            let text = serde_json::to_string(&map).unwrap();
            prop_assert_eq!(read::<Value>(&text).unwrap(), serde_json::from_str::<Value>(&text).unwrap());
        }

        #[test]
        fn no_text_makes_the_reader_panic(text in r#"[\{\}\[\]",:0-9a-z\\ -]{0,40}"#) {
            let _ = read::<Value>(&text);
            let _ = read_object(&text, Skip);
        }
    }
}
