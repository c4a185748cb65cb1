use std::sync::Arc;

use http::HeaderValue;
use http::header::{AUTHORIZATION, CACHE_CONTROL, HeaderName, SET_COOKIE, VARY};

use crate::request::source::TokenSource;

/// What keeps a cache between service and client from showing one user's answer to another, and the cookies of a login
/// that was renewed on the way. For adapters.
///
/// A shared cache leaves answers to requests with `Authorization` alone (RFC 9111 §3.5), and knows nothing of that kind
/// about cookies, other fields and queries.
#[derive(Debug, Clone)]
pub struct Caching {
    /// The fields of a request that decide who is asking.
    vary: Option<HeaderValue>,
    /// Whether a token may come by another way than `Authorization`.
    private: bool,
    /// Cookies to be set.
    cookies: Cookies,
}

/// The values of `Set-Cookie` that a response needs, mostly none.
#[derive(Debug, Clone)]
pub(crate) struct Cookies(Option<Arc<[HeaderValue]>>);

impl Cookies {
    pub(crate) const NONE: Self = Self(None);

    #[cfg(feature = "login")]
    pub(crate) fn of(headers: &http::HeaderMap) -> Self {
        Self(Some(headers.get_all(SET_COOKIE).iter().cloned().collect()))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    pub(crate) fn fields(&self) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        self.0.iter().flat_map(|cookies| cookies.iter()).map(|cookie| (SET_COOKIE, cookie.clone()))
    }
}

impl Caching {
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
        Some(Arc::new(Self { vary, private, cookies: Cookies::NONE }))
    }

    /// What a response needs that sets these cookies as well.
    pub(crate) fn with_cookies(caching: Option<&Arc<Self>>, cookies: Cookies) -> Option<Arc<Self>> {
        if cookies.is_empty() {
            return caching.cloned();
        }
        let vary = caching.and_then(|caching| caching.vary.clone());
        Some(Arc::new(Self { vary, private: true, cookies }))
    }

    /// The fields that a response needs beside its own. A `Cache-Control` among them takes the place of the response's,
    /// the others stand beside what is there. A response that has a `Cache-Control` keeps it, since the application
    /// knows; but not where cookies are set, which are nobody's but this client's.
    pub fn fields(&self, has_cache_control: bool) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        let cache_control = match (self.cookies.is_empty(), self.private && !has_cache_control) {
            (false, _) => Some("no-store"),
            (true, true) => Some("private"),
            (true, false) => None,
        };
        let cache_control = cache_control.map(|value| (CACHE_CONTROL, HeaderValue::from_static(value)));
        self.vary.iter().map(|vary| (VARY, vary.clone())).chain(cache_control).chain(self.cookies.fields())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(sources: &[TokenSource], optional: bool, has_cache_control: bool) -> Vec<String> {
        let caching = Caching::of(sources, optional);
        let fields = caching.iter().flat_map(|caching| caching.fields(has_cache_control));
        fields.map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect()
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
}
