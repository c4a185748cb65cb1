//! An address that a reverse proxy asks whether to let a request in: nginx `auth_request`, Traefik ForwardAuth and others.

use crate::case::Allow::{Anything, Refused, Served};
use crate::case::{Case, defence, must, should};
use crate::target::Target;
use crate::wire::{Answer, Request};
use crate::world::World;

const NGINX: &str = "nginx auth_request";

/// Methods that a proxy may pass on.
const OTHERS: [&str; 6] = ["POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];

fn path(world: &World) -> &str {
    world.target.forward_auth.as_ref().map_or("/", |forward| &forward.path)
}

fn subject(world: &World) -> &str {
    world.target.forward_auth.as_ref().and_then(|forward| forward.subject.as_deref()).unwrap_or("X-Auth-Subject")
}

fn bare(world: &World) -> Request {
    world.bare().path(path(world))
}

fn with(world: &World, token: String) -> Request {
    world.with(token).path(path(world))
}

fn has_subject(target: &Target) -> Result<(), &'static str> {
    let has = target.forward_auth.as_ref().is_some_and(|forward| forward.subject.is_some());
    if has { Ok(()) } else { Err("forward_auth.subject is not set") }
}

/// A proxy knows two ways to say no.
fn is_no(_: &World, answer: &Answer) -> Result<(), String> {
    match answer.status {
        401 | 403 => Ok(()),
        status => Err(format!("{status} came: nginx takes nothing but 401 and 403 for a no")),
    }
}

/// The field says that and nothing else.
fn is_subject(world: &World, answer: &Answer, expected: &str) -> Result<(), String> {
    let all: Vec<&str> = answer.all(subject(world)).collect();
    if all == [expected] { Ok(()) } else { Err(format!("{} is {all:?}, not {expected:?}", subject(world))) }
}

/// A case with a request for each of these fields.
fn fields(case: Case, fields: &'static [(&'static str, &'static str)]) -> Case {
    fields.iter().fold(case, |case, (name, value)| case.send_noted(name, Refused, move |w| bare(w).field(name, value)))
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        must("forward_auth.good", NGINX, "A good token gets 2xx: the proxy passes the request on.")
            .send(Served, |w| with(w, w.good())),
        OTHERS.into_iter().fold(
            must("forward_auth.none", NGINX, "Without a token the answer is 401 or 403, and no other method gets 2xx.")
                .send_noted("GET", Refused, bare)
                .check(is_no),
            |case, method| case.send_noted(method, Refused, move |w| bare(w).method(method)),
        ),
        must("forward_auth.forged", NGINX, "A forged token gets 401 or 403.")
            .send(Refused, |w| with(w, w.token().key(w.stranger()).compact()))
            .check(is_no),
        should("forward_auth.malformed", NGINX, "What is no credential gets 401 or 403 too: nginx makes 500 of a 400.")
            .send_noted("two tokens", Refused, |w| bare(w).bearer(w.good()).bearer(w.good()))
            .check(is_no)
            .send_noted("a scheme without a token", Refused, |w| bare(w).field("Authorization", "Bearer"))
            .check(is_no)
            .send_noted("a text", Refused, |w| bare(w).bearer("no token at all"))
            .check(is_no),
        fields(
            defence("forward_auth.forwarded", NGINX, "What a client says of its request lets nobody in."),
            &[
                ("X-Forwarded-Method", "OPTIONS"),
                ("X-HTTP-Method-Override", "OPTIONS"),
                ("X-Forwarded-Uri", "/public/"),
                ("X-Original-URL", "/public/"),
                ("X-Original-URI", "/.well-known/health"),
                ("X-Rewrite-URL", "/public/"),
                ("X-Forwarded-Host", "localhost"),
                ("X-Forwarded-For", "127.0.0.1"),
                ("X-Real-IP", "127.0.0.1"),
            ],
        ),
        defence("forward_auth.query", "RFC 9700 §4.3.2", "A token in the address of the client is not taken.").send(
            Refused,
            |w| {
                let uri = format!("/a?access_token={}", w.good());
                bare(w).field("X-Forwarded-Uri", &uri).field("X-Original-URI", &uri)
            },
        ),
        must("forward_auth.subject", NGINX, "The answer says who the user is.")
            .send(Served, |w| with(w, w.token().claim("sub", "kit-user-7").compact()))
            .check(|w, answer| is_subject(w, answer, "kit-user-7"))
            .applies(has_subject),
        must("forward_auth.spoofed", NGINX, "Who the user is comes from the token, whatever the client says.")
            .send(Served, |w| with(w, w.token().claim("sub", "kit-user-7").compact()).field(subject(w), "admin"))
            .check(|w, answer| is_subject(w, answer, "kit-user-7"))
            .send_noted("without a token", Refused, |w| bare(w).field(subject(w), "admin"))
            .applies(has_subject),
        defence("forward_auth.injection", "RFC 9110 §5.5", "A name with line ends adds no field to the answer.")
            .send_noted("CR LF", Anything, |w| with(w, w.token().claim("sub", "a\r\nX-Kit-Injected: 1").compact()))
            .check(not_injected)
            .send_noted("LF", Anything, |w| with(w, w.token().claim("sub", "a\nX-Kit-Injected: 1").compact()))
            .check(not_injected)
            .applies(has_subject),
        defence(
            "forward_auth.odd-name",
            "RFC 9110 §5.5",
            "A name that no field can carry is refused, and not left out.",
        )
        .send(Anything, |w| with(w, w.token().claim("sub", "j\u{f6}rg\u{2713}").compact()))
        .check(|w, answer| match answer.status {
            200..300 if answer.all(subject(w)).all(str::is_empty) => Err("it was let in without a name".to_owned()),
            500.. => Err(format!("{} came", answer.status)),
            _ => Ok(()),
        })
        .applies(has_subject),
    ]
}

fn not_injected(_: &World, answer: &Answer) -> Result<(), String> {
    match (answer.first("x-kit-injected"), answer.status) {
        (Some(_), _) => Err("the answer has a field that the token has made".to_owned()),
        (None, 500..) => Err(format!("{} came", answer.status)),
        _ => Ok(()),
    }
}
