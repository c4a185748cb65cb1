//! Clients that are told the address of a protected server and nothing else: each gets from a 401 to the result of a tool by
//! itself, and to more scopes where a tool needs more.

use std::path::Path;

use mcp_tests::guarded::{NOTES, NotesStack};
use rmcp::ServiceExt;
use rmcp::model::CallToolRequestParams;
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::auth::{AuthClient, AuthorizationManager, AuthorizationRequest, OAuthState};
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use serde_json::{Value, json};

use crate::peer::Peer;

const REDIRECT: &str = "http://127.0.0.1:9/callback";

fn server(stack: NotesStack, peer: &mut Peer) -> String {
    let issuer = peer.issuer_for(None);
    let url = stack.start(&issuer);
    peer.issuer_for(Some(&url));
    url
}

fn requests(called: &Value) -> Vec<&str> {
    called["requests"].as_array().unwrap().iter().filter_map(Value::as_str).collect()
}

#[test]
fn both_generations_of_the_typescript_client_sign_in_and_come_back_with_what_a_tool_needs() {
    let Some(mut peer) = Peer::start() else { return };
    for stack in NOTES {
        for generation in [1, 2] {
            let url = server(stack, &mut peer);
            let called = peer.ask(&json!({
                "op": "sign_in", "url": url, "generation": generation, "tool": "write_note", "arguments": {"text": "x"},
            }));
            assert_eq!(called["text"], "alice wrote a note", "{} {generation}", stack.name);
            assert_eq!(called["tools"], json!(["read_notes", "write_note"]), "{} {generation}", stack.name);
            let requests = requests(&called);
            let at = |request: String| requests.iter().position(|other| **other == request).unwrap();
            let (refused, stepped_up) = (at(format!("POST {url} - 401")), at(format!("POST {url} Bearer 403")));
            let registered = requests.iter().position(|request| request.ends_with("/reg - 201")).unwrap();
            assert!(refused < registered && registered < stepped_up, "{} {generation}: {requests:#?}", stack.name);
        }
    }
}

#[test]
fn a_client_names_itself_by_a_document_and_registers_nowhere() {
    let Some(mut peer) = Peer::start() else { return };
    for stack in NOTES {
        let url = server(stack, &mut peer);
        let called = peer.ask(&json!({
            "op": "sign_in", "url": url, "generation": 1, "tool": "read_notes", "document": true,
        }));
        assert_eq!(called["text"], "alice reads 0 notes: ", "{}", stack.name);
        assert!(!requests(&called).iter().any(|request| request.contains("/reg ")), "{}: {called}", stack.name);
    }
}

#[test]
fn the_command_line_of_the_inspector_signs_in() {
    let Some(mut peer) = Peer::start() else { return };
    for stack in NOTES {
        let url = server(stack, &mut peer);
        let called = peer.ask(&json!({"op": "inspect", "url": url, "tool": "read_notes"}));
        let output = called["output"].as_str().unwrap();
        assert!(output.contains("alice reads 0 notes"), "{}: {output}", stack.name);
    }
}

#[test]
fn the_python_client_and_fastmcp_sign_in_and_come_back_with_what_a_tool_needs() {
    let Some(mut peer) = Peer::start() else { return };
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"));
    let installed = outside::is_pinned(directory, "requirements.txt", ".venv/stamp");
    if !outside::is_there(installed, "the Python SDK of the Model Context Protocol", "tests/setup mcp") {
        return;
    }
    for stack in NOTES {
        for client in ["mcp", "mcp-document", "fastmcp"] {
            let url = server(stack, &mut peer);
            let mut command = outside::command(directory.join(".venv/bin/python"));
            command.arg("peer.py").args([client, &url, "write_note", r#"{"text": "x"}"#]).current_dir(directory);
            let output = command.output().unwrap();
            let text = String::from_utf8_lossy(&output.stdout);
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{} {client}: {errors}", stack.name);
            let called: Value = serde_json::from_str(text.lines().last().unwrap_or_default()).unwrap();
            assert_eq!(called["text"], "alice wrote a note", "{} {client}: {errors}", stack.name);
            // The list was read with the first token.
            assert_eq!(called["tools"], json!(["read_notes"]), "{} {client}", stack.name);
        }
    }
}

#[test]
fn the_rust_client_signs_in_with_the_scopes_of_the_challenge() {
    let Some(mut peer) = Peer::start() else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    for stack in NOTES {
        let url = server(stack, &mut peer);
        let text = runtime.block_on(async {
            let http = reqwest::Client::new();
            let refused = http.post(&url).send().await.unwrap();
            assert_eq!(refused.status(), 401, "{}", stack.name);
            let challenge = refused.headers()["www-authenticate"].to_str().unwrap().to_owned();
            let manager = AuthorizationManager::new_allowing_private_addresses(&*url).await.unwrap();
            let mut state = OAuthState::Unauthorized(manager);
            let request = AuthorizationRequest::new(REDIRECT).with_client_name("peer").with_challenge(challenge);
            state.start_authorization(request).await.unwrap();
            let address = state.get_authorization_url().await.unwrap();
            assert!(address.contains("scope=notes+offline_access"), "{address}");
            let answer = peer.ask(&json!({"op": "browse", "address": address, "until": REDIRECT}));
            state.handle_callback_url(answer["callback"].as_str().unwrap()).await.unwrap();
            let client = AuthClient::new(http, state.into_authorization_manager().unwrap());
            let config = StreamableHttpClientTransportConfig::with_uri(&*url);
            let client = ().serve(StreamableHttpClientTransport::with_client(client, config)).await.unwrap();
            let tools = client.list_all_tools().await.unwrap();
            assert_eq!(tools.iter().map(|tool| &*tool.name).collect::<Vec<_>>(), ["read_notes"], "{}", stack.name);
            let result = client.call_tool(CallToolRequestParams::new("read_notes")).await.unwrap();
            let denied = client.call_tool(CallToolRequestParams::new("delete_notes")).await;
            assert!(denied.is_err(), "{}: {denied:?}", stack.name);
            format!("{result:?}")
        });
        assert!(text.contains("alice reads 0 notes"), "{}: {text}", stack.name);
    }
}
