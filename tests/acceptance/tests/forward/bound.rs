//! Tokens that are bound to a key by DPoP, on their way to other services (RFC 9449).

use std::net::SocketAddr;

use acceptance::{STACKS, Stopped, builder, good_claims, hs256, shows_token};
use http::StatusCode;
use jwt_core::binding::{Dpop, DpopKey, DpopNonces};
use jwt_core::forward::{
    ExchangeError, ExchangeRequest, ExchangedToken, Exchanging, ForwardError, ForwardTarget, Forwarder,
    ForwarderBuildError, TokenExchange,
};
use jwt_core::{Algorithm, CompactToken};
use jwt_tower::{ForwardToken, ForwardingError};
use serde_json::json;
use tower::{Layer, ServiceExt};

use super::{Witness, alice, call, hyper_client, to};

/// An authorization server that binds the new token to the key of the proof, and says what it has seen.
struct Binds {
    key: DpopKey,
    token_type: &'static str,
}

impl TokenExchange for Binds {
    fn exchange(&self, request: ExchangeRequest) -> Exchanging<'_> {
        Box::pin(async move {
            let proof = request.dpop_proof("https://login.example.com/token", Some("n"))?.unwrap();
            let claims = proof.split('.').nth(1).unwrap();
            let claims = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(claims).unwrap();
            let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
            assert_eq!((&claims["htm"], &claims["nonce"]), (&json!("POST"), &json!("n")));
            assert_eq!((&claims["htu"], &claims["ath"]), (&json!("https://login.example.com/token"), &json!(null)));
            let mut claims = good_claims();
            claims["cnf"] = json!({"jkt": self.key.thumbprint()});
            let answer = json!({
                "access_token": hs256(&claims), "token_type": self.token_type, "expires_in": 60,
                "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
            });
            ExchangedToken::from_answer(200, answer.to_string().as_bytes())
        })
    }
}

/// A token that is bound to a key of its client.
fn bound() -> CompactToken {
    let key = DpopKey::generate(Algorithm::ES256).unwrap();
    let mut claims = good_claims();
    claims["cnf"] = json!({"jkt": key.thumbprint()});
    let auth = builder().dangerous_allow_bound_tokens().build().unwrap();
    auth.verifier().verify(hs256(&claims)).unwrap().token()
}

fn bound_to(key: &DpopKey, address: SocketAddr, token_type: &'static str) -> Forwarder {
    let target = ForwardTarget::new(format!("http://{address}")).audience("invoices");
    let exchange = Binds { key: key.clone(), token_type };
    Forwarder::builder().target(target).exchange(exchange).dpop(key).clock(Stopped).build().unwrap()
}

#[tokio::test]
async fn a_bound_token_is_never_passed_on_as_it_is() {
    let invoices = Witness::new();
    let forwarder = to(invoices.address);
    let address = format!("http://{}/", invoices.address);
    let refused = forwarder.headers(&bound(), "GET", &*address).await;
    assert!(matches!(refused, Err(ForwardError::Bound)), "{refused:?}");
    let client = ForwardToken::new(forwarder.clone()).layer(hyper_client());
    let refused = client.oneshot(call(&address, Some(bound()))).await;
    assert!(matches!(refused, Err(ForwardingError::Forward(ForwardError::Bound))));
    let refused = jwt_actix::ForwardToken::new(forwarder).headers(&bound(), "GET", &address.parse().unwrap()).await;
    assert!(matches!(refused, Err(ForwardError::Bound)));
    assert_eq!(invoices.seen(), (0, 0));
}

#[tokio::test]
async fn an_exchanged_token_that_is_bound_goes_out_with_a_proof_of_its_own_each_time() {
    let key = DpopKey::generate(Algorithm::Ed25519).unwrap();
    for stack in STACKS {
        let invoices = stack.start(builder().require_dpop().build().unwrap());
        let forwarder = bound_to(&key, invoices.address, "DPoP");
        let address = format!("http://{}/me?unpaid", invoices.address);
        let client = ForwardToken::new(forwarder.clone()).layer(hyper_client());
        for _ in 0..3 {
            let answer = client.clone().oneshot(call(&address, Some(bound()))).await.unwrap();
            assert_eq!(answer.status(), StatusCode::OK, "{}", stack.name);
        }
        let fields = forwarder.headers(&bound(), "GET", &*address).await.unwrap();
        let printed = format!("{fields:?} {forwarder:?}");
        assert!(!shows_token(&printed), "{printed}");
    }
}

#[tokio::test]
async fn a_service_that_demands_nonces_gets_them_from_the_second_call_on() {
    let key = DpopKey::generate(Algorithm::Ed25519).unwrap();
    let nonces = DpopNonces::new([7; 32]).unwrap();
    let invoices = STACKS[0].start(builder().dpop(Dpop::new().nonces(&nonces)).build().unwrap());
    let forwarder = bound_to(&key, invoices.address, "DPoP");
    let client = ForwardToken::new(forwarder.clone()).layer(hyper_client());
    let address = format!("http://{}/me", invoices.address);
    let mut statuses = Vec::new();
    for _ in 0..3 {
        let answer = client.clone().oneshot(call(&address, Some(bound()))).await.unwrap();
        forwarder.note_response(&address.parse().unwrap(), answer.headers());
        statuses.push(answer.status().as_u16());
    }
    assert_eq!(statuses, [401, 200, 200]);
}

#[tokio::test]
async fn an_exchange_that_does_not_bind_is_refused_where_it_should_and_the_other_way_round() {
    let key = DpopKey::generate(Algorithm::Ed25519).unwrap();
    let invoices = Witness::new();
    let address = format!("http://{}/", invoices.address);
    let refused = bound_to(&key, invoices.address, "Bearer").headers(&bound(), "GET", &*address).await;
    assert!(matches!(refused, Err(ForwardError::Exchange(ExchangeError::Binding))), "{refused:?}");
    // Nobody has asked for it.
    let token = ExchangedToken::new("t", None).bound();
    struct Unasked(ExchangedToken);
    impl TokenExchange for Unasked {
        fn exchange(&self, request: ExchangeRequest) -> Exchanging<'_> {
            assert!(request.dpop_proof("https://login.example.com/token", None).unwrap().is_none());
            Box::pin(std::future::ready(Ok(self.0.clone())))
        }
    }
    let target = ForwardTarget::new(format!("http://{}", invoices.address)).audience("invoices");
    let forwarder = Forwarder::builder().target(target).exchange(Unasked(token)).clock(Stopped).build().unwrap();
    let refused = forwarder.headers(&alice(), "GET", &*address).await;
    assert!(matches!(refused, Err(ForwardError::Exchange(ExchangeError::Binding))), "{refused:?}");
    let error = Forwarder::builder().target("https://a.example").dpop(&key).build().unwrap_err();
    assert_eq!(error, ForwarderBuildError::UnusedDpop);
}
