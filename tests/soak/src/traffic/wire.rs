//! HTTP/1.1, with several requests on the way at a time.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// Nothing takes as long as that.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connection that was not used for that long may have been closed, as it may be between two requests.
const IDLE: Duration = Duration::from_secs(2);

/// What came back.
#[derive(Debug, Clone, Default)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// `name=value` of each cookie.
    pub(super) cookies: Vec<String>,
    pub(super) challenge: String,
    pub(super) body: String,
}

/// A connection.
pub(super) struct Wire {
    server: SocketAddr,
    stream: BufReader<TcpStream>,
    requests: Vec<u8>,
    line: Vec<u8>,
    opened: Instant,
    used: Instant,
}

impl Wire {
    pub(super) fn open(server: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(server)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        let now = Instant::now();
        let (requests, line) = (Vec::new(), Vec::new());
        Ok(Self { server, stream: BufReader::new(stream), requests, line, opened: now, used: now })
    }

    /// The same server on a new connection.
    pub(super) fn open_again(&mut self) -> io::Result<()> {
        *self = Self::open(self.server)?;
        Ok(())
    }

    /// The same, if it has been open for longer than that.
    pub(super) fn open_again_after(&mut self, lifetime: Duration) -> io::Result<()> {
        if self.opened.elapsed() > lifetime { self.open_again() } else { Ok(()) }
    }

    /// Sends them all, and hands over each answer and its number.
    pub(super) fn exchange<'r>(
        &mut self,
        requests: impl IntoIterator<Item = &'r [u8]>,
        mut each: impl FnMut(usize, Answer),
    ) -> io::Result<()> {
        self.requests.clear();
        let mut count = 0;
        for request in requests {
            self.requests.extend_from_slice(request);
            count += 1;
        }
        self.still_open()?;
        self.stream.get_mut().write_all(&self.requests)?;
        for number in 0..count {
            each(number, self.answer()?);
        }
        Ok(())
    }

    /// One request.
    pub(super) fn send(&mut self, request: &[u8]) -> io::Result<Answer> {
        self.still_open()?;
        self.stream.get_mut().write_all(request)?;
        self.answer()
    }

    fn still_open(&mut self) -> io::Result<()> {
        if self.used.elapsed() > IDLE {
            let requests = std::mem::take(&mut self.requests);
            self.open_again()?;
            self.requests = requests;
        }
        Ok(())
    }

    fn line(&mut self) -> io::Result<&str> {
        self.line.clear();
        if self.stream.read_until(b'\n', &mut self.line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        std::str::from_utf8(&self.line).map(str::trim_end).map_err(|_| io::ErrorKind::InvalidData.into())
    }

    fn answer(&mut self) -> io::Result<Answer> {
        let status = self.line()?.get(9..12).and_then(|status| status.parse().ok());
        let mut answer = Answer { status: status.ok_or(io::ErrorKind::InvalidData)?, ..Answer::default() };
        let mut length = 0;
        loop {
            let line = self.line()?;
            if line.is_empty() {
                break;
            }
            let Some((name, value)) = line.split_once(": ") else { continue };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.parse().map_err(|_| io::ErrorKind::InvalidData)?;
            } else if name.eq_ignore_ascii_case("set-cookie") {
                answer.cookies.extend(value.split(';').next().map(ToOwned::to_owned));
            } else if name.eq_ignore_ascii_case("www-authenticate") && answer.challenge.is_empty() {
                value.clone_into(&mut answer.challenge);
            }
        }
        if length > 0 {
            let mut body = vec![0; length];
            self.stream.read_exact(&mut body)?;
            answer.body = String::from_utf8(body).map_err(|_| io::ErrorKind::InvalidData)?;
        }
        self.used = Instant::now();
        Ok(answer)
    }
}

/// A GET request with these header fields, each with its end of line.
pub(super) fn get(path: &str, fields: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n").into_bytes()
}

/// A POST request with a body, or without one.
pub(super) fn post(path: &str, fields: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("POST {path} HTTP/1.1\r\nHost: localhost\r\n{fields}Content-Length: {length}\r\n\r\n{body}").into_bytes()
}

/// The header field of a token.
pub(super) fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}
