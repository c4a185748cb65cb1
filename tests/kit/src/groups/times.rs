//! `exp`, `nbf` and their shapes.

use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::case::Allow::{Either, Refused, Served};
use crate::case::{Case, defence, must, should, taste};
use crate::world::World;

fn exp(world: &World, text: &str) -> String {
    world.token().claim_text("exp", text).compact()
}

fn nbf(world: &World, text: &str) -> String {
    world.token().claim_text("nbf", text).compact()
}

fn leeway(world: &World) -> i64 {
    world.target.tokens.leeway
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        must("times.expired", "RFC 7519 §4.1.4", "A token whose time is over is refused.")
            .token_noted("an hour ago", Refused, |w| w.token().claim("exp", w.now() - 3600).compact())
            .token_noted("in 1970", Refused, |w| w.token().claim("exp", 1).compact()),
        must(
            "times.expired-by-leeway",
            "RFC 7519 §4.1.4",
            "A token is refused as soon as `exp` and the leeway are over.",
        )
        .token(Refused, |w| w.token().claim("exp", w.now() - leeway(w) - 2).compact()),
        must("times.expires-between", "RFC 7519 §4.1.4", "A token that was served is refused once its time is over.")
            .token(Refused, |w| w.token().claim("exp", w.now() - leeway(w) - 1).compact())
            .act("a token is served, and sent again when it has expired", |w| {
                let token = w.token().claim("exp", w.now() - leeway(w) + 3).compact();
                let request = w.with(token).bytes();
                let send = || {
                    crate::wire::exchange(w.target.place().address, &request, false, crate::wire::PATIENCE)
                        .map_err(|why| format!("no answer: {why}"))
                };
                let before = send()?.status;
                if !(200..300).contains(&before) {
                    return Err(format!("{before} came while it was good"));
                }
                thread::sleep(Duration::from_millis(4200));
                match send()?.status {
                    400..500 => Ok(()),
                    after => Err(format!("{after} came after it had expired")),
                }
            }),
        must("times.exp-missing", "RFC 8725 §3.1", "A token that never expires is refused where `exp` is required.")
            .token(Refused, |w| w.token().without("exp").compact())
            .applies(|target| {
                if target.tokens.required.iter().any(|name| name == "exp") {
                    Ok(())
                } else {
                    Err("tokens.required has no exp")
                }
            }),
        must("times.exp-zero", "RFC 7519 §4.1.4", "`exp` of 0 is a time, not the absence of one.")
            .token(Refused, |w| exp(w, "0")),
        must("times.exp-negative", "RFC 7519 §4.1.4", "A negative `exp` is refused.")
            .token(Refused, |w| exp(w, "-1"))
            .token_noted("far below", Refused, |w| exp(w, "-9223372036854775808")),
        must("times.exp-string", "RFC 7519 §2", "`exp` as a string is refused.")
            .token_noted("digits", Refused, |w| exp(w, &format!("\"{}\"", w.now() + 600)))
            .token_noted("a word", Refused, |w| exp(w, "\"never\""))
            .token_noted("a date", Refused, |w| exp(w, "\"2099-01-01T00:00:00Z\""))
            .token_noted("nothing", Refused, |w| exp(w, "\"\"")),
        must("times.exp-type", "RFC 7519 §2", "`exp` that is no number is refused.")
            .token_noted("true", Refused, |w| exp(w, "true"))
            .token_noted("null", Refused, |w| exp(w, "null"))
            .token_noted("an array", Refused, |w| exp(w, &json!([w.now() + 600]).to_string()))
            .token_noted("an object", Refused, |w| exp(w, "{}")),
        must("times.exp-fraction", "RFC 7519 §2", "`exp` may have a fraction.")
            .token(Served, |w| exp(w, &format!("{}.5", w.now() + 600))),
        should("times.exp-exponent", "RFC 8259 §6", "`exp` may be written with an exponent.")
            .token(Served, |w| exp(w, &format!("{}e1", (w.now() + 600) / 10))),
        must("times.exp-fraction-over", "RFC 7519 §4.1.4", "`exp` with a fraction that is over is refused.")
            .token(Refused, |w| exp(w, &format!("{}.5", w.now() - leeway(w) - 10))),
        defence("times.exp-beyond", "RFC 7519 §2", "`exp` beyond every number is refused.")
            .token(Refused, |w| exp(w, "1e400"))
            .token_noted("below every number", Refused, |w| exp(w, "-1e400")),
        taste("times.exp-far", "RFC 7519 §2", "`exp` beyond every calendar is refused.")
            .token(Refused, |w| exp(w, "1e30")),
        must("times.nbf-future", "RFC 7519 §4.1.5", "A token whose time has not come is refused.")
            .token(Refused, |w| w.token().claim("nbf", w.now() + leeway(w) + 300).compact()),
        must("times.nbf-past", "RFC 7519 §4.1.5", "A token whose time has come is served.")
            .token_noted("an hour ago", Served, |w| w.token().claim("nbf", w.now() - 3600).compact())
            .token_noted("0", Served, |w| nbf(w, "0")),
        must("times.nbf-missing", "RFC 7519 §4.1.5", "`nbf` is optional.")
            .token(Served, |w| w.token().without("nbf").compact())
            .applies(|target| {
                if target.tokens.required.iter().any(|name| name == "nbf") {
                    Err("tokens.required has nbf")
                } else {
                    Ok(())
                }
            }),
        should("times.nbf-type", "RFC 7519 §2", "`nbf` that is no number is refused.")
            .token_noted("a string of digits", Refused, |w| nbf(w, &format!("\"{}\"", w.now() - 600)))
            .token_noted("a word", Refused, |w| nbf(w, "\"soon\""))
            .token_noted("null", Refused, |w| nbf(w, "null"))
            .token_noted("true", Refused, |w| nbf(w, "true")),
        must("times.nbf-fraction", "RFC 7519 §4.1.5", "`nbf` with a fraction is a time like any other.")
            .token_noted("in the past", Served, |w| nbf(w, &format!("{}.25", w.now() - 600)))
            .token_noted("in the future", Refused, |w| nbf(w, &format!("{}.25", w.now() + leeway(w) + 300))),
        must("times.nbf-far", "RFC 7519 §4.1.5", "`nbf` far in the future is refused.")
            .token(Refused, |w| nbf(w, "99999999999"))
            .token_noted("beyond 64 bits", Refused, |w| nbf(w, "1e25")),
        should("times.iat-type", "RFC 7519 §4.1.6", "`iat` that is no number is refused.")
            .token_noted("a string", Refused, |w| w.token().claim("iat", "today").compact())
            .token_noted("an array", Refused, |w| w.token().claim("iat", json!([1])).compact()),
        taste("times.iat-future", "RFC 7519 §4.1.6", "A token that was issued in the future is refused.")
            .token(Refused, |w| w.token().claim("iat", w.now() + leeway(w) + 3600).compact()),
        defence("times.odd-numbers", "RFC 8259 §6", "Odd numbers break nothing.")
            .token_noted("-0", Either, |w| w.token().claim_text("x", "-0").compact())
            .token_noted("many digits", Either, |w| w.token().claim_text("x", &"9".repeat(400)).compact())
            .token_noted("a long fraction in exp", Either, |w| {
                exp(w, &format!("{}.{}", w.now() + 600, "3".repeat(300)))
            }),
    ]
}
