//! Issuer, audience, types and required claims.

use serde_json::json;

use crate::case::Allow::{Refused, Served};
use crate::case::{Case, defence, must, should};
use crate::target::Target;
use crate::world::World;

fn has_type(target: &Target) -> Result<(), &'static str> {
    if target.tokens.kind.is_some() { Ok(()) } else { Err("tokens.type is not set") }
}

/// The letters of the other case.
fn swapped(text: &str) -> String {
    text.chars()
        .map(|one| if one.is_ascii_lowercase() { one.to_ascii_uppercase() } else { one.to_ascii_lowercase() })
        .collect()
}

fn audience(world: &World) -> &str {
    &world.target.tokens.audience
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        must("claims.iss-other", "RFC 8725 §3.8", "A token of another issuer is refused.")
            .token(Refused, |w| w.token().claim("iss", "https://other.example").compact()),
        must("claims.iss-missing", "RFC 8725 §3.8", "A token without an issuer is refused.")
            .token(Refused, |w| w.token().without("iss").compact()),
        must("claims.iss-near", "RFC 7519 §4.1.1", "The issuer is compared to the letter.")
            .token_noted("a slash more", Refused, |w| w.token().claim("iss", format!("{}/", w.issuer())).compact())
            .token_noted("a space more", Refused, |w| w.token().claim("iss", format!("{} ", w.issuer())).compact())
            .token_noted("the other case", Refused, |w| w.token().claim("iss", swapped(&w.issuer())).compact())
            .token_noted("a part of it", Refused, |w| {
                let issuer = w.issuer();
                w.token().claim("iss", &issuer[..issuer.len() - 1]).compact()
            })
            .token_noted("ours in front of more", Refused, |w| {
                w.token().claim("iss", format!("{}.evil.example", w.issuer())).compact()
            }),
        must("claims.iss-type", "RFC 7519 §4.1.1", "An issuer that is no string is refused.")
            .token_noted("an array with ours", Refused, |w| w.token().claim("iss", json!([w.issuer()])).compact())
            .token_noted("null", Refused, |w| w.token().claim("iss", json!(null)).compact())
            .token_noted("an object", Refused, |w| w.token().claim("iss", json!({"iss": w.issuer()})).compact()),
        must("claims.aud-other", "RFC 7519 §4.1.3", "A token for somebody else is refused.")
            .token(Refused, |w| w.token().claim("aud", "https://other.example").compact()),
        must("claims.aud-missing", "RFC 8725 §3.9", "A token for nobody is refused.")
            .token(Refused, |w| w.token().without("aud").compact()),
        must("claims.aud-array", "RFC 7519 §4.1.3", "An array of audiences that has ours is served.")
            .token_noted("the only one", Served, |w| w.token().claim("aud", json!([audience(w)])).compact())
            .token_noted("the last one", Served, |w| {
                w.token().claim("aud", json!(["https://other.example", audience(w)])).compact()
            }),
        must("claims.aud-array-other", "RFC 7519 §4.1.3", "An array of audiences without ours is refused.")
            .token(Refused, |w| w.token().claim("aud", json!(["https://other.example", "x"])).compact()),
        must("claims.aud-empty", "RFC 7519 §4.1.3", "An empty audience is refused.")
            .token_noted("an array", Refused, |w| w.token().claim("aud", json!([])).compact())
            .token_noted("a string", Refused, |w| w.token().claim("aud", "").compact()),
        must("claims.aud-near", "RFC 7519 §4.1.3", "The audience is compared to the letter.")
            .token_noted("the other case", Refused, |w| w.token().claim("aud", swapped(audience(w))).compact())
            .token_noted("ours in front of more", Refused, |w| {
                w.token().claim("aud", format!("{}.evil", audience(w))).compact()
            })
            .token_noted("a part of it", Refused, |w| {
                w.token().claim("aud", &audience(w)[..audience(w).len() - 1]).compact()
            })
            .token_noted("in a list with spaces", Refused, |w| {
                w.token().claim("aud", format!("other {}", audience(w))).compact()
            }),
        must(
            "claims.aud-type",
            "RFC 7519 §4.1.3",
            "An audience that is neither a string nor an array of strings is refused.",
        )
        .token_noted("a number", Refused, |w| w.token().claim("aud", 1).compact())
        .token_noted("true", Refused, |w| w.token().claim("aud", true).compact())
        .token_noted("null", Refused, |w| w.token().claim("aud", json!(null)).compact())
        .token_noted("an object", Refused, |w| w.token().claim("aud", json!({audience(w): true})).compact())
        .token_noted("an array in an array", Refused, |w| w.token().claim("aud", json!([[audience(w)]])).compact()),
        should("claims.aud-array-type", "RFC 7519 §4.1.3", "An array of audiences with ours and a number is refused.")
            .token(Refused, |w| w.token().claim("aud", json!([audience(w), 1])).compact()),
        should("claims.sub-type", "RFC 7519 §4.1.2", "A `sub` that is no string is refused.")
            .token_noted("a number", Refused, |w| w.token().claim("sub", 1).compact())
            .token_noted("an array", Refused, |w| w.token().claim("sub", json!(["kit-user"])).compact()),
        should("claims.jti-type", "RFC 7519 §4.1.7", "A `jti` that is no string is refused.")
            .token(Refused, |w| w.token().claim("jti", 7).compact()),
        must("claims.required", "RFC 7519 §4", "Each claim that the server was told to require is required.")
            .sends(1, "the first", Refused, without_required)
            .sends(12, "each", Refused, without_required)
            .applies(|target| if target.tokens.required.is_empty() { Err("tokens.required is empty") } else { Ok(()) }),
        must("claims.unknown", "RFC 7519 §4", "Claims that nobody knows are ignored.").token(Served, |w| {
            w.token().claim("https://kit.example/x", json!({"a": [1, 2, {"b": null}]})).claim("x", "y").compact()
        }),
        must("claims.shape", "RFC 7519 §7.2", "Claims that are no JSON object are refused.")
            .token_noted("an array", Refused, |w| {
                w.token().claims_bytes(|bytes| [b"[", &*bytes, b"]"].concat()).compact()
            })
            .token_noted("a string", Refused, |w| w.token().claims_bytes(|_| b"\"sub\"".to_vec()).compact())
            .token_noted("a number", Refused, |w| w.token().claims_bytes(|_| b"1".to_vec()).compact())
            .token_noted("null", Refused, |w| w.token().claims_bytes(|_| b"null".to_vec()).compact())
            .token_noted("an empty object", Refused, |w| w.token().claims_bytes(|_| b"{}".to_vec()).compact())
            .token_noted("nothing", Refused, |w| w.token().claims_bytes(|_| Vec::new()).compact()),
        defence("claims.nested", "RFC 8725 §3.11", "A good token as the payload of another is refused.")
            .token(Refused, |w| w.token().header("cty", "JWT").claims_bytes(|_| w.good().into_bytes()).compact()),
        must("claims.typ-other", "RFC 8725 §3.11", "A token of another type is refused.")
            .token(Refused, |w| w.token().header("typ", "kit+jwt").compact())
            .applies(has_type),
        must("claims.typ-missing", "RFC 8725 §3.11", "A token without a type is refused where one is asked for.")
            .token(Refused, |w| w.token().no_header("typ").compact())
            .applies(has_type),
        must(
            "claims.typ-spelling",
            "RFC 7515 §4.1.9",
            "The type is a media type: case and `application/` make no difference.",
        )
        .token_noted("the other case", Served, |w| {
            w.token().header("typ", swapped(w.target.tokens.kind.as_deref().unwrap_or("JWT"))).compact()
        })
        .token_noted("application/", Served, |w| {
            let kind = w.target.tokens.kind.as_deref().unwrap_or("JWT");
            w.token().header("typ", format!("application/{kind}")).compact()
        })
        .applies(has_type),
        defence("claims.prototype", "RFC 8725 §2.6", "Claims below `__proto__` are not claims.").token(Refused, |w| {
            let issuer = w.issuer();
            let now = w.now();
            w.token()
                .claims_bytes(|_| {
                    json!({"__proto__": {"iss": issuer, "aud": audience(w), "exp": now + 600, "sub": "kit-user"}})
                        .to_string()
                        .into_bytes()
                })
                .compact()
        }),
    ]
}

fn without_required(world: &World, number: usize) -> crate::wire::Request {
    let required = &world.target.tokens.required;
    world.with(world.token().without(&required[number % required.len()]).compact())
}
