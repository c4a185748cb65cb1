//! The refresh token in the cookies of a request: the one that belongs to the login of this browser.

use http::header::COOKIE;

use super::RequestHead;
use super::source::{self, TokenSource, cookie_values};
use crate::error::RequestError;
use crate::facade::tracing;

/// Where a browser has its refresh token.
///
/// A page of a neighbouring host, such as `evil.example.com` beside `app.example.com`, can set a cookie for the whole
/// domain, which the browser then sends beside or in place of ours: only the prefix `__Host-` forbids that, and such a
/// cookie goes to every path. So a cookie without the prefix has a companion with it that says which login it is of.
#[derive(Debug, Clone)]
pub(crate) struct RefreshCookie {
    pub(crate) name: Box<str>,
    pub(crate) companion: Option<Companion>,
}

/// The cookie that says which login a refresh token must be of.
#[derive(Debug, Clone)]
pub(crate) struct Companion {
    pub(crate) name: Box<str>,
    /// Whether a token is of the login that the companion names.
    pub(crate) names: fn(companion: &[u8], token: &[u8]) -> bool,
}

/// How many cookies of one name are looked at: more than browsers send of any.
const MAX_COOKIES: usize = 64;

impl RefreshCookie {
    /// All refresh tokens of a request, whoever set them.
    pub(crate) fn all<'r>(&'r self, head: &'r impl RequestHead) -> impl Iterator<Item = &'r [u8]> {
        values(head, &self.name)
    }

    /// The one refresh token that is of this browser's login, whatever else is there.
    pub(crate) fn find<'r>(&'r self, head: &'r impl RequestHead) -> Result<Option<&'r [u8]>, RequestError> {
        let Some(companion) = &self.companion else {
            let source = [TokenSource::cookie(&*self.name)];
            return Ok(source::extract(&source, false, head)?.map(|found| found.token));
        };
        let login = one(values(head, &companion.name))?;
        let found = one(self.all(head).filter(|token| login.is_some_and(|login| (companion.names)(login, token))))?;
        if found.is_none() && self.all(head).next().is_some() {
            tracing::warn!(
                target: "jwt",
                cookie = &*self.name,
                companion = &*companion.name,
                "a refresh token that is not of this browser's login is ignored: a page of a neighbouring host may have set it"
            );
        }
        Ok(found)
    }
}

fn values<'r>(head: &'r impl RequestHead, name: &'r str) -> impl Iterator<Item = &'r [u8]> {
    let values = head.header_values(&COOKIE).flat_map(move |header| cookie_values(header, name));
    values.filter(|value| !value.is_empty()).take(MAX_COOKIES)
}

/// The one value; several that are equal are one.
fn one<'r>(mut values: impl Iterator<Item = &'r [u8]>) -> Result<Option<&'r [u8]>, RequestError> {
    let first = values.next();
    match first {
        Some(first) if values.any(|value| value != first) => Err(RequestError::Repeated),
        _ => Ok(first),
    }
}
