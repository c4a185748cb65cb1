//! TLS that ends at a real proxy, which says what it knows of the client in header fields.

use jwt_core::Algorithm;
use jwt_core::binding::DpopKey;
use jwt_core::clock::Clock;
use jwt_core::testing::TestIssuer;
use mtls_tests::{Authority, BEHIND, Client, HAPROXY, NGINX, Proxy, ProxyKind, Server};
use serde_json::json;

/// Each server behind each proxy that is installed.
fn proxied(issuer: &TestIssuer) -> Vec<(Server, ProxyKind, Proxy)> {
    let mut all = Vec::new();
    for kind in [NGINX, HAPROXY] {
        if kind.is_there() {
            for server in BEHIND {
                let auth = issuer.builder().trusted_proxies((kind.trusted)()).build().unwrap();
                all.push((server, kind, kind.start(server.start(auth))));
            }
        }
    }
    all
}

#[tokio::test]
async fn a_token_is_good_with_the_certificate_that_the_proxy_has_seen_and_no_other() {
    let issuer = TestIssuer::new();
    let (alice, mallory) = (Authority::trusted().client("alice"), Authority::trusted().client("mallory"));
    let bound = format!("Bearer {}", alice.token(&issuer));
    let unbound = issuer.token("alice").bearer();
    for (server, kind, proxy) in proxied(&issuer) {
        let bound = [("authorization", &*bound)];
        let unbound = [("authorization", &*unbound)];
        let answers = Client::new(Some(&alice)).get(proxy.address, &[&bound, &unbound, &bound]).await.unwrap();
        let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
        assert_eq!(statuses, [200; 3], "{} {}: {answers:?}", kind.name, server.name);
        assert!(answers[0].text.ends_with("certificate true, dpop false"), "{}: {answers:?}", kind.name);
        assert!(answers[1].text.ends_with("certificate false, dpop false"), "{}: {answers:?}", kind.name);
        for thief in [Client::new(Some(&mallory)), Client::new(None)] {
            let answers = thief.get(proxy.address, &[&bound, &unbound]).await.unwrap();
            let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
            assert_eq!(statuses, [401, 200], "{} {}: {answers:?}", kind.name, server.name);
        }
    }
}

#[tokio::test]
async fn a_field_that_a_client_sends_itself_opens_nothing() {
    let issuer = TestIssuer::new();
    let (alice, mallory) = (Authority::trusted().client("alice"), Authority::trusted().client("mallory"));
    let bound = format!("Bearer {}", alice.token(&issuer));
    let escaped = alice.certificate.bytes().map(|byte| format!("%{byte:02X}")).collect::<Vec<_>>().concat();
    let structured = alice.client_cert();
    for (server, kind, proxy) in proxied(&issuer) {
        let value = if kind.field == "client-cert" { &structured } else { &escaped };
        let forged = [("authorization", &*bound), (kind.field, &**value)];
        for thief in [Client::new(Some(&mallory)), Client::new(None)] {
            let answers = thief.get(proxy.address, &[&forged]).await.unwrap();
            assert_eq!(answers[0].status, 401, "{} {}: {answers:?}", kind.name, server.name);
        }
        // The client itself gains nothing by it and loses nothing.
        let answers = Client::new(Some(&alice)).get(proxy.address, &[&forged]).await.unwrap();
        assert_eq!(answers[0].status, 200, "{} {}: {answers:?}", kind.name, server.name);
        // The same field is right, and comes from somebody who is not the proxy.
        let answers = proxy.bypassed(&[&forged]).await.unwrap();
        assert_eq!(answers[0].status, 401, "{} {}: {answers:?}", kind.name, server.name);
    }
}

#[tokio::test]
async fn a_certificate_of_another_authority_is_refused_by_the_proxy() {
    let issuer = TestIssuer::new();
    let stranger = Authority::new().client("alice");
    let bound = format!("Bearer {}", stranger.token(&issuer));
    for (server, kind, proxy) in proxied(&issuer) {
        let answers = Client::new(Some(&stranger)).get(proxy.address, &[&[("authorization", &bound)]]).await;
        let refused = answers.as_ref().is_none_or(|answers| answers[0].status == 400);
        assert!(refused, "{} {}: {answers:?}", kind.name, server.name);
    }
}

#[tokio::test]
async fn a_proof_is_for_the_address_that_the_client_used_at_the_proxy() {
    let issuer = TestIssuer::new();
    let key = DpopKey::generate(Algorithm::ES256).unwrap();
    let token = issuer.token("alice").claim("cnf", json!({"jkt": key.thumbprint()})).compact();
    let dpop = format!("DPoP {token}");
    let proof = |htu: &str| key.proof("GET", htu).for_token(&token).issued_at(issuer.clock().now()).sign().unwrap();
    for (server, kind, proxy) in proxied(&issuer) {
        let client = Client::new(None);
        for (htu, status) in
            [("https://api.example.com/me", 200), ("http://api.example.com/me", 401), ("https://evil.example/me", 401)]
        {
            let proof = proof(htu);
            let plain = [("authorization", &*dpop), ("dpop", &*proof)];
            let answers = client.get(proxy.address, &[&plain]).await.unwrap();
            assert_eq!(answers[0].status, status, "{} {} {htu}: {answers:?}", kind.name, server.name);
        }
        // What the client says of the address counts for nothing.
        for field in [
            ("x-forwarded-host", "evil.example"),
            ("x-forwarded-proto", "http"),
            ("forwarded", "proto=https;host=evil.example"),
            ("forwarded", "for=\""),
        ] {
            for (htu, status) in [("https://api.example.com/me", 200), ("https://evil.example/me", 401)] {
                let proof = proof(htu);
                let fields = [("authorization", &*dpop), ("dpop", &*proof), field];
                let answers = client.get(proxy.address, &[&fields]).await.unwrap();
                assert_eq!(answers[0].status, status, "{} {} {field:?} {htu}", kind.name, server.name);
            }
        }
    }
}
