//! A stronger or fresher sign-in.

use super::answers::{challenge, error_is};
use crate::case::Allow::{Challenge, Refused, Served};
use crate::case::{Case, must, should};
use crate::target::Target;
use crate::token::Token;
use crate::wire::Request;
use crate::world::World;

fn acr(world: &World) -> &str {
    world.target.step_up.as_ref().and_then(|step_up| step_up.acr.as_deref()).unwrap_or("")
}

fn max_age(world: &World) -> i64 {
    world.target.step_up.as_ref().and_then(|step_up| step_up.max_age).unwrap_or(0)
}

/// A token of a sign-in that is strong and fresh.
fn strong(world: &World) -> Token<'_> {
    let mut token = world.token().claim("auth_time", world.now() - 1);
    if !acr(world).is_empty() {
        token = token.claim("acr", acr(world));
    }
    token
}

fn ask(world: &World, token: &Token<'_>) -> Request {
    let path = world.target.step_up.as_ref().map_or("/", |step_up| &step_up.path);
    world.with(token.compact()).path(path)
}

fn has_acr(target: &Target) -> Result<(), &'static str> {
    if target.step_up.as_ref().is_some_and(|step_up| step_up.acr.is_some()) {
        Ok(())
    } else {
        Err("step_up.acr is not set")
    }
}

fn has_max_age(target: &Target) -> Result<(), &'static str> {
    if target.step_up.as_ref().is_some_and(|step_up| step_up.max_age.is_some()) {
        Ok(())
    } else {
        Err("step_up.max_age is not set")
    }
}

/// Too old or too weak, whichever the server looks at.
fn weak(world: &World) -> Token<'_> {
    world.token().claim("acr", "kit-weak").claim("auth_time", world.now() - max_age(world) - 3600)
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        must("step_up.good", "RFC 9470 §5", "A sign-in that is strong and fresh is served.")
            .send(Served, |w| ask(w, &strong(w))),
        must("step_up.code", "RFC 9470 §3", "Otherwise the answer is 401 with `insufficient_user_authentication`.")
            .send(Challenge, |w| ask(w, &weak(w)))
            .check(|_, answer| error_is(answer, "insufficient_user_authentication")),
        must("step_up.acr-other", "RFC 9470 §5", "Another `acr` is refused.")
            .send(Refused, |w| ask(w, &strong(w).claim("acr", "kit-weak")))
            .applies(has_acr),
        must("step_up.acr-missing", "RFC 9470 §5", "A token that says nothing of its `acr` is refused.")
            .send(Refused, |w| ask(w, &strong(w).without("acr")))
            .applies(has_acr),
        must("step_up.acr-type", "RFC 9470 §6.2", "An `acr` that is no string is refused.")
            .send(Refused, |w| ask(w, &strong(w).claim("acr", serde_json::json!([acr(w)]))))
            .applies(has_acr),
        should("step_up.acr-named", "RFC 9470 §3", "The challenge names the `acr_values` that help.")
            .send(Challenge, |w| ask(w, &weak(w)))
            .check(|w, answer| match challenge(answer)?.get("acr_values") {
                Some(named) if named.split(' ').any(|one| one == acr(w)) => Ok(()),
                other => Err(format!("acr_values is {other:?}")),
            })
            .applies(has_acr),
        must("step_up.old", "RFC 9470 §5", "A sign-in that is too long ago is refused.")
            .send(Refused, |w| {
                let old = w.now() - max_age(w) - w.target.tokens.leeway - 60;
                ask(w, &strong(w).claim("auth_time", old))
            })
            .applies(has_max_age),
        must("step_up.time-missing", "RFC 9470 §5", "A token that says nothing of its `auth_time` is refused.")
            .send(Refused, |w| ask(w, &strong(w).without("auth_time")))
            .applies(has_max_age),
        must("step_up.time-type", "RFC 9470 §6.2", "An `auth_time` that is no number is refused.")
            .send(Refused, |w| ask(w, &strong(w).claim("auth_time", (w.now() - 1).to_string())))
            .applies(has_max_age),
        should("step_up.age-named", "RFC 9470 §3", "The challenge names the `max_age`.")
            .send(Challenge, |w| ask(w, &weak(w)))
            .check(|w, answer| match challenge(answer)?.get("max_age") {
                Some(named) if named == max_age(w).to_string() => Ok(()),
                other => Err(format!("max_age is {other:?}")),
            })
            .applies(has_max_age),
    ]
}
