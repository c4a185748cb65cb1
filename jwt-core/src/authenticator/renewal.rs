//! Who renews a login that has run out, while a request waits: the port that `login` fills.

use std::pin::Pin;
use std::sync::Arc;

use http::HeaderValue;

use crate::request::RequestHead;
use crate::request::cross_site::CrossSite;
use crate::request::refresh_cookie::RefreshCookie;

/// How logins are renewed, and by which requests.
#[derive(Clone)]
pub(crate) struct Renewal {
    /// Where the refresh token is.
    pub(crate) cookie: RefreshCookie,
    /// Which pages may have made the request.
    pub(crate) cross_site: CrossSite,
    pub(crate) renew: Arc<dyn Renew>,
}

/// Trades refresh tokens for logins.
pub(crate) trait Renew: Send + Sync {
    fn renew(&self, refresh_token: Box<[u8]>) -> Renewing<'_>;
}

pub(crate) type Renewing<'a> = Pin<Box<dyn Future<Output = Result<Renewed, NotRenewed>> + Send + 'a>>;

/// A login that was renewed.
pub(crate) struct Renewed {
    pub(crate) access_token: String,
    pub(crate) cookies: Vec<HeaderValue>,
}

pub(crate) enum NotRenewed {
    /// The login has ended. What makes the browser forget it.
    Refused { cookies: Vec<HeaderValue> },
    /// It is not known whether it has.
    Unavailable,
}

impl Renewal {
    /// The refresh token of a request that may be renewed, if it has one.
    pub(super) fn refresh_token<'r>(
        &'r self,
        head: &'r impl RequestHead,
    ) -> Result<Option<&'r [u8]>, crate::error::RequestError> {
        if !self.cross_site.may_renew(head) {
            return Ok(None);
        }
        self.cookie.find(head)
    }
}
