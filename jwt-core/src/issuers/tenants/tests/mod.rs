//! What strangers can cause and what they cannot, on the clock of Tokio, with a provider in memory.

mod law;
mod recency;
mod restart;
mod settings;
mod starvation;
mod withdrawal;

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::StatusCode;
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::adapter::ClientAddress;
use crate::key::public_jwk::PublicJwk;
use crate::key::{Fetch, FetchError, Fetching};
use crate::{Algorithm, Authenticator, AuthenticatorBuilder, RemoteKeySet, SigningKey, Tenants, TrustedIssuer};

/// The places of metadata, as `origin` numbers them.
const APPENDED: usize = 0;
const RFC_8414: usize = 1;

const HOST: &str = "https://login.example";
const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

fn issuer(tenant: &str) -> String {
    format!("{HOST}/{tenant}")
}

/// Keys of providers, made once: making one takes a while.
struct Keys {
    good: SigningKey,
    junk: SigningKey,
}

fn keys() -> &'static Keys {
    static KEYS: std::sync::OnceLock<Keys> = std::sync::OnceLock::new();
    let key = |kid: &str| SigningKey::generate(Algorithm::ES256).unwrap().with_kid(kid);
    KEYS.get_or_init(|| Keys { good: key("k"), junk: key("junk") })
}

fn jwks(key: &SigningKey) -> String {
    let mut jwk = serde_json::to_value(PublicJwk::of(key).unwrap()).unwrap();
    (jwk["alg"], jwk["kid"]) = ("ES256".into(), key.kid().into());
    json!({"keys": [jwk]}).to_string()
}

/// A good token of that issuer, whose signature differs from that of another one.
fn token(issuer: &str) -> String {
    keys().good.sign(&json!({"iss": issuer, "aud": "api", "exp": 4_000_000_000_u64})).unwrap()
}

/// A token that nobody good has signed.
fn junk(issuer: &str) -> String {
    keys().junk.sign(&json!({"iss": issuer, "aud": "api", "exp": 4_000_000_000_u64})).unwrap()
}

/// A token with the header of a good one, whose signature does not hold.
fn unsigned(issuer: &str) -> String {
    let good = token(issuer);
    format!("{}.AAAA", good.rsplit_once('.').unwrap().0)
}

/// Answers out of memory. Clones share everything.
#[derive(Clone, Default)]
struct Provider(Arc<Mutex<Script>>);

#[derive(Default)]
struct Script {
    documents: HashMap<String, String>,
    asked: Vec<(Instant, String)>,
    under_way: usize,
    most_under_way: usize,
    delay: Duration,
    fails_with: Option<u16>,
}

impl Provider {
    /// With these tenants, whose metadata is at the usual place.
    fn with(tenants: &[&str]) -> Self {
        let provider = Self::default();
        for tenant in tenants {
            provider.publish(&issuer(tenant), APPENDED);
        }
        provider
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// There is such an issuer, with metadata at that place.
    fn publish(&self, issuer: &str, place: usize) {
        let address = metadata_address(issuer, place);
        let keys_at = format!("{issuer}/keys");
        let metadata = json!({"issuer": issuer, "jwks_uri": keys_at}).to_string();
        let mut script = self.script();
        script.documents.insert(address, metadata);
        script.documents.insert(keys_at, jwks(&keys().good));
    }

    fn delay(&self, delay: Duration) {
        self.script().delay = delay;
    }

    /// Answers everything with that status, or as it should.
    fn fail(&self, status: Option<u16>) {
        self.script().fails_with = status;
    }

    fn count(&self) -> usize {
        self.script().asked.len()
    }

    /// How often it was asked about that issuer.
    fn count_of(&self, issuer: &str) -> usize {
        let places: Vec<String> = (0..3).map(|place| metadata_address(issuer, place)).collect();
        self.script().asked.iter().filter(|(_, address)| places.contains(address)).count()
    }

    fn most_at_once(&self) -> usize {
        self.script().most_under_way
    }

    /// A rule that covers every name below the address.
    fn tenants(&self) -> Tenants {
        let provider = self.clone();
        Tenants::matching(move |issuer| {
            let keys = RemoteKeySet::discover(issuer).client(provider.clone());
            issuer.starts_with(HOST).then(|| TrustedIssuer::new(issuer, keys))
        })
    }
}

fn metadata_address(issuer: &str, place: usize) -> String {
    let (host, path) = issuer.split_at(issuer.match_indices('/').nth(2).map_or(issuer.len(), |(at, _)| at));
    match place {
        APPENDED => format!("{issuer}/.well-known/openid-configuration"),
        RFC_8414 => format!("{host}/.well-known/oauth-authorization-server{path}"),
        _ => format!("{host}/.well-known/openid-configuration{path}"),
    }
}

struct UnderWay(Provider);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.script().under_way -= 1;
    }
}

impl Fetch for Provider {
    fn fetch(&self, request: http::Request<Vec<u8>>, _: usize) -> Fetching<'_> {
        let address = request.uri().to_string();
        Box::pin(async move {
            let delay = {
                let mut script = self.script();
                script.asked.push((Instant::now(), address.clone()));
                script.under_way += 1;
                script.most_under_way = script.most_under_way.max(script.under_way);
                script.delay
            };
            let _under_way = UnderWay(self.clone());
            if !delay.is_zero() {
                sleep(delay).await;
            }
            let script = self.script();
            let (status, body) = match (script.fails_with, script.documents.get(&address)) {
                (Some(status), _) => (status, String::new()),
                (None, Some(document)) => (200, document.clone()),
                (None, None) => (404, String::new()),
            };
            let mut response = http::Response::new(body.into_bytes());
            *response.status_mut() = StatusCode::from_u16(status).map_err(FetchError::transport)?;
            Ok(response)
        })
    }
}

fn builder() -> AuthenticatorBuilder<()> {
    Authenticator::builder().audience("api")
}

fn trusting(tenants: Tenants) -> Authenticator<()> {
    builder().trust_tenants(tenants).build().unwrap()
}

/// A request that is not waited for.
fn send(auth: &Authenticator<()>, token: String, client: Option<IpAddr>) -> tokio::task::JoinHandle<Said> {
    let auth = auth.clone();
    tokio::spawn(async move { ask_from(&auth, &token, client).await })
}

/// The status of the answer, and `Retry-After` in seconds.
type Said = (u16, Option<u64>);

async fn ask_from(auth: &Authenticator<()>, token: &str, client: Option<IpAddr>) -> Said {
    let request = http::Request::get("/").header("authorization", format!("Bearer {token}"));
    let mut request = request.body(()).unwrap();
    if let Some(client) = client {
        request.extensions_mut().insert(ClientAddress(client));
    }
    let outcome = match auth.outcome(&request) {
        Ok(outcome) => outcome,
        Err(pending) => pending.await,
    };
    match outcome.result() {
        Ok(_) => (200, None),
        Err(error) => {
            let answer = auth.answer(&error);
            (answer.status.as_u16(), answer.retry_after)
        }
    }
}

async fn ask(auth: &Authenticator<()>, token: &str) -> u16 {
    ask_from(auth, token, None).await.0
}

#[expect(clippy::unnecessary_wraps, reason = "it is what a request is sent with")]
fn client(number: u8) -> Option<IpAddr> {
    Some(Ipv4Addr::new(192, 0, 2, number).into())
}
