//! Ending a login over TCP on every stack, whatever state its cookies, its store and its clock are in; and refresh tokens
//! that another host has planted.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use acceptance::{AUDIENCE, Connection, ISSUER, LOGIN_STACKS, LoginStack, Reply, SECRET, Server, User, WatchedStore};
use acceptance::{STACKS, request_to};
use jwt_core::login::{Login, LoginsBuilder};
use jwt_core::store::{MemoryStore, RevocationStore};
use jwt_core::testing::TestClock;
use jwt_core::{Algorithm, CsrfTokens, Issuer, LoginCookies, Logins, RefreshTokens, Revocations, SigningKey};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

/// Logins on a store that can be taken away, with a list of revoked tokens on another one.
struct Place {
    runtime: Runtime,
    store: Arc<WatchedStore>,
    clock: TestClock,
    list: Revocations,
    logins: Logins,
}

/// A browser's cookies.
#[derive(Clone)]
struct Cookies {
    access: String,
    refresh: String,
    /// Which login the refresh token is of; empty where that needs no saying.
    companion: String,
}

impl Cookies {
    fn all(&self) -> String {
        format!("{}; {}; {}", self.access, self.refresh, self.companion)
    }

    fn to_refresh(&self) -> String {
        format!("{}; {}", self.refresh, self.companion)
    }
}

impl Place {
    fn new() -> Self {
        Self::with(|builder| builder)
    }

    fn with(configure: impl FnOnce(LoginsBuilder) -> LoginsBuilder) -> Self {
        Self::on(Arc::new(MemoryStore::new()), configure)
    }

    fn on(revoked: Arc<dyn RevocationStore>, configure: impl FnOnce(LoginsBuilder) -> LoginsBuilder) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (store, clock) = (Arc::new(WatchedStore::new()), TestClock::new());
        let list = runtime.block_on(Revocations::builder(revoked).clock(clock.clone()).open()).unwrap();
        let key = SigningKey::secret(Algorithm::HS256, SECRET).unwrap();
        let issuer = Issuer::builder(ISSUER).audience(AUDIENCE).signing_key(key).clock(clock.clone()).build().unwrap();
        let refresh = RefreshTokens::builder(store.clone()).clock(clock.clone()).build().unwrap();
        let logins = configure(Logins::builder(issuer, refresh).revocations(&list)).build().unwrap();
        Self { runtime, store, clock, list, logins }
    }

    fn login(&self, name: &str) -> Login {
        let user = User { sub: name.to_owned(), name: name.to_owned() };
        self.runtime.block_on(self.logins.log_in(&user, "")).unwrap()
    }

    fn log_in(&self, name: &str) -> Cookies {
        let user = User { sub: name.to_owned(), name: name.to_owned() };
        let attempt = self.logins.attempt(&http::Request::post("/").body(()).unwrap()).unwrap();
        cookies_in(self.runtime.block_on(attempt.log_in(&user)).unwrap().headers())
    }

    fn families(&self, name: &str) -> usize {
        self.runtime.block_on(self.logins.refresh_tokens().list(name)).unwrap().len()
    }

    fn start(&self, stack: LoginStack) -> Server {
        stack.start(self.logins.clone())
    }
}

fn cookies_in(headers: &http::HeaderMap) -> Cookies {
    let pair = |value: &http::HeaderValue| value.to_str().unwrap().split_once(';').unwrap().0.to_owned();
    let mut pairs = headers.get_all("set-cookie").iter().map(pair);
    let mut next = || pairs.next().unwrap_or_default();
    Cookies { access: next(), refresh: next(), companion: next() }
}

fn cookies_of(login: &Login) -> Cookies {
    cookies_in(&login.dangerous_set_cookies(&LoginCookies::builder().build().unwrap()))
}

fn send(server: &Server, method: &str, target: &str, fields: &[(&str, &str)]) -> Reply {
    Connection::open(server.address).send(&request_to("localhost", method, target, fields))
}

fn status(server: &Server, method: &str, target: &str, cookie: &str) -> u16 {
    send(server, method, target, &[("Cookie", cookie)]).status
}

fn clears_all(reply: &Reply) -> bool {
    let cookies = reply.cookies();
    cookies.len() >= 3 && cookies.iter().all(|cookie| cookie.contains("=; ") && cookie.ends_with("Max-Age=0"))
}

#[test]
fn a_logout_ends_all_that_it_finds_and_always_clears() {
    for stack in LOGIN_STACKS {
        let place = Place::new();
        let server = place.start(stack);
        let log_in = || place.log_in("alice");
        let bearer = |cookies: &Cookies| format!("Bearer {}", cookies.access.split_once('=').unwrap().1);
        for case in 0..8 {
            let (one, two) = (log_in(), log_in());
            let (cookie, authorization) = match case {
                0 => (one.all(), bearer(&two)),
                1 => (format!("{}; {}; {}", one.all(), two.access, two.refresh), String::new()),
                2 => (format!("{}; {}", two.refresh, one.all()), bearer(&two)),
                3 => (format!("__Secure-refresh_token=junk; {}; {}", one.all(), two.access), String::new()),
                4 => (
                    format!("__Host-access_token=junk; __Secure-refresh_token=\"; {}; {}", one.all(), two.access),
                    "Bearer a b".into(),
                ),
                5 => (format!("{}; {}", one.access, two.access), "Basic eDp5".into()),
                // The path of the refresh token is elsewhere, or its cookie is gone: the access token names the login.
                6 => (format!("{}; __Host-access_token=", one.access), bearer(&two)),
                _ => {
                    (format!("{0}; {0}; {1}; {1}; {2}", one.all(), two.all(), "__Secure-refresh_token="), String::new())
                }
            };
            let mut fields = vec![("Cookie", &*cookie)];
            if !authorization.is_empty() {
                fields.push(("Authorization", &*authorization));
            }
            let reply = send(&server, "POST", "/auth/logout", &fields);
            let name = format!("{} {case}: {reply:?}", stack.name);
            assert!(reply.status == 200 && clears_all(&reply), "{name}");
            assert_eq!(place.families("alice"), 0, "{name}");
            for ended in [one, two] {
                assert_eq!(status(&server, "GET", "/me", &ended.access), 401, "{name}");
                assert_eq!(status(&server, "POST", "/auth/refresh", &ended.to_refresh()), 400, "{name}");
            }
        }
    }
}

#[test]
fn another_site_ends_and_clears_nothing() {
    for stack in LOGIN_STACKS {
        let place = Place::new();
        let (server, alice) = (place.start(stack), place.log_in("alice"));
        for cookie in [alice.all(), alice.access.clone(), "__Secure-refresh_token=junk".into()] {
            let fields = [("Cookie", &*cookie), ("Sec-Fetch-Site", "cross-site"), ("Origin", "https://evil.example")];
            let reply = send(&server, "POST", "/auth/logout", &fields);
            assert_eq!((reply.status, reply.cookies().len()), (403, 0), "{} {cookie}", stack.name);
        }
        assert_eq!((status(&server, "GET", "/me", &alice.access), place.families("alice")), (200, 1), "{}", stack.name);
    }
}

#[test]
fn whatever_store_fails_a_logout_does_the_rest_and_clears() {
    for stack in LOGIN_STACKS {
        // The list is full: the family ends all the same.
        let full = MemoryStore::new().max_revocations(1);
        let place = Place::on(Arc::new(full), |builder| builder);
        place
            .runtime
            .block_on(place.list.revoke(ISSUER, "another", jwt_core::clock::NumericDate::from_secs(u64::MAX / 2000)))
            .unwrap();
        let (server, alice) = (place.start(stack), place.log_in("alice"));
        let reply = send(&server, "POST", "/auth/logout", &[("Cookie", &alice.all())]);
        assert_eq!((reply.status, reply.header("retry-after")), (503, Some("1")), "{}", stack.name);
        assert!(clears_all(&reply), "{}: {reply:?}", stack.name);
        assert_eq!(place.families("alice"), 0, "{}", stack.name);

        // The sign-ins are away: the access token is refused all the same.
        let place = Place::new();
        let (server, alice) = (place.start(stack), place.log_in("alice"));
        place.store.set_down(true);
        let reply = send(&server, "POST", "/auth/logout", &[("Cookie", &alice.all())]);
        assert_eq!((reply.status, reply.header("retry-after")), (503, Some("1")), "{}", stack.name);
        assert!(clears_all(&reply), "{}: {reply:?}", stack.name);
        assert_eq!(status(&server, "GET", "/me", &alice.access), 401, "{}", stack.name);
        // A refresh that cannot be looked at clears nothing: it is good when the store is back.
        let bob = format!("{}; {}", alice.refresh, alice.companion);
        let reply = send(&server, "POST", "/auth/refresh", &[("Cookie", &bob)]);
        assert_eq!((reply.status, reply.cookies().len()), (503, 0), "{}", stack.name);
    }
}

#[test]
fn a_logout_that_failed_at_any_step_is_finished_by_the_next_attempt() {
    for stack in LOGIN_STACKS {
        let place = Place::new();
        let (server, login) = (place.start(stack), place.login("alice"));
        let refresh = login.refresh_token().unwrap().as_str().to_owned();
        // The first question to the store fails, which is whose login it is, and every later one succeeds.
        place.store.fail_once();
        place.runtime.block_on(place.logins.log_out(&refresh)).unwrap_err();
        place.runtime.block_on(place.logins.log_out(&refresh)).unwrap();
        let bearer = format!("Bearer {}", login.access_token().as_str());
        assert_eq!(send(&server, "GET", "/me", &[("Authorization", &bearer)]).status, 401, "{}", stack.name);
        assert_eq!(place.families("alice"), 0, "{}", stack.name);
    }
}

#[test]
fn a_refused_refresh_clears_the_dead_cookies() {
    for stack in LOGIN_STACKS {
        let place = Place::new();
        let server = place.start(stack);
        let (alice, other) = (place.log_in("alice"), place.log_in("alice"));
        place.runtime.block_on(place.logins.refresh_tokens().end_all("alice")).unwrap();
        for (cookie, error) in [
            (alice.to_refresh(), "invalid_grant"),
            ("__Secure-refresh_token=junk".into(), "invalid_request"),
            (format!("{}; {}", alice.refresh, other.companion), "invalid_request"),
        ] {
            let reply = send(&server, "POST", "/auth/refresh", &[("Cookie", &cookie)]);
            let name = format!("{} {cookie}: {reply:?}", stack.name);
            assert_eq!((reply.status, &*reply.body), (400, &*format!("{{\"error\":\"{error}\"}}")), "{name}");
            assert!(clears_all(&reply), "{name}");
            let fields = [("Cookie", &*cookie), ("Sec-Fetch-Site", "cross-site")];
            let reply = send(&server, "POST", "/auth/refresh", &fields);
            assert_eq!((reply.status, reply.cookies().len()), (403, 0), "{name}");
        }
        // Where there is no refresh token at all, as on another path, the access token may be good.
        let reply = send(&server, "POST", "/auth/refresh", &[("Cookie", &place.log_in("alice").access)]);
        assert_eq!((reply.status, reply.cookies().len()), (400, 0), "{}", stack.name);
    }
}

#[test]
fn every_access_token_of_a_login_ends_with_it() {
    for stack in LOGIN_STACKS {
        let place = Place::new();
        let server = place.start(stack);
        let first = place.login("alice");
        let second = place.runtime.block_on(place.logins.refresh(first.refresh_token().unwrap().as_str())).unwrap();
        let (first, second, other) = (cookies_of(&first), cookies_of(&second), place.log_in("alice"));
        assert_eq!(status(&server, "GET", "/me", &first.access), 200, "{}", stack.name);
        // The refresh token alone, as a browser sends it to its path after the access token has run out.
        assert_eq!(status(&server, "POST", "/auth/logout", &second.to_refresh()), 200, "{}", stack.name);
        for cookies in [&first, &second] {
            assert_eq!(status(&server, "GET", "/me", &cookies.access), 401, "{}", stack.name);
        }
        assert_eq!(status(&server, "GET", "/me", &other.access), 200, "{}: another login", stack.name);
        assert_eq!(place.list.len(), 1, "{}: one entry for a login", stack.name);
        // Neither a second logout nor tokens that are made up add anything.
        let made_up = format!("__Secure-refresh_token=jrt_{}", "A".repeat(86));
        for cookie in [second.to_refresh(), first.all(), made_up] {
            assert_eq!(status(&server, "POST", "/auth/logout", &cookie), 200, "{}", stack.name);
        }
        assert_eq!(place.list.len(), 1, "{}", stack.name);
    }
}

#[test]
fn a_second_use_ends_the_access_tokens_too() {
    for stack in LOGIN_STACKS {
        let place = Place::new();
        let server = place.start(stack);
        let first = place.login("alice");
        let thief = place.runtime.block_on(place.logins.refresh(first.refresh_token().unwrap().as_str())).unwrap();
        let (first, thief) = (cookies_of(&first), cookies_of(&thief));
        place.clock.advance(Duration::from_secs(60));
        assert_eq!(status(&server, "GET", "/me", &thief.access), 200, "{}", stack.name);
        let reply = send(&server, "POST", "/auth/refresh", &[("Cookie", &first.to_refresh())]);
        assert!(reply.status == 400 && clears_all(&reply), "{}: {reply:?}", stack.name);
        for cookies in [&first, &thief] {
            assert_eq!(status(&server, "GET", "/me", &cookies.access), 401, "{}", stack.name);
            assert_eq!(status(&server, "POST", "/auth/refresh", &cookies.to_refresh()), 400, "{}", stack.name);
        }
    }
}

#[test]
fn one_device_is_logged_out_and_the_others_are_not() {
    let place = Place::new();
    let (phone, laptop) = (place.log_in("alice"), place.log_in("alice"));
    let (server, bob) = (place.start(LOGIN_STACKS[0]), place.log_in("bob"));
    let list = place.runtime.block_on(place.logins.refresh_tokens().list("alice")).unwrap();
    let id = list.iter().find(|device| phone.companion.ends_with(&device.id.to_string())).unwrap().id;
    place.runtime.block_on(place.logins.log_out_device("bob", id)).unwrap();
    assert_eq!(status(&server, "GET", "/me", &phone.access), 200, "it is not a device of Bob's");
    place.runtime.block_on(place.logins.log_out_device("alice", id)).unwrap();
    for (cookies, expected) in [(&phone, 401), (&laptop, 200), (&bob, 200)] {
        assert_eq!(status(&server, "GET", "/me", &cookies.access), expected);
    }
    assert_eq!(place.list.len(), 1);
}

#[test]
fn the_login_is_named_in_its_tokens_and_claims_that_name_one_are_refused() {
    let place = Place::new();
    let login = place.login("alice");
    let verifier = place.logins.authenticator::<Value>().build_verifier().unwrap();
    let session = |login: &Login| {
        let token = verifier.verify(login.access_token().as_str()).unwrap();
        assert_eq!(token["sid"].as_str(), token.session_id());
        token.session_id().unwrap().to_owned()
    };
    let next = place.runtime.block_on(place.logins.refresh(login.refresh_token().unwrap().as_str())).unwrap();
    assert_eq!(session(&login), session(&next));
    assert_ne!(session(&login), session(&place.login("alice")));
    for sid in [json!("mine"), json!(null), json!({})] {
        let claims = json!({"sub": "alice", "sid": sid});
        let error = place.runtime.block_on(place.logins.log_in(&claims, "")).unwrap_err();
        assert!(matches!(error, jwt_core::LoginError::SessionId) && error.response().status() == 500, "{error}");
        let place = Place::with(|builder| {
            builder.reload(move |_| {
                let claims = claims.clone();
                async move { Ok::<_, Infallible>(Some(claims)) }
            })
        });
        let token = place.login("alice");
        let refreshed = place.runtime.block_on(place.logins.refresh(token.refresh_token().unwrap().as_str()));
        assert!(matches!(refreshed, Err(jwt_core::LoginError::SessionId)));
    }
}

#[test]
fn claims_that_cannot_be_loaded_for_an_hour_cost_nobody_the_login() {
    #[derive(Debug, thiserror::Error)]
    #[error("no database")]
    struct NoDatabase;

    for stack in LOGIN_STACKS {
        let away = Arc::new(AtomicBool::new(true));
        let asked = away.clone();
        let place = Place::with(|builder| {
            builder.reload(move |_| {
                let away = asked.load(Ordering::SeqCst);
                async move { if away { Err(NoDatabase) } else { Ok(Some(json!({"sub": "alice", "name": "Alice"}))) } }
            })
        });
        let (server, alice) = (place.start(stack), place.log_in("alice"));
        for _ in 0..6 {
            let reply = send(&server, "POST", "/auth/refresh", &[("Cookie", &alice.to_refresh())]);
            assert_eq!((reply.status, reply.cookies().len()), (503, 0), "{}", stack.name);
            place.clock.advance(Duration::from_secs(600));
        }
        assert_eq!((place.store.changes(), place.families("alice")), (0, 1), "{}: nothing is spent", stack.name);
        away.store(false, Ordering::SeqCst);
        assert_eq!(status(&server, "POST", "/auth/refresh", &alice.to_refresh()), 200, "{}", stack.name);
    }
}

#[test]
fn a_user_who_is_gone_is_logged_out_with_the_access_tokens() {
    for stack in LOGIN_STACKS {
        let place = Place::with(|builder| builder.reload(|_| async { Ok::<Option<User>, Infallible>(None) }));
        let (server, alice) = (place.start(stack), place.log_in("alice"));
        let reply = send(&server, "POST", "/auth/refresh", &[("Cookie", &alice.to_refresh())]);
        assert!(reply.status == 400 && clears_all(&reply), "{}: {reply:?}", stack.name);
        assert_eq!(place.families("alice"), 0, "{}", stack.name);
        assert_eq!(status(&server, "GET", "/me", &alice.access), 401, "{}", stack.name);
    }
}

#[test]
fn a_logout_by_get_is_not_undone_by_the_renewal_before_it() {
    let csrf = CsrfTokens::new([5; 32]).unwrap();
    for stack in LOGIN_STACKS {
        for with_csrf in [false, true] {
            let cookies = LoginCookies::builder().refresh_name("__Host-refresh_token").refresh_path("/");
            let cookies = if with_csrf { cookies.csrf(&csrf) } else { cookies }.build().unwrap();
            let place = Place::with(|builder| builder.cookies(cookies).transparent_renewal());
            let (server, alice) = (place.start(stack), place.log_in("alice"));
            place.clock.advance(Duration::from_secs(3600));
            let both = format!("{}; {}", alice.access, alice.refresh);
            let reply = send(&server, "GET", "/leave", &[("Cookie", &both)]);
            assert!(reply.status == 200 && clears_all(&reply), "{}: {reply:?}", stack.name);
            assert_eq!(reply.header("cache-control"), Some("no-store"), "{}", stack.name);
            // The login that was renewed on the way is the same one, and has ended too.
            assert_eq!((place.store.changes(), place.families("alice")), (1, 0), "{}", stack.name);
            assert_eq!(place.list.len(), 1, "{}", stack.name);
            assert_eq!(status(&server, "GET", "/me", &both), 401, "{}", stack.name);
        }
    }
}

#[test]
fn a_refresh_token_that_another_host_has_planted_is_of_no_use() {
    for stack in LOGIN_STACKS {
        let place = Place::new();
        let server = place.start(stack);
        let (alice, mallory) = (place.log_in("alice"), place.log_in("mallory"));
        // Whoever is not signed in is not signed in as somebody else, and whoever is stays who it is.
        for cookie in [
            mallory.refresh.clone(),
            format!("{}; {}", mallory.refresh, alice.companion),
            format!("{}; __Host-refresh_token_id=", mallory.refresh),
            format!("{}; __Host-refresh_token_id=junk", mallory.refresh),
        ] {
            let reply = send(&server, "POST", "/auth/refresh", &[("Cookie", &cookie)]);
            assert_eq!(reply.status, 400, "{} {cookie}", stack.name);
        }
        assert_eq!(place.families("mallory"), 1, "{}: nothing was exchanged", stack.name);
        assert_eq!(place.store.changes(), 0, "{}", stack.name);
        // Nor does junk keep anybody from refreshing, before or behind the real one.
        let mut alice = alice;
        for planted in ["junk", "", "\"x\"", mallory.refresh.split_once('=').unwrap().1] {
            for cookie in [
                format!("__Secure-refresh_token={planted}; {}", alice.to_refresh()),
                format!("{}; __Secure-refresh_token={planted}", alice.to_refresh()),
            ] {
                let reply = send(&server, "POST", "/auth/refresh", &[("Cookie", &cookie)]);
                assert_eq!(reply.status, 200, "{} {planted}: {reply:?}", stack.name);
                reply.cookies()[1].split_once(';').unwrap().0.clone_into(&mut alice.refresh);
                let access = reply.cookies()[0].split_once(';').unwrap().0;
                let me = send(&server, "GET", "/me", &[("Cookie", access)]);
                assert_eq!(me.body, r#"{"sub":"alice","name":"alice"}"#, "{}", stack.name);
            }
        }
        let cookie = format!("{}; __Secure-refresh_token=junk; {}", mallory.refresh, alice.all());
        assert_eq!(status(&server, "POST", "/auth/logout", &cookie), 200, "{}", stack.name);
        assert_eq!(status(&server, "POST", "/auth/refresh", &alice.to_refresh()), 400, "{}", stack.name);
    }
}

#[test]
fn nor_is_a_planted_one_renewed_on_the_way() {
    for stack in STACKS {
        let cookies = LoginCookies::builder().refresh_path("/").build().unwrap();
        let place = Place::with(|builder| builder.cookies(cookies).transparent_renewal());
        let server = stack.start(place.logins.authenticator().build().unwrap());
        let (alice, mallory) = (place.log_in("alice"), place.log_in("mallory"));
        assert_eq!(status(&server, "GET", "/me", &mallory.refresh), 401, "{}", stack.name);
        assert_eq!(status(&server, "GET", "/me", &format!("{}; {}", mallory.refresh, alice.companion)), 401);
        let both = format!("{}; {}", mallory.refresh, alice.to_refresh());
        let reply = send(&server, "GET", "/me", &[("Cookie", &both)]);
        assert_eq!((reply.status, &*reply.body), (200, r#"{"sub":"alice","name":"alice"}"#), "{}", stack.name);
    }
}

#[test]
fn hosts_that_share_a_domain_share_the_login_and_a_host_cookie_needs_no_companion() {
    let shared = LoginCookies::builder().access_name("at").refresh_name("rt").domain("example.com").build().unwrap();
    for cookies in [shared, LoginCookies::builder().refresh_name("__Host-rt").refresh_path("/").build().unwrap()] {
        let place = Place::with(|builder| builder.cookies(cookies));
        let (server, alice) = (place.start(LOGIN_STACKS[0]), place.log_in("alice"));
        assert_eq!(alice.companion, "");
        assert_eq!(status(&server, "POST", "/auth/refresh", &alice.refresh), 200);
    }
}

#[test]
fn what_the_cookies_were_before_is_cleared_too() {
    let old = LoginCookies::builder().access_name("at").refresh_name("rt").refresh_path("/old").domain("example.com");
    let old = old.build().unwrap();
    let cookies = LoginCookies::builder().formerly(&old).formerly(&old).build().unwrap();
    let cleared = cookies.clear();
    let cleared: Vec<&str> = cleared.get_all("set-cookie").iter().map(|value| value.to_str().unwrap()).collect();
    let with = |start: &str| cleared.iter().filter(|cookie| cookie.starts_with(start)).count();
    assert_eq!((with("at=; "), with("__Host-access_token=; "), with("__Host-refresh_token_id=; ")), (1, 1, 1));
    assert!(cleared.iter().any(|cookie| cookie.contains("rt=; ") && cookie.contains("Path=/old; Domain=example.com")));
    assert_eq!(with("rt=; "), 3, "{cleared:?}");
}
