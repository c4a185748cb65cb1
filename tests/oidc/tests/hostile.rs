//! A key server that means harm, or is merely broken: keys that are known go on being good, and nothing is made of what
//! it says that should not be.

use std::time::Duration;

use jwt_core::error::AuthenticatorBuildError;
use jwt_core::key::{FetchError, KeyError, RemoteKeySetBuildError};
use jwt_core::{Algorithm, Authenticator, RemoteKeySet, SigningKey, TokenCache};
use oidc_tests::{Key, KeyServer, Reply, Scripted, at_once, builder, eventually, jwks, status};
use serde_json::json;

const ISSUER: &str = "https://login.example.com";

fn keys(server: &KeyServer) -> RemoteKeySet {
    RemoteKeySet::jwks(server.url("/jwks")).cool_down(Duration::ZERO).timeout(Duration::from_millis(700))
}

fn authenticator(keys: &RemoteKeySet) -> Authenticator<acceptance::User> {
    builder().keys(keys).cache(TokenCache::new()).build().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_the_server_does_known_keys_stay_and_unknown_ones_cannot_be_told() {
    let (known, other) = (Key::new("known"), Key::new("other"));
    let set = jwks([&known]);
    let many = format!("{{\"keys\":[{}]}}", vec![known.jwk.to_string(); 1000].join(","));
    let elsewhere = KeyServer::start({
        let set = jwks([&known, &other]);
        move |_| Reply::ok(set.clone())
    });
    let cases = [
        ("500", Reply::status(500)),
        ("404", Reply::status(404)),
        ("204", Reply::status(204)),
        ("301", Reply::status(301).with("Location", elsewhere.url("/jwks"))),
        ("307", Reply::status(307).with("Location", elsewhere.url("/jwks"))),
        ("304 to a question that was none", Reply::status(304)),
        ("silence", Reply::Hang),
        ("a slow drip", Reply::Drip),
        ("a closed connection", Reply::Close),
        ("half of an answer", Reply::Cut(set.clone().into_bytes())),
        ("2 MiB", Reply::ok(format!("{{\"keys\":[],\"x\":\"{}\"}}", "x".repeat(2 << 20)))),
        ("truncated JSON", Reply::ok(&set.as_bytes()[..set.len() - 3])),
        ("nothing", Reply::ok("")),
        ("a page", Reply::ok("<!DOCTYPE html><title>Sign in</title>").with("Content-Type", "text/html")),
        ("an array", Reply::ok("[]")),
        ("keys that are no array", Reply::ok(r#"{"keys":{}}"#)),
        ("keys twice", Reply::ok(format!(r#"{{"keys":[],"keys":[{}]}}"#, other.jwk))),
        ("no UTF-8", Reply::ok(b"{\"keys\":[],\"x\":\"\xff\"}".as_slice())),
        ("deep JSON", Reply::ok("[".repeat(100_000))),
        ("1 000 keys", Reply::ok(many)),
    ];
    let server = KeyServer::start({
        let set = set.clone();
        move |_| Reply::ok(set.clone())
    });
    let keys = keys(&server);
    let auth = authenticator(&keys);
    keys.ready().await.unwrap();
    for (failures, (name, reply)) in (1..).zip(cases) {
        server.behave(move |_| reply.clone());
        let before = server.count();
        assert_eq!(status(&auth, &other.token(ISSUER)).await, 503, "{name}");
        assert!(server.count() > before, "{name}");
        assert_eq!(at_once(&auth, &known.token(ISSUER)), Some(200), "{name}");
        assert_eq!(at_once(&auth, &other.token_named("known", ISSUER)), Some(401), "{name}");
        let status = keys.status();
        assert!(status.failures >= failures && status.error.is_some() && status.is_usable(), "{name}: {status:?}");
    }
    assert_eq!(elsewhere.count(), 0, "a redirect was followed");
    server.behave(move |_| Reply::ok(set.clone()));
    assert_eq!(status(&auth, &other.token(ISSUER)).await, 401);
    assert!(keys.status().error.is_none());
}

#[tokio::test]
async fn keys_that_cannot_be_used_are_skipped_and_reported_and_the_others_are_used() {
    let (good, twin, private) = (Key::new("good"), Key::new("good"), Key::new("private"));
    let mut leaked = private.jwk.clone();
    leaked["d"] = "AAAA".into();
    let secret = "a published secret of at least 32 bytes";
    let set = json!({"keys": [
        good.jwk,
        leaked,
        {"kty": "oct", "alg": "HS256", "kid": "oct", "k": acceptance::base64url(secret)},
        {"kty": "PQ", "kid": "future"},
        {"kty": "EC", "crv": "P-256", "kid": "no-point", "x": "AA", "y": "AA"},
        {"kty": "RSA", "use": "enc", "kid": "enc", "n": "AQAB", "e": "AQAB"},
        "no object",
        twin.jwk,
    ]})
    .to_string();
    let server = KeyServer::start(move |_| Reply::ok(set.clone()));
    let keys = keys(&server);
    let auth = authenticator(&keys);
    keys.ready().await.unwrap();
    let known = keys.status();
    assert_eq!((known.keys, known.skipped, known.failures), (2, 6, 0));
    // Two keys of one name are both tried.
    for key in [&good, &twin] {
        assert_eq!(at_once(&auth, &key.token(ISSUER)), Some(200));
    }
    let by_secret = SigningKey::secret(Algorithm::HS256, secret).unwrap().with_kid("oct");
    let by_secret = by_secret.sign(&json!({"aud": "api", "sub": "a", "name": "A", "exp": 4_000_000_000_u64})).unwrap();
    for token in [by_secret, private.token(ISSUER), private.token_named("enc", ISSUER)] {
        assert_eq!(status(&auth, &token).await, 401);
    }
}

#[tokio::test]
async fn algorithms_that_were_asked_for_are_used_and_no_others() {
    // RSA and EC without `alg`, and a secret, which nobody else's set may have.
    let secret = "a published secret of at least 32 bytes";
    let (ec, oct) = (Key::new("ec"), json!({"kty": "oct", "kid": "oct", "k": acceptance::base64url(secret)}));
    let mut rsa: serde_json::Value = serde_json::from_str(&acceptance::key_file("jwks.json")).unwrap();
    let rsa = rsa["keys"].as_array_mut().unwrap().iter().find(|key| key["kid"] == "rsa").unwrap().clone();
    let set = json!({"keys": [rsa, ec.jwk, oct]}).to_string();
    let server = KeyServer::start(move |_| Reply::ok(set.clone()));
    let claims = json!({"aud": acceptance::AUDIENCE, "sub": "alice", "name": "Alice", "exp": 4_000_000_000_u64});
    let by_rsa = |algorithm| {
        let key = SigningKey::pem(algorithm, acceptance::key_file("rsa.pem")).unwrap().with_kid("rsa");
        key.sign(&claims).unwrap()
    };
    let by_secret = SigningKey::secret(Algorithm::HS256, secret).unwrap().with_kid("oct").sign(&claims).unwrap();
    let tokens = [by_rsa(Algorithm::RS256), by_rsa(Algorithm::PS256), ec.token(ISSUER), by_secret];
    let cases: [(Option<Vec<Algorithm>>, [u16; 4]); 4] = [
        (None, [200, 401, 200, 401]),
        (Some(vec![Algorithm::PS256]), [401, 200, 401, 401]),
        (Some(vec![Algorithm::RS256, Algorithm::PS256, Algorithm::ES256]), [200, 200, 200, 401]),
        (Some(vec![Algorithm::HS256]), [401, 401, 401, 200]),
    ];
    for (asked, expected) in cases {
        let keys = match &asked {
            Some(algorithms) => keys(&server).algorithms(algorithms.clone()),
            None => keys(&server),
        };
        let auth = authenticator(&keys);
        keys.ready().await.unwrap();
        for (token, expected) in tokens.iter().zip(expected) {
            assert_eq!(status(&auth, token).await, expected, "{asked:?} {token}");
        }
    }
}

#[tokio::test]
async fn an_address_that_does_not_answer_is_given_up_before_the_fetch_is() {
    // Nobody accepts, and there is no room for another connection.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    let mut held = Vec::new();
    let full = Duration::from_millis(300);
    while let Ok(stream) = tokio::time::timeout(full, tokio::net::TcpStream::connect(address)).await {
        held.push(stream.unwrap());
        assert!(held.len() < 100, "there is always room");
    }
    let keys = RemoteKeySet::jwks(format!("http://{address}/jwks")).timeout(Duration::from_secs(3600));
    let keys = keys.connect_timeout(Duration::from_millis(100));
    let _auth = authenticator(&keys);
    let ended = tokio::time::timeout(Duration::from_secs(30), keys.ready()).await;
    let error = ended.expect("it is given up long before the fetch is").unwrap_err();
    assert!(matches!(error, FetchError::Transport(_)), "{error:?}");
}

#[tokio::test]
async fn a_set_that_lost_a_key_or_all_of_them_stops_their_tokens_cached_ones_too() {
    let (lost, kept, next) = (Key::new("lost"), Key::new("kept"), Key::new("next"));
    let sets = [jwks([&lost, &kept]), jwks([&kept]), jwks([]), jwks([&kept])];
    let server = KeyServer::start(|_| Reply::status(500));
    let serve = |set: &String| {
        let set = set.clone();
        server.behave(move |_| Reply::ok(set.clone()));
    };
    serve(&sets[0]);
    let keys = keys(&server);
    let auth = authenticator(&keys);
    keys.ready().await.unwrap();
    let (lost, kept, junk) = (lost.token(ISSUER), kept.token(ISSUER), next.token(ISSUER));
    for _ in 0..2 {
        assert_eq!((at_once(&auth, &lost), at_once(&auth, &kept)), (Some(200), Some(200)));
    }
    serve(&sets[1]);
    assert_eq!(status(&auth, &junk).await, 401);
    assert_eq!(at_once(&auth, &kept), Some(200));
    assert_eq!(status(&auth, &lost).await, 401);
    serve(&sets[2]);
    assert_eq!(status(&auth, &junk).await, 503);
    assert_eq!(status(&auth, &kept).await, 503, "the provider says that none of its keys is to be used");
    let known = keys.status();
    assert_eq!((known.keys, known.failures), (0, 0));
    assert!(matches!(keys.ready().await, Err(FetchError::Keys(KeyError::Empty { skipped })) if skipped.is_empty()));
    serve(&sets[3]);
    assert_eq!(status(&auth, &kept).await, 200);
}

#[tokio::test]
async fn a_set_is_not_the_same_as_another_that_serde_cannot_hold_either() {
    let (lost, kept) = (Key::new("lost"), Key::new("kept"));
    let odd = |keys: &str| format!(r#"{{"keys":[{keys}],"huge":1e999}}"#);
    let (both, one) = (odd(&format!("{},{}", lost.jwk, kept.jwk)), odd(&kept.jwk.to_string()));
    let server = KeyServer::start(move |_| Reply::ok(both.clone()));
    let keys = keys(&server);
    let auth = authenticator(&keys);
    if keys.ready().await.is_err() {
        // Refused altogether is as good.
        return;
    }
    assert_eq!(at_once(&auth, &lost.token(ISSUER)), Some(200));
    server.behave(move |_| Reply::ok(one.clone()));
    assert_eq!(status(&auth, &Key::new("junk").token(ISSUER)).await, 401);
    assert_eq!(status(&auth, &lost.token(ISSUER)).await, 401);
    assert_eq!(at_once(&auth, &kept.token(ISSUER)), Some(200));
}

#[tokio::test]
async fn a_set_that_is_still_the_same_is_not_sent_twice() {
    let key = Key::new("k");
    let set = jwks([&key]);
    let server = KeyServer::start(move |request| match request.header("if-none-match") {
        Some("\"v1\"") => Reply::status(304),
        Some(other) => panic!("{other}"),
        None => Reply::ok(set.clone()).with("ETag", "\"v1\""),
    });
    let keys = keys(&server);
    let auth = authenticator(&keys);
    keys.ready().await.unwrap();
    for fetches in 2..5 {
        assert_eq!(status(&auth, &Key::new("junk").token(ISSUER)).await, 401);
        let known = keys.status();
        assert_eq!((known.fetches, known.failures, server.count() as u64), (fetches, 0, fetches));
        assert_eq!(at_once(&auth, &key.token(ISSUER)), Some(200));
    }
    let tags: Vec<bool> = server.requests().iter().map(|request| request.header("if-none-match").is_some()).collect();
    assert_eq!(tags, [false, true, true, true]);
}

#[tokio::test]
async fn what_the_answer_says_of_its_life_is_held_within_bounds() {
    for cache_control in ["max-age=0", "no-store", "max-age=86400"] {
        let server = KeyServer::start(move |_| Reply::ok(jwks([&Key::new("k")])).with("Cache-Control", cache_control));
        let keys = keys(&server).lifetime(Duration::from_secs(3600), Duration::from_secs(1), Duration::from_secs(2));
        let auth = authenticator(&keys);
        keys.ready().await.unwrap();
        let trusted_for = keys.status().trusted_for.unwrap();
        assert!(trusted_for <= Duration::from_secs(3602), "{cache_control}: {trusted_for:?}");
        tokio::task::spawn_blocking(move || eventually("a second fetch", || server.count() > 1)).await.unwrap();
        drop(auth);
    }
}

#[tokio::test]
async fn metadata_is_found_in_each_of_its_places_and_must_be_that_of_the_issuer() {
    let key = Key::new("k");
    let set = jwks([&key]);
    for place in [
        "/tenant/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server/tenant",
        "/.well-known/openid-configuration/tenant",
    ] {
        let server = KeyServer::start(|_| Reply::status(404));
        let issuer = server.url("/tenant");
        let metadata = json!({"issuer": issuer, "jwks_uri": server.url("/jwks")}).to_string();
        let set = set.clone();
        server.behave(move |request| match &*request.path {
            "/jwks" => Reply::ok(set.clone()),
            path if path == place => Reply::ok(metadata.clone()),
            _ => Reply::status(404),
        });
        let keys = RemoteKeySet::discover(&issuer);
        let auth = authenticator(&keys);
        keys.ready().await.unwrap_or_else(|error| panic!("{place}: {error}"));
        assert_eq!(at_once(&auth, &key.token(&issuer)), Some(200), "{place}");
        // Whose keys were discovered is expected to be the issuer without being told.
        assert_eq!(at_once(&auth, &key.token(ISSUER)), Some(401), "{place}");
    }

    let metadata_of = |issuer: &str, uri: &str| json!({"issuer": issuer, "jwks_uri": uri}).to_string();
    for (error, document) in [
        ("that of another issuer, \"BASE/\"", metadata_of("BASE/", "BASE/jwks")),
        ("not an https address", metadata_of("BASE", "http://keys.example.com/jwks")),
        ("has no `issuer` and `jwks_uri`", metadata_of("BASE", "/jwks")),
        ("has no `issuer` and `jwks_uri`", r#"{"issuer":"BASE"}"#.to_owned()),
    ] {
        let server = KeyServer::start(|_| Reply::status(404));
        let base = server.url("");
        let metadata = document.replace("BASE", &base);
        server.behave(move |_| Reply::ok(metadata.clone()));
        let keys = RemoteKeySet::discover(&base);
        let auth = authenticator(&keys);
        let found = keys.ready().await.unwrap_err().to_string();
        assert!(found.contains(&error.replace("BASE", &base)), "{error}: {found}");
        assert_eq!(status(&auth, &key.token(&base)).await, 503);
        assert!(server.requests().iter().all(|request| request.path != "/jwks"));
    }
}

#[tokio::test]
async fn a_provider_in_trouble_is_not_asked_for_its_metadata_in_other_places() {
    for code in [429, 500, 503] {
        let server = KeyServer::start(move |_| Reply::status(code));
        let keys = RemoteKeySet::discover(server.url("/tenant"));
        let _auth = authenticator(&keys);
        let error = keys.ready().await.unwrap_err();
        assert!(matches!(error.first(), FetchError::Status(status) if *status == code), "{error:?}");
        assert_eq!(server.count(), 1);
    }
}

#[tokio::test]
async fn a_setting_that_is_given_twice_is_refused() {
    let (second, set) = (Duration::from_secs(1), || RemoteKeySet::jwks("https://login.example.com/jwks"));
    for (setting, twice) in [
        ("algorithms", set().algorithms([Algorithm::ES256]).algorithms([Algorithm::RS256])),
        ("lifetime", set().lifetime(second, second, second).lifetime(second, second, second)),
        ("stale_if_error", set().stale_if_error(second).timeout(second).stale_if_error(2 * second)),
        ("cool_down", set().cool_down(second).cool_down(second)),
        ("timeout", set().timeout(second).clone().timeout(second)),
        ("connect_timeout", set().connect_timeout(second).connect_timeout(second)),
        ("max_bytes", set().max_bytes(1000).max_bytes(2000)),
        ("max_keys", set().max_keys(1).max_keys(2)),
        ("client", set().client(Scripted::default()).client(Scripted::default())),
    ] {
        let error = builder().keys(twice).build().unwrap_err();
        assert_eq!(error, AuthenticatorBuildError::Keys(RemoteKeySetBuildError::SetTwice { setting }));
        assert!(format!("{error:?}").contains(&format!("`.{setting}(…)`")), "{error}");
    }
}

#[tokio::test]
async fn what_is_wrong_with_an_answer_is_said_with_the_address_and_the_fix() {
    let set = jwks([&Key::new("k")]);
    let unusable = r#"{"keys":[{"kty":"oct","k":"AAAA","kid":"s"},{"kty":"EC","crv":"secp256k1","kid":"b"}]}"#;
    let gzip = [&[0x1f, 0x8b, 8][..], set.as_bytes()].concat();
    let redirect = Reply::status(302).with("Location", "https://user:secret@keys.example/k?key=secret");
    let cases: [(Reply, &[&str]); 5] = [
        (redirect, &["redirects (status 302) to \"https://…@keys.example/k?…\"", "no redirect is followed"]),
        (Reply::ok(gzip), &["compressed"]),
        (Reply::ok(set.clone()).with("Content-Encoding", "gzip"), &["compressed"]),
        (Reply::ok(unusable), &["key 1, \"s\": a secret or private key", "key 2, \"b\": "]),
        (Reply::status(404), &["status 404"]),
    ];
    for (reply, said) in cases {
        let server = KeyServer::start(move |_| reply.clone());
        let keys = keys(&server);
        let _auth = authenticator(&keys);
        let error = keys.ready().await.unwrap_err().to_string();
        assert!(said.iter().all(|text| error.contains(text)) && !error.contains("secret@"), "{error}");
    }
    let server = KeyServer::start(|_| Reply::status(404));
    let keys = RemoteKeySet::discover(server.url("/tenant"));
    let _auth = authenticator(&keys);
    let error = keys.ready().await.unwrap_err().to_string();
    for place in ["/tenant/.well-known/openid-configuration", "/.well-known/oauth-authorization-server/tenant"] {
        assert!(error.contains(&format!("{}: the answer has status 404", server.url(place))), "{error}");
    }
}

#[tokio::test]
async fn a_byte_order_mark_in_front_of_a_document_is_passed_over() {
    let key = Key::new("k");
    let set = format!("\u{feff}{}", jwks([&key]));
    let server = KeyServer::start(move |_| Reply::ok(set.clone()));
    let keys = keys(&server);
    let auth = authenticator(&keys);
    keys.ready().await.unwrap();
    assert_eq!(status(&auth, &key.token(ISSUER)).await, 200);
}
