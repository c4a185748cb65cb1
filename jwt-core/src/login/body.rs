//! What the body of a request to one of the ready routes may be.

use http::header::CONTENT_TYPE;
use serde::Deserialize;

use crate::config_error::debug_as_display;
use crate::request::RequestHead;

/// Why the body of a request is not read.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BodyError {
    /// It is longer than [`LoginRoute::MAX_BODY`](super::LoginRoute::MAX_BODY): 413.
    #[error("the body is longer than the 8 KiB that a refresh token needs at most")]
    TooLong,
    /// It broke off: 400.
    #[error("the body broke off")]
    Broken,
    /// It is not the JSON that is expected: 400.
    #[error("the body is not `{{\"refresh_token\": \"…\"}}`")]
    Json,
    /// Its `Content-Type` is another one, or is there twice: 415.
    #[error(
        "the body is neither a form nor JSON: send it as `Content-Type: application/json`, or no body where the token is in a cookie"
    )]
    MediaType,
}

debug_as_display!(BodyError);

/// What a request says that its body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Media {
    /// Nothing.
    Unsaid,
    /// What only the forms of a page send by themselves, also with an empty body (HTML §4.10.21.8).
    Form,
    Json,
    Other,
}

impl Media {
    pub(super) fn of(head: &impl RequestHead) -> Result<Self, BodyError> {
        let mut values = head.header_values(&CONTENT_TYPE);
        let Some(value) = values.next() else { return Ok(Self::Unsaid) };
        if values.next().is_some() {
            return Err(BodyError::MediaType);
        }
        let media = value.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        let is = |name: &str| media.eq_ignore_ascii_case(name.as_bytes());
        Ok(match () {
            () if is("application/json") => Self::Json,
            () if is("application/x-www-form-urlencoded") || is("multipart/form-data") || is("text/plain") => {
                Self::Form
            }
            () => Self::Other,
        })
    }
}

/// Who sends a request, as far as it says so.
pub(super) enum Sender {
    /// The form of a page, which wants to go on to another page.
    Form,
    /// A script of a page, or whoever else has no refresh token in the body.
    Script,
    /// A client that has its refresh token in the body.
    Client(RefreshRequest),
}

/// No `Debug`: it holds a token.
#[derive(Deserialize)]
pub(super) struct RefreshRequest {
    pub(super) refresh_token: String,
}

impl Sender {
    pub(super) fn of(head: &impl RequestHead, body: Result<&[u8], BodyError>) -> Result<Self, BodyError> {
        let (media, body) = (Media::of(head)?, body?);
        let empty = body.trim_ascii().is_empty();
        match media {
            Media::Form => Ok(Self::Form),
            Media::Unsaid | Media::Json | Media::Other if empty => Ok(Self::Script),
            Media::Json => serde_json::from_slice(body).map(Self::Client).map_err(|_| BodyError::Json),
            Media::Unsaid | Media::Other => Err(BodyError::MediaType),
        }
    }
}
