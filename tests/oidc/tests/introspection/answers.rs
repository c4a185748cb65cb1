//! What the issuer answers: whatever it does, and signed answers (RFC 9701).

use jwt_core::error::{AuthError, Unavailable};
use jwt_core::introspection::{Introspection, IntrospectionError};
use jwt_core::{Algorithm, KeySet, SigningKey};
use oidc_tests::{KeyServer, Reply};
use serde_json::{Value, json};

use super::{Asked, ISSUER, SECOND, alice, asking, auth, but, now, outcome, runtime, status};

#[test]
fn whatever_the_issuer_does_no_token_is_refused_or_accepted_for_it() {
    let runtime = runtime();
    let good = alice(ISSUER).to_string();
    let elsewhere = KeyServer::start({
        let good = good.clone();
        move |_| Reply::ok(good.clone())
    });
    let huge = format!("{},\"x\":\"{}\"}}", &good[..good.len() - 1], "x".repeat(1 << 20));
    let cases = [
        ("500", Reply::status(500)),
        ("404", Reply::status(404)),
        ("204", Reply::status(204)),
        ("429", Reply::status(429)),
        ("401", Reply::status(401)),
        ("400", Reply::Answer { status: 400, headers: Vec::new(), body: br#"{"error":"invalid_client"}"#.to_vec() }),
        ("201 with a good answer", Reply::Answer { status: 201, headers: Vec::new(), body: good.clone().into() }),
        ("307", Reply::status(307).with("Location", elsewhere.url("/ask"))),
        ("303", Reply::status(303).with("Location", elsewhere.url("/ask"))),
        ("silence", Reply::Hang),
        ("a slow drip", Reply::Drip),
        ("a closed connection", Reply::Close),
        ("half of an answer", Reply::Cut(good.clone().into_bytes())),
        ("1 MiB", Reply::ok(huge)),
        ("nothing", Reply::ok("")),
        ("truncated JSON", Reply::ok(&good.as_bytes()[..good.len() - 3])),
        ("a page", Reply::ok("<!DOCTYPE html><title>Sign in</title>").with("Content-Type", "text/html")),
        ("an array", Reply::ok(format!("[{good}]"))),
        ("two objects", Reply::ok(format!("{good}{good}"))),
        ("no `active`", Reply::ok(good.replace("active", "alive"))),
        ("`active` as text", Reply::ok(good.replace("\"active\":true", "\"active\":\"true\""))),
        ("`active` as a number", Reply::ok(good.replace("\"active\":true", "\"active\":1"))),
        ("`active` twice", Reply::ok(good.replace("\"active\":true", "\"active\":true,\"active\":true"))),
        ("a member twice", Reply::ok(good.replace("\"active\":true", "\"active\":true,\"sub\":\"eve\""))),
        ("no UTF-8", Reply::ok(b"{\"active\":true,\"x\":\"\xff\"}".as_slice())),
        ("deep JSON", Reply::ok(format!("{{\"active\":true,\"x\":{}", "[".repeat(60_000)))),
        ("a signed answer", Reply::ok("a.b.c").with("Content-Type", "application/token-introspection+jwt")),
        ("compressed", Reply::ok(good.clone()).with("Content-Encoding", "gzip")),
    ];
    for (name, reply) in cases {
        let server = KeyServer::start(move |_| reply.clone());
        let introspection = Introspection::at(server.url("/ask?key=hunter2")).issuer(ISSUER);
        let introspection = introspection.client_secret_post("api", "hunter3");
        let hangs = matches!(name, "silence" | "a slow drip");
        let introspection = introspection.timeout(if hangs { 2 * SECOND } else { 60 * SECOND });
        let auth = auth(&introspection);
        runtime.block_on(async {
            let error = outcome(&auth, "hunter4", None).await.unwrap_err();
            assert!(matches!(error, AuthError::Unavailable(Unavailable::Introspection { .. })), "{name}: {error:?}");
            let answer = auth.answer(&error);
            assert!(answer.status.as_u16() == 503 && answer.retry_after.is_some(), "{name}");
        });
        let asked = server.requests();
        assert!(hangs || asked[0].parameter("client_secret") == Some("hunter3"), "{name}: {asked:?}");
        let status = introspection.status();
        let said = status.error.clone().unwrap();
        let all = format!("{said:?} {said} {status:?} {introspection:?} {auth:?}");
        assert!(!all.contains("hunter"), "{name}: {all}");
        let refuses = matches!(said, IntrospectionError::Credentials { .. });
        assert_eq!(refuses, matches!(name, "400" | "401"), "{name}: {said:?}");
    }
    assert_eq!(elsewhere.count(), 0, "no redirect is followed");
}

/// An answer that is signed, with other members of its own and in its head.
fn signed(key: &SigningKey, typ: &str, outer: &Value) -> String {
    let claims = json!({"iss": ISSUER, "aud": "api", "iat": now(), "token_introspection": alice(ISSUER)});
    key.clone().with_typ(typ.to_owned()).sign(&but(claims, outer)).unwrap()
}

#[tokio::test]
async fn signed_answers_are_verified_and_unsigned_ones_refused_where_they_are_demanded() {
    const TYP: &str = "token-introspection+jwt";
    let [key, other] = [(); 2].map(|()| SigningKey::generate(Algorithm::ES256).unwrap().with_kid("k"));
    let keys = KeySet::new([key.verifying_key()]).unwrap();
    let stale = json!({"iat": now() - 3600});
    let no_object = json!({"token_introspection": "active"});
    let inactive = json!({"token_introspection": {"active": false}});
    let swapped = json!({"token_introspection": alice("https://evil.example.com")});
    let media_type = "application/token-introspection+jwt; charset=utf-8";
    let cases = [
        ("good", media_type, signed(&key, TYP, &json!({})), 200),
        ("for several", media_type, signed(&key, TYP, &json!({"aud": ["api", "other"]})), 200),
        ("inactive", media_type, signed(&key, TYP, &inactive), 401),
        ("about a token of another issuer", media_type, signed(&key, TYP, &swapped), 401),
        ("not signed", "application/json", alice(ISSUER).to_string(), 503),
        ("not signed, and said to be", media_type, alice(ISSUER).to_string(), 503),
        ("signed, and said not to be", "application/json", signed(&key, TYP, &json!({})), 503),
        ("by another key", media_type, signed(&other, TYP, &json!({})), 503),
        ("an access token", media_type, signed(&key, "at+jwt", &json!({})), 503),
        ("a JWT", media_type, signed(&key, "JWT", &json!({})), 503),
        ("of another issuer", media_type, signed(&key, TYP, &json!({"iss": "https://evil.example.com"})), 503),
        ("for another client", media_type, signed(&key, TYP, &json!({"aud": "other"})), 503),
        ("for nobody", media_type, signed(&key, TYP, &json!({"aud": null})), 503),
        ("of another time", media_type, signed(&key, TYP, &stale), 503),
        ("of no time", media_type, signed(&key, TYP, &json!({"iat": null})), 503),
        ("without an answer", media_type, signed(&key, TYP, &json!({"token_introspection": null})), 503),
        ("no object", media_type, signed(&key, TYP, &no_object), 503),
        ("changed", media_type, signed(&key, TYP, &json!({})).replacen('.', ".e", 1), 503),
    ];
    for (case, media_type, body, expected) in cases {
        let asked = Asked::new(move |request| {
            assert_eq!(request.headers()["accept"], "application/token-introspection+jwt");
            (200, media_type, body.clone())
        });
        let introspection = asking(&asked).require_signed_answers(keys.clone());
        let auth = auth(&introspection);
        assert_eq!(status(&auth, "token").await, expected, "{case}: {:?}", introspection.status().error);
    }
}
