//! Redis over TLS: a server alone, a cluster and sentinels, whose certificates a made-up authority has signed.

#![expect(clippy::unwrap_used, reason = "all of this file is tests")]

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use jwt_core::session::NewSignIn;
use jwt_core::store::{RedisStoreBuilder, StoreError, StoreUrlError};
use jwt_core::{RedisStore, RefreshTokens};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use stores_tests::{RedisServer, redis_is_installed};

/// An authority, and what it has signed.
struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its private key, in PEM.
struct Signed {
    certificate: String,
    key: String,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn pem(&self) -> String {
        self.0.pem()
    }

    fn sign(&self, name: &str) -> Signed {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        Signed { certificate: params.signed_by(&key, &self.0).unwrap().pem(), key: key.serialize_pem() }
    }
}

/// The files of a server.
struct Files {
    directory: PathBuf,
    paths: [String; 3],
}

impl Files {
    fn of(server: &Signed, clients: &Authority) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("jwt-stores-tls-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let directory = std::env::temp_dir().join(name);
        fs::create_dir_all(&directory).unwrap();
        let paths = [("server.pem", &server.certificate), ("server.key", &server.key), ("ca.pem", &clients.pem())];
        let paths = paths.map(|(name, text)| {
            let path = directory.join(name);
            fs::write(&path, text).unwrap();
            path.to_str().unwrap().to_owned()
        });
        Self { directory, paths }
    }

    fn paths(&self) -> [&str; 3] {
        self.paths.each_ref().map(String::as_str)
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

fn at(port: u16) -> RedisStoreBuilder {
    RedisStore::builder(&format!("rediss://127.0.0.1:{port}"))
}

async fn works(store: RedisStoreBuilder) {
    let store = Arc::new(store.connect().await.unwrap());
    let tokens = RefreshTokens::builder(store).build().unwrap();
    let (token, _) = tokens.start(NewSignIn::new("alice", &()).unwrap()).await.unwrap();
    tokens.refresh(&token).await.unwrap();
}

async fn refused(store: RedisStoreBuilder) -> String {
    let error = store.connect().await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
    error.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_trusted_if_its_authority_is_named_and_not_otherwise() {
    if !redis_is_installed() {
        return;
    }
    let (own, other, namesake) = (Authority::new("own"), Authority::new("other"), Authority::new("own"));
    let files = Files::of(&own.sign("127.0.0.1"), &own);
    let (server, port) = RedisServer::start_with_tls(files.paths(), false, &[]);
    works(at(port).root_certificate(own.pem())).await;
    works(at(port).root_certificate(other.pem()).root_certificate(own.pem())).await;
    works(at(port).root_certificate(format!("{}{}", other.pem(), own.pem()))).await;
    for wrong in [at(port), at(port).root_certificate(other.pem()), at(port).root_certificate(namesake.pem())] {
        let error = refused(wrong).await;
        assert!(error.contains("certificate") && error.contains("`.root_certificate(pem)`"), "{error}");
    }
    // By another name than those in its certificate.
    let elsewhere = RedisStore::builder(&format!("rediss://localhost:{port}")).root_certificate(own.pem());
    let error = refused(elsewhere).await;
    assert!(error.contains("certificate") && !error.contains("root_certificate"), "{error}");
    // A server that does not speak TLS.
    refused(at(server.port()).root_certificate(own.pem())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_demands_a_certificate_gets_that_of_the_client() {
    if !redis_is_installed() {
        return;
    }
    let (own, other) = (Authority::new("own"), Authority::new("other"));
    let files = Files::of(&own.sign("127.0.0.1"), &own);
    let (_server, port) = RedisServer::start_with_tls(files.paths(), true, &[]);
    let trusting = || at(port).root_certificate(own.pem());
    let with = |client: &Signed| trusting().client_certificate(&client.certificate, &client.key);
    works(with(&own.sign("client"))).await;
    let error = refused(trusting()).await;
    assert!(error.contains("`.client_certificate(…)`"), "{error}");
    refused(with(&other.sign("client"))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_and_sentinels_are_reached_with_the_same_settings() {
    if !redis_is_installed() {
        return;
    }
    let own = Authority::new("own");
    let files = Files::of(&own.sign("127.0.0.1"), &own);
    let client = own.sign("client");
    let store = |url: &str| {
        RedisStore::builder(url).root_certificate(own.pem()).client_certificate(&client.certificate, &client.key)
    };

    let options = ["--cluster-enabled", "yes", "--tls-cluster", "yes"];
    let (node, port) = RedisServer::start_with_tls(files.paths(), true, &options);
    node.run("CLUSTER ADDSLOTSRANGE 0 16383").await;
    node.waits_for("CLUSTER INFO", |told| told.contains("cluster_state:ok")).await;
    works(store(&format!("rediss+cluster://127.0.0.1:{port}"))).await;
    let unknown = RedisStore::connect(&format!("rediss+cluster://127.0.0.1:{port}")).await;
    assert!(matches!(unknown, Err(StoreError::Unavailable(_))), "{unknown:?}");

    let (_primary, primary_port) = RedisServer::start_with_tls(files.paths(), true, &[]);
    let (_sentinel, port) = RedisServer::start_sentinel_with_tls(files.paths(), primary_port);
    works(store(&format!("rediss+sentinel://127.0.0.1:{port}/main"))).await;
    let unknown = RedisStore::connect(&format!("rediss+sentinel://127.0.0.1:{port}/main")).await;
    assert!(matches!(unknown, Err(StoreError::Unavailable(_))), "{unknown:?}");
}

#[tokio::test]
async fn certificates_that_cannot_be_used_are_errors_with_the_fix_before_anything_is_sent() {
    let (own, client, other) =
        (Authority::new("own"), Authority::new("own").sign("a"), Authority::new("own").sign("b"));
    let damaged = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    // Nobody listens at the discard port.
    let new = || at(9);
    for pem in ["", "/etc/ssl/ca.pem", damaged, &client.key] {
        let error = new().root_certificate(own.pem()).root_certificate(pem).connect().await.unwrap_err();
        assert!(matches!(error, StoreError::Config(StoreUrlError::RootCertificate)), "{pem}: {error}");
    }
    let (certificate, key) = (client.certificate.as_str(), client.key.as_str());
    for (certificate, key) in [
        ("", key),
        (certificate, ""),
        ("client.pem", "client.key"),
        (key, certificate),
        (certificate, &*other.key),
        (damaged, key),
    ] {
        let error = new().client_certificate(certificate, key).connect().await.unwrap_err();
        assert!(matches!(error, StoreError::Config(StoreUrlError::ClientCertificate)), "{error}");
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("AAAA") && !shown.contains("PRIVATE KEY"), "{shown}");
    }
    let twice = new().client_certificate(certificate, key).client_certificate(certificate, key);
    assert!(!format!("{twice:?}").contains("-----"), "{twice:?}");
    let error = twice.connect().await.unwrap_err();
    assert!(matches!(error, StoreError::SetTwice { setting: "client_certificate" }), "{error}");
}

#[tokio::test]
async fn certificates_for_a_connection_without_tls_are_an_error() {
    let (own, client) = (Authority::new("own"), Authority::new("own").sign("client"));
    for url in [
        "redis://127.0.0.1:9",
        "valkey://127.0.0.1:9",
        "redis+cluster://127.0.0.1:9",
        "redis+sentinel://127.0.0.1:9/main",
    ] {
        for store in [
            RedisStore::builder(url).root_certificate(own.pem()),
            RedisStore::builder(url).client_certificate(&client.certificate, &client.key),
        ] {
            let error = store.connect().await.unwrap_err();
            assert!(matches!(error, StoreError::Config(StoreUrlError::NoTls { .. })), "{error}");
        }
    }
}
