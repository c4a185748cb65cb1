//! An issuer that knows who asks by a certificate (RFC 8705 §2): a server of rustls that answers nobody else.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use acceptance::AUDIENCE;
use jwt_core::introspection::Introspection;
use oidc_tests::{builder, status};
use rcgen::{CertificateParams, CertifiedIssuer, KeyPair};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use crate::private_ca::{OwnClient, authority};

type Authority = CertifiedIssuer<'static, KeyPair>;

/// Serves until the runtime ends: its address, and how many questions it has answered.
async fn start(authority: &Authority) -> (String, Arc<AtomicUsize>) {
    let own = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&own, authority).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(authority.der().clone()).unwrap();
    let config = ServerConfig::builder()
        .with_client_cert_verifier(WebPkiClientVerifier::builder(Arc::new(roots)).build().unwrap())
        .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::try_from(own.serialize_der()).unwrap())
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("https://localhost:{}/introspect", listener.local_addr().unwrap().port());
    let (acceptor, answered) = (TlsAcceptor::from(Arc::new(config)), Arc::new(AtomicUsize::new(0)));
    let counted = answered.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // Whoever has no certificate of this authority does not come this far.
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut request = Vec::new();
            while !request.ends_with(b"client_id=api") && stream.read_buf(&mut request).await.is_ok_and(|read| read > 0)
            {
            }
            let request = String::from_utf8(request).unwrap();
            assert!(
                request.starts_with("POST /introspect ") && !request.to_lowercase().contains("authorization:"),
                "{request}"
            );
            counted.fetch_add(1, Ordering::Relaxed);
            let body = if request.contains("token=opaque&") {
                json!({"active": true, "token_type": "Bearer", "aud": AUDIENCE, "sub": "robot", "name": "Robot", "exp": 4_000_000_000_u64})
            } else {
                json!({"active": false})
            };
            let body = body.to_string();
            let answer =
                format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    (address, answered)
}

/// A client that trusts the authority of the server, and shows a certificate of that other one if it has any.
fn client(server: &Authority, own: Option<&Authority>) -> OwnClient {
    let trusted = reqwest::Certificate::from_pem(server.pem().as_bytes()).unwrap();
    let mut builder = reqwest::Client::builder().tls_certs_only([trusted]);
    if let Some(authority) = own {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec!["api".to_owned()]).unwrap().signed_by(&key, authority).unwrap();
        let pem = format!("{}{}", certificate.pem(), key.serialize_pem());
        builder = builder.identity(reqwest::Identity::from_pem(pem.as_bytes()).unwrap());
    }
    OwnClient(builder.build().unwrap())
}

#[tokio::test]
async fn an_issuer_that_wants_a_certificate_is_asked_with_it_and_with_no_secret() {
    let [server, other] = [authority(), authority()];
    let (address, answered) = start(&server).await;
    let auth = |client| {
        let introspection = Introspection::at(&address).mutual_tls("api").client(client);
        builder().introspect(&introspection).build().unwrap()
    };
    let known = auth(client(&server, Some(&server)));
    assert_eq!([status(&known, "opaque").await, status(&known, "made-up").await], [200, 401]);
    assert_eq!(answered.load(Ordering::Relaxed), 2);
    for stranger in [client(&server, None), client(&server, Some(&other))] {
        assert_eq!(status(&auth(stranger), "opaque").await, 503);
    }
    assert_eq!(answered.load(Ordering::Relaxed), 2);
}
