//! What goes on in the background, with a client out of memory and a clock that obeys: who waits for what, how often
//! anything is fetched, and what is left when it ends.

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use acceptance::{AUDIENCE, User, key_file};
use jwt_core::adapter::Outcome;
use jwt_core::key::FetchError;
use jwt_core::{Algorithm, Authenticator, KeySet, RemoteKeySet, SigningKey, TokenCache, TrustedIssuer};
use oidc_tests::{Key, Scripted, at_once, builder, jwks, status};
use proptest::prelude::*;
use tokio::runtime::{Builder, Runtime};
use tokio::task::yield_now;
use tokio::time::{Instant, advance, sleep, timeout};

const ADDRESS: &str = "https://login.example.com/jwks";
const ISSUER: &str = "https://login.example.com";
const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

fn keys(client: &Scripted) -> RemoteKeySet {
    RemoteKeySet::jwks(ADDRESS).client(client.clone())
}

fn authenticator(keys: &RemoteKeySet) -> Authenticator<User> {
    builder().keys(keys).cache(TokenCache::new()).build().unwrap()
}

fn publishing(keys: &[&Key]) -> Scripted {
    let client = Scripted::default();
    client.answer(200, jwks(keys.iter().copied()));
    client
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_unknown_keys_cause_one_fetch_per_cool_down_and_disturb_nobody() {
    let (known, stranger) = (Key::new("known"), Key::new("stranger"));
    let client = publishing(&[&known]);
    client.take(SECOND / 10, Duration::ZERO);
    let keys = keys(&client);
    let auth = authenticator(&keys);
    keys.ready().await.unwrap();
    sleep(MINUTE).await;
    let good = known.token(ISSUER);
    let template = stranger.token_named("junk-00000", ISSUER);
    let junk: Vec<String> = (0..10_000).map(|n| template_named(&template, n)).collect();
    for round in 1..4 {
        let (fetches, begun) = (client.count(), Instant::now());
        let mut waiting = Vec::new();
        let mut refused = 0;
        for token in &junk {
            match auth.outcome(&request(token)) {
                Ok(outcome) => {
                    let code = auth.answer(&outcome.result().unwrap_err()).status.as_u16();
                    assert!(matches!(code, 401 | 503), "{code}");
                    refused += 1;
                }
                Err(pending) => waiting.push(tokio::spawn(pending)),
            }
            assert_eq!(at_once(&auth, &good), Some(200));
        }
        assert!(waiting.len() <= 1024, "{} requests are held", waiting.len());
        for pending in waiting {
            assert!(pending.await.unwrap().result().is_err());
        }
        assert!(refused > 0 && begun.elapsed() < 5 * SECOND, "{round}");
        assert_eq!(client.count() - fetches, 1, "round {round}");
        // In vain, so that the rest of them is refused at once.
        assert_eq!(at_once(&auth, &junk[0]), Some(401));
        sleep(5 * SECOND).await;
    }
    assert_eq!(client.most_at_once(), 1);
    assert!(keys.status().cool_downs > 0);
}

/// The same token with the name of its key counted up: nobody looks at the signature of a key that is not there.
fn template_named(token: &str, number: usize) -> String {
    let (_, rest) = token.split_once('.').unwrap();
    let header = format!(r#"{{"alg":"ES256","kid":"junk-{number:05}"}}"#);
    format!("{}.{rest}", acceptance::base64url(header))
}

fn request(token: &str) -> http::Request<()> {
    http::Request::get("/").header("authorization", format!("Bearer {token}")).body(()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_token_of_a_new_key_is_good_even_if_a_fetch_from_before_the_rotation_is_under_way() {
    let (old, new) = (Key::new("old"), Key::new("new"));
    let client = publishing(&[&old]);
    let keys = keys(&client);
    let auth = authenticator(&keys);
    keys.ready().await.unwrap();
    // The scheduled fetch has read the old set, and its answer is on the way.
    client.take(Duration::ZERO, 2 * SECOND);
    while client.count() < 2 {
        sleep(SECOND).await;
    }
    client.answer(200, jwks([&old, &new]));
    assert_eq!(status(&auth, &new.token(ISSUER)).await, 200);
    assert_eq!(client.count(), 3);
}

#[tokio::test(start_paused = true)]
async fn keys_are_waited_for_while_the_provider_starts() {
    let key = Key::new("k");
    let client = Scripted::default();
    let keys = keys(&client);
    let auth = authenticator(&keys);
    tokio::spawn({
        let (client, key) = (client.clone(), key.clone());
        async move {
            sleep(5 * SECOND).await;
            client.answer(503, "starting");
            sleep(5 * SECOND).await;
            client.answer(200, jwks([&key]));
        }
    });
    assert!(keys.ready().await.is_err());
    let begun = Instant::now();
    keys.ready_within(MINUTE).await.unwrap();
    // Nobody there at first, and refused then: tried again by the schedule, after 1, 2, 4 and 8 seconds at most.
    assert!(begun.elapsed() >= 9 * SECOND && begun.elapsed() <= 16 * SECOND, "{:?}", begun.elapsed());
    assert_eq!(at_once(&auth, &key.token(ISSUER)), Some(200));
    keys.ready_within(Duration::ZERO).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_keys_without_success_learns_what_the_last_attempt_met() {
    let client = Scripted::default();
    let keys = keys(&client);
    assert!(matches!(keys.ready_within(MINUTE).await, Err(FetchError::Stopped)), "nobody fetches yet");
    let _auth = authenticator(&keys);
    let begun = Instant::now();
    let error = keys.ready_within(3 * SECOND).await.unwrap_err();
    assert_eq!(begun.elapsed(), 3 * SECOND);
    assert_eq!(error.to_string(), "no keys within 3s; the last attempt: nobody there");
    client.answer(503, "");
    let error = keys.ready_within(10 * SECOND).await.unwrap_err();
    let FetchError::NotReady { within, last } = &error else { panic!("{error}") };
    assert!(*within == 10 * SECOND && matches!(**last, FetchError::Status(503)), "{error}");
    assert!(error.to_string().contains("503") && format!("{error:?}") == error.to_string(), "{error}");
    // A set without a usable key is waited for as well.
    client.answer(200, r#"{"keys":[]}"#);
    let error = keys.ready_within(2 * MINUTE).await.unwrap_err();
    assert!(error.to_string().contains("no usable key"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_keys_is_answered_in_time_by_a_provider_that_hangs() {
    let client = Scripted::default();
    client.take(5 * MINUTE, Duration::ZERO);
    let keys = keys(&client);
    let _auth = authenticator(&keys);
    let error = keys.ready_within(2 * SECOND).await.unwrap_err();
    assert!(matches!(&error, FetchError::NotReady { last, .. } if matches!(**last, FetchError::Timeout)), "{error}");
}

#[test]
fn who_waits_for_keys_is_told_when_their_runtime_has_ended() {
    let keys = keys(&Scripted::default());
    let runtime = || Builder::new_current_thread().enable_all().build().unwrap();
    let (first, second) = (runtime(), runtime());
    let _auth = first.block_on(async { authenticator(&keys) });
    drop(first);
    assert!(matches!(second.block_on(keys.ready_within(MINUTE)), Err(FetchError::Stopped)));
}

#[tokio::test(start_paused = true)]
async fn a_token_that_names_no_key_makes_nobody_fetch_and_follows_with_the_next_scheduled_fetch() {
    let (old, next) = (Key::new("old"), SigningKey::pem(Algorithm::ES256, key_file("p256.pem")).unwrap());
    let claims = serde_json::json!({"aud": AUDIENCE, "sub": "alice", "name": "Alice", "exp": 4_000_000_000_u64});
    let token = next.sign(&claims).unwrap();
    let client = publishing(&[&old]);
    let keys = keys(&client);
    let auth = authenticator(&keys);
    keys.ready().await.unwrap();
    sleep(MINUTE).await;
    client.answer(200, key_file("jwks.json"));
    for _ in 0..10 {
        assert_eq!(at_once(&auth, &token), Some(401));
    }
    assert_eq!(client.count(), 1);
    sleep(10 * MINUTE).await;
    assert_eq!(at_once(&auth, &token), Some(200));
}

#[tokio::test(start_paused = true)]
async fn the_first_request_waits_for_the_first_fetch_and_is_answered_by_it() {
    let key = Key::new("k");
    let client = publishing(&[&key]);
    client.take(SECOND, Duration::ZERO);
    let auth = authenticator(&keys(&client));
    assert_eq!(at_once(&auth, &key.token(ISSUER)), None);
    assert_eq!(status(&auth, &key.token(ISSUER)).await, 200);
    assert_eq!(client.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn while_the_provider_is_down_from_the_start_the_answer_is_503_and_then_all_is_well() {
    let key = Key::new("k");
    let client = Scripted::default();
    let keys = keys(&client);
    let auth = authenticator(&keys);
    assert!(matches!(keys.ready().await, Err(FetchError::Transport(_))), "a start can be refused");
    let token = key.token(ISSUER);
    for _ in 0..3 {
        assert_eq!(status(&auth, &token).await, 503);
    }
    let fetches = client.count();
    assert!(fetches <= 2, "{fetches}");
    client.answer(200, jwks([&key]));
    sleep(2 * MINUTE).await;
    assert_eq!(at_once(&auth, &token), Some(200));
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_hangs_does_not_prolong_the_trust_in_its_keys() {
    let key = Key::new("k");
    let client = publishing(&[&key]);
    let keys = keys(&client).lifetime(MINUTE, MINUTE, MINUTE).stale_if_error(MINUTE).timeout(Duration::MAX);
    let auth = authenticator(&keys);
    keys.ready().await.unwrap();
    client.take(Duration::from_secs(100_000_000), Duration::ZERO);
    let token = key.token(ISSUER);
    sleep(119 * SECOND).await;
    assert_eq!(at_once(&auth, &token), Some(200));
    sleep(2 * SECOND).await;
    assert!(matches!(at_once(&auth, &token), None | Some(503)));
    assert!(!keys.status().is_usable());
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_fails_and_then_hangs_does_not_prolong_it_either() {
    let key = Key::new("k");
    let client = publishing(&[&key]);
    let keys = keys(&client).lifetime(MINUTE, MINUTE, MINUTE).stale_if_error(MINUTE);
    let auth = authenticator(&keys);
    keys.ready().await.unwrap();
    client.answer(500, "");
    let token = key.token(ISSUER);
    sleep(Duration::from_millis(119_900)).await;
    client.take(Duration::from_secs(100_000_000), Duration::ZERO);
    assert_eq!(at_once(&auth, &token), Some(200));
    sleep(SECOND / 5).await;
    assert!(!keys.status().is_usable());
    assert_ne!(at_once(&auth, &token), Some(200));
}

#[tokio::test(start_paused = true)]
async fn no_setting_is_too_long_or_too_short_for_arithmetic() {
    let key = Key::new("k");
    for time in [Duration::ZERO, Duration::MAX] {
        let client = publishing(&[&key]);
        let keys = keys(&client)
            .lifetime(time, time, time)
            .stale_if_error(time)
            .cool_down(time)
            .connect_timeout(time)
            .timeout(Duration::MAX);
        let auth = authenticator(&keys);
        keys.ready().await.unwrap();
        assert_eq!(at_once(&auth, &key.token(ISSUER)), Some(200));
        client.answer(500, "");
        sleep(20 * SECOND).await;
        assert!(client.count() < 100, "{} fetches in 20 seconds", client.count());
        let _ = (keys.status(), at_once(&auth, &Key::new("x").token(ISSUER)));
        sleep(SECOND).await;
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_fetched_any_more_once_the_last_authenticator_is_dropped() {
    let key = Key::new("k");
    let client = publishing(&[&key]);
    let keys = keys(&client);
    let (auth, again) = (authenticator(&keys), authenticator(&keys));
    keys.ready().await.unwrap();
    assert_eq!(client.count(), 1, "both share what is fetched");
    drop((auth, keys));
    sleep(11 * MINUTE).await;
    let fetches = client.count();
    assert!(fetches > 1);
    let verified = again.verifier().verify(key.token(ISSUER)).unwrap();
    drop(again);
    sleep(24 * 60 * MINUTE).await;
    assert_eq!(client.count(), fetches, "a token that lives on keeps nothing alive");
    assert_eq!(verified.subject(), Some("alice"));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_panics_is_not_asked_more_often_than_one_that_fails() {
    let key = Key::new("k");
    let client = publishing(&[&key]);
    client.panic(true);
    let keys = keys(&client);
    let auth = authenticator(&keys);
    let token = key.token(ISSUER);
    for _ in 0..100 {
        assert_eq!(status(&auth, &token).await, 503);
    }
    assert_eq!(client.count(), 1);
    client.panic(false);
    sleep(6 * SECOND).await;
    assert_eq!(status(&auth, &token).await, 200);
}

#[tokio::test(start_paused = true)]
async fn fixed_and_fetched_keys_stand_beside_each_other() {
    let (far, near) = (Key::new("k"), Key::new("k"));
    let client = Scripted::default();
    let near_keys = KeySet::jwks(jwks([&near])).unwrap();
    let auth = builder()
        .trust(TrustedIssuer::new("https://far.example", keys(&client)))
        .trust(TrustedIssuer::new("https://near.example", near_keys))
        .build()
        .unwrap();
    for _ in 0..3 {
        assert_eq!(at_once(&auth, &near.token("https://near.example")), Some(200));
        assert_eq!(status(&auth, &far.token("https://far.example")).await, 503);
    }
    let fetches = client.count();
    for _ in 0..100 {
        assert_eq!(at_once(&auth, &near.token("https://nobody.example")), Some(401));
    }
    assert_eq!(client.count(), fetches, "a stranger costs no network");
    client.answer(200, jwks([&far]));
    sleep(2 * MINUTE).await;
    for _ in 0..3 {
        assert_eq!(status(&auth, &far.token("https://far.example")).await, 200);
        assert_eq!(at_once(&auth, &near.token("https://near.example")), Some(200));
        assert_eq!(status(&auth, &near.token("https://far.example")).await, 401);
        assert_eq!(at_once(&auth, &far.token("https://near.example")), Some(401));
    }
}

#[tokio::test(start_paused = true)]
async fn an_issuer_elsewhere_does_not_send_us_to_services_of_this_machine() {
    for place in ["http://127.0.0.1:8080/admin", "http://169.254.169.254/latest", "http://login.example.com/jwks"] {
        let client = Scripted::default();
        client.answer(200, format!(r#"{{"issuer":"{ISSUER}","jwks_uri":"{place}"}}"#));
        let keys = RemoteKeySet::discover(ISSUER).client(client.clone());
        let _auth = authenticator(&keys);
        let error = keys.ready().await.unwrap_err();
        assert!(matches!(error.first(), FetchError::Insecure), "{place}: {error}");
        assert!(client.asked().iter().all(|address| address.starts_with(ISSUER)), "{:?}", client.asked());
    }
}

fn single() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn another_runtime_takes_over_from_one_that_has_ended() {
    let key = Key::new("k");
    let client = publishing(&[&key]);
    let keys = keys(&client);
    let token = key.token(ISSUER);
    let first = single();
    let auth = first.block_on(async {
        let auth = authenticator(&keys);
        keys.ready().await.unwrap();
        auth
    });
    assert_eq!(at_once(&auth, &token), Some(200));
    drop(first);
    // Nobody looks after the keys, and here nobody could.
    assert_eq!(at_once(&auth, &token), Some(503));
    assert!(matches!(keys.status().error, Some(FetchError::Stopped)));
    for _ in 0..3 {
        single().block_on(async {
            let soon = timeout(30 * SECOND, status(&auth, &token)).await;
            assert_eq!(soon.expect("nobody waits for ever"), 200);
        });
    }
}

#[test]
fn a_runtime_that_is_gone_is_no_trap_for_who_begins_on_it() {
    let key = Key::new("k");
    let client = publishing(&[&key]);
    let runtime = single();
    let handle = runtime.handle().clone();
    drop(runtime);
    let _inside = handle.enter();
    let auth = authenticator(&keys(&client));
    assert_eq!(at_once(&auth, &key.token(ISSUER)), Some(503));
    assert_eq!(client.count(), 0);
}

/// One request makes a fetch begin; while it is under way, or as it ends, a key is published and its first token comes. All
/// the interleavings are there that a machine happens to make, thousands of times.
#[test]
fn who_waits_is_always_woken_and_never_for_a_fetch_that_was_before_him() {
    let (base, new, junk) = (Key::new("base"), Key::new("new"), Key::new("junk").token(ISSUER));
    let (without, with) = (jwks([&base]), jwks([&base, &new]));
    let new = new.token(ISSUER);
    let client = publishing(&[&base]);
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let keys = keys(&client).cool_down(Duration::ZERO);
    let auth = runtime.block_on(async {
        let auth = authenticator(&keys);
        keys.ready().await.unwrap();
        auth
    });
    let answered = |token: &str| {
        let answer = runtime.handle().block_on(async { timeout(30 * SECOND, status(&auth, token)).await });
        answer.expect("nobody waits for what has been")
    };
    for round in 0..4000u32 {
        client.answer(200, without.clone());
        assert_eq!(answered(&junk), 401);
        let start = Barrier::new(2);
        thread::scope(|scope| {
            scope.spawn(|| {
                start.wait();
                answered(&junk)
            });
            start.wait();
            // A little later every time, over and over.
            for _ in 0..(round % 200) * 20 {
                std::hint::spin_loop();
            }
            client.answer(200, with.clone());
            assert_eq!(answered(&new), 200, "round {round}");
        });
    }
    assert_eq!(client.most_at_once(), 1);
}

/// The same where nobody comes afterwards who would make another fetch begin: a wake-up that is missed is missed for
/// minutes.
#[test]
fn who_comes_as_a_fetch_ends_is_not_forgotten() {
    let junk = Key::new("junk").token(ISSUER);
    let client = publishing(&[&Key::new("base")]);
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let keys = keys(&client).cool_down(Duration::from_millis(1));
    let auth = runtime.block_on(async {
        let auth = authenticator(&keys);
        keys.ready().await.unwrap();
        auth
    });
    let answered = || {
        let answer = runtime.handle().block_on(async { timeout(30 * SECOND, status(&auth, &junk)).await });
        // 503 where the next fetch is asked for at the moment of the answer.
        assert!(matches!(answer.expect("nobody waits for what has been"), 401 | 503));
    };
    for round in 0..2000u32 {
        thread::sleep(Duration::from_millis(2));
        let start = Barrier::new(3);
        thread::scope(|scope| {
            for late in [0, 1, 2] {
                let (start, answered) = (&start, &answered);
                scope.spawn(move || {
                    start.wait();
                    for _ in 0..late * (round % 200) * 10 {
                        std::hint::spin_loop();
                    }
                    answered();
                });
            }
        });
    }
    assert_eq!(client.most_at_once(), 1);
}

/// What can happen to a service and to its provider.
#[derive(Debug, Clone)]
enum Event {
    /// The provider publishes a key more, or one less.
    Publish(usize),
    Withdraw(usize),
    /// What the provider answers: 200 or not, so many milliseconds before and after it looks at its keys.
    Status(u16),
    Slow(u64, u64),
    /// A request with a token of that key.
    Request(usize),
    /// So many milliseconds pass.
    Pass(u64),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        2 => (0..4usize).prop_map(Event::Publish),
        1 => (0..4usize).prop_map(Event::Withdraw),
        1 => prop_oneof![Just(200u16), Just(200), Just(500), Just(404)].prop_map(Event::Status),
        1 => (0..3000u64, 0..3000u64).prop_map(|(before, after)| Event::Slow(before, after)),
        5 => (0..5usize).prop_map(Event::Request),
        3 => prop_oneof![0..200u64, 0..8000u64, 0..200_000u64].prop_map(Event::Pass),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// Whatever happens in whatever order: one fetch at a time, never more often than the cool-down allows, nobody waits
    /// longer than two fetches and a cool-down, and no key is taken that has not been published for too long.
    #[test]
    fn what_holds_in_every_order_of_events(events in prop::collection::vec(event(), 1..60)) {
        let all: Vec<Key> = (0..5).map(|n| Key::new(&format!("k{n}"))).collect();
        let runtime = Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let client = Scripted::default();
            let mut published = vec![0];
            let set = |published: &[usize]| jwks(published.iter().map(|n| &all[*n]));
            let mut code = 200;
            client.answer(code, set(&published));
            // Longest trust without news: lifetime and outage.
            let keys = keys(&client)
                .lifetime(MINUTE, MINUTE, MINUTE)
                .stale_if_error(MINUTE)
                .cool_down(5 * SECOND)
                .timeout(4 * SECOND);
            let auth = authenticator(&keys);
            let mut withdrawn: Vec<Option<Instant>> = vec![None; 5];
            let mut waiting = Vec::new();
            for event in events {
                match event {
                    Event::Publish(n) => {
                        if !published.contains(&n) {
                            published.push(n);
                        }
                        withdrawn[n] = None;
                        client.answer(code, set(&published));
                    }
                    Event::Withdraw(n) => {
                        if published.contains(&n) {
                            published.retain(|other| *other != n);
                            withdrawn[n] = Some(Instant::now());
                        }
                        client.answer(code, set(&published));
                    }
                    Event::Status(status) => {
                        code = status;
                        client.answer(code, set(&published));
                    }
                    Event::Slow(before, after) => {
                        client.take(Duration::from_millis(before), Duration::from_millis(after));
                    }
                    Event::Request(n) => {
                        let token = all[n].token(ISSUER);
                        let usable = keys.status().is_usable();
                        match auth.outcome(&request(&token)).map(Outcome::result) {
                            Ok(Ok(_)) => {
                                let too_old = withdrawn[n].is_some_and(|at| at.elapsed() > 2 * MINUTE + 10 * SECOND);
                                assert!(usable && !too_old, "a key that was withdrawn long ago");
                                assert!(n < 4, "a key that was never published");
                            }
                            Ok(Err(error)) => {
                                let status = auth.answer(&error).status.as_u16();
                                assert!(status == 503 || (status == 401 && usable), "{status} with keys: {usable}");
                            }
                            Err(pending) => waiting.push(tokio::spawn(async move {
                                let begun = Instant::now();
                                let answered = pending.await;
                                (begun.elapsed(), answered.result().is_ok())
                            })),
                        }
                    }
                    Event::Pass(time) => sleep(Duration::from_millis(time)).await,
                }
                yield_now().await;
            }
            for task in waiting {
                let (time, _) = task.await.unwrap();
                assert!(time <= 14 * SECOND, "somebody waited for {time:?}");
            }
            assert!(client.most_at_once() <= 1);
            // Failures are tried again after a second at the earliest, everything else after the cool-down or later.
            let begun = client.begun();
            for pair in begun.windows(2) {
                assert!(pair[1] - pair[0] >= Duration::from_millis(800), "{:?}", pair[1] - pair[0]);
            }
            // And once everything is well again, so are we.
            client.take(Duration::ZERO, Duration::ZERO);
            client.answer(200, set(&[0, 1, 2, 3, 4]));
            advance(Duration::ZERO).await;
            sleep(2 * MINUTE).await;
            for key in &all {
                assert_eq!(at_once(&auth, &key.token(ISSUER)), Some(200));
            }
        });
    }
}
