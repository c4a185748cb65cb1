//! JSON-RPC 2.0 as a client of the Model Context Protocol sends it: what a message asks for, read strictly and in one pass.
//!
//! What a guard reads and what a handler reads must be the same. So nothing passes here that two readers could take for two
//! things: no name twice in an object, at any depth; no name that serde_json alone understands; nothing around the text.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::error::McpError;
use crate::json::{NameSeed, ReadError, StrictSeed, read_strictly};

/// The member of `_meta` by which a request says which revision it is of.
const PROTOCOL_VERSION: &str = "io.modelcontextprotocol/protocolVersion";

/// The messages of a body.
#[derive(Debug, PartialEq)]
pub(super) enum Messages<'t> {
    One(Message<'t>),
    /// Only the revision 2025-03-26 has it.
    Batch(Vec<Message<'t>>),
}

/// A message, as far as it is looked at.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Message<'t> {
    /// `None` for a notification.
    pub(super) id: Option<Value>,
    /// `None` for a response.
    pub(super) method: Option<Cow<'t, str>>,
    /// `params.name`, or `params.uri` of a method whose subject that is.
    pub(super) name: Option<Cow<'t, str>>,
    /// Of `params._meta`.
    pub(super) version: Option<Cow<'t, str>>,
}

impl Message<'_> {
    pub(super) fn is_request(&self) -> bool {
        self.method.is_some() && self.id.is_some()
    }

    pub(super) fn method(&self) -> &str {
        self.method.as_deref().unwrap_or_default()
    }
}

/// Where the name is of what a method is about. `None` for a method that has none.
pub(super) fn subject_of(method: &str) -> Option<&'static str> {
    match method {
        "tools/call" | "prompts/get" => Some("name"),
        "resources/read" => Some("uri"),
        _ => None,
    }
}

/// Reads a body, with no more than this many messages in it.
pub(super) fn read(body: &[u8], most: usize) -> Result<Messages<'_>, McpError> {
    let text = std::str::from_utf8(body).map_err(|_| McpError::Json)?;
    read_strictly(text, Body { most }).map_err(|error| match error {
        ReadError::Duplicate => McpError::Duplicate,
        ReadError::NotAnObject => McpError::Json,
        ReadError::Data(_) => McpError::Message,
    })
}

struct Body {
    most: usize,
}

impl<'de> DeserializeSeed<'de> for Body {
    type Value = Messages<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Messages<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Body {
    type Value = Messages<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a message of JSON-RPC")
    }

    fn visit_map<A: MapAccess<'de>>(self, access: A) -> Result<Messages<'de>, A::Error> {
        MessageSeed.visit_map(access).map(Messages::One)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Messages<'de>, A::Error> {
        let mut messages = Vec::new();
        while let Some(message) = access.next_element_seed(MessageSeed)? {
            if messages.len() == self.most {
                return Err(A::Error::custom("too many messages"));
            }
            messages.push(message);
        }
        if messages.is_empty() { Err(A::Error::custom("no message")) } else { Ok(Messages::Batch(messages)) }
    }
}

struct MessageSeed;

impl<'de> DeserializeSeed<'de> for MessageSeed {
    type Value = Message<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Message<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for MessageSeed {
    type Value = Message<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of JSON-RPC")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Message<'de>, A::Error> {
        let mut message = Message::default();
        let (mut is_2_0, mut outcomes, mut params) = (false, 0, None);
        while let Some(name) = access.next_key_seed(NameSeed)? {
            match &*name {
                "jsonrpc" => is_2_0 = access.next_value_seed(NameSeed)? == "2.0",
                "id" => message.id = Some(access.next_value_seed(StrictSeed::<Value>(PhantomData))?),
                "method" => message.method = Some(access.next_value_seed(NameSeed)?),
                "params" => params = Some(access.next_value_seed(ParamsSeed)?),
                // A message with a method as well would be a request to one reader and a response to another.
                "result" | "error" => {
                    outcomes += 1;
                    access.next_value::<IgnoredAny>()?;
                }
                _ => {
                    access.next_value::<IgnoredAny>()?;
                }
            }
        }
        let has_good_id = match &message.id {
            Some(Value::String(_) | Value::Number(_)) => true,
            Some(_) => false,
            None => outcomes == 0,
        };
        let is_request_or_response = message.method.is_some() == (outcomes == 0) && outcomes < 2;
        if !(is_2_0 && has_good_id && is_request_or_response) || (outcomes > 0 && params.is_some()) {
            return Err(A::Error::custom("not a message of JSON-RPC"));
        }
        let params = params.unwrap_or_default();
        message.version = params.version;
        if let Some(subject) = subject_of(message.method()) {
            let named = if subject == "uri" { params.uri } else { params.name };
            message.name = Some(named.ok_or_else(|| A::Error::custom("no subject"))?);
        }
        Ok(message)
    }
}

/// What is looked at of `params`.
#[derive(Default)]
struct Params<'t> {
    name: Option<Cow<'t, str>>,
    uri: Option<Cow<'t, str>>,
    version: Option<Cow<'t, str>>,
}

struct ParamsSeed;

impl<'de> DeserializeSeed<'de> for ParamsSeed {
    type Value = Params<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Params<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ParamsSeed {
    type Value = Params<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of parameters")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Params<'de>, A::Error> {
        let mut params = Params::default();
        while let Some(name) = access.next_key_seed(NameSeed)? {
            match &*name {
                "name" => params.name = access.next_value_seed(MaybeText)?,
                "uri" => params.uri = access.next_value_seed(MaybeText)?,
                "_meta" => params.version = access.next_value_seed(MetaSeed)?,
                _ => {
                    access.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(params)
    }
}

struct MetaSeed;

impl<'de> DeserializeSeed<'de> for MetaSeed {
    type Value = Option<Cow<'de, str>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for MetaSeed {
    type Value = Option<Cow<'de, str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of metadata")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let mut version = None;
        while let Some(name) = access.next_key_seed(NameSeed)? {
            if name == PROTOCOL_VERSION {
                version = Some(access.next_value_seed(NameSeed)?);
            } else {
                access.next_value::<IgnoredAny>()?;
            }
        }
        Ok(version)
    }
}

/// A text, or any other value, which counts as none.
struct MaybeText;

impl<'de> DeserializeSeed<'de> for MaybeText {
    type Value = Option<Cow<'de, str>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for MaybeText {
    type Value = Option<Cow<'de, str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Some(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(text.to_owned())))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        while access.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        while access.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn one(text: &str) -> Result<Message<'_>, McpError> {
        match read(text.as_bytes(), 3)? {
            Messages::One(message) => Ok(message),
            Messages::Batch(_) => panic!("a batch: {text}"),
        }
    }

    #[test]
    fn what_a_message_asks_for_is_read_wherever_it_stands() {
        let text = r#"{"params":{"arguments":{"name":"other","method":"x"},"\u006eame":"dele\u0074e","_meta":
            {"io.modelcontextprotocol/protocolVersion":"2026-07-28"}},"id":7,"method":"tools/call","jsonrpc":"2.0"}"#;
        let message = one(text).unwrap();
        assert_eq!((message.method(), message.name.as_deref()), ("tools/call", Some("delete")));
        assert_eq!((message.id, message.version.as_deref()), (Some(json!(7)), Some("2026-07-28")));

        let read = one(r#"{"jsonrpc":"2.0","id":"a","method":"resources/read","params":{"uri":"file:///a","name":1}}"#);
        assert_eq!(read.unwrap().name.as_deref(), Some("file:///a"));
        let other = one(r#"{"jsonrpc":"2.0","id":"a","method":"x","params":{"name":{"a":[1,null,true,1.5]}}}"#);
        assert_eq!(other.unwrap().name, None);
        assert!(!one(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#).unwrap().is_request());
        assert_eq!(one(r#"{"jsonrpc":"2.0","id":1,"result":{"method":"tools/call"}}"#).unwrap().method, None);
        assert_eq!(one(r#"{"jsonrpc":"2.0","id":1,"error":{}}"#).unwrap().method, None);
    }

    #[test]
    fn what_two_readers_could_read_differently_is_read_by_nobody() {
        for text in [
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call"}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"open","n\u0061me":"admin"}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":{},"params":{"name":"admin"}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":{"b":[{"c":1,"c":2}]}}}"#,
        ] {
            assert_eq!(one(text), Err(McpError::Duplicate), "{text}");
        }
        for text in [
            r#"{"$serde_json::private::RawValue":"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}"}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"$serde_json::private::RawValue":"{\"name\":\"admin\"}","name":"open"}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":{"$serde_json::private::RawValue":"\"admin\""}}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":{"$serde_json::private::Number":"1"}}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"ping"} {"jsonrpc":"2.0","id":1,"method":"tools/call"}"#,
            "\u{feff}{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}",
            r#"{"jsonrpc":"2.0","id":1,"method":"ping",}"#,
            "",
            "{",
        ] {
            assert_eq!(one(text), Err(McpError::Json), "{text}");
        }
        // Spelled with an escape it is found as late as when it is read.
        let escaped =
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":{"\u0024serde_json::private::RawValue":"{}"}}"#;
        assert_eq!(one(escaped), Err(McpError::Duplicate));
        assert_eq!(read(b"{\"jsonrpc\":\"\xff\"}", 3), Err(McpError::Json));
    }

    #[test]
    fn what_is_no_message_of_the_protocol_is_refused() {
        for text in [
            "1",
            "null",
            r#""ping""#,
            "{}",
            r#"{"id":1,"method":"ping"}"#,
            r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#,
            r#"{"jsonrpc":2.0,"id":1,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":1}"#,
            r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":{},"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":7}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":null}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":{"_meta":7}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":{},"error":{}}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":{},"params":{"name":"x"}}"#,
            r#"{"jsonrpc":"2.0","result":{}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call"}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":["admin"]}}"#,
            r#"{"jsonrpc":"2.0","method":"tools/call","params":{"uri":"admin"}}"#,
        ] {
            assert_eq!(one(text), Err(McpError::Message), "{text}");
        }
    }

    #[test]
    fn a_batch_is_read_as_a_whole_and_bounded() {
        let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
        let batch = |count: usize| format!("[{}]", vec![ping; count].join(","));
        let three = batch(3);
        let Ok(Messages::Batch(messages)) = read(three.as_bytes(), 3) else { panic!("it is a batch") };
        assert_eq!(messages.len(), 3);
        for text in [batch(4), batch(0), format!("[{ping},1]"), format!("[[{ping}]]")] {
            assert!(read(text.as_bytes(), 3).is_err(), "{text}");
        }
    }

    #[test]
    fn depth_is_bounded() {
        let deep = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"ping","params":{{"a":{}{}}}}}"#,
            "[".repeat(100_000),
            "]".repeat(100_000)
        );
        assert_eq!(one(&deep), Err(McpError::Json));
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in r#"[\{\}\[\]",:0-9a-z\\ -]{0,60}"#) {
            let _ = read(text.as_bytes(), 3);
        }

        #[test]
        fn it_reads_what_serde_json_reads(method in ".{0,12}", name in ".{0,12}", id in any::<i64>()) {
            let text = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": {"name": name}}).to_string();
            let message = one(&text).unwrap();
            prop_assert_eq!(message.method(), &*method);
            prop_assert_eq!(message.id, Some(json!(id)));
        }
    }
}
