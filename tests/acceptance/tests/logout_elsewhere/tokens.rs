//! What a logout token has to be (OpenID Connect Back-Channel Logout 1.0 §2.6).

use acceptance::{AUDIENCE, Connection, LOGOUT_STACKS, NOW, Stopped, request_to};
use jwt_core::{Algorithm, Authenticator, SigningKey};
use serde_json::{Value, json};

use super::{
    CLIENT, LOGOUT, PROVIDER, Place, RISC, access, code, event_claims, iss_sub, keys, logout_claims, logout_token,
    post, provider, token, with,
};

#[test]
fn what_is_no_logout_is_refused_with_its_status_on_every_stack() {
    let answers: Vec<Vec<(u16, Option<String>, String)>> = LOGOUT_STACKS
        .iter()
        .map(|stack| {
            let place = Place::new();
            let server = stack.start(Place::authenticator(&place.list), place.receiver());
            let form = "application/x-www-form-urlencoded";
            let long = format!("logout_token={}", "a".repeat(40_000));
            let mut replies = vec![
                post(&server, "application/json", "{}"),
                post(&server, form, &long),
                post(&server, form, "logout_token="),
                post(&server, form, ""),
                post(&server, form, "logout_token=a.b.c"),
                post(&server, "application/secevent+jwt", "a.b.c"),
                server.get("/auth/provider-events", &[]),
                server.get("/auth/provider-events/", &[]),
            ];
            let put = request_to("localhost", "PUT", "/auth/provider-events", &[("Content-Length", "0")]);
            replies.push(Connection::open(server.address).send(&put));
            replies
                .into_iter()
                .map(|reply| (reply.status, reply.header("allow").map(str::to_owned), reply.body))
                .collect()
        })
        .collect();
    let statuses: Vec<u16> = answers[0].iter().map(|(status, ..)| *status).collect();
    assert_eq!(statuses, [415, 413, 400, 400, 400, 400, 405, 401, 405]);
    assert_eq!(answers[0][6].1.as_deref(), Some("POST"));
    assert!(answers[0][4].2.starts_with(r#"{"error":"invalid_request","error_description":""#), "{:?}", answers[0][4]);
    assert!(answers[0][5].2.starts_with(r#"{"err":"invalid_request","description":""#), "{:?}", answers[0][5]);
    assert!(answers.iter().all(|answer| answer == &answers[0]), "{answers:?}");
}

#[test]
fn every_must_of_a_logout_token_is_demanded() {
    let place = Place::new();
    let receiver = place.receiver();
    let good = access("alice", Some("s-1"));
    let by_sid = json!({"sid": "s-1", "sub": "alice"});
    let claims = |more: &Value| with(with(logout_claims(), &by_sid), more);
    let of = |more: &Value| token(Some("logout+jwt"), &claims(more));
    let other_key = {
        let key = SigningKey::secret(Algorithm::HS256, [7; 32]).unwrap().with_typ("logout+jwt");
        key.sign(&claims(&json!({}))).unwrap()
    };
    let body = acceptance::base64url(claims(&json!({})).to_string());
    let unsecured = format!("{}.{body}.", acceptance::base64url(r#"{"alg":"none","typ":"logout+jwt"}"#));
    let bad = [
        ("typ of an access token", token(Some("at+jwt"), &claims(&json!({})))),
        ("typ of an ID token", token(Some("JWT"), &claims(&json!({})))),
        ("typ of a security event", token(Some("secevent+jwt"), &claims(&json!({})))),
        ("empty typ", token(Some(""), &claims(&json!({})))),
        ("no iss", of(&json!({"iss": null}))),
        ("another iss", of(&json!({"iss": "https://evil.example"}))),
        ("no aud", of(&json!({"aud": null}))),
        ("another aud", of(&json!({"aud": AUDIENCE}))),
        ("no iat", of(&json!({"iat": null}))),
        ("an old iat", of(&json!({"iat": NOW - 331, "exp": NOW + 60}))),
        ("an iat in the future", of(&json!({"iat": NOW + 31}))),
        ("no exp", of(&json!({"exp": null}))),
        ("expired", of(&json!({"exp": NOW - 31}))),
        ("not yet", of(&json!({"nbf": NOW + 31}))),
        ("no jti", of(&json!({"jti": null}))),
        ("an empty jti", of(&json!({"jti": ""}))),
        ("a jti of another type", of(&json!({"jti": 1}))),
        ("no events", of(&json!({"events": null}))),
        ("no event", of(&json!({"events": {}}))),
        ("events of another type", of(&json!({"events": [LOGOUT]}))),
        ("an event of another type", of(&json!({"events": {LOGOUT: true}}))),
        ("another event", of(&json!({"events": {"https://example.com/other": {}}}))),
        ("one more event", of(&json!({"events": {LOGOUT: {}, "https://example.com/other": {}}}))),
        ("neither sid nor sub", of(&json!({"sid": null, "sub": null}))),
        ("a sid of another type", of(&json!({"sid": 1}))),
        ("an empty sid", of(&json!({"sid": ""}))),
        ("a sub of another type", of(&json!({"sub": ["alice"]}))),
        ("an empty sub", of(&json!({"sub": ""}))),
        ("a nonce", of(&json!({"nonce": "n"}))),
        (
            "a nonce that is null",
            token(Some("logout+jwt"), &{
                let mut claims = claims(&json!({}));
                claims["nonce"] = Value::Null;
                claims
            }),
        ),
        ("another key", other_key),
        ("alg none", unsecured),
        ("an access token", access("alice", Some("s-1"))),
    ];
    for (what, token) in bad {
        let response = place.log_out(&receiver, &token);
        assert_eq!(code(&response, "error"), (400, "invalid_request".into()), "{what}");
        assert_eq!(response.headers()["cache-control"], "no-store", "{what}");
        // Nor by the other way in.
        assert_eq!(place.push(&receiver, &token).status(), 400, "{what}");
    }
    assert!(place.list.is_empty() && place.accepts(&good) && place.told().is_empty());
    for (what, token) in [
        ("without typ", token(None, &claims(&json!({})))),
        ("the long typ", token(Some("application/logout+jwt"), &claims(&json!({"sub": null})))),
        ("several aud", of(&json!({"aud": ["x", CLIENT], "sid": null}))),
        ("as old as it may be", of(&json!({"iat": NOW - 329, "exp": NOW - 29}))),
    ] {
        let response = place.log_out(&receiver, &token);
        assert_eq!((response.status().as_u16(), response.body().as_str()), (200, ""), "{what}");
    }
    assert!(!place.accepts(&good) && place.told().len() == 4);
}

#[test]
fn providers_of_before_have_a_way_in_that_says_what_it_gives_up() {
    let place = Place::new();
    let receiver = place.builder().provider(provider().dangerous_allow_generic_typ()).build().unwrap();
    let claims = with(logout_claims(), &json!({"sub": "alice"}));
    assert_eq!(place.log_out(&receiver, &token(Some("at+jwt"), &claims)).status(), 400);
    assert_eq!(place.log_out(&receiver, &token(Some("JWT"), &claims)).status(), 200);
    let set = event_claims(&format!("{RISC}/account-purged"), &json!({}), &iss_sub("alice"));
    assert_eq!(place.push(&receiver, &token(None, &set)).status(), 202);
}

#[test]
fn a_logout_token_opens_no_api() {
    let place = Place::new();
    let auth = Authenticator::<Value>::builder().keys(keys()).issuer(PROVIDER).audience(CLIENT).clock(Stopped);
    let auth = auth.build().unwrap();
    let told = logout_token(&json!({"sub": "alice"}));
    let refused = auth.verifier().verify(&told).unwrap_err().to_string();
    assert!(refused.contains("a logout token"), "{refused}");
    // An event by chance is in the claims of an access token that says that it is one.
    let own = token(None, &with(logout_claims(), &json!({"sub": "alice", "scope": "read"})));
    assert!(auth.verifier().verify(own).is_ok());
    drop(place);
}
