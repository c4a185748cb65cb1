//! Both frameworks, over real connections, with a real WebSocket client.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use futures_util::StreamExt;
use jwt_tower::testing::{TestIssuer, TestToken};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Response;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::state::AppState;

type Serve = fn(TcpListener, AppState) -> Result<(), Box<dyn std::error::Error>>;

const FRAMEWORKS: [(&str, Serve); 2] = [("axum", crate::serve_axum), ("actix", crate::serve_actix)];

/// A server of each framework, all of which trust the same issuer.
fn servers(issuer: &TestIssuer) -> Vec<(&'static str, SocketAddr)> {
    let start = |(name, serve): (_, Serve)| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let state = AppState::new(|| issuer.builder()).unwrap();
        thread::spawn(move || serve(listener, state).unwrap());
        (name, address)
    };
    FRAMEWORKS.into_iter().map(start).collect()
}

fn alice(issuer: &TestIssuer) -> TestToken {
    issuer.token("alice").claim("name", "Alice")
}

fn cookie(issuer: &TestIssuer) -> String {
    format!("__Host-token={}", alice(issuer).compact())
}

/// Opens a WebSocket: its first message, or the status of the refusal.
async fn open(address: SocketAddr, path: &str, fields: &[(&'static str, &str)]) -> Result<(Response, Message), u16> {
    let mut request = format!("ws://{address}{path}").into_client_request().unwrap();
    for (name, value) in fields {
        request.headers_mut().append(*name, value.parse().unwrap());
    }
    match tokio_tungstenite::connect_async(request).await {
        Ok((mut socket, response)) => {
            let first = tokio::time::timeout(Duration::from_secs(20), socket.next()).await;
            Ok((response, first.expect("a message comes").unwrap().unwrap()))
        }
        Err(Error::Http(response)) => Err(response.status().as_u16()),
        Err(error) => panic!("{error}"),
    }
}

/// Status and body of a plain request.
fn send(address: SocketAddr, method: &str, target: &str, cookie: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    let cookie = if cookie.is_empty() { String::new() } else { format!("cookie: {cookie}\r\n") };
    write!(stream, "{method} {target} HTTP/1.1\r\nhost: {address}\r\n{cookie}connection: close\r\n\r\n").unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    let (head, body) = reply.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

#[tokio::test]
async fn a_websocket_is_opened_with_the_token_among_its_subprotocols() {
    let issuer = TestIssuer::new();
    let protocols = |token: TestToken| format!("chat, bearer.{}", token.compact());
    for (framework, address) in servers(&issuer) {
        let good = protocols(alice(&issuer));
        let (response, message) = open(address, "/chat", &[("sec-websocket-protocol", &good)]).await.unwrap();
        assert_eq!(message, Message::text("Hello, Alice!"), "{framework}");
        // The other one is selected, and the token is not in the answer.
        assert_eq!(response.headers()["sec-websocket-protocol"], "chat", "{framework}");

        for (case, fields) in [
            ("no token", vec![("sec-websocket-protocol", "chat".to_owned())]),
            ("expired", vec![("sec-websocket-protocol", protocols(alice(&issuer).expired()))]),
            ("forged", vec![("sec-websocket-protocol", protocols(alice(&issuer).tampered()))]),
            ("a cookie instead", vec![("cookie", cookie(&issuer))]),
        ] {
            let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
            assert_eq!(open(address, "/chat", &fields).await.err(), Some(401), "{framework} {case}");
        }
    }
}

#[tokio::test]
async fn a_websocket_is_opened_with_a_cookie_by_a_page_of_the_same_origin_alone() {
    let issuer = TestIssuer::new();
    let cookie = cookie(&issuer);
    for (framework, address) in servers(&issuer) {
        let own = format!("http://{address}");
        let (_, message) = open(address, "/feed", &[("cookie", &cookie), ("origin", &own)]).await.unwrap();
        assert_eq!(message, Message::text("Hello, Alice!"), "{framework}");

        for origin in ["https://evil.example", "null", &format!("https://{address}.evil.example"), &format!("{own}0")] {
            let refused = open(address, "/feed", &[("cookie", &cookie), ("origin", origin)]).await;
            assert_eq!(refused.err(), Some(403), "{framework} {origin}");
        }
        assert_eq!(open(address, "/feed", &[("origin", &own)]).await.err(), Some(401), "{framework} no cookie");
    }
}

#[tokio::test]
async fn a_websocket_ends_with_its_token() {
    let issuer = TestIssuer::new();
    for (framework, address) in servers(&issuer) {
        // At its end, and let in by the leeway: there is no time left, so nothing has to be waited for.
        let last = alice(&issuer).expires_in(Duration::ZERO).compact();
        let protocols = format!("chat, bearer.{last}");
        let mut request = format!("ws://{address}/chat").into_client_request().unwrap();
        request.headers_mut().append("sec-websocket-protocol", protocols.parse().unwrap());
        let (socket, _) = tokio_tungstenite::connect_async(request).await.unwrap();
        // The client does nothing but listen. Were the connection kept open, this would not end.
        let all = tokio::time::timeout(Duration::from_secs(20), socket.collect::<Vec<_>>()).await;
        assert!(all.is_ok(), "{framework}");
    }
}

#[test]
fn events_are_sent_to_who_has_the_cookie() {
    let issuer = TestIssuer::new();
    for (framework, address) in servers(&issuer) {
        let (status, body) = send(address, "GET", "/events", &cookie(&issuer));
        assert_eq!(status, 200, "{framework}");
        assert!(body.contains("data: Hello, Alice!\n\n"), "{framework}: {body}");
        assert_eq!(send(address, "GET", "/events", "").0, 401, "{framework}");
    }
}

#[test]
fn a_link_is_good_for_its_file_alone_and_is_no_session() {
    let issuer = TestIssuer::new();
    for (framework, address) in servers(&issuer) {
        let (status, link) = send(address, "POST", "/links/report.txt", &cookie(&issuer));
        assert_eq!(status, 200, "{framework}");
        // Bodies may come in chunks; the address is one line of them.
        let link = link.lines().find(|line| line.starts_with('/')).unwrap();
        let (status, body) = send(address, "GET", link, "");
        assert_eq!(status, 200, "{framework}");
        assert!(body.contains("The contents of report.txt."), "{framework}");

        let other = link.replace("report.txt", "salaries.txt");
        assert_eq!(send(address, "GET", &other, "").0, 403, "{framework}");
        assert_eq!(send(address, "GET", "/files/report.txt", &cookie(&issuer)).0, 401, "{framework} cookie");
        let session = format!("/files/report.txt?token={}", alice(&issuer).compact());
        assert_eq!(send(address, "GET", &session, "").0, 401, "{framework} session");
        let token = link.split_once("token=").unwrap().1;
        assert_eq!(send(address, "GET", "/events", &format!("__Host-token={token}")).0, 401, "{framework} link");
    }
}
