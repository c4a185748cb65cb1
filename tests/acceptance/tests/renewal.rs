//! Logins that have run out, renewed on the way of a request, on every stack.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use acceptance::{AUDIENCE, Connection, ISSUER, Reply, SECRET, STACKS, Server, Stack, User, WatchedStore, request_to};
use jwt_core::adapter::{Pending, Verdict};
use jwt_core::error::AuthenticatorBuildError;
use jwt_core::login::{LoginsBuildError, LoginsBuilder};
use jwt_core::session::RefreshError;
use jwt_core::testing::TestClock;
use jwt_core::{
    Algorithm, Authenticator, Issuer, LoginCookies, LoginError, Logins, MemoryStore, RefreshTokens, SigningKey,
};
use serde_json::json;

const INVALID: &str = r#"Bearer error="invalid_token""#;
const ALICE: &str = r#"{"sub":"alice","name":"Alice"}"#;

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// A login that has run out, and everything around it.
struct Late {
    store: Arc<WatchedStore>,
    clock: TestClock,
    tokens: Logins,
    access: String,
    refresh: String,
    /// Which login the refresh token is of, where its own cookie does not say so.
    companion: String,
}

impl Late {
    fn new() -> Self {
        Self::with(LoginsBuilder::transparent_renewal)
    }

    fn with(configure: impl FnOnce(LoginsBuilder) -> LoginsBuilder) -> Self {
        let (store, clock) = (Arc::new(WatchedStore::new()), TestClock::new());
        let key = SigningKey::secret(Algorithm::HS256, SECRET).unwrap();
        let issuer = Issuer::builder(ISSUER).audience(AUDIENCE).signing_key(key).clock(clock.clone()).build().unwrap();
        let refresh_tokens = RefreshTokens::builder(store.clone()).clock(clock.clone()).build().unwrap();
        let tokens = configure(Logins::builder(issuer, refresh_tokens)).build().unwrap();
        let attempt = tokens.attempt(&http::Request::post("/").body(()).unwrap()).unwrap();
        let login = run(attempt.log_in(&User { sub: "alice".to_owned(), name: "Alice".to_owned() })).unwrap();
        clock.advance(Duration::from_secs(3600));
        let pairs = pairs(login.headers().get_all("set-cookie").iter().map(|value| value.to_str().unwrap()));
        let [access, refresh, companion @ ..] = &*pairs else { panic!("{pairs:?}") };
        let (access, refresh, companion) = (access.clone(), refresh.clone(), companion.join("; "));
        Self { store, clock, tokens, access, refresh, companion }
    }

    fn auth(&self) -> Authenticator<User> {
        self.tokens.authenticator().build().unwrap()
    }

    fn start(&self, stack: Stack) -> Server {
        stack.start(self.auth())
    }

    fn both(&self) -> String {
        format!("{}; {}; {}", self.access, self.refresh, self.companion)
    }

    fn logins(&self) -> usize {
        run(self.tokens.refresh_tokens().list("alice")).unwrap().len()
    }
}

/// What a browser sends back.
fn pairs<'c>(cookies: impl Iterator<Item = &'c str>) -> Vec<String> {
    cookies.map(|cookie| cookie.split_once(';').unwrap().0.to_owned()).collect()
}

fn set(reply: &Reply) -> Vec<String> {
    pairs(reply.headers.iter().filter(|(name, _)| name == "set-cookie").map(|(_, value)| value.as_str()))
}

fn send(server: &Server, method: &str, target: &str, fields: &[(&str, &str)]) -> Reply {
    Connection::open(server.address).send(&request_to("localhost", method, target, fields))
}

#[test]
fn renewals_by_cookie_contradict_bound_tokens() {
    let late = Late::new();
    let demanding = || late.tokens.authenticator::<User>();
    assert_eq!(demanding().require_dpop().build().err(), Some(AuthenticatorBuildError::DpopContradiction));
    assert_eq!(demanding().require_bound_tokens().build().err(), Some(AuthenticatorBuildError::BoundContradiction));
}

#[test]
fn a_login_that_has_run_out_is_renewed_on_the_way() {
    for stack in STACKS {
        // The expired token is there, or the browser has dropped its cookie.
        for with_access in [true, false] {
            let late = Late::new();
            let server = late.start(stack);
            let cookie = if with_access { late.both() } else { late.refresh.clone() };
            let reply = send(&server, "GET", "/me", &[("Cookie", &cookie), ("Sec-Fetch-Site", "same-origin")]);
            assert_eq!((reply.status, &*reply.body), (200, ALICE), "{}: {reply:?}", stack.name);
            assert_eq!(reply.header("cache-control"), Some("no-store"), "{}", stack.name);
            let [access, refresh] = <[String; 2]>::try_from(set(&reply)).unwrap();
            assert!(access.starts_with("__Host-access_token=eyJ") && access != late.access, "{}: {access}", stack.name);
            assert!(refresh.starts_with("__Host-refresh_token=jrt_"), "{}: {refresh}", stack.name);
            assert_ne!(refresh, late.refresh);
            let attributes: Vec<_> = reply.headers.iter().filter(|(name, _)| name == "set-cookie").collect();
            assert!(attributes[1].1.contains("; HttpOnly; SameSite=Strict; Secure; Path=/; "), "{attributes:?}");

            // Good as it is, and nothing more to be done.
            let reply = send(&server, "GET", "/me", &[("Cookie", &format!("{access}; {refresh}"))]);
            assert_eq!((reply.status, set(&reply).len()), (200, 0), "{}", stack.name);
            assert_eq!(late.store.changes(), 1, "{}", stack.name);
            late.clock.advance(Duration::from_secs(3600));
            let reply = send(&server, "GET", "/me", &[("Cookie", &format!("{access}; {refresh}"))]);
            assert_eq!((reply.status, set(&reply).len()), (200, 2), "{}", stack.name);
        }
    }
}

#[test]
fn new_cookies_are_kept_by_no_cache_whatever_the_handler_says() {
    for stack in STACKS {
        let late = Late::new();
        let reply = send(&late.start(stack), "GET", "/cached", &[("Cookie", &late.refresh)]);
        assert_eq!(reply.status, 200, "{}", stack.name);
        assert_eq!(reply.header("cache-control"), Some("no-store"), "{}", stack.name);
        let vary: Vec<_> = reply.headers.iter().filter(|(name, _)| name == "vary").map(|(_, value)| &**value).collect();
        assert_eq!(vary, ["Accept", "authorization, cookie"], "{}", stack.name);
        assert_eq!(set(&reply).len(), 2, "{}", stack.name);
    }
}

#[test]
fn what_another_site_may_have_asked_for_or_what_changes_something_is_not_renewed() {
    for stack in STACKS {
        let late = Late::new();
        let server = late.start(stack);
        let upgrade = [("Connection", "Upgrade"), ("Upgrade", "websocket")];
        for (method, fields) in [
            ("POST", &[][..]),
            ("PUT", &[("Sec-Fetch-Site", "same-origin")]),
            ("OPTIONS", &[]),
            ("GET", &[("Sec-Fetch-Site", "cross-site")]),
            ("GET", &[("Sec-Fetch-Site", "same-site")]),
            ("GET", &[("Sec-Fetch-Site", "cross-site"), ("Origin", "https://evil.example")]),
            ("GET", &[("Origin", "https://evil.example")]),
            ("GET", &[("Origin", "null")]),
            ("GET", &upgrade),
        ] {
            for (cookie, challenge) in [(late.both(), INVALID), (late.refresh.clone(), "Bearer")] {
                let fields = [&[("Cookie", &*cookie)], fields].concat();
                let reply = send(&server, method, "/me", &fields);
                let case = format!("{} {method} {fields:?}: {reply:?}", stack.name);
                assert_eq!((reply.status, reply.challenge()), (401, Some(challenge)), "{case}");
                assert!(set(&reply).is_empty(), "{case}");
            }
        }
        assert_eq!(late.store.changes(), 0, "{}", stack.name);
        // The user's own doing, and a browser that says nothing.
        let typed = [("Cookie", &*late.refresh), ("Sec-Fetch-Site", "none")];
        assert_eq!(send(&server, "GET", "/me", &typed).status, 200, "{}", stack.name);
        assert_eq!(send(&server, "GET", "/me", &[("Cookie", &late.refresh)]).status, 200, "{}", stack.name);
    }
}

#[test]
fn only_age_is_renewed_and_only_in_a_cookie() {
    for stack in STACKS {
        let late = Late::new();
        let server = late.start(stack);
        let token = late.access.split_once('=').unwrap().1;
        let bearer = format!("Bearer {token}");
        let forged = format!("__Host-access_token={}; {}", token.replacen("ey", "ex", 1), late.refresh);
        for fields in [
            &[("Authorization", &*bearer), ("Cookie", &*late.refresh)][..],
            &[("Cookie", &*forged)],
            &[("Cookie", &*late.access)],
        ] {
            let reply = send(&server, "GET", "/me", fields);
            assert_eq!((reply.status, reply.challenge()), (401, Some(INVALID)), "{} {fields:?}", stack.name);
        }
        let twice = format!("{0}; {0}", late.refresh);
        assert_eq!(send(&server, "GET", "/me", &[("Cookie", &twice)]).status, 400, "{}", stack.name);
        assert_eq!(late.store.changes(), 0, "{}", stack.name);
    }
}

#[test]
fn without_being_asked_to_nothing_is_renewed() {
    let everywhere = || LoginCookies::builder().refresh_path("/").build().unwrap();
    for stack in STACKS {
        let late = Late::with(|builder| builder.cookies(everywhere()));
        let reply = send(&late.start(stack), "GET", "/me", &[("Cookie", &late.both())]);
        assert_eq!((reply.status, late.store.changes()), (401, 0), "{}", stack.name);
    }
}

/// Both cookies are deleted, under the names that they have.
#[track_caller]
fn assert_deletes_the_login(reply: &Reply) {
    let set = set(reply);
    for name in ["__Host-access_token", "__Host-refresh_token"] {
        assert!(set.iter().any(|pair| pair == &format!("{name}=")), "{name}: {set:?}");
    }
}

#[test]
fn a_refresh_token_that_is_not_good_opens_nothing_and_is_deleted() {
    for stack in STACKS {
        let late = Late::new();
        let server = late.start(stack);
        let welcoming = stack.start(late.tokens.authenticator().optional().build().unwrap());
        let reply = send(&welcoming, "GET", "/maybe", &[("Cookie", &late.refresh)]);
        assert_eq!((&*reply.body, set(&reply).len()), (ALICE, 2), "{}", stack.name);
        run(late.tokens.refresh_tokens().end_all("alice")).unwrap();
        for cookie in [&*late.refresh, "__Host-refresh_token=jrt_x", "__Host-refresh_token=eyJ.e30.x"] {
            let both = format!("{}; {cookie}", late.access);
            let reply = send(&server, "GET", "/me", &[("Cookie", &both)]);
            assert_eq!((reply.status, reply.challenge()), (401, Some(INVALID)), "{} {cookie}", stack.name);
            let reply = send(&server, "GET", "/me", &[("Cookie", cookie)]);
            assert_eq!((reply.status, reply.challenge()), (401, Some("Bearer")), "{} {cookie}", stack.name);
            assert_deletes_the_login(&reply);
            let reply = send(&welcoming, "GET", "/maybe", &[("Cookie", cookie)]);
            assert_eq!((reply.status, &*reply.body), (200, "null"), "{} {cookie}", stack.name);
            assert_deletes_the_login(&reply);
        }
    }
}

#[test]
fn while_the_store_is_away_it_is_a_503_and_afterwards_nothing_is_lost() {
    for stack in STACKS {
        let late = Late::new();
        let server = late.start(stack);
        late.store.set_down(true);
        let reply = send(&server, "GET", "/me", &[("Cookie", &late.both())]);
        assert_eq!((reply.status, reply.header("retry-after")), (503, Some("1")), "{}", stack.name);
        late.store.set_down(false);
        assert_eq!(send(&server, "GET", "/me", &[("Cookie", &late.both())]).status, 200, "{}", stack.name);
    }
}

#[test]
fn many_requests_at_once_get_one_refresh_token_and_nobody_is_logged_out() {
    for stack in STACKS {
        let late = Late::new();
        let server = late.start(stack);
        let replies: Vec<Reply> = thread::scope(|scope| {
            let requests: Vec<_> =
                (0..16).map(|_| scope.spawn(|| send(&server, "GET", "/me", &[("Cookie", &late.both())]))).collect();
            requests.into_iter().map(|request| request.join().unwrap()).collect()
        });
        let mut refresh: Vec<String> = replies
            .iter()
            .map(|reply| {
                assert_eq!((reply.status, &*reply.body), (200, ALICE), "{}: {reply:?}", stack.name);
                set(reply).remove(1)
            })
            .collect();
        refresh.dedup();
        assert_eq!((refresh.len(), late.logins()), (1, 1), "{}", stack.name);
        assert!(format!("{:?}", late.tokens).contains("0 under way"), "{}: {:?}", stack.name, late.tokens);
        let reply = send(&server, "GET", "/me", &[("Cookie", &refresh[0])]);
        assert_eq!((reply.status, late.logins()), (200, 1), "{}", stack.name);
    }
}

/// Asks, and waits until the answer has to be waited for.
fn asked(auth: &Authenticator<User>, cookie: &str) -> Pending<User> {
    let request = http::Request::get("/me").header("cookie", cookie).body(()).unwrap();
    let Verdict::Pending(mut pending) = auth.authenticate(&request) else { panic!("it has to be renewed") };
    let polled = pin!(&mut pending).poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(polled, Poll::Pending), "the store does not answer yet");
    pending
}

#[test]
fn of_many_requests_at_once_one_asks_the_store() {
    let late = Late::new();
    // As with several layers over one issuer: what is under way is known to all of them.
    let (one, other) = (late.auth(), late.auth());
    late.store.close();
    let waiting: Vec<_> = (0..50).map(|n| asked(if n % 2 == 0 { &one } else { &other }, &late.refresh)).collect();
    assert_eq!(late.store.changes(), 1);
    late.store.open();
    run(async {
        let mut names = Vec::new();
        for pending in waiting {
            names.push(pending.await.result().unwrap().unwrap().token_id().unwrap().to_owned());
        }
        names.dedup();
        assert_eq!(names.len(), 1, "all have the same access token");
    });
    assert_eq!(late.store.changes(), 1);
    // It is over, and not remembered: the next one asks again, and is told the same by the grace.
    let Verdict::Pending(again) =
        one.authenticate(&http::Request::get("/").header("cookie", &late.refresh).body(()).unwrap())
    else {
        panic!("it has to be renewed")
    };
    assert!(run(again).result().is_ok());
    assert_eq!((late.store.changes(), late.logins()), (2, 1));
    assert!(format!("{:?}", late.tokens).contains("0 under way"), "{:?}", late.tokens);
}

#[test]
fn where_the_one_that_asks_goes_away_the_next_one_takes_its_place() {
    let late = Late::new();
    let auth = late.auth();
    late.store.close();
    let mut waiting: Vec<_> = (0..3).map(|_| asked(&auth, &late.refresh)).collect();
    assert!(format!("{:?}", late.tokens).contains("1 under way"), "{:?}", late.tokens);
    drop(waiting.remove(0));
    late.store.open();
    for pending in waiting {
        assert!(run(pending).result().is_ok());
    }
    // And where all of them go away, nothing of them stays.
    let other = Late::new();
    other.store.close();
    drop(asked(&other.auth(), &other.refresh));
    assert!(format!("{:?}", other.tokens).contains("0 under way"), "{:?}", other.tokens);
}

#[test]
fn renewed_claims_are_those_of_today_and_a_user_who_is_gone_is_logged_out() {
    for stack in STACKS {
        let name = |name: &'static str| {
            Late::with(move |builder| {
                let builder = builder.transparent_renewal();
                builder.reload(move |login| async move {
                    assert_eq!((login.subject.as_str(), login.data::<User>().unwrap().name), ("alice", "Alice".into()));
                    Ok::<_, Infallible>((name != "gone").then(|| json!({"sub": "alice", "name": name})))
                })
            })
        };
        let late = name("Alice, admin");
        let reply = send(&late.start(stack), "GET", "/me", &[("Cookie", &late.refresh)]);
        assert_eq!(reply.body, r#"{"sub":"alice","name":"Alice, admin"}"#, "{}", stack.name);
        let late = name("gone");
        let reply = send(&late.start(stack), "GET", "/me", &[("Cookie", &late.both())]);
        assert_eq!((reply.status, reply.challenge(), late.logins()), (401, Some(INVALID), 0), "{}", stack.name);
    }
}

#[test]
fn claims_that_cannot_be_reloaded_are_a_503_and_the_same_token_is_good_again() {
    #[derive(Debug, thiserror::Error)]
    #[error("no database")]
    struct NoDatabase;

    let healthy = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let asks = healthy.clone();
    let late = Late::with(move |builder| {
        builder.transparent_renewal().reload(move |_| {
            let healthy = asks.load(std::sync::atomic::Ordering::SeqCst);
            async move { if healthy { Ok(Some(json!({"sub": "alice", "name": "Alice"}))) } else { Err(NoDatabase) } }
        })
    });
    let server = late.start(STACKS[0]);
    assert_eq!(send(&server, "GET", "/me", &[("Cookie", &late.refresh)]).status, 503);
    let token = late.refresh.split_once('=').unwrap().1;
    let error = run(late.tokens.refresh(token)).unwrap_err();
    assert!(matches!(&error, LoginError::Reload(reason) if reason.downcast_ref::<NoDatabase>().is_some()), "{error}");
    assert_eq!(error.response().status(), 503);
    healthy.store(true, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(send(&server, "GET", "/me", &[("Cookie", &late.refresh)]).status, 200);
}

#[test]
fn reloaded_claims_are_of_the_same_user() {
    for (claims, reason) in [(json!({"sub": "mallory"}), "somebody else"), (json!({"name": "x"}), "no `sub`")] {
        let late = Late::with(|builder| {
            builder.reload(move |_| {
                let claims = claims.clone();
                async move { Ok::<_, Infallible>(Some(claims)) }
            })
        });
        let error = run(late.tokens.refresh(late.refresh.split_once('=').unwrap().1)).unwrap_err();
        assert!(error.to_string().contains(reason) && error.response().status() == 500, "{error}");
    }
}

#[test]
fn a_renewed_login_that_opens_no_door_is_kept_all_the_same() {
    #[derive(Debug, thiserror::Error)]
    #[error("locked")]
    struct Locked;

    for stack in STACKS {
        let late = Late::new();
        let auth = late.tokens.authenticator().check(|_: &jwt_core::VerifiedToken<User>| Err(Locked)).build().unwrap();
        let reply = send(&stack.start(auth), "GET", "/me", &[("Cookie", &late.refresh)]);
        assert_eq!((reply.status, reply.challenge()), (401, Some(INVALID)), "{}", stack.name);
        assert_eq!(set(&reply).len(), 2, "{}: {reply:?}", stack.name);
        assert_eq!(reply.header("cache-control"), Some("no-store"), "{}", stack.name);
    }
}

#[test]
fn a_stolen_refresh_token_that_comes_back_ends_the_login() {
    let late = Late::new();
    let server = late.start(STACKS[0]);
    assert_eq!(send(&server, "GET", "/me", &[("Cookie", &late.refresh)]).status, 200);
    late.clock.advance(Duration::from_secs(60));
    assert_eq!(send(&server, "GET", "/me", &[("Cookie", &late.refresh)]).status, 401);
    assert_eq!(late.logins(), 0);
    let error = run(late.tokens.refresh(late.refresh.split_once('=').unwrap().1)).unwrap_err();
    assert!(matches!(error, LoginError::Refresh(RefreshError::Ended)), "{error}");
}

#[test]
fn cookies_that_the_middleware_would_not_get_are_refused_with_their_fix() {
    let key = SigningKey::secret(Algorithm::HS256, SECRET).unwrap();
    let issuer = Issuer::builder(ISSUER).audience(AUDIENCE).signing_key(key).build().unwrap();
    let refresh_tokens = RefreshTokens::builder(Arc::new(MemoryStore::new())).build().unwrap();
    let cookies = LoginCookies::builder().build().unwrap();
    let error = Logins::builder(issuer, refresh_tokens).cookies(cookies).transparent_renewal().build().unwrap_err();
    assert_eq!(error, LoginsBuildError::RenewalPath { path: "/auth".into() });
    assert!(error.to_string().contains(".refresh_path(\"/\")"), "{error}");
}
