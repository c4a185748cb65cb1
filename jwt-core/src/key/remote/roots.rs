//! Certificate authorities that are trusted beside those of the platform.

use std::sync::Arc;

use reqwest::{Certificate, Client};

use crate::key::{FetchError, RemoteKeySetBuildError};
use crate::transport::certificates;

/// Certificates in DER.
#[derive(Debug, Clone, Default)]
pub(crate) struct RootCertificates {
    certificates: Vec<Arc<[u8]>>,
    /// One that was given cannot be read.
    unreadable: bool,
}

impl RootCertificates {
    pub(crate) fn add(&mut self, pem: &[u8]) {
        match certificates::in_pem(pem) {
            Some(certificates) => self.certificates.extend(certificates.into_iter().map(Arc::from)),
            None => self.unreadable = true,
        }
    }

    /// Whether they are certificates, and will be used.
    pub(crate) fn check(&self, own_client: bool) -> Result<(), RemoteKeySetBuildError> {
        if self.unreadable {
            return Err(RemoteKeySetBuildError::RootCertificate);
        }
        if self.certificates.is_empty() {
            return Ok(());
        }
        if own_client {
            return Err(RemoteKeySetBuildError::UnusedRootCertificate);
        }
        let read = self.certificates().ok().and_then(|roots| Client::builder().tls_certs_only(roots).build().ok());
        read.map(drop).ok_or(RemoteKeySetBuildError::RootCertificate)
    }

    pub(crate) fn certificates(&self) -> Result<Vec<Certificate>, FetchError> {
        self.certificates.iter().map(|der| Certificate::from_der(der).map_err(FetchError::transport)).collect()
    }
}
