//! Tokens for a target that are exchanged for those of users (RFC 8693).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use acceptance::{ISSUER, NOW, SECRET, STACKS, Stopped, User, builder, good_claims, hs256};
use axum::routing::post;
use axum::{Json, Router};
use http::header::AUTHORIZATION;
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use jwt_core::clock::{Clock, NumericDate};
use jwt_core::forward::{
    ExchangeError, ExchangeRequest, ExchangedToken, Exchanging, ForwardError, ForwardTarget, Forwarder, OAuthErrorCode,
    TokenExchange,
};
use jwt_core::{Authenticator, CompactToken, KeySet};
use jwt_tower::ForwardToken;
use serde_json::json;
use tower::{Layer, ServiceExt};

use super::{alice, alice_until, call, hyper_client, serve};

/// A clock that tests move.
#[derive(Clone)]
struct Movable(Arc<AtomicU64>);

impl Clock for Movable {
    fn now(&self) -> NumericDate {
        NumericDate::from_secs(self.0.load(Ordering::SeqCst))
    }
}

/// Sends the form to a token endpoint.
struct TokenEndpoint(Uri);

impl TokenExchange for TokenEndpoint {
    fn exchange(&self, request: ExchangeRequest) -> Exchanging<'_> {
        let form = Request::post(&self.0)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Full::from(request.form()))
            .unwrap();
        Box::pin(async move {
            let answer = hyper_client().request(form).await.map_err(ExchangeError::transport)?;
            let status = answer.status().as_u16();
            let body = answer.into_body().collect().await.map_err(ExchangeError::transport)?.to_bytes();
            ExchangedToken::from_answer(status, &body)
        })
    }
}

/// A token endpoint that narrows good tokens for the audience `invoices`, and how often it was asked.
fn token_endpoint() -> (Uri, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let endpoint = async move |form: String| {
        count.fetch_add(1, Ordering::SeqCst);
        let form = reqwest::Url::parse(&format!("http://form/?{form}")).unwrap();
        let form: std::collections::HashMap<_, _> = form.query_pairs().collect();
        let refusal = |error| (StatusCode::BAD_REQUEST, Json(serde_json::json!({"error": error})));
        if form["grant_type"] != "urn:ietf:params:oauth:grant-type:token-exchange"
            || form["subject_token_type"] != "urn:ietf:params:oauth:token-type:access_token"
            || form["requested_token_type"] != "urn:ietf:params:oauth:token-type:access_token"
        {
            return refusal("invalid_request");
        }
        let Ok(subject) = builder().build().unwrap().verifier().verify(&*form["subject_token"]) else {
            return refusal("invalid_grant");
        };
        if form["audience"] != "invoices" {
            return refusal("invalid_target");
        }
        let claims = serde_json::json!({
            "iss": ISSUER, "aud": form["audience"], "sub": subject.sub, "name": subject.name,
            "scope": form["scope"], "exp": NOW + 60,
        });
        let answer = serde_json::json!({
            "access_token": hs256(&claims), "token_type": "Bearer", "expires_in": 60,
            "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
        });
        (StatusCode::OK, Json(answer))
    };
    let address = serve(Router::new().route("/token", post(endpoint)));
    (format!("http://{address}/token").parse().unwrap(), asked)
}

#[tokio::test]
async fn a_target_that_wants_a_narrower_token_gets_that_one_and_never_the_users() {
    let (endpoint, asked) = token_endpoint();
    let narrow = Authenticator::<User>::builder()
        .keys(KeySet::hs256(SECRET).unwrap())
        .issuer(ISSUER)
        .audience("invoices")
        .clock(Stopped)
        .check(|token| {
            if token.claims_json().contains(r#""scope":"invoices:read invoices:list""#) { Ok(()) } else { Err(Wide) }
        });
    let invoices = STACKS[0].start(narrow.build().unwrap());
    let target = ForwardTarget::new(format!("http://{}", invoices.address))
        .audience("invoices")
        .scope("invoices:read")
        .scope("invoices:list");
    let forwarder =
        Forwarder::builder().target(target).exchange(TokenEndpoint(endpoint)).clock(Stopped).build().unwrap();
    let client = ForwardToken::new(forwarder).layer(hyper_client());

    assert_eq!(invoices.get_with_bearer(alice().as_str()).status, 401, "the user's own token is not for invoices");
    for _ in 0..3 {
        let answer =
            client.clone().oneshot(call(format!("http://{}/me", invoices.address), Some(alice()))).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
    }
    assert_eq!(asked.load(Ordering::SeqCst), 1, "the narrower token is kept");
}

#[derive(Debug, thiserror::Error)]
#[error("a scope too many")]
struct Wide;

/// Makes exactly the token that is wished for.
struct AsWished;

impl TokenExchange for AsWished {
    fn exchange(&self, request: ExchangeRequest) -> Exchanging<'_> {
        let lifetime = request.lifetime();
        let mut claims = good_claims();
        claims["aud"] = request.audience().into();
        claims["scope"] = request.scopes().collect::<Vec<_>>().join(" ").into();
        claims["exp"] = (NOW + lifetime.map_or(0, |time| time.as_secs())).into();
        assert_eq!(request.subject_token().as_str(), alice().as_str());
        Box::pin(async move { Ok(ExchangedToken::new(hs256(&claims), lifetime)) })
    }
}

#[actix_web::test]
async fn a_target_says_what_its_token_should_be_good_for_and_how_long_and_awc_sends_that_one() {
    let expected = json!({"aud": "invoices", "scope": "invoices:read", "exp": NOW + 60});
    let narrow = Authenticator::<User>::builder().keys(KeySet::hs256(SECRET).unwrap()).audience("invoices");
    let narrow = narrow.clock(Stopped).check(move |token| {
        let claims: serde_json::Value = serde_json::from_str(token.claims_json()).unwrap();
        let good = ["aud", "scope", "exp"].iter().all(|name| claims[name] == expected[name]);
        if good { Ok(()) } else { Err(Wide) }
    });
    let invoices = STACKS.iter().find(|stack| stack.name == "actix").unwrap().start(narrow.build().unwrap());
    let target = ForwardTarget::new(format!("http://{}", invoices.address))
        .audience("invoices")
        .scope("invoices:read")
        .lifetime(Duration::from_secs(60));
    let forwarder = Forwarder::builder().target(target).exchange(AsWished).clock(Stopped).build().unwrap();
    let forward = jwt_actix::ForwardToken::new(forwarder);
    let mut call = awc::Client::new().get(format!("http://{}/me", invoices.address));
    for field in forward.headers(&alice(), "GET", call.get_uri()).await.unwrap() {
        call = call.insert_header(field);
    }
    assert_eq!(call.send().await.unwrap().status().as_u16(), 200);
}

#[tokio::test]
async fn a_refusal_of_the_token_endpoint_is_told_and_not_kept() {
    let (endpoint, asked) = token_endpoint();
    let forwarder = Forwarder::builder()
        .target(ForwardTarget::new("https://ledger.example").audience("ledger").scope("x"))
        .exchange(TokenEndpoint(endpoint))
        .clock(Stopped)
        .build()
        .unwrap();
    for times in 1..=2 {
        let refused = forwarder.headers(&alice(), "GET", "https://ledger.example/").await;
        assert!(matches!(refused, Err(ForwardError::Exchange(ExchangeError::Refused(OAuthErrorCode::InvalidTarget)))));
        assert_eq!(asked.load(Ordering::SeqCst), times);
    }
}

/// Yields numbered tokens of that life once the gate is open.
#[derive(Clone)]
pub(super) struct Numbered {
    asked: Arc<AtomicUsize>,
    gate: Arc<tokio::sync::Semaphore>,
    lifetime: Option<Duration>,
}

impl Numbered {
    pub(super) fn new(lifetime: Option<u64>) -> Self {
        let lifetime = lifetime.map(Duration::from_secs);
        Self { asked: Arc::default(), gate: Arc::new(tokio::sync::Semaphore::new(0)), lifetime }
    }

    fn open(lifetime: Option<u64>) -> Self {
        let open = Self::new(lifetime);
        open.gate.add_permits(1_000);
        open
    }

    fn forwarder(&self, clock: impl Clock + 'static) -> Forwarder {
        Forwarder::builder()
            .target(ForwardTarget::new("https://a.example").audience("a"))
            .target(ForwardTarget::new("https://b.example").audience("b"))
            .exchange(self.clone())
            .max_exchanged(2)
            .clock(clock)
            .build()
            .unwrap()
    }
}

impl TokenExchange for Numbered {
    fn exchange(&self, request: ExchangeRequest) -> Exchanging<'_> {
        let number = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        Box::pin(async move {
            let _permit = self.gate.acquire().await.map_err(ExchangeError::transport)?;
            Ok(ExchangedToken::new(format!("{}{number}", request.audience().unwrap()), self.lifetime))
        })
    }
}

async fn at(forwarder: &Forwarder, token: &CompactToken, address: &str) -> Result<String, ForwardError> {
    let fields = forwarder.headers(token, "GET", address).await?;
    Ok(fields[AUTHORIZATION].to_str().unwrap().strip_prefix("Bearer ").unwrap().to_owned())
}

#[tokio::test]
async fn an_exchanged_token_is_kept_for_its_user_and_target_until_shortly_before_its_end() {
    let (exchange, clock) = (Numbered::open(Some(60)), Movable(Arc::new(NOW.into())));
    let forwarder = exchange.forwarder(clock.clone());
    let (alice, later) = (alice(), alice_until(NOW + 601));
    assert_eq!(at(&forwarder, &alice, "https://a.example/").await.unwrap(), "a1");
    assert_eq!(at(&forwarder, &alice, "https://b.example/").await.unwrap(), "b2");
    clock.0.store(NOW + 54, Ordering::SeqCst);
    assert_eq!(at(&forwarder, &alice, "https://a.example/x").await.unwrap(), "a1");
    clock.0.store(NOW + 55, Ordering::SeqCst);
    assert_eq!(at(&forwarder, &alice, "https://a.example/").await.unwrap(), "a3");
    // There is room for two, and the one that ends first makes it.
    assert_eq!(at(&forwarder, &later, "https://a.example/").await.unwrap(), "a4");
    assert_eq!(at(&forwarder, &alice, "https://a.example/").await.unwrap(), "a3");
    assert_eq!(at(&forwarder, &later, "https://a.example/").await.unwrap(), "a4");
    // The user's own token ends, and with it what it was exchanged for.
    clock.0.store(NOW + 600, Ordering::SeqCst);
    assert!(matches!(at(&forwarder, &alice, "https://a.example/").await, Err(ForwardError::Expiring)));
}

#[tokio::test]
async fn an_exchanged_token_of_unknown_life_is_used_once_and_one_of_no_life_not_at_all() {
    let forwarder = Numbered::open(None).forwarder(Stopped);
    assert_eq!(at(&forwarder, &alice(), "https://a.example/").await.unwrap(), "a1");
    assert_eq!(at(&forwarder, &alice(), "https://a.example/").await.unwrap(), "a2");
    let forwarder = Numbered::open(Some(5)).forwarder(Stopped);
    assert!(matches!(at(&forwarder, &alice(), "https://a.example/").await, Err(ForwardError::Expiring)));
    let forwarder = Numbered::open(Some(u64::MAX)).forwarder(Stopped);
    assert_eq!(at(&forwarder, &alice(), "https://a.example/").await.unwrap(), "a1");
    assert_eq!(at(&forwarder, &alice(), "https://a.example/").await.unwrap(), "a1");
}

#[tokio::test]
async fn many_calls_at_once_wait_for_one_exchange() {
    let exchange = Numbered::new(Some(60));
    let forwarder = exchange.forwarder(Stopped);
    let calls: Vec<_> = (0..20)
        .map(|_| {
            let forwarder = forwarder.clone();
            tokio::spawn(async move { at(&forwarder, &alice(), "https://a.example/").await.unwrap() })
        })
        .collect();
    // Everybody has come as far as possible: one runtime on one thread takes turns.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(exchange.asked.load(Ordering::SeqCst), 1);
    exchange.gate.add_permits(1);
    for call in calls {
        assert_eq!(call.await.unwrap(), "a1");
    }
}

#[tokio::test]
async fn another_call_takes_over_where_the_exchanging_one_is_dropped() {
    let exchange = Numbered::new(Some(60));
    let forwarder = exchange.forwarder(Stopped);
    let start = || {
        let forwarder = forwarder.clone();
        tokio::spawn(async move { at(&forwarder, &alice(), "https://a.example/").await.unwrap() })
    };
    let first = start();
    tokio::task::yield_now().await;
    let others = [start(), start()];
    tokio::task::yield_now().await;
    assert_eq!(exchange.asked.load(Ordering::SeqCst), 1);
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    exchange.gate.add_permits(1);
    for other in others {
        assert_eq!(other.await.unwrap(), "a2");
    }
}
