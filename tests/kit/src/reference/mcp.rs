//! A server of the Model Context Protocol that knows two messages, and sessions.

use std::fmt::Write as _;

use super::access::well_known;
use super::json::{Json, Wrong};
use super::{Head, Reference, Response, Why};

impl Reference {
    /// The document about the server, or the answer to a message; nothing for another path.
    pub(super) fn mcp(&self, head: &Head) -> Option<Response> {
        let (path, resource) = self.places.mcp.as_ref()?;
        let plain = |status| Some(Response { status, fields: Vec::new(), body: String::new() });
        let document = well_known(resource);
        if document.ends_with(&head.path) && head.path.starts_with("/.well-known/") {
            if self.wrong("mcp-document-protected") {
                return Some(self.refusal(&Why::None, false));
            }
            let scopes =
                if self.wrong("offline-access-named") { ",\"scopes_supported\":[\"offline_access\"]" } else { "" };
            let body = format!("{{\"resource\":\"{resource}\",\"authorization_servers\":[\"{}\"]{scopes}}}", self.kit);
            return Some(Response { status: 200, fields: vec![("Content-Type", "application/json".to_owned())], body });
        }
        if head.path != *path {
            return None;
        }
        // Pages of other origins, and foreign names.
        let ours = format!("http://{}", self.address);
        let is_ours = |origin: &str| {
            origin == ours
                || self.wrong("mcp-origin-unchecked") && origin != "null"
                || self.wrong("mcp-null-origin") && origin == "null"
                || self.wrong("mcp-origin-loose") && origin.starts_with(&format!("http://{}", self.address.ip()))
        };
        let origins: Vec<String> =
            head.all("origin").map(|field| String::from_utf8_lossy(field).into_owned()).collect();
        let is_foreign = head.one("host").is_none_or(|host| host != self.address.to_string());
        if !origins.iter().all(|origin| is_ours(origin)) || is_foreign && !self.wrong("mcp-host-unchecked") {
            return plain(403);
        }
        if head.body.len() > 4 << 20 {
            return plain(if self.wrong("large-message-breaks") { 500 } else { 413 });
        }
        if ["GET", "DELETE"].contains(&&*head.method) && self.wrong("only-messages-need-tokens") {
            return plain(200);
        }
        let session = head.one("mcp-session-id");
        let has_session = session.is_some_and(|session| session.starts_with("session-of-"));
        let user = match self.mcp_user(head, resource) {
            Ok(user) => user,
            Err(_) if has_session && self.wrong("session-instead-of-token") => "kit-user".to_owned(),
            Err(why) => {
                let mut refusal = self.refusal(&why, false);
                for (name, value) in &mut refusal.fields {
                    if *name == "WWW-Authenticate" && value.starts_with("Bearer") {
                        let separator = if value.as_str() == "Bearer" { " " } else { ", " };
                        // The document of the other resource is not meant.
                        let before = value.split("resource_metadata").next().unwrap_or_default();
                        let before = before.trim_end_matches([' ', ',']).to_owned();
                        let separator = if before == "Bearer" { " " } else { separator };
                        *value = before;
                        if !self.wrong("mcp-metadata-not-named") {
                            _ = write!(value, "{separator}resource_metadata=\"{document}\"");
                        }
                        if self.wrong("offline-access-asked") {
                            *value += ", scope=\"offline_access\"";
                        }
                    }
                }
                return Some(refusal);
            }
        };
        if head.method != "POST" {
            return plain(405);
        }
        let message = Json::read(&head.body, Wrong(self.fault));
        let method = message.as_ref().and_then(|message| message.get("method")).and_then(Json::text);
        let own = format!("session-of-{user}");
        match method {
            Some("initialize") if self.wrong("serves-nobody") => plain(403),
            Some("initialize") => Some(Response {
                status: 200,
                fields: vec![("Content-Type", "application/json".to_owned()), ("Mcp-Session-Id", own)],
                body:
                    "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"protocolVersion\":\"2025-06-18\",\"capabilities\":{},\
                       \"serverInfo\":{\"name\":\"reference\",\"version\":\"1\"}}}"
                        .to_owned(),
            }),
            Some(_) if head.one("mcp-session-id").as_ref() == Some(&own) || self.wrong("session-of-anybody") => {
                plain(200)
            }
            Some(_) => plain(404),
            None => plain(if self.wrong("broken-message-breaks") { 500 } else { 400 }),
        }
    }

    /// Whose token it is. Its audience is this server. RFC 8707.
    fn mcp_user(&self, head: &Head, resource: &str) -> Result<String, Why> {
        let credential = self.credential(head)?;
        let claims = self.verify(&credential.token, resource)?;
        self.possession(head, &credential, &claims)?;
        Ok(claims.get("sub").and_then(Json::text).unwrap_or_default().to_owned())
    }
}
