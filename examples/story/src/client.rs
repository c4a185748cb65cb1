//! A small HTTP client and a small HTTP server's end, for everybody in the story who passes requests on.

use std::error::Error;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use http::Uri;
use http::header::{CONNECTION, TRANSFER_ENCODING};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// The longest body that is passed on, in bytes.
const LONGEST_BODY: usize = 64 * 1024;

/// Sends requests to this machine, on connections that are kept.
#[derive(Debug, Clone)]
pub(crate) struct Http(Client<HttpConnector, Full<Bytes>>);

impl Default for Http {
    fn default() -> Self {
        Self(Client::builder(TokioExecutor::new()).build_http())
    }
}

impl Http {
    /// Sends a request to that port, and waits for the whole answer.
    pub(crate) async fn send(
        &self,
        mut request: http::Request<Bytes>,
        port: u16,
    ) -> Result<http::Response<Bytes>, Box<dyn Error + Send + Sync>> {
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        *request.uri_mut() = Uri::try_from(format!("http://127.0.0.1:{port}{path}"))?;
        request.headers_mut().remove(CONNECTION);
        let (mut head, body) = self.0.request(request.map(Full::new)).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        head.headers.remove(CONNECTION);
        head.headers.remove(TRANSFER_ENCODING);
        Ok(http::Response::from_parts(head, body))
    }
}

/// A request with its whole body, of 64 KiB at most.
pub(crate) async fn whole(request: Request) -> Result<http::Request<Bytes>, axum::Error> {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, LONGEST_BODY).await?;
    Ok(http::Request::from_parts(head, body))
}

/// An answer in the type that axum sends.
pub(crate) fn answer(response: http::Response<Bytes>) -> Response {
    response.map(Body::from)
}
