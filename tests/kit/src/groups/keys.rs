//! Keys over HTTP. Each case begins with a fresh server.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::case::Allow::{Either, Refused, RefusedOrDown, Served};
use crate::case::{Case, defence, must, should};
use crate::keys::Key;
use crate::provider::{JWKS, Page};
use crate::wire;
use crate::world::{World, nonce};

/// How long a server may take to notice new keys, in seconds.
const NOTICE: u64 = 45;

/// Tokens with names that nobody knows.
const FLOOD: usize = 200;

/// Fetches that such a flood may cause.
const FETCHES: usize = 10;

fn by_next(world: &World) -> String {
    world.token_of(world.next_key()).compact()
}

fn unknown(world: &World) -> String {
    world.token().header("kid", format!("kit-unknown-{:x}", nonce())).key(world.stranger()).compact()
}

/// Has the server look for the keys: tokens with names that nobody knows are sent until it does, but not for ever, since some
/// servers look once in a while only. Nobody waits for the answers.
fn look(world: &World) -> Result<(), String> {
    let before = world.provider.requests(JWKS);
    let end = Instant::now() + Duration::from_secs(7);
    while world.provider.requests(JWKS) == before && Instant::now() < end {
        let (request, address) = (world.with(unknown(world)).bytes(), world.target.place().address);
        thread::spawn(move || wire::exchange(address, &request, false, Duration::from_secs(25)));
        thread::sleep(Duration::from_millis(250));
    }
    Ok(())
}

/// The same, and it has got its answer and had a moment to think about it.
fn look_through(world: &World) -> Result<(), String> {
    let before = world.provider.answered(JWKS);
    look(world)?;
    let end = Instant::now() + Duration::from_secs(7);
    while world.provider.answered(JWKS) == before && Instant::now() < end {
        thread::sleep(Duration::from_millis(50));
    }
    thread::sleep(Duration::from_millis(300));
    Ok(())
}

fn jwks(world: &World, more: Vec<Value>) -> Vec<Value> {
    world.keys.published().iter().map(Key::jwk).chain(more).collect()
}

/// A set whose only keys are these.
fn only(world: &World, change: impl Fn(&mut Value)) -> Result<(), String> {
    let mut jwk = world.next_key().jwk();
    change(&mut jwk);
    world.publish(jwks(world, vec![jwk]));
    Ok(())
}

fn down(world: &World) -> Result<(), String> {
    world.provider.page(JWKS, Page::status(500));
    for path in ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"] {
        world.provider.page(path, Page::status(500));
    }
    Ok(())
}

/// A key that must not be used for signatures of that kind.
fn unfit(id: &'static str, clause: &'static str, sentence: &'static str, change: fn(&mut Value)) -> Case {
    must(id, clause, sentence)
        .act("the set has that key too", move |w| only(w, change))
        .restart()
        .send(Served, |w| w.with(w.good()))
        .within(20)
        .token(RefusedOrDown, by_next)
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        should("keys.rotation", "OIDC Core §10.1.1", "A token of a new key is served within 45 seconds.")
            .restart()
            .token(Served, World::good)
            .within(20)
            .act("the kit publishes a new key", |w| {
                w.publish(jwks(w, vec![w.next_key().jwk()]));
                Ok(())
            })
            .token(Served, by_next)
            .within(NOTICE)
            .token(Served, World::good),
        should(
            "keys.withdrawn",
            "OIDC Core §10.1.1",
            "Once a new set was fetched, a key that is not in it is refused.",
        )
        .restart()
        .token(Served, World::good)
        .within(20)
        .act("the kit replaces its key", |w| {
            w.publish(vec![w.next_key().jwk()]);
            Ok(())
        })
        .token(Served, by_next)
        .within(NOTICE)
        .token(RefusedOrDown, World::good),
        defence("keys.flood", "RFC 8725 §2", "200 tokens with names that nobody knows cause at most 10 fetches.")
            .restart()
            .token(Served, World::good)
            .within(20)
            .act("a flood of unknown names", |w| {
                let before = w.provider.requests(JWKS);
                for _ in 0..FLOOD {
                    let request = w.with(unknown(w)).bytes();
                    let answer = wire::exchange(w.target.place().address, &request, false, wire::PATIENCE)
                        .map_err(|why| format!("no answer: {why}"))?;
                    if (200..300).contains(&answer.status) {
                        return Err("it was served".to_owned());
                    }
                }
                let fetches = w.provider.requests(JWKS) - before;
                if fetches > FETCHES { Err(format!("{fetches} fetches")) } else { Ok(()) }
            })
            .send_noted("a good token behind it", Served, |w| w.with(w.good())),
        defence("keys.outage", "RFC 9111 §4.2.4", "While the keys cannot be fetched, known keys go on to serve.")
            .restart()
            .token(Served, World::good)
            .within(20)
            .act("the kit answers 500", down)
            .act("tokens with names that nobody knows make the server look", look_through)
            .sends(2, "a name that nobody knows", RefusedOrDown, |w, _| w.with(unknown(w)))
            .token_noted("a known key", Served, World::good),
        defence(
            "keys.outage-at-start",
            "RFC 9110 §15.6.4",
            "A server that started during an outage serves when it is over.",
        )
        .act("the kit answers 500", down)
        .restart()
        .act("a good token is not served yet, and gets an answer", |w| {
            let request = w.with(w.good()).bytes();
            let came = wire::exchange(w.target.place().address, &request, false, Duration::from_secs(30));
            match came.map_err(|why| format!("no answer: {why}"))?.status {
                200..300 => Err("it was served without keys".to_owned()),
                _ => Ok(()),
            }
        })
        .act("the outage is over", |w| {
            w.reset();
            Ok(())
        })
        .token(Served, World::good)
        .within(75),
        defence("keys.hangs", "RFC 9110 §15.6.4", "While the key server hangs, a known key does not wait for it.")
            .restart()
            .token(Served, World::good)
            .within(20)
            .act("the kit takes 20 seconds", |w| {
                w.provider.page(JWKS, Page::json(&w.keys.jwks()).delay(Duration::from_secs(20)));
                let address = w.target.place().address;
                look(w)?;
                let start = Instant::now();
                let good = w.with(w.good()).bytes();
                let answer = wire::exchange(address, &good, false, Duration::from_secs(8))
                    .map_err(|why| format!("no answer: {why}"))?;
                if !(200..300).contains(&answer.status) {
                    return Err(format!("{} came", answer.status));
                }
                if start.elapsed() > Duration::from_secs(3) { Err("it waited".to_owned()) } else { Ok(()) }
            }),
        defence("keys.garbage", "RFC 7517 §5", "A set that is no set replaces nothing.")
            .restart()
            .token(Served, World::good)
            .within(20)
            .act("the kit publishes half a document", |w| {
                let text = w.keys.jwks().to_string();
                w.provider.page(
                    JWKS,
                    Page::status(200)
                        .field("Content-Type", "application/json")
                        .body(&text.as_bytes()[..text.len() / 2]),
                );
                Ok(())
            })
            .act("tokens with names that nobody knows make the server look", look_through)
            .sends(2, "a name that nobody knows", RefusedOrDown, |w, _| w.with(unknown(w)))
            .token_noted("a known key", Served, World::good),
        must("keys.odd", "RFC 7517 §5", "Keys that nobody understands are skipped, and the others are used.")
            .act("the set has odd keys in front", |w| {
                let mut odd = vec![
                    json!({"kty": "kit", "kid": "odd-1"}),
                    json!({"kty": "RSA", "kid": "odd-2"}),
                    json!({"kty": "EC", "crv": "P-0", "x": "AA", "y": "AA", "kid": "odd-3"}),
                    json!({"kty": "OKP", "crv": "X448", "x": "AA", "kid": "odd-4", "use": "enc"}),
                ];
                odd.extend(jwks(w, Vec::new()));
                w.publish(odd);
                Ok(())
            })
            .restart()
            .token(Served, World::good)
            .within(20),
        must("keys.unknown-members", "RFC 7517 §4", "Members of a key that nobody knows are ignored.")
            .act("the keys have more members", |w| {
                let mut keys = jwks(w, Vec::new());
                for key in &mut keys {
                    key["x-kit"] = json!({"a": [1]});
                    key["exp"] = json!(4_102_444_800_u64);
                }
                w.publish(keys);
                Ok(())
            })
            .restart()
            .token(Served, World::good)
            .within(20),
        unfit("keys.use", "RFC 7517 §4.2", "A key for encryption verifies no signature.", |jwk| {
            jwk["use"] = json!("enc");
        }),
        unfit("keys.key-ops", "RFC 7517 §4.3", "A key that is for other operations verifies no signature.", |jwk| {
            jwk.as_object_mut().map(|members| members.remove("use"));
            jwk["key_ops"] = json!(["encrypt"]);
        }),
        must("keys.alg", "RFC 8725 §3.1", "A key that names an algorithm is for that one alone.")
            .act("the set has a key for another algorithm", |w| {
                only(w, |jwk| {
                    let other = match jwk["alg"].as_str().unwrap_or_default() {
                        "RS256" => "PS256",
                        "PS256" => "RS256",
                        "ES256" => "ES384",
                        _ => "RSA-OAEP",
                    };
                    jwk["alg"] = json!(other);
                })
            })
            .restart()
            .token(Served, World::good)
            .within(20)
            .token(RefusedOrDown, by_next),
        must("keys.secret-in-set", "RFC 8725 §3.5", "A secret that everybody can read in the set verifies nothing.")
            .act("the set has a secret", |w| {
                let secret =
                    json!({"kty": "oct", "kid": "kit-secret", "k": crate::base64url::encode([7; 32]), "alg": "HS256"});
                w.publish(jwks(w, vec![secret]));
                Ok(())
            })
            .restart()
            .token(Served, World::good)
            .within(20)
            .token(RefusedOrDown, |w| {
                let key = Key::secret(&[7; 32]);
                w.token().header("alg", "HS256").header("kid", "kit-secret").key(&key).compact()
            }),
        defence("keys.large", "RFC 9110 §15.5.14", "A set of 20 MB breaks nothing.")
            .restart()
            .token(Served, World::good)
            .within(20)
            .act("the kit publishes 20 MB", |w| {
                let mut text = w.keys.jwks().to_string();
                text.truncate(text.len() - 1);
                text.push_str(",\"x\":\"");
                text.push_str(&"x".repeat(20 << 20));
                text.push_str("\"}");
                w.provider.page(JWKS, Page::status(200).field("Content-Type", "application/json").body(text));
                Ok(())
            })
            .act("tokens with names that nobody knows make the server look", look_through)
            .token(RefusedOrDown, unknown)
            .patience(30)
            .token_noted("a known key", Served, World::good),
        must("keys.stranger-first", "RFC 7515 §5.2", "A forged token before the first good one changes nothing.")
            .restart()
            .token(RefusedOrDown, |w| w.token().key(w.stranger()).compact())
            .token(Served, World::good)
            .within(20)
            .send_noted("and again", Refused, |w| w.with(w.token().key(w.stranger()).compact()))
            .send_noted("without a name", Either, |w| w.with(w.token().no_header("kid").compact())),
    ]
}
