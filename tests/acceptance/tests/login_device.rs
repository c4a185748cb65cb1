//! Logins that are bound to a key of their browser (Device Bound Session Credentials), over TCP on every stack. A simulated
//! browser: a real one is in `tests/browser`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use acceptance::{AUDIENCE, Connection, ISSUER, Log, ROUTED, Reply, Server, WatchedStore, request_to, shows_token};
use jwt_core::login::{LoginsBuildError, LoginsBuilder};
use jwt_core::testing::{TestClock, TestDevice};
use jwt_core::{
    Algorithm, CsrfTokens, Issuer, LoginCookies, Logins, MemoryStore, RefreshTokens, Revocations, SigningKey,
};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

const REGISTER: &str = "/auth/device/register";
const REFRESH: &str = "/auth/device/refresh";
const ACCESS: &str = "__Host-access_token";
/// How long an access token is good, in seconds.
const LIFETIME: u64 = 600;

struct Place {
    runtime: Runtime,
    log: Log,
    clock: TestClock,
    store: Arc<WatchedStore>,
    logins: Logins,
}

/// The cookies of a browser, and its key.
#[derive(Clone)]
struct Browser {
    cookies: BTreeMap<String, String>,
    device: TestDevice,
}

fn builder(clock: &TestClock, store: Arc<WatchedStore>) -> LoginsBuilder {
    let key = SigningKey::generate(Algorithm::ES256).unwrap();
    let issuer = Issuer::builder(ISSUER)
        .audience(AUDIENCE)
        .signing_key(key)
        .access_token_lifetime(Duration::from_secs(LIFETIME))
        .clock(clock.clone());
    let refresh = RefreshTokens::builder(store).clock(clock.clone()).build().unwrap();
    Logins::builder(issuer.build().unwrap(), refresh)
}

fn everywhere(configure: impl Fn(LoginsBuilder) -> LoginsBuilder, test: impl Fn(&Server, &Place)) {
    for stack in ROUTED {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (clock, store) = (TestClock::new(), Arc::new(WatchedStore::new()));
        let logins = configure(builder(&clock, store.clone())).build().unwrap();
        let place = Place { runtime, log: Log::here(), clock, store, logins };
        test(&stack.start(place.logins.clone()), &place);
    }
}

fn bound(builder: LoginsBuilder) -> LoginsBuilder {
    builder.bind_to_device()
}

fn revocations() -> Revocations {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(Revocations::builder(Arc::new(MemoryStore::new())).open()).unwrap()
}

impl Place {
    fn logins(&self) -> usize {
        self.runtime.block_on(self.logins.refresh_tokens().list("alice")).unwrap().len()
    }
}

impl Browser {
    fn new() -> Self {
        Self { cookies: BTreeMap::new(), device: TestDevice::new() }
    }

    /// A request of a page of this origin, with the cookies.
    fn send(&mut self, server: &Server, method: &str, path: &str, fields: &[(&str, &str)]) -> Reply {
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let cookies = cookies.join("; ");
        let mut all = vec![("Cookie", &*cookies), ("Sec-Fetch-Site", "same-origin")];
        all.extend(fields);
        if method != "GET" {
            all.push(("Content-Length", "0"));
        }
        let reply = Connection::open(server.address).send(&request_to("localhost", method, path, &all));
        for (name, value) in set_cookies(&reply) {
            if value.is_empty() {
                self.cookies.remove(&name);
            } else {
                self.cookies.insert(name, value);
            }
        }
        reply
    }

    /// Logs in, and yields the challenge that the answer offers.
    fn log_in(&mut self, server: &Server, path: &str) -> String {
        let reply = self.send(server, "POST", path, &[]);
        assert_eq!(reply.status, 204, "{}: {reply:?}", server.stack);
        let offer =
            reply.header("secure-session-registration").unwrap_or_else(|| panic!("{}: {reply:?}", server.stack));
        let (path, challenge) = offer.split_once(";challenge=\"").unwrap();
        assert_eq!(path, format!("(ES256);path=\"{REGISTER}\""));
        challenge.trim_end_matches('"').to_owned()
    }

    fn register(&mut self, server: &Server, challenge: &str) -> Reply {
        let proof = self.device.registration(challenge);
        self.send(server, "POST", REGISTER, &[("Secure-Session-Response", &proof)])
    }

    /// Logs in and registers its key.
    fn bind(&mut self, server: &Server) -> Reply {
        let challenge = self.log_in(server, "/auth/login");
        let reply = self.register(server, &challenge);
        assert_eq!(reply.status, 200, "{}: {reply:?}", server.stack);
        reply
    }

    fn session(&self) -> String {
        self.cookies["__Host-refresh_token_id"].clone()
    }

    /// What it has to sign.
    fn challenge(&mut self, server: &Server) -> String {
        let reply = self.refresh_with(server, None);
        assert_eq!(reply.status, 403, "{}: {reply:?}", server.stack);
        challenge_in(server, &reply)
    }

    fn refresh_with(&mut self, server: &Server, proof: Option<&str>) -> Reply {
        let session = self.session();
        let mut fields = vec![("Sec-Secure-Session-Id", &*session)];
        fields.extend(proof.map(|proof| ("Secure-Session-Response", proof)));
        self.send(server, "POST", REFRESH, &fields)
    }

    fn refresh(&mut self, server: &Server) -> Reply {
        let challenge = self.challenge(server);
        let proof = self.device.refresh(&challenge);
        self.refresh_with(server, Some(&proof))
    }

    fn is_in(&mut self, server: &Server, path: &str) -> u16 {
        self.send(server, "GET", path, &[]).status
    }
}

fn set_cookies(reply: &Reply) -> Vec<(String, String)> {
    let values = reply.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"));
    let pair = |value: &str| {
        let (name, value) = value.split(';').next().unwrap().split_once('=').unwrap();
        (name.to_owned(), value.to_owned())
    };
    values.map(|(_, value)| pair(value)).collect()
}

fn challenge_in(server: &Server, reply: &Reply) -> String {
    let field = reply.header("secure-session-challenge").unwrap_or_else(|| panic!("{}: {reply:?}", server.stack));
    let (challenge, id) = field.split_once(";id=").unwrap();
    assert!(id.len() > 2, "{field}");
    challenge.trim_matches('"').to_owned()
}

#[track_caller]
fn assert_refused(server: &Server, reply: &Reply, status: u16, error: &str) {
    let expected = json!({"error": error}).to_string();
    assert_eq!((reply.status, &*reply.body), (status, &*expected), "{}: {reply:?}", server.stack);
    assert_eq!(reply.header("cache-control"), Some("no-store"), "{}: {reply:?}", server.stack);
}

#[test]
fn a_browser_registers_its_key_and_refreshes_with_it() {
    everywhere(
        |builder| builder.bind_to_device().device_exempt("/static"),
        |server, place| {
            let name = server.stack;
            let mut owner = Browser::new();
            let challenge = owner.log_in(server, "/auth/login");
            assert_eq!(
                (owner.is_in(server, "/me"), owner.is_in(server, "/bound")),
                (200, 401),
                "{name}: not bound yet"
            );
            let reply = owner.register(server, &challenge);
            assert_eq!(
                (reply.status, reply.header("content-type")),
                (200, Some("application/json")),
                "{name}: {reply:?}"
            );
            assert_eq!(reply.header("cache-control"), Some("no-store"), "{name}");
            let told: Value = serde_json::from_str(&reply.body).unwrap();
            let expected = json!({
                "session_identifier": owner.session(),
                "refresh_url": REFRESH,
                "scope": {"include_site": false, "scope_specification": [
                    {"type": "exclude", "domain": "*", "path": "/auth/logout"},
                    {"type": "exclude", "domain": "*", "path": "/static"},
                ]},
                "credentials": [
                    {"type": "cookie", "name": ACCESS, "attributes": "HttpOnly; SameSite=Lax; Secure; Path=/"},
                ],
            });
            assert_eq!(told, expected, "{name}");
            assert_eq!((owner.is_in(server, "/me"), owner.is_in(server, "/bound")), (200, 200), "{name}");

            for _ in 0..3 {
                let before = owner.cookies.clone();
                place.clock.advance(Duration::from_secs(LIFETIME + 31));
                assert_eq!(owner.is_in(server, "/me"), 401, "{name}: the access token has expired");
                let reply = owner.refresh(server);
                assert_eq!(reply.status, 200, "{name}: {reply:?}");
                assert_eq!(serde_json::from_str::<Value>(&reply.body).unwrap(), expected, "{name}");
                assert_ne!(owner.cookies, before, "{name}");
                assert_eq!((owner.is_in(server, "/me"), owner.is_in(server, "/bound")), (200, 200), "{name}");
            }
            assert_eq!(place.logins(), 1, "{name}");
            // The draft has strings in quotes, which Chromium leaves out.
            let (session, challenge) = (format!("\"{}\"", owner.session()), owner.challenge(server));
            let proof = format!("\"{}\"", owner.device.refresh(&challenge));
            let fields = [("Sec-Secure-Session-Id", &*session), ("Secure-Session-Response", &proof)];
            assert_eq!(owner.send(server, "POST", REFRESH, &fields).status, 200, "{name}");
            let log = place.log.take();
            assert!(!shows_token(&log) && !log.contains(&challenge), "{name}: {log}");
        },
    );
}

#[test]
fn whoever_copies_every_cookie_is_out_when_the_access_token_expires_and_the_owner_goes_on() {
    for renewal in [false, true] {
        everywhere(
            |builder| if renewal { bound(builder).transparent_renewal() } else { bound(builder) },
            |server, place| {
                let name = server.stack;
                let mut owner = Browser::new();
                let challenge = owner.log_in(server, "/auth/login");
                if renewal {
                    // Without a companion, the name is in the token of the browser alone.
                    let token = owner.cookies["__Host-access_token"].clone();
                    owner.cookies.insert("__Host-refresh_token_id".into(), sid(&token));
                }
                assert_eq!(owner.register(server, &challenge).status, 200, "{name}");
                let mut thief = Browser { device: TestDevice::new(), ..owner.clone() };
                assert_eq!(thief.is_in(server, "/me"), 200, "{name}: until it expires");
                place.clock.advance(Duration::from_secs(LIFETIME + 31));
                place.log.take();

                for copied in [thief.clone(), without(&thief, ACCESS)] {
                    let mut thief = copied;
                    assert_eq!(thief.is_in(server, "/me"), 401, "{name}");
                    let reply = thief.send(server, "POST", "/auth/refresh", &[]);
                    assert_refused(server, &reply, 400, "invalid_grant");
                    let challenge = thief.challenge(server);
                    let proof = thief.device.refresh(&challenge);
                    assert_refused(server, &thief.refresh_with(server, Some(&proof)), 400, "invalid_grant");
                    let proof = thief.device.registration(&challenge);
                    assert_refused(server, &thief.refresh_with(server, Some(&proof)), 400, "invalid_grant");
                    let reply = thief.register(server, &challenge);
                    assert_refused(server, &reply, 400, "invalid_request");
                    let json = [("Content-Type", "application/json")];
                    assert_eq!(thief.send(server, "POST", "/auth/refresh", &json).status, 400, "{name}");
                    assert_eq!(thief.is_in(server, "/me"), 401, "{name}");
                }
                let log = place.log.take();
                assert!(log.contains("bound to a key of its browser"), "{name}: {log}");
                assert!(log.contains("whoever has a refresh token and not its key"), "{name}: {log}");

                for _ in 0..2 {
                    place.clock.advance(Duration::from_millis(1));
                    assert_eq!(owner.refresh(server).status, 200, "{name}");
                }
                assert_eq!((owner.is_in(server, "/me"), place.logins()), (200, 1), "{name}");

                // At once, for both.
                let mut thief = owner.clone();
                assert_eq!(owner.send(server, "POST", "/auth/logout", &[]).status, 204, "{name}");
                assert_eq!(place.logins(), 0, "{name}");
                assert_refused(server, &thief.refresh_with(server, None), 400, "invalid_grant");
            },
        );
    }
}

fn without(browser: &Browser, name: &str) -> Browser {
    let mut browser = browser.clone();
    browser.cookies.remove(name);
    browser
}

fn sid(token: &str) -> String {
    let claims = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(token.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    claims["sid"].as_str().unwrap().to_owned()
}

#[test]
fn a_challenge_is_answered_once_and_soon() {
    everywhere(bound, |server, place| {
        let name = server.stack;
        let mut owner = Browser::new();
        owner.bind(server);
        let challenge = owner.challenge(server);
        let proof = owner.device.refresh(&challenge);
        let before = owner.clone();
        assert_eq!(owner.refresh_with(server, Some(&proof)).status, 200, "{name}");

        // The very same request again, and the same proof with the new cookies.
        let replayed = before.clone().refresh_with(server, Some(&proof));
        assert_refused(server, &replayed, 403, "invalid_grant");
        assert!(set_cookies(&replayed).is_empty(), "{name}");

        // The browser has seen none of these answers. It goes on, however long it takes, and each proof is good once.
        for seconds in [1, 3600] {
            place.clock.advance(Duration::from_secs(seconds));
            let mut owner = before.clone();
            let challenge = owner.challenge(server);
            let proof = owner.device.refresh(&challenge);
            assert_eq!(owner.clone().refresh_with(server, Some(&proof)).status, 200, "{name}");
            assert_refused(server, &owner.clone().refresh_with(server, Some(&proof)), 400, "invalid_grant");
        }

        let replayed = owner.refresh_with(server, Some(&proof));
        assert_refused(server, &replayed, 403, "invalid_grant");
        assert!(set_cookies(&replayed).is_empty(), "{name}");

        // Too late, or made up.
        let mut owner = Browser::new();
        owner.bind(server);
        let challenge = owner.challenge(server);
        place.clock.advance(Duration::from_secs(60));
        for challenge in [&*challenge, "", "made-up", &"A".repeat(64)] {
            let proof = owner.device.refresh(challenge);
            let reply = owner.refresh_with(server, Some(&proof));
            assert_refused(server, &reply, 403, "invalid_grant");
            assert!(reply.header("secure-session-challenge").is_some(), "{name}: it gets another one");
        }
        let reply = owner.refresh(server);
        let reply = if reply.status == 403 {
            let proof = owner.device.refresh(&challenge_in(server, &reply));
            owner.refresh_with(server, Some(&proof))
        } else {
            reply
        };
        assert_eq!(reply.status, 200, "{name}: {reply:?}");
    });
}

#[test]
fn a_challenge_of_another_login_is_none() {
    everywhere(bound, |server, _| {
        let (mut one, mut other) = (Browser::new(), Browser::new());
        one.bind(server);
        other.bind(server);
        let challenge = other.challenge(server);
        let proof = one.device.refresh(&challenge);
        assert_refused(server, &one.refresh_with(server, Some(&proof)), 403, "invalid_grant");
        // The session of another login, and none.
        let (session, proof) = (other.session(), one.device.refresh(&one.clone().challenge(server)));
        for session in [&*session, "", "x"] {
            let fields = [("Sec-Secure-Session-Id", session), ("Secure-Session-Response", &*proof)];
            assert_refused(server, &one.send(server, "POST", REFRESH, &fields), 400, "invalid_request");
        }
        let reply = one.send(server, "POST", REFRESH, &[("Secure-Session-Response", &proof)]);
        assert_refused(server, &reply, 400, "invalid_request");
    });
}

#[test]
fn a_key_is_registered_once_soon_after_the_login_and_by_its_own_proof() {
    everywhere(bound, |server, place| {
        let name = server.stack;
        let mut owner = Browser::new();
        let challenge = owner.log_in(server, "/auth/login");
        let good = owner.device.registration(&challenge);
        let refused = |proofs: &[&str], error: &str| {
            let fields: Vec<_> = proofs.iter().map(|proof| ("Secure-Session-Response", *proof)).collect();
            let reply = owner.clone().send(server, "POST", REGISTER, &fields);
            assert_eq!(reply.status, if error == "challenge" { 403 } else { 400 }, "{name}: {error}: {reply:?}");
            assert!(set_cookies(&reply).is_empty(), "{name}: {reply:?}");
        };
        refused(&[], "none");
        refused(&[&good, &good], "two");
        for proof in ["", "a.b.c", &"A".repeat(20_000)] {
            refused(&[proof], "no proof");
        }
        let (header, rest) = good.split_once('.').unwrap();
        let other = TestDevice::new().registration(&challenge);
        refused(&[&format!("{header}.{}", other.split_once('.').unwrap().1)], "signed by another key");
        refused(&[&format!("{}.{rest}", other.split_once('.').unwrap().0)], "another key in the header");
        refused(&[&owner.device.refresh(&challenge)], "no key in it");
        let header = |changes: &[(&str, Value)]| {
            let segment = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(header).unwrap();
            let mut header: Value = serde_json::from_slice(&segment).unwrap();
            for (name, value) in changes {
                header[*name] = value.clone();
            }
            owner.device.signed(&header, &json!({"jti": challenge}))
        };
        refused(&[&header(&[("typ", json!("dpop+jwt"))])], "typ");
        refused(&[&header(&[("alg", json!("RS256"))])], "alg");
        refused(&[&header(&[("alg", json!("none"))])], "alg");
        refused(&[&header(&[("crit", json!(["x"]))])], "crit");
        refused(&[&header(&[("jwk", json!({"kty": "oct", "k": "c2VjcmV0"}))])], "jwk");
        refused(&[&owner.device.registration("made-up")], "challenge");
        refused(&[&owner.device.registration(&Browser::new().log_in(server, "/auth/login"))], "challenge");

        // The answers to all of that have changed nothing.
        assert_eq!(owner.register(server, &challenge).status, 200, "{name}");
        let mut again = owner.clone();
        assert_refused(server, &again.register(server, &challenge), 400, "invalid_request");

        let mut late = Browser::new();
        let challenge = late.log_in(server, "/auth/login");
        place.clock.advance(Duration::from_secs(61));
        assert_refused(server, &late.register(server, &challenge), 403, "invalid_grant");
        // It goes on as a browser that knows nothing of it.
        assert_eq!(late.send(server, "POST", "/auth/refresh", &[]).status, 204, "{name}");
        assert_eq!((late.is_in(server, "/me"), late.is_in(server, "/bound")), (200, 401), "{name}");
        assert_refused(server, &late.refresh_with(server, None), 400, "invalid_request");
        let nobody = Browser::new().send(server, "POST", REGISTER, &[("Secure-Session-Response", &good)]);
        assert_refused(server, &nobody, 400, "invalid_request");
    });
}

#[test]
fn without_the_switch_and_without_cookies_nothing_is_offered() {
    everywhere(
        |builder| builder,
        |server, _| {
            let mut browser = Browser::new();
            let reply = browser.send(server, "POST", "/auth/login", &[]);
            assert!(reply.header("secure-session-registration").is_none(), "{}", server.stack);
            assert_eq!(browser.send(server, "POST", REGISTER, &[]).status, 404, "{}", server.stack);
        },
    );
    everywhere(bound, |server, _| {
        let mut browser = Browser::new();
        let reply = browser.send(server, "POST", "/api/login", &[]);
        assert!(reply.status == 200 && reply.header("secure-session-registration").is_none(), "{}", server.stack);
        for path in [REGISTER, REFRESH] {
            let reply = browser.send(server, "GET", path, &[]);
            assert_eq!((reply.status, reply.header("allow")), (405, Some("POST")), "{}", server.stack);
        }
    });
}

#[test]
fn a_refresh_is_one_round_trip_to_the_store_and_an_outage_ends_nothing() {
    everywhere(bound, |server, place| {
        let name = server.stack;
        let mut owner = Browser::new();
        owner.bind(server);
        let challenge = owner.challenge(server);
        let proof = owner.device.refresh(&challenge);
        let before = place.store.operations();
        assert_eq!(owner.refresh_with(server, Some(&proof)).status, 200, "{name}");
        assert_eq!(place.store.operations() - before, 1, "{name}");

        place.store.set_down(true);
        let reply = owner.refresh_with(server, Some(&proof));
        assert_refused(server, &reply, 503, "temporarily_unavailable");
        assert_eq!(reply.header("retry-after"), Some("1"), "{name}");
        assert!(set_cookies(&reply).is_empty(), "{name}");
        assert_eq!(owner.refresh_with(server, None).status, 503, "{name}");
        place.store.set_down(false);
        assert_eq!(owner.refresh(server).status, 200, "{name}");
    });
}

#[test]
fn the_refresh_token_before_the_last_one_ends_the_login_where_the_key_is_shown() {
    everywhere(bound, |server, place| {
        let name = server.stack;
        let mut owner = Browser::new();
        owner.bind(server);
        let mut old = owner.clone();
        for _ in 0..2 {
            place.clock.advance(Duration::from_secs(1));
            assert_eq!(owner.refresh(server).status, 200, "{name}");
        }
        let mut thief = Browser { device: TestDevice::new(), ..old.clone() };
        let reply = thief.refresh(server);
        assert_refused(server, &reply, 400, "invalid_grant");
        assert_eq!(place.logins(), 1, "{name}: without the key, nothing ends");
        assert_refused(server, &old.refresh(server), 400, "invalid_grant");
        assert_eq!(place.logins(), 0, "{name}");
        assert!(!old.cookies.contains_key("__Secure-refresh_token"), "{name}: and the browser forgets it");
    });
}

#[test]
fn every_cookie_that_lasts_as_long_as_the_access_token_is_bound() {
    let csrf = CsrfTokens::new("a secret of at least thirty-two bytes").unwrap();
    let cookies = || LoginCookies::builder().csrf(&csrf).build().unwrap();
    everywhere(
        |builder| bound(builder).cookies(cookies()),
        |server, _| {
            let mut owner = Browser::new();
            let told: Value = serde_json::from_str(&owner.bind(server).body).unwrap();
            let names: Vec<_> = told["credentials"].as_array().unwrap().iter().map(|one| one["name"].clone()).collect();
            assert_eq!(names, [ACCESS, "__Host-csrf_token"], "{}", server.stack);
            let before = owner.cookies["__Host-csrf_token"].clone();
            assert_eq!(owner.refresh(server).status, 200, "{}", server.stack);
            assert_ne!(owner.cookies["__Host-csrf_token"], before, "{}", server.stack);
        },
    );
}

#[test]
fn a_login_that_ends_with_the_browser_says_when_its_access_token_runs_out() {
    everywhere(bound, |server, _| {
        let name = server.stack;
        let mut owner = Browser::new();
        let challenge = owner.log_in(server, "/auth/login/briefly");
        let reply = owner.register(server, &challenge);
        let cookie = |name: &str| {
            let mut all = reply.headers.iter().filter(|(field, _)| field.eq_ignore_ascii_case("set-cookie"));
            all.find(|(_, value)| value.starts_with(name)).unwrap().1.clone()
        };
        assert!(cookie(ACCESS).contains(&format!("Max-Age={LIFETIME}")), "{name}: {reply:?}");
        assert!(!cookie("__Secure-refresh_token").contains("Max-Age"), "{name}: {reply:?}");
    });
}

#[test]
fn a_page_that_refreshes_by_itself_is_told_that_the_browser_does_it() {
    everywhere(bound, |server, place| {
        let name = server.stack;
        let mut owner = Browser::new();
        owner.bind(server);
        let before = owner.cookies.clone();
        let reply = owner.send(server, "POST", "/auth/refresh", &[]);
        assert_eq!((reply.status, &owner.cookies), (204, &before), "{name}: there is nothing to do: {reply:?}");
        let form = [("Content-Type", "application/x-www-form-urlencoded")];
        assert_eq!(owner.send(server, "POST", "/auth/refresh", &form).status, 303, "{name}");
        place.clock.advance(Duration::from_secs(LIFETIME + 31));
        assert_refused(server, &owner.send(server, "POST", "/auth/refresh", &[]), 400, "invalid_grant");
        assert_eq!(owner.refresh(server).status, 200, "{name}: and nothing has ended");
    });
}

#[test]
fn an_old_access_token_of_a_login_that_is_ended_for_its_reuse_is_refused() {
    everywhere(
        |builder| bound(builder).revocations(&revocations()),
        |server, place| {
            let mut owner = Browser::new();
            owner.bind(server);
            let mut old = owner.clone();
            for _ in 0..2 {
                place.clock.advance(Duration::from_secs(1));
                assert_eq!(owner.refresh(server).status, 200, "{}", server.stack);
            }
            assert_eq!(owner.is_in(server, "/me"), 200, "{}", server.stack);
            assert_eq!(old.refresh(server).status, 400, "{}", server.stack);
            assert_eq!(owner.is_in(server, "/me"), 401, "{}", server.stack);
        },
    );
}

#[test]
fn why_a_browser_has_skipped_a_refresh_is_in_the_log() {
    for renewal in [false, true] {
        everywhere(
            |builder| if renewal { bound(builder).transparent_renewal() } else { bound(builder) },
            |server, place| {
                let mut owner = Browser::new();
                let challenge = owner.log_in(server, "/auth/login");
                assert_eq!(owner.register(server, &challenge).status, 200, "{}", server.stack);
                owner.cookies.remove(ACCESS);
                place.log.take();
                let fields = [("Secure-Session-Skipped", "quota_exceeded;session_identifier=\"s\"")];
                assert_eq!(owner.send(server, "GET", "/me", &fields).status, 401, "{}", server.stack);
                let log = place.log.take();
                let said = "skipped the refresh of its bound login: ";
                assert!(log.contains(said), "{} {renewal}: {log}", server.stack);
                assert!(
                    log.contains("quota_exceeded") && !log.contains("session_identifier"),
                    "{}: {log}",
                    server.stack
                );
            },
        );
    }
}

#[test]
fn settings_that_contradict_each_other_are_refused() {
    let build = |configure: fn(LoginsBuilder) -> LoginsBuilder| {
        configure(builder(&TestClock::new(), Arc::new(WatchedStore::new()))).build().unwrap_err()
    };
    let twice = build(|builder| builder.bind_to_device().bind_to_device());
    assert_eq!(twice, LoginsBuildError::SetTwice { setting: "bind_to_device" });
    let without = build(|builder| builder.bind_to_device().without_cookies());
    assert_eq!(without, LoginsBuildError::NoCookies { setting: "bind_to_device" });
    for path in ["static", "//static", "/a?b", "/a#b", "/a b", ""] {
        let (clock, store) = (TestClock::new(), Arc::new(WatchedStore::new()));
        let error = builder(&clock, store).bind_to_device().device_exempt(path).build().unwrap_err();
        assert_eq!(error, LoginsBuildError::Path { setting: "device_exempt", path: path.into() });
    }
}
