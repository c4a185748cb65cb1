use std::sync::Arc;

use http::HeaderValue;
use http::header::{AUTHORIZATION, CACHE_CONTROL, HeaderName, VARY};

use crate::source::TokenSource;

/// What keeps a cache between service and client from showing one user's answer to another. For adapters.
///
/// A shared cache leaves answers to requests with `Authorization` alone (RFC 9111 §3.5), and knows nothing of that kind
/// about cookies, other fields and queries.
#[derive(Debug, Clone)]
pub struct Caching {
    /// The fields of a request that decide who is asking.
    vary: Option<HeaderValue>,
    /// Whether a token may come by another way than `Authorization`.
    private: bool,
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
        Some(Arc::new(Self { vary, private }))
    }

    /// The fields that a response needs beside its own. One that has a `Cache-Control` keeps it: the application knows.
    pub fn fields(&self, has_cache_control: bool) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        let private =
            (self.private && !has_cache_control).then(|| (CACHE_CONTROL, HeaderValue::from_static("private")));
        self.vary.iter().map(|vary| (VARY, vary.clone())).chain(private)
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
