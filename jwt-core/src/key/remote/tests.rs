//! What a key set that is fetched does for requests: who waits for what, how often anything is fetched, what is shown.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use tokio::time::{Instant, sleep};

use super::*;
use crate::Authenticator;
use crate::adapter::ClientAddress;
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
    fn fetch(&self, _: http::Request<()>, _: usize) -> Fetching<'_> {
        Box::pin(async {
            let (set, takes) = self.with(|script| {
                script.begun.push_back(Instant::now());
                (script.set.clone(), script.takes)
            });
            if !takes.is_zero() {
                sleep(takes).await;
            }
            let set = set.ok_or_else(|| FetchError::transport(std::io::Error::other("nobody there")))?;
            Ok(http::Response::new(set.into_bytes()))
        })
    }
}

/// A key that signs by ES256, with its public half as a JWK.
fn key(kid: &str) -> (SigningKey, serde_json::Value) {
    let key = SigningKey::generate(Algorithm::ES256).unwrap().with_kid(kid);
    let mut jwk = serde_json::to_value(PublicJwk::of(&key).unwrap()).unwrap();
    jwk["kid"] = kid.into();
    (key, jwk)
}

/// A token that differs from every other one by `number`.
fn token(key: &SigningKey, number: usize) -> String {
    key.sign(&serde_json::json!({"jti": number.to_string(), "exp": 4_000_000_000_u64})).unwrap()
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
    request.extensions_mut().extend(client.map(ClientAddress).into_iter().fold(
        http::Extensions::new(),
        |mut all, one| {
            all.insert(one);
            all
        },
    ));
    let outcome = |outcome: crate::adapter::Outcome<()>| outcome.result().map(drop);
    auth.authenticate(&request).outcome().map(outcome).map_err(|pending| async move { outcome(pending.await) })
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
    fn fetch(&self, _: http::Request<()>, _: usize) -> Fetching<'_> {
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
        let twice = set(twice.clone(), second).on_demand(second);
        assert_eq!(twice.start().unwrap_err(), error);
        let built = Authenticator::<()>::builder().keys(set(set(new(), second), second)).any_audience().build();
        assert_eq!(built.unwrap_err(), error.into());
    }
}
/// A client that says in its errors what it was asked for, as many do.
struct Quoting;

impl Fetch for Quoting {
    fn fetch(&self, request: http::Request<()>, _: usize) -> Fetching<'_> {
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
            shown += &format!("{cause} {cause:?}");
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
    let future = serde_json::json!({"kty": "AKP", "kid": "future"});
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
