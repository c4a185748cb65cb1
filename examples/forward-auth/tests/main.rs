//! A real nginx in front: who is let in, who is not, and what the service behind it gets to see.

use std::env::temp_dir;
use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use axum::Router;
use axum::http::HeaderMap;
use client::{Connection, Reply, request_to};
use jwt_tower::TokenSource;
use jwt_tower::testing::TestIssuer;
use outside::{Process, command, is_installed, is_there};

/// The service that nginx protects. It says what reaches it.
async fn service(fields: HeaderMap) -> String {
    let field = |name| fields.get(name).and_then(|value| value.to_str().ok()).unwrap_or("-").to_owned();
    format!("{} {} {}", field("x-auth-subject"), field("x-auth-name"), field("authorization"))
}

/// Serves on a free port, from a thread of its own.
fn serve(app: Router) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.block_on(async {
            axum::serve(tokio::net::TcpListener::from_std(listener).unwrap(), app).await.unwrap();
        });
    });
    address
}

struct Front {
    issuer: TestIssuer,
    address: SocketAddr,
    directory: PathBuf,
    _nginx: Process,
}

impl Drop for Front {
    fn drop(&mut self) {
        // Only files of this test are in it; what is left is cleared with the other temporary files.
        let _ = fs::remove_dir_all(&self.directory);
    }
}

impl Front {
    /// nginx with the configuration of the example, the endpoint, and the service; `None` where nginx is not installed.
    fn start() -> Option<Self> {
        static STARTED: AtomicUsize = AtomicUsize::new(0);
        if !is_there(is_installed("nginx"), "nginx", "tests/setup forward-auth") {
            return None;
        }
        let issuer = TestIssuer::new();
        let auth = issuer.builder().source(TokenSource::bearer()).source(TokenSource::cookie("__Host-access_token"));
        let endpoint = serve(forward_auth::app(auth.build().unwrap()));
        let behind = serve(Router::new().fallback(service));
        let free = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let directory = temp_dir().join(format!("forward-auth-{}-{number}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let config = include_str!("../nginx.conf")
            .replace("${DIRECTORY}", directory.to_str().unwrap())
            .replace("${PROXY}", &address.port().to_string())
            .replace("${SERVICE}", &behind.port().to_string())
            .replace("${ENDPOINT}", &endpoint.port().to_string());
        let file = directory.join("nginx.conf");
        fs::write(&file, config).unwrap();
        let path = format!("{}:/usr/sbin", std::env::var("PATH").unwrap_or_default());
        let mut nginx = command("nginx");
        nginx.env("PATH", path).args(["-e", "stderr", "-c"]).arg(&file).stdin(Stdio::null());
        let nginx = Process(nginx.spawn().unwrap());
        let limit = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(address).is_err() {
            assert!(Instant::now() < limit, "nginx does not start");
            thread::sleep(Duration::from_millis(20));
        }
        Some(Self { issuer, address, directory, _nginx: nginx })
    }

    fn token(&self) -> String {
        self.issuer.token("alice").claim("name", "Alice").compact()
    }

    fn send(&self, method: &str, fields: &[(&str, &str)]) -> Reply {
        let mut all = vec![("Content-Length", "0"), ("Connection", "close")];
        all.extend_from_slice(fields);
        Connection::open(self.address).send(&request_to("app.example.com", method, "/orders?page=2", &all))
    }
}

#[test]
fn who_has_a_token_is_let_in_and_the_service_learns_who_it_is_but_not_the_token() {
    let Some(front) = Front::start() else { return };
    let bearer = format!("Bearer {}", front.token());
    let cookie = format!("__Host-access_token={}", front.token());
    for method in ["GET", "POST", "DELETE"] {
        let reply = front.send(method, &[("Authorization", &bearer)]);
        assert_eq!((reply.status, &*reply.body), (200, "alice Alice -"), "{method}");
        // What the client says of itself counts for nothing.
        let forged = [("Authorization", &*bearer), ("X-Auth-Subject", "admin"), ("X-Auth-Name", "Admin")];
        assert_eq!(front.send(method, &forged).body, "alice Alice -", "{method}");
    }
    assert_eq!(front.send("GET", &[("Cookie", &cookie)]).body, "alice Alice -");
}

#[test]
fn who_has_none_is_not_let_in_whatever_the_request_says_it_is() {
    let Some(front) = Front::start() else { return };
    let token = front.token();
    let changed = format!("Bearer {}AAAA", &token[..token.len() - 4]);
    let expired = format!("Bearer {}", front.issuer.token("alice").claim("name", "Alice").expired().compact());
    let types = [
        "text/html",
        "application/grpc",
        "application/grpc+proto",
        "application/grpc-web",
        "application/grpc-web-text",
    ];
    for method in ["GET", "HEAD", "POST", "PUT", "OPTIONS"] {
        for kind in types {
            for authorization in [None, Some("Bearer junk"), Some(&*changed), Some(&*expired), Some("Basic YTpi")] {
                let mut fields = vec![("Content-Type", kind), ("TE", "trailers"), ("X-Auth-Subject", "admin")];
                fields.extend(authorization.map(|value| ("Authorization", value)));
                let reply = if method == "HEAD" {
                    let all = [&fields[..], &[("Connection", "close")]].concat();
                    Connection::open(front.address).send_for_head(&request_to("app.example.com", method, "/", &all))
                } else {
                    front.send(method, &fields)
                };
                let case = format!("{method} {kind} {authorization:?}: {reply:?}");
                assert_eq!(reply.status, 401, "{case}");
                assert!(reply.challenge().is_some_and(|challenge| challenge.starts_with("Bearer")), "{case}");
                assert!(reply.headers.iter().all(|(name, _)| !name.starts_with("grpc-")), "{case}");
            }
        }
    }
}

#[test]
fn a_page_of_another_site_and_two_tokens_at_once_are_forbidden_and_no_failure() {
    let Some(front) = Front::start() else { return };
    let (bearer, cookie) = (format!("Bearer {}", front.token()), format!("__Host-access_token={}", front.token()));
    let from_elsewhere =
        [("Cookie", &*cookie), ("Origin", "https://evil.example.net"), ("Sec-Fetch-Site", "cross-site")];
    assert_eq!(front.send("POST", &from_elsewhere).status, 403);
    let from_here = [("Cookie", &*cookie), ("Origin", "http://app.example.com")];
    assert_eq!(front.send("POST", &from_here).status, 200);
    assert_eq!(front.send("GET", &[("Cookie", &*cookie), ("Authorization", &*bearer)]).status, 403);
}
