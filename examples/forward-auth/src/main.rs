//! Forward-auth: a reverse proxy asks this server whether to let a request in.
//!
//! `cargo run -p forward-auth [PORT]`, and nginx in front with `examples/forward-auth/nginx.conf`.

use std::error::Error;
use std::time::{Duration, SystemTime};

use jwt_tower::{Algorithm, Authenticator, KeySet, SigningKey, TokenSource};

const USAGE: &str = "\
A server that a reverse proxy asks whether to let a request in.

usage: cargo run -p forward-auth [PORT]

  PORT   where to listen on 127.0.0.1: 3001 unless told otherwise, 0 for any free port
";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // The reason of every rejection is in the log.
    tracing_subscriber::fmt().init();

    // A secret for this run. A real service reads it from its configuration.
    let mut secret = [0; 32];
    getrandom::fill(&mut secret)?;

    let auth = Authenticator::builder()
        .keys(KeySet::hs256(secret)?)
        .audience("behind-the-proxy")
        .source(TokenSource::bearer())
        .source(TokenSource::cookie("__Host-access_token"))
        .build()?;

    let port = command_line::port(USAGE, 3001);
    let listener = tokio::net::TcpListener::from_std(command_line::listen(port))?;
    let port = listener.local_addr()?.port();
    let in_an_hour = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)? + Duration::from_secs(3600);
    let claims = serde_json::json!({
        "sub": "alice", "name": "Alice", "aud": "behind-the-proxy", "exp": in_an_hour.as_secs(),
    });
    let token = SigningKey::secret(Algorithm::HS256, secret)?.sign(&claims)?;
    println!("What the proxy asks, with a token and without one:\n");
    println!("    curl -i -H 'Authorization: Bearer {token}' http://127.0.0.1:{port}/auth\n");
    println!("    curl -i http://127.0.0.1:{port}/auth\n");
    axum::serve(listener, forward_auth::app(auth)).await?;
    Ok(())
}
