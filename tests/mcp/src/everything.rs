//! Tools, resources and prompts that the conformance suite of the protocol calls by these names, as far as it takes to see
//! that a guard in front of them changes nothing.

#![expect(clippy::unused_self, clippy::trivially_copy_pass_by_ref, reason = "the macros of rmcp want methods")]

use rmcp::model::{CallToolResult, ContentBlock, ServerCapabilities, ServerConfig};
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{ServerHandler, tool, tool_handler, tool_router};

/// A pixel.
const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

/// What the suite calls.
#[derive(Debug, Clone, Copy)]
pub struct Everything;

#[tool_router]
impl Everything {
    #[tool(description = "Returns a text")]
    fn test_simple_text(&self) -> String {
        "This is a simple text response for testing.".to_owned()
    }

    #[tool(description = "Returns a picture")]
    fn test_image_content(&self) -> CallToolResult {
        CallToolResult::success(vec![ContentBlock::image(PNG, "image/png")])
    }

    #[tool(description = "Fails")]
    fn test_error_handling(&self) -> CallToolResult {
        CallToolResult::error(vec![ContentBlock::text("This tool intentionally returns an error for testing")])
    }
}

#[tool_handler]
impl ServerHandler for Everything {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }
}

/// The service. Behind a guard, `Host` is looked at there, and is that of a proxy.
pub fn service(guarded: bool) -> StreamableHttpService<Everything, LocalSessionManager> {
    let config = StreamableHttpServerConfig::default();
    let config = if guarded { config.disable_allowed_hosts() } else { config.enforce_origin_validation() };
    StreamableHttpService::new(|| Ok(Everything), std::sync::Arc::default(), config)
}
