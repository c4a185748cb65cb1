//! A provider whose certificate no platform knows: its authority is trusted by a setting, by the environment, or by a client
//! of one's own.

use std::io::{BufRead, BufReader};
use std::sync::Arc;

use jwt_core::RemoteKeySet;
use jwt_core::error::AuthenticatorBuildError;
use jwt_core::key::{Fetch, FetchError, Fetching, RemoteKeySetBuildError};
use oidc_tests::{Key, at_once, builder, jwks, status};
use outside::Process;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// reqwest, as its builder has made it.
pub(crate) struct OwnClient(pub(crate) reqwest::Client);

impl Fetch for OwnClient {
    fn fetch(&self, request: http::Request<Vec<u8>>, max_bytes: usize) -> Fetching<'_> {
        Box::pin(async move {
            let mut response = self
                .0
                .request(request.method().clone(), request.uri().to_string())
                .headers(request.headers().clone())
                .body(request.into_body())
                .send()
                .await
                .map_err(FetchError::transport)?;
            let mut body = Vec::new();
            while let Some(chunk) = response.chunk().await.map_err(FetchError::transport)? {
                body.extend_from_slice(&chunk);
                if body.len() > max_bytes {
                    return Err(FetchError::TooLong { limit: max_bytes });
                }
            }
            let mut whole = http::Response::new(body);
            *whole.status_mut() = response.status();
            *whole.headers_mut() = response.headers().clone();
            Ok(whole)
        })
    }
}

/// A provider over TLS, whose certificate an authority has signed that nobody else knows.
struct Private {
    issuer: String,
    key: Key,
    /// The certificate of the authority.
    authority: String,
}

pub(crate) fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

impl Private {
    async fn start() -> Self {
        let (authority, own) = (authority(), KeyPair::generate().unwrap());
        let certificate = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = certificate.signed_by(&own, &authority).unwrap();
        let private = PrivateKeyDer::try_from(own.serialize_der()).unwrap();
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], private)
            .unwrap();
        let key = Key::new("k");
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        let metadata = json!({"issuer": issuer, "jwks_uri": format!("{issuer}/jwks")}).to_string();
        let set = jwks([&key]);
        let acceptor = TlsAcceptor::from(Arc::new(config));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                let mut head = [0; 4096];
                let length = stream.read(&mut head).await.unwrap_or(0);
                let body = if head[..length].starts_with(b"GET /jwks ") { &set } else { &metadata };
                let answer =
                    format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len());
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = stream.shutdown().await;
            }
        });
        Self { issuer, key, authority: authority.pem() }
    }

    fn keys(&self) -> RemoteKeySet {
        RemoteKeySet::discover(&self.issuer)
    }

    async fn is_trusted(&self, keys: &RemoteKeySet) {
        let auth = builder().keys(keys).build().unwrap();
        keys.ready().await.unwrap();
        assert_eq!(at_once(&auth, &self.key.token(&self.issuer)), Some(200));
    }

    async fn is_not_trusted(&self, keys: &RemoteKeySet) -> String {
        let auth = builder().keys(keys).build().unwrap();
        let error = keys.ready().await.unwrap_err();
        assert!(matches!(error.first(), FetchError::Transport(_)), "{error}");
        assert_eq!(status(&auth, &self.key.token(&self.issuer)).await, 503);
        error.to_string()
    }
}

#[tokio::test]
async fn a_private_authority_is_trusted_where_it_is_named_alone_among_others_or_in_a_bundle() {
    let (provider, other) = (Private::start().await, authority().pem());
    let (own, other) = (&provider.authority, &other);
    provider.is_trusted(&provider.keys().root_certificate(own)).await;
    provider.is_trusted(&provider.keys().root_certificate(other).root_certificate(own)).await;
    provider.is_trusted(&provider.keys().root_certificate(own).root_certificate(other)).await;
    provider.is_trusted(&provider.keys().root_certificate(format!("The authorities\n{other}\r\n{own}"))).await;
}

#[tokio::test]
async fn a_private_authority_is_not_trusted_by_itself_and_the_error_says_how_it_is() {
    let (provider, other) = (Private::start().await, authority().pem());
    for keys in [provider.keys(), provider.keys().root_certificate(&other)] {
        let error = provider.is_not_trusted(&keys).await;
        assert!(error.contains("certificate") && error.contains("`.root_certificate(pem)`"), "{error}");
    }
}

#[tokio::test]
async fn a_certificate_of_another_name_is_refused_although_its_authority_is_trusted() {
    let provider = Private::start().await;
    let elsewhere = provider.issuer.replace("localhost", "127.0.0.1");
    let keys = RemoteKeySet::discover(&elsewhere).root_certificate(&provider.authority);
    let error = provider.is_not_trusted(&keys).await;
    assert!(error.contains("certificate") && !error.contains("root_certificate"), "{error}");
}

#[tokio::test]
async fn an_authority_that_cannot_be_read_is_an_error_of_the_builder_with_the_fix() {
    let good = authority().pem();
    let damaged = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let key = KeyPair::generate().unwrap().serialize_pem();
    let cut = &good[..good.len() / 2];
    for pem in ["", "/etc/ssl/ca.pem", damaged, &key, cut] {
        let keys = RemoteKeySet::jwks("https://login.example.com/jwks").root_certificate(&good).root_certificate(pem);
        let error = builder().keys(keys).build().map(drop).unwrap_err();
        assert_eq!(error, AuthenticatorBuildError::Keys(RemoteKeySetBuildError::RootCertificate), "{pem}");
        assert!(error.to_string().contains("openssl x509") && !error.to_string().contains("AAAA"), "{error}");
    }
}

#[tokio::test]
async fn an_authority_beside_a_client_of_ones_own_is_an_error_since_it_would_have_no_effect() {
    let keys = RemoteKeySet::jwks("https://login.example.com/jwks").root_certificate(authority().pem());
    let keys = keys.client(OwnClient(reqwest::Client::new()));
    let error = builder().keys(keys).build().map(drop).unwrap_err();
    assert_eq!(error, AuthenticatorBuildError::Keys(RemoteKeySetBuildError::UnusedRootCertificate));
}

#[tokio::test]
async fn a_client_of_ones_own_trusts_whom_it_wants() {
    let provider = Private::start().await;
    let trusted = reqwest::Certificate::from_pem(provider.authority.as_bytes()).unwrap();
    let client = reqwest::Client::builder().tls_certs_only([trusted]).build().unwrap();
    provider.is_trusted(&provider.keys().client(OwnClient(client))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_environment_names_authorities_in_place_of_those_of_the_platform() {
    let provider = Private::start().await;
    let directory = std::env::temp_dir().join(format!("jwt-private-ca-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let (own, other) = (directory.join("own.pem"), directory.join("other.pem"));
    std::fs::write(&own, &provider.authority).unwrap();
    std::fs::write(&other, authority().pem()).unwrap();
    for (file, serves) in [(own, true), (other, false)] {
        let variables = [("OIDC_ISSUER", &*provider.issuer), ("OIDC_AUDIENCE", "api")];
        let mut example = crate::examples::example("oidc-axum", &variables);
        example.env("SSL_CERT_FILE", &file).env_remove("SSL_CERT_DIR");
        let said = tokio::task::spawn_blocking(move || {
            let mut process = Process(example.spawn().unwrap());
            let out = BufReader::new(process.stdout.take().unwrap()).lines().map_while(Result::ok);
            // It serves, or ends.
            out.into_iter().find(|line| line.starts_with("http://"))
        });
        assert_eq!(said.await.unwrap().is_some(), serves, "{}", file.display());
    }
    std::fs::remove_dir_all(&directory).unwrap();
}
