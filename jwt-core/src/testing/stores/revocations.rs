//! Lists of revoked tokens, on a log that several instances share.

#![expect(clippy::unwrap_used, reason = "whatever is wrong in a case makes it fail")]

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::case::{Case, cases};
use super::{millis, seconds, test_clock};
use crate::authenticator::Authenticator;
use crate::clock::{Clock, NumericDate};
use crate::key::{Algorithm, KeySet, SigningKey};
use crate::revocation::{Revocations, Revoked};
use crate::store::{Revocation, RevocationStore, RevocationTarget, StoreFuture};
use crate::testing::TestClock;
use crate::verify::VerifiedToken;

type Log = Arc<dyn RevocationStore>;

const ISSUER: &str = "https://issuer.example.com";

pub(super) fn all() -> Vec<Case<Log>> {
    cases![
        a_revoked_token_is_refused_here_at_once_and_elsewhere_after_the_next_look,
        other_instances_know_within_the_time_that_is_promised,
        all_tokens_of_a_subject_are_refused_that_were_issued_before,
        revocations_are_forgotten_once_the_token_has_expired,
        an_instance_that_starts_later_knows_all_that_was_revoked,
        no_entry_is_seen_before_one_with_a_lower_number,
        an_entry_of_a_subject_replaces_what_it_includes,
    ]
}

/// A log that says nothing of new entries by itself: a list on it looks when it is told to.
struct Unannounced(Log);

impl RevocationStore for Unannounced {
    fn add(&self, revocation: Revocation, now: NumericDate) -> StoreFuture<'_, ()> {
        self.0.add(revocation, now)
    }

    fn since(&self, number: u64) -> StoreFuture<'_, Vec<(u64, Revocation)>> {
        self.0.since(number)
    }
}

/// A list that looks at the store when it is told to.
async fn revocations(log: &Log, clock: &TestClock) -> Revocations {
    let log = Arc::new(Unannounced(log.clone()));
    Revocations::builder(log).clock(clock.clone()).poll_interval(Duration::from_secs(3600)).open().await.unwrap()
}

/// A verified token with these claims and an `exp` far away.
fn proved(mut claims: Value) -> VerifiedToken<()> {
    let secret = b"a secret of at least thirty-two bytes";
    claims["exp"] = 4_000_000_000_u64.into();
    let token = SigningKey::secret(Algorithm::HS256, secret).unwrap().sign(&claims).unwrap();
    let keys = KeySet::hs256(secret).unwrap();
    Authenticator::<()>::builder().keys(keys).any_audience().build_verifier().unwrap().verify(token).unwrap()
}

async fn a_revoked_token_is_refused_here_at_once_and_elsewhere_after_the_next_look(log: Log) {
    let clock = test_clock();
    let (here, there) = (revocations(&log, &clock).await, revocations(&log, &clock).await);
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

async fn other_instances_know_within_the_time_that_is_promised(log: Log) {
    let clock = test_clock();
    let here = revocations(&log, &clock).await;
    let there = Revocations::builder(log.clone()).clock(clock.clone()).open().await.unwrap();
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

async fn all_tokens_of_a_subject_are_refused_that_were_issued_before(log: Log) {
    let clock = test_clock();
    clock.advance(millis(500));
    let (here, there) = (revocations(&log, &clock).await, revocations(&log, &clock).await);
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

async fn revocations_are_forgotten_once_the_token_has_expired(log: Log) {
    let clock = test_clock();
    let (here, there) = (revocations(&log, &clock).await, revocations(&log, &clock).await);
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
    let kept = log.since(0).await.unwrap();
    assert_eq!(kept.len(), 1);
    assert!(matches!(&kept[0].1.target, RevocationTarget::Token { id, .. } if id == "2"));
}

async fn an_instance_that_starts_later_knows_all_that_was_revoked(log: Log) {
    let clock = test_clock();
    let here = revocations(&log, &clock).await;
    // More than a store hands over at once.
    let count = 5000;
    for number in 0..count {
        here.revoke(ISSUER, &number.to_string(), NumericDate::from_secs(4_000_000_000)).await.unwrap();
    }
    let there = revocations(&log, &clock).await;
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

async fn no_entry_is_seen_before_one_with_a_lower_number(log: Log) {
    const WRITERS: u64 = 8;
    const EACH: u64 = 25;
    let far = NumericDate::from_secs(4_000_000_000);
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let log = log.clone();
            tokio::spawn(async move {
                for number in 0..EACH {
                    let target = RevocationTarget::Token { issuer: format!("\0{writer}"), id: number.to_string() };
                    log.add(Revocation { target, forget_at: far }, NumericDate::from_secs(1)).await.unwrap();
                }
            })
        })
        .collect();
    // Reads behind the last number only, as instances do.
    let (mut last, mut seen) = (0, 0);
    loop {
        let all_are_written = writers.iter().all(tokio::task::JoinHandle::is_finished);
        let page = log.since(last).await.unwrap();
        if page.is_empty() && all_are_written {
            break;
        }
        for (number, _) in page {
            assert!(number > last, "{number} comes after {last}");
            last = number;
            seen += 1;
        }
        // A store that never waits would keep the writers from their thread.
        tokio::task::yield_now().await;
    }
    assert_eq!(seen, WRITERS * EACH, "an entry became visible behind one with a higher number");
}

async fn an_entry_of_a_subject_replaces_what_it_includes(log: Log) {
    let entry = |subject: &str, not_before: u64, forget_at: u64| Revocation {
        target: RevocationTarget::Subject {
            issuer: ISSUER.into(),
            subject: subject.into(),
            not_before: NumericDate::from_secs(not_before),
        },
        forget_at: NumericDate::from_secs(forget_at),
    };
    let now = NumericDate::from_secs(1);
    let expected = [entry("alice", 20, 200), entry("bob", 5, 50), entry("alice", 10, 300)];
    for added in [entry("alice", 10, 100), expected[0].clone(), expected[1].clone(), expected[2].clone()] {
        // The second time, it is the same.
        log.add(added.clone(), now).await.unwrap();
        log.add(added, now).await.unwrap();
    }
    let kept = log.since(0).await.unwrap();
    assert!(kept.windows(2).all(|pair| pair[0].0 < pair[1].0), "the oldest first");
    let mut kept: Vec<_> = kept.into_iter().map(|(_, revocation)| revocation).collect();
    // A store may keep what it may drop.
    kept.retain(|one| !expected.iter().any(|other| other != one && other.replaces(one)));
    for one in &expected {
        assert!(kept.contains(one), "{one:?} is lost");
    }
    assert_eq!(kept.len(), expected.len());
}
