//! What every store has to do: in memory, on a real Redis, behind real sentinels and in a real cluster.

#![expect(clippy::unwrap_used, reason = "all of this file is tests")]

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use jwt_core::binding::{Dpop, DpopKey};
use jwt_core::clock::{Clock, NumericDate};
use jwt_core::revocation::{Revoked, WhileUnreachable};
use jwt_core::session::{NewSignIn, OpaqueToken, RefreshError, SignIn, SignInsBuildError};
use jwt_core::store::StoreError;
use jwt_core::store::{Revocation, RevocationStore, StoreFuture};
use jwt_core::testing::TestDevice;
use jwt_core::{Algorithm, Issuer, LoginError, Logins, RefreshTokens, Revocations, Sessions, SigningKey};
use serde_json::{Value, json};
use stores_tests::{Stores, TestClock, Unannounced, proved};

const ISSUER: &str = "https://issuer.example.com";

/// Each test once per store, of which there may be none.
macro_rules! on_every_store {
    ($($store:ident: $open:expr),* $(,)?) => {$(
        mod $store {
            use std::sync::Mutex;

            use jwt_core::testing::stores;
            use stores_tests::Stores;

            /// What a case works on lives until all are over.
            #[derive(Default)]
            struct Opened(Mutex<Vec<Stores>>);

            impl Opened {
                async fn one<T>(&self, of: impl FnOnce(&Stores) -> T) -> T {
                    let stores = $open.await.expect("it was there a moment ago");
                    let one = of(&stores);
                    self.0.lock().unwrap().push(stores);
                    one
                }
            }

            async fn is_there() -> bool {
                $open.await.is_some()
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn keeps_sign_ins() {
                let opened = Opened::default();
                if is_there().await {
                    stores::sign_ins(async || opened.one(|stores| stores.sign_ins.clone()).await).await.unwrap();
                }
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn keeps_revocations() {
                let opened = Opened::default();
                if is_there().await {
                    stores::revocations(async || opened.one(|stores| stores.revocations.clone()).await).await.unwrap();
                }
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn keeps_proofs() {
                let opened = Opened::default();
                if is_there().await {
                    stores::proofs(async || opened.one(|stores| stores.proofs.clone()).await).await.unwrap();
                }
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn keeps_tenants() {
                let opened = Opened::default();
                if is_there().await {
                    stores::tenants(async || opened.one(|stores| stores.tenants.clone()).await).await.unwrap();
                }
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn keeps_what_is_special_about_a_login() {
                let Some(stores): Option<Stores> = $open.await else { return };
                super::what_is_special_about_a_login_stays_with_it(stores).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn keeps_a_login_bound_to_its_key() {
                let Some(stores): Option<Stores> = $open.await else { return };
                super::a_login_that_is_bound_to_a_key_stays_so(stores).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn keeps_a_login_bound_to_its_browser() {
                let Some(stores): Option<Stores> = $open.await else { return };
                super::a_login_that_is_bound_to_a_browser_is_refreshed_by_it_alone(stores).await;
            }
        }
    )*};
}

on_every_store! {
    memory: std::future::ready(Some(Stores::memory())),
    sqlite: async { Some(Stores::sqlite().await) },
    postgres: Stores::postgres(),
    serializable: Stores::serializable(),
    pgbouncer: Stores::pgbouncer(),
    redis: Stores::redis(),
    valkey: Stores::valkey(),
    redis_6_2: Stores::redis_6_2(),
    sentinels: Stores::sentinels(),
    cluster: Stores::cluster(),
}

fn refresh_tokens(stores: &Stores, clock: &TestClock) -> RefreshTokens {
    RefreshTokens::builder(stores.sign_ins.clone()).clock(clock.clone()).build().unwrap()
}

/// A list that looks at the store when it is told to.
async fn revocations(stores: &Stores, clock: &TestClock) -> Revocations {
    let log = Arc::new(Unannounced(stores.revocations.clone()));
    Revocations::builder(log).clock(clock.clone()).poll_interval(Duration::from_secs(3600)).open().await.unwrap()
}

fn sign_in(subject: &str) -> NewSignIn {
    NewSignIn::new(subject, &json!({"roles": ["reader"]})).unwrap()
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn is_ended(answer: &Result<(OpaqueToken, SignIn), RefreshError>) -> bool {
    matches!(answer, Err(RefreshError::Ended))
}

#[tokio::test]
async fn lifetimes_that_contradict_each_other_are_refused() {
    let store = || Stores::memory().sign_ins;
    let refresh = || RefreshTokens::builder(store());
    let days = |days: u64| seconds(days * 24 * 60 * 60);
    for (builder, expected, fix) in [
        (
            refresh().idle_timeout(Duration::ZERO),
            SignInsBuildError::IdleTimeout(Duration::ZERO),
            "a millisecond at least",
        ),
        (
            refresh().absolute_timeout(seconds(60)),
            SignInsBuildError::AbsoluteTimeout { absolute_timeout: seconds(60), idle_timeout: days(14) },
            "`.absolute_timeout(60s)` is shorter than `.idle_timeout(1209600s)`",
        ),
        (
            refresh().idle_timeout(seconds(10)).grace(seconds(10)),
            SignInsBuildError::Grace { grace: seconds(10), idle_timeout: seconds(10) },
            "make it shorter",
        ),
        (refresh().per_subject(0), SignInsBuildError::PerSubject, "1 at least"),
    ] {
        let error = builder.build().unwrap_err();
        assert_eq!(error, expected);
        assert!(error.to_string().contains(fix), "{error}");
    }
    let sessions = Sessions::builder(store()).absolute_timeout(seconds(60)).build();
    let expected = SignInsBuildError::AbsoluteTimeout { absolute_timeout: seconds(60), idle_timeout: seconds(30 * 60) };
    assert_eq!(sessions.err(), Some(expected));
    assert!(refresh().absolute_timeout(Duration::MAX).build().is_ok());
}

#[tokio::test]
async fn a_full_memory_ends_the_sign_in_that_would_expire_first() {
    let clock = TestClock::new();
    let store = Arc::new(jwt_core::MemoryStore::new().max_sign_ins(3));
    let tokens = RefreshTokens::builder(store).clock(clock.clone()).build().unwrap();
    let mut families = Vec::new();
    for subject in ["a", "b", "c"] {
        clock.advance(seconds(60));
        families.push(tokens.start(sign_in(subject)).await.unwrap().0);
    }
    clock.advance(seconds(60));
    families[0] = tokens.refresh(&families[0]).await.unwrap().0;
    tokens.start(sign_in("d")).await.unwrap();
    assert!(is_ended(&tokens.refresh(&families[1]).await));
    tokens.refresh(&families[0]).await.unwrap();
    tokens.refresh(&families[2]).await.unwrap();
}

#[tokio::test]
async fn a_full_log_says_so_and_forgets_nothing() {
    let clock = TestClock::new();
    let store = Arc::new(jwt_core::MemoryStore::new().max_revocations(2));
    let builder = Revocations::builder(store).clock(clock.clone()).poll_interval(seconds(3600));
    let list = builder.open().await.unwrap();
    let until = NumericDate::from_secs(clock.now().as_secs() + 60);
    list.revoke(ISSUER, "1", until).await.unwrap();
    list.revoke(ISSUER, "2", until).await.unwrap();
    assert!(matches!(list.revoke(ISSUER, "3", until).await, Err(StoreError::Full)));
    list.revoke(ISSUER, "2", until).await.unwrap();
    assert_eq!(list.len(), 2);
    clock.advance(seconds(3600));
    list.revoke(ISSUER, "3", NumericDate::from_secs(clock.now().as_secs() + 60)).await.unwrap();
}

#[tokio::test]
async fn a_list_that_is_too_old_refuses_where_that_was_chosen() {
    let clock = TestClock::new();
    let stores = Stores::memory();
    let builder = Revocations::builder(stores.revocations.clone()).clock(clock.clone()).poll_interval(seconds(3600));
    let list = builder.while_unreachable(WhileUnreachable::RefuseAfter(seconds(30))).open().await.unwrap();
    let keeps = revocations(&stores, &clock).await;
    let token = proved(json!({"iss": ISSUER, "jti": "1"}));
    clock.advance(seconds(30));
    assert_eq!(list.check(&token), Ok(()));
    clock.advance(millis(1));
    assert_eq!(list.check(&token), Err(Revoked::Unknown));
    assert_eq!(keeps.check(&token), Ok(()));
    list.catch_up().await.unwrap();
    assert_eq!(list.check(&token), Ok(()));
}

/// A log to which somebody adds an entry with a lower number than the last one, as a failover can make it look.
#[derive(Default)]
struct Branched(std::sync::Mutex<Vec<(u64, Revocation)>>);

impl RevocationStore for Branched {
    fn add(&self, revocation: Revocation, _: NumericDate) -> StoreFuture<'_, ()> {
        let mut log = self.0.lock().unwrap();
        // 1000, 999, and so on.
        let number = 1000 - u64::try_from(log.len()).unwrap();
        log.insert(0, (number, revocation));
        Box::pin(async { Ok(()) })
    }

    fn since(&self, number: u64) -> StoreFuture<'_, Vec<(u64, Revocation)>> {
        let log = self.0.lock().unwrap();
        let page = log.iter().filter(|(own, _)| *own > number).cloned().collect();
        Box::pin(async { Ok(page) })
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_written_behind_what_has_been_read_is_learnt_after_a_while() {
    let store = Arc::new(Branched::default());
    let here = Revocations::builder(store.clone()).open().await.unwrap();
    let there = Revocations::builder(store).open().await.unwrap();
    for number in 0..2 {
        here.revoke(ISSUER, &number.to_string(), NumericDate::from_secs(4_000_000_000)).await.unwrap();
        tokio::time::sleep(seconds(15)).await;
        let token = proved(json!({"iss": ISSUER, "jti": number.to_string()}));
        assert_eq!(there.check(&token), Err(Revoked::Revoked), "{number}");
    }
}

/// The part of a token that stands for its subject.
fn owner(token: &OpaqueToken) -> &str {
    &token.as_str()[..4 + 21]
}

#[tokio::test]
async fn with_a_key_nobody_else_can_tell_the_subject_of_a_token() {
    let store = Stores::memory().sign_ins;
    let (one, other) = ([1; 32], [2; 32]);
    let refresh = || RefreshTokens::builder(store.clone());
    let sessions = || Sessions::builder(store.clone());
    let keyed = refresh().subject_key(one).build().unwrap();
    // Whoever has this library and another key, or none, can start a sign-in of a guessed subject and compare.
    let mut owners = HashSet::new();
    for tokens in [&keyed, &refresh().subject_key(other).build().unwrap(), &refresh().build().unwrap()] {
        owners.insert(owner(&tokens.start(sign_in("alice")).await.unwrap().0).to_owned());
    }
    for tokens in [sessions().subject_key(one), sessions().subject_key(other), sessions()] {
        owners.insert(owner(&tokens.build().unwrap().start(sign_in("alice")).await.unwrap().0).to_owned());
    }
    assert_eq!(owners.len(), 6, "{owners:?}");

    // Every instance with the same key finds them.
    let again = refresh().subject_key(one).build().unwrap();
    assert_eq!(again.list("alice").await.unwrap().len(), 1);
    let (token, _) = keyed.start(sign_in("alice")).await.unwrap();
    let (token, _) = again.refresh(&token).await.unwrap();
    again.end_all("alice").await.unwrap();
    assert!(is_ended(&keyed.refresh(&token).await));

    for short in [&[][..], &[1; 31]] {
        let expected = SignInsBuildError::SubjectKey { bytes: short.len() };
        assert_eq!(refresh().subject_key(short).build().err(), Some(expected.clone()));
        assert_eq!(sessions().subject_key(short).build().err(), Some(expected));
    }
}

/// A browser with a key in software, whose every request is answered by another instance.
async fn a_login_that_is_bound_to_a_browser_is_refreshed_by_it_alone(stores: Stores) {
    let clock = TestClock::new();
    let key = SigningKey::secret(Algorithm::HS256, [7; 32]).unwrap();
    let issuer = Issuer::builder(ISSUER).audience("api").signing_key(key).clock(clock.clone()).build().unwrap();
    let logins = || {
        let builder = Logins::builder(issuer.clone(), refresh_tokens(&stores, &clock));
        builder.dpop(Dpop::new().replay_store(stores.proofs.clone())).bind_to_device().build().unwrap()
    };
    let post = async |path: &str, jar: &HeaderMap, fields: &[(&str, &str)]| {
        let logins = logins();
        let request = http::Request::post(path).header("sec-fetch-site", "same-origin").header("cookie", cookies(jar));
        let request = fields.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let request = request.body(()).unwrap();
        let auth = logins.authenticator::<Value>().build().unwrap();
        let route = logins.route(&request).unwrap();
        route.respond(&auth, &request, Ok(&[])).await.map(drop).into_parts().0
    };
    let (device, other) = (TestDevice::new(), TestDevice::new());
    let request = http::Request::post("/auth/login").header("sec-fetch-site", "same-origin").body(()).unwrap();
    let login = logins().attempt(&request).unwrap().log_in(&json!({"sub": "of a browser"})).await.unwrap();
    let jar = login.headers().clone();
    let session = cookie(&jar, "__Host-refresh_token_id");
    let challenge = |text: &str| text.split('"').rfind(|part| part.len() == 64).unwrap().to_owned();
    let offered = challenge(jar["secure-session-registration"].to_str().unwrap());
    let register = "/auth/device/register";
    let registered = post(register, &jar, &[("secure-session-response", &device.registration(&offered))]).await;
    assert_eq!(registered.status, 200);
    let again =
        post(register, &registered.headers, &[("secure-session-response", &other.registration(&offered))]).await;
    assert_eq!(again.status, 400);
    let mut jar = registered.headers;
    for _ in 0..2 {
        clock.advance(seconds(1000));
        let refresh = async |jar: &HeaderMap, proof: Option<&str>| {
            let proof = proof.map(|proof| ("secure-session-response", proof));
            let fields: Vec<_> = proof.into_iter().chain([("sec-secure-session-id", &*session)]).collect();
            post("/auth/device/refresh", jar, &fields).await
        };
        let asked = async |jar: &HeaderMap| {
            let reply = refresh(jar, None).await;
            assert_eq!(reply.status, 403);
            challenge(reply.headers["secure-session-challenge"].to_str().unwrap())
        };
        assert_eq!(post("/auth/refresh", &jar, &[]).await.status, 400, "without the key");
        let answer = other.refresh(&asked(&jar).await);
        assert_eq!(refresh(&jar, Some(&answer)).await.status, 400, "with another key");
        // The thief has used the token up, and the browser does not notice.
        clock.advance(seconds(1));
        let proof = device.refresh(&asked(&jar).await);
        let refreshed = refresh(&jar, Some(&proof)).await;
        assert_eq!(refreshed.status, 200);
        assert_eq!(refresh(&jar, Some(&proof)).await.status, 400, "once, on whichever instance");
        let before = std::mem::replace(&mut jar, refreshed.headers);
        clock.advance(seconds(1));
        let proof = device.refresh(&asked(&jar).await);
        let refreshed = refresh(&jar, Some(&proof)).await;
        assert_eq!(refreshed.status, 200);
        assert_eq!(refresh(&jar, Some(&proof)).await.status, 403, "once");
        let stale = other.refresh(&asked(&before).await);
        assert_eq!(refresh(&before, Some(&stale)).await.status, 400, "a token of before ends nothing without the key");
        jar = refreshed.headers;
    }
    assert_eq!(post("/auth/logout", &jar, &[]).await.status, 204);
    let ended = post("/auth/device/refresh", &jar, &[("sec-secure-session-id", &session)]).await;
    assert_eq!(ended.status, 400);
}

/// As a browser sends them back.
fn cookies(jar: &HeaderMap) -> String {
    let pairs = jar.get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap().split(';').next().unwrap());
    pairs.collect::<Vec<_>>().join("; ")
}

fn cookie(jar: &HeaderMap, name: &str) -> String {
    let all = cookies(jar);
    all.split("; ").find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')).unwrap().to_owned()
}

async fn a_login_that_is_bound_to_a_key_stays_so(stores: Stores) {
    const URL: &str = "https://auth.example.com/auth/refresh";
    let clock = TestClock::new();
    let key = SigningKey::secret(Algorithm::HS256, [7; 32]).unwrap();
    let issuer = Issuer::builder(ISSUER).audience("api").signing_key(key).clock(clock.clone()).build().unwrap();
    // Another instance for each step: what it knows is in the store.
    let logins = || {
        let builder = Logins::builder(issuer.clone(), refresh_tokens(&stores, &clock));
        let dpop = Dpop::new().replay_store(stores.proofs.clone());
        builder.public_origin("https://auth.example.com").dpop(dpop).build().unwrap()
    };
    let (key, other) = (DpopKey::generate(Algorithm::ES256).unwrap(), DpopKey::generate(Algorithm::ES256).unwrap());
    let request = |key: &DpopKey| {
        let proof = key.proof("POST", URL).issued_at(clock.now()).sign().unwrap();
        http::Request::post("/auth/refresh").header("dpop", proof).body(()).unwrap()
    };
    let mut login = logins().log_in(&json!({"sub": "bound"}), "").proof_from(&request(&key)).await.unwrap();
    for _ in 0..3 {
        assert!(login.access_token().is_bound());
        let token = login.refresh_token().unwrap().as_str().to_owned();
        let refused = logins().refresh(&token).await;
        assert!(matches!(refused, Err(LoginError::ProofMissing)), "{refused:?}");
        let refused = logins().refresh_with_proof(&token, &request(&other)).await;
        assert!(matches!(refused, Err(LoginError::OtherKey)), "{refused:?}");
        let once = request(&key);
        login = logins().refresh_with_proof(&token, &once).await.unwrap();
        let next = login.refresh_token().unwrap().as_str();
        let replayed = logins().refresh_with_proof(next, &once).await;
        assert!(matches!(replayed, Err(LoginError::Proof(_))), "{replayed:?}");
    }
}

async fn what_is_special_about_a_login_stays_with_it(stores: Stores) {
    let clock = TestClock::new();
    let key = SigningKey::secret(Algorithm::HS256, [7; 32]).unwrap();
    let issuer = Issuer::builder(ISSUER).audience("api").audience("bank").signing_key(key).clock(clock.clone());
    let issuer = issuer.build().unwrap();
    let logins = || Logins::builder(issuer.clone(), refresh_tokens(&stores, &clock)).build().unwrap();
    let new = logins().log_in(&json!({"sub": "alice"}), "").audience("bank").access_token_lifetime(seconds(60));
    let mut login = new.claim("amr", ["pwd", "\" \u{1f600}"]).remember_for(seconds(3600)).await.unwrap();
    let verifier = issuer.authenticator::<Value>().build_verifier().unwrap();
    for left in [3600, 3590, 3580] {
        let token = verifier.verify(login.access_token().as_str()).unwrap();
        assert_eq!((&token["aud"], &token["amr"]), (&json!("bank"), &json!(["pwd", "\" \u{1f600}"])));
        assert_eq!(login.access_token().expires_in(), seconds(60));
        let refresh_token = login.refresh_token().unwrap();
        assert_eq!(refresh_token.expires_in(), seconds(left));
        clock.advance(seconds(10));
        login = logins().refresh(refresh_token.as_str()).await.unwrap();
    }
}
