//! What caches between service and client are told, and the cookies of a renewed login.

use std::sync::Arc;

use http::HeaderValue;
use http::header::{AUTHORIZATION, CACHE_CONTROL, HeaderName, SET_COOKIE, VARY};

use crate::request::source::TokenSource;

/// RFC 9449 §8.1.
pub(crate) const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// What keeps a cache between service and client from showing one user's answer to another, and the cookies of a login
/// that was renewed on the way. For adapters.
///
/// A shared cache leaves answers to requests with `Authorization` alone (RFC 9111 §3.5), and knows nothing of that kind
/// about cookies, other fields and queries.
#[derive(Debug, Clone)]
pub struct ResponseHeaders {
    /// The fields of a request that decide who is asking.
    vary: Option<HeaderValue>,
    /// Whether a token may come by another way than `Authorization`.
    private: bool,
    /// Cookies to be set.
    cookies: Cookies,
    /// What the next proof of the client has to have in it (RFC 9449 §8.2).
    nonce: Option<HeaderValue>,
}

/// The values of `Set-Cookie` that a response needs, mostly none.
#[derive(Debug, Clone)]
pub(crate) struct Cookies(Option<Arc<[HeaderValue]>>);

impl Cookies {
    pub(crate) const NONE: Self = Self(None);

    pub(crate) fn new(cookies: impl IntoIterator<Item = HeaderValue>) -> Self {
        Self(Some(cookies.into_iter().collect()))
    }

    fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    fn values(&self) -> &[HeaderValue] {
        self.0.as_deref().unwrap_or_default()
    }
}

impl ResponseHeaders {
    /// `None` where no cache has to be told anything.
    pub(crate) fn of(sources: &[TokenSource], optional: bool) -> Option<Arc<Self>> {
        let private = !sources.iter().all(|source| source.header_field() == Some(&AUTHORIZATION));
        if !private && !optional {
            return None;
        }
        let mut names: Vec<&str> = Vec::new();
        for name in sources.iter().filter_map(TokenSource::header_field).map(HeaderName::as_str) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let vary = (!names.is_empty()).then(|| HeaderValue::try_from(names.join(", ")).ok()).flatten();
        Some(Arc::new(Self { vary, private, cookies: Cookies::NONE, nonce: None }))
    }

    /// What a response needs that sets these cookies and brings this nonce as well.
    #[inline]
    pub(crate) fn with(headers: Option<&Arc<Self>>, cookies: Cookies, nonce: Option<HeaderValue>) -> Option<Arc<Self>> {
        if cookies.is_empty() && nonce.is_none() {
            return headers.cloned();
        }
        let vary = headers.and_then(|headers| headers.vary.clone());
        Some(Arc::new(Self { vary, private: true, cookies, nonce }))
    }

    /// Adds to a response what it needs. A `Cache-Control` that the response has stays, since the application knows; but
    /// not where cookies are set, which are this client's alone. Other fields are added to those that are there.
    ///
    /// The cookies of a renewed login belong together. Where the response sets or clears one of them itself, such as at a
    /// logout, none is added.
    pub fn apply(&self, response: &mut impl HeaderFields) {
        if let Some(vary) = &self.vary {
            response.append(VARY, vary.clone());
        }
        if let Some(nonce) = &self.nonce {
            response.insert(DPOP_NONCE, nonce.clone());
        }
        let has_cache_control = response.values(&CACHE_CONTROL).next().is_some();
        if !self.cookies.is_empty() {
            response.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        } else if self.private && !has_cache_control {
            response.insert(CACHE_CONTROL, HeaderValue::from_static("private"));
        }
        if self.cookies.values().iter().any(|cookie| sets(response, name_of(cookie.as_bytes()))) {
            return;
        }
        for cookie in self.cookies.values() {
            response.append(SET_COOKIE, cookie.clone());
        }
    }
}

/// The name in a `Set-Cookie` (RFC 6265 §5.2).
fn name_of(cookie: &[u8]) -> &[u8] {
    let end = memchr::memchr2(b'=', b';', cookie).unwrap_or(cookie.len());
    cookie[..end].trim_ascii()
}

/// Whether a response sets or clears the cookie of that name.
fn sets(response: &impl HeaderFields, name: &[u8]) -> bool {
    response.values(&SET_COOKIE).any(|cookie| name_of(cookie) == name)
}

/// The header fields of a response, in whichever type a framework has them. Implemented here for [`http::HeaderMap`].
pub trait HeaderFields {
    /// The values of every field of that name, in their order.
    fn values<'a>(&'a self, name: &HeaderName) -> impl Iterator<Item = &'a [u8]>;

    /// Sets a field, in place of those of its name.
    fn insert(&mut self, name: HeaderName, value: HeaderValue);

    /// Adds a field to those of its name.
    fn append(&mut self, name: HeaderName, value: HeaderValue);
}

impl HeaderFields for http::HeaderMap {
    fn values<'a>(&'a self, name: &HeaderName) -> impl Iterator<Item = &'a [u8]> {
        self.get_all(name).into_iter().map(HeaderValue::as_bytes)
    }

    fn insert(&mut self, name: HeaderName, value: HeaderValue) {
        Self::insert(self, name, value);
    }

    fn append(&mut self, name: HeaderName, value: HeaderValue) {
        Self::append(self, name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(sources: &[TokenSource], optional: bool, has_cache_control: bool) -> Vec<String> {
        let mut response = http::HeaderMap::new();
        if has_cache_control {
            response.insert(CACHE_CONTROL, HeaderValue::from_static("max-age=60"));
        }
        if let Some(headers) = ResponseHeaders::of(sources, optional) {
            headers.apply(&mut response);
        }
        let fields = response.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()));
        let mut fields: Vec<String> = fields.filter(|field| field != "cache-control: max-age=60").collect();
        fields.sort_unstable_by(|one, other| other.cmp(one));
        fields
    }

    #[test]
    fn a_cache_is_told_only_what_it_does_not_know() {
        let bearer = TokenSource::bearer;
        assert!(fields(&[bearer()], false, false).is_empty());
        assert_eq!(fields(&[bearer()], true, false), ["vary: authorization"]);
        let both = [bearer(), TokenSource::cookie("a"), TokenSource::cookie("b")];
        assert_eq!(fields(&both, false, false), ["vary: authorization, cookie", "cache-control: private"]);
        assert_eq!(fields(&both, false, true), ["vary: authorization, cookie"]);
        assert_eq!(fields(&[TokenSource::query("t")], false, false), ["cache-control: private"]);
        let field = [TokenSource::header("x-token")];
        assert_eq!(fields(&field, true, false), ["vary: x-token", "cache-control: private"]);
    }

    #[test]
    fn what_the_response_says_of_a_login_counts_for_all_its_cookies() {
        let cookies = ["a=1; Path=/", "b=2"].map(HeaderValue::from_static);
        let headers = ResponseHeaders::with(None, Cookies::new(cookies), None).unwrap();
        for (own, added) in [("a=; Max-Age=0", 0), (" b = 3", 0), ("b", 0), ("ab=1", 2), ("c=a=1", 2), ("A=1", 2)] {
            let mut response = http::HeaderMap::new();
            response.insert(SET_COOKIE, HeaderValue::from_static(own));
            headers.apply(&mut response);
            assert_eq!(response.get_all(SET_COOKIE).iter().count(), 1 + added, "{own}");
            assert_eq!(response[CACHE_CONTROL], "no-store", "{own}");
        }
    }

    #[test]
    fn a_response_that_sets_cookies_is_stored_by_nobody() {
        let cookies = ["a=1", "b=2"].map(HeaderValue::from_static);
        let headers = ResponseHeaders::with(None, Cookies::new(cookies), None).unwrap();
        let mut response = http::HeaderMap::new();
        response.insert(CACHE_CONTROL, HeaderValue::from_static("max-age=60"));
        response.insert(SET_COOKIE, HeaderValue::from_static("c=3"));
        headers.apply(&mut response);
        assert_eq!(response[CACHE_CONTROL], "no-store");
        assert_eq!(response.get_all(SET_COOKIE).iter().collect::<Vec<_>>(), ["c=3", "a=1", "b=2"]);
    }
}
