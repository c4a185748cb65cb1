//! A server of the Model Context Protocol on actix-web: three tools, and who may call which.
//!
//! `cargo run -p mcp-actix [PORT]`, then give a client the address that it prints.
//!
//! The Rust SDK of the protocol is a Tower service of the current `http`; actix-web has types of an older one. So `bridge`
//! copies a request into the types of the one and a response into those of the other.

mod bridge;

use std::error::Error;

use actix_web::{App, HttpServer, web};
use jwt_actix::McpAuth;
use mcp_common::AuthorizationServer;

const USAGE: &str = "\
A server of the Model Context Protocol on actix-web: three tools, and who may call which.

usage: cargo run -p mcp-actix [PORT]

  PORT   where to listen on 127.0.0.1: 3000 unless told otherwise, 0 for any free port
";

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let port = command_line::port(USAGE, 3000);
    // The reason of every refusal is in the log.
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let listener = command_line::listen(port);
    let port = listener.local_addr()?.port();

    let authorization_server = AuthorizationServer::start(&format!("http://127.0.0.1:{port}/mcp"))?;
    let resource = mcp_common::resource(port, &authorization_server).await?;
    let service = web::Data::new(mcp_common::service());
    let server = HttpServer::new(move || {
        App::new()
            .app_data(service.clone())
            // The middleware has read the body within its limit, so that no other one is needed here.
            .app_data(web::PayloadConfig::new(usize::MAX))
            .service(web::resource("/mcp").to(bridge::serve))
            .wrap(McpAuth::new(resource.clone()))
    });

    mcp_common::print_usage(port, &authorization_server);
    server.listen(listener)?.run().await?;
    Ok(())
}
