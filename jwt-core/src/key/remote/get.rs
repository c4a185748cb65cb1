//! One request for a document, and what is wrong with its answer.

use http::header::{ACCEPT, CONTENT_ENCODING, IF_NONE_MATCH, LOCATION};
use http::{HeaderValue, Request, StatusCode};

use super::metadata::{self, Metadata};
use crate::config_error::unverified;
use crate::key::{Fetch, FetchError, Tried};
use crate::transport::address::without_secrets;

/// The longest metadata that is read, in bytes, as for keys.
const MAX_METADATA: usize = 1024 * 1024;

/// Why an answer without a document is none.
pub(crate) fn not_found(address: &str, response: &http::Response<Vec<u8>>) -> FetchError {
    let status = response.status().as_u16();
    let to = response.headers().get(LOCATION).filter(|_| response.status().is_redirection());
    match to {
        Some(to) => {
            let to = String::from_utf8_lossy(to.as_bytes());
            let to = metadata::without_query_of(address, &to).unwrap_or_else(|| to.into_owned());
            FetchError::Redirect { status, to: unverified(&without_secrets(&to)).into() }
        }
        None => FetchError::Status(status),
    }
}

/// The document of an answer, without the byte order mark that some programs write in front.
pub(crate) fn document(response: &http::Response<Vec<u8>>) -> Result<&[u8], FetchError> {
    const GZIP: &[u8] = &[0x1f, 0x8b];
    let encoding = response.headers().get(CONTENT_ENCODING).map(HeaderValue::as_bytes);
    if encoding.is_some_and(|encoding| !encoding.eq_ignore_ascii_case(b"identity")) || response.body().starts_with(GZIP)
    {
        return Err(FetchError::Compressed);
    }
    Ok(response.body().strip_prefix("\u{feff}".as_bytes()).unwrap_or(response.body()))
}

pub(super) async fn get(
    client: &dyn Fetch,
    address: &str,
    etag: Option<HeaderValue>,
    max_bytes: usize,
) -> Result<http::Response<Vec<u8>>, FetchError> {
    let request = Request::get(address).header(ACCEPT, "application/json, application/jwk-set+json");
    let mut request = request.body(Vec::new()).map_err(FetchError::transport)?;
    if let Some(etag) = etag {
        request.headers_mut().insert(IF_NONE_MATCH, etag);
    }
    send(client, address, request, max_bytes).await
}

/// The metadata of an issuer, from the first of the places where they may be.
#[cfg_attr(
    not(any(feature = "introspection", feature = "oidc")),
    expect(dead_code, reason = "of keys, the address alone is read")
)]
pub(crate) async fn discover(client: &dyn Fetch, issuer: &str) -> Result<Metadata, FetchError> {
    let addresses = metadata::addresses(issuer);
    let places: Vec<usize> = (0..addresses.len()).collect();
    let read = |document: &[u8]| Metadata::read(document, issuer);
    Ok(first_of(client, &addresses, &places, MAX_METADATA, read).await?.0)
}

/// What `read` makes of the first document that it accepts, and at which of the places that was. Where the provider says that
/// there is nothing at one, the next is asked.
pub(super) async fn first_of<T>(
    client: &dyn Fetch,
    addresses: &[String],
    places: &[usize],
    max_bytes: usize,
    read: impl Fn(&[u8]) -> Result<T, FetchError>,
) -> Result<(T, usize), FetchError> {
    let mut tried = Vec::new();
    for (place, address) in places.iter().filter_map(|place| Some((*place, addresses.get(*place)?))) {
        let found = match get(client, address, None, max_bytes).await {
            Ok(response) if response.status() == StatusCode::OK => document(&response).and_then(&read),
            Ok(response) => Err(not_found(address, &response)),
            Err(error) => Err(error),
        };
        let error = match found {
            Ok(found) => return Ok((found, place)),
            Err(error) => error,
        };
        let goes_on = error.says_not_here();
        tried.push(Tried { address: address.as_str().into(), error });
        if !goes_on {
            break;
        }
    }
    Err(FetchError::Discovery { tried: tried.into() })
}

/// Sends a request to that address.
pub(crate) async fn send(
    client: &dyn Fetch,
    address: &str,
    request: Request<Vec<u8>>,
    max_bytes: usize,
) -> Result<http::Response<Vec<u8>>, FetchError> {
    let response = client.fetch(request, max_bytes).await.map_err(|error| without_query(address, error))?;
    if response.body().len() > max_bytes { Err(FetchError::TooLong { limit: max_bytes }) } else { Ok(response) }
}

/// The error of a client, which may quote the address, without the query of that.
fn without_query(address: &str, error: FetchError) -> FetchError {
    let FetchError::Transport(said) = &error else { return error };
    let clean = metadata::without_query_of(address, &said.to_string());
    let clean = clean.or_else(|| metadata::without_query_of(address, &format!("{said:?}")).map(|_| said.to_string()));
    clean.map_or(error, |clean| FetchError::transport(std::io::Error::other(clean)))
}

impl FetchError {
    /// Whether the provider answered that there is nothing at this address. There may be something at another. Too many
    /// requests, on the other hand, say nothing about it.
    fn says_not_here(&self) -> bool {
        match self {
            Self::Status(status) => (400..500).contains(status) && *status != 429,
            Self::OtherIssuer { .. } | Self::Metadata | Self::Insecure | Self::Compressed => true,
            _ => false,
        }
    }

    /// Whether the provider said at every place that was tried that it does not know that issuer.
    pub(super) fn says_nobody(&self) -> bool {
        let is_unknown =
            matches!(self.first(), Self::Status(400 | 404 | 410) | Self::OtherIssuer { .. } | Self::Metadata);
        let last = match self {
            Self::Discovery { tried } => tried.last().map_or(self, |tried| &tried.error),
            other => other,
        };
        is_unknown && last.says_not_here()
    }
}
