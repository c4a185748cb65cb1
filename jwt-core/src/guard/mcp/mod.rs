//! A server of the Model Context Protocol as a resource server of OAuth: everything that the protocol asks of one, in one
//! call. The adapters make a layer of it, and middleware.
//!
//! It is of the revision 2026-07-28, and serves clients of 2025-03-26, 2025-06-18 and 2025-11-25 too.

mod builder;
mod error;
mod listing;
mod message;
mod mirrored;
mod rules;
mod site;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, Entry, ORIGIN, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use serde::Deserialize;

use super::{Admission, Policy, Rejection};
use crate::answer::{HeaderFields, ResponseHeaders};
use crate::authenticator::Authenticator;
use crate::claims::ClaimsType;
use crate::key::{FetchError, RemoteKeySet};
use crate::metadata::ResourceMetadata;
use crate::observe::log;
use crate::request::RequestHead;
use crate::verify::{Scopes, VerifiedToken};
pub use builder::McpResourceBuilder;
pub use error::{McpBodyError, McpBuildError, McpError};
use message::Messages;
use rules::Rules;
use site::{Site, only};

/// The most messages in one body, where there may be several.
const MAX_BATCH: usize = 100;

/// The claims of an access token that most servers of the Model Context Protocol need: whom a tool is called for, and by
/// which client. `sub` is [`VerifiedToken::subject`](crate::VerifiedToken::subject).
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct McpUser {
    /// The scopes of the token (RFC 9068 §2.2.3).
    #[serde(default)]
    pub scope: Scopes,
    /// The same, as some authorization servers call them.
    #[serde(default)]
    pub scp: Scopes,
    /// The client that the token was issued to (RFC 9068 §2.2).
    #[serde(default)]
    pub client_id: Option<String>,
}

/// A server of the Model Context Protocol, as a resource server of OAuth: who may call which tool. Given to the `McpAuth` of an
/// adapter, which is a layer in Tower and axum, and middleware in actix-web. Cheap to clone.
///
/// It serves the metadata of the resource (RFC 9728) at the path-inserted and at the bare well-known path, answers preflights,
/// refuses foreign `Origin` and `Host`, accepts tokens that were made for this resource (RFC 8707), says in every challenge where
/// the metadata is and which scopes are needed, reads each body strictly and within a limit, checks what the tool or method in
/// it needs, and hands the body on byte for byte. A session of the protocol is no authentication: each request needs its token,
/// which is not handed on.
///
/// ```no_run
/// use jwt_core::guard::Policy;
/// use jwt_core::mcp::McpResource;
///
/// # async fn example() -> Result<(), jwt_core::mcp::McpBuildError> {
/// let resource = McpResource::builder("https://mcp.example.com/mcp")
///     .authorization_server("https://login.example.com")
///     .scope("mcp:use")
///     .tool("delete", Policy::scope("admin"))
///     .build()?;
/// # let _ = resource;
/// # Ok(())
/// # }
/// ```
#[cfg_attr(feature_labels, doc(cfg(feature = "mcp")))]
pub struct McpResource<C>(Arc<Inner<C>>);

struct Inner<C> {
    authenticator: Authenticator<C>,
    metadata: ResourceMetadata,
    /// Of a challenge that says what every request needs.
    scope_parameter: Option<HeaderValue>,
    rules: Rules,
    site: Site,
    max_body: usize,
    filters: bool,
    keeps_token: bool,
    key_sets: Vec<RemoteKeySet>,
}

impl McpResource<McpUser> {
    /// The resource of that identifier, which is the address that clients use: `https`, or `http` on this machine, without query
    /// and fragment, such as `https://mcp.example.com/mcp`.
    pub fn builder(resource: impl Into<String>) -> McpResourceBuilder {
        McpResourceBuilder::new(resource.into())
    }
}

impl<C> McpResource<C> {
    /// The metadata of the resource, for a `MetadataRoute` further outside: where the layer does not get requests for the
    /// well-known paths, since it is around a part of the application.
    pub fn metadata(&self) -> &ResourceMetadata {
        &self.0.metadata
    }

    /// What verifies the tokens.
    pub fn authenticator(&self) -> &Authenticator<C> {
        &self.0.authenticator
    }

    /// Waits until the keys of every discovered authorization server are there, for that time at most each: for a server that
    /// does not start without them. Otherwise requests are answered with 503 until then.
    ///
    /// # Errors
    /// [`FetchError`]; see [`RemoteKeySet::ready_within`].
    pub async fn ready_within(&self, time: Duration) -> Result<(), FetchError> {
        for keys in &self.0.key_sets {
            keys.ready_within(time).await?;
        }
        Ok(())
    }
}

/// The user behind a call of a tool, out of the extensions of the request: for handlers without extractors, such as those of
/// the Rust SDK of the protocol, which are given the `http::request::Parts`.
///
/// ```
/// use jwt_core::mcp::{self, McpUser};
///
/// fn tool(parts: &http::request::Parts) -> Result<String, jwt_core::adapter::Rejection> {
///     let user = mcp::user::<McpUser>(&parts.extensions)?;
///     Ok(user.subject().unwrap_or("nobody").to_owned())
/// }
/// # assert!(tool(&http::Request::new(()).into_parts().0).is_err());
/// ```
///
/// # Errors
/// Where there is no token, no `McpAuth` is in front, or one whose claims are of another type.
pub fn user<C: Send + Sync + 'static>(extensions: &http::Extensions) -> Result<VerifiedToken<C>, Rejection> {
    Admission::claims(extensions.get())
}

/// A request that may be served, and what its response needs. For adapters.
#[derive(Debug)]
pub struct McpCall<B> {
    /// What extractors and guards further inside look for in the extensions of the request.
    pub admission: Admission,
    /// The body as it was read; `None` for a request that has none to be handed on.
    pub body: Option<B>,
    headers: Option<Arc<ResponseHeaders>>,
    origin: Option<HeaderValue>,
    withheld: &'static [HeaderName],
    /// Whether the answer may be a list of tools that is to be filtered.
    lists_tools: bool,
}

/// Where a token is, which is nobody's business any more.
static WITHHELD: [HeaderName; 2] = [AUTHORIZATION, HeaderName::from_static("dpop")];

impl<C: ClaimsType> McpResource<C> {
    /// Whether a request with this head may be served. `read` reads its body, of which it is told how much may be read; it is
    /// asked only where the token is good. For adapters.
    ///
    /// # Errors
    /// The response to a request that is not for the server behind, or that may not be served.
    pub async fn admit<B: AsRef<[u8]>>(
        &self,
        head: &impl RequestHead,
        read: impl AsyncFnOnce(usize) -> Result<B, McpBodyError>,
    ) -> Result<McpCall<B>, Response<String>> {
        let Inner { authenticator, metadata, site, .. } = &*self.0;
        if let Some(document) = metadata.response(head) {
            return Err(document);
        }
        if let Err(error) = site.check_host(head) {
            return Err(refused(&error, None, None));
        }
        let origin = match site.check_origin(head) {
            Ok(origin) => origin,
            Err(error) => return Err(refused(&error, None, head.header_values(&ORIGIN).next())),
        };
        let shown = |mut response: Response<String>| {
            site::show_to(origin.as_ref(), response.headers_mut());
            response
        };
        let has_body = match head.method() {
            "POST" => true,
            "GET" | "DELETE" => false,
            "OPTIONS" => return Err(shown(site.options(head, origin.as_ref()))),
            _ => return Err(shown(refused(&McpError::Method, None, None))),
        };

        let outcome = match authenticator.outcome(head) {
            Ok(outcome) => outcome,
            Err(pending) => pending.await,
        };
        let (admission, headers) = Admission::of(authenticator, outcome, head);
        let admitted = match admission {
            Ok(admission) => self.allowed(head, admission, has_body, read).await,
            Err(rejection) => Err(self.rejected(&rejection)),
        };
        match admitted {
            Ok((admission, body, lists_tools)) => {
                let withheld = if self.0.keeps_token { &[] } else { &WITHHELD[..] };
                Ok(McpCall { admission, body, headers, origin, withheld, lists_tools })
            }
            Err(mut response) => {
                if let Some(headers) = headers {
                    headers.apply(response.headers_mut());
                }
                Err(shown(response))
            }
        }
    }

    /// Whether its token allows what a request asks for.
    async fn allowed<B: AsRef<[u8]>>(
        &self,
        head: &impl RequestHead,
        admission: Admission,
        has_body: bool,
        read: impl AsyncFnOnce(usize) -> Result<B, McpBodyError>,
    ) -> Result<(Admission, Option<B>, bool), Response<String>> {
        let Inner { rules, max_body, filters, .. } = &*self.0;
        let refuse = |error: McpError| refused(&error, None, None);
        if !has_body {
            self.decided(rules.of_stream(), &admission, head).await?;
            return Ok((admission, None, false));
        }
        check_head(head, *max_body).map_err(refuse)?;
        let body = read(*max_body).await.map_err(|error| {
            refuse(match error {
                McpBodyError::TooLong => McpError::TooLong { most: *max_body },
                McpBodyError::Broken => McpError::Broken,
            })
        })?;
        let (needed, lists_tools) = {
            let messages = message::read(body.as_ref(), MAX_BATCH).map_err(refuse)?;
            let (all, id) = match &messages {
                Messages::One(message) => (std::slice::from_ref(message), message.id.as_ref()),
                Messages::Batch(_) if !mirrored::may_batch(head) => return Err(refuse(McpError::Batch)),
                Messages::Batch(messages) => (&**messages, None),
            };
            for message in all {
                mirrored::check(head, message).map_err(|error| refused(&error, id, None))?;
            }
            let lists_tools = *filters && all.iter().any(|message| message.method() == "tools/list");
            (rules.of(&messages), lists_tools)
        };
        self.decided(needed, &admission, head).await?;
        Ok((admission, Some(body), lists_tools))
    }

    async fn decided(
        &self,
        needed: Option<Policy>,
        admission: &Admission,
        head: &impl RequestHead,
    ) -> Result<(), Response<String>> {
        let Some(needed) = needed else { return Ok(()) };
        let decision = needed.decide(Some(admission), head);
        decision.settled().await.map_err(|rejection| self.rejected(&rejection))
    }

    /// The answer to a token that is missing or not good enough.
    fn rejected(&self, rejection: &Rejection) -> Response<String> {
        let mut response = rejection.answer.response().map(str::to_owned);
        if let (StatusCode::UNAUTHORIZED, Some(scope)) = (response.status(), &self.0.scope_parameter)
            && let Entry::Occupied(mut challenges) = response.headers_mut().entry(WWW_AUTHENTICATE)
        {
            challenges.iter_mut().for_each(|challenge| *challenge = with_parameter(challenge, scope));
        }
        response
    }

    /// The body of an answer to [a list of tools](McpCall::lists_tools), without those that its reader may not call. For
    /// adapters.
    ///
    /// # Errors
    /// The response in its place, where the body is none that can be filtered.
    pub async fn visible_tools<B>(
        &self,
        call: &McpCall<B>,
        headers: &impl HeaderFields,
        body: Result<&[u8], McpBodyError>,
    ) -> Result<Vec<u8>, Response<String>> {
        let filtered = async {
            let body = body.map_err(|error| match error {
                McpBodyError::TooLong => McpError::List("too long"),
                McpBodyError::Broken => McpError::List("broken off"),
            })?;
            if headers.values(&CONTENT_ENCODING).next().is_some() {
                return Err(McpError::List("compressed: put compression outside of this layer"));
            }
            let media_type = headers.values(&CONTENT_TYPE).next().unwrap_or_default();
            listing::filtered(media_type, body, &Visible { rules: &self.0.rules, admission: &call.admission }).await
        };
        filtered.await.map_err(|error| {
            let mut response = refused(&error, None, None);
            call.complete(response.headers_mut());
            response
        })
    }

    /// The most that is read of a body, in bytes.
    pub fn max_body(&self) -> usize {
        self.0.max_body
    }
}

impl<B> McpCall<B> {
    /// The header fields that are taken out of the request before it is handed on.
    pub fn withheld(&self) -> &[HeaderName] {
        self.withheld
    }

    /// Whether the answer is read as a whole and given to [`McpResource::visible_tools`].
    pub fn lists_tools(&self) -> bool {
        self.lists_tools
    }

    /// Adds to the response what browsers and caches are told.
    pub fn complete(&self, response: &mut impl HeaderFields) {
        site::show_to(self.origin.as_ref(), response);
        if let Some(headers) = &self.headers {
            headers.apply(response);
        }
    }
}

/// Tools that the token of a request may call.
struct Visible<'a> {
    rules: &'a Rules,
    admission: &'a Admission,
}

impl listing::Keep for Visible<'_> {
    async fn keeps(&self, name: &str) -> bool {
        match self.rules.of_tool(name) {
            Some(policy) => policy.would_allow(self.admission).await,
            None => true,
        }
    }
}

/// Whether a body can be read as it is, by what the head says of it.
fn check_head(head: &impl RequestHead, most: usize) -> Result<(), McpError> {
    let media_type = only(head, &CONTENT_TYPE).ok().flatten().ok_or(McpError::MediaType)?;
    let mut parts = media_type.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
    let is_json = parts.next().is_some_and(|essence| essence.eq_ignore_ascii_case(b"application/json"));
    let is_utf8 = |part: &[u8]| {
        let Some((name, value)) = part.split_at_checked(b"charset=".len()) else { return true };
        !name.eq_ignore_ascii_case(b"charset=")
            || value.trim_ascii().eq_ignore_ascii_case(b"utf-8")
            || value.eq_ignore_ascii_case(b"\"utf-8\"")
    };
    if !is_json || !parts.all(is_utf8) {
        return Err(McpError::MediaType);
    }
    if head.header_values(&CONTENT_ENCODING).any(|value| !value.eq_ignore_ascii_case(b"identity")) {
        return Err(McpError::Encoding);
    }
    let length = only(head, &CONTENT_LENGTH).ok().flatten().and_then(|value| std::str::from_utf8(value).ok());
    match length.and_then(|length| length.parse::<u64>().ok()) {
        Some(length) if length > most as u64 => Err(McpError::TooLong { most }),
        _ => Ok(()),
    }
}

/// The answer to a request that is not served, after the log was told.
fn refused(error: &McpError, id: Option<&serde_json::Value>, origin: Option<&[u8]>) -> Response<String> {
    log::mcp_refused(error, matches!(error, McpError::Origin | McpError::Host), origin);
    error.response(id)
}

/// A challenge with one more parameter (RFC 9110 §11.6.1), which no challenge here has yet.
fn with_parameter(challenge: &HeaderValue, parameter: &HeaderValue) -> HeaderValue {
    let separator: &[u8] = if challenge.as_bytes().contains(&b' ') { b", " } else { b" " };
    let value = [challenge.as_bytes(), separator, parameter.as_bytes()].concat();
    HeaderValue::try_from(value).unwrap_or_else(|_| challenge.clone())
}

impl<C> Clone for McpResource<C> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<C> fmt::Debug for McpResource<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("McpResource")
            .field("metadata", &self.0.metadata)
            .field("rules", &self.0.rules)
            .field("site", &self.0.site)
            .field("max_body", &self.0.max_body)
            .field("authenticator", &self.0.authenticator)
            .finish_non_exhaustive()
    }
}
