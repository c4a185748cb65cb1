//! Connections to Redis over TLS: which authorities are trusted, and by which certificate the store is known to the server.

use std::sync::Arc;

use redis::cluster::ClusterClientBuilder;
use redis::sentinel::SentinelClientBuilder;
use redis::{Client, ClientTlsConfig, ConnectionInfo, RedisError, RedisResult, TlsCertificates};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use super::RedisStoreBuilder;
use crate::store::{StoreError, StoreUrlError};
use crate::transport::certificates;

/// The settings, as they were given.
#[derive(Clone, Default)]
pub(super) struct Tls {
    roots: Vec<Vec<u8>>,
    client: Option<ClientTlsConfig>,
}

impl RedisStoreBuilder {
    /// Trusts this certificate authority and no others, neither those of the platform: the text of a PEM file, with one or
    /// more `CERTIFICATE` blocks. Each call adds. Default: the certificates of the platform; on Linux and BSD those of
    /// `SSL_CERT_FILE` and `SSL_CERT_DIR`, where these environment variables are set.
    ///
    /// For all servers of the URL: nodes of a cluster, sentinels and their primary.
    #[must_use]
    pub fn root_certificate(mut self, pem: impl AsRef<[u8]>) -> Self {
        self.tls.roots.push(pem.as_ref().to_vec());
        self
    }

    /// Presents this certificate to servers that ask for one: PEM with the certificate, followed by those between it and
    /// its authority, and PEM with its private key (PKCS#8, PKCS#1 or SEC 1, not encrypted). Default: none.
    #[must_use]
    pub fn client_certificate(mut self, certificates: impl AsRef<[u8]>, private_key: impl AsRef<[u8]>) -> Self {
        self.given.once("client_certificate");
        let (client_cert, client_key) = (certificates.as_ref().to_vec(), private_key.as_ref().to_vec());
        self.tls.client = Some(ClientTlsConfig { client_cert, client_key });
        self
    }
}

impl Tls {
    pub(super) fn is_given(&self) -> bool {
        !self.roots.is_empty() || self.client.is_some()
    }

    /// Whether the settings can be used. The driver would say so at each connection, and in fewer words.
    pub(super) fn check(&self) -> Result<(), StoreUrlError> {
        let mut roots = RootCertStore::empty();
        for pem in &self.roots {
            for root in certificates::in_pem(pem).ok_or(StoreUrlError::RootCertificate)? {
                roots.add(root.into()).map_err(|_| StoreUrlError::RootCertificate)?;
            }
        }
        if let Some(ClientTlsConfig { client_cert, client_key }) = &self.client {
            let unusable = StoreUrlError::ClientCertificate;
            let chain = certificates::in_pem(client_cert).ok_or_else(|| unusable.clone())?;
            let key = PrivateKeyDer::from_pem_slice(client_key).map_err(|_| unusable.clone())?;
            let config = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
            let config = config.map_err(|_| unusable.clone())?.with_root_certificates(roots);
            config.with_client_auth_cert(chain.into_iter().map(Into::into).collect(), key).map_err(|_| unusable)?;
        }
        Ok(())
    }

    fn certificates(&self) -> Option<TlsCertificates> {
        let root_cert = (!self.roots.is_empty()).then(|| self.roots.join(&b"\n"[..]));
        self.is_given().then(|| TlsCertificates { client_tls: self.client.clone(), root_cert })
    }

    pub(super) fn server(&self, info: ConnectionInfo) -> RedisResult<Client> {
        match self.certificates() {
            Some(certificates) => Client::build_with_tls(info, certificates),
            None => Client::open(info),
        }
    }

    pub(super) fn cluster(&self, builder: ClusterClientBuilder) -> ClusterClientBuilder {
        match self.certificates() {
            Some(certificates) => builder.certs(certificates),
            None => builder,
        }
    }

    /// For the sentinel, and for the primary that it names.
    pub(super) fn sentinel(&self, builder: SentinelClientBuilder) -> SentinelClientBuilder {
        match self.certificates() {
            Some(certificates) => builder
                .set_client_to_sentinel_certificates(certificates.clone())
                .set_client_to_redis_certificates(certificates),
            None => builder,
        }
    }
}

/// What the process does its cryptography of TLS by.
fn provider() -> Arc<CryptoProvider> {
    CryptoProvider::get_default().cloned().unwrap_or_else(|| Arc::new(aws_lc_rs::default_provider()))
}

/// The driver takes the provider of the process, and panics where there is none and several are compiled in.
pub(super) fn prepare() {
    if CryptoProvider::get_default().is_none() {
        // Where somebody else installs one at this moment, there is one.
        let _ = aws_lc_rs::default_provider().install_default();
    }
}

/// The error of a connection, with what to do where a certificate is what is wrong.
pub(super) fn explained(error: RedisError) -> StoreError {
    // As rustls says it; the driver passes on no more than its words. The authority is unknown, or has another key.
    let said = error.to_string();
    let authority = "name the authority that has signed the certificate of the server, by `.root_certificate(pem)`";
    let client = "the server demands a certificate of its clients: give one by `.client_certificate(…)`";
    let advice = [("UnknownIssuer", authority), ("BadSignature", authority), ("CertificateRequired", client)];
    match advice.into_iter().find(|(words, _)| said.contains(words)) {
        Some((_, advice)) => StoreError::unavailable(Refused { error, advice }),
        None => StoreError::unavailable(error),
    }
}

#[derive(Debug, thiserror::Error)]
#[error("{error}: {advice}")]
struct Refused {
    error: RedisError,
    advice: &'static str,
}
