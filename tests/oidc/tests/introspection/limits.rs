//! How long answers are kept, and how often the issuer is asked.

use std::sync::atomic::Ordering;
use std::time::Duration;

use jwt_core::error::{AuthError, TokenError, Unavailable};
use serde_json::json;
use tokio::time::sleep;

use super::{Asked, ISSUER, SECOND, alice, asking, auth, but, outcome, runtime, status};

#[test]
fn a_thousand_requests_at_once_with_a_new_token_ask_once() {
    let runtime = runtime();
    let asked = Asked::saying(&alice(ISSUER));
    asked.take(Duration::from_millis(200));
    let auth = auth(&asking(&asked));
    runtime.block_on(async {
        let requests: Vec<_> = (0..1000)
            .map(|_| {
                let auth = auth.clone();
                tokio::spawn(async move { status(&auth, "new").await })
            })
            .collect();
        for request in requests {
            assert_eq!(request.await.unwrap(), 200);
        }
    });
    assert_eq!(asked.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn answers_are_kept_for_a_while_and_not_for_longer() {
    let asked = Asked::saying(&alice(ISSUER));
    let auth_of = |introspection| auth(&introspection);
    let auth = auth_of(asking(&asked).cache_for(10 * SECOND).cache_inactive_for(2 * SECOND));
    assert_eq!((status(&auth, "a").await, asked.count()), (200, 1));
    sleep(9 * SECOND).await;
    assert_eq!((status(&auth, "a").await, asked.count()), (200, 1));
    sleep(SECOND).await;
    assert_eq!((status(&auth, "a").await, asked.count()), (200, 2));
    asked.say(200, r#"{"active":false}"#);
    sleep(9 * SECOND).await;
    assert_eq!((status(&auth, "a").await, asked.count()), (200, 2), "what was revoked there is good here for a while");
    sleep(SECOND).await;
    assert_eq!((status(&auth, "a").await, asked.count()), (401, 3));
    sleep(SECOND).await;
    assert_eq!((status(&auth, "a").await, asked.count()), (401, 3));
    asked.say(200, alice(ISSUER).to_string());
    sleep(SECOND).await;
    assert_eq!((status(&auth, "a").await, asked.count()), (200, 4));

    // In an outage.
    asked.say(500, "");
    sleep(11 * SECOND).await;
    assert_eq!(status(&auth, "a").await, 503, "nobody knows whether it is good");
    asked.say(200, alice(ISSUER).to_string());
    let patient = auth_of(asking(&asked).cache_for(10 * SECOND).stale_if_error(20 * SECOND));
    assert_eq!(status(&patient, "a").await, 200);
    asked.say(500, "");
    sleep(29 * SECOND).await;
    assert_eq!((status(&patient, "a").await, status(&patient, "b").await), (200, 503));
    sleep(SECOND).await;
    assert_eq!(status(&patient, "a").await, 503);

    // As many as were asked for.
    asked.say(200, alice(ISSUER).to_string());
    let small = auth_of(asking(&asked).max_cached(10));
    for token in 0..100 {
        assert_eq!(status(&small, &format!("t{token}")).await, 200);
    }
    let before = asked.count();
    for token in 0..100 {
        assert_eq!(status(&small, &format!("t{token}")).await, 200);
    }
    assert!(asked.count() - before >= 90, "{}", asked.count() - before);
    for padding in [10, 60_000] {
        asked.say(200, but(alice(ISSUER), &json!({"x": "x".repeat(padding)})).to_string());
        let one = auth_of(asking(&asked).max_cached(1));
        let before = asked.count();
        for _ in 0..3 {
            assert_eq!(status(&one, "a").await, 200);
        }
        assert_eq!(asked.count() - before, 1, "even the smallest cache keeps the longest answer: {padding}");
    }
    asked.say(200, alice(ISSUER).to_string());
    let never = auth_of(asking(&asked).cache_for(Duration::ZERO));
    let before = asked.count();
    for _ in 0..3 {
        assert_eq!(status(&never, "a").await, 200);
    }
    assert_eq!(asked.count() - before, 3);
}

#[tokio::test(start_paused = true)]
async fn strangers_cause_no_more_questions_than_the_limit_says_and_known_tokens_go_on() {
    let good = alice(ISSUER).to_string();
    let asked = Asked::new(move |request| {
        let is_good = String::from_utf8_lossy(request.body()).contains("token=good");
        (200, "application/json", if is_good { good.clone() } else { r#"{"active":false}"#.to_owned() })
    });
    let introspection = asking(&asked).calls_per_minute(80).cache_for(SECOND);
    let auth = auth(&introspection);
    for token in 0..200 {
        assert_eq!(status(&auth, &format!("good{token}")).await, 200, "good ones do not count");
    }
    let before = asked.count();
    let mut answers = [0, 0];
    for token in 0..1000 {
        match outcome(&auth, &format!("junk{token}"), Some(1)).await.unwrap_err() {
            AuthError::InvalidToken(TokenError::Inactive) => answers[0] += 1,
            AuthError::Unavailable(Unavailable::IntrospectionLimit { retry_after }) => {
                assert!(retry_after <= 60 * SECOND);
                answers[1] += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((answers, asked.count() - before), ([5, 995], 5), "an eighth of what there is at once");
    for token in 0..1000 {
        let error = outcome(&auth, &format!("other{token}"), None).await.unwrap_err();
        answers[usize::from(matches!(error, AuthError::Unavailable(_)))] += 1;
    }
    assert_eq!(asked.count() - before, 40, "half of what a minute has");
    assert_eq!(introspection.status().limited, 995 + 965);
    assert_eq!(status(&auth, "good-that-is-new").await, 503, "nobody knows it");
    sleep(2 * SECOND).await;
    let before = asked.count();
    for token in 0..200 {
        assert_eq!(status(&auth, &format!("good{token}")).await, 200, "what was good is asked about again");
    }
    assert_eq!(asked.count() - before, 200);
    sleep(60 * SECOND).await;
    for token in 0..1000 {
        _ = status(&auth, &format!("more{token}")).await;
    }
    assert_eq!(asked.count() - before, 240);
}

#[tokio::test(start_paused = true)]
async fn no_more_questions_are_under_way_than_may_be_and_each_ends() {
    let asked = Asked::saying(&alice(ISSUER));
    asked.take(SECOND);
    let auth_of = |introspection| auth(&introspection);
    let auth = auth_of(asking(&asked).calls_at_once(8).timeout(5 * SECOND));
    let all = (0..24).map(|token| {
        let auth = auth.clone();
        tokio::spawn(async move { status(&auth, &format!("t{token}")).await })
    });
    for one in all.collect::<Vec<_>>() {
        assert_eq!(one.await.unwrap(), 200);
    }
    assert_eq!(asked.most.load(Ordering::SeqCst), 6, "the rest is kept for tokens that were good before");
    // Who hangs is down.
    asked.take(3600 * SECOND);
    let begun = tokio::time::Instant::now();
    assert_eq!((status(&auth, "hang").await, begun.elapsed()), (503, 5 * SECOND));
    for _ in 0..2 {
        assert_eq!(status(&auth, "hang").await, 503);
    }
    let (begun, before) = (tokio::time::Instant::now(), asked.count());
    assert_eq!((status(&auth, "hang").await, begun.elapsed(), asked.count()), (503, Duration::ZERO, before));
    asked.take(Duration::ZERO);
    sleep(SECOND).await;
    assert_eq!(status(&auth, "hang").await, 200);
    // Whoever goes away leaves no trace.
    asked.take(3600 * SECOND);
    for token in 0..100 {
        let auth = auth.clone();
        let left = tokio::spawn(async move { status(&auth, &format!("left{token}")).await });
        sleep(Duration::from_millis(1)).await;
        left.abort();
    }
    asked.take(Duration::ZERO);
    assert_eq!(status(&auth, "another").await, 200);
}
