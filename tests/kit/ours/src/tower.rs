//! axum, with the layers of jwt-tower.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::extract::connect_info::{ConnectInfo, Connected};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use axum::middleware::map_request;
use axum::response::IntoResponse;
use axum::routing::{any, get, post};
use axum::serve::{IncomingStream, Listener};
use axum::{Json, Router};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use jwt_tower::adapter::{ClientCertificate, PeerAddress};
use jwt_tower::{Claims, JwtAuth, McpAuth, MetadataRoute, Require};
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::expected::{ACR, Expected, MAX_AGE, SCOPE, User};

pub(crate) async fn serve(expected: Expected) -> io::Result<()> {
    let Expected { port, auth, grpc, metadata, mcp, tls } = expected;
    let strong = Require::acr(ACR).and(Require::authenticated_within(MAX_AGE));
    let api = Router::new()
        .route("/protected", any(async || "served\n"))
        .route("/scope", get(async || "served\n").layer(Require::scope(SCOPE)))
        .route("/step-up", get(async || "served\n").layer(strong))
        .layer(JwtAuth::new(auth.clone()).peer_from::<ConnectInfo<SocketAddr>>());
    // To nginx, any other refusal than 401 and 403 is a failure of the endpoint, which it reports as 500.
    let proxy = JwtAuth::new(auth).on_rejection(|_error, _request, mut head| {
        if head.status() == StatusCode::BAD_REQUEST {
            *head.status_mut() = StatusCode::FORBIDDEN;
        }
        head.map(|()| Body::empty())
    });
    let services = Router::new()
        .route("/kit.Kit/Serve", post(async || call()))
        .route("/kit.Kit/Scoped", post(async || call()).layer(Require::scope(SCOPE)))
        .layer(JwtAuth::new(grpc));
    let mcp_metadata = mcp.metadata().clone();
    let app = Router::new()
        .merge(api)
        .merge(Router::new().route("/auth", any(let_in)).layer(proxy))
        .merge(services)
        .merge(Router::new().route("/mcp", post(message)).layer(McpAuth::new(mcp)))
        .layer(MetadataRoute::new(mcp_metadata))
        .layer(MetadataRoute::new(metadata));
    if let Some((port, config)) = tls {
        let listener = TlsListener::new(TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?, config)?;
        let app = app.clone().layer(map_request(with_peer)).into_make_service_with_connect_info::<Peer>();
        tokio::spawn(async { axum::serve(listener, app).await });
    }
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await
}

/// Who the user is, for the proxy to pass on.
async fn let_in(Claims(user): Claims<User>) -> Result<(StatusCode, [(HeaderName, HeaderValue); 1]), StatusCode> {
    let subject = HeaderValue::from_str(user.subject().unwrap_or_default()).map_err(|_| StatusCode::FORBIDDEN)?;
    Ok((StatusCode::NO_CONTENT, [(HeaderName::from_static("x-auth-subject"), subject)]))
}

async fn message(body: Bytes) -> impl IntoResponse {
    crate::mcp::answer(&body).map(Json).ok_or(StatusCode::BAD_REQUEST)
}

/// An empty message, and the status behind it.
fn call() -> Response<Body> {
    let trailers = async {
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", HeaderValue::from_static("0"));
        Some(Ok::<_, Infallible>(trailers))
    };
    let mut response = Response::new(Body::new(Full::new(Bytes::from_static(&[0; 5])).with_trailers(trailers)));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    response
}

// TLS that ends here, as docs/how-to/mutual-tls.md has it.

/// Connections whose handshake is done.
struct TlsListener {
    ready: mpsc::Receiver<(TlsStream<TcpStream>, SocketAddr)>,
    address: SocketAddr,
}

impl TlsListener {
    fn new(mut listener: TcpListener, config: ServerConfig) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let (sender, ready) = mpsc::channel(16);
        tokio::spawn(async move {
            loop {
                let (stream, peer) = Listener::accept(&mut listener).await;
                let (acceptor, sender) = (acceptor.clone(), sender.clone());
                tokio::spawn(async move {
                    let handshake = tokio::time::timeout(Duration::from_secs(10), acceptor.accept(stream));
                    if let Ok(Ok(stream)) = handshake.await {
                        _ = sender.send((stream, peer)).await;
                    }
                });
            }
        });
        Ok(Self { ready, address })
    }
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.ready.recv().await {
            Some(connection) => connection,
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        Ok(self.address)
    }
}

/// What is known of a connection.
#[derive(Clone)]
struct Peer {
    address: SocketAddr,
    certificate: Option<ClientCertificate>,
}

impl Connected<IncomingStream<'_, TlsListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, TlsListener>) -> Self {
        let (_, tls) = stream.io().get_ref();
        let leaf = tls.peer_certificates().and_then(|chain| chain.first());
        let certificate = leaf.map(|leaf| ClientCertificate(leaf.as_ref().into()));
        Self { address: *stream.remote_addr(), certificate }
    }
}

async fn with_peer(ConnectInfo(peer): ConnectInfo<Peer>, mut request: Request) -> Request {
    request.extensions_mut().insert(PeerAddress(peer.address.ip()));
    if let Some(certificate) = peer.certificate {
        request.extensions_mut().insert(certificate);
    }
    request
}
