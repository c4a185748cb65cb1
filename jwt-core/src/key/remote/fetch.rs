//! The HTTP client of key fetching and of introspection, as a trait, and why a fetch fails.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::config_error::debug_as_display;
use crate::key::KeyError;
use crate::transport::TransportError;

/// Fetches documents over HTTP: keys, the metadata that says where they are, and what an issuer says of a token when it is
/// asked (feature `introspection`), which is a `POST` with a form as its body. Every other request has an empty body.
///
/// The default is reqwest with rustls and the certificates of the platform. Implement this trait for another client:
/// for a proxy, or mutual TLS. (A private certificate authority needs none: `RemoteKeySet::root_certificate`.)
///
/// An implementation sends the request as it is, with its body, follows no redirect, and fails once the body is longer than
/// `max_bytes`. It needs no time limit: a fetch that takes too long is dropped.
///
/// ```
/// use jwt_core::key::{Fetch, FetchError, Fetching};
///
/// struct FromFile;
///
/// impl Fetch for FromFile {
///     fn fetch(&self, request: http::Request<Vec<u8>>, _max_bytes: usize) -> Fetching<'_> {
///         Box::pin(async move {
///             let body = std::fs::read(request.uri().path()).map_err(FetchError::transport)?;
///             Ok(http::Response::new(body))
///         })
///     }
/// }
/// # let _ = FromFile;
/// ```
pub trait Fetch: Send + Sync {
    /// The response with its whole body, or why there is none.
    fn fetch(&self, request: http::Request<Vec<u8>>, max_bytes: usize) -> Fetching<'_>;
}

/// A fetch that is under way.
pub type Fetching<'a> = Pin<Box<dyn Future<Output = Result<http::Response<Vec<u8>>, FetchError>> + Send + 'a>>;

/// Why keys cannot be fetched. They are tried for again all the same.
///
/// `Debug` says what `Display` says.
#[derive(Clone, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// No complete answer in the time that a fetch may take.
    #[error("no complete answer in time: is the provider down, or `.timeout(…)` too short?")]
    Timeout,
    /// The HTTP client failed.
    #[error("{0}")]
    Transport(TransportError),
    /// An answer with this status instead of 200.
    #[error("the answer has status {0} instead of 200")]
    Status(u16),
    /// An answer that leads to another address. None is followed: whoever can redirect could choose the keys.
    #[error(
        "the answer redirects (status {status}) to {to}, and no redirect is followed: if you trust that address, use it instead"
    )]
    Redirect {
        /// The status.
        status: u16,
        /// Where to, as debug text of at most 128 characters, without user name, password and query.
        to: Box<str>,
    },
    /// A compressed answer, although none was asked for.
    #[error("the answer is compressed, which was not asked for: have the server or the proxy send it as it is")]
    Compressed,
    /// The metadata of an issuer were found at none of the addresses where they may be.
    #[error("no metadata of the issuer: {}", Attempts(tried))]
    Discovery {
        /// The addresses that were tried, in their order, and what was wrong with each.
        tried: Arc<[Tried]>,
    },
    /// The answer is longer than the limit.
    #[error("the answer is longer than {limit} bytes: is it the right address, or `.max_bytes(…)` too low?")]
    TooLong {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The answer is not UTF-8, not a JWK Set, or a set without any usable key.
    #[error("{0}")]
    Keys(#[from] KeyError),
    /// More keys than the limit.
    #[error("the set has more than {limit} keys: is it the right address, or `.max_keys(…)` too low?")]
    TooManyKeys {
        /// The limit, in keys.
        limit: usize,
    },
    /// The metadata is no JSON object with an `issuer` and a `jwks_uri`.
    #[error("the metadata has no `issuer` and `jwks_uri`: is it the address of an issuer?")]
    Metadata,
    /// The metadata is that of another issuer (RFC 8414 §3.3). Often, only a slash at the end differs.
    #[error("the metadata is that of another issuer, {found:?}: if that is the `iss` of its tokens, discover that one")]
    OtherIssuer {
        /// The issuer that the metadata names, cut to 128 characters.
        found: Box<str>,
    },
    /// The metadata names an address of the keys that is not https.
    #[error("`jwks_uri` is not an https address: keys fetched from there can be forged on the way")]
    Insecure,
    /// No keys in the time that `RemoteKeySet::ready_within` was given.
    #[error("no keys within {within:?}; the last attempt: {last}")]
    NotReady {
        /// How long they were waited for.
        within: Duration,
        /// What the last attempt met; [`Timeout`](Self::Timeout) where the first one has not ended.
        last: Box<FetchError>,
    },
    /// No authenticator has been built with the keys, or the runtime that fetched them has ended.
    #[error(
        "the keys are not fetched: no authenticator has been built with them, or the runtime of the last one has ended"
    )]
    Stopped,
}

/// An address where the metadata of an issuer may be, and what was wrong with it.
#[derive(Debug, Clone)]
pub struct Tried {
    /// The address.
    pub address: Box<str>,
    /// Why no metadata came from there.
    pub error: FetchError,
}

struct Attempts<'t>(&'t [Tried]);

impl fmt::Display for Attempts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, Tried { address, error }) in self.0.iter().enumerate() {
            let semicolon = if place == 0 { "" } else { "; " };
            write!(f, "{semicolon}{address}: {error}")?;
        }
        Ok(())
    }
}

impl FetchError {
    /// What was wrong with the first address that was tried: the usual one, where an issuer is discovered. Otherwise the
    /// error itself.
    pub fn first(&self) -> &Self {
        match self {
            Self::Discovery { tried } => tried.first().map_or(self, |tried| &tried.error),
            other => other,
        }
    }

    /// The failure of an HTTP client.
    pub fn transport(error: impl Error + Send + Sync + 'static) -> Self {
        Self::Transport(TransportError::new(error))
    }
}

debug_as_display!(FetchError);
