//! Who may send a request at all: pages of which origins, and under which name of this server. And what browsers are told.

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, ALLOW, CACHE_CONTROL, HOST, ORIGIN, VARY,
};
use http::{HeaderName, HeaderValue, Response, StatusCode};

use super::error::McpError;
use crate::answer::HeaderFields;
use crate::request::RequestHead;

/// The methods of the transport, those of the revisions before 2026-07-28 too.
pub(super) const METHODS: &str = "POST, GET, DELETE";

/// What a client of the protocol sends, beside `Mcp-Param-…`.
const REQUEST_FIELDS: &str = "authorization, content-type, accept, dpop, last-event-id, mcp-protocol-version, mcp-session-id, mcp-method, mcp-name";

/// What its script has to see of an answer.
const RESPONSE_FIELDS: &str = "www-authenticate, dpop-nonce, retry-after, mcp-protocol-version, mcp-session-id";

/// The fields that mirror arguments of a tool.
const PARAMETER: &str = "mcp-param-";

#[derive(Debug, Clone, Default)]
pub(super) struct Site {
    /// The authorities under which clients know this server, in lower case.
    pub(super) hosts: Vec<Box<str>>,
    pub(super) any_host: bool,
    /// As browsers write them.
    pub(super) origins: Vec<Box<str>>,
    pub(super) any_origin: bool,
    /// The port that needs no name, with its colon.
    pub(super) default_port: &'static str,
}

impl Site {
    /// Whether the request was sent to this server under a name of it: a page of an attacker can have its own name point here
    /// (DNS rebinding), but not change that name in `Host`.
    pub(super) fn check_host(&self, head: &impl RequestHead) -> Result<(), McpError> {
        if self.any_host {
            return Ok(());
        }
        // The target names the host itself in HTTP/2 and in the absolute form, and then counts (RFC 9112 §3.2.2).
        let host = match head.authority() {
            Some(authority) => authority.as_bytes(),
            None => only(head, &HOST).ok().flatten().ok_or(McpError::Host)?,
        };
        let bare =
            |host: &[u8]| -> usize { host.strip_suffix(self.default_port.as_bytes()).map_or(host.len(), <[u8]>::len) };
        let is_one = |known: &str| {
            let known = known.as_bytes();
            known[..bare(known)].eq_ignore_ascii_case(&host[..bare(host)])
        };
        if self.hosts.iter().any(|known| is_one(known)) { Ok(()) } else { Err(McpError::Host) }
    }

    /// The origin of the page that sends the request, if one does and it may.
    pub(super) fn check_origin(&self, head: &impl RequestHead) -> Result<Option<HeaderValue>, McpError> {
        let Some(origin) = only(head, &ORIGIN).map_err(|Twice| McpError::Origin)? else { return Ok(None) };
        if self.any_origin || self.origins.iter().any(|known| known.as_bytes() == origin) {
            HeaderValue::from_bytes(origin).map(Some).map_err(|_| McpError::Origin)
        } else {
            Err(McpError::Origin)
        }
    }

    /// The answer to a preflight (Fetch §4.8), and to any other question for options.
    #[expect(clippy::unused_self, reason = "what browsers are told is a matter of the site")]
    pub(super) fn options(&self, head: &impl RequestHead, origin: Option<&HeaderValue>) -> Response<String> {
        let mut response = Response::new(String::new());
        *response.status_mut() = StatusCode::NO_CONTENT;
        let headers = response.headers_mut();
        headers.insert(ALLOW, HeaderValue::from_static(METHODS));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if origin.is_none() || head.header_values(&ACCESS_CONTROL_REQUEST_METHOD).next().is_none() {
            return response;
        }
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(METHODS));
        headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("3600"));
        let allowed = fields(head);
        let allowed = HeaderValue::try_from(allowed).unwrap_or(HeaderValue::from_static(REQUEST_FIELDS));
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, allowed);
        response
    }
}

/// The fields of the protocol, and those of the parameters that the page asks for.
fn fields(head: &impl RequestHead) -> String {
    let asked = head.header_values(&ACCESS_CONTROL_REQUEST_HEADERS).flat_map(|value| value.split(|b| *b == b','));
    let asked = asked.filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok());
    let mut fields = REQUEST_FIELDS.to_owned();
    for name in asked.filter(|name| name.as_str().starts_with(PARAMETER)) {
        fields.push_str(", ");
        fields.push_str(name.as_str());
    }
    fields
}

/// Lets the page of that origin see an answer.
pub(super) fn show_to(origin: Option<&HeaderValue>, headers: &mut impl HeaderFields) {
    headers.append(VARY, HeaderValue::from_static("origin"));
    if let Some(origin) = origin {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(RESPONSE_FIELDS));
    }
}

/// A header field is there more than once.
#[derive(Debug)]
pub(super) struct Twice;

/// The one value of a header field.
pub(super) fn only<'r>(head: &'r impl RequestHead, name: &HeaderName) -> Result<Option<&'r [u8]>, Twice> {
    let mut values = head.header_values(name);
    let first = values.next();
    if first.is_some() && values.next().is_some() { Err(Twice) } else { Ok(first) }
}
