//! A server of the Model Context Protocol over HTTP, as its specification wants it to treat tokens.

use serde_json::{Value, json};

use super::answers::challenge;
use crate::case::Allow::{Challenge, Forbidden, Refused, RefusedOrClosed, Served};
use crate::case::{Case, defence, must, should};
use crate::run::SERVED;
use crate::wire::{self, Answer, Request};
use crate::world::World;

const AUTHORIZATION: &str = "MCP 2025-11-25, authorization";
const TRANSPORT: &str = "MCP 2025-11-25, transports";
const PRACTICES: &str = "MCP 2025-11-25, security best practices";

fn path(world: &World) -> &str {
    world.target.mcp.as_ref().map_or("/", |mcp| &mcp.path)
}

/// The identifier of the server.
fn resource(world: &World) -> String {
    let mcp = world.target.mcp.as_ref();
    let named = mcp.and_then(|mcp| mcp.resource(&world.target.tokens));
    named.unwrap_or_else(|| format!("http://{}{}", world.target.place().host, path(world)))
}

/// The first message of every client.
fn first() -> Value {
    json!({
        "jsonrpc": "2.0", "id": 1, "method": "initialize",
        "params": {
            "protocolVersion": "2025-06-18", "capabilities": {},
            "clientInfo": {"name": "jwt-conformance", "version": "1"},
        },
    })
}

fn second() -> Value {
    json!({"jsonrpc": "2.0", "id": 2, "method": "tools/list", "params": {}})
}

/// That message, in a request without credentials.
fn with_message(request: Request, message: &Value) -> Request {
    let mut request = request
        .method("POST")
        .field("Content-Type", "application/json")
        .field("Accept", "application/json, text/event-stream");
    request.body = message.to_string().into_bytes();
    request
}

/// The first message of a client to a server that has no other address.
pub(crate) fn first_message(request: Request) -> Request {
    with_message(request, &first())
}

/// A message without credentials.
fn bare(world: &World, message: &Value) -> Request {
    with_message(world.get().path(path(world)), message)
}

fn token(world: &World) -> String {
    world.token().claim("aud", resource(world)).compact()
}

fn good(world: &World) -> Request {
    bare(world, &first()).bearer(token(world))
}

/// Where the document about the server is. RFC 9728 §3.1.
fn document(world: &World) -> Request {
    let resource = resource(world);
    let rest = resource.split_once("://").map_or("", |(_, rest)| rest);
    let path = rest.find('/').map_or("", |at| &rest[at..]);
    world.get().path(&format!("/.well-known/oauth-protected-resource{}", path.trim_end_matches('/')))
}

fn read(answer: &Answer) -> Result<Value, String> {
    serde_json::from_slice(&answer.body).map_err(|error| format!("no JSON: {error}"))
}

/// The answer to a request that an act sends.
fn ask(world: &World, request: &Request) -> Result<Answer, String> {
    let came = request.send(world.target.place().address, wire::PATIENCE);
    came.map_err(|why| format!("no answer: {why}"))
}

/// The session of a new client, if the server has sessions.
fn session(world: &World) -> Result<Option<String>, String> {
    let answer = ask(world, &good(world))?;
    match answer.status {
        200..300 => Ok(answer.first("mcp-session-id").map(str::to_owned)),
        status => Err(format!("{status} came to the first message; allowed: 2xx")),
    }
}

fn refused(answer: &Answer) -> Result<(), String> {
    match answer.status {
        400..500 => Ok(()),
        status @ 200..300 => Err(format!("{SERVED}{status} came; allowed: 4xx")),
        status => Err(format!("{status} came; allowed: 4xx")),
    }
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        must("mcp.good", AUTHORIZATION, "The first message with a good token is served.").send(Served, good),
        must(
            "mcp.none",
            AUTHORIZATION,
            "Without a token the answer is 401, and its challenge says where the metadata is.",
        )
        .send(Challenge, |w| bare(w, &first()))
        .check(|w, answer| match challenge(answer)?.get("resource_metadata") {
            Some(named) if named.ends_with(&document(w).path) => Ok(()),
            Some(named) if named.contains("/.well-known/oauth-protected-resource") => Ok(()),
            other => Err(format!("resource_metadata is {other:?}")),
        }),
        must("mcp.document", AUTHORIZATION, "The metadata is there without a token, and names who issues tokens.")
            .send(Served, document)
            .check(|w, answer| {
                let document = read(answer)?;
                if document["resource"] != resource(w).as_str() {
                    return Err(format!("resource is {}, not {:?}", document["resource"], resource(w)));
                }
                match document["authorization_servers"].as_array() {
                    Some(servers) if !servers.is_empty() => Ok(()),
                    _ => Err("authorization_servers is missing or empty".to_owned()),
                }
            }),
        should("mcp.offline", AUTHORIZATION, "Nobody is told to ask for `offline_access`.")
            .send(Challenge, |w| bare(w, &first()))
            .check(|_, answer| match challenge(answer)?.get("scope") {
                Some(scope) if scope.split(' ').any(|one| one == "offline_access") => Err(format!("scope={scope:?}")),
                _ => Ok(()),
            })
            .send_noted("the metadata", Served, document)
            .check(|_, answer| {
                let scopes = read(answer)?["scopes_supported"].to_string();
                if scopes.contains("\"offline_access\"") {
                    Err(format!("scopes_supported is {scopes}"))
                } else {
                    Ok(())
                }
            }),
        must("mcp.forged", AUTHORIZATION, "A forged or expired token gets 401.")
            .send_noted("forged", Challenge, |w| {
                bare(w, &first()).bearer(w.token().claim("aud", resource(w)).key(w.stranger()).compact())
            })
            .send_noted("expired", Challenge, |w| {
                bare(w, &first()).bearer(w.token().claim("aud", resource(w)).claim("exp", 1).compact())
            }),
        must("mcp.audience", AUTHORIZATION, "A token that was issued for another server gets 401.")
            .send_noted("another one", Challenge, |w| {
                bare(w, &first()).bearer(w.token().claim("aud", "https://other.example/mcp").compact())
            })
            .send_noted("none", Challenge, |w| bare(w, &first()).bearer(w.token().without("aud").compact())),
        must("mcp.query", AUTHORIZATION, "A token in the address is not taken.").send(Refused, |w| {
            let path = format!("{}?access_token={}", path(w), token(w));
            bare(w, &first()).path(&path)
        }),
        must("mcp.methods", AUTHORIZATION, "Streams and ends of sessions need a token too.")
            .send_noted("GET", Refused, |w| w.get().path(path(w)).field("Accept", "text/event-stream"))
            .send_noted("DELETE", Refused, |w| w.get().path(path(w)).method("DELETE").field("Mcp-Session-Id", "kit")),
        must("mcp.each-request", PRACTICES, "A session is no authentication: each request needs its token.")
            .act("a session, and a request in it without a token", |w| {
                let session = session(w)?.unwrap_or_else(|| "kit-made-up".to_owned());
                let answer = ask(w, &bare(w, &second()).field("Mcp-Session-Id", &session))?;
                refused(&answer)
            })
            .shows(|w| bare(w, &second()).field("Mcp-Session-Id", "the-session")),
        defence("mcp.session-of-another", PRACTICES, "A token of another user does not open a session.")
            .act("a session, and a request in it with a token of somebody else", |w| {
                let Some(session) = session(w)? else {
                    return Ok(());
                };
                let token = w.token().claim("aud", resource(w)).claim("sub", "kit-other-user").compact();
                let answer = ask(w, &bare(w, &second()).bearer(token).field("Mcp-Session-Id", &session))?;
                refused(&answer)
            })
            .shows(|w| {
                let token = w.token().claim("aud", resource(w)).claim("sub", "kit-other-user").compact();
                bare(w, &second()).bearer(token).field("Mcp-Session-Id", "the-session")
            }),
        must("mcp.origin", TRANSPORT, "A page of another origin gets 403, with a good token too.")
            .send_noted("with a good token", Forbidden, |w| good(w).field("Origin", "https://evil.example"))
            .send_noted("a near one", Forbidden, |w| {
                let host = &w.target.place().host;
                let (name, port) = host.rsplit_once(':').unwrap_or((host, "80"));
                good(w).field("Origin", format!("http://{name}.evil.example:{port}"))
            })
            .send_noted("without a token", Refused, |w| bare(w, &first()).field("Origin", "https://evil.example")),
        defence("mcp.null-origin", TRANSPORT, "A page that hides its origin is refused.")
            .send(Refused, |w| good(w).field("Origin", "null")),
        defence("mcp.host", TRANSPORT, "Under a foreign name the server is not there: a name that points here is one.")
            .send(Refused, |w| {
                let mut request = good(w);
                "evil.example".clone_into(&mut request.host);
                request
            }),
        defence("mcp.broken", "JSON-RPC 2.0 §5.1", "A body that is no message is refused, and breaks nothing.")
            .send_noted("half of one", Refused, |w| {
                let mut request = good(w);
                request.body.truncate(20);
                request
            })
            .send_noted("deep", Refused, |w| {
                let mut request = good(w);
                request.body = [vec![b'['; 20_000], vec![b']'; 20_000]].concat();
                request
            })
            .send_noted("a good one behind them", Served, good),
        defence("mcp.large", "RFC 9110 §15.5.14", "8 MB without a token are refused, or the connection is closed.")
            .send(RefusedOrClosed, |w| {
                let mut request = bare(w, &first());
                request.body = vec![b' '; 8 << 20];
                request
            })
            .send_noted("a good one behind it", Served, good),
    ]
}
