//! A client of one's own, for a provider whose certificate no platform knows.

use std::sync::Arc;

use jwt_core::RemoteKeySet;
use jwt_core::key::{Fetch, FetchError, Fetching};
use oidc_tests::{Key, at_once, builder, jwks, status};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// reqwest, trusting one certificate authority and no other.
struct Private(reqwest::Client);

impl Fetch for Private {
    fn fetch(&self, request: http::Request<()>, max_bytes: usize) -> Fetching<'_> {
        Box::pin(async move {
            let mut response = self
                .0
                .get(request.uri().to_string())
                .headers(request.headers().clone())
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

#[tokio::test]
async fn a_private_certificate_authority_is_trusted_by_a_client_of_ones_own_and_by_no_other() {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let own = KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&own, &authority).unwrap();
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

    let trusted = reqwest::Certificate::from_pem(authority.pem().as_bytes()).unwrap();
    let client = reqwest::Client::builder().tls_certs_only([trusted]).build().unwrap();
    let keys = RemoteKeySet::discover(&issuer).client(Private(client));
    let auth = builder().keys(&keys).build().unwrap();
    keys.ready().await.unwrap();
    assert_eq!(at_once(&auth, &key.token(&issuer)), Some(200));

    let keys = RemoteKeySet::discover(&issuer);
    let auth = builder().keys(&keys).build().unwrap();
    let error = keys.ready().await.unwrap_err();
    assert!(matches!(error.first(), FetchError::Transport(_)) && error.to_string().contains("certificate"), "{error}");
    assert_eq!(status(&auth, &key.token(&issuer)).await, 503);
}
