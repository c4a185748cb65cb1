//! Proofs of possession that every instance has to know: each is good once, on whichever of them, on every store.

#![expect(clippy::unwrap_used, reason = "all of this file is tests")]

use std::sync::Arc;
use std::time::Duration;

use jwt_core::binding::{Dpop, DpopKey};
use jwt_core::clock::{Clock, NumericDate};
use jwt_core::error::{AuthError, ProofError, Unavailable};
use jwt_core::{Algorithm, Authenticator, KeySet, SigningKey};
use serde_json::json;
use stores_tests::{RedisServer, Stores, TestClock, redis_is_installed};

const SECRET: &[u8] = b"a secret of at least thirty-two bytes";
const URL: &str = "https://api.example.com/";

fn instance(stores: &Stores, clock: &TestClock, per_key: usize) -> Authenticator<()> {
    Authenticator::builder()
        .keys(KeySet::hs256(SECRET).unwrap())
        .any_audience()
        .clock(clock.clone())
        .public_origin("https://api.example.com")
        .dpop(Dpop::new().max_proofs(1_000_000, per_key).replay_store(stores.proofs.clone()))
        .build()
        .unwrap()
}

/// A client with a bound token.
struct Client {
    key: DpopKey,
    token: String,
}

impl Client {
    fn new() -> Self {
        let key = DpopKey::generate(Algorithm::ES256).unwrap();
        let claims = json!({"exp": 4_000_000_000_u64, "cnf": {"jkt": key.thumbprint()}});
        let token = SigningKey::secret(Algorithm::HS256, SECRET).unwrap().sign(&claims).unwrap();
        Self { key, token }
    }

    fn proof(&self, id: &str, at: NumericDate) -> String {
        self.key.proof("GET", URL).for_token(&self.token).id(id).issued_at(at).sign().unwrap()
    }

    async fn send(&self, instance: &Authenticator<()>, proof: &str) -> Result<(), AuthError> {
        let request = http::Request::get("/").header("authorization", format!("DPoP {}", self.token));
        let request = request.header("dpop", proof).body(()).unwrap();
        instance.authenticate(&request).settled().await.result().map(drop)
    }
}

fn is_replay(result: &Result<(), AuthError>) -> bool {
    matches!(result, Err(AuthError::InvalidProof(ProofError::Replayed)))
}

fn is_full(result: &Result<(), AuthError>) -> bool {
    matches!(result, Err(AuthError::Unavailable(Unavailable::Proofs)))
}

macro_rules! on_every_store {
    ($($name:ident),* $(,)?) => {
        mod memory {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name(super::Stores::memory()).await;
            })*
        }
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name(super::Stores::sqlite().await).await;
            })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                if let Some(stores) = super::Stores::postgres().await {
                    super::$name(stores).await;
                }
            })*
        }
        mod serializable {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                if let Some(stores) = super::Stores::serializable().await {
                    super::$name(stores).await;
                }
            })*
        }
        mod pgbouncer {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                if let Some(stores) = super::Stores::pgbouncer().await {
                    super::$name(stores).await;
                }
            })*
        }
        mod redis {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                if let Some(stores) = super::Stores::redis().await {
                    super::$name(stores).await;
                }
            })*
        }
        mod sentinels {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                if let Some(stores) = super::Stores::sentinels().await {
                    super::$name(stores).await;
                }
            })*
        }
        mod cluster {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                if let Some(stores) = super::Stores::cluster().await {
                    super::$name(stores).await;
                }
            })*
        }
    };
}

on_every_store! {
    a_proof_that_one_instance_has_seen_is_refused_by_all,
    of_a_thousand_uses_of_one_proof_at_once_one_counts,
    a_key_fills_its_own_share_and_gets_it_back,
}

async fn a_proof_that_one_instance_has_seen_is_refused_by_all(stores: Stores) {
    let clock = TestClock::new();
    let (one, other) = (instance(&stores, &clock, 100), instance(&stores, &clock, 100));
    let (client, stranger) = (Client::new(), Client::new());
    let proof = client.proof("1", clock.now());
    client.send(&one, &proof).await.unwrap();
    for instance in [&one, &other] {
        assert!(is_replay(&client.send(instance, &proof).await));
    }
    // To the last moment at which its age would let it pass.
    clock.advance(Duration::from_secs(60));
    assert!(is_replay(&client.send(&other, &proof).await));
    stranger.send(&other, &stranger.proof("1", clock.now())).await.unwrap();
    clock.advance(Duration::from_secs(1));
    client.send(&other, &client.proof("1", clock.now())).await.unwrap();
}

async fn of_a_thousand_uses_of_one_proof_at_once_one_counts(stores: Stores) {
    let clock = TestClock::new();
    let instances = [instance(&stores, &clock, 100), instance(&stores, &clock, 100)];
    let client = Arc::new(Client::new());
    let proof: Arc<str> = client.proof("1", clock.now()).into();
    let uses: Vec<_> = (0..1000)
        .map(|number| {
            let (instance, client, proof) = (instances[number % 2].clone(), client.clone(), proof.clone());
            tokio::spawn(async move { client.send(&instance, &proof).await })
        })
        .collect();
    let mut good = 0;
    for result in uses {
        match result.await.unwrap() {
            Ok(()) => good += 1,
            result => assert!(is_replay(&result), "{result:?}"),
        }
    }
    assert_eq!(good, 1);
}

async fn a_key_fills_its_own_share_and_gets_it_back(stores: Stores) {
    let clock = TestClock::new();
    let instance = instance(&stores, &clock, 5);
    let (client, other) = (Client::new(), Client::new());
    for id in 0..5 {
        client.send(&instance, &client.proof(&id.to_string(), clock.now())).await.unwrap();
    }
    assert!(is_full(&client.send(&instance, &client.proof("5", clock.now())).await));
    assert!(is_replay(&client.send(&instance, &client.proof("0", clock.now())).await));
    other.send(&instance, &other.proof("0", clock.now())).await.unwrap();
    clock.advance(Duration::from_secs(61));
    for id in 0..5 {
        client.send(&instance, &client.proof(&id.to_string(), clock.now())).await.unwrap();
    }
    assert!(is_full(&client.send(&instance, &client.proof("5", clock.now())).await));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_down_refuses_bound_tokens_for_now_and_no_others() {
    if !redis_is_installed() {
        return;
    }
    let mut server = RedisServer::start();
    let store = jwt_core::RedisStore::connect(&server.url()).await.unwrap().timeout(Duration::from_millis(500));
    let mut stores = Stores::memory();
    stores.proofs = Arc::new(store);
    let clock = TestClock::new();
    let (instance, client) = (instance(&stores, &clock, 100), Client::new());
    client.send(&instance, &client.proof("1", clock.now())).await.unwrap();
    server.kill();
    let result = client.send(&instance, &client.proof("2", clock.now())).await;
    assert!(matches!(result, Err(AuthError::Unavailable(Unavailable::Store))), "{result:?}");
    let unbound = SigningKey::secret(Algorithm::HS256, SECRET).unwrap();
    let unbound = unbound.sign(&json!({"exp": 4_000_000_000_u64})).unwrap();
    instance.verifier().verify_async(&unbound).await.unwrap();
}
