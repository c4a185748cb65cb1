//! The end of TLS, for servers that bind tokens to certificates: each library says which extension has the certificate.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::extract::connect_info::{ConnectInfo, Connected};
use axum::middleware::map_request;
use axum::serve::{IncomingStream, Listener};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::{Failure, told};

/// Serves the same app at `TLS_PORT` too, if the kit asks for it. `extension` makes what the library looks for.
pub(crate) async fn serve<E>(app: &Router, extension: fn(Vec<u8>) -> E) -> Result<(), Failure>
where
    E: Clone + Send + Sync + 'static,
{
    if told("SETTING") != "tls" {
        return Ok(());
    }
    let file = |name: &str| format!("{}/{name}", told("TLS_DIRECTORY"));
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(file("authority.pem"))?)?;
    // Bearer tokens that are bound to nothing need no certificate.
    let clients = WebPkiClientVerifier::builder(Arc::new(roots)).allow_unauthenticated().build()?;
    let config = ServerConfig::builder().with_client_cert_verifier(clients).with_single_cert(
        vec![CertificateDer::from_pem_file(file("server.pem"))?],
        PrivateKeyDer::from_pem_file(file("server.key"))?,
    )?;
    let listener = TcpListener::bind(format!("127.0.0.1:{}", told("TLS_PORT"))).await?;
    let listener = Ready::new(listener, TlsAcceptor::from(Arc::new(config)))?;
    let with_certificate = move |ConnectInfo(Shown(shown)): ConnectInfo<Shown>, mut request: Request| async move {
        if let Some(certificate) = shown {
            request.extensions_mut().insert(extension(certificate));
        }
        Ok::<_, Infallible>(request)
    };
    let app = app.clone().layer(map_request(with_certificate));
    let app = app.into_make_service_with_connect_info::<Shown>();
    tokio::spawn(async { axum::serve(listener, app).await });
    Ok(())
}

/// The certificate that a client has shown.
#[derive(Clone)]
struct Shown(Option<Vec<u8>>);

impl Connected<IncomingStream<'_, Ready>> for Shown {
    fn connect_info(stream: IncomingStream<'_, Ready>) -> Self {
        let (_, tls) = stream.io().get_ref();
        Self(tls.peer_certificates().and_then(|chain| chain.first()).map(|leaf| leaf.to_vec()))
    }
}

/// Connections whose handshake is done.
struct Ready {
    connections: mpsc::Receiver<TlsStream<TcpStream>>,
    address: std::net::SocketAddr,
}

impl Ready {
    fn new(mut listener: TcpListener, acceptor: TlsAcceptor) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let (sender, connections) = mpsc::channel(16);
        tokio::spawn(async move {
            loop {
                let (stream, _) = Listener::accept(&mut listener).await;
                let (acceptor, sender) = (acceptor.clone(), sender.clone());
                tokio::spawn(async move {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        _ = sender.send(stream).await;
                    }
                });
            }
        });
        Ok(Self { connections, address })
    }
}

impl Listener for Ready {
    type Io = TlsStream<TcpStream>;
    type Addr = std::net::SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.connections.recv().await {
            Some(stream) => (stream, self.address),
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        Ok(self.address)
    }
}
