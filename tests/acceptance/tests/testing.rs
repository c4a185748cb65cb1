//! The test kit does what it says, on every stack.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use acceptance::{STACKS, User};
use jwt_core::clock::{Clock, NumericDate, SystemClock};
use jwt_core::error::TokenError;
use jwt_core::testing::{IssuerServer, TestClock, TestIssuer, TestToken};
use jwt_core::{Algorithm, AuthError, Authenticator, KeySet, VerifiedToken};

/// A token that is good for the servers of the suite.
fn alice(issuer: &TestIssuer) -> TestToken {
    issuer.token("alice").claim("name", "Alice")
}

#[test]
fn one_line_makes_any_token_and_every_stack_says_the_right_thing_to_it() {
    let issuer = TestIssuer::new();
    for stack in STACKS {
        let server = stack.start(issuer.builder().build().unwrap());
        assert_eq!(server.get("/me", &[("Authorization", &alice(&issuer).bearer())]).status, 200, "{}", stack.name);
        for (case, token) in [
            ("expired", alice(&issuer).expired()),
            ("not yet valid", alice(&issuer).not_yet_valid()),
            ("wrong audience", alice(&issuer).wrong_audience()),
            ("wrong issuer", alice(&issuer).wrong_issuer()),
            ("stranger", alice(&issuer).signed_by_a_stranger()),
            ("unsigned", alice(&issuer).unsigned()),
            ("tampered", alice(&issuer).tampered()),
            ("without exp", alice(&issuer).without("exp")),
            ("other kid", alice(&issuer).header("kid", "nobody")),
        ] {
            assert_eq!(server.get_with_bearer(&token.compact()).status, 401, "{} {case}", stack.name);
        }
    }
}

#[test]
fn each_token_is_bad_for_the_reason_that_it_was_made_for_and_no_other() {
    let issuer = TestIssuer::new();
    let verifier = issuer.builder::<User>().build_verifier().unwrap();
    let reason = |token: TestToken| match verifier.verify(token.compact()) {
        Err(AuthError::InvalidToken(reason)) => reason,
        other => panic!("{other:?}"),
    };
    assert!(matches!(reason(alice(&issuer).expired()), TokenError::Expired { .. }));
    assert!(matches!(reason(alice(&issuer).not_yet_valid()), TokenError::NotYetValid { .. }));
    assert!(matches!(reason(alice(&issuer).wrong_audience()), TokenError::Audience(_)));
    assert!(matches!(reason(alice(&issuer).wrong_issuer()), TokenError::Issuer(_)));
    assert!(matches!(reason(alice(&issuer).signed_by_a_stranger()), TokenError::Signature));
    assert!(matches!(reason(alice(&issuer).tampered()), TokenError::Signature));
    assert!(matches!(reason(alice(&issuer).unsigned()), TokenError::Unsecured));
    assert!(matches!(reason(alice(&issuer).header("alg", "none")), TokenError::Unsecured));
    assert!(matches!(reason(alice(&issuer).header("kid", "nobody")), TokenError::UnknownKey));
    assert!(matches!(reason(alice(&issuer).claim("name", 5)), TokenError::Shape(_)));
    assert!(matches!(reason(alice(&issuer).without("aud")), TokenError::MissingClaim(_)));
}

#[test]
fn tokens_are_good_by_the_real_clock_and_under_the_keys_alone() {
    let issuer = TestIssuer::new();
    let verifier = Authenticator::<User>::builder()
        .keys(issuer.keys())
        .issuer(issuer.name())
        .audience(issuer.audience())
        .clock(SystemClock)
        .build_verifier()
        .unwrap();
    assert_eq!(verifier.verify(alice(&issuer).compact()).unwrap().subject(), Some("alice"));
    assert!(verifier.verify(alice(&issuer).expired().compact()).is_err());
}

#[test]
fn the_clock_obeys_and_everybody_who_has_it_sees_the_same_time() {
    let clock = TestClock::at(NumericDate::from_secs(1_000));
    let issuer = TestIssuer::new().with_clock(clock.clone());
    let verifier = issuer.builder::<User>().leeway(Duration::ZERO).build_verifier().unwrap();
    let token = alice(&issuer).expires_in(Duration::from_secs(10)).compact();
    clock.advance(Duration::from_secs(9));
    assert!(verifier.verify(&token).is_ok());
    clock.advance(Duration::from_secs(1));
    assert!(matches!(verifier.verify(&token), Err(AuthError::InvalidToken(TokenError::Expired { .. }))));
    clock.set(NumericDate::from_secs(1_000));
    assert!(verifier.verify(&token).is_ok());
    assert_eq!(issuer.clock().now(), NumericDate::from_secs(1_000));
    clock.advance(Duration::MAX);
    assert_eq!(clock.now(), NumericDate::from_secs(u64::MAX));
}

#[test]
fn there_are_keys_for_every_kind_of_algorithm() {
    let all =
        [Algorithm::HS256, Algorithm::HS512, Algorithm::ES256, Algorithm::ES384, Algorithm::EdDSA, Algorithm::Ed25519];
    let more = [Algorithm::RS256, Algorithm::PS256, Algorithm::ES512, Algorithm::MlDsa65];
    let more = if cfg!(feature = "aws-lc-rs") { &more[..] } else { &[] };
    for algorithm in all.iter().chain(more).copied() {
        let issuer = TestIssuer::with_algorithm(algorithm);
        let token = alice(&issuer).compact();
        let verified = issuer.builder::<User>().build_verifier().unwrap().verify(&token).unwrap();
        assert_eq!(verified.header().unwrap().algorithm(), algorithm);
        if !algorithm.as_str().starts_with("HS") {
            let published = Authenticator::<User>::builder().keys(KeySet::jwks(issuer.jwks()).unwrap()).any_audience();
            assert!(published.build_verifier().unwrap().verify(&token).is_ok(), "{algorithm}");
        }
    }
}

#[test]
fn a_secret_is_not_published() {
    let issuer = TestIssuer::with_algorithm(Algorithm::HS256);
    assert_eq!(issuer.jwks(), r#"{"keys":[]}"#);
    assert!(!format!("{issuer:?} {:?}", issuer.keys()).contains("\"k\""));
}

#[test]
fn claims_for_a_unit_test_come_from_the_type_alone_or_from_a_whole_token() {
    let user = User { sub: "alice".into(), name: "Alice".into() };
    let direct = VerifiedToken::for_test(user.clone());
    assert_eq!((direct.claims(), direct.subject(), direct.claims_json()), (&user, None, "{}"));
    assert_eq!(jwt_tower::Claims(direct.clone()).name, "Alice");
    assert_eq!(jwt_actix::Claims(direct).name, "Alice");

    let whole = alice(&TestIssuer::new()).verified::<User>();
    assert_eq!((whole.claims(), whole.subject()), (&user, Some("alice")));
}

#[tokio::test]
async fn claims_reach_a_handler_without_a_layer() {
    use http::Request;
    use tower::ServiceExt;

    async fn me(jwt_tower::Claims(user): jwt_tower::Claims<User>) -> String {
        user.name.clone()
    }
    let user = VerifiedToken::for_test(User { sub: "alice".into(), name: "Alice".into() });
    let request =
        Request::get("/me").extension(jwt_core::adapter::Admission::for_test(user)).body(axum::body::Body::empty());
    let app = axum::Router::new().route("/me", axum::routing::get(me));
    assert_eq!(app.oneshot(request.unwrap()).await.unwrap().status(), 200);
}

/// Status and body of what is at `path`.
fn fetch(server: &IssuerServer, path: &str) -> (u16, String) {
    let address = server.name().strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {address}\r\n\r\n").unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    let (head, body) = reply.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

#[test]
fn the_server_publishes_the_keys_as_they_are_at_that_moment() {
    let server = TestIssuer::new().serve();
    let verifies = |token: &str| {
        let keys = KeySet::jwks(&fetch(&server, "/jwks.json").1).unwrap();
        Authenticator::<User>::builder().keys(keys).any_audience().build_verifier().unwrap().verify(token).is_ok()
    };
    let old = alice(&server).compact();
    assert!(verifies(&old));
    server.rotate();
    let new = alice(&server).compact();
    assert!(verifies(&old) && verifies(&new));
    server.retire();
    assert!(!verifies(&old) && verifies(&new));
    assert_eq!(server.hits(), 5);
}

#[test]
fn the_server_is_discovered_fails_and_recovers_when_it_is_told_to() {
    let server = TestIssuer::new().serve();
    for path in ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"] {
        let document: serde_json::Value = serde_json::from_str(&fetch(&server, path).1).unwrap();
        assert_eq!(
            (document["issuer"].as_str(), document["jwks_uri"].as_str()),
            (Some(server.name()), Some(&*server.jwks_url()))
        );
    }
    server.fail_with(500);
    assert_eq!(fetch(&server, "/jwks.json"), (500, String::new()));
    server.recover();
    server.answer_with("nonsense");
    assert_eq!(fetch(&server, "/jwks.json"), (200, "nonsense".to_owned()));
    server.recover();
    assert_eq!(fetch(&server, "/jwks.json"), (200, server.jwks()));
    assert_eq!(fetch(&server, "/elsewhere").0, 404);

    server.hold();
    std::thread::scope(|scope| {
        let held = scope.spawn(|| fetch(&server, "/jwks.json"));
        server.wait_for_hits(4);
        assert!(!held.is_finished());
        server.recover();
        assert_eq!(held.join().unwrap().0, 200);
    });
}
