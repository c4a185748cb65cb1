//! Metadata of the protected resource.

use serde_json::Value;

use super::answers::challenge;
use crate::case::Allow::{Challenge, Served};
use crate::case::{Case, must, should};
use crate::wire::{Answer, Request};
use crate::world::World;

fn resource(world: &World) -> String {
    let named = world.target.metadata.as_ref().and_then(|metadata| metadata.resource.clone());
    let place = world.target.place();
    named.unwrap_or_else(|| format!("http://{}{}", place.host, place.path))
}

/// Where the document is: the well-known path between host and path of the resource. RFC 9728 §3.1.
fn address(world: &World) -> String {
    let resource = resource(world);
    let rest = resource.split_once("://").map_or("", |(_, rest)| rest);
    let path = rest.find('/').map_or("", |at| &rest[at..]);
    format!("/.well-known/oauth-protected-resource{}", path.trim_end_matches('/'))
}

fn document(world: &World) -> Request {
    let path = address(world);
    world.get().path(&path)
}

fn read(answer: &Answer) -> Result<Value, String> {
    serde_json::from_slice(&answer.body).map_err(|error| format!("no JSON: {error}"))
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        must("metadata.document", "RFC 9728 §3.2", "The document is there without a token, as JSON.")
            .send(Served, document)
            .check(|_, answer| {
                let kind = answer.first("content-type").unwrap_or_default();
                if !kind.to_ascii_lowercase().starts_with("application/json") {
                    return Err(format!("Content-Type: {kind}"));
                }
                read(answer)?.as_object().map(|_| ()).ok_or_else(|| "no JSON object".to_owned())
            }),
        must("metadata.resource", "RFC 9728 §3.3", "`resource` is the identifier that the address was made of.")
            .send(Served, document)
            .check(|w, answer| match read(answer)?.get("resource").and_then(Value::as_str) {
                Some(named) if named == resource(w) => Ok(()),
                other => Err(format!("resource is {other:?}, not {:?}", resource(w))),
            }),
        should("metadata.issuer", "RFC 9728 §2", "`authorization_servers` names the issuer.")
            .send(Served, document)
            .check(|w, answer| {
                let document = read(answer)?;
                let servers = document.get("authorization_servers").and_then(Value::as_array);
                if servers.is_some_and(|servers| servers.iter().any(|server| *server == w.issuer())) {
                    Ok(())
                } else {
                    Err(format!("authorization_servers is {servers:?}"))
                }
            }),
        must("metadata.no-empty", "RFC 9728 §3.2", "No member of the document is an empty array.")
            .send(Served, document)
            .check(|_, answer| {
                let document = read(answer)?;
                let empty = document
                    .as_object()
                    .and_then(|members| members.iter().find(|(_, value)| value.as_array().is_some_and(Vec::is_empty)));
                empty.map_or(Ok(()), |(name, _)| Err(format!("{name} is empty")))
            }),
        should("metadata.challenge", "RFC 9728 §5.1", "A challenge says where the document is.")
            .send(Challenge, World::bare)
            .check(|w, answer| match challenge(answer)?.get("resource_metadata") {
                Some(named) if named.ends_with(&address(w)) => Ok(()),
                other => Err(format!("resource_metadata is {other:?}")),
            }),
    ]
}
