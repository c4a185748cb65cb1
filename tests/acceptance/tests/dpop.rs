//! Tokens that are bound to a key of their client (RFC 9449), against every stack: what a proof has to be, and what becomes of
//! everything else.

mod memory;
mod proofs;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use acceptance::{Connection, NOW, Reply, STACKS, Server, User, base64url, builder, good_claims, hs256, request_to};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use jwt_core::binding::{Dpop, DpopKey};
use jwt_core::clock::NumericDate;
use jwt_core::error::{AuthError, AuthenticatorBuildError, TokenError};
use jwt_core::metadata::ResourceMetadata;
use jwt_core::{Algorithm, AuthenticatorBuilder, TokenSource};
use serde_json::{Value, json};

const ORIGIN: &str = "https://api.example.com";
const URL: &str = "https://api.example.com/me";
const ALGS: &str = "algs=\"Ed25519 EdDSA ES256 ";

type Build = fn(AuthenticatorBuilder<User>) -> AuthenticatorBuilder<User>;

/// A key pair of P-256 that signs whatever it is told to, from outside of this project.
struct Key {
    pair: EcdsaKeyPair,
}

impl Key {
    fn new() -> Self {
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref()).unwrap();
        Self { pair }
    }

    fn jwk(&self) -> Value {
        let point = self.pair.public_key().as_ref();
        json!({"kty": "EC", "crv": "P-256", "x": base64url(&point[1..33]), "y": base64url(&point[33..])})
    }

    fn thumbprint(&self) -> String {
        let jwk = self.jwk();
        let text = format!(r#"{{"crv":"P-256","kty":"EC","x":{},"y":{}}}"#, jwk["x"], jwk["y"]);
        base64url(digest(&SHA256, text.as_bytes()))
    }

    fn header(&self) -> Value {
        json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": self.jwk()})
    }

    fn sign(&self, header: &str, claims: &str) -> String {
        let message = format!("{}.{}", base64url(header), base64url(claims));
        let signature = self.pair.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
        format!("{message}.{}", base64url(signature))
    }

    fn token(&self) -> String {
        with_cnf(&json!({"jkt": self.thumbprint()}))
    }

    fn proof(&self, token: &str) -> String {
        self.sign(&self.header().to_string(), &claims(token).to_string())
    }
}

/// The claims of a good proof, each time with another `jti`.
fn claims(token: &str) -> Value {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let jti = format!("proof {}", NEXT.fetch_add(1, Ordering::Relaxed));
    json!({"jti": jti, "htm": "GET", "htu": URL, "iat": NOW, "ath": base64url(digest(&SHA256, token.as_bytes()))})
}

fn with_cnf(cnf: &Value) -> String {
    let mut claims = good_claims();
    claims["cnf"] = cnf.clone();
    hs256(&claims)
}

fn at(seconds: u64) -> NumericDate {
    NumericDate::from_secs(seconds)
}

fn servers(build: Build) -> Vec<Server> {
    STACKS.map(|stack| stack.start(build(builder()).build().unwrap())).into()
}

fn usual() -> Vec<Server> {
    servers(|builder| builder.public_origin(ORIGIN))
}

fn send(server: &Server, scheme: &str, token: &str, proofs: &[&str]) -> Reply {
    let authorization = format!("{scheme} {token}");
    let mut fields = vec![("authorization", &*authorization)];
    fields.extend(proofs.iter().map(|proof| ("dpop", *proof)));
    server.get("/me", &fields)
}

/// The status, and the reason in the challenge of that scheme.
fn told<'r>(reply: &'r Reply, scheme: &str) -> (u16, &'r str) {
    let challenge = reply.challenges().find(|challenge| challenge.starts_with(scheme)).unwrap_or_default();
    let reason = challenge.split_once("error=\"").and_then(|(_, rest)| rest.split('"').next()).unwrap_or_default();
    (reply.status, reason)
}

#[test]
fn a_bound_token_is_good_with_a_proof_of_its_key_and_never_without() {
    let key = Key::new();
    let token = key.token();
    for server in usual() {
        for _ in 0..3 {
            let reply = send(&server, "DPoP", &token, &[&key.proof(&token)]);
            assert_eq!(reply.status, 200, "{}: {reply:?}", server.stack);
            assert_eq!(serde_json::from_str::<User>(&reply.body).unwrap().name, "Alice");
            let reply = send(&server, "dpop", &token, &[&key.proof(&token)]);
            assert_eq!(reply.status, 200, "a scheme has no case: {reply:?}");
        }
        let reply = send(&server, "DPoP", &token, &[]);
        assert_eq!(told(&reply, "DPoP"), (401, "invalid_dpop_proof"), "{}: {reply:?}", server.stack);
        // RFC 9449 §7.2: what a thief would do.
        for proof in [None, Some(key.proof(&token))] {
            let proofs: Vec<&str> = proof.as_deref().into_iter().collect();
            let reply = send(&server, "Bearer", &token, &proofs);
            assert_eq!(told(&reply, "Bearer"), (401, "invalid_token"), "{}: {reply:?}", server.stack);
            assert_eq!(told(&reply, "DPoP").1, "", "the reason is told once: {reply:?}");
        }
        let unbound = hs256(&good_claims());
        let reply = send(&server, "DPoP", &unbound, &[&key.proof(&unbound)]);
        assert_eq!(told(&reply, "DPoP"), (401, "invalid_token"), "{}: {reply:?}", server.stack);
        assert_eq!(send(&server, "Bearer", &unbound, &[]).status, 200);
    }
}

#[test]
fn both_schemes_are_offered_where_both_are_accepted() {
    for server in usual() {
        let reply = server.get("/me", &[]);
        let challenges: Vec<&str> = reply.challenges().collect();
        assert_eq!((reply.status, challenges[0], challenges.len()), (401, "Bearer", 2), "{reply:?}");
        assert!(challenges[1].starts_with(&format!("DPoP {ALGS}")), "{reply:?}");
    }
    for server in servers(|builder| builder.public_origin(ORIGIN).require_dpop()) {
        let reply = server.get("/me", &[]);
        let challenges: Vec<&str> = reply.challenges().collect();
        assert!(challenges.len() == 1 && challenges[0].starts_with("DPoP algs="), "{reply:?}");
        let unbound = hs256(&good_claims());
        assert_eq!(told(&send(&server, "Bearer", &unbound, &[]), "DPoP"), (401, "invalid_token"));
        let key = Key::new();
        let token = key.token();
        assert_eq!(send(&server, "DPoP", &token, &[&key.proof(&token)]).status, 200);
        assert_eq!(told(&send(&server, "Bearer", &token, &[]), "DPoP"), (401, "invalid_token"));
    }
}

#[test]
fn a_token_that_is_bound_otherwise_is_refused() {
    let key = Key::new();
    let jkt = key.thumbprint();
    for cnf in [
        json!({}),
        json!(null),
        json!(1),
        json!([jkt]),
        json!({"jkt": null}),
        json!({"jkt": "short"}),
        json!({"jkt": format!("{jkt}=")}),
        json!({"kid": "k"}),
        json!({"jwk": key.jwk()}),
        json!({"x5t#S256": jkt}),
        json!({"jkt": Key::new().thumbprint()}),
    ] {
        let token = with_cnf(&cnf);
        for server in usual() {
            let reply = send(&server, "DPoP", &token, &[&key.proof(&token)]);
            assert_eq!(told(&reply, "DPoP"), (401, "invalid_token"), "{} {cnf}: {reply:?}", server.stack);
            let reply = send(&server, "Bearer", &token, &[]);
            assert_eq!(told(&reply, "Bearer"), (401, "invalid_token"), "{} {cnf}: {reply:?}", server.stack);
        }
    }
}

#[test]
fn a_bound_token_from_elsewhere_than_authorization_is_refused() {
    let key = Key::new();
    let token = key.token();
    let build: Build =
        |builder| builder.public_origin(ORIGIN).source(TokenSource::bearer()).source(TokenSource::cookie("token"));
    for server in servers(build) {
        let (cookie, proof) = (format!("token={token}"), key.proof(&token));
        let reply = server.get("/me", &[("cookie", &cookie), ("dpop", &proof)]);
        assert_eq!((reply.status, told(&reply, "Bearer").1), (401, "invalid_token"), "{reply:?}");
        // Two tokens are two tokens, whatever their scheme.
        let authorization = format!("DPoP {token}");
        let reply = server.get("/me", &[("cookie", &cookie), ("authorization", &authorization), ("dpop", &proof)]);
        assert_eq!(told(&reply, "DPoP"), (400, "invalid_request"), "{reply:?}");
    }
    for server in usual() {
        for value in ["DPoP", "DPoP ", "DPoP\ta", "DPoP a, b", "DPoP a b"] {
            let reply = server.get("/me", &[("authorization", value)]);
            assert_eq!(told(&reply, "DPoP"), (400, "invalid_request"), "{value}: {reply:?}");
        }
    }
}

#[test]
fn the_way_out_lets_bound_tokens_pass_as_bearer_tokens_and_still_checks_proofs() {
    let (key, other) = (Key::new(), Key::new());
    let token = key.token();
    for server in servers(|builder| builder.public_origin(ORIGIN).dangerous_allow_bound_tokens()) {
        assert_eq!(send(&server, "Bearer", &token, &[]).status, 200);
        assert_eq!(send(&server, "DPoP", &token, &[&key.proof(&token)]).status, 200);
        assert_eq!(send(&server, "DPoP", &token, &[&other.proof(&token)]).status, 401);
        assert_eq!(send(&server, "DPoP", &token, &[]).status, 401);
    }
}

#[test]
fn without_a_public_origin_the_host_of_the_request_counts() {
    let key = Key::new();
    let token = key.token();
    for server in servers(|builder| builder) {
        for (host, htu, status) in [
            ("api.example.com", "https://api.example.com/me", 200),
            ("api.example.com", "http://api.example.com/me", 200),
            ("API.example.com:443", "https://api.example.com/me", 200),
            ("api.example.com:8080", "http://api.example.com:8080/me", 200),
            ("api.example.com", "https://other.example.com/me", 401),
            ("api.example.com:8080", "http://api.example.com/me", 401),
        ] {
            let mut claims = claims(&token);
            claims["htu"] = htu.into();
            let proof = key.sign(&key.header().to_string(), &claims.to_string());
            let authorization = format!("DPoP {token}");
            let head = request_to(host, "GET", "/me?a=b", &[("authorization", &authorization), ("dpop", &proof)]);
            let reply = Connection::open(server.address).send(&head);
            assert_eq!(reply.status, status, "{} {host} {htu}: {reply:?}", server.stack);
        }
    }
}

#[test]
fn a_public_origin_may_have_a_path_that_a_proxy_takes_off_and_there_may_be_several() {
    let key = Key::new();
    let token = key.token();
    for server in
        servers(|builder| builder.public_origin("https://example.com/api/").public_origin("http://internal:8080"))
    {
        for (htu, status) in [
            ("https://example.com/api/me", 200),
            ("http://internal:8080/me", 200),
            ("https://example.com/me", 401),
            ("http://internal:8080/api/me", 401),
            ("http://localhost/me", 401),
        ] {
            let mut claims = claims(&token);
            claims["htu"] = htu.into();
            let proof = key.sign(&key.header().to_string(), &claims.to_string());
            let reply = send(&server, "DPoP", &token, &[&proof]);
            assert_eq!(reply.status, status, "{} {htu}: {reply:?}", server.stack);
        }
    }
}

#[test]
fn a_handler_and_a_guard_see_how_a_token_was_shown_to_be_its_senders() {
    let key = DpopKey::generate(Algorithm::Ed25519).unwrap();
    let mut claims = good_claims();
    claims["cnf"] = json!({"jkt": key.thumbprint()});
    let token = hs256(&claims);
    let auth = builder().public_origin(ORIGIN).build().unwrap();
    let proof = key.proof("GET", "https://api.example.com/me?x=y").for_token(&token).issued_at(at(NOW)).sign().unwrap();
    let request = http::Request::get("/me").header("authorization", format!("DPoP {token}")).header("dpop", proof);
    let verified = auth.outcome(&request.body(()).unwrap()).unwrap().result().unwrap().unwrap();
    assert!(
        verified.possession().by_dpop() && verified.possession().is_bound() && !verified.possession().by_certificate()
    );
    // Of a bare token nobody can say so.
    let error = auth.verifier().verify(&token).unwrap_err();
    assert!(matches!(error, AuthError::InvalidToken(TokenError::Bound)), "{error}");
}

#[test]
fn settings_that_contradict_each_other_or_accept_nothing_are_errors() {
    let error = |build: Build| build(builder()).build().err().unwrap();
    for origin in ["api.example.com", "https://", "ftp://a", "https://user@a", "https://a?b", "https://a#b", ""] {
        let error = builder().public_origin(origin).build().unwrap_err();
        assert_eq!(error, AuthenticatorBuildError::PublicOrigin { origin: origin.into() });
    }
    let hmac = error(|builder| builder.dpop(Dpop::new().algorithm(Algorithm::HS256)));
    assert_eq!(hmac, AuthenticatorBuildError::ProofAlgorithm { algorithm: Algorithm::HS256 });
    for dpop in [Dpop::new().max_proofs(0, 1), Dpop::new().max_proofs(1, 0), Dpop::new().max_age(Duration::ZERO)] {
        assert_eq!(builder().dpop(dpop).build().unwrap_err(), AuthenticatorBuildError::NoProofs);
    }
    let contradiction = AuthenticatorBuildError::DpopContradiction;
    assert_eq!(error(|builder| builder.require_dpop().dangerous_allow_bound_tokens()), contradiction);
    assert_eq!(error(|builder| builder.require_dpop().source(TokenSource::cookie("token"))), contradiction);
    assert_eq!(
        error(|builder| builder.dpop(Dpop::new().max_age(Duration::from_secs(1)).max_age(Duration::from_secs(2)))),
        AuthenticatorBuildError::SetTwice { setting: "Dpop::max_age" }
    );
}

#[test]
fn the_metadata_of_the_resource_says_which_proofs_are_accepted() {
    let document = || {
        ResourceMetadata::builder("https://api.example.com")
            .authorization_server("https://login.example.com")
            .build()
            .unwrap()
    };
    let metadata = document();
    let auth = builder().resource_metadata(&metadata).build().unwrap();
    let read = |metadata: &ResourceMetadata| serde_json::from_str::<Value>(metadata.json()).unwrap();
    let algorithms = read(&metadata)["dpop_signing_alg_values_supported"].clone();
    assert_eq!(algorithms[0], "Ed25519");
    let answer = auth.answer(&AuthError::MissingToken);
    let told: Vec<&str> = algorithms.as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    assert!(answer.challenges()[1].to_str().unwrap().contains(&format!("algs=\"{}\"", told.join(" "))));
    assert_eq!(read(&metadata)["dpop_bound_access_tokens_required"], Value::Null);
    // The same again is no contradiction, something else is one.
    builder().resource_metadata(&metadata).build().unwrap();
    let error = builder().resource_metadata(&metadata).require_dpop().build().unwrap_err();
    assert_eq!(error, AuthenticatorBuildError::SharedMetadata);
    let metadata = document();
    builder()
        .resource_metadata(&metadata)
        .require_dpop()
        .dpop(Dpop::new().algorithm(Algorithm::ES256))
        .build()
        .unwrap();
    assert_eq!(read(&metadata)["dpop_signing_alg_values_supported"], json!(["ES256"]));
    assert_eq!(read(&metadata)["dpop_bound_access_tokens_required"], true);
    // Where no proof can come, none is spoken of.
    let metadata = document();
    builder().resource_metadata(&metadata).source(TokenSource::cookie("token")).build().unwrap();
    assert_eq!(read(&metadata)["dpop_signing_alg_values_supported"], Value::Null);
}
