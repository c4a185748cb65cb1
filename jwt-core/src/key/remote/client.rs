//! The default HTTP client.

use std::time::Duration;

use reqwest::Certificate;

use crate::key::{Fetch, FetchError, Fetching};
use crate::transport::TransportError;

pub(crate) struct DefaultClient(reqwest::Client);

impl DefaultClient {
    /// Keeps up to so many connections open for the next request.
    pub(crate) fn new(connect_timeout: Duration, idle: usize, roots: Vec<Certificate>) -> Result<Self, FetchError> {
        let client = reqwest::Client::builder()
            .user_agent(concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(connect_timeout)
            // Beside those of the platform.
            .tls_certs_merge(roots)
            .pool_max_idle_per_host(idle)
            .build()
            .map_err(FetchError::transport)?;
        Ok(Self(client))
    }
}

impl Fetch for DefaultClient {
    fn fetch(&self, request: http::Request<Vec<u8>>, max_bytes: usize) -> Fetching<'_> {
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let mut request = self.0.request(head.method, head.uri.to_string());
            for (name, value) in &head.headers {
                request = request.header(name, value);
            }
            if !body.is_empty() {
                request = request.body(body);
            }
            let mut response = request.send().await.map_err(failed)?;
            let mut body = Vec::new();
            while let Some(chunk) = response.chunk().await.map_err(failed)? {
                if body.len().saturating_add(chunk.len()) > max_bytes {
                    return Err(FetchError::TooLong { limit: max_bytes });
                }
                body.extend_from_slice(&chunk);
            }
            let mut whole = http::Response::new(body);
            *whole.status_mut() = response.status();
            *whole.headers_mut() = std::mem::take(response.headers_mut());
            Ok(whole)
        })
    }
}

/// The error without the query of the address, where a key may be.
fn failed(mut error: reqwest::Error) -> FetchError {
    if let Some(address) = error.url_mut() {
        address.set_query(None);
    }
    let error = TransportError::new(error);
    // As rustls says it, whose types are not in the public interface of the client: no authority of that name, or one with
    // another key.
    let said = error.to_string();
    let is_unknown = ["UnknownIssuer", "BadSignature"].iter().any(|words| said.contains(words));
    if is_unknown { FetchError::transport(UnknownAuthority(error)) } else { FetchError::Transport(error) }
}

/// The certificate of the provider is of an authority that is not trusted.
#[derive(Debug, thiserror::Error)]
#[error("{0}: if a private authority has signed the certificate of the provider, trust it by `.root_certificate(pem)`")]
struct UnknownAuthority(TransportError);
