//! JSON that parsers disagree about.

use serde_json::json;

use crate::case::Allow::{Either, Refused, Served};
use crate::case::{Case, defence, must};
use crate::world::World;

fn changed(world: &World, change: impl FnOnce(String) -> String) -> String {
    world.token().claims_bytes(|bytes| change(String::from_utf8_lossy(&bytes).into_owned()).into_bytes()).compact()
}

/// One more member, written as it is.
fn with_member(world: &World, member: &str) -> String {
    changed(world, |text| format!("{},{member}}}", text.trim_end_matches('}')))
}

/// Every letter as `\u00XX`.
fn escaped(text: &str) -> String {
    text.chars().fold(String::new(), |text, one| format!("{text}\\u{:04x}", u32::from(one)))
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        must("json.space", "RFC 8259 §2", "White space of JSON is allowed wherever JSON allows it.")
            .token_noted("in the claims", Served, |w| {
                changed(w, |text| format!(" \r\n\t{} ", text.replace("\":", "\" :\n ")))
            })
            .token_noted("in the header", Served, |w| {
                w.token().header_bytes(|bytes| [b" {\n".as_slice(), &bytes[1..], b"\r\n"].concat()).compact()
            }),
        must("json.escapes", "RFC 8259 §8.3", "Escapes in names and values mean what they stand for.").token(
            Served,
            |w| {
                let (name, value) = (escaped("iss"), escaped(&w.issuer()));
                changed(w, |text| {
                    let issuer = format!("\"iss\":{}", json!(w.issuer()));
                    text.replace(&issuer, &format!("\"{name}\":\"{value}\""))
                })
            },
        ),
        must(
            "json.escaped-exp",
            "RFC 8259 §8.3",
            "An expired `exp` is found, even if its name is written with escapes.",
        )
        .token(Refused, |w| changed(w, |text| text.replace("\"exp\":", "\"\\u0065xp\":1,\"x\":"))),
        must("json.twice-exp", "RFC 7519 §4", "Of two `exp`, the last counts or both are refused.")
            .token(Refused, |w| w.token().claim_again("exp", 1).compact()),
        defence("json.twice-exp-before", "RFC 8725 §2.6", "Two `exp` are refused, whichever is the good one.")
            .token(Refused, |w| w.token().claim_before("exp", 1).compact()),
        must("json.twice-aud", "RFC 7519 §4", "Of two `aud`, the last counts or both are refused.")
            .token(Refused, |w| w.token().claim_again("aud", "https://other.example").compact()),
        defence("json.twice-sub", "RFC 7519 §4", "Two `sub` are refused.")
            .token(Refused, |w| w.token().claim_again("sub", "somebody-else").compact())
            .token_noted("one with escapes", Refused, |w| with_member(w, "\"\\u0073ub\":\"somebody-else\"")),
        must("json.twice-alg", "RFC 7515 §4", "Of two `alg`, the last counts or both are refused.")
            .token(Refused, |w| w.token().header_again("alg", "none").compact()),
        defence("json.twice-kid", "RFC 7515 §4", "Two `kid` are refused.")
            .token(Refused, |w| w.token().header_again("kid", w.key().kid.as_str()).compact()),
        must("json.behind", "RFC 8259 §2", "Text behind the object is refused.")
            .token_noted("letters", Refused, |w| changed(w, |text| text + "x"))
            .token_noted("another object", Refused, |w| changed(w, |text| text + "{}"))
            .token_noted("a NUL", Refused, |w| changed(w, |text| text + "\0"))
            .token_noted("in the header", Refused, |w| {
                w.token().header_bytes(|bytes| [&*bytes, b"x"].concat()).compact()
            }),
        must("json.before", "RFC 8259 §2", "Text before the object is refused.")
            .token(Refused, |w| changed(w, |text| format!("x{text}"))),
        defence("json.mark", "RFC 8259 §8.1", "A byte order mark is refused.")
            .token(Refused, |w| changed(w, |text| format!("\u{feff}{text}")))
            .token_noted("in the header", Refused, |w| {
                w.token().header_bytes(|bytes| ["\u{feff}".as_bytes(), &*bytes].concat()).compact()
            }),
        must("json.not-json", "RFC 8259", "What looks like JSON and is none is refused.")
            .token_noted("a comma behind the last member", Refused, |w| {
                changed(w, |text| format!("{},}}", text.trim_end_matches('}')))
            })
            .token_noted("a comment", Refused, |w| changed(w, |text| format!("{{/**/{}", &text[1..])))
            .token_noted("single quotes", Refused, |w| with_member(w, "'x':1"))
            .token_noted("a name without quotes", Refused, |w| with_member(w, "x:1"))
            .token_noted("not closed", Refused, |w| changed(w, |text| text.trim_end_matches('}').to_owned())),
        must("json.numbers", "RFC 8259 §6", "Numbers that JSON does not know are refused.")
            .token_noted("NaN", Refused, |w| with_member(w, "\"x\":NaN"))
            .token_noted("Infinity", Refused, |w| with_member(w, "\"x\":Infinity"))
            .token_noted("a zero in front", Refused, |w| with_member(w, "\"x\":01"))
            .token_noted("a plus", Refused, |w| with_member(w, "\"x\":+1"))
            .token_noted("hexadecimal", Refused, |w| with_member(w, "\"x\":0x10"))
            .token_noted("NaN as `exp`", Refused, |w| w.token().claim_text("exp", "NaN").compact())
            .token_noted("Infinity as `exp`", Refused, |w| w.token().claim_text("exp", "Infinity").compact()),
        must("json.control", "RFC 8259 §7", "A control character inside a string is refused.")
            .token(Refused, |w| with_member(w, "\"x\":\"a\nb\"")),
        must("json.utf-8", "RFC 8259 §8.1", "Bytes that are no UTF-8 are refused.")
            .token_noted("in the claims", Refused, |w| {
                w.token().claims_bytes(|bytes| [&bytes[..bytes.len() - 1], b",\"x\":\"\xff\"}"].concat()).compact()
            })
            .token_noted("in the header", Refused, |w| {
                w.token().header_bytes(|bytes| [&bytes[..bytes.len() - 1], b",\"x\":\"\xc3\x28\"}"].concat()).compact()
            }),
        must("json.utf-16", "RFC 8259 §8.1", "UTF-16 is refused.").token(Refused, |w| {
            w.token()
                .claims_bytes(|bytes| {
                    let text = String::from_utf8_lossy(&bytes).into_owned();
                    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
                })
                .compact()
        }),
        defence("json.deep", "RFC 8259 §9", "JSON of many levels breaks nothing.")
            .token_noted("5000 arrays in the claims", Either, |w| {
                with_member(w, &format!("\"x\":{}{}", "[".repeat(5000 / 2), "]".repeat(5000 / 2)))
            })
            .token_noted("they are never closed", Refused, |w| {
                w.token().claims_bytes(|_| "[".repeat(5000).into_bytes()).compact()
            })
            .token_noted("objects in the header", Refused, |w| {
                w.token().header_bytes(|_| "{\"a\":".repeat(1000).into_bytes()).compact()
            }),
        defence("json.surrogate", "RFC 8259 §8.2", "Half of a surrogate pair breaks nothing.")
            .token(Either, |w| with_member(w, "\"x\":\"\\ud800\"")),
        must("json.values-are-data", "RFC 8259 §7", "What is in a string is data, whatever it looks like.").token(
            Served,
            |w| {
                w.token()
                    .claim("x", "{\"exp\":1}")
                    .claim("y", "$serde_json::private::RawValue")
                    .claim("z", "${jndi:ldap://127.0.0.1/x} {{7*7}} ../../etc/passwd ' OR 1=1 --")
                    .compact()
            },
        ),
    ]
}
