//! One user cannot fill the list of revocations, and no clock that is ahead hides a token from it.

#![expect(clippy::unwrap_used, reason = "all of this file is tests")]

use std::sync::Arc;
use std::time::Duration;

use jwt_core::clock::{Clock, NumericDate};
use jwt_core::revocation::{Revoked, TokenIdentity};
use jwt_core::store::{RevocationStore, SignInStore};
use jwt_core::{
    Algorithm, Issuer, Logins, MemoryStore, PostgresStore, RedisStore, RefreshTokens, Revocations, SigningKey,
    SqliteStore,
};
use proptest::prelude::*;
use serde_json::json;
use stores_tests::{
    PostgresServer, RedisServer, TestClock, TestDirectory, postgres_is_installed, proved, redis_is_installed,
};

const ISSUER: &str = "https://issuer.example.com";
const CAPACITY: usize = 300;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn issuer(clock: &TestClock) -> Issuer {
    let key = SigningKey::secret(Algorithm::HS256, [7; 32]).unwrap();
    Issuer::builder(ISSUER).audience("api").signing_key(key).clock(clock.clone()).build().unwrap()
}

async fn list(store: Arc<dyn RevocationStore>, clock: &TestClock) -> Revocations {
    Revocations::builder(store).clock(clock.clone()).poll_interval(seconds(3600)).open().await.unwrap()
}

fn logins(sign_ins: Arc<dyn SignInStore>, list: &Revocations, clock: &TestClock) -> Logins {
    let refresh = RefreshTokens::builder(sign_ins).clock(clock.clone()).build().unwrap();
    Logins::builder(issuer(clock), refresh).revocations(list).build().unwrap()
}

/// An ordinary user logs in, refreshes and logs out in a loop.
async fn one_user_fills_nothing(store: Arc<dyn RevocationStore>) {
    let clock = TestClock::new();
    let (here, there) = (list(store.clone(), &clock).await, list(store.clone(), &clock).await);
    let logins = logins(Arc::new(MemoryStore::new()), &here, &clock);
    let verifier = logins.authenticator::<()>().build_verifier().unwrap();
    let mut ended = Vec::new();
    for round in 0..2 * CAPACITY {
        if round % 3 == 0 {
            clock.advance(seconds(1));
        }
        let first = logins.log_in(&json!({"sub": "mallory"}), "").await.unwrap();
        let second = logins.refresh(first.refresh_token().unwrap().as_str()).await.unwrap();
        for login in [first, second] {
            let token = login.access_token().as_str().to_owned();
            logins.revoke_access_token(&token).await.unwrap();
            ended.push(token);
        }
    }
    let entries = store.since(0).await.unwrap().len();
    assert!(entries <= 110, "{entries} entries for one user");
    for token in &ended {
        assert!(verifier.verify(token).is_err(), "whatever the list holds instead: it is revoked");
    }

    let victim = logins.log_in(&json!({"sub": "alice"}), "").await.unwrap();
    let bystander = logins.log_in(&json!({"sub": "bob"}), "").await.unwrap();
    for login in [&victim, &bystander] {
        assert!(verifier.verify(login.access_token().as_str()).is_ok());
    }
    logins.revoke_access_token(victim.access_token().as_str()).await.unwrap();
    logins.log_out_everywhere("carol").await.unwrap();
    here.revoke(ISSUER, "by name", victim.access_token().expires_at()).await.unwrap();
    there.catch_up().await.unwrap();
    for list in [&here, &there] {
        let verifier = issuer(&clock).authenticator::<()>().revocations(list).build_verifier();
        // Of another issuer object, with the same secret.
        let verifier = verifier.unwrap();
        assert!(verifier.verify(victim.access_token().as_str()).is_err());
        assert!(verifier.verify(bystander.access_token().as_str()).is_ok());
        for token in &ended {
            assert!(verifier.verify(token).is_err());
        }
    }
    // And she can log in again, at once.
    let again = logins.log_in(&json!({"sub": "mallory"}), "").await.unwrap();
    assert!(verifier.verify(again.access_token().as_str()).is_ok());
}

#[tokio::test]
async fn one_user_does_not_fill_the_memory() {
    one_user_fills_nothing(Arc::new(MemoryStore::new().max_revocations(CAPACITY))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_user_does_not_fill_redis() {
    if !redis_is_installed() {
        return;
    }
    let server = RedisServer::start();
    let store = RedisStore::connect(&server.url()).await.unwrap().max_revocations(CAPACITY);
    one_user_fills_nothing(Arc::new(store)).await;
}

/// The same by what a logout reads: a login, or a token that the issuer has signed beside all logins.
#[tokio::test]
async fn one_user_does_not_fill_the_memory_by_logging_out() {
    let (store, clock) = (Arc::new(MemoryStore::new().max_revocations(CAPACITY)), TestClock::new());
    let list = list(store.clone(), &clock).await;
    let logins = logins(Arc::new(MemoryStore::new()), &list, &clock);
    let verifier = logins.authenticator::<()>().build_verifier().unwrap();
    for beside_logins in [true, false] {
        let name = if beside_logins { "mallory" } else { "mallet" };
        for round in 0..2 * CAPACITY {
            let login = logins.log_in(&json!({"sub": name}), "").await.unwrap();
            let token = if beside_logins {
                logins.issuer().sign(&json!({"sub": name})).unwrap().as_str().to_owned()
            } else {
                login.access_token().as_str().to_owned()
            };
            let request = http::Request::get("/").header("authorization", format!("Bearer {token}")).body(()).unwrap();
            assert!(logins.log_out_from_request(&request).await.is_ok(), "{name} {round}");
            assert!(verifier.verify(&token).is_err(), "{name} {round}: whatever the list holds instead, it is revoked");
        }
        let entries = store.since(0).await.unwrap().len();
        assert!(entries <= 110 * if beside_logins { 1 } else { 2 }, "{entries} entries");
    }
    let victim = logins.log_in(&json!({"sub": "alice"}), "").await.unwrap();
    logins.log_out(victim.refresh_token().unwrap().as_str()).await.unwrap();
    assert!(verifier.verify(victim.access_token().as_str()).is_err());
}

/// Many users together may fill the part for single tokens: everybody can still be logged out everywhere.
async fn room_is_left_for_everything_of_a_subject(store: Arc<dyn RevocationStore>) {
    let clock = TestClock::new();
    let list = list(store, &clock).await;
    let until = NumericDate::from_secs(clock.now().as_secs() + 600);
    let mut full = 0;
    for number in 0..CAPACITY {
        full += usize::from(list.revoke(ISSUER, &number.to_string(), until).await.is_err());
    }
    assert_eq!(full, CAPACITY / 10, "the last tenth is for whole subjects");
    let now = clock.now().as_secs();
    for number in 0..CAPACITY / 10 {
        list.revoke_all(ISSUER, &format!("user {number}"), seconds(600)).await.unwrap();
    }
    // The same one more than once costs nothing more.
    clock.advance(seconds(1));
    list.revoke_all(ISSUER, "user 0", seconds(600)).await.unwrap();
    assert_eq!(list.check(&proved(json!({"iss": ISSUER, "sub": "user 0", "iat": now}))), Err(Revoked::Revoked));
}

#[tokio::test]
async fn a_tenth_of_the_memory_is_for_whole_subjects() {
    room_is_left_for_everything_of_a_subject(Arc::new(MemoryStore::new().max_revocations(CAPACITY))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenth_of_redis_is_for_whole_subjects() {
    if !redis_is_installed() {
        return;
    }
    let server = RedisServer::start();
    let store = RedisStore::connect(&server.url()).await.unwrap().max_revocations(CAPACITY);
    room_is_left_for_everything_of_a_subject(Arc::new(store)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenth_of_a_file_is_for_whole_subjects() {
    let directory = TestDirectory::new();
    let store = SqliteStore::builder(directory.path().join("store.db")).max_revocations(CAPACITY);
    room_is_left_for_everything_of_a_subject(Arc::new(store.timeout(seconds(20)).open().await.unwrap())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenth_of_postgres_is_for_whole_subjects() {
    if !postgres_is_installed() {
        return;
    }
    let server = PostgresServer::start();
    let store = PostgresStore::builder(&server.url()).max_revocations(CAPACITY).timeout(seconds(20));
    let store = store.connect().await.unwrap();
    store.migrate().await.unwrap();
    room_is_left_for_everything_of_a_subject(Arc::new(store)).await;
}

#[tokio::test]
async fn a_token_of_an_issuer_whose_clock_is_ahead_is_revoked_with_the_others() {
    let clock = TestClock::new();
    let list = list(Arc::new(MemoryStore::new()), &clock).await;
    let now = clock.now().as_secs();
    list.revoke_all(ISSUER, "alice", seconds(600)).await.unwrap();
    let check = |issued_at: u64| list.check(&proved(json!({"iss": ISSUER, "sub": "alice", "iat": issued_at})));
    assert_eq!(check(now + 29), Err(Revoked::Revoked), "an issuer that is ahead by less than the difference of clocks");
    assert_eq!(check(now + 31), Ok(()), "a token that was issued later");
}

#[tokio::test]
async fn who_logs_in_right_after_being_logged_out_everywhere_is_served_and_older_tokens_are_not() {
    let (clock, ahead) = (TestClock::new(), TestClock::new());
    ahead.advance(seconds(29));
    let store = Arc::new(MemoryStore::new());
    let list = list(store.clone(), &clock).await;
    let here = logins(store.clone(), &list, &clock);
    // Another instance of the same issuer, whose clock is ahead.
    let old = logins(store, &list, &ahead).log_in(&json!({"sub": "alice"}), "").await.unwrap();
    let verifier = here.authenticator::<()>().build_verifier().unwrap();
    assert!(verifier.verify(old.access_token().as_str()).is_ok());
    let mut earlier = vec![old];
    for _ in 0..4 {
        here.log_out_everywhere("alice").await.unwrap();
        for login in &earlier {
            assert!(verifier.verify(login.access_token().as_str()).is_err());
        }
        let new = here.log_in(&json!({"sub": "alice"}), "").await.unwrap();
        assert!(verifier.verify(new.access_token().as_str()).is_ok(), "at once");
        let renewed = here.refresh(new.refresh_token().unwrap().as_str()).await.unwrap();
        assert!(verifier.verify(renewed.access_token().as_str()).is_ok());
        assert_eq!(new.access_token().expires_at().as_secs(), clock.now().as_secs() + 15 * 60);
        earlier.extend([new, renewed]);
    }
}

/// What a user does: `subject`, `token`, seconds to wait before.
fn logouts() -> impl Strategy<Value = Vec<(usize, usize, u64)>> {
    prop::collection::vec((0usize..3, 0usize..40, 0u64..3), 1..120)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// However often each subject logs out, on whichever of two instances: what was revoked is refused on both, what is
    /// later than all that the subject revoked is not, no subject is refused for what another does, and the store holds a
    /// bounded number of entries.
    #[test]
    fn whatever_was_revoked_is_refused_and_no_subject_pays_for_another(moves in logouts()) {
        const LIMIT: usize = 4;
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
            let clock = TestClock::new();
            let store = Arc::new(MemoryStore::new().max_revocations(3 * (2 * LIMIT + 1) + 3));
            let open = || Revocations::builder(store.clone()).clock(clock.clone()).per_subject(LIMIT).poll_interval(seconds(3600));
            let lists = [open().open().await.unwrap(), open().open().await.unwrap()];
            let subjects = ["a", "b", "victim"];
            let mut revoked: Vec<(usize, String, NumericDate)> = Vec::new();
            for (subject, id, wait) in moves {
                // The victim does nothing.
                let subject = subject % 2;
                clock.advance(seconds(wait));
                let (id, issued_at) = (format!("{subject} {id}"), clock.now());
                let token = TokenIdentity { issuer: Some(ISSUER), token_id: Some(&id), subject: Some(subjects[subject]), issued_at: Some(issued_at), ..TokenIdentity::default() };
                let until = NumericDate::from_secs(issued_at.as_secs() + 100_000);
                lists[revoked.len() % 2].revoke_token(token, until).await.unwrap();
                revoked.push((subject, id, issued_at));
            }
            for list in &lists {
                list.catch_up().await.unwrap();
                for (subject, id, issued_at) in &revoked {
                    let token = TokenIdentity { issuer: Some(ISSUER), token_id: Some(id), subject: Some(subjects[*subject]), issued_at: Some(*issued_at), ..TokenIdentity::default() };
                    prop_assert_eq!(list.check(token), Err(Revoked::Revoked));
                }
                for (subject, name) in subjects.into_iter().enumerate() {
                    let last = revoked.iter().filter(|(whose, ..)| *whose == subject).map(|(_, _, at)| *at).max();
                    let later = NumericDate::from_secs(last.map_or(0, |last| last.as_secs() + 1));
                    let token = TokenIdentity { issuer: Some(ISSUER), token_id: Some("new"), subject: Some(name), issued_at: Some(later), ..TokenIdentity::default() };
                    prop_assert_eq!(list.check(token), Ok(()));
                }
            }
            // One entry for all of a subject may come from each instance that has not seen the one of the other.
            let entries = store.since(0).await.unwrap().len();
            prop_assert!(entries <= 2 * (2 * LIMIT + 2), "{}", entries);
            lists[0].revoke_token(TokenIdentity { issuer: Some(ISSUER), token_id: Some("victim"), subject: Some("victim"), issued_at: Some(clock.now()), ..TokenIdentity::default() }, NumericDate::from_secs(clock.now().as_secs() + 9)).await.unwrap();
            lists[1].revoke_all(ISSUER, "victim", seconds(600)).await.unwrap();
            Ok(())
        })?;
    }
}
