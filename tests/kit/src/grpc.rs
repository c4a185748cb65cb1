//! Calls of gRPC: HTTP/2 without TLS, one connection for all calls of a case.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::time::timeout;

use crate::wire::{Answer, Request};

/// Longer messages are cut off.
const MAX_MESSAGE: usize = 64 * 1024;

/// The answers to these calls, one after the other on one connection. The status of an answer is the one that HTTP has for
/// its `grpc-status`; the fields are those of its head and of its trailers.
pub(crate) fn calls(address: SocketAddr, requests: &[Request], patience: Duration) -> Result<Vec<Answer>, String> {
    let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let all = timeout(patience, all(address, requests)).await;
        all.map_err(|_| "no whole answer in time".to_owned())?
    })
}

async fn all(address: SocketAddr, requests: &[Request]) -> Result<Vec<Answer>, String> {
    let closed = |error: h2::Error| format!("the connection was closed without an answer: {error}");
    let stream = TcpStream::connect(address).await.map_err(|error| format!("no connection: {error}"))?;
    let (mut client, connection) = h2::client::handshake(stream).await.map_err(closed)?;
    let driver = tokio::spawn(connection);
    let mut answers = Vec::new();
    for request in requests {
        client = client.ready().await.map_err(closed)?;
        let mut head = http::Request::builder().method("POST").uri(format!("http://{}{}", request.host, request.path));
        for (name, value) in &request.fields {
            head = head.header(name.to_ascii_lowercase(), &**value);
        }
        let head = head.body(()).map_err(|error| format!("HTTP/2 cannot carry this: {error}"))?;
        let (response, mut body) = client.send_request(head, false).map_err(closed)?;
        // A refusal may come before the message is taken.
        _ = body.send_data(Bytes::from(request.body.clone()), true);
        let (head, mut body) = response.await.map_err(closed)?.into_parts();
        let mut message = Vec::new();
        while let Some(data) = body.data().await {
            let data = data.map_err(closed)?;
            _ = body.flow_control().release_capacity(data.len());
            message.extend_from_slice(&data);
            if message.len() > MAX_MESSAGE {
                return Err("the message is longer than 64 KB".to_owned());
            }
        }
        let trailers = body.trailers().await.map_err(closed)?.unwrap_or_default();
        answers.push(answer(head.status.as_u16(), &head.headers, &trailers, message));
    }
    driver.abort();
    Ok(answers)
}

fn answer(http: u16, head: &http::HeaderMap, trailers: &http::HeaderMap, body: Vec<u8>) -> Answer {
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let fields: Vec<(String, String)> =
        head.iter().chain(trailers).map(|(name, value)| (name.to_string(), text(value))).collect();
    let mut bytes = format!(":status: {http}\r\n").into_bytes();
    let lines = |part: &http::HeaderMap| {
        part.iter().fold(String::new(), |made, (name, value)| made + &format!("{name}: {}\r\n", text(value)))
    };
    bytes.extend(lines(head).into_bytes());
    bytes.extend(format!("\r\n({} bytes)\r\n", body.len()).into_bytes());
    if !trailers.is_empty() {
        bytes.extend(format!("\r\ntrailers:\r\n{}", lines(trailers)).into_bytes());
    }
    let mut answer = Answer { status: http, fields, body, bytes };
    let code: Option<u16> = answer.first("grpc-status").and_then(|code| code.parse().ok());
    if http == 200 {
        answer.status = match code {
            Some(0) => 200,
            Some(3 | 9 | 11) => 400,
            Some(16) => 401,
            Some(7) => 403,
            Some(5 | 12) => 404,
            Some(8) => 429,
            Some(14) => 503,
            _ => 500,
        };
    }
    answer
}
