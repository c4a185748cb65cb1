//! A small HTTP/1.1 client: one request, to the byte, over a connection of its own.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long a server may take for each read and write.
const PATIENCE: Duration = Duration::from_secs(20);
/// More than any answer of the suite has.
const LARGEST_ANSWER: u64 = 1024 * 1024;

/// What came back.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    pub(super) status: u16,
    /// Names in lower case, in their order.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
}

impl Reply {
    /// The values of every field of that name, as they came.
    pub(super) fn values(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(other, _)| other == name).map(|(_, value)| value.as_str()).collect()
    }
}

/// Sends a request that says `Connection: close`, and reads what comes back.
pub(super) fn exchange(address: SocketAddr, request: &[u8]) -> io::Result<Reply> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(request)?;
    read(&mut BufReader::new(stream).take(LARGEST_ANSWER))
}

fn read(stream: &mut impl BufRead) -> io::Result<Reply> {
    let status_line = line(stream)?;
    let status = status_line.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| malformed("status line", &status_line))?;
    let mut headers = Vec::new();
    loop {
        let line = line(stream)?;
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').ok_or_else(|| malformed("header field", &line))?;
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut reply = Reply { status, headers, body: String::new() };
    let mut body = Vec::new();
    if reply.values("transfer-encoding").concat().eq_ignore_ascii_case("chunked") {
        loop {
            let size = line(stream)?;
            let size = u64::from_str_radix(&size, 16).map_err(|_| malformed("size of a chunk", &size))?;
            if size == 0 {
                break;
            }
            stream.take(size).read_to_end(&mut body)?;
            line(stream)?;
        }
    } else if let Some(length) = reply.values("content-length").first() {
        let length = length.parse().map_err(|_| malformed("length", length))?;
        stream.take(length).read_to_end(&mut body)?;
    } else {
        stream.read_to_end(&mut body)?;
    }
    reply.body = String::from_utf8_lossy(&body).into_owned();
    Ok(reply)
}

fn line(stream: &mut impl BufRead) -> io::Result<String> {
    let mut line = Vec::new();
    if stream.read_until(b'\n', &mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
}

fn malformed(part: &str, text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("this is no {part}: {text:?}"))
}
