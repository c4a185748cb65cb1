//! Where a token is taken from.

use crate::case::Allow::{Refused, Served};
use crate::case::{Case, defence, must};
use crate::wire::Request;
use crate::world::World;

fn authorization(value: impl Fn(&World) -> String) -> impl Fn(&World) -> Request {
    move |world| world.bare().field("Authorization", value(world))
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        must("bearer.good", "RFC 6750 §2.1", "A good token is served.").send(Served, |w| w.bare().bearer(w.good())),
        must("bearer.none", "RFC 6750 §3.1", "A request without a token is refused.").send(Refused, World::bare),
        must("bearer.lower-case", "RFC 9110 §11.1", "The scheme is compared without regard to case: `bearer`.")
            .send(Served, authorization(|w| format!("bearer {}", w.good()))),
        must("bearer.upper-case", "RFC 9110 §11.1", "The scheme is compared without regard to case: `BEARER`.")
            .send(Served, authorization(|w| format!("BEARER {}", w.good()))),
        must("bearer.field-name", "RFC 9110 §5.1", "The name of the field is compared without regard to case.")
            .send(Served, |w| w.bare().field("aUTHORIZATION", format!("Bearer {}", w.good()))),
        must("bearer.two-spaces", "RFC 6750 §2.1", "One or more spaces separate scheme and token.")
            .send(Served, authorization(|w| format!("Bearer  {}", w.good()))),
        must("bearer.space-after", "RFC 9110 §5.5", "White space behind the value is no part of it.")
            .send(Served, authorization(|w| format!("Bearer {} \t ", w.good()))),
        must("bearer.tab", "RFC 6750 §2.1", "A tab does not separate scheme and token.")
            .send(Refused, authorization(|w| format!("Bearer\t{}", w.good()))),
        must("bearer.no-space", "RFC 6750 §2.1", "Something separates scheme and token.")
            .send(Refused, authorization(|w| format!("Bearer{}", w.good()))),
        must("bearer.no-token", "RFC 6750 §2.1", "A scheme without a token is refused.")
            .send(Refused, authorization(|_| "Bearer".to_owned()))
            .send_noted("with a space", Refused, authorization(|_| "Bearer ".to_owned())),
        must("bearer.other-scheme", "RFC 6750 §2.1", "A good token under another scheme is refused.")
            .send_noted("Basic", Refused, authorization(|w| format!("Basic {}", w.good())))
            .send_noted("Token", Refused, authorization(|w| format!("Token {}", w.good())))
            .send_noted("BearerX", Refused, authorization(|w| format!("BearerX {}", w.good()))),
        must("bearer.no-scheme", "RFC 6750 §2.1", "A good token without a scheme is refused.")
            .send(Refused, authorization(World::good)),
        must("bearer.quoted", "RFC 6750 §2.1", "A token between quotes is refused.")
            .send(Refused, authorization(|w| format!("Bearer \"{}\"", w.good()))),
        must("bearer.parameter", "RFC 6750 §2.1", "A token as a parameter is refused.")
            .send(Refused, authorization(|w| format!("Bearer token={}", w.good()))),
        must("bearer.text-behind", "RFC 6750 §2.1", "A good token with more text behind it is refused.")
            .send(Refused, authorization(|w| format!("Bearer {} x", w.good()))),
        must("bearer.list", "RFC 9110 §5.3", "Two credentials in one field are refused.")
            .send(Refused, authorization(|w| format!("Bearer {0}, Bearer {0}", w.good()))),
        defence(
            "bearer.two-fields",
            "RFC 9110 §5.3",
            "Two fields with good tokens are refused, not one of them chosen.",
        )
        .send(Refused, |w| w.bare().bearer(w.good()).bearer(w.good())),
        defence(
            "bearer.good-then-junk",
            "RFC 9110 §5.3",
            "A bad token behind a good one in a second field is refused.",
        )
        .send(Refused, |w| w.bare().bearer(w.good()).bearer("junk")),
        defence(
            "bearer.junk-then-good",
            "RFC 9110 §5.3",
            "A bad token before a good one in a second field is refused.",
        )
        .send(Refused, |w| w.bare().bearer("junk").bearer(w.good())),
        must("bearer.not-ascii", "RFC 6750 §2.1", "Bytes beyond ASCII around a good token are refused.")
            .send_noted("an umlaut behind it", Refused, |w| {
                w.bare().field("Authorization", [format!("Bearer {}", w.good()).as_bytes(), "ü".as_bytes()].concat())
            })
            .send_noted("a no-break space as separator", Refused, |w| {
                w.bare().field("Authorization", [b"Bearer\xa0", w.good().as_bytes()].concat())
            }),
        defence("bearer.query", "RFC 9700 §4.3.2", "A token in the address is not taken.").send(Refused, |w| {
            let request = w.bare();
            let sign = if request.path.contains('?') { '&' } else { '?' };
            let path = format!("{}{sign}access_token={}", request.path, w.good());
            request.path(&path)
        }),
        defence("bearer.other-fields", "RFC 6750 §2", "A good token in a field of another name is refused.")
            .send_noted("X-Authorization", Refused, |w| {
                w.bare().field("X-Authorization", format!("Bearer {}", w.good()))
            })
            .send_noted("Proxy-Authorization", Refused, |w| {
                w.bare().field("Proxy-Authorization", format!("Bearer {}", w.good()))
            }),
        must("bearer.head", "RFC 9110 §9.3.2", "HEAD needs a token as GET does.")
            .send(Refused, |w| w.bare().method("HEAD")),
        defence("bearer.method-override", "RFC 6750 §2", "A field that names another method lets nobody in.")
            .send(Refused, |w| w.bare().field("X-HTTP-Method-Override", "OPTIONS")),
        defence("bearer.path", "RFC 3986 §6.2", "Another spelling of the address lets nobody in.")
            .send_noted("a percent-encoded letter", Refused, |w| {
                let request = w.bare();
                let path = match request.path.char_indices().find(|(_, one)| one.is_ascii_alphanumeric()) {
                    Some((at, one)) => {
                        format!("{}%{:02x}{}", &request.path[..at], u32::from(one), &request.path[at + 1..])
                    }
                    None => request.path.clone(),
                };
                request.path(&path)
            })
            .send_noted("two slashes", crate::case::Allow::Anything, |w| {
                let request = w.bare();
                let path = format!("/{}", request.path);
                request.path(&path)
            })
            .check(
                |_, answer| if (200..300).contains(&answer.status) { Err("it was served".to_owned()) } else { Ok(()) },
            ),
    ]
}
