//! A scope that an address asks for.

use super::answers::{challenge, error_is};
use crate::case::Allow::{Forbidden, Refused, Served};
use crate::case::{Case, must, should, taste};
use crate::wire::Request;
use crate::world::World;

fn scope(world: &World) -> &str {
    world.target.scope.as_ref().map_or("", |scope| &scope.scope)
}

fn with_scope(scope: impl Fn(&World) -> serde_json::Value) -> impl Fn(&World) -> Request {
    move |world| ask(world, world.token().claim("scope", scope(world)).compact())
}

fn ask(world: &World, token: String) -> Request {
    let path = world.target.scope.as_ref().map_or("/", |scope| &scope.path);
    world.with(token).path(path)
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        must("scope.good", "RFC 6750 §3.1", "A token with the scope is served.")
            .send_noted("alone", Served, with_scope(|w| scope(w).into()))
            .send_noted("among others", Served, with_scope(|w| format!("a {} z", scope(w)).into())),
        must("scope.missing", "RFC 6750 §3.1", "A token without the scope is refused.")
            .send_noted("another scope", Refused, with_scope(|_| "kit-other".into()))
            .send_noted("no scope", Refused, |w| ask(w, w.token().without("scope").compact()))
            .send_noted("an empty one", Refused, with_scope(|_| "".into())),
        should("scope.status", "RFC 6750 §3.1", "Who lacks a scope gets 403.")
            .send(Forbidden, with_scope(|_| "kit-other".into())),
        should("scope.code", "RFC 6750 §3.1", "Who lacks a scope gets `insufficient_scope`.")
            .send(Forbidden, with_scope(|_| "kit-other".into()))
            .check(|_, answer| error_is(answer, "insufficient_scope")),
        taste("scope.named", "RFC 6750 §3", "The challenge names the scope that is needed.")
            .send(Forbidden, with_scope(|_| "kit-other".into()))
            .check(|w, answer| match challenge(answer)?.get("scope") {
                Some(named) if named.split(' ').any(|one| one == scope(w)) => Ok(()),
                other => Err(format!("scope={other:?}")),
            }),
        must("scope.near", "RFC 6749 §3.3", "Scopes are compared to the letter.")
            .send_noted("ours in front of more", Refused, with_scope(|w| format!("{}x", scope(w)).into()))
            .send_noted("more in front of ours", Refused, with_scope(|w| format!("x{}", scope(w)).into()))
            .send_noted("the other case", Refused, with_scope(|w| scope(w).to_uppercase().into())),
        must("scope.separator", "RFC 6749 §3.3", "Only a space separates scopes.")
            .send_noted("a comma", Refused, with_scope(|w| format!("a,{}", scope(w)).into()))
            .send_noted("a tab", Refused, with_scope(|w| format!("a\t{}", scope(w)).into())),
        must(
            "scope.type",
            "RFC 9068 §2.2.3",
            "A `scope` that is neither a string nor an array of strings gives nothing.",
        )
        .send_noted("true", Refused, with_scope(|_| true.into()))
        .send_noted("an object", Refused, with_scope(|w| serde_json::json!({scope(w): true}))),
        must("scope.bad-token", "RFC 6750 §3.1", "A forged token with the scope is refused as a forged one.")
            .send(crate::case::Allow::Challenge, |w| {
                ask(w, w.token().claim("scope", scope(w)).key(w.stranger()).compact())
            }),
    ]
}
