//! Tokens that are bound to a key of their client, and its proofs.

use serde_json::{Value, json};

use super::answers::{challenge, challenges};
use crate::base64url;
use crate::case::Allow::{Challenge, Refused, RefusedOrClosed, Served};
use crate::case::{Case, Level, defence, must, should, taste};
use crate::keys::Key;
use crate::run::SERVED;
use crate::target::Target;
use crate::token::Token;
use crate::wire::{Answer, Request};
use crate::world::World;

/// A bound token with its proof, which is changed.
fn proof(change: impl for<'w> Fn(&'w World, Token<'w>) -> Token<'w>) -> impl Fn(&World) -> Request {
    move |world| {
        let token = world.bound().compact();
        world.shown(&token, &change(world, world.proof(&token)).compact())
    }
}

/// A bound token with a proof that is made of a good one as a text.
fn text(change: impl Fn(String) -> String) -> impl Fn(&World) -> Request {
    move |world| {
        let token = world.bound().compact();
        world.shown(&token, &change(world.proof(&token).compact()))
    }
}

/// A good token with a proof.
fn good(world: &World) -> Request {
    let token = world.bound().compact();
    world.shown(&token, &world.proof(&token).compact())
}

/// A token whose `cnf` is that, as a bearer token.
fn bearer(cnf: impl Fn(&World) -> Value) -> impl Fn(&World) -> Request {
    move |world| world.bare().bearer(world.token().claim("cnf", cnf(world)).compact())
}

fn has_nonce(target: &Target) -> Result<(), &'static str> {
    if target.dpop.as_ref().is_some_and(|dpop| dpop.nonce) { Ok(()) } else { Err("dpop.nonce is not set") }
}

fn max_age(world: &World) -> i64 {
    world.target.dpop.as_ref().map_or(0, |dpop| dpop.max_age) + world.target.tokens.leeway
}

/// The challenge for DPoP.
fn dpop_challenge(answer: &Answer) -> Result<super::answers::Challenged, String> {
    for field in answer.all("www-authenticate") {
        let found = challenges(field)?.into_iter().find(|one| one.scheme.eq_ignore_ascii_case("dpop"));
        if let Some(found) = found {
            return Ok(found);
        }
    }
    Err("no challenge for DPoP".to_owned())
}

fn error_is(answer: &Answer, codes: &[&str]) -> Result<(), String> {
    match challenge(answer)?.get("error") {
        Some(error) if codes.contains(&error) => Ok(()),
        other => Err(format!("error is {other:?}, and none of {}", codes.join(", "))),
    }
}

/// One change that has to be refused.
fn bad(
    level: Level,
    id: &'static str,
    clause: &'static str,
    sentence: &'static str,
    change: impl for<'w> Fn(&'w World, Token<'w>) -> Token<'w> + Send + Sync + 'static,
) -> Case {
    let case = if level == Level::Must { must(id, clause, sentence) } else { defence(id, clause, sentence) };
    case.send(Refused, proof(change))
}

pub(crate) fn cases() -> Vec<Case> {
    use Level::{Defence, Must};
    vec![
        must("dpop.good", "RFC 9449 §7.1", "A bound token with a proof is served.").send(Served, good),
        must("dpop.scheme-case", "RFC 9110 §11.1", "The scheme `DPoP` is compared without regard to case.").send(
            Served,
            |w| {
                let token = w.bound().compact();
                let proof = w.proof(&token).compact();
                w.bare().field("Authorization", format!("dpop {token}")).field("DPoP", proof)
            },
        ),
        must("dpop.forged-token", "RFC 9449 §7.1", "A forged token with a good proof is refused.").send(Refused, |w| {
            let token = w.bound().key(w.stranger()).compact();
            w.shown(&token, &w.proof(&token).compact())
        }),
        must("dpop.proof-missing", "RFC 9449 §7.1", "A bound token without a proof is refused.")
            .send(Refused, |w| w.bare().field("Authorization", format!("DPoP {}", w.bound().compact()))),
        must("dpop.as-bearer", "RFC 9449 §7.2", "A bound token under the scheme Bearer is refused.")
            .send_noted("without a proof", Refused, |w| w.bare().bearer(w.bound().compact()))
            .send_noted("with a proof", Refused, |w| {
                let token = w.bound().compact();
                w.bare().bearer(&token).field("DPoP", w.proof(&token).compact())
            }),
        must("dpop.unbound", "RFC 9449 §7.1", "A token that is not bound is refused under the scheme DPoP.").send(
            Refused,
            |w| {
                let token = w.token().without("cnf").compact();
                w.shown(&token, &w.proof(&token).compact())
            },
        ),
        defence("dpop.binding-shape", "RFC 7800 §3.1", "A `cnf` of the wrong shape does not make a bearer token.")
            .send_noted("a number as jkt", Refused, bearer(|_| json!({"jkt": 5})))
            .send_noted("an array as jkt", Refused, bearer(|w| json!({"jkt": [w.proof_key().thumbprint()]})))
            .send_noted("a text", Refused, bearer(|w| w.proof_key().thumbprint().into())),
        // What the proof is about.
        bad(Must, "dpop.htm-other", "RFC 9449 §4.3, 8", "A proof for another method is refused.", |_, proof| {
            proof.claim("htm", "POST")
        }),
        bad(Defence, "dpop.htm-case", "RFC 9110 §9.1", "Methods are compared with regard to case.", |_, proof| {
            proof.claim("htm", "get")
        }),
        bad(Must, "dpop.htu-other-path", "RFC 9449 §4.3, 9", "A proof for another path is refused.", |w, proof| {
            proof.claim("htu", format!("{}/other", w.htu().trim_end_matches('/')))
        }),
        bad(Must, "dpop.htu-other-host", "RFC 9449 §4.3, 9", "A proof for another host is refused.", |w, proof| {
            proof.claim("htu", w.htu().replace("://", "://other."))
        }),
        must("dpop.htu-query", "RFC 9449 §4.3, 9", "The query of the request is not compared.").send(Served, |w| {
            let request = good(w);
            let sign = if request.path.contains('?') { '&' } else { '?' };
            let path = format!("{}{sign}kit=1", request.path);
            request.path(&path)
        }),
        should("dpop.htu-spelling", "RFC 9449 §4.3", "Another spelling of the same address is accepted.")
            .send_noted(
                "the scheme in upper case",
                Served,
                proof(|w, proof| proof.claim("htu", w.htu().replacen("http", "HTTP", 1))),
            )
            .send_noted(
                "a percent-encoded letter",
                Served,
                proof(|w, proof| {
                    let htu = w.htu();
                    let at = htu.rfind('/').map_or(htu.len(), |at| at + 1);
                    let changed = match htu[at..].chars().next() {
                        Some(one) if one.is_ascii_alphanumeric() => {
                            format!("{}%{:02X}{}", &htu[..at], u32::from(one), &htu[at + 1..])
                        }
                        _ => htu,
                    };
                    proof.claim("htu", changed)
                }),
            ),
        bad(Must, "dpop.ath-other", "RFC 9449 §4.3, 12", "A proof for another token is refused.", |w, proof| {
            proof.claim("ath", base64url::encode(crate::keys::sha256(w.good().as_bytes())))
        }),
        bad(Must, "dpop.ath-missing", "RFC 9449 §4.3, 12", "A proof that names no token is refused.", |_, proof| {
            proof.without("ath")
        }),
        bad(Must, "dpop.jti-missing", "RFC 9449 §4.3, 3", "A proof without `jti` is refused.", |_, proof| {
            proof.without("jti")
        }),
        bad(Must, "dpop.htm-missing", "RFC 9449 §4.3, 3", "A proof without `htm` is refused.", |_, proof| {
            proof.without("htm")
        }),
        bad(Must, "dpop.htu-missing", "RFC 9449 §4.3, 3", "A proof without `htu` is refused.", |_, proof| {
            proof.without("htu")
        }),
        bad(Must, "dpop.iat-missing", "RFC 9449 §4.3, 3", "A proof without `iat` is refused.", |_, proof| {
            proof.without("iat")
        }),
        bad(
            Must,
            "dpop.iat-old",
            "RFC 9449 §4.3, 11",
            "A proof that was made too long ago is refused.",
            |w, proof| proof.claim("iat", w.now() - max_age(w) - 120),
        ),
        bad(Must, "dpop.iat-future", "RFC 9449 §4.3, 11", "A proof of the far future is refused.", |w, proof| {
            proof.claim("iat", w.now() + max_age(w) + 600)
        }),
        bad(Defence, "dpop.iat-type", "RFC 7519 §4.1.6", "An `iat` that is no number is refused.", |w, proof| {
            proof.claim("iat", w.now().to_string())
        }),
        defence("dpop.jti-type", "RFC 7519 §4.1.7", "A `jti` that names nothing is refused.")
            .send_noted("a number", Refused, proof(|_, proof| proof.claim("jti", 1)))
            .send_noted("an empty text", Refused, proof(|_, proof| proof.claim("jti", ""))),
        defence("dpop.replay", "RFC 9449 §11.1", "A proof is good once.")
            .act("the same proof twice", |w| {
                let request = good(w).bytes();
                let once = || {
                    let address = w.target.place().address;
                    let came = crate::wire::exchange(address, &request, false, crate::wire::PATIENCE);
                    came.map_err(|why| format!("no answer: {why}")).map(|answer| answer.status)
                };
                match (once()?, once()?) {
                    (200..300, 400..500) => Ok(()),
                    (200..300, 500..) => Err("no answer but 5xx to the second".to_owned()),
                    (200..300, 200..300) => Err(format!("{SERVED}the proof was good for a second time")),
                    (200..300, second) => Err(format!("{second} came to the second; allowed: 4xx")),
                    (first, _) => Err(format!("{first} came to the first; allowed: 2xx")),
                }
            })
            .shows(good),
        // The key of the proof.
        bad(Must, "dpop.other-key", "RFC 9449 §7.1", "A proof by a key that the token is not bound to is refused.", {
            |w, proof| proof.header("jwk", w.other_proof_key().public()).key(w.other_proof_key())
        }),
        bad(
            Must,
            "dpop.forged",
            "RFC 9449 §4.3, 6",
            "A proof that its own key has not signed is refused.",
            |w, proof| proof.key(w.other_proof_key()),
        ),
        must("dpop.signature-missing", "RFC 9449 §4.3, 6", "A proof without a signature is refused.")
            .send(Refused, text(|proof| format!("{}.", proof.rsplit_once('.').map_or("", |(input, _)| input)))),
        bad(Must, "dpop.jwk-missing", "RFC 9449 §4.2", "A proof without `jwk` is refused.", |_, proof| {
            proof.no_header("jwk")
        }),
        bad(Must, "dpop.private-key", "RFC 9449 §4.3, 7", "A private key in a proof is refused.", |w, proof| {
            let mut jwk = w.proof_key().public();
            jwk["d"] = json!(base64url::encode([7; 32]));
            proof.header("jwk", jwk)
        }),
        bad(
            Must,
            "dpop.secret",
            "RFC 9449 §4.3, 5",
            "A proof that is signed with a secret is refused.",
            |w, proof| {
                // The token is bound to the key of its client; whoever takes the header's word for it looks at `jwk` alone.
                let bytes = w.proof_key().bytes();
                let secret = Key::secret(&bytes);
                let input = proof.header("alg", "HS256").header("jwk", w.proof_key().public());
                let (header, claims) = input.segments();
                let tag = secret.sign("HS256", format!("{header}.{claims}").as_bytes());
                input.sealed(tag)
            },
        ),
        bad(Must, "dpop.none", "RFC 9449 §4.3, 5", "A proof with `alg: none` is refused.", |_, proof| {
            proof.header("alg", "none").sealed(Vec::new())
        }),
        defence("dpop.odd-keys", "RFC 7518 §6", "A key that is none is refused, and breaks nothing.")
            .send_noted("no point of the curve", Refused, {
                proof(|w, proof| {
                    let mut jwk = w.proof_key().public();
                    for name in ["x", "n"] {
                        if jwk.get(name).is_some() {
                            jwk[name] = json!(base64url::encode([0; 32]));
                        }
                    }
                    proof.header("jwk", jwk)
                })
            })
            .send_noted("a text", Refused, proof(|_, proof| proof.header("jwk", "key")))
            .send_noted("an empty object", Refused, proof(|_, proof| proof.header("jwk", json!({}))))
            .send_noted(
                "a kind that nobody knows",
                Refused,
                proof(|_, proof| proof.header("jwk", json!({"kty": "kit"}))),
            ),
        // The form of the proof.
        bad(Must, "dpop.typ-other", "RFC 9449 §4.3, 4", "A proof of another `typ` is refused.", |_, proof| {
            proof.header("typ", "JWT")
        }),
        bad(Must, "dpop.typ-missing", "RFC 9449 §4.3, 4", "A proof without `typ` is refused.", |_, proof| {
            proof.no_header("typ")
        }),
        bad(Must, "dpop.crit", "RFC 7515 §4.1.11", "A critical header that nobody knows is refused.", |_, proof| {
            proof.header("crit", json!(["kit"])).header("kit", true)
        }),
        must("dpop.two-proofs", "RFC 9449 §4.3, 1", "Two proofs in one request are refused.")
            .send_noted("two good ones", Refused, |w| {
                let token = w.bound().compact();
                w.shown(&token, &w.proof(&token).compact()).field("DPoP", w.proof(&token).compact())
            })
            .send_noted("a bad one behind a good one", Refused, |w| good(w).field("DPoP", "kit"))
            .send_noted("in one field", Refused, |w| {
                let token = w.bound().compact();
                w.shown(&token, &format!("{}, {}", w.proof(&token).compact(), w.proof(&token).compact()))
            }),
        must("dpop.shape", "RFC 9449 §4.3, 2", "A proof that is no JWT is refused.")
            .send_noted(
                "two parts",
                Refused,
                text(|proof| proof.rsplit_once('.').map_or(String::new(), |(input, _)| input.to_owned())),
            )
            .send_noted("four parts", Refused, text(|proof| format!("{proof}.AAAA")))
            .send_noted("a text", Refused, text(|_| "kit".to_owned()))
            .send_noted("nothing", Refused, text(|_| String::new())),
        defence("dpop.twice", "RFC 7519 §4", "A member that comes twice in a proof is refused.")
            .send_noted("htu", Refused, proof(|_, proof| proof.claim_before("htu", "https://other.example/")))
            .send_noted("htm", Refused, proof(|_, proof| proof.claim_again("htm", "POST")))
            .send_noted("jwk", Refused, proof(|w, proof| proof.header_again("jwk", w.other_proof_key().public()))),
        defence("dpop.large", "RFC 6585 §5", "A proof of 200 KB is refused, or the connection is closed.")
            .send(RefusedOrClosed, proof(|_, proof| proof.claim("x", "x".repeat(150_000)))),
        // What a refusal says.
        should("dpop.challenge", "RFC 9449 §7.1", "The refusal of a bad proof has a challenge for DPoP.")
            .send(Challenge, proof(|_, proof| proof.claim("htm", "POST")))
            .check(|_, answer| dpop_challenge(answer).map(|_| ())),
        taste("dpop.offered", "RFC 9449 §7.1", "Who sends no credentials is told that DPoP is accepted.")
            .send(Challenge, World::bare)
            .check(|_, answer| dpop_challenge(answer).map(|_| ())),
        should("dpop.algs", "RFC 9449 §7.1", "The challenge names the algorithms of proofs.")
            .send(Refused, proof(|_, proof| proof.claim("htm", "POST")))
            .check(|w, answer| {
                let challenge = dpop_challenge(answer)?;
                let ours = w.proof_key().algorithm;
                match challenge.get("algs") {
                    Some(named) if named.split(' ').any(|one| one == ours) => Ok(()),
                    other => Err(format!("algs is {other:?}, without {ours}")),
                }
            }),
        should("dpop.code", "RFC 9449 §7.1", "A bad proof gets `invalid_dpop_proof`.")
            .send(Refused, proof(|_, proof| proof.claim("htm", "POST")))
            .check(|_, answer| error_is(answer, &["invalid_dpop_proof"])),
        should("dpop.token-code", "RFC 9449 §7.1", "A bad token with a good proof gets `invalid_token`.")
            .send(Challenge, |w| {
                let token = w.bound().claim("exp", 1).compact();
                w.shown(&token, &w.proof(&token).compact())
            })
            .check(|_, answer| error_is(answer, &["invalid_token"])),
        must(
            "dpop.nonce-missing",
            "RFC 9449 §9",
            "Without the nonce, the answer is 401 with `use_dpop_nonce` and one.",
        )
        .send(Challenge, |w| {
            let token = w.bound().compact();
            w.shown(&token, &w.proof_without_nonce(&token).compact())
        })
        .check(|_, answer| {
            error_is(answer, &["use_dpop_nonce"])?;
            answer.first("dpop-nonce").map(|_| ()).ok_or_else(|| "no DPoP-Nonce".to_owned())
        })
        .applies(has_nonce),
        must("dpop.nonce-other", "RFC 9449 §4.3, 10", "A nonce that the server has not given is refused.")
            .send_noted("a made-up one", Refused, proof(|_, proof| proof.claim("nonce", "kit-made-up")))
            .send_noted("a number", Refused, proof(|_, proof| proof.claim("nonce", 1)))
            .applies(has_nonce),
    ]
}
