//! A service of gRPC: a token is in the metadata `authorization`, and a refusal is a status.

use crate::case::Allow::{Refused, RefusedOrClosed, Served};
use crate::case::{Case, defence, must, should};
use crate::run::SERVED;
use crate::target::Target;
use crate::wire::{self, Answer, Over, Request};
use crate::world::World;

const CODES: &str = "gRPC, status codes";
const PROTOCOL: &str = "gRPC over HTTP/2, responses";
const METADATA: &str = "gRPC, authentication";

/// A call without credentials, with an empty message.
fn call(world: &World, path: &str) -> Request {
    let mut request = world.bare().method("POST").path(path);
    request = request.field("Content-Type", "application/grpc").field("TE", "trailers");
    request.body = vec![0; 5];
    request.over = Over::Grpc;
    request
}

fn bare(world: &World) -> Request {
    call(world, world.target.grpc.as_ref().map_or("/", |grpc| &grpc.method))
}

fn scoped(world: &World) -> Request {
    call(world, world.target.grpc.as_ref().and_then(|grpc| grpc.scope_method.as_deref()).unwrap_or("/"))
}

fn forged(world: &World) -> String {
    world.token().key(world.stranger()).compact()
}

fn code_is(answer: &Answer, expected: &str) -> Result<(), String> {
    match answer.first("grpc-status") {
        Some(code) if code == expected => Ok(()),
        other => Err(format!("grpc-status is {other:?}, not {expected}")),
    }
}

fn unauthenticated(_: &World, answer: &Answer) -> Result<(), String> {
    code_is(answer, "16")
}

fn has_scope(target: &Target) -> Result<(), &'static str> {
    let has = target.grpc.as_ref().is_some_and(|grpc| grpc.scope_method.is_some());
    if has { Ok(()) } else { Err("grpc.scope_method is not set") }
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        must("grpc.good", METADATA, "A call with a good token is served.").send(Served, |w| bare(w).bearer(w.good())),
        must("grpc.scheme-case", "RFC 9110 §11.1", "The scheme is compared without regard to case.")
            .send(Served, |w| bare(w).field("Authorization", format!("bearer {}", w.good()))),
        must("grpc.none", METADATA, "A call without a token is refused.").send(Refused, bare),
        must("grpc.forged", METADATA, "A call with a bad token is refused.")
            .send_noted("forged", Refused, |w| bare(w).bearer(forged(w)))
            .send_noted("expired", Refused, |w| bare(w).bearer(w.token().claim("exp", 1).compact()))
            .send_noted("for somebody else", Refused, |w| {
                bare(w).bearer(w.token().claim("aud", "https://other.example").compact())
            }),
        must("grpc.code", CODES, "The status is then 16, UNAUTHENTICATED.")
            .send_noted("no token", Refused, bare)
            .check(unauthenticated)
            .send_noted("a forged one", Refused, |w| bare(w).bearer(forged(w)))
            .check(unauthenticated)
            .send_noted("a text that is none", Refused, |w| bare(w).bearer("kit"))
            .check(unauthenticated),
        must("grpc.scope", CODES, "Who lacks a scope gets 7, PERMISSION_DENIED.")
            .send_noted("another scope", Refused, |w| scoped(w).bearer(w.token().claim("scope", "kit-other").compact()))
            .check(|_, answer| code_is(answer, "7"))
            .send_noted("with the scope", Served, |w| scoped(w).bearer(w.good()))
            .applies(has_scope),
        should("grpc.trailers", PROTOCOL, "A refusal is a response of gRPC: 200, its content type, and a status.")
            .send(Refused, bare)
            .check(|_, answer| {
                let kind = answer.first("content-type").unwrap_or_default();
                if !answer.bytes.starts_with(b":status: 200\r\n") || !kind.starts_with("application/grpc") {
                    let first = answer.bytes.iter().take_while(|byte| **byte != b'\r').copied().collect();
                    return Err(format!(
                        "{} came with Content-Type {kind:?}",
                        String::from_utf8(first).unwrap_or_default()
                    ));
                }
                answer.first("grpc-status").map(|_| ()).ok_or_else(|| "no grpc-status".to_owned())
            }),
        must("grpc.same-connection", "RFC 9113 §8.1", "On one connection, each call is judged by its own token.")
            .act("a good call, a forged one and a bare one", |w| {
                let calls = [bare(w).bearer(w.good()), bare(w).bearer(forged(w)), bare(w)];
                let answers = crate::grpc::calls(w.target.place().address, &calls, wire::PATIENCE)
                    .map_err(|why| format!("no answer: {why}"))?;
                let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
                match *statuses {
                    [200, 400..500, 400..500] => Ok(()),
                    [200, ..] => Err(format!("{SERVED}{statuses:?} came; allowed: served, refused, refused")),
                    _ => Err(format!("{statuses:?} came; allowed: served, refused, refused")),
                }
            })
            .shows(|w| bare(w).bearer(forged(w))),
        defence("grpc.two", METADATA, "Two tokens in one call are refused.")
            .send_noted("two good ones", Refused, |w| bare(w).bearer(w.good()).bearer(w.good()))
            .send_noted("a bad one behind a good one", Refused, |w| bare(w).bearer(w.good()).bearer("kit")),
        defence("grpc.other-metadata", METADATA, "A good token in other metadata is refused.")
            .send_noted("x-authorization", Refused, |w| {
                bare(w).field("X-Authorization", format!("Bearer {}", w.good()))
            })
            .send_noted("authorization-bin", Refused, |w| {
                let text = base64_simd::STANDARD.encode_to_string(format!("Bearer {}", w.good()));
                bare(w).field("Authorization-Bin", text)
            }),
        defence("grpc.not-echoed", "RFC 6750 §5.2", "Nothing of a refused token is in the answer.")
            .send(Refused, |w| bare(w).bearer(w.token().claim("exp", 1).compact()))
            .check(|w, answer| {
                let came = String::from_utf8_lossy(&answer.bytes).into_owned();
                if came.contains(&w.token().segments().0) { Err("the token is in it".to_owned()) } else { Ok(()) }
            }),
        defence("grpc.large", "RFC 6585 §5", "A token of 200 KB is refused, or the connection is closed.")
            .send(RefusedOrClosed, |w| bare(w).bearer(w.token().claim("x", "x".repeat(150_000)).compact()))
            .send_noted("a good one behind it", Served, |w| bare(w).bearer(w.good())),
    ]
}
