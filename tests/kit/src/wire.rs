//! HTTP/1.1 as bytes: requests are sent as they are, and answers are kept as they came.

use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use crate::grpc;

/// How long an answer may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// Longer answers are cut off.
const MAX_ANSWER: usize = 1 << 20;

/// A request, as its fields. The bytes are made of them in this order.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) host: String,
    pub(crate) fields: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
    pub(crate) over: Over,
}

/// How a request is sent.
#[derive(Clone, Debug, Default)]
pub(crate) enum Over {
    #[default]
    Plain,
    /// HTTP/2 without TLS.
    Grpc,
    /// To another port, with a certificate or without.
    Tls { address: SocketAddr, config: Arc<ClientConfig>, shown: &'static str },
}

impl Request {
    pub(crate) fn field(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.fields.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    pub(crate) fn bearer(self, token: impl AsRef<str>) -> Self {
        self.field("Authorization", format!("Bearer {}", token.as_ref()))
    }

    pub(crate) fn method(mut self, method: &str) -> Self {
        method.clone_into(&mut self.method);
        self
    }

    pub(crate) fn path(mut self, path: &str) -> Self {
        path.clone_into(&mut self.path);
        self
    }

    /// What is sent; over HTTP/2, the same as text.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        if matches!(self.over, Over::Grpc) {
            let head = format!(
                ":method: {}\r\n:scheme: http\r\n:authority: {}\r\n:path: {}\r\n",
                self.method, self.host, self.path
            );
            let mut bytes = head.into_bytes();
            for (name, value) in &self.fields {
                bytes.extend([name.to_ascii_lowercase().as_bytes(), b": ", value, b"\r\n"].concat());
            }
            bytes.extend(b"\r\n");
            bytes.extend(&self.body);
            return bytes;
        }
        let mut bytes = format!("{} {} HTTP/1.1\r\nHost: {}\r\n", self.method, self.path, self.host).into_bytes();
        for (name, value) in &self.fields {
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value);
            bytes.extend_from_slice(b"\r\n");
        }
        if !self.body.is_empty() || ["POST", "PUT", "PATCH"].contains(&&*self.method) {
            bytes.extend_from_slice(format!("Content-Length: {}\r\n", self.body.len()).as_bytes());
        }
        bytes.extend_from_slice(b"Connection: close\r\n\r\n");
        bytes.extend_from_slice(&self.body);
        bytes
    }

    /// Sends it and reads the answer. `address` is where plain requests go.
    pub(crate) fn send(&self, address: SocketAddr, patience: Duration) -> Result<Answer, String> {
        let is_head = self.method == "HEAD";
        match &self.over {
            Over::Plain => exchange(address, &self.bytes(), is_head, patience),
            Over::Grpc => {
                let answers = grpc::calls(address, std::slice::from_ref(self), patience)?;
                answers.into_iter().next().ok_or_else(|| "no answer".to_owned())
            }
            Over::Tls { address, config, .. } => {
                let host = self.host.rsplit_once(':').map_or(&*self.host, |(host, _)| host).to_owned();
                let name = ServerName::try_from(host).map_err(|error| error.to_string())?;
                let connection = ClientConnection::new(Arc::clone(config), name).map_err(|error| error.to_string())?;
                let stream = connect(*address, patience)?;
                ask(&mut StreamOwned::new(connection, stream), &self.bytes(), is_head, patience)
            }
        }
    }

    /// The same request as a line for a shell.
    pub(crate) fn curl(&self) -> String {
        // No shell has a zero byte in an argument.
        let zeros =
            if self.body.contains(&0) { format!("head -c {} /dev/zero | ", self.body.len()) } else { String::new() };
        let mut line = format!("{zeros}curl -i --path-as-is");
        let scheme = match &self.over {
            Over::Plain => "http",
            Over::Grpc => {
                line.push_str(" --http2-prior-knowledge --output -");
                "http"
            }
            Over::Tls { shown, .. } => {
                line.push_str(shown);
                "https"
            }
        };
        match &*self.method {
            "GET" => {}
            "HEAD" => line.push_str(" -I"),
            method => _ = write!(line, " -X {method}"),
        }
        for (name, value) in &self.fields {
            let field = [name.as_bytes(), b": ", value].concat();
            _ = write!(line, " -H {}", quoted(&field));
        }
        if !zeros.is_empty() {
            line.push_str(" --data-binary @-");
        } else if !self.body.is_empty() {
            _ = write!(line, " --data-binary {}", quoted(&self.body));
        }
        line + " " + &quoted(format!("{scheme}://{}{}", self.host, self.path).as_bytes())
    }
}

/// For a shell: between quotes, and in the manner of bash where a byte is not printable.
fn quoted(bytes: &[u8]) -> String {
    if bytes.iter().all(|byte| (b' '..=b'~').contains(byte) && *byte != b'\'') {
        return format!("'{}'", String::from_utf8_lossy(bytes));
    }
    let mut text = String::from("$'");
    for byte in bytes {
        match byte {
            b'\'' | b'\\' => text.extend(['\\', char::from(*byte)]),
            b' '..=b'~' => text.push(char::from(*byte)),
            _ => _ = write!(text, "\\x{byte:02x}"),
        }
    }
    text + "'"
}

/// What came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// All bytes of it.
    pub(crate) bytes: Vec<u8>,
}

impl Answer {
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.fields.iter().filter(move |(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| &**value)
    }

    pub(crate) fn first(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| &**value)
    }
}

/// Sends those bytes and reads one answer. An error says in words why there is none.
pub(crate) fn exchange(address: SocketAddr, bytes: &[u8], is_head: bool, patience: Duration) -> Result<Answer, String> {
    ask(&mut connect(address, patience)?, bytes, is_head, patience)
}

fn connect(address: SocketAddr, patience: Duration) -> Result<TcpStream, String> {
    let stream = TcpStream::connect_timeout(&address, patience.min(Duration::from_secs(3)))
        .map_err(|error| format!("no connection: {error}"))?;
    stream.set_write_timeout(Some(patience)).map_err(|error| error.to_string())?;
    stream.set_read_timeout(Some(patience)).map_err(|error| error.to_string())?;
    Ok(stream)
}

/// A stream whose patience can be set.
pub(crate) trait Stream: Read + Write {
    fn wait(&self, left: Duration) -> io::Result<()>;
}

impl Stream for TcpStream {
    fn wait(&self, left: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(left))
    }
}

impl Stream for StreamOwned<ClientConnection, TcpStream> {
    fn wait(&self, left: Duration) -> io::Result<()> {
        self.sock.wait(left)
    }
}

fn ask(stream: &mut impl Stream, bytes: &[u8], is_head: bool, patience: Duration) -> Result<Answer, String> {
    let end = Instant::now() + patience;
    // A server may answer and close before it has read everything.
    let sent = stream.write_all(bytes);
    let answer = read(stream, is_head, end);
    match (sent, answer) {
        (_, Ok(answer)) => Ok(answer),
        (Err(error), Err(_)) => Err(format!("the connection was closed while the request was sent: {error}")),
        (Ok(()), Err(why)) => Err(why),
    }
}

pub(crate) fn read(stream: &mut impl Stream, is_head: bool, end: Instant) -> Result<Answer, String> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 16 * 1024];
    loop {
        if let Some(answer) = parse(&bytes, is_head, false)? {
            return Ok(answer);
        }
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() || bytes.len() > MAX_ANSWER {
            return Err(format!("no whole answer in time; {} bytes came", bytes.len()));
        }
        stream.wait(left).map_err(|error| error.to_string())?;
        match stream.read(&mut buffer) {
            Ok(0) => {
                return parse(&bytes, is_head, true)?
                    .ok_or_else(|| "the connection was closed without an answer".to_owned());
            }
            Ok(count) => bytes.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                return Err(format!("no whole answer in time; {} bytes came", bytes.len()));
            }
            Err(error) => return Err(format!("the connection was closed without an answer: {error}")),
        }
    }
}

/// An answer, if all of it is there.
fn parse(bytes: &[u8], is_head: bool, at_end: bool) -> Result<Option<Answer>, String> {
    let Some(head_end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = String::from_utf8_lossy(&bytes[..head_end]);
    let mut lines = head.split("\r\n");
    let first = lines.next().unwrap_or_default();
    let status = first.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status: u16 = status.filter(|_| first.starts_with("HTTP/1.")).ok_or("what came is no HTTP/1.1")?;
    let rest = &bytes[head_end + 4..];
    if status == 100 {
        return parse(rest, is_head, at_end);
    }
    let fields: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
        .collect();
    let mut answer = Answer { status, fields, body: Vec::new(), bytes: bytes.to_vec() };
    let chunked = answer.first("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked"));
    let length = answer.first("content-length").and_then(|value| value.parse().ok());
    answer.body = if is_head || status == 204 || status == 304 {
        Vec::new()
    } else if chunked {
        match unchunked(rest) {
            Some(body) => body,
            None => return Ok(None),
        }
    } else if let Some(length) = length {
        match rest.get(..length) {
            Some(body) => body.to_vec(),
            None => return Ok(None),
        }
    } else if at_end {
        rest.to_vec()
    } else {
        return Ok(None);
    };
    Ok(Some(answer))
}

fn unchunked(mut bytes: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = bytes.windows(2).position(|two| two == b"\r\n")?;
        let size = std::str::from_utf8(&bytes[..line]).ok()?;
        let size = usize::from_str_radix(size.split(';').next()?.trim(), 16).ok()?;
        bytes = &bytes[line + 2..];
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(bytes.get(..size)?);
        bytes = bytes.get(size + 2..)?;
    }
}
