//! The HTTP client of key fetching, as a trait, and why a fetch fails.

use std::error::Error;
use std::pin::Pin;

use crate::key::KeyError;
use crate::transport::TransportError;

/// Fetches documents over HTTP: keys, and the metadata that says where they are.
///
/// The default is reqwest with rustls and the certificates of the platform. Implement it for a client of your own
/// where that does not do: a private certificate authority, a proxy, a mutual TLS connection.
///
/// An implementation sends the request as it is, follows no redirect, and gives up once the body is longer than
/// `max_bytes`. It need not mind the time: what takes too long is dropped.
///
/// ```
/// use jwt_core::{Fetch, FetchError, Fetching};
///
/// struct FromFile;
///
/// impl Fetch for FromFile {
///     fn fetch(&self, request: http::Request<()>, _max_bytes: usize) -> Fetching<'_> {
///         Box::pin(async move {
///             let body = std::fs::read(request.uri().path()).map_err(FetchError::transport)?;
///             Ok(http::Response::new(body))
///         })
///     }
/// }
/// # let _ = FromFile;
/// ```
pub trait Fetch: Send + Sync {
    /// The response, or why there is none.
    fn fetch(&self, request: http::Request<()>, max_bytes: usize) -> Fetching<'_>;
}

/// A fetch that is under way.
pub type Fetching<'a> = Pin<Box<dyn Future<Output = Result<http::Response<Vec<u8>>, FetchError>> + Send + 'a>>;

/// Why keys could not be fetched.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// No complete answer in the time that a fetch may take.
    #[error("no complete answer in time")]
    Timeout,
    /// The HTTP client could not do it.
    #[error("{0}")]
    Transport(TransportError),
    /// An answer with this status instead of 200.
    #[error("the answer has status {0}")]
    Status(u16),
    /// The answer is longer than the limit.
    #[error("the answer is longer than {limit} bytes")]
    TooLong {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The answer is no text in UTF-8, or no JWK Set.
    #[error("{0}")]
    Keys(#[from] KeyError),
    /// More keys than the limit.
    #[error("the set has more than {limit} keys")]
    TooManyKeys {
        /// The limit.
        limit: usize,
    },
    /// The metadata is no JSON object with an `issuer` and a `jwks_uri`.
    #[error("the metadata has no `issuer` and `jwks_uri`")]
    Metadata,
    /// The metadata is that of another issuer (RFC 8414 §3.3); often only a slash at the end tells them apart.
    #[error("the metadata is that of another issuer, {found:?}")]
    OtherIssuer {
        /// Who it says that it is, cut to 128 characters.
        found: Box<str>,
    },
    /// The metadata sends us to an address that is not https.
    #[error("`jwks_uri` is not an https address")]
    Insecure,
    /// The runtime that did the fetching has ended.
    #[error("the runtime that fetched the keys has ended")]
    Stopped,
}

impl FetchError {
    /// What the HTTP client says.
    pub fn transport(error: impl Error + Send + Sync + 'static) -> Self {
        Self::Transport(TransportError::new(error))
    }
}
