//! A server of the Model Context Protocol on axum: three tools, and who may call which.
//!
//! `cargo run -p mcp-axum [PORT]`, then give a client the address that it prints.

use std::error::Error;

use axum::Router;
use jwt_tower::McpAuth;
use mcp_common::AuthorizationServer;

const USAGE: &str = "\
A server of the Model Context Protocol on axum: three tools, and who may call which.

usage: cargo run -p mcp-axum [PORT]

  PORT   where to listen on 127.0.0.1: 3000 unless told otherwise, 0 for any free port
";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let port = command_line::port(USAGE, 3000);
    // The reason of every refusal is in the log.
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let listener = tokio::net::TcpListener::from_std(command_line::listen(port))?;
    let port = listener.local_addr()?.port();

    let authorization_server = AuthorizationServer::start(&format!("http://127.0.0.1:{port}/mcp"))?;
    let resource = mcp_common::resource(port, &authorization_server).await?;
    // The layer is the last line, so that it is around the route, and gets the well-known paths too.
    let app = Router::new().route_service("/mcp", mcp_common::service()).layer(McpAuth::new(resource));

    mcp_common::print_usage(port, &authorization_server);
    axum::serve(listener, app).await?;
    Ok(())
}
