//! An HTTP/1.1 client that sends what it is told, to the byte.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Whether a JWT or a refresh token stands in that text: at the beginning of a word, since a random identifier can have the same
/// letters further on.
pub fn shows_token(text: &str) -> bool {
    let words = text.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_' || letter == '-'));
    words.into_iter().any(|word| word.starts_with("eyJ") || word.starts_with("jrt_"))
}

/// What came back for a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// The header fields, names in lower case, in their order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl Reply {
    /// The one value of a header field.
    ///
    /// # Panics
    /// Where the field is there more than once.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(other, _)| other == name).map(|(_, value)| value.as_str());
        let first = values.next();
        assert!(values.next().is_none(), "{name} is there more than once: {self:?}");
        first
    }

    /// Every value of `Set-Cookie`.
    pub fn cookies(&self) -> Vec<&str> {
        self.headers.iter().filter(|(name, _)| name == "set-cookie").map(|(_, value)| value.as_str()).collect()
    }

    /// The value of `WWW-Authenticate` that has a reason in it, else the first one.
    ///
    /// # Panics
    /// Where there are several reasons.
    pub fn challenge(&self) -> Option<&str> {
        let mut reasons = self.challenges().filter(|challenge| challenge.contains("error=\""));
        let reason = reasons.next();
        assert!(reasons.next().is_none(), "there are several reasons: {self:?}");
        reason.or(self.challenges().next())
    }

    /// Every value of `WWW-Authenticate`.
    pub fn challenges(&self) -> impl Iterator<Item = &str> {
        self.headers.iter().filter(|(name, _)| name == "www-authenticate").map(|(_, value)| value.as_str())
    }
}

/// A connection that is kept open for one request after the other.
#[derive(Debug)]
pub struct Connection(BufReader<TcpStream>);

impl Connection {
    /// Connects.
    ///
    /// # Panics
    /// Where nobody listens.
    pub fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the server listens");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout can be set");
        stream.set_nodelay(true).expect("no delay can be set");
        Self(BufReader::new(stream))
    }

    /// Sends a request head of these bytes and reads what comes back.
    ///
    /// # Panics
    /// Where no well-formed answer comes.
    pub fn send(&mut self, head: &[u8]) -> Reply {
        let mut reply = self.send_for_head(head);
        let length = reply.header("content-length").map_or(0, |length| length.parse().expect("a length is a number"));
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).expect("the body is as long as it says");
        reply.body = String::from_utf8(body).expect("the body is text");
        reply
    }

    /// The same, without the body: for HEAD, to which none comes, whatever the length is said to be.
    ///
    /// # Panics
    /// Where no well-formed answer comes.
    pub fn send_for_head(&mut self, head: &[u8]) -> Reply {
        // A server that refuses a large request may close its end before all of it is written: the answer counts.
        let _ = self.0.get_mut().write_all(head);
        let status_line = self.line();
        let status = status_line.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.unwrap_or_else(|| panic!("no status line: {status_line:?}"));
        let mut headers = Vec::new();
        loop {
            let line = self.line();
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').unwrap_or_else(|| panic!("no header field: {line:?}"));
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        Reply { status, headers, body: String::new() }
    }

    fn line(&mut self) -> String {
        let mut line = Vec::new();
        self.0.read_until(b'\n', &mut line).expect("an answer comes");
        String::from_utf8_lossy(&line).trim_end().to_owned()
    }
}

/// The head of a GET request with these header fields.
pub fn request(target: &str, fields: &[(&str, &str)]) -> Vec<u8> {
    request_to("localhost", "GET", target, fields)
}

/// The head of a request without a body.
pub fn request_to(host: &str, method: &str, target: &str, fields: &[(&str, &str)]) -> Vec<u8> {
    let fields: String = fields.iter().flat_map(|(name, value)| [*name, ": ", *value, "\r\n"]).collect();
    format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\n{fields}\r\n").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::shows_token;

    #[test]
    fn a_token_is_seen_wherever_it_stands_and_a_random_identifier_is_none() {
        for shown in
            ["eyJhbGciOiJIUzI1NiJ9.e30.c2ln", "Bearer eyJh", "access_token=eyJh; Path=/", "{\"t\":\"jrt_AbC\"}"]
        {
            assert!(shows_token(shown), "{shown}");
        }
        for other in ["", "kid=\"aZ6cT0O3fHeyJ8oYLw-kOvk-JlODCfKgD-RNM4hwV2o\"", "x_jrt_y", "$refresh_token"] {
            assert!(!shows_token(other), "{other}");
        }
    }
}
