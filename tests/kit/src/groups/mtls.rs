//! Tokens that are bound to the certificate of their client.

use serde_json::{Value, json};

use super::answers::error_is;
use crate::case::Allow::{Challenge, Refused, RefusedOrClosed, Served};
use crate::case::{Case, defence, must};
use crate::certificates::Identity;
use crate::target::Target;
use crate::token::Token;
use crate::wire::Request;
use crate::world::World;

fn client(world: &World) -> &Identity {
    world.certificates().0
}

fn other(world: &World) -> &Identity {
    world.certificates().1
}

/// A token that is bound to the certificate of the client.
fn bound(world: &World) -> Token<'_> {
    world.token().claim("cnf", json!({"x5t#S256": client(world).thumbprint()}))
}

/// A token with that `cnf` on a connection with the certificate of the client.
fn with(cnf: impl Fn(&World) -> Value) -> impl Fn(&World) -> Request {
    move |world| world.over_tls(Some(client(world))).bearer(world.token().claim("cnf", cnf(world)).compact())
}

fn has_field(target: &Target) -> Result<(), &'static str> {
    let has = target.mtls.as_ref().is_some_and(|mtls| mtls.field.is_some());
    if has { Ok(()) } else { Err("mtls.field is not set: TLS ends in the server") }
}

fn has_dpop(target: &Target) -> Result<(), &'static str> {
    if target.dpop.is_some() { Ok(()) } else { Err("there is no [dpop]") }
}

/// The name of the field, for cases that write it themselves.
fn field(world: &World) -> &str {
    world.target.mtls.as_ref().and_then(|mtls| mtls.field.as_deref()).unwrap_or("Client-Cert")
}

/// Bound to both a certificate and a key.
fn doubly(world: &World) -> String {
    let mut cnf = world.confirmation();
    cnf["x5t#S256"] = json!(client(world).thumbprint());
    world.token().claim("cnf", cnf).compact()
}

fn under_dpop(world: &World, request: Request) -> Request {
    let token = doubly(world);
    let mut proof = world.proof(&token);
    let is_tls = world.target.mtls.as_ref().is_some_and(|mtls| mtls.url.is_some());
    if is_tls && world.target.dpop.as_ref().is_some_and(|dpop| dpop.origin.is_none()) {
        proof = proof.claim("htu", format!("https://{}{}", request.host, request.path));
    }
    let proof = proof.compact();
    request.field("Authorization", format!("DPoP {token}")).field("DPoP", proof)
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        must("mtls.good", "RFC 8705 §3", "A token that is bound to the certificate of the connection is served.")
            .send(Served, |w| w.over_tls(Some(client(w))).bearer(bound(w).compact())),
        must("mtls.none", "RFC 8705 §3", "Without a certificate it is refused.")
            .send(Refused, |w| w.over_tls(None).bearer(bound(w).compact())),
        must("mtls.other", "RFC 8705 §3", "With another certificate of the same name it is refused.")
            .send(Refused, |w| w.over_tls(Some(other(w))).bearer(bound(w).compact())),
        must("mtls.code", "RFC 8705 §3", "The answer is then 401 with `invalid_token`.")
            .send(Challenge, |w| w.over_tls(Some(other(w))).bearer(bound(w).compact()))
            .check(|_, answer| error_is(answer, "invalid_token")),
        must("mtls.forged-token", "RFC 8705 §3", "A forged token is refused, whatever certificate is shown.")
            .send(Refused, |w| w.over_tls(Some(client(w))).bearer(bound(w).key(w.stranger()).compact())),
        must("mtls.thumbprint", "RFC 8705 §3.1", "The thumbprint is compared to the letter.")
            .send_noted(
                "in the other case",
                Refused,
                with(|w| {
                    json!({"x5t#S256": client(w).thumbprint().chars().map(|one| {
                    if one.is_ascii_lowercase() { one.to_ascii_uppercase() } else { one.to_ascii_lowercase() }
                }).collect::<String>()})
                }),
            )
            .send_noted("the first half of it", Refused, with(|w| json!({"x5t#S256": client(w).thumbprint()[..21]})))
            .send_noted("nothing", Refused, with(|_| json!({"x5t#S256": ""}))),
        must("mtls.encoding", "RFC 8705 §3.1", "A thumbprint in hex is none.").send(
            Refused,
            with(|w| {
                let hex = client(w).hex();
                json!({ "x5t#S256": hex })
            }),
        ),
        defence("mtls.binding-shape", "RFC 7800 §3.1", "A binding of the wrong shape does not make a bearer token.")
            .send_noted("a number", Refused, with(|_| json!({"x5t#S256": 5})))
            .send_noted("an array", Refused, with(|w| json!({"x5t#S256": [client(w).thumbprint()]}))),
        must("mtls.both", "RFC 7800 §3", "A token that is bound to a certificate and to a key needs both.")
            .send_noted("both", Served, |w| under_dpop(w, w.over_tls(Some(client(w)))))
            .send_noted("the certificate alone", Refused, |w| w.over_tls(Some(client(w))).bearer(doubly(w)))
            .send_noted("the key alone", Refused, |w| under_dpop(w, w.over_tls(None)))
            .applies(has_dpop),
        // Where a proxy says the certificate.
        defence("mtls.two-fields", "RFC 9440 §2.1", "Two fields with certificates are none.")
            .send_noted("the right one first", Refused, |w| {
                let request = w.over_tls(Some(client(w))).bearer(bound(w).compact());
                let second = w.over_tls(Some(other(w))).fields.remove(0).1;
                request.field(field(w), second)
            })
            .applies(has_field),
        defence("mtls.odd-field", "RFC 9440 §4", "A field that is no certificate is refused, and breaks nothing.")
            .send_noted("a text", Refused, |w| w.bare().field(field(w), "kit").bearer(bound(w).compact()))
            .send_noted("half of one", Refused, |w| {
                let mut request = w.over_tls(Some(client(w))).bearer(bound(w).compact());
                let half = request.fields[0].1.len() / 2;
                request.fields[0].1.truncate(half);
                request
            })
            .send_noted("a broken encoding", Refused, |w| w.bare().field(field(w), "%zz:%").bearer(bound(w).compact()))
            .send_noted("100 KB", RefusedOrClosed, |w| {
                w.bare().field(field(w), "A".repeat(100_000)).bearer(bound(w).compact())
            })
            .applies(has_field),
        defence("mtls.spoofed", "RFC 9440 §4", "Where TLS ends in the server, a field shows no certificate.")
            .send_noted("in the manner of nginx", Refused, |w| spoofed(w, "X-SSL-Client-Cert", false))
            .send_noted("in the manner of RFC 9440", Refused, |w| spoofed(w, "Client-Cert", true))
            .send_noted("in the manner of Envoy", Refused, |w| {
                let hex = client(w).hex();
                w.over_tls(None).field("X-Forwarded-Client-Cert", format!("Hash={hex}")).bearer(bound(w).compact())
            })
            .applies(|target| match &target.mtls {
                Some(mtls) if mtls.field.is_some() => Err("mtls.field is set: the kit is the proxy"),
                _ => Ok(()),
            }),
    ]
}

/// No certificate, and a field that claims one.
fn spoofed(world: &World, name: &str, is_structured: bool) -> Request {
    let identity = client(world);
    let text = if is_structured {
        format!(":{}:", identity.base64())
    } else {
        identity.certificate.replace('\n', "%0A").replace(' ', "%20")
    };
    world.over_tls(None).field(name, text).bearer(bound(world).compact())
}
