//! Tokens in cookies, and requests of other sites.

use crate::case::Allow::{Refused, Served};
use crate::case::{Case, defence, must};
use crate::target::Target;
use crate::wire::Request;
use crate::world::World;

fn name(world: &World) -> &str {
    world.target.cookie.as_ref().map_or("access_token", |cookie| &cookie.name)
}

fn cookies(text: impl Fn(&World) -> String) -> impl Fn(&World) -> Request {
    move |world| world.bare().field("Cookie", text(world))
}

fn has_unsafe(target: &Target) -> Result<(), &'static str> {
    if target.cookie.as_ref().is_some_and(|cookie| cookie.unsafe_method.is_some()) {
        Ok(())
    } else {
        Err("cookie.unsafe_method is not set")
    }
}

fn takes_both(target: &Target) -> Result<(), &'static str> {
    if target.cookie.as_ref().is_some_and(|cookie| cookie.only) {
        Err("cookie.only: no token in the header")
    } else {
        Ok(())
    }
}

/// A request that changes something.
fn change(world: &World) -> Request {
    let method = world.target.cookie.as_ref().and_then(|cookie| cookie.unsafe_method.as_deref()).unwrap_or("POST");
    world.cookie(world.good()).method(method)
}

fn own_origin(world: &World) -> String {
    format!("http://{}", world.target.place().host)
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        must("cookie.good", "RFC 6265 §5.4", "A good token in the cookie is served.")
            .send_noted("alone", Served, |w| w.cookie(w.good()))
            .send_noted("among others", Served, cookies(|w| format!("a=b; {}={}; z={{}}", name(w), w.good()))),
        must("cookie.forged", "RFC 7515 §5.2", "A forged token in the cookie is refused.")
            .send(Refused, |w| w.cookie(w.token().key(w.stranger()).compact())),
        must("cookie.name-case", "RFC 6265 §5.4", "The name of a cookie is compared with regard to case.").send(
            Refused,
            cookies(|w| {
                let name = name(w);
                let other = if name.to_uppercase() == name { name.to_lowercase() } else { name.to_uppercase() };
                format!("{other}={}", w.good())
            }),
        ),
        must("cookie.name-near", "RFC 6265 §5.4", "A cookie whose name has ours inside is another one.")
            .send_noted("letters in front", Refused, cookies(|w| format!("x{}={}", name(w), w.good())))
            .send_noted("letters behind", Refused, cookies(|w| format!("{}x={}", name(w), w.good())))
            .send_noted("inside of a value", Refused, cookies(|w| format!("x=\"; {}x={}\"", name(w), w.good()))),
        defence("cookie.name-encoded", "RFC 6265 §5.4", "The name of a cookie is not percent-decoded.").send(
            Refused,
            cookies(|w| {
                let name = name(w);
                format!("%{:02x}{}={}", name.as_bytes()[0], &name[1..], w.good())
            }),
        ),
        defence("cookie.twice", "RFC 6265 §5.4", "Two cookies of that name are refused: one may be of somebody else.")
            .send_noted("the good one first", Refused, cookies(|w| format!("{0}={1}; {0}=junk", name(w), w.good())))
            .send_noted("the good one last", Refused, cookies(|w| format!("{0}=junk; {0}={1}", name(w), w.good()))),
        defence("cookie.two-fields", "RFC 6265 §5.4", "The same cookie in two fields is refused.")
            .send(Refused, |w| w.cookie(w.good()).field("Cookie", format!("{}=junk", name(w)))),
        defence("cookie.and-header", "RFC 6750 §2", "A token in the header beside one in the cookie is refused.")
            .send(Refused, |w| w.cookie(w.good()).bearer(w.good()))
            .applies(takes_both),
        must(
            "cookie.same-origin",
            "W3C Fetch Metadata",
            "A request of the own pages that changes something is served.",
        )
        .send_noted("Sec-Fetch-Site", Served, |w| {
            change(w).field("Sec-Fetch-Site", "same-origin").field("Origin", own_origin(w))
        })
        .send_noted("Origin alone", Served, |w| change(w).field("Origin", own_origin(w)))
        .applies(has_unsafe),
        defence("cookie.cross-site", "RFC 9700 §2.1", "A request of another site that changes something is refused.")
            .send_noted("Sec-Fetch-Site", Refused, |w| {
                change(w).field("Sec-Fetch-Site", "cross-site").field("Origin", "https://evil.example")
            })
            .send_noted("Origin alone", Refused, |w| change(w).field("Origin", "https://evil.example"))
            .applies(has_unsafe),
        defence("cookie.same-site", "W3C Fetch Metadata", "A request of a neighbour on the same site is refused.")
            .send(Refused, |w| change(w).field("Sec-Fetch-Site", "same-site"))
            .applies(has_unsafe),
        defence("cookie.null-origin", "RFC 6454 §7.1", "A request of a page without an origin is refused.")
            .send(Refused, |w| change(w).field("Origin", "null"))
            .applies(has_unsafe),
        defence("cookie.near-origin", "RFC 6454 §5", "An origin that has ours inside is another one.")
            .send_noted("ours in front", Refused, |w| {
                change(w).field("Origin", format!("{}.evil.example", own_origin(w)))
            })
            .send_noted("another port", Refused, |w| change(w).field("Origin", "http://127.0.0.1:1"))
            .applies(has_unsafe),
    ]
}
