//! The default HTTP client.

use std::time::Duration;

use crate::key::{Fetch, FetchError, Fetching};

pub(super) struct DefaultClient(reqwest::Client);

impl DefaultClient {
    pub(super) fn new(connect_timeout: Duration) -> Result<Self, FetchError> {
        let client = reqwest::Client::builder()
            .user_agent(concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(connect_timeout)
            // Minutes pass between two fetches.
            .pool_max_idle_per_host(0)
            .build()
            .map_err(FetchError::transport)?;
        Ok(Self(client))
    }
}

impl Fetch for DefaultClient {
    fn fetch(&self, request: http::Request<()>, max_bytes: usize) -> Fetching<'_> {
        Box::pin(async move {
            let (head, ()) = request.into_parts();
            let mut request = self.0.request(head.method, head.uri.to_string());
            for (name, value) in &head.headers {
                request = request.header(name, value);
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
    FetchError::transport(error)
}
