//! HTTP/1.1, as bytes.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::{Head, MAX_HEAD, Peer, Reference, Response};

impl Reference {
    /// Ends TLS, and goes on as without it.
    pub(super) fn over_tls(&self, mut stream: TcpStream, config: Arc<ServerConfig>) {
        _ = stream.set_read_timeout(Some(Duration::from_secs(10)));
        let Ok(mut connection) = ServerConnection::new(config) else {
            return;
        };
        while connection.is_handshaking() {
            if connection.complete_io(&mut stream).is_err() {
                return;
            }
        }
        let certificate = connection.peer_certificates().and_then(|chain| chain.first()).map(|leaf| leaf.to_vec());
        self.connection(StreamOwned::new(connection, stream), &Peer { is_tls: true, certificate });
    }

    pub(super) fn connection(&self, mut stream: impl Read + Write, peer: &Peer) {
        let _turn = self.wrong("one-connection-at-a-time").then(|| self.one_at_a_time.lock());
        let mut known: Option<Response> = None;
        let mut bytes = Vec::new();
        loop {
            let Some((head, used)) = self.head(&mut stream, &mut bytes) else {
                return;
            };
            let (mut head, is_last) = match head {
                Ok(head) => {
                    let is_last = head.one("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
                    (head, is_last)
                }
                Err(status) => {
                    self.write(&mut stream, &Response { status, fields: Vec::new(), body: String::new() }, false);
                    return;
                }
            };
            let length = head.one("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
            bytes.drain(..used);
            while bytes.len() < length {
                let mut buffer = [0; 4096];
                match stream.read(&mut buffer) {
                    Ok(count) if count > 0 => bytes.extend_from_slice(&buffer[..count]),
                    _ => return,
                }
            }
            head.body = bytes.drain(..length.min(bytes.len())).collect();
            head.peer = peer.clone();
            let response = match known.take() {
                Some(response) if self.wrong("connection-remembered") => response,
                _ => std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.answer(&head)))
                    .unwrap_or(Response { status: 500, fields: Vec::new(), body: String::new() }),
            };
            self.write(&mut stream, &response, head.method == "HEAD");
            if is_last {
                return;
            }
            known = Some(response);
        }
    }

    /// One head and its length; nothing where the connection is over.
    pub(super) fn head(&self, stream: &mut impl Read, bytes: &mut Vec<u8>) -> Option<(Result<Head, u16>, usize)> {
        let max = if self.wrong("small-heads") { 2048 } else { MAX_HEAD };
        let mut buffer = [0; 4096];
        let end = loop {
            if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                break at;
            }
            if bytes.len() > max {
                return Some((Err(if self.wrong("large-token-breaks") { 500 } else { 431 }), 0));
            }
            match stream.read(&mut buffer) {
                Ok(count) if count > 0 => bytes.extend_from_slice(&buffer[..count]),
                _ => return None,
            }
        };
        if end > max {
            return Some((Err(431), 0));
        }
        let mut lines = bytes[..end].split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        let first = String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
        let mut words = first.split(' ');
        let method = words.next().unwrap_or_default().to_owned();
        let target = words.next().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let (path, query) = (path.to_owned(), query.to_owned());
        let mut fields = Vec::new();
        for line in lines {
            let Some(at) = line.iter().position(|byte| *byte == b':') else {
                return Some((Err(400), 0));
            };
            let name = String::from_utf8_lossy(&line[..at]).into_owned();
            let value = if self.wrong("white-space-kept") {
                line[at + 1..].strip_prefix(b" ").unwrap_or(&line[at + 1..])
            } else {
                line[at + 1..].trim_ascii()
            };
            fields.push((name, value.to_vec()));
        }
        if self.wrong("many-fields-break") && fields.len() > 50 {
            return Some((Err(500), 0));
        }
        Some((Ok(Head { method, path, query, fields, body: Vec::new(), peer: Peer::default() }), end + 4))
    }

    pub(super) fn write(&self, stream: &mut impl Write, response: &Response, is_head: bool) {
        let mut text = format!("HTTP/1.1 {} Reference\r\nContent-Length: {}\r\n", response.status, response.body.len());
        for (name, value) in &response.fields {
            _ = write!(text, "{name}: {value}\r\n");
        }
        text.push_str("\r\n");
        if !is_head {
            text.push_str(&response.body);
        }
        _ = stream.write_all(text.as_bytes());
    }
}
