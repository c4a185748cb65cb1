//! What a key set that is fetched does for requests: who waits for what, how often anything is fetched, what is shown.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use proptest::prelude::*;
use tokio::time::{Instant, sleep};

use super::*;
use crate::Authenticator;
use crate::adapter::ClientAddress;
use crate::base64url;
use crate::error::{AuthError, TokenError, Unavailable};
use crate::key::public_jwk::PublicJwk;
use crate::key::{Fetching, KeyError, SigningKey};

const SECOND: Duration = Duration::from_secs(1);

/// A provider whose answers are out of memory and take as long as a test says. Clones share everything.
#[derive(Clone, Default)]
struct Provider(Arc<Mutex<Script>>);

#[derive(Default)]
struct Script {
    /// The set; none while the provider is down.
    set: Option<String>,
    takes: Duration,
    begun: VecDeque<Instant>,
    /// The last set that was sent.
    served: Option<String>,
}

impl Provider {
    fn publishing(keys: &[&serde_json::Value]) -> Self {
        let provider = Self::default();
        provider.publish(keys);
        provider
    }

    fn with<T>(&self, change: impl FnOnce(&mut Script) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn publish(&self, keys: &[&serde_json::Value]) {
        self.with(|script| script.set = Some(serde_json::json!({ "keys": keys }).to_string()));
    }

    fn fetches(&self) -> usize {
        self.with(|script| script.begun.len())
    }
}

impl Fetch for Provider {
    fn fetch(&self, _: http::Request<Vec<u8>>, _: usize) -> Fetching<'_> {
        Box::pin(async {
            let (set, takes) = self.with(|script| {
                script.begun.push_back(Instant::now());
                (script.set.clone(), script.takes)
            });
            if !takes.is_zero() {
                sleep(takes).await;
            }
            let set = set.ok_or_else(|| FetchError::transport(std::io::Error::other("nobody there")))?;
            self.with(|script| script.served = Some(set.clone()));
            Ok(http::Response::new(set.into_bytes()))
        })
    }
}

/// A key that signs by ES256, with its public half as a JWK.
fn key(kid: &str) -> (SigningKey, serde_json::Value) {
    key_for(Algorithm::ES256, kid)
}

fn key_for(algorithm: Algorithm, kid: &str) -> (SigningKey, serde_json::Value) {
    let key = SigningKey::generate(algorithm).unwrap().with_kid(kid);
    let mut jwk = serde_json::to_value(PublicJwk::of(&key).unwrap()).unwrap();
    jwk["kid"] = kid.into();
    (key, jwk)
}

/// A token that differs from every other one by `number`.
fn token(key: &SigningKey, number: usize) -> String {
    key.sign(&serde_json::json!({"jti": number.to_string(), "exp": 4_000_000_000_u64})).unwrap()
}

/// The same of somebody who has no key, with the name of one.
fn forged(kid: &str, number: usize) -> String {
    let [header, claims] = [format!(r#"{{"alg":"ES256","kid":"{kid}"}}"#), format!(r#"{{"jti":"{number}"}}"#)];
    [header.as_bytes(), claims.as_bytes(), &[1; 64]].map(base64url::encode).join(".")
}

async fn started(keys: &RemoteKeySet) -> Authenticator<()> {
    let auth = Authenticator::builder().keys(keys).any_audience().build().unwrap();
    keys.ready().await.unwrap();
    auth
}

fn keys(provider: &Provider) -> RemoteKeySet {
    RemoteKeySet::jwks("https://login.example.com/jwks").client(provider.clone())
}

type Answer = Result<(), AuthError>;

/// The answer, or what to wait for.
fn begin(
    auth: &Authenticator<()>,
    token: &str,
    client: Option<IpAddr>,
) -> Result<Answer, impl Future<Output = Answer> + use<>> {
    let mut request = http::Request::get("/").header("authorization", format!("Bearer {token}")).body(()).unwrap();
    if let Some(client) = client {
        request.extensions_mut().insert(ClientAddress(client));
    }
    let outcome = |outcome: crate::adapter::Outcome<()>| outcome.result().map(drop);
    auth.outcome(&request).map(outcome).map_err(|pending| async move { outcome(pending.await) })
}

async fn ask(auth: &Authenticator<()>, token: &str) -> Answer {
    match begin(auth, token, None) {
        Ok(answer) => answer,
        Err(pending) => pending.await,
    }
}

fn at_once(auth: &Authenticator<()>, token: &str) -> Option<Answer> {
    begin(auth, token, None).ok()
}

/// 200, 401, or 503 with when to come back.
fn status(answer: &Answer) -> u16 {
    match answer {
        Ok(()) => 200,
        Err(AuthError::InvalidToken(_)) => 401,
        Err(AuthError::Unavailable(Unavailable::Keys { retry_after })) => {
            assert!(*retry_after >= SECOND && *retry_after <= 15 * SECOND, "{retry_after:?}");
            503
        }
        Err(other) => panic!("{other}"),
    }
}

struct Nobody;

impl Fetch for Nobody {
    fn fetch(&self, _: http::Request<Vec<u8>>, _: usize) -> Fetching<'_> {
        Box::pin(async { Err(FetchError::Stopped) })
    }
}

#[tokio::test]
async fn a_setting_that_is_given_twice_is_an_error() {
    let second = Duration::from_secs(1);
    type Setting = (&'static str, fn(RemoteKeySet, Duration) -> RemoteKeySet);
    let settings: [Setting; 9] = [
        ("algorithms", |keys, _| keys.algorithms([Algorithm::ES256])),
        ("lifetime", |keys, time| keys.lifetime(time, time, time)),
        ("stale_if_error", RemoteKeySet::stale_if_error),
        ("cool_down", RemoteKeySet::cool_down),
        ("timeout", RemoteKeySet::timeout),
        ("connect_timeout", RemoteKeySet::connect_timeout),
        ("max_bytes", |keys, _| keys.max_bytes(1000)),
        ("max_keys", |keys, _| keys.max_keys(10)),
        ("client", |keys, _| keys.client(Nobody)),
    ];
    let new = || RemoteKeySet::jwks("https://login.example.com/jwks");
    let all = settings.iter().fold(new(), |keys, (_, set)| set(keys, second));
    assert!(all.start().is_ok(), "each of them once");
    for (setting, set) in settings {
        let twice = set(set(new(), second), second);
        let error = twice.start().unwrap_err();
        assert_eq!(error, RemoteKeySetBuildError::SetTwice { setting });
        assert!(error.to_string().contains(&format!("`.{setting}(…)`")), "{error}");
        assert_eq!(set(all.clone(), second).start().unwrap_err(), error, "on a clone, too");
        // What comes between does not make up for it, and an authenticator is not built.
        let twice = set(twice.clone(), second).on_demand(OnDemand { longest_pause: second, turns: None, places: None });
        assert_eq!(twice.start().unwrap_err(), error);
        let built = Authenticator::<()>::builder().keys(set(set(new(), second), second)).any_audience().build();
        assert_eq!(built.unwrap_err(), error.into());
    }
}
/// A client that says in its errors what it was asked for, as many do.
struct Quoting;

impl Fetch for Quoting {
    fn fetch(&self, request: http::Request<Vec<u8>>, _: usize) -> Fetching<'_> {
        let said = format!("{}: no route to host", request.uri());
        Box::pin(async { Err(FetchError::transport(std::io::Error::other(said))) })
    }
}

#[tokio::test]
async fn a_key_in_the_query_of_an_address_is_never_shown() {
    // Nothing listens at the discard port.
    let address = "http://127.0.0.1:9/jwks?key=hunter2&v=1";
    for keys in [RemoteKeySet::jwks(address), RemoteKeySet::jwks(address).client(Quoting)] {
        let auth = Authenticator::<()>::builder().keys(&keys).any_audience().build().unwrap();
        let error = keys.ready().await.unwrap_err();
        let status = keys.status();
        assert_eq!(status.origin, "http://127.0.0.1:9/jwks");
        assert!(error.to_string().contains("http://127.0.0.1:9/jwks"), "{error}");
        let mut source = std::error::Error::source(&error);
        let mut shown = format!("{error} {error:?} {status:?} {keys:?} {auth:?}");
        while let Some(cause) = source {
            shown.extend([cause.to_string(), format!("{cause:?}")]);
            source = cause.source();
        }
        assert!(!shown.contains("hunter2") && !shown.contains("key="), "{shown}");
    }
    for address in ["http://u:hunter2@127.0.0.1:9/?key=hunter2", "http://a.example/?key=hunter2"] {
        let jwks = RemoteKeySet::jwks(address);
        let issuer = RemoteKeySet::discover(address);
        for keys in [jwks, issuer] {
            let builder = Authenticator::<()>::builder().keys(&keys).any_audience().issuer("https://a.example");
            let shown = format!("{:?} {keys:?} {:?}", builder.build().unwrap_err(), keys.status());
            assert!(!shown.contains("hunter2"), "{shown}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_that_names_a_key_which_cannot_be_used_is_refused_at_once() {
    let ((good, good_jwk), (enc, mut enc_jwk)) = (key("good"), key("enc"));
    enc_jwk["use"] = "enc".into();
    let future = serde_json::json!({"kty": "KTY", "kid": "future"});
    let provider = Provider::publishing(&[&good_jwk, &enc_jwk, &future]);
    let keys = keys(&provider);
    let auth = started(&keys).await;
    for pause in [0, 1, 60] {
        sleep(pause * SECOND).await;
        for n in 0..10 {
            let answer = at_once(&auth, &token(&enc, n)).expect("nothing is waited for").unwrap_err();
            let AuthError::InvalidToken(TokenError::UnusableKey(reason)) = &answer else { panic!("{answer}") };
            assert_eq!(*reason, KeyError::NotForVerification);
            assert!(answer.to_string().contains("`use` or `key_ops`"), "the log says why: {answer}");
            let answer = at_once(&auth, &token(&enc.clone().with_kid("future"), n)).unwrap();
            assert!(matches!(answer, Err(AuthError::InvalidToken(TokenError::UnusableKey(KeyError::Unsupported)))));
            assert!(matches!(at_once(&auth, &token(&good, n)), Some(Ok(()))));
        }
    }
    assert_eq!((provider.fetches(), keys.status().skipped), (1, 2));
}

const COOL_DOWN: Duration = Duration::from_secs(5);

#[tokio::test(start_paused = true)]
async fn junk_makes_no_401_of_a_token_whose_key_was_just_published() {
    let ((old, old_jwk), (new, new_jwk)) = (key("old"), key("new"));
    // The stranger may even know what the next key is called.
    for kid in ["junk", "new"] {
        let provider = Provider::publishing(&[&old_jwk]);
        let auth = started(&keys(&provider)).await;
        sleep(60 * SECOND).await;
        assert_eq!(status(&ask(&auth, &forged(kid, 0)).await), 401, "known to be no key");
        provider.publish(&[&old_jwk, &new_jwk]);
        let (published, fetches) = (Instant::now(), provider.fetches());
        let good = token(&new, 0);
        let answer = at_once(&auth, &good).unwrap();
        let Err(AuthError::Unavailable(Unavailable::Keys { retry_after })) = answer else { panic!("{answer:?}") };
        assert!(retry_after <= COOL_DOWN);
        for n in 1..100 {
            assert_eq!(status(&ask(&auth, &forged(kid, n)).await), 503, "it is not known");
            assert_eq!(status(&at_once(&auth, &token(&old, n)).unwrap()), 200);
        }
        assert_eq!(provider.fetches(), fetches);
        // Whoever comes back when he was told to is served.
        sleep(retry_after).await;
        assert_eq!(status(&ask(&auth, &good).await), 200);
        assert!(published.elapsed() <= COOL_DOWN && provider.fetches() == fetches + 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_that_was_looked_up_is_refused_without_another_look_for_a_while() {
    let ((known, jwk), (stranger, _)) = (key("known"), key("junk"));
    let provider = Provider::publishing(&[&jwk]);
    let keys = keys(&provider);
    let auth = started(&keys).await;
    sleep(60 * SECOND).await;
    let (junk, other) = (token(&stranger, 0), token(&stranger, 1));
    assert_eq!(status(&ask(&auth, &junk).await), 401);
    for _ in 0..3 {
        assert_eq!(at_once(&auth, &junk).map(|answer| status(&answer)), Some(401));
        assert_eq!(at_once(&auth, &other).map(|answer| status(&answer)), Some(503));
    }
    assert_eq!((provider.fetches(), keys.status().cool_downs), (2, 6));
    // Asked for, the next fetch comes at the end of the cool-down, whoever is there by then.
    sleep(COOL_DOWN + SECOND / 10).await;
    assert_eq!(provider.fetches(), 3);
    assert_eq!(status(&ask(&auth, &token(&known, 0)).await), 200);
    // Half a token in common is not the same token.
    let (message, signature) = (junk.rsplit_once('.').unwrap().0, other.rsplit_once('.').unwrap().1);
    assert_ne!(at_once(&auth, &format!("{message}.{signature}")).map(|answer| status(&answer)), Some(401));
}

#[tokio::test(start_paused = true)]
async fn junk_of_one_client_costs_another_one_no_more_than_some_waiting() {
    let ((old, old_jwk), (new, new_jwk)) = (key("old"), key("new"));
    let provider = Provider::publishing(&[&old_jwk]);
    provider.with(|script| script.takes = SECOND / 10);
    let auth = started(&keys(&provider)).await;
    let [evil, good] = ["2001:db8::1", "10.0.0.1"].map(|address| Some(address.parse::<IpAddr>().unwrap()));
    let evil_too = Some("2001:db8::ff:1".parse().unwrap());
    sleep(60 * SECOND).await;
    let first: Vec<_> = (0..2000).filter_map(|n| begin(&auth, &forged("junk", n), evil).err()).collect();
    assert_eq!(first.len(), 64, "one client holds so many requests at most");
    for pending in first {
        assert_eq!(status(&pending.await), 401);
    }
    let fetches = provider.fetches();
    provider.publish(&[&old_jwk, &new_jwk]);
    for n in 2000..2100 {
        for client in [evil, evil_too] {
            assert_eq!(begin(&auth, &forged("junk", n), client).ok().map(|answer| status(&answer)), Some(503));
        }
    }
    let waits = begin(&auth, &token(&new, 0), good).expect_err("it is another client");
    let begun = Instant::now();
    assert_eq!(status(&waits.await), 200);
    assert!(begun.elapsed() <= COOL_DOWN + SECOND / 10 && provider.fetches() == fetches + 1);
    assert_eq!(status(&at_once(&auth, &token(&old, 0)).unwrap()), 200);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_known_is_503_where_nothing_can_wait_and_where_the_next_fetch_is_far_off() {
    let ((_, old_jwk), (new, new_jwk)) = (key("old"), key("new"));
    let provider = Provider::publishing(&[&old_jwk]);
    let auth = started(&keys(&provider).cool_down(3600 * SECOND)).await;
    provider.publish(&[&old_jwk, &new_jwk]);
    let answer = at_once(&auth, &token(&new, 0)).expect("nobody waits for an hour");
    assert!(matches!(answer, Err(AuthError::Unavailable(Unavailable::Keys { .. }))));
    let auth = started(&keys(&provider)).await;
    let (next, next_jwk) = key("next");
    provider.publish(&[&next_jwk]);
    // `verify` does not wait, and still has the keys fetched.
    let answer = auth.verifier().verify(token(&next, 0)).map(drop);
    assert_eq!(status(&answer), 503);
    sleep(COOL_DOWN + SECOND / 10).await;
    assert_eq!(status(&auth.verifier().verify(token(&next, 0)).map(drop)), 200);
}

#[tokio::test(start_paused = true)]
async fn an_algorithm_that_no_key_of_the_set_is_used_with_causes_no_fetch() {
    let (_, jwk) = key("known");
    let secret = SigningKey::secret(Algorithm::HS256, [7; 32]).unwrap().with_kid("junk");
    let provider = Provider::publishing(&[&jwk]);
    let auth = started(&keys(&provider)).await;
    let only_384 = Provider::publishing(&[&jwk]);
    let restricted = Authenticator::builder().keys(keys(&only_384).algorithms([Algorithm::ES384])).any_audience();
    let restricted: Authenticator<()> = restricted.build().unwrap();
    sleep(60 * SECOND).await;
    assert_eq!(status(&at_once(&auth, &token(&secret, 0)).unwrap()), 401);
    assert_eq!(provider.fetches(), 1);
    // None of its keys is used, so that there are none.
    assert_eq!(status(&ask(&restricted, &token(&secret, 0)).await), 503);
}

#[tokio::test(start_paused = true)]
async fn another_key_under_the_name_of_a_known_one_is_found_by_the_first_token_of_it() {
    let (other, other_jwk) = key("other");
    // Of the same kind, and of another one.
    let edwards = || key_for(Algorithm::EdDSA, "k");
    for (before, after) in [(key("k"), key("k")), (key("k"), edwards()), (edwards(), key("k"))] {
        // At once after a fetch, and long after one.
        for pause in [0, 60] {
            let provider = Provider::publishing(&[&before.1, &other_jwk]);
            provider.with(|script| script.takes = SECOND / 10);
            let auth = started(&keys(&provider)).await;
            sleep(pause * SECOND).await;
            assert_eq!(status(&at_once(&auth, &token(&before.0, 0)).unwrap()), 200);
            provider.publish(&[&after.1, &other_jwk]);
            let begun = Instant::now();
            let waits = begin(&auth, &token(&after.0, 0), None).expect_err("it is looked for");
            assert_eq!(status(&at_once(&auth, &token(&other, 0)).unwrap()), 200, "nobody else waits");
            assert_eq!(status(&waits.await), 200);
            assert!(begun.elapsed() <= COOL_DOWN + SECOND / 5 && provider.fetches() == 2);
            assert_eq!(status(&at_once(&auth, &token(&after.0, 1)).unwrap()), 200);
            assert_eq!(status(&ask(&auth, &token(&before.0, 0)).await), 401);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn forged_tokens_cause_one_fetch_per_cool_down_and_are_refused_and_disturb_nobody() {
    let ((known, jwk), (other, other_jwk), (next, next_jwk)) = (key("known"), key("other"), key("next"));
    let provider = Provider::publishing(&[&jwk, &other_jwk]);
    provider.with(|script| script.takes = SECOND / 10);
    let auth = started(&keys(&provider)).await;
    sleep(60 * SECOND).await;
    for round in 0..3 {
        let fetches = provider.fetches();
        let mut waiting = Vec::new();
        for n in 0..2000 {
            match begin(&auth, &forged("known", 10_000 * round + n), None) {
                Ok(answer) => assert_eq!(status(&answer), 401),
                Err(pending) => waiting.push(tokio::spawn(pending)),
            }
            if n % 200 == 0 {
                for good in [&known, &other] {
                    assert_eq!(status(&at_once(&auth, &token(good, 0)).expect("it is known")), 200);
                }
            }
        }
        assert!(waiting.len() <= 1024, "{} requests are held", waiting.len());
        let begun = Instant::now();
        for pending in waiting {
            assert_eq!(status(&pending.await.unwrap()), 401);
        }
        assert!(begun.elapsed() < SECOND && provider.fetches() == fetches + 1, "one fetch for all of them");
        for n in 2000..2100 {
            let answer = at_once(&auth, &forged("known", 10_000 * round + n)).expect("nobody waits twice");
            assert_eq!(status(&answer), 401);
        }
        // A key that is published in the meantime is told apart from them.
        if round == 0 {
            provider.publish(&[&jwk, &other_jwk, &next_jwk]);
            assert_eq!(status(&at_once(&auth, &token(&next, 0)).unwrap()), 503);
        }
        sleep(COOL_DOWN + SECOND / 2).await;
        assert_eq!(status(&at_once(&auth, &token(&next, 0)).unwrap()), 200);
        sleep(COOL_DOWN).await;
    }
    // Forgeries that name no key are refused as ever, and so are those for a key that no provider has.
    let fetches = provider.fetches();
    let nameless = SigningKey::generate(Algorithm::ES256).unwrap();
    let secret = SigningKey::secret(Algorithm::HS256, [7; 32]).unwrap().with_kid("known");
    for forger in [&nameless, &secret] {
        assert_eq!(status(&at_once(&auth, &token(forger, 0)).unwrap()), 401);
    }
    let fixed = Authenticator::<()>::builder().keys(known.verifying_key()).any_audience().build().unwrap();
    assert_eq!(status(&at_once(&fixed, &forged("known", 0)).unwrap()), 401);
    assert_eq!(provider.fetches(), fetches);
}

#[tokio::test(start_paused = true)]
async fn while_the_provider_fails_forged_tokens_are_refused_at_once() {
    let ((known, jwk), (forger, forged_jwk)) = (key("known"), key("known"));
    let provider = Provider::publishing(&[&jwk]);
    provider.with(|script| script.takes = SECOND);
    let auth = started(&keys(&provider)).await;
    provider.with(|script| script.set = None);
    sleep(60 * SECOND).await;
    // The first one is what finds out.
    assert_eq!(status(&ask(&auth, &token(&forger, 0)).await), 401);
    for n in 1..100 {
        sleep(SECOND / 3).await;
        assert_eq!(status(&at_once(&auth, &token(&forger, n)).expect("nobody waits for the provider")), 401);
        assert_eq!(status(&at_once(&auth, &token(&known, n)).unwrap()), 200);
    }
    // They have it asked for again all the same, as often as it may be.
    provider.publish(&[&forged_jwk]);
    assert_eq!(status(&at_once(&auth, &token(&forger, 0)).unwrap()), 401);
    // A fetch that is under way already may be too early for that, and then another one follows.
    sleep(COOL_DOWN + 2 * SECOND).await;
    assert_eq!(status(&at_once(&auth, &token(&forger, 0)).unwrap()), 200);
}

#[tokio::test(start_paused = true)]
async fn forged_tokens_of_one_client_do_not_refuse_the_first_token_of_another() {
    let ((_, jwk), (after, after_jwk), (forger, _)) = (key("k"), key("k"), key("k"));
    let provider = Provider::publishing(&[&jwk]);
    let auth = started(&keys(&provider)).await;
    let [evil, good] = ["10.0.0.1", "10.0.0.2"].map(|address| Some(address.parse::<IpAddr>().unwrap()));
    sleep(60 * SECOND).await;
    assert_eq!(status(&begin(&auth, &token(&forger, 0), evil).err().unwrap().await), 401);
    provider.publish(&[&after_jwk]);
    for n in 1..100 {
        assert_eq!(begin(&auth, &token(&forger, n), evil).ok().map(|answer| status(&answer)), Some(401));
    }
    assert_eq!(status(&begin(&auth, &token(&after, 0), good).err().unwrap().await), 200);
}

/// What happens to a service and to its provider.
#[derive(Debug, Clone)]
enum Event {
    /// The provider publishes this key, or withdraws it.
    Publish(usize),
    Withdraw(usize),
    /// It answers after so many milliseconds, or not at all.
    Takes(u64),
    Down(bool),
    /// Tokens of strangers with the name of a key or another one, from a known place or not. They wait for the answer, or
    /// hang up.
    Strangers {
        name: usize,
        number: usize,
        client: Option<u8>,
        patient: bool,
    },
    /// A token of that key, from a known place or not.
    Good(usize, Option<u8>),
    /// So many milliseconds pass.
    Pass(u64),
}

fn event() -> impl Strategy<Value = Event> {
    let client = || prop::option::of(0..3u8);
    prop_oneof![
        3 => (0..4usize).prop_map(Event::Publish),
        1 => (0..4usize).prop_map(Event::Withdraw),
        1 => (0..3000u64).prop_map(Event::Takes),
        1 => any::<bool>().prop_map(Event::Down),
        6 => (0..6usize, 1..30usize, client(), any::<bool>())
            .prop_map(|(name, number, client, patient)| Event::Strangers { name, number, client, patient }),
        6 => (0..4usize, client()).prop_map(|(key, client)| Event::Good(key, client)),
        3 => prop_oneof![0..200u64, 0..8000u64, 0..100_000u64].prop_map(Event::Pass),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// The law: whatever strangers send, with the names of keys that are known, unknown or not yet published, a token of a
    /// published key is good, or answered with 503 and when to come back, for a bounded time; known keys never wait; and
    /// keys are fetched no more often than the cool-down allows.
    #[test]
    fn whatever_strangers_send_good_tokens_are_good(events in prop::collection::vec(event(), 1..50)) {
        let all: Vec<_> = (0..4).map(|n| key(&format!("k{n}"))).collect();
        let address = |client: Option<u8>| client.map(|client| IpAddr::from([10, 0, 0, client]));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let provider = Provider::default();
            let mut published = vec![0];
            let set = |published: &[usize]| serde_json::json!({"keys": published.iter().map(|n| &all[*n].1).collect::<Vec<_>>()}).to_string();
            provider.with(|script| script.set = Some(set(&published)));
            let keys = keys(&provider).lifetime(60 * SECOND, 60 * SECOND, 60 * SECOND).timeout(4 * SECOND);
            let auth = started(&keys).await;
            let (mut is_down, mut was_down, mut takes, mut numbers) = (false, false, Duration::ZERO, 0_usize..);
            let mut waiting = Vec::new();
            for event in events {
                match event {
                    Event::Publish(n) if !published.contains(&n) => published.push(n),
                    Event::Withdraw(n) => published.retain(|other| *other != n || *other == 0),
                    Event::Takes(time) => takes = Duration::from_millis(time),
                    Event::Down(down) => (is_down, was_down) = (down, was_down || down),
                    Event::Strangers { name, number, client, patient } => {
                        for number in numbers.by_ref().take(number) {
                            match begin(&auth, &forged(&format!("k{name}"), number), address(client)) {
                                Ok(answer) => assert_ne!(status(&answer), 200),
                                Err(pending) if patient => waiting.push(tokio::spawn(pending)),
                                Err(pending) => drop(pending),
                            }
                        }
                    }
                    Event::Good(n, client) => {
                        // One that was refused before the key was published stays so for a while, strangers or not.
                        let (begun, good) = (Instant::now(), token(&all[n].0, numbers.next().unwrap()));
                        let is_known = provider.with(|script| {
                            // What was sent last has arrived where no fetch is under way.
                            let arrived = script.begun.back().is_none_or(|begun| begun.elapsed() > 4 * SECOND);
                            arrived && script.served.as_ref().is_some_and(|set| set.contains(&format!("\"k{n}\"")))
                        });
                        let mut answer = match begin(&auth, &good, address(client)) {
                            Ok(answer) => answer,
                            Err(pending) => {
                                assert!(!is_known || !keys.status().is_usable(), "a known key waits");
                                pending.await
                            }
                        };
                        if !published.contains(&n) {
                            continue;
                        }
                        // Whoever is told to come back does, and so do the strangers.
                        while status(&answer) == 503 && !is_down {
                            let Err(AuthError::Unavailable(Unavailable::Keys { retry_after })) = answer else { panic!() };
                            assert!(was_down || retry_after <= COOL_DOWN, "{retry_after:?}");
                            sleep(retry_after).await;
                            for number in numbers.by_ref().take(3) {
                                drop(begin(&auth, &forged("k5", number), address(client)));
                            }
                            answer = ask(&auth, &good).await;
                            let bound = if was_down { 70 * SECOND } else { COOL_DOWN + 2 * 4 * SECOND };
                            assert!(begun.elapsed() <= bound, "{:?}", begun.elapsed());
                        }
                        assert_ne!(status(&answer), 401, "k{n}");
                        assert!(status(&answer) == 200 || is_down);
                    }
                    Event::Pass(time) => sleep(Duration::from_millis(time)).await,
                    Event::Publish(_) => {}
                }
                provider.with(|script| {
                    script.set = (!is_down).then(|| set(&published));
                    script.takes = takes;
                });
            }
            for stranger in waiting {
                assert_ne!(status(&stranger.await.unwrap()), 200);
            }
            // After a failure it is tried again soon.
            let least = if was_down { SECOND * 4 / 5 } else { COOL_DOWN };
            provider.with(|script| {
                for (one, next) in script.begun.iter().zip(script.begun.iter().skip(1)) {
                    assert!(*next - *one >= least, "{:?}", *next - *one);
                }
            });
        });
    }
}
