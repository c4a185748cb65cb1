//! Lists of tools, without those that their reader may not call. All else of an answer stays as it is, byte for byte.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::error::McpError;

/// Which tools are left in.
pub(super) trait Keep {
    /// Whether the tool of that name is shown.
    async fn keeps(&self, name: &str) -> bool;
}

/// A message of an answer, as far as it is looked at.
#[derive(Deserialize)]
struct Answer<'t> {
    #[serde(borrow, default)]
    result: Option<Listed<'t>>,
}

#[derive(Deserialize)]
struct Listed<'t> {
    #[serde(borrow, default)]
    tools: Option<&'t RawValue>,
}

#[derive(Deserialize)]
struct Tool<'t> {
    #[serde(borrow)]
    name: Cow<'t, str>,
}

/// An answer of this media type, with no other tools in it than those that are kept.
pub(super) async fn filtered(media_type: &[u8], body: &[u8], keep: &impl Keep) -> Result<Vec<u8>, McpError> {
    let body = std::str::from_utf8(body).map_err(|_| McpError::List("no text"))?;
    let essence = media_type.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    let is = |name: &[u8]| essence.eq_ignore_ascii_case(name);
    if is(b"application/json") {
        Ok(of_json(body, keep).await?.into_owned().into_bytes())
    } else if is(b"text/event-stream") {
        Ok(of_events(body, keep).await?.into_bytes())
    } else if body.is_empty() {
        Ok(Vec::new())
    } else {
        Err(McpError::List("neither JSON nor a stream of events"))
    }
}

/// One message or several.
async fn of_json<'t>(text: &'t str, keep: &impl Keep) -> Result<Cow<'t, str>, McpError> {
    let refused = |_| McpError::List("no JSON");
    if !text.trim_start().starts_with('[') {
        return of_message(text, keep).await;
    }
    let messages: Vec<&RawValue> = serde_json::from_str(text).map_err(refused)?;
    let mut filtered = Vec::with_capacity(messages.len());
    for message in messages {
        filtered.push(of_message(message.get(), keep).await?);
    }
    Ok(format!("[{}]", filtered.join(",")).into())
}

async fn of_message<'t>(text: &'t str, keep: &impl Keep) -> Result<Cow<'t, str>, McpError> {
    let answer: Answer<'_> = serde_json::from_str(text).map_err(|_| McpError::List("no answer of JSON-RPC"))?;
    let Some(listed) = answer.result.and_then(|result| result.tools) else { return Ok(text.into()) };
    let tools: Vec<&RawValue> = serde_json::from_str(listed.get()).map_err(|_| McpError::List("no list of tools"))?;
    let mut kept = Vec::with_capacity(tools.len());
    for tool in &tools {
        let named: Tool<'_> = serde_json::from_str(tool.get()).map_err(|_| McpError::List("a tool without a name"))?;
        if keep.keeps(&named.name).await {
            kept.push(tool.get());
        }
    }
    if kept.len() == tools.len() {
        return Ok(text.into());
    }
    // The list is a part of the text, so that the distance of their beginnings is its place.
    let at = listed.get().as_ptr() as usize - text.as_ptr() as usize;
    let (before, behind) = (&text[..at], &text[at + listed.get().len()..]);
    Ok(format!("{before}[{}]{behind}", kept.join(",")).into())
}

/// A stream of events (HTML §9.2.6), whose lines of data are one message per event.
async fn of_events(text: &str, keep: &impl Keep) -> Result<String, McpError> {
    let mut filtered = String::with_capacity(text.len());
    let (mut others, mut data) = (String::new(), Vec::new());
    // Any of the three ends of a line. An event that is not ended by an empty one is none.
    let lines = text.replace("\r\n", "\n").replace('\r', "\n");
    for line in lines.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')) {
        if line.is_empty() {
            filtered.push_str(&others);
            if !data.is_empty() {
                let message = data.join("\n");
                let message = if message.trim().is_empty() { message.into() } else { of_json(&message, keep).await? };
                for line in message.split('\n') {
                    filtered.push_str("data: ");
                    filtered.push_str(line);
                    filtered.push('\n');
                }
            }
            if !(others.is_empty() && data.is_empty()) {
                filtered.push('\n');
            }
            others.clear();
            data.clear();
        } else if let Some(value) = line.strip_prefix("data:").or((line == "data").then_some("")) {
            data.push(value.strip_prefix(' ').unwrap_or(value).to_owned());
        } else {
            others.push_str(line);
            others.push('\n');
        }
    }
    Ok(filtered)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct NotAdmin;

    impl Keep for NotAdmin {
        async fn keeps(&self, name: &str) -> bool {
            name != "admin"
        }
    }

    fn run<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
    }

    fn of(media_type: &str, body: &str) -> Result<String, McpError> {
        run(filtered(media_type.as_bytes(), body.as_bytes(), &NotAdmin)).map(|body| String::from_utf8(body).unwrap())
    }

    const LIST: &str = r#"{"jsonrpc":"2.0", "id":1,"result":{"x":1e400,"tools":[ {"name":"open","inputSchema":{"z":1,"a":0.10}}, {"name":"adm\u0069n"},{"name":"b"}],"nextCursor":"c"}}"#;
    const SHOWN: &str = r#"{"jsonrpc":"2.0", "id":1,"result":{"x":1e400,"tools":[{"name":"open","inputSchema":{"z":1,"a":0.10}},{"name":"b"}],"nextCursor":"c"}}"#;

    #[test]
    fn what_may_not_be_called_is_left_out_and_nothing_else_changes() {
        assert_eq!(of("application/json", LIST).unwrap(), SHOWN);
        assert_eq!(
            of("Application/JSON; charset=utf-8", &format!("[{LIST},{LIST}]")).unwrap(),
            format!("[{SHOWN},{SHOWN}]")
        );
        for same in [
            SHOWN,
            r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"x"}}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#,
            r#" {"jsonrpc":"2.0","id":1,"result":{"tools":[]}} "#,
        ] {
            assert_eq!(of("application/json", same).unwrap(), same);
        }
        assert_eq!(of("", "").unwrap(), "");
    }

    #[test]
    fn events_are_filtered_as_well() {
        let stream = format!(
            ": hi\n\nid: 0\nretry: 3000\ndata:\n\nevent: message\r\ndata: {LIST}\r\n\r\ndata:{LIST}\rid: 7\r\r"
        );
        let shown =
            format!(": hi\n\nid: 0\nretry: 3000\ndata: \n\nevent: message\ndata: {SHOWN}\n\nid: 7\ndata: {SHOWN}\n\n");
        assert_eq!(of("text/event-stream", &stream).unwrap(), shown);
        let split = format!("data: {}\n", LIST.replace("\"result\"", "\ndata: \"result\""));
        let joined = of("text/event-stream", &format!("{split}\n")).unwrap();
        assert!(joined.contains("open") && !joined.contains("dm"), "{joined}");
        // An event that never ends is none.
        assert_eq!(of("text/event-stream", &format!("data: {LIST}\n")).unwrap(), "");
    }

    #[test]
    fn what_cannot_be_read_is_not_shown() {
        for (media_type, body) in [
            ("text/html", LIST),
            ("", LIST),
            ("application/json", "{"),
            ("application/json", r#"{"result":{"tools":{"admin":1}}}"#),
            ("application/json", r#"{"result":{"tools":[{"title":"admin"}]}}"#),
            ("application/json", r#"{"result":{"tools":[],"tools":[{"name":"admin"}]}}"#),
            ("text/event-stream", "data: {\n\n"),
        ] {
            assert!(matches!(of(media_type, body), Err(McpError::List(_))), "{media_type} {body}");
        }
        assert!(run(filtered(b"application/json", b"\xff", &NotAdmin)).is_err());
    }
}
