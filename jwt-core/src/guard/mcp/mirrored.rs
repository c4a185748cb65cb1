//! Header fields that mirror the body: whoever routes or limits by them must see what the handler does.

use std::borrow::Cow;

use http::HeaderName;

use super::error::McpError;
use super::message::{Message, subject_of};
use super::site::{Twice, only};
use crate::request::RequestHead;

pub(super) const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
const METHOD: HeaderName = HeaderName::from_static("mcp-method");
const NAME: HeaderName = HeaderName::from_static("mcp-name");

/// The revision that made the fields a duty.
const WITH_FIELDS: &[u8] = b"2026-07-28";
/// The one revision that has batches, and that of a client which says none.
const WITH_BATCHES: &[u8] = b"2025-03-26";

/// What the values of a name begin and end with that is in Base64.
const ENCODED: (&[u8], &[u8]) = (b"=?base64?", b"?=");

/// Whether the client may send several messages in one body.
pub(super) fn may_batch(head: &impl RequestHead) -> bool {
    matches!(only(head, &PROTOCOL_VERSION), Ok(None | Some(WITH_BATCHES)))
}

/// Whether the fields say what the message says. Those that are there must, whatever the revision; that they are there is a
/// duty of requests since 2026-07-28.
pub(super) fn check(head: &impl RequestHead, message: &Message<'_>) -> Result<(), McpError> {
    let field =
        |name: &HeaderName, field: &'static str| only(head, name).map_err(|Twice| McpError::HeaderMismatch { field });
    let version = field(&PROTOCOL_VERSION, "MCP-Protocol-Version")?;
    let method = field(&METHOD, "Mcp-Method")?;
    let name = field(&NAME, "Mcp-Name")?;
    let needed = version == Some(WITH_FIELDS) && message.is_request();

    let says_version = match (version, message.version.as_deref()) {
        (Some(said), Some(version)) => said == version.as_bytes(),
        (None, Some(version)) => version.as_bytes() < WITH_FIELDS,
        (_, None) => true,
    };
    let says_method = match method {
        Some(said) => said == message.method().as_bytes(),
        None => !needed,
    };
    let says_name = match (name, message.name.as_deref()) {
        (Some(said), Some(name)) => decoded(said).is_some_and(|said| *said == *name.as_bytes()),
        (None, name) => !(needed && name.is_some()),
        // What is about nothing that a guard knows of may mirror whatever it likes.
        (Some(_), None) => subject_of(message.method()).is_none(),
    };
    for (holds, field) in [(says_version, "MCP-Protocol-Version"), (says_method, "Mcp-Method"), (says_name, "Mcp-Name")]
    {
        if !holds {
            return Err(McpError::HeaderMismatch { field });
        }
    }
    Ok(())
}

/// The name in a field. `None` where it is no text that a client may write.
fn decoded(value: &[u8]) -> Option<Cow<'_, [u8]>> {
    if !value.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~')) {
        return None;
    }
    let encoded = value.strip_prefix(ENCODED.0).and_then(|rest| rest.strip_suffix(ENCODED.1));
    match encoded {
        Some(encoded) => base64_simd::STANDARD.decode_to_vec(encoded).ok().map(Cow::Owned),
        None => Some(Cow::Borrowed(value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::mcp::message::{Messages, read};

    fn checked(fields: &[(&str, &str)], body: &str) -> Result<(), McpError> {
        let mut request = http::Request::post("/mcp");
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let Ok(Messages::One(message)) = read(body.as_bytes(), 1) else { panic!("no message: {body}") };
        check(&request.body(()).unwrap(), &message)
    }

    const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"größe"}}"#;
    const VERSION: (&str, &str) = ("mcp-protocol-version", "2026-07-28");
    const METHOD: (&str, &str) = ("mcp-method", "tools/call");
    const NAME: (&str, &str) = ("mcp-name", "=?base64?Z3LDtsOfZQ==?=");

    #[test]
    fn a_name_is_compared_as_it_is_meant() {
        assert_eq!(checked(&[VERSION, METHOD, NAME], CALL), Ok(()));
        let mismatch = Err(McpError::HeaderMismatch { field: "Mcp-Name" });
        for name in
            ["=?base64?Z3LDtsOfZQ?=", "=?base64?Z3LDtsOf?=", "=?BASE64?Z3LDtsOfZQ==?=", "=?base64?!?=", "größe", ""]
        {
            assert_eq!(checked(&[VERSION, METHOD, ("mcp-name", name)], CALL), mismatch, "{name}");
        }
        let literal = CALL.replace("größe", "=?base64?YQ==?=");
        assert_eq!(checked(&[VERSION, METHOD, ("mcp-name", "=?base64?YQ==?=")], &literal), mismatch);
    }

    #[test]
    fn what_is_there_must_hold_whatever_the_revision() {
        for version in [None, Some(("mcp-protocol-version", "2025-06-18")), Some(VERSION)] {
            let with = |more: &[(&'static str, &'static str)]| {
                checked(&version.into_iter().chain(more.iter().copied()).collect::<Vec<_>>(), CALL)
            };
            assert_eq!(with(&[METHOD, NAME]), Ok(()), "{version:?}");
            for (fields, field) in [
                (vec![("mcp-method", "tools/list"), NAME], "Mcp-Method"),
                (vec![("mcp-method", "Tools/Call"), NAME], "Mcp-Method"),
                (vec![METHOD, METHOD, NAME], "Mcp-Method"),
                (vec![METHOD, ("mcp-name", "other")], "Mcp-Name"),
                (vec![METHOD, NAME, NAME], "Mcp-Name"),
            ] {
                assert_eq!(with(&fields), Err(McpError::HeaderMismatch { field }), "{version:?} {fields:?}");
            }
        }
    }

    #[test]
    fn they_are_a_duty_of_requests_of_the_revision_that_has_them() {
        let missing = |field| Err(McpError::HeaderMismatch { field });
        assert_eq!(checked(&[VERSION, NAME], CALL), missing("Mcp-Method"));
        assert_eq!(checked(&[VERSION, METHOD], CALL), missing("Mcp-Name"));
        assert_eq!(checked(&[("mcp-protocol-version", "2025-11-25")], CALL), Ok(()));
        assert_eq!(checked(&[VERSION], r#"{"jsonrpc":"2.0","method":"notifications/x"}"#), Ok(()));
        let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
        assert_eq!(checked(&[VERSION, ("mcp-method", "tools/list")], list), Ok(()));
    }

    #[test]
    fn the_revision_is_that_of_the_body() {
        let body = |version: &str| {
            format!(
                r#"{{"jsonrpc":"2.0","id":1,"method":"ping","params":{{"_meta":{{"io.modelcontextprotocol/protocolVersion":"{version}"}}}}}}"#
            )
        };
        let ping = ("mcp-method", "ping");
        assert_eq!(checked(&[VERSION, ping], &body("2026-07-28")), Ok(()));
        let mismatch = Err(McpError::HeaderMismatch { field: "MCP-Protocol-Version" });
        for (fields, version) in [
            (vec![VERSION, ping], "2025-11-25"),
            (vec![ping], "2026-07-28"),
            (vec![VERSION, VERSION, ping], "2026-07-28"),
        ] {
            assert_eq!(checked(&fields, &body(version)), mismatch, "{fields:?}");
        }
    }

    #[test]
    fn batches_are_for_the_revision_that_has_them() {
        let may = |versions: &[&str]| {
            let mut request = http::Request::post("/mcp");
            for version in versions {
                request = request.header(PROTOCOL_VERSION, *version);
            }
            may_batch(&request.body(()).unwrap())
        };
        assert!(may(&[]) && may(&["2025-03-26"]));
        assert!(!may(&["2025-06-18"]) && !may(&["2026-07-28"]) && !may(&["2025-03-26", "2025-03-26"]));
    }
}
