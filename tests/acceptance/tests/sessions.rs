//! Sessions behind the same extractors and guards as JWTs, on every stack.

use std::sync::Arc;
use std::time::Duration;

use acceptance::{
    AUDIENCE, GUARDED, Member, STACKS, Server, User, WatchedStore, builder, good_claims, hs256, member_builder,
    request_to,
};
use jwt_core::clock::NumericDate;
use jwt_core::error::{AuthenticatorBuildError, TokenError};
use jwt_core::session::{NewSignIn, OpaqueToken, SignIn};
use jwt_core::testing::TestClock;
use jwt_core::{
    AuthError, Authenticator, AuthenticatorBuilder, CsrfTokens, KeySet, LoginCookies, Sessions, TokenSource,
};
use serde_json::json;

const HOUR: Duration = Duration::from_secs(3600);
const INVALID: &str = r#"Bearer error="invalid_token""#;
const ALICE: &str = r#"{"sub":"alice","name":"Alice"}"#;

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn on(store: &Arc<WatchedStore>) -> Sessions {
    Sessions::builder(store.clone()).build().unwrap()
}

fn sessions() -> Sessions {
    on(&Arc::default())
}

fn alice() -> User {
    User { sub: "alice".to_owned(), name: "Alice".to_owned() }
}

fn start(sessions: &Sessions) -> (OpaqueToken, SignIn) {
    run(sessions.start(NewSignIn::new("alice", &alice()).unwrap())).unwrap()
}

/// Sessions and nothing else, in the header or in a cookie.
fn alone(sessions: &Sessions) -> AuthenticatorBuilder<User> {
    let cookies = LoginCookies::builder().build().unwrap();
    Authenticator::builder().sessions(sessions).source(TokenSource::bearer()).source(cookies.source())
}

fn everywhere(build: impl Fn() -> AuthenticatorBuilder<User>, test: impl Fn(&Server)) {
    for stack in STACKS {
        test(&stack.start(build().build().unwrap()));
    }
}

#[track_caller]
fn assert_refused(server: &Server, token: &str) {
    let reply = server.get_with_bearer(token);
    assert_eq!((reply.status, reply.challenge()), (401, Some(INVALID)), "{} {token:?}", server.stack);
    assert_eq!(reply.header("cache-control"), Some("no-store"), "{}", server.stack);
    assert!(!reply.body.contains("jst_"), "{}", server.stack);
}

#[test]
fn a_session_opens_the_door_like_a_token_until_it_ends() {
    let sessions = sessions();
    everywhere(
        || alone(&sessions),
        |server| {
            let (token, _) = start(&sessions);
            let reply = server.get_with_bearer(token.as_str());
            assert_eq!((reply.status, &*reply.body), (200, ALICE), "{}", server.stack);
            let cookie = format!("__Host-access_token={}", token.as_str());
            let reply = server.get("/me", &[("Cookie", &cookie)]);
            assert_eq!((reply.status, &*reply.body), (200, ALICE), "{}", server.stack);
            assert_eq!(reply.header("cache-control"), Some("private"), "{}", server.stack);
            let reply = server.get("/token", &[("Cookie", &cookie)]);
            assert_eq!(reply.body, token.as_str(), "{}", server.stack);
            assert_eq!(server.get("/me", &[]).challenge(), Some("Bearer"), "{}", server.stack);

            run(sessions.end(&token)).unwrap();
            assert_refused(server, token.as_str());
            assert_eq!(server.get("/me", &[("Cookie", &cookie)]).status, 401, "{}", server.stack);
        },
    );
}

#[test]
fn whatever_is_no_session_is_refused_and_never_more_than_that() {
    let sessions = sessions();
    let (token, _) = start(&sessions);
    let token = token.as_str();
    everywhere(
        || alone(&sessions),
        |server| {
            let other = if token.ends_with('A') { "B" } else { "A" };
            for broken in [
                "jst_",
                "jst_x",
                &token[..89],
                &format!("{token}A"),
                &format!("{}{other}", &token[..89]),
                &token.replacen("jst_", "jrt_", 1),
                &token.replacen("jst_", "JST_", 1),
                &format!("jst_{}", "A".repeat(86)),
                &hs256(&good_claims()),
            ] {
                assert_refused(server, broken);
            }
            let long = format!("jst_{}", "A".repeat(5000));
            assert_refused(server, &long);
            assert_eq!(server.get_with_bearer(token).status, 200, "{}", server.stack);
        },
    );
}

#[test]
fn one_authenticator_takes_both_kinds_and_not_both_at_once() {
    let sessions = sessions();
    let (token, _) = start(&sessions);
    everywhere(
        || builder().sessions(&sessions).source(TokenSource::bearer()).source(TokenSource::cookie("s")),
        |server| {
            for good in [token.as_str(), &hs256(&good_claims())] {
                let reply = server.get_with_bearer(good);
                assert_eq!((reply.status, &*reply.body), (200, ALICE), "{}", server.stack);
            }
            let cookie = format!("s={}", token.as_str());
            let bearer = format!("Bearer {}", hs256(&good_claims()));
            let reply = server.get("/me", &[("Cookie", &cookie), ("Authorization", &bearer)]);
            assert_eq!(reply.status, 400, "{}: {reply:?}", server.stack);
            assert_refused(server, &hs256(&json!({"aud": AUDIENCE, "exp": 1})));
        },
    );
    // Where nobody looks sessions up, the token of one is no token at all.
    everywhere(builder, |server| assert_refused(server, token.as_str()));
}

#[test]
fn a_session_ends_by_itself_unused_and_however_much_it_is_used() {
    let clock = TestClock::at(NumericDate::from_secs(1_790_000_000));
    let store = Arc::new(WatchedStore::new());
    let sessions =
        Sessions::builder(store).idle_timeout(HOUR).absolute_timeout(3 * HOUR).clock(clock.clone()).build().unwrap();
    everywhere(
        || alone(&sessions),
        |server| {
            let status = |token: &OpaqueToken| server.get_with_bearer(token.as_str()).status;
            let (unused, _) = start(&sessions);
            let (used, _) = start(&sessions);
            clock.advance(Duration::from_secs(3599));
            assert_eq!(status(&used), 200, "{}", server.stack);
            clock.advance(Duration::from_secs(1));
            assert_eq!((status(&used), status(&unused)), (200, 401), "{}", server.stack);
            for _ in 0..3 {
                clock.advance(HOUR / 2);
                assert_eq!(status(&used), 200, "{}", server.stack);
            }
            clock.advance(HOUR / 2);
            assert_eq!(status(&used), 401, "{}", server.stack);
        },
    );
}

#[test]
fn more_rights_come_with_another_token() {
    let sessions = sessions();
    everywhere(
        || alone(&sessions),
        |server| {
            let (token, session) = start(&sessions);
            let promoted = User { name: "Alice, admin".to_owned(), ..alice() };
            let (renewed, same) = run(sessions.renew(&token, &promoted)).unwrap().unwrap();
            assert_eq!(session.id, same.id);
            assert_refused(server, token.as_str());
            let reply = server.get_with_bearer(renewed.as_str());
            assert_eq!(reply.body, r#"{"sub":"alice","name":"Alice, admin"}"#, "{}", server.stack);
        },
    );
}

#[test]
fn a_store_that_is_away_is_a_503_for_sessions_and_nothing_to_tokens() {
    let store = Arc::new(WatchedStore::new());
    let sessions = on(&store);
    let (token, _) = start(&sessions);
    everywhere(
        || builder().sessions(&sessions),
        |server| {
            store.set_down(true);
            let reply = server.get_with_bearer(token.as_str());
            assert_eq!((reply.status, reply.challenge()), (503, None), "{}", server.stack);
            assert_eq!(reply.header("retry-after"), Some("1"), "{}", server.stack);
            assert_eq!(reply.header("content-type"), Some("application/problem+json"), "{}", server.stack);
            assert_eq!(server.get_with_bearer(&hs256(&good_claims())).status, 200, "{}", server.stack);
            // What cannot be a session needs no store.
            assert_refused(server, "jst_x");
            store.set_down(false);
            assert_eq!(server.get_with_bearer(token.as_str()).status, 200, "{}", server.stack);
        },
    );
}

#[test]
fn guards_ask_a_session_as_they_ask_a_token() {
    let sessions = sessions();
    let member = |scope: &str| json!({"sub": "alice", "scope": scope, "age": 17});
    let bearer = |scope: &str| {
        let (token, _) = run(sessions.start(NewSignIn::new("alice", &member(scope)).unwrap())).unwrap();
        format!("Bearer {}", token.as_str())
    };
    for stack in GUARDED {
        let builder: AuthenticatorBuilder<Member> = member_builder().sessions(&sessions);
        let server = stack.start(builder.build().unwrap());
        let get = |path: &str, scope: &str| server.get(path, &[("Authorization", &bearer(scope))]);
        assert_eq!(get("/read", "read:things").status, 200, "{}", stack.name);
        assert_eq!(get("/listed", "").status, 200, "{}", stack.name);
        assert_eq!(get("/grown-up", "").status, 403, "{}", stack.name);
        let refused = get("/read", "write:things");
        let challenge = r#"Bearer error="insufficient_scope", scope="read:things""#;
        assert_eq!((refused.status, refused.challenge()), (403, Some(challenge)), "{}", stack.name);
    }
}

#[test]
fn anonymous_requests_are_welcome_beside_sessions_and_ended_ones_are_not() {
    let sessions = sessions();
    everywhere(
        || alone(&sessions).optional(),
        |server| {
            let (token, _) = start(&sessions);
            let maybe = || server.get("/maybe", &[("Authorization", &format!("Bearer {}", token.as_str()))]);
            assert_eq!(server.get("/maybe", &[]).body, "null", "{}", server.stack);
            assert_eq!(maybe().body, ALICE, "{}", server.stack);
            run(sessions.end(&token)).unwrap();
            assert_eq!(maybe().status, 401, "{}", server.stack);
        },
    );
}

#[test]
fn a_browser_keeps_a_session_in_a_cookie_that_no_other_site_can_use() {
    let csrf = CsrfTokens::new([5; 32]).unwrap();
    let cookies = LoginCookies::builder().access_name("__Host-session").csrf(&csrf).build().unwrap();
    let sessions = sessions();
    let (token, session) = start(&sessions);
    let set: Vec<String> = cookies
        .set_session(&token, &session)
        .get_all("set-cookie")
        .iter()
        .map(|value| value.to_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        set[0],
        format!("__Host-session={}; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=43200", token.as_str())
    );
    let csrf_token = set[1].split_once(';').unwrap().0.strip_prefix("__Host-csrf_token=").unwrap();
    assert_eq!(cookies.set_session(&token, &session)["cache-control"], "no-store");
    everywhere(
        || Authenticator::builder().sessions(&sessions).source(cookies.source()).csrf(&csrf),
        |server| {
            let status = |method: &str, fields: &[(&str, &str)]| {
                let cookie = format!("__Host-session={}", token.as_str());
                let fields = [&[("Cookie", &*cookie)], fields].concat();
                let request = request_to("localhost", method, "/me", &fields);
                acceptance::Connection::open(server.address).send(&request).status
            };
            assert_eq!(status("GET", &[("Sec-Fetch-Site", "cross-site")]), 200, "{}", server.stack);
            assert_eq!(status("POST", &[("X-CSRF-Token", csrf_token)]), 200, "{}", server.stack);
            for fields in
                [&[][..], &[("X-CSRF-Token", "x")], &[("X-CSRF-Token", csrf_token), ("Sec-Fetch-Site", "cross-site")]]
            {
                assert_eq!(status("POST", fields), 403, "{} {fields:?}", server.stack);
            }
        },
    );
}

#[test]
fn what_is_known_of_a_session_is_what_its_record_says() {
    let sessions = sessions();
    run(async {
        let claims = json!({"sub": "mallory", "name": "Alice", "exp": 1, "jti": "1", "iss": "us"});
        let (token, session) = sessions.start(NewSignIn::new("alice", &claims).unwrap()).await.unwrap();
        let auth = alone(&sessions).build().unwrap();
        let user = auth.verifier().verify_async(&token).await.unwrap();
        assert_eq!((user.name.as_str(), user.sub.as_str()), ("Alice", "mallory"));
        assert_eq!((user.subject(), user.token_id()), (Some("alice"), Some(&*session.id.to_string())));
        assert_eq!((user.issued_at(), user.expires_at()), (Some(session.created_at), Some(session.expires_at)));
        assert_eq!((user.issuer(), user.claims_json()), (Some("us"), &*claims.to_string()));
        assert!(user.header().is_none() && user.token().as_str() == token.as_str());
        let printed = format!("{user:?} {:?} {auth:?}", user.token());
        assert!(!printed.contains("jst_"), "{printed}");
        // Nothing is looked up where nothing can be waited for.
        let error = auth.verifier().verify(&token).unwrap_err();
        assert!(matches!(error, AuthError::InvalidToken(TokenError::NoSession)), "{error}");
    });
}

#[test]
fn a_session_whose_claims_are_of_another_type_is_refused() {
    let sessions = sessions();
    let auth = alone(&sessions).build().unwrap();
    run(async {
        for claims in [json!({"sub": "alice"}), json!(["Alice"]), json!({"sub": 7, "name": "Alice"}), json!(null)] {
            let (token, _) = sessions.start(NewSignIn::new("alice", &claims).unwrap()).await.unwrap();
            let error = auth.verifier().verify_async(&token).await.unwrap_err();
            assert!(matches!(error, AuthError::InvalidToken(_)), "{claims}: {error}");
        }
    });
}

#[test]
fn checks_of_the_application_are_made_of_sessions_too() {
    #[derive(Debug, thiserror::Error)]
    #[error("locked")]
    struct Locked;

    let sessions = sessions();
    let (token, _) = start(&sessions);
    everywhere(
        || alone(&sessions).check(|user| if user.name == "Alice" { Err(Locked) } else { Ok(()) }),
        |server| assert_refused(server, token.as_str()),
    );
}

#[test]
fn expectations_of_tokens_without_keys_to_prove_them_are_a_mistake() {
    let sessions = sessions();
    let new = || alone(&sessions);
    assert!(new().build().is_ok());
    for builder in [
        new().audience(AUDIENCE),
        new().any_audience(),
        new().issuer("us"),
        new().typ("at+jwt"),
        new().required_claim("jti"),
        new().max_age(HOUR),
        new().access_token_profile(),
    ] {
        assert_eq!(builder.build().err(), Some(AuthenticatorBuildError::NoKeys));
    }
    // With keys, everything that a JWT needs is still needed.
    let keys = KeySet::hs256([7; 32]).unwrap();
    assert_eq!(new().keys(keys).build().err(), Some(AuthenticatorBuildError::NoAudience));
}
