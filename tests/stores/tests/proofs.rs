//! Proofs of possession while their store is down.

#![expect(clippy::unwrap_used, reason = "all of this file is tests")]

use std::sync::Arc;
use std::time::Duration;

use jwt_core::binding::{Dpop, DpopKey};
use jwt_core::clock::{Clock, NumericDate};
use jwt_core::error::{AuthError, Unavailable};
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
