//! Named ways out of safe defaults for keys that are fetched.

use std::time::Duration;

use acceptance::User;
use jwt_core::error::AuthenticatorBuildError;
use jwt_core::key::{FetchError, KeySource, RemoteKeySetBuildError};
use jwt_core::{Algorithm, Authenticator, KeySet, RemoteKeySet, SigningKey, Tenants, TokenCache, TrustedIssuer};
use oidc_tests::{Key, Scripted, at_once, builder, jwks, status};
use serde_json::{Value, json};
use tokio::time::sleep;

const ISSUER: &str = "https://login.example.com";
const PLAIN: &str = "http://keycloak.auth:8080/realms/shop";
const SECRET: &[u8] = b"the secret that was in use until today, known to all";
const MINUTE: Duration = Duration::from_secs(60);

fn authenticator(keys: impl Into<KeySource>) -> Authenticator<User> {
    builder().keys(keys).cache(TokenCache::new()).build().unwrap()
}

/// A token of the secret, with this `kid`.
fn old_token(kid: Option<&str>) -> String {
    let (_, claims) =
        Key::new("k").token(ISSUER).split_once('.').map(|(head, rest)| (head.to_owned(), rest.to_owned())).unwrap();
    let claims = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(claims.split('.').next().unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    let key = SigningKey::secret(Algorithm::HS256, SECRET).unwrap();
    let key = if let Some(kid) = kid { key.with_kid(kid) } else { key };
    key.sign(&claims).unwrap()
}

#[tokio::test(start_paused = true)]
async fn keys_over_plain_http_are_fetched_only_where_that_is_said_and_from_nowhere_else() {
    let key = Key::new("k");
    let (metadata, certs) = (format!("{PLAIN}/.well-known/openid-configuration"), format!("{PLAIN}/certs"));
    let names = |uri: &str| json!({"issuer": PLAIN, "jwks_uri": uri}).to_string();
    for strict in [RemoteKeySet::discover(PLAIN), RemoteKeySet::jwks(certs.clone())] {
        let error = builder().keys(&strict).build().unwrap_err();
        assert!(matches!(&error, AuthenticatorBuildError::Keys(RemoteKeySetBuildError::Insecure { .. })), "{error}");
        assert!(error.to_string().contains("`.dangerous_allow_plain_http()`"), "{error}");
    }
    let client = Scripted::default();
    client.answer_at(metadata, 200, names(&certs));
    client.answer_at(certs.clone(), 200, jwks([&key]));
    for keys in [RemoteKeySet::discover(PLAIN), RemoteKeySet::jwks(certs.clone())] {
        let keys = keys.client(client.clone()).dangerous_allow_plain_http().dangerous_allow_plain_http();
        let auth = authenticator(&keys);
        keys.ready().await.unwrap();
        assert_eq!(at_once(&auth, &key.token(PLAIN)), Some(200));
    }
    for elsewhere in ["http://other.auth:8080/certs", "http://keycloak.auth/certs", "http://127.0.0.1/certs"] {
        let client = Scripted::default();
        client.answer(200, names(elsewhere));
        let keys = RemoteKeySet::discover(PLAIN).client(client.clone()).dangerous_allow_plain_http();
        let _auth = authenticator(&keys);
        let error = keys.ready().await.unwrap_err();
        assert!(matches!(error.first(), FetchError::Insecure), "{elsewhere}: {error}");
        assert!(client.asked().iter().all(|address| address.starts_with("http://keycloak.auth:8080/")), "{elsewhere}");
    }
    for address in ["ftp://keycloak.auth/certs", "http://user:pw@keycloak.auth/certs", "keycloak.auth/certs"] {
        assert!(builder().keys(RemoteKeySet::jwks(address).dangerous_allow_plain_http()).build().is_err(), "{address}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_secret_and_a_published_set_are_both_good_whether_the_set_has_arrived_or_not() {
    let (key, later) = (Key::new("k"), Key::new("later"));
    let client = Scripted::default();
    let published = || RemoteKeySet::jwks(format!("{ISSUER}/jwks")).client(client.clone());
    let secret = || KeySet::hs256(SECRET).unwrap();
    for keys in [KeySource::from(secret()).and(published()), KeySource::from(published()).and(secret())] {
        client.answer(500, "");
        let auth = authenticator(keys);
        let old = old_token(None);
        for token in [&old, &old_token(Some("no key of the set has this name"))] {
            assert_eq!(at_once(&auth, token), Some(200), "the secret is at hand");
        }
        // What the missing keys might verify is not refused, with `kid` or without.
        let nameless = { SigningKey::generate(Algorithm::ES256).unwrap().sign(&json!({"aud": "api"})).unwrap() };
        for token in [&key.token(ISSUER), &nameless] {
            assert_eq!(status(&auth, token).await, 503);
        }
        client.answer(200, jwks([&key]));
        sleep(2 * MINUTE).await;
        for token in [&old, &key.token(ISSUER), &old] {
            assert_eq!(at_once(&auth, token), Some(200));
        }
        assert_eq!(status(&auth, &nameless).await, 401);
        assert_eq!(status(&auth, &later.token_named("k", ISSUER)).await, 401, "another key of that name");
        // The secret does not sign in the name of a published key.
        assert_eq!(status(&auth, &old_token(Some("k"))).await, 401);
        // A new key of the set is fetched as ever.
        sleep(MINUTE).await;
        client.answer(200, jwks([&later]));
        assert_eq!(status(&auth, &later.token(ISSUER)).await, 200);
        assert_eq!(status(&auth, &key.token(ISSUER)).await, 401, "withdrawn, although it was in the cache");
        assert_eq!(at_once(&auth, &old), Some(200));
    }
}

#[tokio::test]
async fn of_several_sources_one_is_fetched() {
    let remote = || RemoteKeySet::jwks(format!("{ISSUER}/jwks"));
    let secret = KeySet::hs256(SECRET).unwrap();
    let error = builder().keys(KeySource::from(remote()).and(secret).and(remote())).build().unwrap_err();
    assert!(matches!(error, AuthenticatorBuildError::Keys(RemoteKeySetBuildError::SeveralFetched)), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_discovered_issuer_may_have_a_second_name() {
    let key = Key::new("k");
    let client = Scripted::default();
    let address = format!("{ISSUER}/jwks");
    client.answer_at(&address, 200, jwks([&key]));
    client.answer(200, json!({"issuer": ISSUER, "jwks_uri": address}).to_string());
    let keys = RemoteKeySet::discover(ISSUER).client(client.clone());
    let one = builder().keys(&keys).issuer_alias("login.example.com").build().unwrap();
    let trusted = TrustedIssuer::new(ISSUER, &keys).issuer_alias("login.example.com");
    let several = builder().trust(trusted).build().unwrap();
    let strict = builder().keys(&keys).build().unwrap();
    keys.ready().await.unwrap();
    for auth in [&one, &several] {
        for (name, expected) in [(ISSUER, 200), ("login.example.com", 200), ("example.com", 401)] {
            assert_eq!(at_once(auth, &key.token(name)), Some(expected), "{name}");
        }
    }
    assert_eq!(at_once(&strict, &key.token("login.example.com")), Some(401));
    let error = builder().keys(&keys).issuer("login.example.com").build().unwrap_err();
    assert!(matches!(error, AuthenticatorBuildError::DiscoveredIssuer { .. }), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_tenant_has_one_name_and_one_source_of_keys_or_is_not_trusted() {
    let key = Key::new("k");
    let client = Scripted::default();
    client.answer(200, jwks([&key]));
    let tenant = |change: fn(KeySource) -> TrustedIssuer| {
        let client = client.clone();
        let rule = move |issuer: &str| {
            let keys = RemoteKeySet::jwks(format!("{ISSUER}/jwks")).client(client.clone());
            (issuer == ISSUER).then(|| change(keys.into()))
        };
        builder().trust_tenants(Tenants::matching(rule)).build().unwrap()
    };
    let plain = tenant(|keys| TrustedIssuer::new(ISSUER, keys));
    assert_eq!(status(&plain, &key.token(ISSUER)).await, 200);
    for (what, refusing) in [
        ("a second name", tenant(|keys| TrustedIssuer::new(ISSUER, keys).issuer_alias("second"))),
        ("a second source", tenant(|keys| TrustedIssuer::new(ISSUER, keys.and(KeySet::hs256(SECRET).unwrap())))),
    ] {
        for token in [key.token(ISSUER), key.token("second"), old_token(None)] {
            assert_eq!(status(&refusing, &token).await, 401, "{what}");
        }
    }
    // Sources that are all at hand are one.
    let given = tenant(|_| {
        TrustedIssuer::new(ISSUER, KeySource::from(KeySet::hs256(SECRET).unwrap()).and(KeySet::hs256([7; 32]).unwrap()))
    });
    for _ in 0..2 {
        assert_eq!(status(&given, &old_token(None)).await, 200);
        sleep(2 * MINUTE).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_careless_set_is_read_only_where_that_is_said() {
    let mut key = Key::new("k");
    for member in ["x", "y"] {
        let number = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(key.jwk[member].as_str().unwrap()).unwrap();
        // A sign byte in front makes 33 bytes, which are 44 characters without padding; 34 have some.
        key.jwk[member] = base64_simd::URL_SAFE.encode_to_string([&[0, 0], &*number].concat()).into();
    }
    let client = Scripted::default();
    client.answer(200, jwks([&key]));
    let keys = || RemoteKeySet::jwks(format!("{ISSUER}/jwks")).client(client.clone());
    let (strict, lenient) = (keys(), keys().lenient_jwks().lenient_jwks());
    let (refusing, accepting) = (authenticator(&strict), authenticator(&lenient));
    let error = strict.ready().await.unwrap_err();
    assert!(matches!(error, FetchError::Keys(_)) && error.to_string().contains("`lenient_jwks(…)`"), "{error}");
    lenient.ready().await.unwrap();
    assert_eq!(status(&refusing, &key.token(ISSUER)).await, 503);
    assert_eq!(at_once(&accepting, &key.token(ISSUER)), Some(200));
    assert_ne!(status(&accepting, &Key::new("k").token(ISSUER)).await, 200);
}
