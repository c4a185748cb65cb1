//! What can be said of one login or one token alone, and that it stays with them.

use std::sync::Arc;
use std::time::Duration;

use acceptance::{AUDIENCE, Connection, ISSUER, ROUTED, Reply, User, request_to};
use jwt_core::error::ShapeError;
use jwt_core::issue::IssueError;
use jwt_core::login::{LoginCookiesBuildError, LoginsBuilder, SameSite};
use jwt_core::session::{RefreshError, SignIn};
use jwt_core::testing::TestClock;
use jwt_core::{
    Algorithm, Authenticator, CsrfTokens, Issuer, LoginCookies, LoginError, Logins, MemoryStore, RefreshTokens,
    SigningKey,
};
use serde_json::{Value, json};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn run<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test)
}

fn issuer(clock: &TestClock) -> Issuer {
    let key = SigningKey::generate(Algorithm::EdDSA).unwrap();
    let issuer = Issuer::builder(ISSUER).audience(AUDIENCE).audience("bank").signing_key(key);
    issuer.clock(clock.clone()).build().unwrap()
}

fn logins(clock: &TestClock, configure: impl FnOnce(LoginsBuilder) -> LoginsBuilder) -> Logins {
    let refresh = RefreshTokens::builder(Arc::new(MemoryStore::new())).clock(clock.clone()).build().unwrap();
    configure(Logins::builder(issuer(clock), refresh)).build().unwrap()
}

fn alice() -> User {
    User { sub: "alice".to_owned(), name: "Alice".to_owned() }
}

fn claims(logins: &Logins, token: &str) -> Value {
    let verifier = logins.authenticator::<Value>().build_verifier().unwrap();
    verifier.verify(token).unwrap().into_claims()
}

#[test]
fn a_login_that_is_not_to_be_remembered_ends_with_the_browser_also_after_a_refresh() {
    for stack in ROUTED {
        for renews in [false, true] {
            let clock = TestClock::new();
            let csrf = CsrfTokens::new([3; 32]).unwrap();
            let cookies_of_login = LoginCookies::builder().csrf(&csrf);
            let cookies_of_login = if renews {
                cookies_of_login.refresh_name("__Host-refresh_token").refresh_path("/")
            } else {
                cookies_of_login
            };
            let cookies_of_login = cookies_of_login.build().unwrap();
            let logins = logins(&clock, |builder| {
                let builder = builder.cookies(cookies_of_login);
                if renews { builder.transparent_renewal() } else { builder }
            });
            let server = stack.start(logins);
            let send = |method: &str, target: &str, cookie: &str| {
                let fields = [("Cookie", cookie), ("Content-Length", "0")];
                Connection::open(server.address).send(&request_to("localhost", method, target, &fields))
            };
            for (target, kept) in [("/auth/login/briefly", false), ("/auth/login", true)] {
                let check = |reply: &Reply| -> String {
                    let cookies = reply.cookies();
                    assert_eq!(cookies.len(), if renews { 3 } else { 4 }, "{}: {reply:?}", stack.name);
                    for cookie in &cookies {
                        assert_eq!(cookie.contains("Max-Age"), kept, "{} {target}: {cookie}", stack.name);
                    }
                    cookies.iter().map(|cookie| cookie.split(';').next().unwrap()).collect::<Vec<_>>().join("; ")
                };
                let jar = check(&send("POST", target, ""));
                let jar = check(&send("POST", "/auth/refresh", &jar));
                if renews {
                    clock.advance(Duration::from_secs(3600));
                    check(&send("GET", "/me", &jar));
                }
            }
        }
    }
}

#[test]
fn a_login_is_remembered_for_as_long_as_it_says_and_no_longer_than_refresh_tokens_last() {
    run(async {
        let clock = TestClock::new();
        let logins = logins(&clock, |builder| builder);
        let login = logins.log_in(&alice(), "").remember_for(2 * DAY).await.unwrap();
        assert_eq!(login.refresh_token().unwrap().expires_in(), 2 * DAY);
        clock.advance(DAY);
        let login = logins.refresh(login.refresh_token().unwrap().as_str()).await.unwrap();
        assert_eq!(login.refresh_token().unwrap().expires_in(), DAY);
        clock.advance(DAY);
        let ended = logins.refresh(login.refresh_token().unwrap().as_str()).await.unwrap_err();
        assert!(matches!(ended, LoginError::Refresh(RefreshError::Ended)), "{ended}");

        for time in [Duration::ZERO, Duration::from_millis(999), 91 * DAY, Duration::MAX] {
            let error = logins.log_in(&alice(), "").remember_for(time).await.unwrap_err();
            assert!(matches!(error, LoginError::RememberedFor { .. }), "{error}");
            assert!(error.to_string().contains(&format!("{time:?}")), "{error}");
        }
        let longest = logins.log_in(&alice(), "").remember_for(90 * DAY).await.unwrap();
        // For lack of use, it ends as every other.
        assert_eq!(longest.refresh_token().unwrap().expires_in(), 14 * DAY);
        assert_eq!(logins.refresh_tokens().list("alice").await.unwrap().len(), 1);
    });
}

#[test]
fn claims_of_the_login_stay_while_those_of_the_user_change() {
    run(async {
        let clock = TestClock::new();
        async fn promoted(login: SignIn) -> Result<Option<Value>, ShapeError> {
            // What was remembered are the claims of the user alone.
            assert_eq!(login.data::<Value>()?, json!({"sub": "alice", "name": "Alice"}));
            Ok(Some(json!({"sub": login.subject, "name": "Dr. Alice"})))
        }
        for (logins, name) in [
            (logins(&clock, |builder| builder), "Alice"),
            (logins(&clock, |builder| builder.reload(promoted)), "Dr. Alice"),
        ] {
            let new = logins.log_in(&alice(), "").claim("amr", ["pwd", "otp"]).claim("acr", "high \" \u{1f600}");
            let first = new.await.unwrap();
            let second = logins.refresh(first.refresh_token().unwrap().as_str()).await.unwrap();
            let third = logins.refresh(second.refresh_token().unwrap().as_str()).await.unwrap();
            for (login, name) in [(first, "Alice"), (second, name), (third, name)] {
                let claims = claims(&logins, login.access_token().as_str());
                assert_eq!((&claims["amr"], &claims["acr"]), (&json!(["pwd", "otp"]), &json!("high \" \u{1f600}")));
                assert_eq!((&claims["name"], &claims["sub"]), (&json!(name), &json!("alice")));
            }
        }
    });
}

#[test]
fn a_claim_that_login_and_user_both_have_is_refused_and_none_is_replaced() {
    run(async {
        let clock = TestClock::new();
        let logins_of = |reloads: bool| {
            logins(&clock, |builder| {
                if !reloads {
                    return builder;
                }
                builder.reload(|login| async move {
                    Ok::<_, ShapeError>(Some(json!({"sub": login.subject, "amr": ["none"]})))
                })
            })
        };
        let logins = logins_of(false);
        for (name, value) in [("name", json!("Mallory")), ("sub", json!("mallory"))] {
            let error = logins.log_in(&alice(), "").claim(name, value).await.unwrap_err();
            assert!(matches!(&error, LoginError::ClaimTwice { claim } if **claim == *name), "{error}");
            assert!(error.to_string().contains(name), "{error}");
        }
        let error = logins.log_in(&alice(), "").claim("x", 1).claim("x", 1).await.unwrap_err();
        assert!(matches!(error, LoginError::ClaimTwice { .. }), "{error}");
        let error = logins.log_in(&alice(), "").claim("sid", "mine").await.unwrap_err();
        assert!(matches!(error, LoginError::SessionId), "{error}");
        let error = logins.log_in(&alice(), "").claim("exp", 1).await.unwrap_err();
        assert!(matches!(error, LoginError::Issue(IssueError::Collision(_))), "{error}");
        let error = logins.log_in(&alice(), "").claim("x", f64_that_is_none()).await.unwrap_err();
        assert!(matches!(error, LoginError::Issue(IssueError::Claims)), "{error}");
        assert_eq!(logins.refresh_tokens().list("alice").await.unwrap(), [], "nothing is remembered");

        let reloading = logins_of(true);
        let login = reloading.log_in(&alice(), "").claim("amr", ["pwd"]).await.unwrap();
        let error = reloading.refresh(login.refresh_token().unwrap().as_str()).await.unwrap_err();
        assert!(matches!(error, LoginError::ClaimTwice { .. }), "{error}");
        assert_eq!(error.status(), 500);
    });
}

/// A map whose keys are no strings, which JSON has not.
fn f64_that_is_none() -> std::collections::BTreeMap<[u8; 2], u8> {
    [([1, 2], 3)].into()
}

#[test]
fn the_tokens_of_a_login_may_be_for_one_service_and_a_short_time_also_after_a_refresh() {
    run(async {
        let clock = TestClock::new();
        let logins = logins(&clock, |builder| builder);
        let minute = Duration::from_secs(60);
        let first = logins.log_in(&alice(), "").audience("bank").access_token_lifetime(minute).await.unwrap();
        let second = logins.refresh(first.refresh_token().unwrap().as_str()).await.unwrap();
        for login in [first, second] {
            assert_eq!(login.access_token().expires_in(), minute);
            let claims = claims(&logins, login.access_token().as_str());
            assert_eq!(claims["aud"], "bank");
            assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), 60);
            let json: Value = serde_json::from_str(login.json().body()).unwrap();
            assert_eq!(json["expires_in"], 60);
        }
        let other = logins.log_in(&alice(), "").await.unwrap();
        let both = claims(&logins, other.access_token().as_str());
        assert_eq!((&both["aud"], other.access_token().expires_in()), (&json!([AUDIENCE, "bank"]), 15 * minute));
    });
}

#[test]
fn a_token_is_for_nobody_and_no_time_that_its_issuer_does_not_know_of() {
    run(async {
        let clock = TestClock::new();
        let logins = logins(&clock, |builder| builder);
        let issuer = logins.issuer();
        let of_login = |result: Result<_, LoginError>| match result.map(|_: jwt_core::login::Login| ()) {
            Err(LoginError::Issue(error)) => Err(error),
            Err(other) => panic!("{other}"),
            Ok(()) => Ok(()),
        };
        for audience in ["other", "", "Bank"] {
            let token = issuer.token(&alice()).audience("bank").audience(audience).sign();
            assert_eq!(token.map(drop), Err(IssueError::Audience), "{audience}");
            let login = logins.log_in(&alice(), "").audience(audience).await;
            assert_eq!(of_login(login), Err(IssueError::Audience), "{audience}");
        }
        for lifetime in [Duration::ZERO, Duration::from_millis(999), Duration::from_secs(15 * 60 + 1), Duration::MAX] {
            let token = issuer.token(&alice()).lifetime(lifetime).sign().map(drop).unwrap_err();
            assert!(matches!(token, IssueError::Lifetime { .. }), "{token}");
            assert!(token.to_string().contains(".access_token_lifetime("), "{token}");
            let login = of_login(logins.log_in(&alice(), "").access_token_lifetime(lifetime).await);
            assert!(matches!(login, Err(IssueError::Lifetime { .. })), "{login:?}");
        }
        assert_eq!(logins.refresh_tokens().list("alice").await.unwrap(), []);
        let token = issuer.token(&alice()).audience("bank").lifetime(Duration::from_millis(1999)).sign().unwrap();
        assert_eq!(token.expires_in(), Duration::from_secs(1));
        let bank = Authenticator::<User>::builder().keys(issuer).issuer(ISSUER).audience("bank").clock(clock.clone());
        assert!(bank.build_verifier().unwrap().verify(token.as_str()).is_ok());
        let api = Authenticator::<User>::builder().keys(issuer).issuer(ISSUER).audience(AUDIENCE).clock(clock.clone());
        assert!(api.build_verifier().unwrap().verify(token.as_str()).is_err());
    });
}

#[test]
fn cookies_for_the_frames_of_other_sites_are_partitioned_and_cleared_as_such() {
    let csrf = CsrfTokens::new([3; 32]).unwrap();
    let cookies = LoginCookies::builder().same_site(SameSite::None).refresh_same_site(SameSite::None);
    let cookies = cookies.csrf(&csrf).partitioned().build().unwrap();
    let clock = TestClock::new();
    let login = run(logins(&clock, |builder| builder).log_in(&alice(), "")).unwrap();
    let texts = |headers: &http::HeaderMap| -> Vec<String> {
        headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap().to_owned()).collect()
    };
    let (set, cleared) = (texts(&login.dangerous_set_cookies(&cookies)), texts(&cookies.clear()));
    assert_eq!((set.len(), cleared.len()), (4, 6));
    for cookie in set.iter().chain(&cleared) {
        assert!(cookie.contains("; SameSite=None; Partitioned; Secure"), "{cookie}");
    }
    // What was set before stays in another jar, and is cleared there.
    let plain = LoginCookies::builder().build().unwrap();
    let both = LoginCookies::builder().same_site(SameSite::None).refresh_same_site(SameSite::None).partitioned();
    let cleared = texts(&both.formerly(&plain).build().unwrap().clear());
    let of_access = |cookie: &&String| cookie.starts_with("__Host-access_token=");
    assert_eq!(cleared.iter().filter(of_access).count(), 2, "{cleared:#?}");
}

#[test]
fn partitioned_cookies_that_no_browser_would_send_are_refused_with_the_fix() {
    let none = || LoginCookies::builder().same_site(SameSite::None).refresh_same_site(SameSite::None).partitioned();
    for (builder, name) in [
        (LoginCookies::builder().partitioned(), "__Host-access_token"),
        (LoginCookies::builder().same_site(SameSite::None).partitioned(), "__Secure-refresh_token"),
        (LoginCookies::builder().refresh_same_site(SameSite::None).partitioned(), "__Host-access_token"),
        (none().dangerous_plain_http_on_localhost(), "access_token"),
    ] {
        let error = builder.build().unwrap_err();
        assert_eq!(error, LoginCookiesBuildError::Partitioned { name: name.into() });
        assert!(error.to_string().contains(".refresh_same_site(SameSite::None)"), "{error}");
    }
    assert!(none().build().is_ok());
}
