//! Two methods of gRPC over HTTP/2 without TLS.

use std::net::TcpStream;

use bytes::Bytes;
use tokio::runtime::Builder;

use super::{Head, Peer, Reference, Why};

/// Larger metadata is refused.
const MAX_METADATA: u32 = 64 * 1024;

/// Whether the client begins with HTTP/2. RFC 9113 §3.4.
pub(super) fn is_http2(stream: &TcpStream) -> bool {
    let mut first = [0; 4];
    loop {
        match stream.peek(&mut first) {
            Ok(4) => return &first == b"PRI ",
            Ok(count) if count > 0 && b"PRI "[..count] == first[..count] => std::thread::yield_now(),
            _ => return false,
        }
    }
}

impl Reference {
    pub(super) fn http2(&self, stream: TcpStream) {
        let serve = async {
            stream.set_nonblocking(true).ok()?;
            let stream = tokio::net::TcpStream::from_std(stream).ok()?;
            let limit = if self.wrong("large-metadata-breaks") { 16 << 20 } else { MAX_METADATA };
            let mut connection =
                h2::server::Builder::new().max_header_list_size(limit).handshake::<_, Bytes>(stream).await.ok()?;
            let mut known = None;
            while let Some(Ok((request, mut respond))) = connection.accept().await {
                let (parts, _) = request.into_parts();
                let mut fields: Vec<(String, Vec<u8>)> =
                    parts.headers.iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect();
                let host = parts.uri.authority().map(ToString::to_string).unwrap_or_default();
                fields.push(("Host".to_owned(), host.into_bytes()));
                let head = Head {
                    method: parts.method.to_string(),
                    path: parts.uri.path().to_owned(),
                    query: parts.uri.query().unwrap_or_default().to_owned(),
                    fields,
                    body: Vec::new(),
                    peer: Peer::default(),
                };
                let (code, message) = match known.clone() {
                    Some(known) if self.wrong("call-remembered") => known,
                    _ => self.call(&head),
                };
                known = Some((code, message.clone()));
                let mut response = http::Response::builder().header("content-type", "application/grpc");
                if code != 0 && self.wrong("grpc-over-http-status") {
                    response = http::Response::builder().status(401);
                }
                response = response.header("grpc-status", code.to_string());
                if !message.is_empty() {
                    response = response.header("grpc-message", message);
                }
                _ = respond.send_response(response.body(()).ok()?, true);
            }
            Some(())
        };
        if let Ok(runtime) = Builder::new_current_thread().enable_all().build() {
            runtime.block_on(serve);
        }
    }

    /// Code and message of the status.
    fn call(&self, head: &Head) -> (u8, String) {
        let Some(grpc) = &self.places.grpc else {
            return (12, String::new());
        };
        let is_scoped = grpc.scope_method.as_ref() == Some(&head.path);
        if grpc.method != head.path && !is_scoped {
            return (12, String::new());
        }
        if self.wrong("calls-are-free") && head.one("authorization").is_none() {
            return (0, String::new());
        }
        if head.one("authorization").is_some_and(|value| value.len() > 16 * 1024) && self.wrong("large-metadata-breaks")
        {
            return (13, String::new());
        }
        let judged = self.judged(head).and_then(|claims| match &self.places.scope {
            Some(scope) if is_scoped => self.has_scope(&claims, &scope.scope),
            _ => Ok(()),
        });
        match judged {
            Ok(()) if self.wrong("serves-nobody") => (16, String::new()),
            Ok(()) => (0, String::new()),
            Err(_) if self.wrong("grpc-says-unknown") => (2, String::new()),
            Err(Why::Scope) if !self.wrong("grpc-says-unauthenticated") => (7, String::new()),
            Err(Why::Down) => (14, String::new()),
            Err(Why::Says(what)) => (16, what),
            Err(Why::Broken) => (13, String::new()),
            Err(_) => (16, String::new()),
        }
    }
}
