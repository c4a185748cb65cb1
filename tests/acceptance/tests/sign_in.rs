//! Logging in, renewing and logging out: what the issuer, the refresh tokens and the cookies make together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use acceptance::{AUDIENCE, ISSUER, SECRET, User, WatchedStore, shows_token};
use jwt_core::adapter::Verdict;
use jwt_core::clock::NumericDate;
use jwt_core::error::TokenError;
use jwt_core::issue::IssueError;
use jwt_core::login::{Login, LoginsBuilder};
use jwt_core::session::RefreshError;
use jwt_core::store::{Revocation, RevocationStore, StoreError, StoreFuture};
use jwt_core::testing::TestClock;
use jwt_core::{
    Algorithm, AuthError, Authenticator, CsrfTokens, Issuer, LoginCookies, LoginError, Logins, MemoryStore,
    RefreshTokens, Revocations, SigningKey,
};
use serde_json::{Value, json};

fn builder() -> LoginsBuilder {
    let key = SigningKey::secret(Algorithm::HS256, SECRET).unwrap();
    let issuer = Issuer::builder(ISSUER).audience(AUDIENCE).signing_key(key).build().unwrap();
    Logins::builder(issuer, RefreshTokens::builder(Arc::new(MemoryStore::new())).build().unwrap())
}

fn alice() -> User {
    User { sub: "alice".into(), name: "Alice".into() }
}

fn run<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(test)
}

fn refresh_token(login: &Login) -> &str {
    login.refresh_token().unwrap().as_str()
}

fn get(auth: &Authenticator<User>, login: &Login) -> Verdict<User> {
    let bearer = format!("Bearer {}", login.access_token().as_str());
    auth.authenticate(&http::Request::get("/").header("authorization", bearer).body(()).unwrap())
}

#[test]
fn a_login_opens_the_door_is_renewed_with_the_same_claims_and_ends() {
    run(async {
        let tokens = builder().build().unwrap();
        let auth = tokens.authenticator::<User>().build().unwrap();
        let first = tokens.log_in(&alice(), "Firefox").await.unwrap();
        let second = tokens.refresh(refresh_token(&first)).await.unwrap();
        for login in [&first, &second] {
            let Verdict::Verified(user) = get(&auth, login) else { panic!("it is good") };
            assert_eq!(*user, alice());
            let days = login.refresh_token().unwrap().expires_in().as_secs() / 86_400;
            assert!((13..=14).contains(&days), "{days}");
        }
        assert_ne!(first.access_token().token_id(), second.access_token().token_id());
        assert_ne!(refresh_token(&first), refresh_token(&second));
        assert_eq!(tokens.refresh_tokens().list("alice").await.unwrap()[0].label, "Firefox");

        tokens.log_out(refresh_token(&second)).await.unwrap();
        let error = tokens.refresh(refresh_token(&second)).await.unwrap_err();
        assert!(matches!(error, LoginError::Refresh(RefreshError::Ended)), "{error}");
        assert_eq!(tokens.refresh_tokens().list("alice").await.unwrap(), []);
    });
}

#[test]
fn neither_token_passes_for_the_other() {
    run(async {
        let tokens = builder().build().unwrap();
        let login = tokens.log_in(&alice(), "").await.unwrap();
        let error = tokens.refresh(login.access_token().as_str()).await.unwrap_err();
        assert!(matches!(error, LoginError::Refresh(RefreshError::Malformed)), "{error}");
        let verifier = tokens.authenticator::<User>().build_verifier().unwrap();
        assert!(matches!(verifier.verify(refresh_token(&login)), Err(AuthError::InvalidToken(_))));
    });
}

#[test]
fn claims_that_cannot_be_signed_leave_nothing_behind() {
    run(async {
        let tokens = builder().build().unwrap();
        for claims in [json!({"name": "nobody"}), json!({"sub": 7}), json!([])] {
            let error = tokens.log_in(&claims, "").await.unwrap_err();
            assert!(matches!(error, LoginError::NoSubject), "{claims}: {error}");
        }
        let error = tokens.log_in(&json!({"sub": "alice", "exp": 1}), "").await.unwrap_err();
        assert!(matches!(error, LoginError::Issue(IssueError::Collision(_))), "{error}");
        assert_eq!(tokens.refresh_tokens().list("alice").await.unwrap(), []);
    });
}

#[test]
fn a_browser_renews_and_ends_its_login_and_no_other_site_does() {
    run(async {
        let csrf = CsrfTokens::new([3; 32]).unwrap();
        let cookies = LoginCookies::builder().csrf(&csrf).build().unwrap();
        let tokens = builder().cookies(cookies.clone()).trusted_origin("https://app.example.com").build().unwrap();
        let login = tokens.log_in(&alice(), "").await.unwrap();
        let headers = login.dangerous_set_cookies(&cookies);
        let pairs: Vec<&str> = headers
            .get_all("set-cookie")
            .iter()
            .map(|value| value.to_str().unwrap().split_once(';').unwrap().0)
            .collect();
        // And the refresh token as it is with transparent renewal.
        assert_eq!(tokens.clear_cookies().get_all("set-cookie").iter().count(), pairs.len() + 2);
        let request = |fields: &[(&str, &str)]| {
            let builder = http::Request::post("/auth/refresh").header("cookie", pairs.join("; "));
            let builder = builder.header("x-csrf-token", pairs[2].split_once('=').unwrap().1);
            fields.iter().fold(builder, |builder, (name, value)| builder.header(*name, *value)).body(()).unwrap()
        };
        let auth = tokens.authenticator::<User>().build().unwrap();
        for (fields, good) in [
            (&[][..], true),
            (&[("sec-fetch-site", "same-origin")], true),
            (&[("sec-fetch-site", "same-site"), ("origin", "https://app.example.com")], true),
            (&[("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")], false),
            (&[("origin", "null")], false),
        ] {
            let request = request(fields);
            match tokens.refresh_token_from_request(&request) {
                Ok(token) => assert!(good && token == Some(refresh_token(&login).as_bytes()), "{fields:?}"),
                Err(error) => assert!(!good && matches!(error, AuthError::CrossSite(_)), "{fields:?}: {error}"),
            }
            assert_eq!(matches!(auth.authenticate(&request), Verdict::Verified(_)), good, "{fields:?}");
            // Without a cookie as well: whoever makes others log in as somebody else reads what they write, and the answer
            // to a logout makes a browser forget its cookies.
            let mut bare = request;
            bare.headers_mut().remove("cookie");
            assert_eq!(tokens.check_origin(&bare).is_ok(), good, "{fields:?}");
            assert_eq!(tokens.log_out_from_request(&bare).await.is_ok(), good, "{fields:?}");
        }
        assert!(matches!(tokens.refresh_token_from_request(&http::Request::post("/").body(()).unwrap()), Ok(None)));
    });
}

#[test]
fn an_access_token_is_revoked_where_there_is_a_list_and_only_ones_own() {
    run(async {
        let list = Revocations::builder(Arc::new(MemoryStore::new())).open().await.unwrap();
        let (revoking, plain) = (builder().revocations(&list).build().unwrap(), builder().build().unwrap());
        let auth = revoking.authenticator::<User>().build().unwrap();
        let (one, other) = (revoking.log_in(&alice(), "").await.unwrap(), revoking.log_in(&alice(), "").await.unwrap());
        plain.revoke_access_token(one.access_token().as_str()).await.unwrap();
        for strange in ["", "x", "a.b.c", refresh_token(&one)] {
            revoking.revoke_access_token(strange).await.unwrap();
        }
        assert!(list.is_empty() && matches!(get(&auth, &one), Verdict::Verified(_)));
        revoking.revoke_access_token(one.access_token().as_str()).await.unwrap();
        assert!(matches!(get(&auth, &one), Verdict::Rejected(AuthError::InvalidToken(TokenError::Revoked))));
        assert!(matches!(get(&auth, &other), Verdict::Verified(_)));
        // A client that sends its tokens in a body ends the rest of it so.
        revoking.log_out(refresh_token(&one)).await.unwrap();
        assert!(revoking.refresh(refresh_token(&one)).await.is_err());
    });
}

#[test]
fn an_administrator_logs_somebody_out_everywhere_and_nobody_else() {
    run(async {
        let (clock, store) = (TestClock::new(), Arc::new(MemoryStore::new()));
        let list = Revocations::builder(store.clone()).clock(clock.clone()).open().await.unwrap();
        let key = SigningKey::secret(Algorithm::HS256, SECRET).unwrap();
        let issuer = Issuer::builder(ISSUER).audience(AUDIENCE).signing_key(key).clock(clock.clone()).build().unwrap();
        let refresh = RefreshTokens::builder(store).clock(clock.clone()).build().unwrap();
        let tokens = Logins::builder(issuer, refresh).revocations(&list).build().unwrap();
        let auth = tokens.authenticator::<User>().build().unwrap();
        let (phone, laptop) = (tokens.log_in(&alice(), "").await.unwrap(), tokens.log_in(&alice(), "").await.unwrap());
        let bob = tokens.log_in(&User { sub: "bob".into(), name: "Bob".into() }, "").await.unwrap();

        clock.advance(Duration::from_secs(1));
        tokens.log_out_everywhere("alice").await.unwrap();
        for login in [&phone, &laptop] {
            assert!(matches!(get(&auth, login), Verdict::Rejected(AuthError::InvalidToken(TokenError::Revoked))));
            assert!(tokens.refresh(refresh_token(login)).await.is_err());
        }
        assert!(matches!(get(&auth, &bob), Verdict::Verified(_)));
        assert!(tokens.refresh(refresh_token(&bob)).await.is_ok());

        // What is issued after that is good.
        clock.advance(Duration::from_secs(1));
        assert!(matches!(get(&auth, &tokens.log_in(&alice(), "").await.unwrap()), Verdict::Verified(_)));
    });
}

#[test]
fn without_a_list_access_tokens_stay_good_when_a_user_is_logged_out_everywhere() {
    run(async {
        let tokens = builder().build().unwrap();
        let auth = tokens.authenticator::<User>().build().unwrap();
        let login = tokens.log_in(&alice(), "").await.unwrap();
        tokens.log_out_everywhere("alice").await.unwrap();
        assert!(matches!(get(&auth, &login), Verdict::Verified(_)));
        let error = tokens.refresh(refresh_token(&login)).await.unwrap_err();
        assert!(matches!(error, LoginError::Refresh(RefreshError::Ended)), "{error}");
        // Nobody is logged in, which is no error.
        tokens.log_out_everywhere("alice").await.unwrap();
        tokens.log_out_everywhere("").await.unwrap();
    });
}

/// Counts the families of alice at the moment of a revocation, and fails where it is told to.
struct Revoking {
    families: RefreshTokens,
    seen: AtomicUsize,
    fails: bool,
}

impl RevocationStore for Revoking {
    fn add(&self, _: Revocation, _: NumericDate) -> StoreFuture<'_, ()> {
        Box::pin(async {
            let left = self.families.list("alice").await.map_or(usize::MAX, |families| families.len());
            self.seen.store(left, Ordering::SeqCst);
            if self.fails { Err(StoreError::Full) } else { Ok(()) }
        })
    }

    fn since(&self, _: u64) -> StoreFuture<'_, Vec<(u64, Revocation)>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

#[test]
fn a_user_is_logged_out_everywhere_in_both_stores_whichever_of_them_fails() {
    run(async {
        for (fails, down) in [(false, false), (true, false), (false, true), (true, true)] {
            let clock = TestClock::new();
            let store = Arc::new(WatchedStore::new());
            let families = || RefreshTokens::builder(store.clone()).clock(clock.clone()).build().unwrap();
            let watched = Arc::new(Revoking { families: families(), seen: AtomicUsize::new(7), fails });
            let list = Revocations::builder(watched.clone()).clock(clock.clone()).open().await.unwrap();
            let key = SigningKey::secret(Algorithm::HS256, SECRET).unwrap();
            let issuer =
                Issuer::builder(ISSUER).audience(AUDIENCE).signing_key(key).clock(clock.clone()).build().unwrap();
            let tokens = Logins::builder(issuer, families()).revocations(&list).build().unwrap();
            let auth = tokens.authenticator::<User>().build().unwrap();
            let login = tokens.log_in(&alice(), "").await.unwrap();
            clock.advance(Duration::from_secs(1));
            store.set_down(down);
            let result = tokens.log_out_everywhere("alice").await;
            store.set_down(false);

            let case = format!("revocations fail: {fails}, sign-ins fail: {down}");
            match (fails, down) {
                (false, false) => result.unwrap(),
                (true, false) => assert!(matches!(result, Err(StoreError::Full)), "{case}"),
                (_, true) => assert!(matches!(result, Err(StoreError::Unavailable(_))), "{case}"),
            }
            assert_eq!(families().list("alice").await.unwrap().is_empty(), !down, "{case}");
            assert_eq!(matches!(get(&auth, &login), Verdict::Verified(_)), fails, "{case}");
            if !down {
                assert_eq!(watched.seen.load(Ordering::SeqCst), 0, "{case}: no family is left to refresh");
            }
            // Another try does what is missing.
            if down && !fails {
                tokens.log_out_everywhere("alice").await.unwrap();
                assert_eq!(families().list("alice").await.unwrap(), [], "{case}");
            }
        }
    });
}

#[test]
fn what_a_client_is_told_is_what_rfc_6749_says_and_holds_nothing_of_it() {
    run(async {
        let tokens = builder().build().unwrap();
        let login = tokens.log_in(&alice(), "").await.unwrap();
        let malformed = tokens.refresh("jrt_x").await.unwrap_err();
        tokens.log_out(refresh_token(&login)).await.unwrap();
        let ended = tokens.refresh(refresh_token(&login)).await.unwrap_err();
        let nobody = tokens.log_in(&json!({}), "").await.unwrap_err();
        let head = http::Request::post("/").body(()).unwrap();
        let missing = tokens.refresh_from_request(&head).await.unwrap_err();
        for (error, status, code) in [
            (malformed, 400, "invalid_grant"),
            (ended, 400, "invalid_grant"),
            (missing.reason().clone(), 400, "invalid_request"),
            (nobody, 500, "server_error"),
            (StoreError::Full.into(), 503, "temporarily_unavailable"),
            (RefreshError::from(StoreError::Unreadable).into(), 503, "temporarily_unavailable"),
        ] {
            let response = error.response();
            assert_eq!(response.status(), status, "{error}");
            let body: Value = serde_json::from_str(response.body()).unwrap();
            assert_eq!(body, json!({"error": code}), "{error}");
            assert_eq!(response.headers()["cache-control"], "no-store", "{error}");
            assert_eq!(response.headers().contains_key("retry-after"), status == 503, "{error}");
        }
    });
}

#[test]
fn nothing_of_it_prints_its_tokens() {
    run(async {
        let tokens = builder().build().unwrap();
        let login = tokens.log_in(&alice(), "").await.unwrap();
        let printed = format!("{tokens:?} {login:?}");
        assert!(!shows_token(&printed) && !printed.contains(refresh_token(&login)), "{printed}");
    });
}
