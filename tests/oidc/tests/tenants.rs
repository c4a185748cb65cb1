//! Issuers by a rule: what strangers who make up names can cause, and what they cannot.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use acceptance::User;
use jwt_core::adapter::ClientAddress;
use jwt_core::error::AuthenticatorBuildError;
use jwt_core::tenants::TenantFile;
use jwt_core::{Authenticator, KeySet, RemoteKeySet, Tenants, TokenCache, TrustedIssuer};
use oidc_tests::{Key, KeyServer, Reply, Scripted, at_once, builder, eventually, jwks, status};
use serde_json::json;

/// Tenants `acme` and `umbrella`, and nobody else.
fn provider(keys: &Key) -> KeyServer {
    let server = KeyServer::start(|_| Reply::status(404));
    serve(&server, keys);
    server
}

fn serve(server: &KeyServer, keys: &Key) {
    let (set, base) = (jwks([keys]), server.url(""));
    server.behave(move |request| {
        let tenant = request.path.trim_start_matches('/').split('/').next().unwrap_or_default();
        match &*request.path {
            "/keys" => Reply::ok(set.clone()),
            path if ["acme", "umbrella"].contains(&tenant) && path.ends_with("/.well-known/openid-configuration") => {
                let metadata = json!({"issuer": format!("{base}/{tenant}"), "jwks_uri": format!("{base}/keys")});
                Reply::ok(metadata.to_string())
            }
            _ => Reply::status(404),
        }
    });
}

fn by_template(server: &KeyServer) -> Tenants {
    Tenants::template(server.url("/{tenant}"))
}

fn trusting(tenants: Tenants) -> Authenticator<User> {
    builder().trust_tenants(tenants).build().unwrap()
}

#[tokio::test]
async fn a_tenant_is_discovered_by_its_first_token_and_known_from_then_on() {
    let key = Key::new("k");
    let server = provider(&key);
    let auth = trusting(by_template(&server));
    assert_eq!(server.count(), 0, "nothing is fetched before anybody comes");
    for tenant in ["acme", "umbrella"] {
        let token = key.token(&server.url(&format!("/{tenant}")));
        assert_eq!(at_once(&auth, &token), None);
        assert_eq!(status(&auth, &token).await, 200);
        let fetches = server.count();
        for _ in 0..3 {
            assert_eq!(at_once(&auth, &token), Some(200));
        }
        assert_eq!(server.count(), fetches);
        assert_eq!(auth.verifier().verify(&token).unwrap().issuer(), Some(&*server.url(&format!("/{tenant}"))));
    }
}

#[tokio::test]
async fn whom_the_rule_does_not_cover_costs_no_network() {
    let key = Key::new("k");
    let server = provider(&key);
    let auth = trusting(by_template(&server));
    for issuer in ["https://evil.example/acme".to_owned(), server.url("/acme/x"), server.url("/.."), server.url("/")] {
        assert_eq!(at_once(&auth, &key.token(&issuer)), Some(401), "{issuer}");
    }
    assert_eq!(server.count(), 0);
}

#[tokio::test]
async fn a_tenant_that_the_provider_does_not_know_is_401_and_not_asked_for_again_soon() {
    let key = Key::new("k");
    let server = provider(&key);
    let auth = trusting(by_template(&server));
    let token = key.token(&server.url("/made-up"));
    assert_eq!(status(&auth, &token).await, 401);
    let fetches = server.count();
    for _ in 0..10 {
        assert_eq!(at_once(&auth, &token), Some(401));
    }
    assert_eq!(server.count(), fetches);
}

#[tokio::test]
async fn a_provider_that_is_down_or_has_enough_of_us_is_503_and_others_are_not_affected() {
    let key = Key::new("k");
    let server = provider(&key);
    let auth = trusting(by_template(&server));
    let known = key.token(&server.url("/acme"));
    assert_eq!(status(&auth, &known).await, 200);
    for (tenant, reply) in [("a", Reply::Close), ("b", Reply::status(500)), ("c", Reply::status(429))] {
        server.behave(move |_| reply.clone());
        let token = key.token(&server.url(&format!("/{tenant}")));
        assert_eq!(status(&auth, &token).await, 503, "{tenant}");
        let fetches = server.count();
        assert_eq!(at_once(&auth, &token), Some(503), "{tenant}");
        assert_eq!(server.count(), fetches);
        assert_eq!(at_once(&auth, &known), Some(200));
    }
}

#[tokio::test]
async fn no_more_than_so_many_are_new_within_a_minute_and_made_up_names_are_not() {
    let key = Key::new("k");
    let server = provider(&key);
    let auth = trusting(by_template(&server).max_new_per_minute(2));
    for n in 0..10 {
        assert_eq!(status(&auth, &key.token(&server.url(&format!("/made-up-{n}")))).await, 401);
    }
    for tenant in ["acme", "umbrella"] {
        assert_eq!(status(&auth, &key.token(&server.url(&format!("/{tenant}")))).await, 200, "{tenant}");
    }
    let fetches = server.count();
    assert_eq!(at_once(&auth, &key.token(&server.url("/third"))), Some(503));
    assert_eq!(server.count(), fetches);
    assert_eq!(at_once(&auth, &key.token(&server.url("/acme"))), Some(200));
}

/// A request with this token from that client, however long the answer takes; and `Retry-After`.
async fn ask_from(auth: &Authenticator<User>, token: &str, client: [u8; 4]) -> (u16, Option<u64>) {
    let request = http::Request::get("/me").header("authorization", format!("Bearer {token}"));
    let mut request = request.body(()).unwrap();
    request.extensions_mut().insert(ClientAddress(client.into()));
    let outcome = match auth.outcome(&request) {
        Ok(outcome) => outcome,
        Err(pending) => pending.await,
    };
    match outcome.result() {
        Ok(_) => (200, None),
        Err(error) => (auth.answer(&error).status.as_u16(), auth.answer(&error).retry_after),
    }
}

#[tokio::test]
async fn one_client_that_floods_leaves_room_for_others_and_costs_one_request_for_a_name() {
    let key = Key::new("k");
    let server = provider(&key);
    let auth = trusting(by_template(&server));
    assert_eq!(status(&auth, &key.token(&server.url("/acme"))).await, 200);
    let before = server.count();
    let mut refused = 0;
    for n in 0..200 {
        match ask_from(&auth, &key.token(&server.url(&format!("/made-up-{n}"))), [192, 0, 2, 1]).await {
            (401, None) => refused += 1,
            (status, retry_after) => assert!(status == 503 && retry_after <= Some(60), "{status} {retry_after:?}"),
        }
    }
    assert!((1..60).contains(&refused) && server.count() - before == refused, "{refused} {}", server.count());
    assert_eq!(ask_from(&auth, &key.token(&server.url("/umbrella")), [192, 0, 2, 2]).await, (200, None));
}

#[tokio::test]
async fn after_a_restart_whoever_was_known_comes_in_at_once_through_a_flood() {
    let key = Key::new("k");
    let server = provider(&key);
    let path = std::env::temp_dir().join(format!("oidc-tenants-{}.txt", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let tenants = || by_template(&server).remember(TenantFile::open(&path).unwrap()).max_unconfirmed_per_minute(6);
    let before = trusting(tenants());
    assert_eq!(status(&before, &key.token(&server.url("/acme"))).await, 200);
    drop(before);
    let auth = trusting(tenants());
    for n in 0..50 {
        let answer = status(&auth, &key.token(&server.url(&format!("/made-up-{n}")))).await;
        assert!(matches!(answer, 401 | 503), "{answer}");
    }
    assert_eq!(status(&auth, &key.token(&server.url("/umbrella"))).await, 503, "it is a stranger");
    assert_eq!(status(&auth, &key.token(&server.url("/acme"))).await, 200);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("{}\n", server.url("/acme")));
    std::fs::remove_file(path).unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_tenant_whose_tokens_are_remembered_does_not_make_room_for_whom_strangers_name() {
    let key = Key::new("k");
    let client = Scripted::default();
    client.answer(200, jwks([&key]));
    let theirs = client.clone();
    let tenants = Tenants::matching(move |issuer| {
        let keys = RemoteKeySet::jwks(format!("{issuer}/jwks")).client(theirs.clone());
        issuer.starts_with("https://t.example/").then(|| TrustedIssuer::new(issuer, keys))
    });
    let auth = builder().trust_tenants(tenants.max_tenants(1)).cache(TokenCache::new()).build().unwrap();
    let busy = key.token("https://t.example/busy");
    assert_eq!(status(&auth, &busy).await, 200);
    for n in 0..200 {
        status(&auth, &Key::new("k").token(&format!("https://t.example/other-{n}"))).await;
        assert_eq!(at_once(&auth, &busy), Some(200));
    }
    let asked = client.asked();
    assert_eq!(asked.iter().filter(|address| address.contains("busy")).count(), 1, "it was never forgotten");
}

#[tokio::test(start_paused = true)]
async fn a_tenant_that_leaves_is_refused_within_a_minute_and_at_once_where_it_is_removed() {
    let key = Key::new("k");
    let client = Scripted::default();
    client.answer(200, jwks([&key]));
    let customers = Arc::new(Mutex::new(vec!["https://t.example/a", "https://t.example/b"]));
    let theirs = customers.clone();
    let tenants = Tenants::matching(move |issuer| {
        let keys = RemoteKeySet::jwks(format!("{issuer}/jwks")).client(client.clone());
        theirs.lock().unwrap().contains(&issuer).then(|| TrustedIssuer::new(issuer, keys))
    });
    let auth = builder().trust_tenants(tenants.clone()).cache(TokenCache::new()).build().unwrap();
    let [a, b] = ["a", "b"].map(|tenant| key.token(&format!("https://t.example/{tenant}")));
    for token in [&a, &b, &a, &b] {
        assert_eq!(status(&auth, token).await, 200);
    }
    tenants.remove("https://t.example/b");
    assert_eq!((at_once(&auth, &a), at_once(&auth, &b)), (Some(200), Some(401)));
    customers.lock().unwrap().clear();
    let mut refused_after = 0;
    while at_once(&auth, &a) == Some(200) {
        tokio::time::sleep(Duration::from_secs(1)).await;
        refused_after += 1;
    }
    assert!(refused_after <= 60, "{refused_after} seconds");
    customers.lock().unwrap().push("https://t.example/b");
    assert_eq!(at_once(&auth, &b), Some(401), "it was removed, whatever the rule says");
    tenants.restore("https://t.example/b");
    assert_eq!(status(&auth, &b).await, 200);
}

#[tokio::test(start_paused = true)]
async fn no_more_than_so_many_are_kept_and_those_without_keys_go_first() {
    let key = Key::new("k");
    let client = Scripted::default();
    client.answer(404, "");
    let theirs = client.clone();
    let tenants = Tenants::matching(move |issuer| {
        let keys = RemoteKeySet::jwks(format!("{issuer}/jwks")).client(theirs.clone());
        issuer.starts_with("https://t.example/").then(|| TrustedIssuer::new(issuer, keys))
    });
    let auth = trusting(tenants.max_tenants(3));
    let token = |tenant: &str| key.token(&format!("https://t.example/{tenant}"));
    for tenant in ["a", "b", "c"] {
        client.answer_at(format!("https://t.example/{tenant}/jwks"), 200, jwks([&key]));
    }
    for tenant in ["a", "b", "nobody"] {
        status(&auth, &token(tenant)).await;
    }
    // The one without keys makes room.
    assert_eq!(status(&auth, &token("c")).await, 200);
    for tenant in ["a", "b", "c"] {
        assert_eq!(at_once(&auth, &token(tenant)), Some(200), "{tenant}");
    }
    // Then the one that was not seen for the longest time.
    assert_eq!(status(&auth, &token("nobody")).await, 401);
    let known = ["a", "b", "c"].into_iter().filter(|tenant| at_once(&auth, &token(tenant)) == Some(200)).count();
    assert!(known >= 2, "{known}");
    let fetches = client.count();
    drop(auth);
    tokio::time::sleep(Duration::from_secs(86_400)).await;
    assert_eq!(client.count(), fetches, "their fetching ends with the authenticator");
}

#[tokio::test(start_paused = true)]
async fn a_rule_speaks_for_each_tenant_and_nobody_is_trusted_by_mistake() {
    let key = Key::new("k");
    let client = Scripted::default();
    client.answer(200, jwks([&key]));
    let rule = move |issuer: &str| {
        let keys = RemoteKeySet::jwks(format!("{issuer}/jwks")).client(client.clone());
        match issuer.strip_prefix("https://t.example/")? {
            "api" => Some(TrustedIssuer::new(issuer, keys)),
            "other-audience" => Some(TrustedIssuer::new(issuer, keys).audience("theirs")),
            "other-name" => Some(TrustedIssuer::new("https://t.example/api", keys)),
            "contradiction" => Some(TrustedIssuer::new(issuer, keys).audience("api").any_audience()),
            _ => None,
        }
    };
    let auth = trusting(Tenants::matching(rule));
    for (tenant, expected) in
        [("api", 200), ("other-audience", 401), ("other-name", 401), ("contradiction", 401), ("nobody", 401)]
    {
        assert_eq!(status(&auth, &key.token(&format!("https://t.example/{tenant}"))).await, expected, "{tenant}");
    }
}

#[tokio::test]
async fn a_template_without_an_audience_is_not_built() {
    let build = |tenants| Authenticator::<User>::builder().trust_tenants(tenants).build().err();
    assert_eq!(
        build(Tenants::template("https://login.example.com/{tenant}")),
        Some(AuthenticatorBuildError::NoAudience)
    );
    assert_eq!(
        build(Tenants::template("https://{tenant}.example.com/")),
        Some(AuthenticatorBuildError::Template { template: "https://{tenant}.example.com/".into() })
    );
}

#[tokio::test]
async fn tenants_of_a_template_can_be_held_to_the_profile_of_access_tokens() {
    let key = Key::new("k");
    let server = provider(&key);
    let auth = builder().trust_tenants(by_template(&server)).access_token_profile().build().unwrap();
    let issuer = server.url("/acme");
    assert_eq!(status(&auth, &key.access_token(&issuer)).await, 200);
    assert_eq!(at_once(&auth, &key.token(&issuer)), Some(401), "it has no type");
}

#[tokio::test]
async fn a_health_page_sees_the_keys_of_every_issuer_and_of_no_tenant_that_a_stranger_made_up() {
    let key = Key::new("k");
    let server = provider(&key);
    let down = RemoteKeySet::jwks("https://down.example/jwks").client(Scripted::default());
    let fixed = KeySet::jwks(jwks([&key])).unwrap();
    let auth = builder()
        .trust(TrustedIssuer::new("https://fixed.example", fixed))
        .trust(TrustedIssuer::new("https://down.example", &down))
        .trust_tenants(by_template(&server))
        .build()
        .unwrap();
    down.ready().await.unwrap_err();
    for (tenant, expected) in [("umbrella", 200), ("acme", 200), ("made-up", 401)] {
        assert_eq!(status(&auth, &key.token(&server.url(&format!("/{tenant}")))).await, expected, "{tenant}");
    }
    let all = auth.verifier().key_status();
    let seen: Vec<(&str, usize, bool)> =
        all.iter().map(|keys| (&*keys.origin, keys.keys, keys.error.is_some())).collect();
    let (acme, umbrella) = (server.url("/acme"), server.url("/umbrella"));
    assert_eq!(seen, [(&*acme, 1, false), (&*umbrella, 1, false), ("https://down.example/jwks", 0, true)]);

    // One party with two names, and keys that are not fetched.
    let one = builder().trust(TrustedIssuer::new("https://fixed.example", &down)).keys(&down);
    let one = one.issuer("https://a.example").issuer("https://b.example").build_verifier().unwrap();
    assert_eq!(one.key_status().len(), 2);
    assert!(builder().keys(KeySet::jwks(jwks([&key])).unwrap()).build_verifier().unwrap().key_status().is_empty());
}

#[tokio::test]
async fn a_tenant_comes_back_after_the_provider_was_down() {
    let key = Key::new("k");
    let server = provider(&key);
    let auth = trusting(by_template(&server));
    let token = key.token(&server.url("/acme"));
    assert_eq!(status(&auth, &token).await, 200);
    server.behave(|_| Reply::Close);
    let junk = Key::new("junk").token(&server.url("/acme"));
    let asked = server.count();
    assert_eq!(status(&auth, &junk).await, 503);
    assert_eq!(at_once(&auth, &token), Some(200));
    serve(&server, &key);
    tokio::task::spawn_blocking(move || eventually("another fetch", || server.count() > asked + 1)).await.unwrap();
    assert_eq!(at_once(&auth, &token), Some(200));
}
