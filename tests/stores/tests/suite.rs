//! What every store has to do: in memory, on a real Redis, behind real sentinels and in a real cluster.

#![expect(clippy::unwrap_used, reason = "all of this file is tests")]

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use jwt_core::binding::{Dpop, DpopKey};
use jwt_core::clock::{Clock, NumericDate};
use jwt_core::revocation::{Revoked, WhileUnreachable};
use jwt_core::session::{NewSignIn, OpaqueToken, RefreshError, SignIn, SignInsBuildError};
use jwt_core::store::StoreError;
use jwt_core::store::{Revocation, RevocationStore, RevocationTarget, SignInId, StoreFuture};
use jwt_core::{Algorithm, Issuer, LoginError, Logins, RefreshTokens, Revocations, Sessions, SigningKey};
use serde_json::{Value, json};
use stores_tests::{Stores, TestClock, Unannounced, proved};

const ISSUER: &str = "https://issuer.example.com";

/// Each test once per store.
macro_rules! on_every_store {
    ($($name:ident),* $(,)?) => {
        mod memory {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name(stores_tests::Stores::memory()).await;
            })*
        }
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name(stores_tests::Stores::sqlite().await).await;
            })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                if let Some(stores) = stores_tests::Stores::postgres().await {
                    super::$name(stores).await;
                }
            })*
        }
        mod serializable {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                if let Some(stores) = stores_tests::Stores::serializable().await {
                    super::$name(stores).await;
                }
            })*
        }
        mod pgbouncer {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                if let Some(stores) = stores_tests::Stores::pgbouncer().await {
                    super::$name(stores).await;
                }
            })*
        }
        mod redis {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                if let Some(stores) = stores_tests::Stores::redis().await {
                    super::$name(stores).await;
                }
            })*
        }
        mod sentinels {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                if let Some(stores) = stores_tests::Stores::sentinels().await {
                    super::$name(stores).await;
                }
            })*
        }
        mod cluster {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                if let Some(stores) = stores_tests::Stores::cluster().await {
                    super::$name(stores).await;
                }
            })*
        }
    };
}

on_every_store! {
    a_refresh_yields_a_successor_and_the_data_of_the_login,
    a_reused_token_ends_its_family_and_no_other,
    every_retry_within_the_grace_gets_the_same_successor,
    the_grace_ends_with_the_first_use_of_the_successor,
    without_a_grace_a_retry_is_a_reuse,
    a_thousand_refreshes_at_once_yield_one_successor,
    a_family_ends_when_it_is_idle_and_when_it_is_old,
    a_subject_has_so_many_families_and_the_oldest_ends,
    signed_in_on_these_devices,
    a_logout_ends_the_family_whichever_of_its_tokens_it_brings,
    a_stranger_who_knows_the_name_of_a_family_cannot_end_it,
    whatever_is_no_refresh_token_is_refused,
    data_and_labels_come_back_as_they_were,
    what_is_special_about_a_login_stays_with_it,
    a_login_that_is_bound_to_a_key_stays_so,
    a_session_is_looked_up_until_it_ends,
    a_session_lasts_while_it_is_used_and_no_longer_than_its_end,
    a_renewed_session_has_another_token_and_other_claims,
    of_many_renewals_at_once_one_counts,
    sessions_and_families_do_not_mix,
    a_revoked_token_is_refused_here_at_once_and_elsewhere_after_the_next_look,
    other_instances_know_within_the_time_that_is_promised,
    all_tokens_of_a_subject_are_refused_that_were_issued_before,
    revocations_are_forgotten_once_the_token_has_expired,
    an_instance_that_starts_later_knows_all_that_was_revoked,
    the_names_of_tenants_that_were_added_last_stay,
}

fn refresh_tokens(stores: &Stores, clock: &TestClock) -> RefreshTokens {
    RefreshTokens::builder(stores.sign_ins.clone()).clock(clock.clone()).build().unwrap()
}

fn sessions(stores: &Stores, clock: &TestClock) -> Sessions {
    Sessions::builder(stores.sign_ins.clone()).clock(clock.clone()).build().unwrap()
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

const DAY: u64 = 24 * 60 * 60;

fn is_ended(answer: &Result<(OpaqueToken, SignIn), RefreshError>) -> bool {
    matches!(answer, Err(RefreshError::Ended))
}

async fn a_refresh_yields_a_successor_and_the_data_of_the_login(stores: Stores) {
    let clock = TestClock::new();
    let tokens = refresh_tokens(&stores, &clock);
    let (first, started) = tokens.start(sign_in("alice").label("Firefox")).await.unwrap();
    let mut seen = HashSet::from([first.as_str().to_owned()]);
    let mut token = first;
    for _ in 0..5 {
        clock.advance(seconds(600));
        let (next, family) = tokens.refresh(&token).await.unwrap();
        assert!(seen.insert(next.as_str().to_owned()), "every token is another one");
        assert_eq!((family.id, &*family.subject, &*family.label), (started.id, "alice", "Firefox"));
        assert_eq!(family.data::<Value>().unwrap(), json!({"roles": ["reader"]}));
        assert_eq!((family.created_at, family.used_at), (started.created_at, clock.now()));
        assert_eq!(family.ends_at, started.ends_at);
        token = next;
    }
    assert_eq!(tokens.list("alice").await.unwrap().len(), 1);
}

async fn a_reused_token_ends_its_family_and_no_other(stores: Stores) {
    let clock = TestClock::new();
    let tokens = refresh_tokens(&stores, &clock);
    let (elsewhere, _) = tokens.start(sign_in("alice")).await.unwrap();
    let (first, started) = tokens.start(sign_in("alice")).await.unwrap();
    let (second, _) = tokens.refresh(&first).await.unwrap();
    clock.advance(seconds(10));
    let Err(RefreshError::Reused(family)) = tokens.refresh(&first).await else { panic!("the token was used before") };
    assert_eq!((family.id, &*family.subject), (started.id, "alice"));
    // Neither the thief nor the user gets any further, and nobody else is harmed.
    assert!(is_ended(&tokens.refresh(&second).await));
    assert!(is_ended(&tokens.refresh(&first).await));
    tokens.refresh(&elsewhere).await.unwrap();
}

async fn every_retry_within_the_grace_gets_the_same_successor(stores: Stores) {
    let clock = TestClock::new();
    let tokens = refresh_tokens(&stores, &clock);
    let (first, _) = tokens.start(sign_in("alice")).await.unwrap();
    let (second, _) = tokens.refresh(&first).await.unwrap();
    for _ in 0..3 {
        clock.advance(seconds(3));
        assert_eq!(tokens.refresh(&first).await.unwrap().0, second);
    }
    clock.advance(millis(999));
    assert_eq!(tokens.refresh(&first).await.unwrap().0, second, "one millisecond before its end");
    tokens.refresh(&second).await.unwrap();
}

async fn the_grace_ends_with_the_first_use_of_the_successor(stores: Stores) {
    let tokens = refresh_tokens(&stores, &TestClock::new());
    let (first, _) = tokens.start(sign_in("alice")).await.unwrap();
    let (second, _) = tokens.refresh(&first).await.unwrap();
    let (third, _) = tokens.refresh(&second).await.unwrap();
    assert_eq!(tokens.refresh(&second).await.unwrap().0, third);
    assert!(matches!(tokens.refresh(&first).await, Err(RefreshError::Reused(_))));
    assert!(is_ended(&tokens.refresh(&third).await));
}

async fn without_a_grace_a_retry_is_a_reuse(stores: Stores) {
    let builder = RefreshTokens::builder(stores.sign_ins.clone()).clock(TestClock::new());
    let tokens = builder.grace(Duration::ZERO).build().unwrap();
    let (first, _) = tokens.start(sign_in("alice")).await.unwrap();
    tokens.refresh(&first).await.unwrap();
    assert!(matches!(tokens.refresh(&first).await, Err(RefreshError::Reused(_))));
}

async fn a_thousand_refreshes_at_once_yield_one_successor(stores: Stores) {
    let tokens = Arc::new(refresh_tokens(&stores, &TestClock::new()));
    let (first, _) = tokens.start(sign_in("alice")).await.unwrap();
    let refreshing: Vec<_> = (0..1000)
        .map(|_| {
            let (tokens, first) = (tokens.clone(), first.clone());
            tokio::spawn(async move { tokens.refresh(&first).await.unwrap().0.as_str().to_owned() })
        })
        .collect();
    let mut successors = HashSet::new();
    for refresh in refreshing {
        successors.insert(refresh.await.unwrap());
    }
    assert_eq!(successors.len(), 1, "all of them got the same");
    assert_eq!(tokens.list("alice").await.unwrap().len(), 1);
    tokens.refresh(successors.into_iter().next().unwrap()).await.unwrap();
}

async fn a_family_ends_when_it_is_idle_and_when_it_is_old(stores: Stores) {
    let clock = TestClock::new();
    let tokens = refresh_tokens(&stores, &clock);
    let (idle, _) = tokens.start(sign_in("alice")).await.unwrap();
    clock.advance(millis(14 * DAY * 1000 - 1));
    let (idle, _) = tokens.refresh(&idle).await.unwrap();
    clock.advance(seconds(14 * DAY));
    assert!(is_ended(&tokens.refresh(&idle).await));
    assert!(tokens.list("alice").await.unwrap().is_empty());

    let (mut used, started) = tokens.start(sign_in("alice")).await.unwrap();
    for _ in 0..8 {
        clock.advance(seconds(11 * DAY));
        used = tokens.refresh(&used).await.unwrap().0;
    }
    let (used, family) = tokens.refresh(&used).await.unwrap();
    assert_eq!(family.expires_at, started.ends_at, "it is no longer than ninety days in all");
    clock.advance(seconds(2 * DAY));
    assert!(is_ended(&tokens.refresh(&used).await));
}

async fn a_subject_has_so_many_families_and_the_oldest_ends(stores: Stores) {
    let clock = TestClock::new();
    let builder = RefreshTokens::builder(stores.sign_ins.clone()).clock(clock.clone());
    let tokens = builder.per_subject(3).build().unwrap();
    let (bob, _) = tokens.start(sign_in("bob")).await.unwrap();
    let mut families = Vec::new();
    for _ in 0..5 {
        clock.advance(seconds(1));
        families.push(tokens.start(sign_in("alice")).await.unwrap().0);
    }
    for (index, family) in families.iter().enumerate() {
        assert_eq!(is_ended(&tokens.refresh(family).await), index < 2, "{index}");
    }
    tokens.refresh(&bob).await.unwrap();
}

async fn signed_in_on_these_devices(stores: Stores) {
    let clock = TestClock::new();
    let tokens = refresh_tokens(&stores, &clock);
    let (phone, on_phone) = tokens.start(sign_in("alice").label("Phone")).await.unwrap();
    clock.advance(seconds(60));
    let (laptop, _) = tokens.start(sign_in("alice").label("Laptop")).await.unwrap();
    let (_, of_bob) = tokens.start(sign_in("bob").label("Desk")).await.unwrap();
    clock.advance(seconds(60));
    let (phone, on_phone_now) = tokens.refresh(&phone).await.unwrap();

    let devices = tokens.list("alice").await.unwrap();
    let labels: Vec<&str> = devices.iter().map(|device| &*device.label).collect();
    assert_eq!(labels, ["Phone", "Laptop"], "the last used first");
    assert_eq!(devices[0], on_phone_now);

    // Only one's own.
    tokens.end_one("alice", of_bob.id).await.unwrap();
    assert_eq!(tokens.list("bob").await.unwrap().len(), 1);
    // The name survives its way through a web page.
    let id: SignInId = on_phone.id.to_string().parse().unwrap();
    tokens.end_one("alice", id).await.unwrap();
    assert!(is_ended(&tokens.refresh(&phone).await));
    let (laptop, _) = tokens.refresh(&laptop).await.unwrap();

    tokens.end_all("alice").await.unwrap();
    assert!(is_ended(&tokens.refresh(&laptop).await));
    assert!(tokens.list("alice").await.unwrap().is_empty());
    assert_eq!(tokens.list("bob").await.unwrap().len(), 1);
}

async fn a_logout_ends_the_family_whichever_of_its_tokens_it_brings(stores: Stores) {
    let clock = TestClock::new();
    let tokens = refresh_tokens(&stores, &clock);
    let (first, _) = tokens.start(sign_in("alice")).await.unwrap();
    let (second, _) = tokens.refresh(&first).await.unwrap();
    tokens.end(&first).await.unwrap();
    assert!(is_ended(&tokens.refresh(&second).await));
    tokens.end(&second).await.unwrap();
    tokens.end("no token at all").await.unwrap();
}

async fn a_stranger_who_knows_the_name_of_a_family_cannot_end_it(stores: Stores) {
    let tokens = refresh_tokens(&stores, &TestClock::new());
    let (token, _) = tokens.start(sign_in("alice")).await.unwrap();
    let (other, _) = tokens.start(sign_in("alice")).await.unwrap();
    // The front of a token says whose it is; the rest is for its holder to know. Here, the rest of another one's.
    let (front, rest) = (&token.as_str()[..25], &other.as_str()[25..]);
    let mut forged = format!("{front}{rest}");
    forged.replace_range(40..41, if &forged[40..41] == "A" { "B" } else { "A" });
    assert!(is_ended(&tokens.refresh(&forged).await));
    tokens.end(&forged).await.unwrap();
    tokens.refresh(&token).await.unwrap();
    tokens.refresh(&other).await.unwrap();
}

async fn whatever_is_no_refresh_token_is_refused(stores: Stores) {
    let clock = TestClock::new();
    let (tokens, sessions) = (refresh_tokens(&stores, &clock), sessions(&stores, &clock));
    let (session, _) = sessions.start(sign_in("alice")).await.unwrap();
    let (token, _) = tokens.start(sign_in("alice")).await.unwrap();
    let dressed_up = session.as_str().replace("jst_", "jrt_");
    for text in ["", "jrt_", "eyJhbGciOiJIUzI1NiJ9.e30.c2ln", session.as_str(), &token.as_str()[..80]] {
        assert!(matches!(tokens.refresh(text).await, Err(RefreshError::Malformed)), "{text:?}");
        tokens.end(text).await.unwrap();
    }
    assert!(is_ended(&tokens.refresh(&dressed_up).await));
    for text in ["", token.as_str(), &token.as_str().replace("jrt_", "jst_"), &dressed_up] {
        assert!(sessions.look_up(text).await.unwrap().is_none(), "{text:?}");
        assert!(sessions.renew(text, &()).await.unwrap().is_none(), "{text:?}");
    }
    assert!(sessions.look_up(&session).await.unwrap().is_some());
    tokens.refresh(&token).await.unwrap();
}

async fn data_and_labels_come_back_as_they_were(stores: Stores) {
    let tokens = refresh_tokens(&stores, &TestClock::new());
    let odd = "Ålïçé \"\\/\u{7f}\u{0}\n\r\t\u{2028} 日本 🦀 <&> ' ]] -- {}";
    let data =
        json!({"text": odd, "list": [], "object": {}, "number": 9_007_199_254_740_993_u64, "small": 0.1, "none": null});
    let new = NewSignIn::new(odd, &data).unwrap().label(odd);
    let (token, _) = tokens.start(new).await.unwrap();
    let (_, family) = tokens.refresh(&token).await.unwrap();
    assert_eq!((&*family.subject, &*family.label), (odd, odd));
    assert_eq!(family.data_json(), data.to_string());
    assert_eq!(tokens.list(odd).await.unwrap(), [family]);

    let (_, long) = tokens.start(sign_in("alice").label(&"ü".repeat(5000))).await.unwrap();
    assert_eq!(long.label.chars().count(), 200);
}

async fn a_session_is_looked_up_until_it_ends(stores: Stores) {
    let sessions = sessions(&stores, &TestClock::new());
    let (token, started) = sessions.start(sign_in("alice").label("Firefox")).await.unwrap();
    assert_eq!(sessions.look_up(&token).await.unwrap(), Some(started));
    assert_eq!(sessions.list("alice").await.unwrap().len(), 1);
    sessions.end(&token).await.unwrap();
    assert_eq!(sessions.look_up(&token).await.unwrap(), None);
    let (one, first) = sessions.start(sign_in("alice")).await.unwrap();
    let (two, _) = sessions.start(sign_in("alice")).await.unwrap();
    sessions.end_one("alice", first.id).await.unwrap();
    assert!(sessions.look_up(&one).await.unwrap().is_none());
    assert!(sessions.look_up(&two).await.unwrap().is_some());
    sessions.end_all("alice").await.unwrap();
    assert!(sessions.look_up(&two).await.unwrap().is_none());
}

async fn a_session_lasts_while_it_is_used_and_no_longer_than_its_end(stores: Stores) {
    let clock = TestClock::new();
    let sessions = sessions(&stores, &clock);
    let (idle, _) = sessions.start(sign_in("alice")).await.unwrap();
    let (used, _) = sessions.start(sign_in("alice")).await.unwrap();
    for _ in 0..28 {
        clock.advance(seconds(25 * 60));
        assert!(sessions.look_up(&used).await.unwrap().is_some());
    }
    assert!(sessions.look_up(&idle).await.unwrap().is_none());
    clock.advance(millis(20 * 60 * 1000 - 1));
    assert!(sessions.look_up(&used).await.unwrap().is_some(), "one millisecond before twelve hours");
    clock.advance(millis(1));
    assert!(sessions.look_up(&used).await.unwrap().is_none());
}

async fn a_renewed_session_has_another_token_and_other_claims(stores: Stores) {
    let clock = TestClock::new();
    let sessions = sessions(&stores, &clock);
    let (token, started) = sessions.start(sign_in("alice").label("Firefox")).await.unwrap();
    clock.advance(seconds(60));
    let (renewed, session) = sessions.renew(&token, &json!({"admin": true})).await.unwrap().unwrap();
    assert_ne!(renewed, token);
    assert_eq!((session.id, &*session.label, session.ends_at), (started.id, "Firefox", started.ends_at));
    assert_eq!(sessions.look_up(&renewed).await.unwrap().unwrap().data_json(), r#"{"admin":true}"#);
    // The one that somebody else may know is good for nothing, and does no harm.
    assert!(sessions.look_up(&token).await.unwrap().is_none());
    assert!(sessions.renew(&token, &()).await.unwrap().is_none());
    assert!(sessions.look_up(&renewed).await.unwrap().is_some());
}

async fn of_many_renewals_at_once_one_counts(stores: Stores) {
    let sessions = Arc::new(sessions(&stores, &TestClock::new()));
    let (token, _) = sessions.start(sign_in("alice")).await.unwrap();
    let renewing: Vec<_> = (0..100)
        .map(|number| {
            let (sessions, token) = (sessions.clone(), token.clone());
            tokio::spawn(async move { sessions.renew(&token, &number).await.unwrap() })
        })
        .collect();
    let mut renewed = Vec::new();
    for renewal in renewing {
        renewed.extend(renewal.await.unwrap());
    }
    let [(token, session)] = &renewed[..] else { panic!("{} renewals", renewed.len()) };
    assert_eq!(sessions.look_up(token).await.unwrap().as_ref(), Some(session));
}

async fn sessions_and_families_do_not_mix(stores: Stores) {
    let clock = TestClock::new();
    let (tokens, sessions) = (refresh_tokens(&stores, &clock), sessions(&stores, &clock));
    let (token, _) = tokens.start(sign_in("alice")).await.unwrap();
    let (session, in_session) = sessions.start(sign_in("alice")).await.unwrap();
    tokens.end_one("alice", in_session.id).await.unwrap();
    sessions.end_all("alice").await.unwrap();
    assert!(sessions.look_up(&session).await.unwrap().is_none());
    assert_eq!(tokens.list("alice").await.unwrap().len(), 1);
    tokens.refresh(&token).await.unwrap();
}

async fn a_revoked_token_is_refused_here_at_once_and_elsewhere_after_the_next_look(stores: Stores) {
    let clock = TestClock::new();
    let (here, there) = (revocations(&stores, &clock).await, revocations(&stores, &clock).await);
    let token = proved(json!({"iss": ISSUER, "sub": "alice", "jti": "1"}));
    let others = [
        proved(json!({"iss": ISSUER, "jti": "2"})),
        proved(json!({"iss": "https://another.example.com", "jti": "1"})),
        proved(json!({"jti": "1"})),
        proved(json!({"iss": ISSUER, "sub": "1"})),
    ];
    here.revoke(ISSUER, "1", token.expires_at().unwrap()).await.unwrap();
    assert_eq!(here.check(&token), Err(Revoked::Revoked));
    assert_eq!(there.check(&token), Ok(()), "it has not looked yet");
    there.catch_up().await.unwrap();
    assert_eq!(there.check(&token), Err(Revoked::Revoked));
    for list in [&here, &there] {
        for other in &others {
            assert_eq!(list.check(other), Ok(()), "{other:?}");
        }
    }
    // A token without an issuer has the empty one.
    there.revoke("", "1", token.expires_at().unwrap()).await.unwrap();
    here.catch_up().await.unwrap();
    assert_eq!(here.check(&others[2]), Err(Revoked::Revoked));
}

async fn other_instances_know_within_the_time_that_is_promised(stores: Stores) {
    let clock = TestClock::new();
    let here = revocations(&stores, &clock).await;
    let there = Revocations::builder(stores.revocations.clone()).clock(clock.clone()).open().await.unwrap();
    let token = proved(json!({"iss": ISSUER, "jti": "1"}));
    here.revoke(ISSUER, "1", token.expires_at().unwrap()).await.unwrap();
    // By itself: nobody tells it to look. How long a busy machine takes for four looks a second is not tested here.
    tokio::time::timeout(seconds(60), async {
        while there.check(&token).is_ok() {
            tokio::time::sleep(millis(10)).await;
        }
    })
    .await
    .unwrap();
}

async fn all_tokens_of_a_subject_are_refused_that_were_issued_before(stores: Stores) {
    let clock = TestClock::new();
    clock.advance(millis(500));
    let (here, there) = (revocations(&stores, &clock).await, revocations(&stores, &clock).await);
    here.revoke_all(ISSUER, "alice", seconds(3600)).await.unwrap();
    there.catch_up().await.unwrap();
    let now = clock.now().as_secs();
    let alice = |issued_at: u64| proved(json!({"iss": ISSUER, "sub": "alice", "iat": issued_at}));
    for list in [&here, &there] {
        assert_eq!(list.check(&alice(now - 100)), Err(Revoked::Revoked));
        assert_eq!(list.check(&alice(now)), Err(Revoked::Revoked), "in the same second, nobody knows");
        assert_eq!(list.check(&alice(now + 30)), Err(Revoked::Revoked), "the clock of the issuer may be ahead");
        assert_eq!(list.check(&alice(now + 31)), Ok(()), "a new login");
        assert_eq!(list.check(&proved(json!({"iss": ISSUER, "sub": "alice"}))), Err(Revoked::Revoked));
        assert_eq!(list.check(&proved(json!({"iss": ISSUER, "sub": "bob", "iat": now - 100}))), Ok(()));
        assert_eq!(list.check(&proved(json!({"sub": "alice", "iat": now - 100}))), Ok(()));
    }
    // The later moment counts, whichever arrives last.
    clock.advance(seconds(10));
    there.revoke_all(ISSUER, "alice", seconds(60)).await.unwrap();
    here.catch_up().await.unwrap();
    assert_eq!(here.check(&alice(now + 35)), Err(Revoked::Revoked));
}

async fn revocations_are_forgotten_once_the_token_has_expired(stores: Stores) {
    let clock = TestClock::new();
    let (here, there) = (revocations(&stores, &clock).await, revocations(&stores, &clock).await);
    let in_a_minute = NumericDate::from_secs(clock.now().as_secs() + 60);
    here.revoke(ISSUER, "1", in_a_minute).await.unwrap();
    here.revoke_all(ISSUER, "alice", seconds(60)).await.unwrap();
    there.catch_up().await.unwrap();
    clock.advance(millis((60 + 5 * 60) * 1000 - 1));
    for list in [&here, &there] {
        list.catch_up().await.unwrap();
        assert_eq!(list.len(), 2, "a verifier with leeway may still take the token");
    }
    clock.advance(millis(1));
    for list in [&here, &there] {
        list.catch_up().await.unwrap();
        assert_eq!(list.len(), 1, "the clock of the issuer may be ahead");
    }
    clock.advance(seconds(30));
    for list in [&here, &there] {
        list.catch_up().await.unwrap();
        assert!(list.is_empty());
    }
    // And the store drops them with the next one that is added.
    here.revoke(ISSUER, "2", NumericDate::from_secs(clock.now().as_secs() + 60)).await.unwrap();
    let kept = stores.revocations.since(0).await.unwrap();
    assert_eq!(kept.len(), 1);
    assert!(matches!(&kept[0].1.target, RevocationTarget::Token { id, .. } if id == "2"));
}

async fn an_instance_that_starts_later_knows_all_that_was_revoked(stores: Stores) {
    let clock = TestClock::new();
    let here = revocations(&stores, &clock).await;
    // More than a store hands over at once.
    let count = 5000;
    for number in 0..count {
        here.revoke(ISSUER, &number.to_string(), NumericDate::from_secs(4_000_000_000)).await.unwrap();
    }
    let there = revocations(&stores, &clock).await;
    assert_eq!((here.len(), there.len()), (count, count));
    let token = |number: usize| proved(json!({"iss": ISSUER, "jti": number.to_string()}));
    for number in [0, 1, count / 2, count - 1] {
        assert_eq!(there.check(&token(number)), Err(Revoked::Revoked), "{number}");
    }
    assert_eq!(there.check(&token(count)), Ok(()));
    // Twice is once.
    here.revoke(ISSUER, "0", NumericDate::from_secs(4_000_000_000)).await.unwrap();
    there.catch_up().await.unwrap();
    assert_eq!((here.len(), there.len()), (count, count));
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

async fn the_names_of_tenants_that_were_added_last_stay(stores: Stores) {
    let tenants = stores.tenants;
    assert_eq!(tenants.tenants().await.unwrap(), [""; 0]);
    let odd = "https://a.example/\u{1f600} \"\\\r\n{}";
    for (second, name) in (1..).zip(["a", "b", "c", "a", odd]) {
        for _ in 0..2 {
            tenants.add_tenant(name.into(), 3, NumericDate::from_secs(second)).await.unwrap();
        }
    }
    assert_eq!(tenants.tenants().await.unwrap(), ["c", "a", odd]);
    for name in ["a", "nobody"] {
        tenants.remove_tenant(name.into()).await.unwrap();
    }
    assert_eq!(tenants.tenants().await.unwrap(), ["c", odd]);
    tenants.add_tenant("d".into(), usize::MAX, NumericDate::from_secs(9)).await.unwrap();
    tenants.add_tenant("e".into(), 0, NumericDate::from_secs(10)).await.unwrap();
    assert_eq!(tenants.tenants().await.unwrap(), ["e"]);
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
