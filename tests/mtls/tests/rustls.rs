//! TLS that ends in the process: the recipes of docs/how-to/mutual-tls.md.

use jwt_core::testing::TestIssuer;
use mtls_tests::{Authority, Client, TLS};

#[tokio::test]
async fn a_token_is_good_on_the_connections_of_its_client_alone() {
    let issuer = TestIssuer::new();
    let (alice, mallory) = (Authority::trusted().client("alice"), Authority::trusted().client("mallory"));
    let bound = format!("Bearer {}", alice.token(&issuer));
    let unbound = issuer.token("alice").bearer();
    let forged = alice.client_cert();
    for server in TLS {
        let address = server.start(issuer.builder().build().unwrap());
        let bound = [("authorization", &*bound)];
        let unbound = [("authorization", &*unbound)];
        let forged = [bound[0], ("client-cert", &*forged)];
        for _ in 0..2 {
            let client = Client::new(Some(&alice));
            let answers = client.get(address, &[&bound, &unbound, &bound]).await.unwrap();
            let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
            assert_eq!(statuses, [200; 3], "{}: {answers:?}", server.name);
            assert!(answers[0].text.ends_with("certificate true, dpop false"), "{}: {answers:?}", server.name);
            assert!(answers[1].text.ends_with("certificate false, dpop false"), "{}: {answers:?}", server.name);
            for thief in [Client::new(Some(&mallory)), Client::new(None)] {
                let answers = thief.get(address, &[&bound, &unbound, &forged]).await.unwrap();
                let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
                assert_eq!(statuses, [401, 200, 401], "{}: {answers:?}", server.name);
            }
        }
        // A new certificate of the same client needs a new token.
        let renewed = Authority::trusted().client("alice");
        let answers = Client::new(Some(&renewed)).get(address, &[&bound]).await.unwrap();
        assert_eq!(answers[0].status, 401, "{}", server.name);
    }
}

#[tokio::test]
async fn a_certificate_of_another_authority_does_not_get_through_the_handshake() {
    let issuer = TestIssuer::new();
    let stranger = Authority::new().client("alice");
    let bound = format!("Bearer {}", stranger.token(&issuer));
    for server in TLS {
        let address = server.start(issuer.builder().build().unwrap());
        let answers = Client::new(Some(&stranger)).get(address, &[&[("authorization", &bound)]]).await;
        assert_eq!(answers, None, "{}", server.name);
    }
}

#[tokio::test]
async fn connections_whose_handshake_never_ends_keep_nobody_waiting() {
    let issuer = TestIssuer::new();
    let alice = Authority::trusted().client("alice");
    let bound = format!("Bearer {}", alice.token(&issuer));
    for server in TLS {
        let address = server.start(issuer.builder().build().unwrap());
        let mut silent = Vec::new();
        for _ in 0..50 {
            silent.push(tokio::net::TcpStream::connect(address).await.unwrap());
        }
        let client = Client::new(Some(&alice));
        let request: [&[(&str, &str)]; 1] = [&[("authorization", &bound)]];
        let answered = tokio::time::timeout(std::time::Duration::from_secs(5), client.get(address, &request));
        assert_eq!(answered.await.unwrap().unwrap()[0].status, 200, "{}", server.name);
    }
}
