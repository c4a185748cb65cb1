//! What the Model Context Protocol asks of a resource server (revision 2026-07-28), over TCP on every stack.

use acceptance::{
    Connection, ISSUER, Log, MCP_STACKS, MCP_TOOLS, NOW, Reply, SECRET, Server, Stopped, hs256, request_to,
};
use jwt_core::binding::DpopKey;
use jwt_core::clock::NumericDate;
use jwt_core::guard::Policy;
use jwt_core::mcp::{McpBuildError, McpResource, McpResourceBuilder, McpUser};
use jwt_core::{Algorithm, Authenticator, KeySet, TrustedIssuer};
use serde_json::{Value, json};

const JSON: (&str, &str) = ("Content-Type", "application/json");

fn issuer() -> TrustedIssuer {
    TrustedIssuer::new(ISSUER, KeySet::hs256(SECRET).unwrap())
}

fn authenticator() -> jwt_core::AuthenticatorBuilder<McpUser> {
    Authenticator::builder().clock(Stopped).scopes(|user: &McpUser| &user.scope).scope_implies("admin", "tools:read")
}

fn guarded(url: &str) -> McpResourceBuilder {
    McpResource::builder(url)
        .trusted_server(issuer())
        .scope("mcp:use")
        .supported_scope("tools:read")
        .tool("delete", Policy::scope("admin"))
        .tool("read", Policy::scope("tools:read"))
        .method("resources/read", Policy::scope("files"))
        .allowed_origin("https://app.example.com")
}

struct Place<'s> {
    server: &'s Server,
    url: String,
}

fn everywhere_with(configure: impl Fn(McpResourceBuilder) -> McpResourceBuilder + Copy, test: impl Fn(&Place<'_>)) {
    for stack in MCP_STACKS {
        let server = stack.start(|url| configure(guarded(url)).build_with(authenticator()).unwrap());
        test(&Place { server: &server, url: format!("http://{}/mcp", server.address) });
    }
}

fn everywhere(test: impl Fn(&Place<'_>)) {
    everywhere_with(|builder| builder, test);
}

impl Place<'_> {
    fn token(&self, scope: &str) -> String {
        Self::token_for(&self.url, scope)
    }

    fn token_for(audience: &str, scope: &str) -> String {
        let claims = json!({"iss": ISSUER, "aud": audience, "sub": "alice", "exp": NOW + 60, "scope": scope});
        format!("Bearer {}", hs256(&claims))
    }

    fn send(&self, method: &str, path: &str, fields: &[(&str, &str)], body: &str) -> Reply {
        let host = self.server.address.to_string();
        self.send_to(&host, method, path, fields, body)
    }

    fn send_to(&self, host: &str, method: &str, path: &str, fields: &[(&str, &str)], body: &str) -> Reply {
        let length = body.len().to_string();
        let mut fields = fields.to_vec();
        if method == "POST" {
            fields.push(("Content-Length", &length));
        }
        let request = [&*request_to(host, method, path, &fields), body.as_bytes()].concat();
        let mut reply = Connection::open(self.server.address).send(&request);
        if reply.header("transfer-encoding") == Some("chunked") {
            reply.body = String::new();
        }
        reply
    }

    /// A message with a token of that scope.
    fn post(&self, scope: &str, more: &[(&str, &str)], body: &str) -> Reply {
        let token = self.token(scope);
        let mut fields = vec![JSON, ("Authorization", &*token)];
        fields.extend(more);
        self.send("POST", "/mcp", &fields, body)
    }

    fn metadata_url(&self) -> String {
        format!("http://{}/.well-known/oauth-protected-resource/mcp", self.server.address)
    }
}

fn call(tool: &str) -> String {
    json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": {"x": "ü"}}})
        .to_string()
}

fn message(method: &str) -> String {
    json!({"jsonrpc": "2.0", "id": "a", "method": method}).to_string()
}

fn error_code(reply: &Reply) -> i64 {
    let body: Value = serde_json::from_str(&reply.body).unwrap_or_else(|_| panic!("no JSON-RPC: {reply:?}"));
    assert_eq!(body["jsonrpc"], "2.0", "{reply:?}");
    body["error"]["code"].as_i64().unwrap()
}

#[test]
fn a_call_comes_through_byte_for_byte_with_its_user_and_without_its_token() {
    everywhere(|place| {
        let body = format!("\r\n {} \t", call("open").replace("\"open\"", "\"op\\u0065n\""));
        let reply = place.post("mcp:use", &[("DPoP", "x"), ("Mcp-Session-Id", "s")], &body);
        assert_eq!((reply.status, &*reply.body), (200, &*body), "{}: {reply:?}", place.server.stack);
        assert_eq!(reply.header("x-seen"), Some("POST alice mcp-session-id"), "{}", place.server.stack);
        for (method, seen) in [("GET", "GET alice "), ("DELETE", "DELETE alice ")] {
            let reply = place.send(method, "/mcp", &[("Authorization", &place.token("mcp:use"))], "");
            assert_eq!(
                (reply.status, reply.header("x-seen").map(str::trim)),
                (200, Some(seen.trim())),
                "{}",
                place.server.stack
            );
        }
    });
}

#[test]
fn without_a_token_the_client_learns_where_to_get_one_and_for_what_to_ask() {
    everywhere(|place| {
        let challenge = format!("Bearer resource_metadata=\"{}\", scope=\"mcp:use\"", place.metadata_url());
        for fields in [&[JSON][..], &[JSON, ("Mcp-Session-Id", "s")], &[("Mcp-Session-Id", "s")]] {
            let reply = place.send("POST", "/mcp", fields, &call("open"));
            assert_eq!((reply.status, reply.challenge()), (401, Some(&*challenge)), "{}", place.server.stack);
        }
        for method in ["GET", "DELETE"] {
            let reply = place.send(method, "/mcp", &[("Mcp-Session-Id", "s")], "");
            assert_eq!((reply.status, reply.challenge()), (401, Some(&*challenge)), "{}", place.server.stack);
        }
        let reply = place.send("POST", "/mcp", &[JSON, ("Authorization", "Bearer nonsense")], &call("open"));
        let challenge = reply.challenge().unwrap();
        assert_eq!(reply.status, 401, "{}", place.server.stack);
        assert!(
            challenge.contains("error=\"invalid_token\"") && challenge.ends_with("scope=\"mcp:use\""),
            "{challenge}"
        );
        let reply = place.send("POST", "/mcp", &[JSON, ("Authorization", "Bearer")], &call("open"));
        assert_eq!(reply.status, 400, "{}", place.server.stack);
        // No token is taken out of the query.
        let token = place.token("mcp:use").replace("Bearer ", "");
        let reply = place.send("POST", &format!("/mcp?access_token={token}"), &[JSON], &call("open"));
        assert_eq!(reply.status, 401, "{}", place.server.stack);
    });
}

#[test]
fn the_metadata_is_at_both_paths_and_names_who_issues_tokens() {
    everywhere(|place| {
        for path in ["/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-protected-resource"] {
            let reply = place.send("GET", path, &[("Origin", "https://anybody.example")], "");
            assert_eq!(reply.status, 200, "{} {path}", place.server.stack);
            let document: Value = serde_json::from_str(&reply.body).unwrap();
            assert_eq!(document["resource"], place.url, "{path}");
            assert_eq!(document["authorization_servers"], json!([ISSUER]), "{path}");
            assert_eq!(document["scopes_supported"], json!(["mcp:use", "tools:read"]), "{path}");
            assert_eq!(document["bearer_methods_supported"], json!(["header"]), "{path}");
            assert!(document["dpop_signing_alg_values_supported"].is_array(), "{path}");
        }
        let reply = place.send("GET", "/.well-known/oauth-protected-resource/other", &[], "");
        assert_eq!(reply.status, 401, "{}", place.server.stack);
    });
}

#[test]
fn a_token_for_another_resource_opens_nothing() {
    everywhere(|place| {
        let with = |audience: &str| {
            let token = Place::token_for(audience, "mcp:use");
            place.send("POST", "/mcp", &[JSON, ("Authorization", &token)], &call("open")).status
        };
        assert_eq!((with(&place.url), with(&format!("{}/", place.url))), (200, 200), "{}", place.server.stack);
        let origin = format!("http://{}", place.server.address);
        for other in [&*origin, &format!("{}/other", place.url), "https://other.example/mcp", ""] {
            assert_eq!(with(other), 401, "{} {other:?}", place.server.stack);
        }
    });
}

#[test]
fn a_tool_needs_what_was_said_of_it_and_the_answer_names_all_of_that_at_once() {
    everywhere(|place| {
        let name = place.server.stack;
        let read = json!({"jsonrpc": "2.0", "id": 1, "method": "resources/read", "params": {"uri": "file:///a"}});
        for (scope, body, needed) in [
            ("", call("open"), Some("mcp:use")),
            ("", call("delete"), Some("mcp:use admin")),
            ("admin", call("delete"), Some("mcp:use admin")),
            ("mcp:use", call("delete"), Some("mcp:use admin")),
            ("mcp:use tools:read", call("delete"), Some("mcp:use admin")),
            ("mcp:use", call("read"), Some("mcp:use tools:read")),
            ("mcp:use", read.to_string(), Some("mcp:use files")),
            ("mcp:use", call("open"), None),
            ("mcp:use admin", call("delete"), None),
            // A broader scope implies the narrower one.
            ("mcp:use admin", call("read"), None),
            ("mcp:use tools:read", call("read"), None),
            ("mcp:use files", read.to_string(), None),
            ("mcp:use", message("initialize"), None),
            ("mcp:use", call("Delete"), None),
        ] {
            let reply = place.post(scope, &[], &body);
            match needed {
                None => assert_eq!(reply.status, 200, "{name} {scope:?} {body}"),
                Some(needed) => {
                    let challenge = format!(
                        "Bearer error=\"insufficient_scope\", resource_metadata=\"{}\", scope=\"{needed}\"",
                        place.metadata_url()
                    );
                    assert_eq!((reply.status, reply.challenge()), (403, Some(&*challenge)), "{name} {scope:?} {body}");
                }
            }
        }
    });
}

#[test]
fn tools_that_are_not_named_have_a_guard_too() {
    everywhere_with(
        |builder| builder.other_tools(Policy::scope("tools:other")).prompt("greet", Policy::scope("prompts")),
        |place| {
            let prompt = call("greet").replace("tools/call", "prompts/get");
            for (scope, body, status) in [
                ("mcp:use", call("open"), 403),
                ("mcp:use tools:other", call("open"), 200),
                ("mcp:use tools:other", call("delete"), 403),
                ("mcp:use", prompt.clone(), 403),
                ("mcp:use prompts", prompt, 200),
            ] {
                assert_eq!(place.post(scope, &[], &body).status, status, "{} {scope} {body}", place.server.stack);
            }
        },
    );
}

#[test]
fn what_two_readers_could_read_differently_reaches_no_handler() {
    everywhere(|place| {
        let name = place.server.stack;
        for (body, code) in [
            (r#"{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call","params":{"name":"delete"}}"#, -32600),
            (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"open","n\u0061me":"delete"}}"#, -32600),
            (
                r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"$serde_json::private::RawValue":"{\"name\":\"delete\"}","name":"open"}}"#,
                -32700,
            ),
            (
                r#"{"$serde_json::private::RawValue":"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"delete\"}}"}"#,
                -32700,
            ),
            (r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}"#, -32600),
            (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":["delete"]}}"#, -32600),
            ("\u{feff}{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}", -32700),
            ("", -32700),
            ("not JSON", -32700),
        ] {
            let reply = place.post("mcp:use", &[], body);
            assert_eq!((reply.status, error_code(&reply)), (400, code), "{name}: {body}");
            assert_eq!(reply.header("x-seen"), None, "{name}: {body}");
            assert_eq!(reply.header("cache-control"), Some("no-store"), "{name}: {body}");
        }
        for fields in [
            &[("Content-Type", "text/plain")][..],
            &[("Content-Type", "application/json; charset=utf-16")],
            &[JSON, JSON],
            &[],
        ] {
            let token = place.token("mcp:use");
            let fields: Vec<_> = fields.iter().copied().chain([("Authorization", &*token)]).collect();
            let reply = place.send("POST", "/mcp", &fields, &call("open"));
            assert_eq!((reply.status, error_code(&reply)), (415, -32600), "{name}: {fields:?}");
        }
        let reply = place.post("mcp:use", &[("Content-Encoding", "br")], &call("open"));
        assert_eq!(reply.status, 415, "{name}");
        let token = place.token("mcp:use");
        let utf_8 = [("Content-Type", "Application/JSON; charset=UTF-8"), ("Authorization", &*token)];
        assert_eq!(place.send("POST", "/mcp", &utf_8, &call("open")).status, 200, "{name}");
    });
}

#[test]
fn header_fields_say_what_the_body_says() {
    const VERSION: (&str, &str) = ("MCP-Protocol-Version", "2026-07-28");
    const METHOD: (&str, &str) = ("Mcp-Method", "tools/call");
    everywhere(|place| {
        let name = place.server.stack;
        for (fields, holds) in [
            (vec![VERSION, METHOD, ("Mcp-Name", "open")], true),
            (vec![VERSION, METHOD, ("Mcp-Name", "=?base64?b3Blbg==?=")], true),
            (vec![METHOD, ("Mcp-Name", "open")], true),
            (vec![VERSION, METHOD, ("Mcp-Name", "delete")], false),
            (vec![VERSION, METHOD, ("Mcp-Name", "=?base64?ZGVsZXRl?=")], false),
            (vec![VERSION, METHOD], false),
            (vec![VERSION, ("Mcp-Name", "open")], false),
            (vec![VERSION, ("Mcp-Method", "tools/list"), ("Mcp-Name", "open")], false),
            (vec![METHOD, METHOD, ("Mcp-Name", "open")], false),
            (vec![("MCP-Protocol-Version", "2025-06-18"), ("Mcp-Method", "ping")], false),
        ] {
            let reply = place.post("mcp:use", &fields, &call("open"));
            if holds {
                assert_eq!(reply.status, 200, "{name}: {fields:?} {reply:?}");
            } else {
                assert_eq!((reply.status, error_code(&reply)), (400, -32020), "{name}: {fields:?}");
                assert!(reply.body.contains("\"id\":1"), "{name}: {reply:?}");
            }
        }
    });
}

#[test]
fn of_a_batch_every_message_must_be_allowed_and_only_one_revision_has_any() {
    everywhere(|place| {
        let name = place.server.stack;
        let batch = |tools: &[&str]| format!("[{}]", tools.iter().map(|tool| call(tool)).collect::<Vec<_>>().join(","));
        for (tools, status) in [(&["open", "open"][..], 200), (&["open", "delete"], 403), (&["delete", "open"], 403)] {
            assert_eq!(place.post("mcp:use", &[], &batch(tools)).status, status, "{name} {tools:?}");
        }
        let reply = place.post("mcp:use", &[], &batch(&["read", "delete"]));
        assert!(reply.challenge().unwrap().ends_with("scope=\"mcp:use tools:read admin\""), "{name}: {reply:?}");
        let old = ("MCP-Protocol-Version", "2025-03-26");
        assert_eq!(place.post("mcp:use", &[old], &batch(&["open"])).status, 200, "{name}");
        let new = ("MCP-Protocol-Version", "2025-06-18");
        for (version, body) in [(new, batch(&["open"])), (old, batch(&["open"; 101])), (old, "[]".to_owned())] {
            let reply = place.post("mcp:use", &[version], &body);
            assert_eq!((reply.status, error_code(&reply)), (400, -32600), "{name} {body}");
        }
    });
}

#[test]
fn no_more_of_a_body_is_read_than_allowed_and_nothing_without_a_token() {
    everywhere_with(
        |builder| builder.max_body(2_000),
        |place| {
            let name = place.server.stack;
            let long = |length: usize| format!("{}{}", call("open"), " ".repeat(length - call("open").len()));
            assert_eq!(place.post("mcp:use", &[], &long(2_000)).status, 200, "{name}");
            let reply = place.post("mcp:use", &[], &long(2_001));
            assert_eq!((reply.status, error_code(&reply)), (413, -32600), "{name}");
            // Without a length, and without an end.
            let host = place.server.address.to_string();
            let token = place.token("mcp:use");
            let fields = [JSON, ("Authorization", &*token), ("Transfer-Encoding", "chunked")];
            let head = request_to(&host, "POST", "/mcp", &fields);
            let chunk = format!("{:x}\r\n{}\r\n", 1_500, " ".repeat(1_500));
            let endless = [&*head, chunk.as_bytes(), chunk.as_bytes()].concat();
            assert_eq!(Connection::open(place.server.address).send(&endless).status, 413, "{name}");
            // The answer comes before the body, which never does.
            let fields = [JSON, ("Content-Length", "1000")];
            let head = request_to(&host, "POST", "/mcp", &fields);
            assert_eq!(Connection::open(place.server.address).send(&head).status, 401, "{name}");
        },
    );
}

#[test]
fn pages_of_foreign_origins_and_foreign_names_of_the_server_are_refused() {
    everywhere(|place| {
        let name = place.server.stack;
        let (host, own) = (place.server.address.to_string(), format!("http://{}", place.server.address));
        for origin in
            ["https://evil.example", "null", "https://app.example.com.evil.example", "https://app.example.com:8443", ""]
        {
            for (method, body) in [("POST", call("open")), ("GET", String::new()), ("OPTIONS", String::new())] {
                let token = place.token("mcp:use");
                let fields = [JSON, ("Origin", origin), ("Authorization", &*token)];
                let reply = place.send(method, "/mcp", &fields, &body);
                assert_eq!((reply.status, error_code(&reply)), (403, -32600), "{name} {method} {origin:?}");
                assert_eq!(reply.header("access-control-allow-origin"), None, "{name} {origin:?}");
            }
        }
        for origin in ["https://app.example.com", &own] {
            let reply = place.post("mcp:use", &[("Origin", origin)], &call("open"));
            assert_eq!(reply.status, 200, "{name} {origin}");
            assert_eq!(reply.header("access-control-allow-origin"), Some(origin), "{name}");
        }
        for foreign in ["evil.example", "localhost", "127.0.0.1", "127.0.0.1:1", &format!("evil@{host}")] {
            let token = place.token("mcp:use");
            let reply = place.send_to(foreign, "POST", "/mcp", &[JSON, ("Authorization", &token)], &call("open"));
            assert!(matches!(reply.status, 403 | 400), "{name} {foreign}: {reply:?}");
            assert_eq!(reply.header("x-seen"), None, "{name} {foreign}");
        }
    });
    let open = |builder: McpResourceBuilder| builder.allowed_host("proxy.internal:8080").dangerous_allow_any_origin();
    everywhere_with(open, |place| {
        let token = place.token("mcp:use");
        let fields = [JSON, ("Origin", "https://anybody.example"), ("Authorization", &*token)];
        let reply = place.send_to("Proxy.internal:8080", "POST", "/mcp", &fields, &call("open"));
        assert_eq!(reply.status, 200, "{}", place.server.stack);
        assert_eq!(reply.header("access-control-allow-origin"), Some("https://anybody.example"));
    });
    everywhere_with(McpResourceBuilder::dangerous_allow_any_host, |place| {
        let token = place.token("mcp:use");
        let reply = place.send_to("evil.example", "POST", "/mcp", &[JSON, ("Authorization", &token)], &call("open"));
        assert_eq!(reply.status, 200, "{}", place.server.stack);
    });
}

#[test]
fn a_script_of_an_allowed_page_sees_what_a_client_needs() {
    everywhere(|place| {
        let name = place.server.stack;
        let origin = ("Origin", "https://app.example.com");
        let preflight = [
            origin,
            ("Access-Control-Request-Method", "POST"),
            ("Access-Control-Request-Headers", "authorization, mcp-param-region, x-other"),
        ];
        let reply = place.send("OPTIONS", "/mcp", &preflight, "");
        assert_eq!(reply.status, 204, "{name}: {reply:?}");
        assert_eq!(reply.header("access-control-allow-origin"), Some("https://app.example.com"), "{name}");
        assert_eq!(reply.header("access-control-allow-methods"), Some("POST, GET, DELETE"), "{name}");
        let allowed = reply.header("access-control-allow-headers").unwrap();
        for field in [
            "authorization",
            "content-type",
            "dpop",
            "mcp-protocol-version",
            "mcp-method",
            "mcp-name",
            "mcp-param-region",
        ] {
            assert!(allowed.split(", ").any(|name| name == field), "{name} {field}: {allowed}");
        }
        assert!(!allowed.contains("x-other"), "{name}: {allowed}");
        for reply in [
            place.send("POST", "/mcp", &[JSON, origin], &call("open")),
            place.post("", &[origin], &call("open")),
            place.post("mcp:use", &[origin], "no JSON"),
            place.post("mcp:use", &[origin], &call("open")),
        ] {
            assert_eq!(
                reply.header("access-control-allow-origin"),
                Some("https://app.example.com"),
                "{name}: {reply:?}"
            );
            assert_eq!(reply.header("vary"), Some("origin"), "{name}: {reply:?}");
            let exposed = reply.header("access-control-expose-headers").unwrap();
            assert!(exposed.contains("www-authenticate") && exposed.contains("mcp-session-id"), "{name}: {exposed}");
        }
        let reply = place.send("OPTIONS", "/mcp", &[], "");
        assert_eq!((reply.status, reply.header("allow")), (204, Some("POST, GET, DELETE")), "{name}");
        for method in ["PUT", "PATCH", "HEAD"] {
            let host = place.server.address.to_string();
            let fields = [("Authorization", &*place.token("mcp:use")), ("Content-Length", "0")];
            let reply =
                Connection::open(place.server.address).send_for_head(&request_to(&host, method, "/mcp", &fields));
            assert_eq!((reply.status, reply.header("allow")), (405, Some("POST, GET, DELETE")), "{name} {method}");
        }
    });
}

#[test]
fn a_list_of_tools_has_those_that_the_token_may_call() {
    everywhere_with(McpResourceBuilder::filter_tool_lists, |place| {
        let name = place.server.stack;
        let list = message("tools/list");
        let shown = |tools: &[&str]| {
            let tools: Vec<String> = tools.iter().map(|tool| format!("{{\"name\":\"{tool}\"}}")).collect();
            format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"tools":[{}]}}}}"#, tools.join(","))
        };
        for (scope, tools) in [
            ("mcp:use", &["open"][..]),
            ("mcp:use tools:read", &["open", "read"]),
            ("mcp:use admin", &["open", "delete", "read"]),
        ] {
            let reply = place.post(scope, &[("Origin", "https://app.example.com")], &list);
            assert_eq!((reply.status, &*reply.body), (200, &*shown(tools)), "{name} {scope}");
            assert_eq!(reply.header("mcp-session-id"), Some("s"), "{name}");
            assert!(reply.header("access-control-allow-origin").is_some(), "{name}");
            let reply = place.post(scope, &[("x-sse", "1")], &list);
            assert_eq!((reply.status, &*reply.body), (200, &*format!("id: 7\ndata: {}\n\n", shown(tools))), "{name}");
        }
        let reply = place.post("mcp:use", &[("x-odd", "1")], &list);
        assert_eq!((reply.status, error_code(&reply)), (500, -32603), "{name}");
        assert!(!reply.body.contains("delete"), "{name}: {reply:?}");
    });
    everywhere(|place| {
        assert_eq!(place.post("mcp:use", &[], &message("tools/list")).body, MCP_TOOLS, "{}", place.server.stack);
    });
}

#[test]
fn the_token_stays_in_the_request_only_where_the_application_says_so() {
    everywhere_with(McpResourceBuilder::dangerous_keep_token_in_request, |place| {
        let reply = place.post("mcp:use", &[], &call("open"));
        assert_eq!(reply.header("x-seen"), Some("POST alice authorization"), "{}", place.server.stack);
    });
}

#[test]
fn the_log_says_why_a_request_was_refused_and_nothing_of_its_token() {
    let log = Log::here();
    everywhere(|place| {
        place.post("mcp:use", &[("Origin", "https://evil.example")], &call("open"));
        place.post("mcp:use", &[], "no JSON");
        let text = log.take();
        for part in ["`Origin` is not allowed", "https://evil.example", "the body is not JSON", "MCP request refused"] {
            assert!(text.contains(part), "{} {part}: {text}", place.server.stack);
        }
        let token = place.token("mcp:use");
        assert!(!text.contains(token.rsplit('.').next().unwrap()), "{text}");
    });
}

#[test]
fn what_cannot_be_protected_is_not_built() {
    let builder = || McpResource::builder("https://mcp.example.com/mcp").trusted_server(issuer());
    let error = |builder: McpResourceBuilder| builder.build().unwrap_err().to_string();
    assert!(matches!(
        McpResource::builder("https://mcp.example.com/mcp").build(),
        Err(McpBuildError::NoAuthorizationServer)
    ));
    for (builder, part) in [
        (McpResource::builder("mcp.example.com").trusted_server(issuer()), "https"),
        (McpResource::builder("http://mcp.example.com/mcp").trusted_server(issuer()), "https"),
        (McpResource::builder("https://mcp.example.com/mcp#x").trusted_server(issuer()), "fragment"),
        (builder().scope("offline_access"), "offline_access"),
        (builder().supported_scope("offline_access"), "offline_access"),
        (builder().scope("a b"), "\"a b\""),
        (builder().tool("a", Policy::scope("a")).tool("a", Policy::scope("b")), "`.tool(\"a\", …)` is called twice"),
        (builder().tool("", Policy::scope("a")), "`.tool(\"\", …)`"),
        (builder().allowed_origin("https://app.example.com/"), "allowed_origin"),
        (builder().allowed_host("https://a.example"), "allowed_host"),
        (builder().max_body(1_023), "max_body(1023)"),
        (builder().announced_server("login.example.com"), "login.example.com"),
    ] {
        let text = error(builder);
        assert!(text.contains(part), "{part}: {text}");
    }
    // Keys are fetched by a runtime, of which there is none here.
    let discovered =
        McpResource::builder("https://mcp.example.com/mcp").authorization_server("https://login.example.com");
    assert!(error(discovered).contains("runtime"));
    let resource = McpResource::builder("HTTPS://MCP.Example.com/").trusted_server(issuer()).build().unwrap();
    assert_eq!(resource.metadata().resource(), "https://mcp.example.com");
}

#[test]
fn a_token_that_is_bound_to_a_key_needs_its_proof_for_each_call() {
    let [key, thief] = [(); 2].map(|()| DpopKey::generate(Algorithm::ES256).unwrap());
    everywhere(|place| {
        let claims = json!({
            "iss": ISSUER, "aud": place.url, "sub": "alice", "exp": NOW + 60, "scope": "mcp:use",
            "cnf": {"jkt": key.thumbprint()},
        });
        let token = hs256(&claims);
        let (bearer, dpop) = (format!("Bearer {token}"), format!("DPoP {token}"));
        let proof = |key: &DpopKey, method: &str, url: &str| {
            key.proof(method, url).for_token(&token).issued_at(NumericDate::from_secs(NOW)).sign().unwrap()
        };
        let send = |authorization: &str, proofs: &[&str]| {
            let mut fields = vec![JSON, ("Authorization", authorization)];
            fields.extend(proofs.iter().map(|proof| ("DPoP", *proof)));
            place.send("POST", "/mcp", &fields, &call("open"))
        };
        let good = proof(&key, "POST", &place.url);
        let reply = send(&dpop, &[&good]);
        assert_eq!((reply.status, reply.header("x-seen").map(str::trim)), (200, Some("POST alice")), "{reply:?}");
        let elsewhere = place.url.replace("/mcp", "/other");
        for (what, authorization, proofs) in [
            ("sent again", &dpop, vec![good]),
            ("of a thief", &dpop, vec![proof(&thief, "POST", &place.url)]),
            ("for another method", &dpop, vec![proof(&key, "GET", &place.url)]),
            ("for another address", &dpop, vec![proof(&key, "POST", &elsewhere)]),
            ("two", &dpop, vec![proof(&key, "POST", &place.url), proof(&key, "POST", &place.url)]),
            ("none", &dpop, vec![]),
            ("as a bearer token", &bearer, vec![proof(&key, "POST", &place.url)]),
        ] {
            let proofs: Vec<&str> = proofs.iter().map(String::as_str).collect();
            let reply = send(authorization, &proofs);
            let stack = place.server.stack;
            assert!(
                matches!(reply.status, 400 | 401) && reply.header("x-seen").is_none(),
                "{stack}, {what}: {reply:?}"
            );
            let mut challenges = reply.challenges().filter(|challenge| challenge.contains("resource_metadata="));
            assert!(challenges.any(|challenge| challenge.starts_with("DPoP ")), "{stack}, {what}: {reply:?}");
        }
    });
}
