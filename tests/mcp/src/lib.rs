//! Protected servers of the Model Context Protocol, on each framework. One has as little of the protocol as it takes to call
//! one tool, which says on whose behalf it was called. The others are made with the Rust SDK of the protocol, behind `McpAuth`.

/// How the example on actix-web hands requests to the Rust SDK.
#[path = "../../../examples/mcp-actix/src/bridge.rs"]
mod bridge;
pub mod everything;
pub mod guarded;

use std::net::TcpListener;
use std::thread;

use jwt_core::Authenticator;
use jwt_core::metadata::ResourceMetadata;
use serde_json::{Value, json};

/// A framework with its adapter.
#[derive(Debug, Clone, Copy)]
pub struct Stack {
    /// What to call it.
    pub name: &'static str,
    serve: fn(TcpListener, Authenticator<()>, ResourceMetadata),
}

/// Every framework.
pub const STACKS: [Stack; 2] = [Stack { name: "axum", serve: on_axum }, Stack { name: "actix", serve: on_actix }];

impl Stack {
    /// Serves `/mcp` until the process ends.
    pub fn start(self, listener: TcpListener, auth: Authenticator<()>, metadata: ResourceMetadata) {
        thread::spawn(move || (self.serve)(listener, auth, metadata));
    }
}

/// The answer to a JSON-RPC message; `None` where it wants none.
fn answer(message: &Value, subject: Option<&str>) -> Option<Value> {
    let id = message.get("id")?;
    let result = match message["method"].as_str()? {
        "initialize" => json!({
            "protocolVersion": message["params"]["protocolVersion"],
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "whoami", "version": "1.0.0"},
        }),
        "tools/call" => json!({"content": [{"type": "text", "text": subject}]}),
        _ => json!({}),
    };
    Some(json!({"jsonrpc": "2.0", "id": id, "result": result}))
}

fn on_axum(listener: TcpListener, auth: Authenticator<()>, metadata: ResourceMetadata) {
    use axum::http::StatusCode;
    use axum::response::{IntoResponse, Response};
    use axum::routing::post;
    use axum::{Json, Router};
    use jwt_tower::{Claims, JwtAuth, MetadataRoute};

    async fn mcp(Claims(user): Claims<()>, Json(message): Json<Value>) -> Response {
        match answer(&message, user.subject()) {
            Some(answer) => Json(answer).into_response(),
            None => StatusCode::ACCEPTED.into_response(),
        }
    }

    let app = Router::new().route("/mcp", post(mcp)).layer(JwtAuth::new(auth)).layer(MetadataRoute::new(metadata));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be built");
    runtime.block_on(async {
        listener.set_nonblocking(true).expect("a listener can be made non-blocking");
        let listener = tokio::net::TcpListener::from_std(listener).expect("a listener can be handed to tokio");
        axum::serve(listener, app).await.expect("axum serves");
    });
}

fn on_actix(listener: TcpListener, auth: Authenticator<()>, metadata: ResourceMetadata) {
    use actix_web::{App, HttpResponse, HttpServer, web};
    use jwt_actix::{Claims, JwtAuth, MetadataRoute};

    async fn mcp(Claims(user): Claims<()>, message: web::Json<Value>) -> HttpResponse {
        match answer(&message, user.subject()) {
            Some(answer) => HttpResponse::Ok().json(answer),
            None => HttpResponse::Accepted().finish(),
        }
    }

    let server = HttpServer::new(move || {
        App::new()
            .service(web::resource("/mcp").route(web::post().to(mcp)))
            .wrap(JwtAuth::new(auth.clone()))
            .wrap(MetadataRoute::new(metadata.clone()))
    });
    let server = server.workers(1).disable_signals().listen(listener).expect("actix listens").run();
    actix_web::rt::System::new().block_on(server).expect("actix serves");
}
