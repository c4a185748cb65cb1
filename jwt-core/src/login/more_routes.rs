//! Routes beside those that refresh and end logins: a port for what is behind features.

use std::fmt;
use std::future::ready;
use std::pin::Pin;

use http::header::{CONTENT_TYPE, COOKIE, HOST, USER_AGENT};
use http::{HeaderName, HeaderValue, Request, Response};

use super::options::{LoginOptions, Origin};
use super::{BodyError, LoginError, Logins};
use crate::request::RequestHead;
use crate::session::opaque::OpaqueToken;
use crate::session::sign_in::SignIn;

/// Routes below the path of the routes.
pub(super) trait MoreRoutes: fmt::Debug + Send + Sync {
    /// What the routes are told apart by, for an error.
    fn name(&self) -> &str;

    /// Whether they are of a provider, which has a name in the paths and needs a public origin.
    fn is_provider(&self) -> bool {
        true
    }

    /// What a login in cookies begins with.
    fn begin(&self, _options: &mut LoginOptions) -> Result<(), LoginError> {
        Ok(())
    }

    /// What a browser is offered with the cookies of a new login.
    fn offer(
        &self,
        _logins: &Logins,
        _token: &OpaqueToken,
        _options: &LoginOptions,
    ) -> Option<(HeaderName, HeaderValue)> {
        None
    }

    /// The methods of a route, by its path below that of the routes; `None` where it is none of these.
    fn methods(&self, path: &str) -> Option<&'static str>;

    fn respond<'r>(&'r self, logins: &'r Logins, request: MoreRequest<'r>) -> Responding<'r>;

    /// Whether they have something to say to a login that goes on, or ends.
    fn follows_logins(&self) -> bool {
        false
    }

    /// The login as its provider has it today, where that is not known; `None` where there is nothing new.
    fn today<'r>(&'r self, _logins: &'r Logins, _login: &'r SignIn, _options: &'r LoginOptions) -> Today<'r> {
        Box::pin(ready(Ok(None)))
    }

    /// A login has ended, or is about to: gives back what is kept for it, without waiting.
    fn forget(&self, _login: &SignIn) {}

    /// Where a browser goes on that has ended a login of this origin, on the way to `page` of this host.
    fn after_log_out<'r>(&'r self, origin: &'r Origin, page: &'r str) -> GoingOn<'r>;
}

pub(super) type Responding<'r> = Pin<Box<dyn Future<Output = Response<String>> + Send + 'r>>;
pub(super) type Today<'r> = Pin<Box<dyn Future<Output = Result<Option<SignIn>, LoginError>> + Send + 'r>>;
pub(super) type GoingOn<'r> = Pin<Box<dyn Future<Output = Option<HeaderValue>> + Send + 'r>>;

/// A request to one of these routes: what they need of its head.
pub(super) struct MoreRequest<'r> {
    pub(super) head: Request<()>,
    #[allow(dead_code, reason = "for the feature `oidc`")]
    pub(super) body: Result<&'r [u8], BodyError>,
}

/// All that is read of a head behind the port.
const READ: [HeaderName; 7] = [
    CONTENT_TYPE,
    COOKIE,
    HOST,
    USER_AGENT,
    HeaderName::from_static("sec-fetch-mode"),
    HeaderName::from_static("secure-session-response"),
    HeaderName::from_static("sec-secure-session-id"),
];

impl<'r> MoreRequest<'r> {
    /// `None` for a head that no request can have.
    pub(super) fn new(head: &impl RequestHead, body: Result<&'r [u8], BodyError>) -> Option<Self> {
        let target = match head.query() {
            Some(query) => format!("{}?{query}", head.path()),
            None => head.path().to_owned(),
        };
        let mut copy = Request::builder().method(head.method()).uri(target).body(()).ok()?;
        for name in READ {
            for value in head.header_values(&name) {
                copy.headers_mut().append(&name, HeaderValue::from_bytes(value).ok()?);
            }
        }
        if let (false, Some(authority)) = (copy.headers().contains_key(HOST), head.authority()) {
            copy.headers_mut().insert(HOST, HeaderValue::try_from(authority).ok()?);
        }
        Some(Self { head: copy, body })
    }
}
