//! Requests that a browser sends without an `Authorization` header: WebSockets, server-sent events, downloads.
//!
//! `cargo run -p websocket-sse [axum|actix] [PORT]`, then paste the lines that it prints.

use std::error::Error;
use std::net::TcpListener;
use std::time::{Duration, SystemTime};

use actix_web::{App, HttpServer};
use jwt_tower::{Algorithm, Authenticator, KeySet, SigningKey};

use state::AppState;

mod on_actix;
mod on_axum;
mod state;
#[cfg(test)]
mod tests;

const USAGE: &str = "\
Requests that a browser sends without an Authorization header: WebSockets, server-sent events, downloads.

usage: cargo run -p websocket-sse [axum|actix] [PORT]

  PORT   where to listen on 127.0.0.1: 3000 unless told otherwise, 0 for any free port
";

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = command_line::arguments(USAGE, 2).into_iter();
    let serve = match arguments.next().as_deref() {
        None | Some("axum") => serve_axum,
        Some("actix") => serve_actix,
        Some(other) => return Err(format!("no framework {other:?}: axum or actix, see --help").into()),
    };
    let port = arguments.next().map_or(3000, |port| command_line::parse_port(&port));

    // The reason of every rejection is in the log.
    tracing_subscriber::fmt().init();

    // A secret for this run. A real service reads it from its configuration.
    let mut secret = [0; 32];
    getrandom::fill(&mut secret)?;
    let keys = KeySet::hs256(secret)?;
    let state = AppState::new(|| Authenticator::builder().keys(keys.clone()).audience("websocket-sse"))?;

    let listener = command_line::listen(port);
    print_usage(&token(&secret)?, listener.local_addr()?.port());
    serve(listener, state)
}

fn serve_axum(listener: TcpListener, state: AppState) -> Result<(), Box<dyn Error>> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        Ok(axum::serve(listener, on_axum::app(state)).await?)
    })
}

fn serve_actix(listener: TcpListener, state: AppState) -> Result<(), Box<dyn Error>> {
    let server = HttpServer::new(move || App::new().configure(|app| on_actix::routes(app, &state)));
    let server = server.workers(1).listen(listener)?.run();
    Ok(actix_web::rt::System::new().block_on(server)?)
}

/// A token for Alice that is valid for an hour, as a login would issue it.
fn token(secret: &[u8]) -> Result<String, Box<dyn Error>> {
    let in_an_hour = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)? + Duration::from_secs(3600);
    let claims =
        serde_json::json!({"sub": "alice", "name": "Alice", "aud": "websocket-sse", "exp": in_an_hour.as_secs()});
    Ok(SigningKey::secret(Algorithm::HS256, secret)?.sign(&claims)?)
}

fn print_usage(token: &str, port: u16) {
    println!("In the console of a browser, on http://127.0.0.1:{port}/ (a 404 page, but of the right origin):\n");
    println!(
        "    new WebSocket(\"ws://127.0.0.1:{port}/chat\", [\"chat\", \"bearer.{token}\"]).onmessage = console.log\n"
    );
    println!("Events, and a link to a download, with the cookie:\n");
    println!("    curl -b '__Host-token={token}' http://127.0.0.1:{port}/events\n");
    println!("    curl -X POST -b '__Host-token={token}' http://127.0.0.1:{port}/links/report.txt\n");
}
