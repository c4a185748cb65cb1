//! authkestra, with its memory of used proofs. It takes its keys from an address only, so they are served on loopback.

use std::hint::black_box;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::thread;

use authkestra_axum::Auth;
use authkestra_engine::store::memory::MemoryStore;
use authkestra_resource::jwt::{JwtStrategy, ValidationConfig};
use authkestra_resource::{DpopJtiRecord, Guard};
use axum::Router;
use axum::routing::get;
use jsonwebtoken::Algorithm;

use super::ANSWER;
use crate::dpop;
use crate::tokens::{AUDIENCE, ISSUER, Key, User};

pub(crate) fn router(key: &Key) -> Router {
    async fn hello(Auth(user): Auth<User>) -> &'static str {
        black_box(user);
        ANSWER
    }
    let config = ValidationConfig::builder()
        .jwks_url(served(key.jwks.clone()))
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .algorithms(vec![Algorithm::RS256])
        .require_dpop(true)
        .dpop_resource_origin(dpop::ORIGIN)
        .build();
    let used = Arc::new(MemoryStore::<DpopJtiRecord>::new());
    let strategy = JwtStrategy::<User>::new(config).with_dpop_replay_store(used);
    let guard = Arc::new(Guard::builder().strategy(strategy).build());
    Router::new().route("/", get(hello)).with_state(guard)
}

/// The address of that document, for as long as the process lives.
fn served(document: String) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 4096]);
            let length = document.len();
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n";
            let _ = write!(stream, "{head}Content-Length: {length}\r\n\r\n{document}");
        }
    });
    format!("http://{address}/jwks")
}
