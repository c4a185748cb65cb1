//! What both MCP examples share: three tools, and an authorization server for trying them out.

mod authorization_server;
mod tools;

use std::error::Error;
use std::time::Duration;

use jwt_core::guard::Policy;
use jwt_core::mcp::{McpResource, McpUser};

pub use authorization_server::AuthorizationServer;
pub use tools::{Notes, NotesService, service};

/// The server at this port as a resource: who may call what. Its authorization server runs already.
///
/// # Errors
/// Where it cannot be built, or its authorization server has no keys.
pub async fn resource(
    port: u16,
    authorization_server: &AuthorizationServer,
) -> Result<McpResource<McpUser>, Box<dyn Error>> {
    let resource = McpResource::builder(format!("http://127.0.0.1:{port}/mcp"))
        .authorization_server(authorization_server.issuer())
        .name("Notes")
        // Every request needs this one, so that clients ask for it first.
        .scope("notes")
        .tool("write_note", Policy::scope("notes:write"))
        .tool("delete_notes", Policy::scope("admin"))
        .filter_tool_lists()
        .build()?;
    resource.ready_within(Duration::from_secs(10)).await?;
    Ok(resource)
}

/// What to do with it.
pub fn print_usage(port: u16, authorization_server: &AuthorizationServer) {
    println!("The server of the Model Context Protocol is at http://127.0.0.1:{port}/mcp,");
    println!("and its authorization server, for trying it out, at {}.\n", authorization_server.issuer());
    println!("Give the first address to a client, and nothing else. Its browser asks who you are: Alice may read and");
    println!("write, Root may delete as well. For example\n");
    println!("    npx @modelcontextprotocol/inspector");
    println!("    claude mcp add --transport http notes http://127.0.0.1:{port}/mcp\n");
    println!("Without a token, the answer says where to get one:\n");
    println!("    curl -i -X POST http://127.0.0.1:{port}/mcp\n");
}
