//! What a guarded call of a tool takes longer than the same call of the Rust SDK alone, with a token that is in the cache:
//! `cargo run --release -p mcp-tests --bin measure`.
//!
//! The two take turns that are so short that nothing which disturbs the machine hits one of them alone.

use std::time::{Duration, Instant};

use http::Request;
use http_body_util::{BodyExt, Full};
use jwt_core::guard::Policy;
use jwt_core::mcp::{McpResource, McpUser};
use jwt_core::{Algorithm, Authenticator, Issuer, SigningKey, TokenCache, TrustedIssuer};
use jwt_tower::McpAuth;
use mcp_tests::everything::Everything;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use serde_json::json;
use tower::{Layer, Service};

type Bytes = actix_web::web::Bytes;

const URL: &str = "http://127.0.0.1:3000/mcp";
const TURN: u32 = 16;
const TURNS: usize = 4_000;

/// A call of a tool, with a body of that length.
fn body(length: usize) -> Bytes {
    let call = |filler: &str| {
        json!({
            "jsonrpc": "2.0",
            "id": 1,
            "method": "tools/call",
            "params": {
                "name": "test_simple_text",
                "arguments": {"filler": filler, "list": [1, 2, 3], "object": {"a": true}},
                "_meta": {
                    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                    "io.modelcontextprotocol/clientInfo": {"name": "measure", "version": "1.0"},
                    "io.modelcontextprotocol/clientCapabilities": {},
                },
            },
        })
        .to_string()
    };
    call(&"x".repeat(length - call("").len())).into()
}

fn request(body: &Bytes, token: &str) -> Request<Full<Bytes>> {
    let request = Request::post(URL)
        .header("host", "127.0.0.1:3000")
        .header("authorization", token)
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", "tools/call")
        .header("mcp-name", "test_simple_text");
    request.body(Full::new(body.clone())).expect("it is well-formed")
}

/// Sends that many requests.
async fn turn<S, B>(service: &mut S, body: &Bytes, token: &str) -> Duration
where
    S: Service<Request<Full<Bytes>>, Response = http::Response<B>, Error = std::convert::Infallible>,
    B: BodyExt<Data = Bytes, Error = std::convert::Infallible>,
{
    let requests: Vec<_> = (0..TURN).map(|_| request(body, token)).collect();
    let start = Instant::now();
    for request in requests {
        let Ok(response) = service.call(request).await;
        assert_eq!(response.status(), 200);
        let Ok(answer) = response.into_body().collect().await;
        assert!(!answer.to_bytes().is_empty());
    }
    start.elapsed() / TURN
}

fn median(mut durations: Vec<i128>) -> i128 {
    durations.sort_unstable();
    durations[durations.len() / 2]
}

fn main() {
    let issuer = Issuer::builder("https://login.example.com")
        .audience(URL)
        .signing_key(SigningKey::generate(Algorithm::ES256).expect("a key"))
        .build()
        .expect("an issuer");
    let claims = json!({"sub": "alice", "client_id": "measure", "scope": "notes tools:call"});
    let token = format!("Bearer {}", issuer.sign(&claims).expect("a token").as_str());
    let keys = jwt_core::KeySet::jwks(issuer.jwks()).expect("a key set");
    let resource = McpResource::builder(URL)
        .trusted_server(TrustedIssuer::new("https://login.example.com", keys))
        .scope("notes")
        .tool("test_simple_text", Policy::scope("tools:call"))
        .build_with(Authenticator::builder().scopes(|user: &McpUser| &user.scope).cache(TokenCache::new()))
        .expect("a resource");
    let config = StreamableHttpServerConfig::default().with_legacy_session_mode(false).with_json_response(true);
    let mut bare: StreamableHttpService<Everything, LocalSessionManager> =
        StreamableHttpService::new(|| Ok(Everything), std::sync::Arc::default(), config);
    let mut guarded = McpAuth::new(resource).layer(bare.clone());

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    for length in [1_024, 64 * 1_024] {
        let body = body(length);
        let (mut alone, mut longer) = (Vec::new(), Vec::new());
        runtime.block_on(async {
            for _ in 0..TURNS {
                let without = turn(&mut bare, &body, &token).await;
                let with = turn(&mut guarded, &body, &token).await;
                let [without, with] = [without, with].map(|time| i128::try_from(time.as_nanos()).unwrap_or(i128::MAX));
                alone.push(without);
                longer.push(with - without);
            }
        });
        println!(
            "a body of {length} bytes: rmcp alone {} ns, longer by {} ns behind the guard",
            median(alone),
            median(longer)
        );
    }
}
