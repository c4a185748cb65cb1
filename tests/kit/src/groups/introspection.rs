//! Tokens that are no JWTs: the server asks the kit about them.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::case::Allow::{self, Challenge, Forbidden, NotServed, Refused, RefusedOrDown, Served};
use crate::case::{Case, defence, must, should, taste};
use crate::provider::{INTROSPECT, Page, Question};
use crate::run::SERVED;
use crate::target::Target;
use crate::wire::{self, Request};
use crate::world::World;

/// A token that the kit says that of.
fn said(change: impl Fn(&World, &mut Value)) -> impl Fn(&World) -> Request {
    move |world| {
        let mut description = world.description();
        change(world, &mut description);
        world.with(world.opaque(&description))
    }
}

fn member(name: &'static str, value: impl Fn(&World) -> Value) -> impl Fn(&World) -> Request {
    said(move |world, description| description[name] = value(world))
}

/// A token that the kit answers that about.
fn page(page: impl Fn(&World) -> Page) -> impl Fn(&World) -> Request {
    move |world| world.with(world.opaque_page(page(world)))
}

fn text(text: impl Into<Vec<u8>>) -> Page {
    Page::status(200).field("Content-Type", "application/json").body(text)
}

/// A good token is served, and what the server asked about it is as it has to be.
fn asked(check: impl Fn(&World, &str, &Question) -> Result<(), String>) -> impl Fn(&World) -> Result<(), String> {
    move |world| {
        let token = world.opaque(&world.description());
        served(world, &token)?;
        let questions = world.provider.questions();
        let about = questions.iter().find(|question| question.member("token") == Some(&token));
        check(world, &token, about.ok_or("it was served, and nobody asked about it in a form")?)
    }
}

fn ask(world: &World, token: &str, patience: Duration) -> Result<u16, String> {
    let came = wire::exchange(world.target.place().address, &world.with(token).bytes(), false, patience);
    came.map(|answer| answer.status).map_err(|why| format!("no answer: {why}"))
}

fn served(world: &World, token: &str) -> Result<(), String> {
    match ask(world, token, wire::PATIENCE)? {
        200..300 => Ok(()),
        status => Err(format!("{status} came; allowed: 2xx")),
    }
}

fn recovers(world: &World) -> Result<(), String> {
    let end = Instant::now() + Duration::from_secs(RECOVERY);
    loop {
        match served(world, &world.opaque(&world.description())) {
            Err(_) if Instant::now() < end => thread::sleep(Duration::from_millis(250)),
            done => return done,
        }
    }
}

fn has_scope(target: &Target) -> Result<(), &'static str> {
    if target.scope.is_some() { Ok(()) } else { Err("there is no [scope]") }
}

fn has_dpop(target: &Target) -> Result<(), &'static str> {
    if target.dpop.is_some() { Ok(()) } else { Err("there is no [dpop]") }
}

fn scoped(world: &World, scope: &str) -> Request {
    let mut description = world.description();
    description["scope"] = json!(scope);
    let path = world.target.scope.as_ref().map_or("/", |scope| &scope.path);
    world.with(world.opaque(&description)).path(path)
}

trait Recovers {
    /// An answer of the issuer that lets nobody in, and a good one behind it. A server may leave an issuer alone for a
    /// moment that has failed.
    fn bad(self, note: &'static str, make: impl Fn(&World) -> Request + Send + Sync + 'static) -> Self
    where
        Self: Sized,
    {
        self.recovers(note, RefusedOrDown, make)
    }

    fn recovers(
        self,
        note: &'static str,
        allow: Allow,
        make: impl Fn(&World) -> Request + Send + Sync + 'static,
    ) -> Self;
}

impl Recovers for Case {
    fn recovers(
        self,
        note: &'static str,
        allow: Allow,
        make: impl Fn(&World) -> Request + Send + Sync + 'static,
    ) -> Self {
        let case = self.send_noted(note, allow, make).patience(30);
        case.send_noted("a good token behind it", Served, said(|_, _| ())).within(RECOVERY)
    }
}

/// How long a server may leave an issuer alone that has failed, in seconds.
const RECOVERY: u64 = 30;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        must("introspection.good", "RFC 7662 §2.2", "A token that its issuer calls active is served.")
            .send(Served, said(|_, _| ())),
        must("introspection.inactive", "RFC 7662 §2.2", "A token that its issuer calls inactive is refused.")
            .send_noted("and says nothing else of", Challenge, page(|_| Page::json(&json!({"active": false}))))
            .send_noted("and describes in full", Challenge, member("active", |_| false.into()))
            .send_noted("since it has never heard of it", Challenge, |w| w.with("kit-made-up-0123456789")),
        must("introspection.active-missing", "RFC 7662 §2.2", "An answer without `active` lets nobody in.")
            .bad("", said(|_, description| _ = description.as_object_mut().map(|all| all.remove("active")))),
        must("introspection.active-type", "RFC 7662 §2.2", "An `active` that is no boolean lets nobody in.")
            .bad("a text", member("active", |_| "true".into()))
            .bad("a text that says no", member("active", |_| "false".into()))
            .bad("a number", member("active", |_| 1.into()))
            .bad("null", member("active", |_| Value::Null)),
        defence("introspection.expired", "RFC 7662 §4", "A token that is called active and is over is refused.")
            .bad("", member("exp", |w| (w.now() - w.target.tokens.leeway - 60).into())),
        defence("introspection.exp-type", "RFC 7662 §2.2", "An `exp` that is no number lets nobody in.")
            .bad("a text", member("exp", |w| (w.now() + 600).to_string().into()))
            .bad("an object", member("exp", |_| json!({}))),
        defence("introspection.not-yet", "RFC 7662 §4", "A token that is called active and begins later is refused.")
            .bad("", member("nbf", |w| (w.now() + w.target.tokens.leeway + 600).into())),
        must("introspection.aud-other", "RFC 9700 §2.3", "An active token for somebody else is refused.")
            .send_noted("a text", Refused, member("aud", |_| "https://other.example".into()))
            .send_noted("an array", Refused, member("aud", |_| json!(["https://other.example"]))),
        defence("introspection.iss-other", "RFC 7662 §2.2", "An active token of another issuer is refused.")
            .bad("", member("iss", |_| "https://other.example".into())),
        must("introspection.scope", "RFC 6750 §3.1", "An active token without the scope gets 403.")
            .send_noted("another scope", Forbidden, |w| scoped(w, "kit-other"))
            .send_noted("with the scope", Served, |w| {
                scoped(w, &w.target.scope.as_ref().map_or(String::new(), |scope| scope.scope.clone()))
            })
            .applies(has_scope),
        must("introspection.bound", "RFC 9449 §6.2", "An active token that is bound needs its proof.")
            .send_noted("as a bearer token", Refused, member("cnf", World::confirmation))
            .send_noted("with its proof", Served, |w| {
                let mut description = w.description();
                description["cnf"] = w.confirmation();
                description["token_type"] = json!("DPoP");
                let token = w.opaque(&description);
                w.shown(&token, &w.proof(&token).compact())
            })
            .applies(has_dpop),
        // How it asks.
        must("introspection.post", "RFC 7662 §2.1", "It asks by POST, with the token in a form.")
            .act(
                "a good token",
                asked(|_, _, question| {
                    let kind = question.field("content-type").unwrap_or_default().to_ascii_lowercase();
                    if question.method != "POST" || !kind.starts_with("application/x-www-form-urlencoded") {
                        return Err(format!("it asked by {} with Content-Type {kind:?}", question.method));
                    }
                    Ok(())
                }),
            )
            .shows(said(|_, _| ())),
        must(
            "introspection.encoded",
            "RFC 7662 §2.1",
            "A token with characters that a form encodes is asked about as it is.",
        )
        .send(Served, |w| {
            let token = format!("{}+a/b~c==", w.opaque(&w.description()));
            w.provider.describe(&token, Page::json(&w.description()));
            w.with(token)
        }),
        must("introspection.who-asks", "RFC 7662 §2.1", "It says who it is with each question.")
            .act(
                "a good token",
                asked(|_, _, question| {
                    let basic = question.field("authorization").is_some();
                    let post = ["client_secret", "client_assertion"].iter().any(|name| question.member(name).is_some());
                    if basic || post { Ok(()) } else { Err("neither Authorization nor client_secret came".to_owned()) }
                }),
            )
            .shows(said(|_, _| ())),
        must(
            "introspection.address",
            "RFC 6749 §2.3.1",
            "Neither its secret nor the token is in the address that it asks.",
        )
        .act(
            "a good token",
            asked(|w, token, question| {
                let secret = w.target.introspection.as_ref().map_or("", |client| &client.client_secret);
                if question.address.contains(token) || question.address.contains(secret) {
                    return Err(format!("it asked at {}", question.address));
                }
                Ok(())
            }),
        )
        .shows(said(|_, _| ())),
        // What goes wrong at the issuer.
        must("introspection.down", "RFC 7662 §2.3", "While the issuer fails, an unknown token is not let in.")
            .bad("500", page(|_| Page::status(500)))
            .bad("500 with a good answer", page(|w| Page { status: 500, ..Page::json(&w.description()) }))
            .bad("429", page(|_| Page::status(429).field("Retry-After", "1")))
            .bad("404", page(|_| Page::status(404))),
        must("introspection.refuses-us", "RFC 7662 §2.3", "Where the issuer refuses the server, nobody is let in.")
            .recovers(
                "401",
                NotServed,
                page(|_| Page { status: 401, ..Page::json(&json!({"error": "invalid_client"})) }),
            )
            .recovers("403", NotServed, page(|w| Page { status: 403, ..Page::json(&w.description()) })),
        should(
            "introspection.down-status",
            "RFC 9110 §15.6.4",
            "While the issuer fails, the answer is 503 or its like, and not 401.",
        )
        .send(RefusedOrDown, page(|_| Page::status(500)))
        .check(|_, answer| match answer.status {
            502..=504 => Ok(()),
            status => Err(format!("{status} came: a client throws its token away then")),
        })
        .send_noted("a good token behind it", Served, said(|_, _| ()))
        .within(RECOVERY),
        defence("introspection.hangs", "RFC 9110 §15.6.4", "While the issuer does not answer, clients get an answer.")
            .act("the kit takes 40 seconds", |w| {
                let token = w.opaque_page(Page::json(&w.description()).delay(Duration::from_secs(40)));
                match ask(w, &token, Duration::from_secs(15))? {
                    200..300 => Err(format!("{SERVED}nobody has said that it is active")),
                    400..500 | 502..=504 => recovers(w),
                    status => Err(format!("{status} came; allowed: 4xx, or 502 to 504")),
                }
            })
            .shows(page(|w| Page::json(&w.description()).delay(Duration::from_secs(40)))),
        must("introspection.garbage", "RFC 7662 §2.2", "An answer that is no JSON object lets nobody in.")
            .bad("nothing", page(|_| text("")))
            .bad("true", page(|_| text("true")))
            .bad("an array", page(|w| text(json!([w.description()]).to_string())))
            .bad(
                "half of it",
                page(|w| {
                    let whole = w.description().to_string();
                    text(&whole.as_bytes()[..whole.len() - 2])
                }),
            )
            .bad("text behind it", page(|w| text(format!("{} x", w.description()))))
            .bad("204", page(|_| Page::status(204))),
        defence("introspection.twice", "RFC 8259 §4", "An answer in which `active` comes twice lets nobody in.")
            .bad("no, then yes", page(|w| text(w.description().to_string().replacen('{', "{\"active\":false,", 1))))
            .bad(
                "yes, then no",
                page(|w| text(format!("{},\"active\":false}}", w.description().to_string().trim_end_matches('}')))),
            ),
        defence("introspection.redirect", "RFC 6749 §10.3", "It does not carry the token to another address.")
            .act("the issuer redirects", |w| {
                let elsewhere = format!("{}/elsewhere", w.provider.url());
                w.provider.page("/elsewhere", Page::json(&w.description()));
                for status in [302, 307, 308] {
                    let token = w.opaque_page(Page::status(status).field("Location", &elsewhere));
                    if (200..300).contains(&ask(w, &token, wire::PATIENCE)?) {
                        return Err(format!("{SERVED}{status} came from the issuer"));
                    }
                    if w.provider.requests("/elsewhere") > 0 {
                        return Err(format!("after {status} it asked elsewhere"));
                    }
                    recovers(w)?;
                }
                Ok(())
            })
            .shows(page(|w| Page::status(302).field("Location", &format!("{}/elsewhere", w.provider.url())))),
        defence("introspection.large", "RFC 9110 §15.5.14", "An answer of 20 MB breaks nothing, and lets nobody in.")
            .bad(
                "",
                page(|w| {
                    let mut description = w.description();
                    description["x"] = json!("x".repeat(20 << 20));
                    Page::json(&description)
                }),
            ),
        defence("introspection.deep", "RFC 8259 §9", "An answer of 10 000 levels breaks nothing.")
            .bad("", page(|_| text(format!("{{\"active\":true,\"x\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000))))),
        defence(
            "introspection.flood",
            "RFC 9110 §15.6",
            "200 made-up tokens at once get their answers, and a known one is served.",
        )
        .act("a flood on eight connections at a time", |w| {
            let known = w.opaque(&w.description());
            served(w, &known)?;
            let failed: Vec<String> = thread::scope(|scope| {
                let threads: Vec<_> = (0..8)
                    .map(|lane| {
                        scope.spawn(move || {
                            let tokens = (0..25).map(|number| format!("kit-made-up-{lane}-{number}"));
                            let all = tokens.filter_map(|token| match ask(w, &token, wire::PATIENCE) {
                                Ok(400..500 | 502..=504) => None,
                                Ok(status) => Some(format!("{status} came")),
                                Err(why) => Some(why),
                            });
                            all.collect::<Vec<_>>()
                        })
                    })
                    .collect();
                threads.into_iter().flat_map(|thread| thread.join().unwrap_or_default()).collect()
            });
            match failed.first() {
                None => served(w, &known),
                Some(why) => Err(format!("{why}, and so {} times", failed.len())),
            }
        })
        .shows(|w| w.with("kit-made-up-0-0")),
        taste("introspection.questions", "RFC 7662 §4", "40 requests at once with one token are at most 10 questions.")
            .act("one token on eight connections", |w| {
                let token = w.opaque(&w.description());
                let before = w.provider.requests(INTROSPECT);
                thread::scope(|scope| {
                    for _ in 0..8 {
                        scope.spawn(|| (0..5).for_each(|_| _ = ask(w, &token, wire::PATIENCE)));
                    }
                });
                let questions = w.provider.requests(INTROSPECT) - before;
                if questions > 10 { Err(format!("{questions} questions")) } else { Ok(()) }
            })
            .shows(said(|_, _| ())),
    ]
}
