//! Three tools: one for everybody with a token, one for those who may write, one for administrators.

use std::sync::{Arc, Mutex, PoisonError};

use http::request::Parts;
use jwt_core::mcp::{self, McpUser};
use rmcp::handler::server::common::Extension;
use rmcp::handler::server::wrapper::Parameters;
use rmcp::model::{ServerCapabilities, ServerConfig};
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{ErrorData, ServerHandler, schemars, tool, tool_handler, tool_router};

/// Notes that everybody shares.
#[derive(Debug, Clone, Default)]
pub struct Notes(Arc<Mutex<Vec<String>>>);

/// What is written.
#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
pub(crate) struct NewNote {
    /// The text of the note.
    text: String,
}

#[tool_router]
impl Notes {
    #[tool(description = "Reads the notes, and says on whose behalf")]
    fn read_notes(&self, Extension(parts): Extension<Parts>) -> Result<String, ErrorData> {
        let notes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(format!("{} reads {} notes: {}", user(&parts)?, notes.len(), notes.join("; ")))
    }

    #[tool(description = "Writes a note")]
    fn write_note(
        &self,
        Parameters(NewNote { text }): Parameters<NewNote>,
        Extension(parts): Extension<Parts>,
    ) -> Result<String, ErrorData> {
        let user = user(&parts)?;
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(text);
        Ok(format!("{user} wrote a note"))
    }

    #[tool(description = "Deletes all notes")]
    fn delete_notes(&self, Extension(parts): Extension<Parts>) -> Result<String, ErrorData> {
        let user = user(&parts)?;
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
        Ok(format!("{user} deleted all notes"))
    }
}

/// The user whom the token of the request is about. The token itself has not come as far as this.
fn user(parts: &Parts) -> Result<String, ErrorData> {
    let user = mcp::user::<McpUser>(&parts.extensions)
        .map_err(|rejection| ErrorData::internal_error(rejection.error.public_message(), None))?;
    Ok(user.subject().unwrap_or("nobody").to_owned())
}

#[tool_handler]
impl ServerHandler for Notes {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }
}

/// The server of the protocol, as a Tower service.
pub type NotesService = StreamableHttpService<Notes, LocalSessionManager>;

/// The server of the protocol. `Host` and `Origin` are looked at by the layer around it.
pub fn service() -> NotesService {
    let notes = Notes::default();
    let config = StreamableHttpServerConfig::default().disable_allowed_hosts();
    StreamableHttpService::new(move || Ok(notes.clone()), Arc::default(), config)
}
