//! A client that shows the certificate that it is told to, and none otherwise.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;

use crate::authority::NAME;
use crate::{Authority, Identity};

/// A client, with a certificate or without.
#[derive(Debug, Clone)]
pub struct Client(Arc<ClientConfig>);

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The head and the body.
    pub text: String,
}

impl Client {
    /// Trusts the authority of the servers.
    ///
    /// # Panics
    /// Where the certificate is none.
    pub fn new(identity: Option<&Identity>) -> Self {
        let mut roots = RootCertStore::empty();
        let authority = CertificateDer::from_pem_slice(Authority::trusted().pem().as_bytes()).expect("it is PEM");
        roots.add(authority).expect("it is a certificate");
        let config = ClientConfig::builder().with_root_certificates(roots);
        let config = match identity {
            None => config.with_no_client_auth(),
            Some(identity) => {
                let own = CertificateDer::from_pem_slice(identity.certificate.as_bytes()).expect("it is PEM");
                let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).expect("it is PEM");
                config.with_client_auth_cert(vec![own], key).expect("they go together")
            }
        };
        Self(Arc::new(config))
    }

    /// The answers to GET requests of `/me` with these header fields, one after the other on one connection. `None` where
    /// the server does not take the certificate.
    pub async fn get(&self, server: SocketAddr, requests: &[&[(&str, &str)]]) -> Option<Vec<Answer>> {
        let stream = TcpStream::connect(server).await.ok()?;
        let name = ServerName::try_from(NAME).ok()?;
        let stream = TlsConnector::from(self.0.clone()).connect(name, stream).await.ok()?;
        exchange(stream, requests).await
    }
}

/// The answers to such requests without TLS, from that address on this machine.
pub(crate) async fn get_plain(from: [u8; 4], server: SocketAddr, requests: &[&[(&str, &str)]]) -> Option<Vec<Answer>> {
    let socket = TcpSocket::new_v4().ok()?;
    socket.bind((from, 0).into()).ok()?;
    exchange(socket.connect(server).await.ok()?, requests).await
}

async fn exchange<S>(mut stream: S, requests: &[&[(&str, &str)]]) -> Option<Vec<Answer>>
where
    S: AsyncReadExt + AsyncWriteExt + Unpin,
{
    let mut answers = Vec::new();
    for fields in requests {
        let fields: String = fields.iter().flat_map(|(name, value)| [*name, ": ", *value, "\r\n"]).collect();
        stream.write_all(format!("GET /me HTTP/1.1\r\nHost: {NAME}\r\n{fields}\r\n").as_bytes()).await.ok()?;
        answers.push(answer(&mut stream).await?);
    }
    Some(answers)
}

async fn answer(stream: &mut (impl AsyncReadExt + Unpin)) -> Option<Answer> {
    let mut read = Vec::new();
    loop {
        // The last byte of a body that is as long as its head says.
        let text = String::from_utf8_lossy(&read).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(": ")?;
                name.eq_ignore_ascii_case("content-length").then(|| value.parse::<usize>().ok()).flatten()
            });
            if body.len() >= length.unwrap_or_default() {
                let status = head.split(' ').nth(1)?.parse().ok()?;
                return Some(Answer { status, text });
            }
        }
        if stream.read_buf(&mut read).await.ok()? == 0 {
            return None;
        }
    }
}
