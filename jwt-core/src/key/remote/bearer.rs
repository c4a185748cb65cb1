//! The token of a file in the requests to a provider that gives its keys to known callers only.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use http::header::AUTHORIZATION;
use http::uri::Authority;
use http::{HeaderValue, Uri};
use tokio::task::spawn_blocking;

use crate::key::{Fetch, FetchError, Fetching};

/// The longest token that is read, in bytes.
const MAX_TOKEN: u64 = 64 * 1024;

/// A client that sends a token to one host, and to no other that its metadata may name.
pub(super) struct WithBearer<'c> {
    client: &'c dyn Fetch,
    host: Option<Authority>,
    token: HeaderValue,
}

impl<'c> WithBearer<'c> {
    /// Reads the token. It is read for each fetch, since whoever mounts it may replace it.
    pub(super) async fn read(client: &'c dyn Fetch, path: PathBuf, address: &str) -> Result<Self, FetchError> {
        let read = spawn_blocking(move || {
            let mut token = String::new();
            File::open(path)?.take(MAX_TOKEN).read_to_string(&mut token)?;
            Ok::<_, std::io::Error>(token)
        });
        let token = read.await.map_err(|_| FetchError::Stopped)?.map_err(FetchError::transport)?;
        let mut token = HeaderValue::try_from(format!("Bearer {}", token.trim())).map_err(FetchError::transport)?;
        token.set_sensitive(true);
        let host = address.parse::<Uri>().ok().and_then(|address| address.authority().cloned());
        Ok(Self { client, host, token })
    }
}

impl Fetch for WithBearer<'_> {
    fn fetch(&self, mut request: http::Request<Vec<u8>>, max_bytes: usize) -> Fetching<'_> {
        if self.host.is_some() && request.uri().authority() == self.host.as_ref() {
            request.headers_mut().insert(AUTHORIZATION, self.token.clone());
        }
        self.client.fetch(request, max_bytes)
    }
}
