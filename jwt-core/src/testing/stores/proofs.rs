//! Proofs of possession that every instance has to know: each is good once, on whichever of them.

#![expect(clippy::unwrap_used, reason = "whatever is wrong in a case makes it fail")]

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::case::{Case, cases};
use super::test_clock;
use crate::authenticator::Authenticator;
use crate::binding::{Dpop, DpopKey};
use crate::clock::{Clock, NumericDate};
use crate::error::{AuthError, ProofError, Unavailable};
use crate::key::{Algorithm, KeySet, SigningKey};
use crate::store::ProofStore;
use crate::testing::TestClock;

type Store = Arc<dyn ProofStore>;

pub(super) fn all() -> Vec<Case<Store>> {
    cases![
        a_proof_that_one_instance_has_seen_is_refused_by_all,
        of_a_thousand_uses_of_one_proof_at_once_one_counts,
        a_key_fills_its_own_share_and_gets_it_back,
    ]
}

const SECRET: &[u8] = b"a secret of at least thirty-two bytes";
const URL: &str = "https://api.example.com/";

fn instance(store: &Store, clock: &TestClock, per_key: usize) -> Authenticator<()> {
    Authenticator::builder()
        .keys(KeySet::hs256(SECRET).unwrap())
        .any_audience()
        .clock(clock.clone())
        .public_origin("https://api.example.com")
        .dpop(Dpop::new().max_proofs(1_000_000, per_key).replay_store(store.clone()))
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

async fn a_proof_that_one_instance_has_seen_is_refused_by_all(store: Store) {
    let clock = test_clock();
    let (one, other) = (instance(&store, &clock, 100), instance(&store, &clock, 100));
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

async fn of_a_thousand_uses_of_one_proof_at_once_one_counts(store: Store) {
    let clock = test_clock();
    let instances = [instance(&store, &clock, 100), instance(&store, &clock, 100)];
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

async fn a_key_fills_its_own_share_and_gets_it_back(store: Store) {
    let clock = test_clock();
    let instance = instance(&store, &clock, 5);
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
