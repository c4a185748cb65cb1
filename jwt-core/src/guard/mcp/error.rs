//! Why a request to a server of the Model Context Protocol is refused before its token counts or after, and what its client
//! gets; and why such a server cannot be built.

use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Response, StatusCode};
use serde_json::{Value, json};

use crate::config_error::debug_as_display;
use crate::error::AuthenticatorBuildError;
use crate::metadata::MetadataBuildError;

/// Why a request is refused for something else than its token. `Debug` says what `Display` says.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum McpError {
    /// `Origin` is that of a page which is not allowed, or is there twice: 403.
    #[error("`Origin` is not allowed: call `.allowed_origin(\"…\")` if pages of it may use this server")]
    Origin,
    /// `Host` is not that of the resource, is missing, or is there twice: 403.
    #[error(
        "`Host` is not that of the resource: have the proxy pass it on, or call `.allowed_host(\"…\")` with what it writes"
    )]
    Host,
    /// A method of HTTP that the transport has no use for: 405.
    #[error("neither POST nor GET nor DELETE")]
    Method,
    /// The body is not said to be JSON in UTF-8: 415.
    #[error("`Content-Type` is not `application/json`, or another character set than UTF-8")]
    MediaType,
    /// The body is compressed, so that what is in it cannot be seen: 415.
    #[error("`Content-Encoding`: the body is not readable as it is")]
    Encoding,
    /// The body is longer than allowed: 413.
    #[error("the body is longer than {most} bytes")]
    TooLong {
        /// The limit.
        most: usize,
    },
    /// The body broke off: 400.
    #[error("the body broke off")]
    Broken,
    /// The body is not JSON, or has members that mean something to one reader alone: 400.
    #[error("the body is not JSON that every reader understands in the same way")]
    Json,
    /// A name is there twice in one object: 400.
    #[error("duplicate member name in the body")]
    Duplicate,
    /// The body is not a message of JSON-RPC, or lacks what its method is about: 400.
    #[error("the body is not a message of JSON-RPC 2.0")]
    Message,
    /// A batch, which only clients of the revision 2025-03-26 may send: 400.
    #[error("a batch of messages, which only the revision 2025-03-26 has")]
    Batch,
    /// A header field does not say what the body says, or is missing: 400 with the code −32020.
    #[error("the header field `{field}` does not say what the body says")]
    HeaderMismatch {
        /// The header field.
        field: &'static str,
    },
    /// The list of tools is not one that can be filtered: 500.
    #[error("the list of tools could not be filtered: it is {0}")]
    List(&'static str),
}

debug_as_display!(McpError);

/// What JSON-RPC calls a text that is not JSON.
const PARSE_ERROR: i32 = -32700;
/// What JSON-RPC calls JSON that is not a request.
const INVALID_REQUEST: i32 = -32600;
/// What JSON-RPC calls a fault of the server.
const INTERNAL_ERROR: i32 = -32603;
/// `HeaderMismatch` of the revision 2026-07-28.
const HEADER_MISMATCH: i32 = -32020;

impl McpError {
    /// The status of its answer.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Origin | Self::Host => StatusCode::FORBIDDEN,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::MediaType | Self::Encoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLong { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::List(_) => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    /// The code of its answer in JSON-RPC.
    pub fn code(&self) -> i32 {
        match self {
            Self::Json => PARSE_ERROR,
            Self::HeaderMismatch { .. } => HEADER_MISMATCH,
            Self::List(_) => INTERNAL_ERROR,
            _ => INVALID_REQUEST,
        }
    }

    /// What strangers may know.
    fn public_message(&self) -> String {
        match self {
            Self::Origin => "Forbidden: the Origin header is not allowed".to_owned(),
            Self::Host => "Forbidden: the Host header is not allowed".to_owned(),
            Self::Method => "Method not allowed".to_owned(),
            Self::List(_) => "Internal error".to_owned(),
            Self::HeaderMismatch { field } => format!("Header mismatch: {field} does not match the body"),
            other => other.to_string(),
        }
    }

    /// What the client gets: an error of JSON-RPC, for the request of that `id` where it is known.
    pub(super) fn response(&self, id: Option<&Value>) -> Response<String> {
        let mut body = json!({
            "jsonrpc": "2.0",
            "error": {"code": self.code(), "message": self.public_message()},
        });
        if let (Some(id), Some(members)) = (id, body.as_object_mut()) {
            members.insert("id".to_owned(), id.clone());
        }
        let mut response = Response::new(body.to_string());
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if matches!(self, Self::Method) {
            headers.insert(ALLOW, HeaderValue::from_static(super::site::METHODS));
        }
        response
    }
}

/// Why the body of a request could not be read. For adapters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum McpBodyError {
    /// There is more than was asked for.
    TooLong,
    /// It broke off.
    Broken,
}

/// Why a server cannot be built as asked. `Debug` says what `Display` says.
#[derive(Clone, thiserror::Error)]
#[non_exhaustive]
pub enum McpBuildError {
    /// The metadata of the resource cannot be built, for example since its address is no URL.
    #[error("{0}")]
    Metadata(#[from] MetadataBuildError),
    /// The authenticator cannot be built.
    #[error("{0}")]
    Authenticator(#[from] AuthenticatorBuildError),
    /// Nobody to get a token from.
    #[error(
        "no authorization server: call `.authorization_server(\"https://…\")` with the issuer whose tokens are accepted, since clients find it in the metadata"
    )]
    NoAuthorizationServer,
    /// A setting that has one value was given twice, or one tool two guards.
    #[error("`.{call}` is called twice: keep one call")]
    SetTwice {
        /// The setting, and what it is about where it may be called for several things.
        call: Box<str>,
    },
    /// An origin that no browser sends.
    #[error(
        "`.allowed_origin({origin:?})`: an origin is written as browsers send it, like `https://app.example.com`, in lower case, with a port only where it is not the default one, without `/` at the end, without `*`"
    )]
    Origin {
        /// The origin.
        origin: Box<str>,
    },
    /// A host that no client sends.
    #[error("`.allowed_host({host:?})`: a host and, where it is not the default one, a port, like `10.0.0.7:8080`")]
    HostName {
        /// The host.
        host: Box<str>,
    },
    /// A scope that is not a matter of the resource.
    #[error(
        "`.{setting}({scope:?})`: refresh tokens are between client and authorization server, and nothing that this server asks for: leave it out"
    )]
    OfflineAccess {
        /// The setting.
        setting: &'static str,
        /// The scope.
        scope: &'static str,
    },
    /// An empty name of a tool, a prompt or a method.
    #[error("`.{setting}(\"\", …)`: name one")]
    EmptyName {
        /// The setting.
        setting: &'static str,
    },
    /// A limit under which no request fits.
    #[error("`.max_body({bytes})`: a request has some hundred bytes at least, so allow 1024 or more")]
    MaxBody {
        /// The limit.
        bytes: usize,
    },
}

debug_as_display!(McpBuildError);
