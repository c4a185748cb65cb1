use std::sync::LazyLock;

use http::Request;
use http::header::{CONTENT_TYPE, HOST};
use jwt_core::guard::Policy;
use jwt_core::mcp::McpResource;
use jwt_core::{Authenticator, KeySet, TrustedIssuer};
use serde_json::Value;

use crate::now;
use crate::reference::Json;

/// Everybody may call every tool but one, which nobody may without a token.
static RESOURCE: LazyLock<McpResource<()>> = LazyLock::new(|| {
    let keys = KeySet::hs256([7; 32]).expect("it is long enough");
    McpResource::builder("https://mcp.example.com/mcp")
        .trusted_server(TrustedIssuer::new("https://login.example.com", keys))
        .tool("delete", Policy::scope("admin"))
        .build_with(Authenticator::builder().optional())
        .expect("it is complete")
});

/// The revision from which on a header field has to name it.
const WITH_FIELDS: &str = "2026-07-28";
const MAX_BATCH: usize = 100;

/// A body of JSON-RPC. True where it reaches the handler.
pub fn json_rpc(data: &[u8]) -> bool {
    let request = Request::post("/mcp").header(HOST, "mcp.example.com").header(CONTENT_TYPE, "application/json");
    let request = request.body(()).expect("it is well-formed");
    let admitted = now(RESOURCE.admit(&request, async |_| Ok(data)));
    let calls = calls(data);
    match (&admitted, &calls) {
        (Ok(call), Some(calls)) => {
            assert!(!calls.contains(&true), "{data:?}");
            assert_eq!(call.body, Some(data));
            assert!(!serde_json_calls(data), "{data:?}");
        }
        (Err(response), Some(calls)) => {
            assert_eq!(response.status(), 401, "{data:?}");
            assert!(calls.contains(&true), "{data:?}");
        }
        (Err(response), None) => assert_eq!(response.status(), 400, "{data:?}"),
        (Ok(_), None) => panic!("the model refuses {data:?}"),
    }
    admitted.is_ok()
}

/// Whether a reader that takes the last of several members finds a call of the guarded tool.
fn serde_json_calls(data: &[u8]) -> bool {
    let value: Value = serde_json::from_slice(data).unwrap_or_default();
    let is_call = |value: &Value| value["method"] == "tools/call" && value["params"]["name"] == "delete";
    is_call(&value) || value.as_array().is_some_and(|messages| messages.iter().any(is_call))
}

/// Of each message, whether it calls the guarded tool; `None` where one is no message.
fn calls(data: &[u8]) -> Option<Vec<bool>> {
    let json: Json = serde_json::from_slice(data).ok()?;
    if json.has_duplicates() || json.has_private_names() {
        return None;
    }
    match &json {
        Json::Array(messages) if (1..=MAX_BATCH).contains(&messages.len()) => messages.iter().map(calls_it).collect(),
        message => Some(vec![calls_it(message)?]),
    }
}

fn calls_it(message: &Json) -> Option<bool> {
    let Json::Object(_) = message else { return None };
    if message.get("jsonrpc")?.text()? != "2.0" {
        return None;
    }
    let outcomes = ["result", "error"].into_iter().filter(|name| message.get(name).is_some()).count();
    match message.get("id") {
        Some(Json::Text(_) | Json::Unsigned(_) | Json::Negative(_) | Json::Float(_)) => {}
        None if outcomes == 0 => {}
        _ => return None,
    }
    let params = message.get("params");
    let meta = match params {
        Some(params @ Json::Object(_)) => params.get("_meta"),
        Some(_) => return None,
        None => None,
    };
    let version = match meta {
        Some(meta @ Json::Object(_)) => meta.get("io.modelcontextprotocol/protocolVersion"),
        Some(_) => return None,
        None => None,
    };
    if let Some(version) = version
        && version.text()? >= WITH_FIELDS
    {
        return None;
    }
    let Some(method) = message.get("method") else { return (outcomes == 1 && params.is_none()).then_some(false) };
    let method = method.text()?;
    if outcomes > 0 {
        return None;
    }
    let subject = match method {
        "tools/call" | "prompts/get" => "name",
        "resources/read" => "uri",
        _ => return Some(false),
    };
    let name = params?.get(subject)?.text()?;
    Some(method == "tools/call" && name == "delete")
}
