//! A server behind the guard of the Model Context Protocol, on every stack: it says what has come through to it.

use std::net::TcpListener;

use jwt_core::VerifiedToken;
use jwt_core::mcp::{McpResource, McpUser};

use crate::log;
use crate::stacks::{Server, runtime, tokio_listener};

/// The answer to every body with `tools/list` in it.
pub const MCP_TOOLS: &str =
    r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"open"},{"name":"delete"},{"name":"read"}]}}"#;

/// A framework with its adapter, and a server of the Model Context Protocol.
#[derive(Debug, Clone, Copy)]
pub struct McpStack {
    /// What to call it in the message of a failed test.
    pub name: &'static str,
    serve: fn(TcpListener, McpResource<McpUser>),
}

/// Each answers with the body that it got, or [`MCP_TOOLS`], `Mcp-Session-Id: s`, and in `x-seen` the method, the subject of the
/// token, and which header fields of the client with a token it has seen. With `x-sse` in the request, the answer is a stream of
/// events; with `x-odd`, it is none that can be filtered.
pub const MCP_STACKS: [McpStack; 3] = [
    McpStack { name: "axum", serve: on_axum },
    McpStack { name: "hyper", serve: on_hyper },
    McpStack { name: "actix", serve: on_actix },
];

impl McpStack {
    /// Starts a server for the resource that is made of its address.
    ///
    /// # Panics
    /// Where no port is free.
    pub fn start(self, resource: impl FnOnce(&str) -> McpResource<McpUser>) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("a bound listener has an address");
        let resource = resource(&format!("http://{address}/mcp"));
        log::spawn(move || (self.serve)(listener, resource));
        Server { stack: self.name, address }
    }
}

/// What the handlers answer: body, media type, and what was seen.
fn answer(
    method: &str,
    body: Vec<u8>,
    user: Option<&VerifiedToken<McpUser>>,
    has: impl Fn(&str) -> bool,
) -> (Vec<u8>, &'static str, String) {
    let fields: Vec<&str> = ["authorization", "dpop", "mcp-session-id"].into_iter().filter(|name| has(name)).collect();
    let subject = user.and_then(|user| user.subject()).unwrap_or("-");
    let seen = format!("{method} {subject} {}", fields.join(","));
    let lists = String::from_utf8_lossy(&body).contains("tools/list");
    match (lists, has("x-sse"), has("x-odd")) {
        (true, _, true) => (MCP_TOOLS.into(), "text/html", seen),
        (true, true, _) => (format!("id: 7\ndata: {MCP_TOOLS}\n\n").into_bytes(), "text/event-stream", seen),
        (true, ..) => (MCP_TOOLS.into(), "application/json", seen),
        _ => (body, "application/json", seen),
    }
}

fn on_axum(listener: TcpListener, resource: McpResource<McpUser>) {
    use axum::Router;
    use axum::http::{HeaderMap, Method};
    use axum::routing::any;
    use jwt_tower::{Claims, McpAuth};

    async fn mcp(
        user: Option<Claims<McpUser>>,
        method: Method,
        headers: HeaderMap,
        body: axum::body::Bytes,
    ) -> ([(&'static str, String); 3], Vec<u8>) {
        let user = user.map(|Claims(user)| user);
        let (body, media_type, seen) =
            answer(method.as_str(), body.to_vec(), user.as_ref(), |name| headers.contains_key(name));
        ([("content-type", media_type.to_owned()), ("x-seen", seen), ("mcp-session-id", "s".to_owned())], body)
    }

    let app = Router::new().route("/mcp", any(mcp)).layer(McpAuth::new(resource));
    runtime().block_on(async { axum::serve(tokio_listener(listener), app).await.expect("axum serves") });
}

fn on_hyper(listener: TcpListener, resource: McpResource<McpUser>) {
    use std::convert::Infallible;

    use http::{Request, Response};
    use http_body_util::Full;
    use hyper::body::Bytes;
    use hyper_util::rt::TokioIo;
    use hyper_util::service::TowerToHyperService;
    use jwt_tower::{McpAuth, McpBody};
    use tower::{Layer, service_fn};

    async fn mcp(request: Request<McpBody>) -> Result<Response<Full<Bytes>>, Infallible> {
        let (parts, body) = request.into_parts();
        let user = jwt_core::mcp::user::<McpUser>(&parts.extensions).ok();
        let has = |name: &str| parts.headers.contains_key(name);
        let (body, media_type, seen) = answer(parts.method.as_str(), body.into_bytes().to_vec(), user.as_ref(), has);
        let response = Response::builder().header("content-type", media_type).header("x-seen", seen);
        let response = response.header("mcp-session-id", "s").body(Full::from(body));
        Ok(response.expect("the header fields are good ones"))
    }

    let service = TowerToHyperService::new(McpAuth::new(resource).layer(service_fn(mcp)));
    runtime().block_on(async {
        let listener = tokio_listener(listener);
        loop {
            let (stream, _) = listener.accept().await.expect("a connection comes in");
            let http = hyper::server::conn::http1::Builder::new();
            tokio::spawn(http.serve_connection(TokioIo::new(stream), service.clone()));
        }
    });
}

fn on_actix(listener: TcpListener, resource: McpResource<McpUser>) {
    use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
    use jwt_actix::{Claims, McpAuth};

    async fn mcp(user: Option<Claims<McpUser>>, request: HttpRequest, body: web::Bytes) -> HttpResponse {
        let user = user.map(|Claims(user)| user);
        let has = |name: &str| request.headers().contains_key(name);
        let (body, media_type, seen) = answer(request.method().as_str(), body.to_vec(), user.as_ref(), has);
        let mut response = HttpResponse::Ok();
        response.insert_header(("content-type", media_type)).insert_header(("x-seen", seen));
        response.insert_header(("mcp-session-id", "s")).body(body)
    }

    let log = log::inherited();
    let server = HttpServer::new(move || {
        // A thread of actix starts here.
        log::inherit(log.clone());
        App::new()
            .app_data(web::PayloadConfig::new(usize::MAX))
            .service(web::resource("/mcp").to(mcp))
            .wrap(McpAuth::new(resource.clone()))
    });
    let server = server.workers(1).disable_signals().listen(listener).expect("actix listens").run();
    actix_web::rt::System::new().block_on(server).expect("actix serves");
}
