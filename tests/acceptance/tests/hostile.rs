//! Faults that attackers have found once, each with its kind, against every stack.

use acceptance::{
    AUDIENCE, Connection, ISSUER, Log, NOW, Reply, SECRET, STACKS, Server, Stopped, User, base64url, builder, compact,
    good_claims, hs256, request_to,
};
use actix_web::dev::{Service as _, ServiceResponse};
use actix_web::test::{TestRequest, init_service, try_call_service};
use actix_web::{App, web};
use jwt_core::error::TokenError;
use jwt_core::{Algorithm, Issuer, Logins, MemoryStore, SigningKey};
use jwt_core::{AuthError, Authenticator, KeySet, RefreshTokens, TokenSource, TrustedIssuer};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const HS256: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

/// Content types of gRPC, and what looks like one.
const GRPC_TYPES: [&str; 8] = [
    "application/grpc",
    "application/grpc+proto",
    "application/grpc+json",
    "application/grpc-web",
    "application/grpc-web+proto",
    "application/grpc-web-text",
    "APPLICATION/GRPC",
    "application/grpc; charset=utf-8",
];

fn send(server: &Server, method: &str, fields: &[(&str, &str)]) -> Reply {
    let mut connection = Connection::open(server.address);
    let request = request_to("localhost", method, "/me", fields);
    if method == "HEAD" { connection.send_for_head(&request) } else { connection.send(&request) }
}

fn assert_refused_as_http(reply: &Reply, case: &str) {
    assert!((400..500).contains(&reply.status), "{case}: {reply:?}");
    assert!(reply.headers.iter().all(|(name, _)| !name.starts_with("grpc-")), "{case}: {reply:?}");
    let media_type = reply.header("content-type").unwrap_or_default();
    assert!(!media_type.contains("grpc"), "{case}: {reply:?}");
}

#[test]
fn a_refusal_is_no_success_whatever_the_request_says_that_it_is() {
    for stack in STACKS {
        let server = stack.start(builder().build().unwrap());
        for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"] {
            for kind in GRPC_TYPES {
                for authorization in ["", "Bearer x", "Bearer a.b.c", "Bearer", "Basic YTpi"] {
                    let mut fields = vec![("Content-Type", kind), ("TE", "trailers"), ("Content-Length", "0")];
                    if !authorization.is_empty() {
                        fields.push(("Authorization", authorization));
                    }
                    let reply = send(&server, method, &fields);
                    assert_refused_as_http(&reply, &format!("{} {method} {kind} {authorization:?}", stack.name));
                }
            }
        }
    }
}

#[test]
fn where_grpc_is_served_calls_alone_are_answered_in_it_and_alike_by_both_adapters() {
    for stack in STACKS {
        let server = stack.start(builder().grpc().build().unwrap());
        for kind in GRPC_TYPES {
            // gRPC itself needs HTTP/2; what comes over HTTP/1.1 is no call.
            for method in ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "POST"] {
                let is_call = method == "POST" && kind.contains("grpc-web");
                let reply = send(&server, method, &[("Content-Type", kind), ("Content-Length", "0")]);
                let case = format!("{} {method} {kind}: {reply:?}", stack.name);
                if is_call {
                    assert_eq!((reply.status, reply.header("grpc-status")), (200, Some("16")), "{case}");
                } else {
                    assert_refused_as_http(&reply, &case);
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 96 } else { 512 }))]

    /// A law: whatever the request, one that is refused has a status of 400 or above.
    #[test]
    fn a_refused_request_has_a_status_of_400_or_above(
        method in "GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|PROPFIND",
        kind in prop_oneof![
            prop::sample::select(&GRPC_TYPES[..]).prop_map(str::to_owned),
            "application/grpc[ -~]{0,12}",
            "[!-~]{0,24}",
        ],
        scheme in "(Bearer|bearer|Basic|DPoP|)[ \t]{0,2}",
        token in "[ -~]{0,40}",
        extra in prop::sample::select(&["te", "x-grpc-web", "x-http-method-override", "upgrade-insecure-requests"][..]),
    ) {
        thread_local! {
            static SERVERS: Vec<Server> =
                STACKS.map(|stack| stack.start(builder().build().expect("it is in order"))).into();
        }
        SERVERS.with(|servers| {
            for server in servers {
                let credentials = format!("{scheme}{token}");
                let fields =
                    [("Content-Type", &*kind), ("Authorization", credentials.trim()), (extra, "trailers"), ("Content-Length", "0")];
                let reply = send(server, &method, &fields);
                assert_refused_as_http(&reply, &format!("{} {method} {fields:?}", server.stack));
            }
        });
    }
}

#[test]
fn nothing_of_a_token_beyond_the_limit_gets_into_the_log() {
    let log = Log::here();
    let token = |filler: usize| {
        let header = format!(r#"{{"alg":"HS256","kid":"kid-marker","x":"{}"}}"#, "x".repeat(filler));
        let claims = json!({"iss": "https://iss-marker.example", "sub": "x".repeat(filler)});
        compact(&header, claims.to_string().as_bytes())
    };
    for stack in STACKS {
        let server = stack.start(builder().max_token_len(1024).build().unwrap());
        log.take();
        assert_eq!(server.get_with_bearer(&token(10)).status, 401);
        let text = log.take();
        assert!(text.contains("kid-marker") && text.contains("iss-marker"), "{}: {text}", stack.name);
        for filler in [800, 4000, 12_000] {
            assert_eq!(server.get_with_bearer(&token(filler)).status, 401);
            let text = log.take();
            assert!(text.contains("request rejected"), "{}: {text}", stack.name);
            assert!(!text.contains("marker"), "{} {filler}: {text}", stack.name);
        }
    }
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = good_claims();
    claims[name] = value;
    claims
}

#[test]
fn an_id_token_opens_no_api_unless_that_is_what_its_clients_have() {
    let mut browsed = with("auth_time", json!(NOW));
    browsed["azp"] = "client".into();
    let mut tokens = vec![browsed.clone()];
    for name in ["nonce", "at_hash", "c_hash", "s_hash"] {
        tokens.push(with(name, json!("bGludXg")));
    }
    let mut access = browsed;
    access["scope"] = "read".into();
    for stack in STACKS {
        let strict = stack.start(builder().build().unwrap());
        let open = stack.start(builder().dangerous_accept_id_tokens().build().unwrap());
        for claims in &tokens {
            assert_eq!(strict.get_with_bearer(&hs256(claims)).status, 401, "{} {claims}", stack.name);
            assert_eq!(open.get_with_bearer(&hs256(claims)).status, 200, "{} {claims}", stack.name);
        }
        // What access tokens have as well tells nothing.
        for claims in [&access, &with("azp", json!("client")), &with("auth_time", json!(NOW))] {
            assert_eq!(strict.get_with_bearer(&hs256(claims)).status, 200, "{} {claims}", stack.name);
        }
    }
}

#[test]
fn what_one_issuer_is_held_to_refuses_no_token_of_another_with_the_same_keys() {
    const OTHER: &str = "https://other.example.net";
    let keys = || KeySet::hs256(SECRET).unwrap();
    let strict = TrustedIssuer::new(ISSUER, keys()).max_age(Duration::from_secs(60));
    let lenient = TrustedIssuer::new(OTHER, keys());
    let builder = Authenticator::<User>::builder().trust(strict).trust(lenient).audience(AUDIENCE).clock(Stopped);
    let verifier = builder.build_verifier().unwrap();
    let mut ours = with("iat", json!(NOW - 3000));
    let mut theirs = ours.clone();
    theirs["iss"] = OTHER.into();
    // The first one leaves a hint behind, which the others come by.
    for _ in 0..3 {
        assert!(verifier.verify(hs256(&good_claims())).is_ok());
        assert!(verifier.verify(hs256(&theirs)).is_ok());
        assert!(matches!(verifier.verify(hs256(&ours)), Err(AuthError::InvalidToken(TokenError::TooOld { .. }))));
        ours["jti"] = "another".into();
        theirs["jti"] = "another".into();
    }
}

#[test]
fn a_member_that_is_there_twice_is_refused_also_within_a_claim_that_is_read_raw() {
    #[derive(serde::Deserialize)]
    struct Raw {
        #[serde(rename = "data")]
        _data: Box<serde_json::value::RawValue>,
    }
    let verifier =
        Authenticator::<Raw>::builder().keys(KeySet::hs256(SECRET).unwrap()).audience(AUDIENCE).clock(Stopped);
    let verifier = verifier.build_verifier().unwrap();
    let token = |data: &str| {
        let exp = NOW + 600;
        compact(HS256, format!(r#"{{"aud":"{AUDIENCE}","exp":{exp},"data":{data}}}"#).as_bytes())
    };
    for good in [r#"{"a":1,"b":{"a":1}}"#, r#"[{"a":1},{"a":1}]"#, "1", r#"{"a":"\"a\":1,\"a\":2"}"#] {
        assert!(verifier.verify(token(good)).is_ok(), "{good}");
    }
    for bad in [r#"{"a":1,"a":2}"#, r#"[{"b":{"a":1,"a":1}}]"#, r#"{"a":1,"\u0061":2}"#, r#"{"x":[[{"a":{},"a":[]}]]}"#]
    {
        assert!(verifier.verify(token(bad)).is_err(), "{bad}");
    }
}

#[test]
fn white_space_around_header_and_claims_is_part_of_json_and_nothing_else_is() {
    let (header, claims) = (HS256.to_owned(), good_claims().to_string());
    for stack in STACKS {
        let server = stack.start(builder().build().unwrap());
        for space in ["\n", " ", "\t", "\r\n", "  \n\t\r "] {
            for (header, claims) in [
                (header.clone(), format!("{claims}{space}")),
                (header.clone(), format!("{space}{claims}")),
                (format!("{header}{space}"), claims.clone()),
                (format!("{space}{header}{space}"), format!("{space}{claims}{space}")),
            ] {
                let reply = server.get_with_bearer(&compact(&header, claims.as_bytes()));
                assert_eq!(reply.status, 200, "{} {header:?} {claims:?}: {reply:?}", stack.name);
            }
        }
        for other in ["\u{feff}", "\0", "\u{b}", "\u{a0}", "\u{2028}", "x", "{}", ","] {
            for (header, claims) in [
                (header.clone(), format!("{claims}{other}")),
                (header.clone(), format!("{other}{claims}")),
                (format!("{header}{other}"), claims.clone()),
                (format!("{other}{header}"), claims.clone()),
            ] {
                let reply = server.get_with_bearer(&compact(&header, claims.as_bytes()));
                assert_eq!(reply.status, 401, "{} {header:?} {claims:?}: {reply:?}", stack.name);
            }
        }
    }
}

#[test]
fn a_value_is_data_whatever_it_spells() {
    for stack in STACKS {
        let server = stack.start(builder().build().unwrap());
        for value in [
            json!("$serde_json::private::RawValue"),
            json!(["$serde_json::private::Number"]),
            json!({"a": "$serde_json::private::x"}),
        ] {
            let reply = server.get_with_bearer(&hs256(&with("note", value.clone())));
            assert_eq!(reply.status, 200, "{} {value}: {reply:?}", stack.name);
        }
        let named = json!({"$serde_json::private::RawValue": "{\"a\":1,\"a\":2}"});
        assert_eq!(server.get_with_bearer(&hs256(&with("note", named))).status, 401, "{}", stack.name);
    }
}

#[test]
fn a_tab_behind_bearer_is_malformed_also_behind_a_space() {
    let token = hs256(&good_claims());
    for stack in STACKS {
        let server = stack.start(builder().build().unwrap());
        for space in ["\t", " \t", "\t ", "  \t", " \t "] {
            let reply = server.get("/me", &[("Authorization", &format!("Bearer{space}{token}"))]);
            assert_eq!(reply.status, 400, "{} {space:?}: {reply:?}", stack.name);
        }
        assert_eq!(server.get("/me", &[("Authorization", &format!("Bearer   {token}"))]).status, 200);
    }
}

/// Logins that the layer renews, and the cookie by which it does.
async fn renewing() -> (Logins, String) {
    let key = SigningKey::secret(Algorithm::HS256, SECRET).unwrap();
    let issuer = Issuer::builder(ISSUER).audience(AUDIENCE).signing_key(key).build().unwrap();
    let refresh_tokens = RefreshTokens::builder(Arc::new(MemoryStore::new())).build().unwrap();
    let logins = Logins::builder(issuer, refresh_tokens).transparent_renewal().build().unwrap();
    let request = http::Request::post("/").body(()).unwrap();
    let login = logins.attempt(&request).unwrap().log_in(&json!({"sub": "alice", "name": "Alice"})).await.unwrap();
    let cookies: Vec<String> = login
        .headers()
        .get_all("set-cookie")
        .iter()
        .map(|cookie| cookie.to_str().unwrap().split(';').next().unwrap().to_owned())
        .filter(|cookie| !cookie.contains("access"))
        .collect();
    (logins, cookies.join("; "))
}

/// What a middleware does that gives up on a response.
fn failed(_: ServiceResponse) -> Result<ServiceResponse, actix_web::Error> {
    Err(actix_web::error::ErrorGone("an inner middleware fails"))
}

#[actix_web::test]
async fn renewed_cookies_reach_the_client_also_where_an_inner_middleware_fails() {
    let (logins, cookie) = renewing().await;
    let auth = jwt_actix::JwtAuth::new(logins.authenticator::<User>().build().unwrap());
    let app = App::new()
        .route("/", web::get().to(|| async { "served" }))
        .wrap_fn(|request, next| {
            let served = next.call(request);
            async move { served.await.and_then(failed) }
        })
        .wrap(auth);
    let app = init_service(app).await;
    let request = TestRequest::get().uri("/").insert_header(("Cookie", cookie)).to_request();
    let response = try_call_service(&app, request).await.expect_err("the middleware fails").error_response();
    assert_eq!(response.status(), 410);
    let cookies = response.headers().get_all("set-cookie").count();
    assert!(cookies >= 2, "the next access token and the next refresh token: {response:?}");
    assert_eq!(response.headers().get("cache-control").unwrap(), "no-store");
}

#[actix_web::test]
async fn what_a_cache_must_know_is_said_also_where_an_inner_middleware_fails() {
    let sources = builder().source(TokenSource::bearer()).source(TokenSource::cookie("t"));
    let app = App::new()
        .route("/", web::get().to(|| async { "served" }))
        .wrap_fn(|request, next| {
            let served = next.call(request);
            async move { served.await.and_then(failed) }
        })
        .wrap(jwt_actix::JwtAuth::new::<User>(sources.build().unwrap()));
    let app = init_service(app).await;
    let bearer = format!("Bearer {}", hs256(&good_claims()));
    let request = TestRequest::get().uri("/").insert_header(("Authorization", bearer)).to_request();
    let response = try_call_service(&app, request).await.expect_err("the middleware fails").error_response();
    assert_eq!(response.headers().get("cache-control").unwrap(), "private");
    assert!(response.headers().contains_key("vary"), "{response:?}");
}

#[test]
fn a_token_of_many_small_members_over_the_limit_is_not_read() {
    // What is in it would be a good token, if somebody read it.
    let mut claims = good_claims();
    for number in 0..20_000 {
        claims[format!("m{number}")] = number.into();
    }
    let token = compact(HS256, claims.to_string().as_bytes());
    let verifier = builder().build_verifier().unwrap();
    assert!(matches!(verifier.verify(&token), Err(AuthError::InvalidToken(TokenError::TooLong { .. }))));
    assert!(base64url(claims.to_string()).len() > 16 * 1024);
}
