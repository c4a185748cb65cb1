//! What a request without a token has in the place of one: for the log, so that nobody has to guess.

use http::header::{AUTHORIZATION, COOKIE, HeaderName};

use crate::config_error::unverified;
use crate::request::RequestHead;
use crate::request::source::{Place, TokenSource};

/// The configured sources.
#[derive(Debug)]
pub(crate) struct Sources {
    pub(crate) list: Vec<TokenSource>,
    /// All of them, for the log.
    pub(crate) in_words: Box<str>,
}

/// Header fields that proxies, gateways and clients put a token in.
static OTHER_FIELDS: [HeaderName; 7] = [
    HeaderName::from_static("x-access-token"),
    HeaderName::from_static("x-auth-token"),
    HeaderName::from_static("x-forwarded-access-token"),
    HeaderName::from_static("x-amzn-oidc-data"),
    HeaderName::from_static("x-amzn-oidc-accesstoken"),
    HeaderName::from_static("cf-access-jwt-assertion"),
    HeaderName::from_static("x-goog-iap-jwt-assertion"),
];
/// Query parameters that clients put a token in.
const OTHER_PARAMETERS: [&str; 3] = ["access_token", "token", "jwt"];
/// Where a browser says why it has not refreshed a bound login.
const SKIPPED: HeaderName = HeaderName::from_static("secure-session-skipped");
/// How many reasons are shown: there is one for each bound login.
const MAX_REASONS: usize = 4;
/// How many cookies and parameters are looked at.
const MAX_LOOKED_AT: usize = 64;

impl Sources {
    pub(crate) fn new(list: Vec<TokenSource>) -> Self {
        let in_words = list.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ").into();
        Self { list, in_words }
    }

    /// What a head in which no source holds a token has instead, and what to change. Names of the request are in it as debug
    /// text, values are not.
    pub(crate) fn nearly(&self, head: &impl RequestHead) -> Option<Box<str>> {
        let found = || self.list.iter().find_map(|source| near(source, head)).or_else(|| elsewhere(&self.list, head));
        skipped(head).or_else(|| found().map(Box::from))
    }
}

/// Why a browser has not refreshed a login that is bound to its key (Device Bound Session Credentials).
pub(crate) fn skipped(head: &impl RequestHead) -> Option<Box<str>> {
    let value = head.header_values(&SKIPPED).next()?;
    let reasons = value.split(|byte| *byte == b',').take(MAX_REASONS);
    let reasons: Vec<_> = reasons
        .map(|reason| shown(reason.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii()))
        .collect();
    Some(format!("the browser has skipped the refresh of its bound login: {}", reasons.join(", ")).into())
}

/// What is nearly a token for this source.
fn near(source: &TokenSource, head: &impl RequestHead) -> Option<String> {
    match source.place() {
        Place::Header { name: Ok(name), scheme: Some(scheme) } => {
            let value = head.header_values(name).next()?;
            Some(other_scheme(name, scheme, value))
        }
        Place::Cookie { name, .. } => cookies(head).find_map(|(other, value)| {
            if other == name.as_bytes() {
                return Some(format!("the cookie {name:?} is empty"));
            }
            let similar = is_similar(other, name.as_bytes());
            similar.then(|| {
                format!("a cookie with the name {}{}", shown(other), if value.is_empty() { ", and empty" } else { "" })
            })
        }),
        Place::Query { name } => parameters(head).find_map(|(other, _)| {
            let similar = is_similar(other.as_bytes(), name.as_bytes());
            similar.then(|| format!("a query parameter with the name {}", unverified(other)))
        }),
        Place::Header { .. } | Place::WebSocketProtocol { .. } => None,
    }
}

/// What stands where the scheme is not the expected one.
fn other_scheme(name: &HeaderName, scheme: &str, value: &[u8]) -> String {
    let field = name.as_str();
    let word = value.split(u8::is_ascii_whitespace).next().unwrap_or_default();
    let after = word.split_at_checked(scheme.len()).filter(|(start, _)| start.eq_ignore_ascii_case(scheme.as_bytes()));
    match after {
        Some((_, [separator @ (b':' | b'=' | b','), ..])) => {
            format!("`{field}` has `{}` behind {scheme:?}, where a space belongs", char::from(*separator))
        }
        _ if looks_like_jwt(word) => format!("`{field}` has a token without {scheme:?} and a space in front of it"),
        Some((_, [_, ..])) if looks_like_jwt(&word[scheme.len()..]) => {
            format!("`{field}` has no space between {scheme:?} and the token")
        }
        // What is longer or has other characters may be a secret.
        _ if word.len() <= 16
            && word.len() < value.len()
            && word.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-') =>
        {
            format!("`{field}` has the scheme {}, expected {scheme:?}", shown(word))
        }
        _ => format!("`{field}` does not begin with {scheme:?} and a space"),
    }
}

/// A token in a place that is no source, and the call that makes it one.
fn elsewhere(sources: &[TokenSource], head: &impl RequestHead) -> Option<String> {
    let bearer = head.header_values(&AUTHORIZATION).next().and_then(|value| value.split_at_checked(7));
    if bearer.is_some_and(|(scheme, _)| scheme.eq_ignore_ascii_case(b"bearer ")) {
        return Some(
            "a bearer token in `authorization`, which is no source: call `.source(TokenSource::bearer())`".into(),
        );
    }
    if let Some((name, _)) = cookies(head).find(|(_, value)| looks_like_jwt(value)) {
        return Some(format!(
            "what looks like a JWT in the cookie {0}, which is no source: call `.source(TokenSource::cookie({0}))`",
            shown(name)
        ));
    }
    let is_source = |field: &HeaderName| sources.iter().any(|source| source.header_field() == Some(field));
    for field in OTHER_FIELDS.iter().filter(|field| !is_source(field)) {
        if head.header_values(field).next().is_some_and(looks_like_jwt) {
            let field = field.as_str();
            return Some(format!(
                "what looks like a JWT in `{field}`, which is no source: call `.source(TokenSource::header({field:?}))` if nobody but a trusted proxy can set it"
            ));
        }
    }
    let parameter =
        parameters(head).find(|(name, value)| OTHER_PARAMETERS.contains(name) && looks_like_jwt(value.as_bytes()));
    parameter.map(|(name, _)| format!("what looks like a JWT in the query parameter {name:?}, which is no source"))
}

/// Three parts, of which the first begins like JSON in base64.
fn looks_like_jwt(value: &[u8]) -> bool {
    value.starts_with(b"ey") && memchr::memchr_iter(b'.', value).count() == 2
}

fn cookies(head: &impl RequestHead) -> impl Iterator<Item = (&[u8], &[u8])> {
    let pairs = head.header_values(&COOKIE).flat_map(|field| field.split(|byte| *byte == b';'));
    pairs.take(MAX_LOOKED_AT).filter_map(|pair| {
        let at = memchr::memchr(b'=', pair)?;
        Some((pair[..at].trim_ascii(), pair[at + 1..].trim_ascii()))
    })
}

fn parameters(head: &impl RequestHead) -> impl Iterator<Item = (&str, &str)> {
    head.query().unwrap_or_default().split('&').take(MAX_LOOKED_AT).filter_map(|pair| pair.split_once('='))
}

/// Whether two names differ only in what people get wrong about them: prefix, case, `-` and `_`.
fn is_similar(one: &[u8], other: &[u8]) -> bool {
    fn plain(name: &[u8]) -> impl Iterator<Item = u8> {
        let name = name.strip_prefix(b"__Host-").or(name.strip_prefix(b"__Secure-")).unwrap_or(name);
        name.iter().filter(|byte| !matches!(byte, b'-' | b'_')).map(u8::to_ascii_lowercase)
    }
    plain(one).eq(plain(other))
}

fn shown(name: &[u8]) -> String {
    unverified(&String::from_utf8_lossy(name))
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    const JWT: &str = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJzZWNyZXQifQ.c2VjcmV0";

    fn of(sources: &[TokenSource], fields: &[(&str, &str)], uri: &str) -> String {
        let request = Request::get(uri);
        let request = fields.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let nearly = Sources::new(sources.to_vec()).nearly(&request.body(()).unwrap()).unwrap_or_default();
        assert!(!nearly.contains("secret") && !nearly.contains("eyJ") && !nearly.contains('\n'), "{nearly}");
        nearly.into()
    }

    #[test]
    fn what_is_nearly_a_token_is_named_and_never_shown() {
        let sources = [TokenSource::bearer(), TokenSource::cookie("__Host-access_token"), TokenSource::query("token")];
        let authorization = |value: &str| of(&sources, &[("authorization", value)], "/");
        for (value, said) in [
            ("Basic c2VjcmV0", r#"the scheme "Basic", expected "Bearer""#),
            ("DPoP secret", r#"the scheme "DPoP""#),
            (JWT, "a token without \"Bearer\" and a space"),
            (&format!("Bearer: {JWT}"), "has `:` behind \"Bearer\""),
            (&format!("bearer={JWT}"), "has `=` behind \"Bearer\""),
            (&format!("Bearer{JWT}"), "no space between"),
            ("secret-secret-secret", "does not begin with \"Bearer\""),
            ("secretsecretsecret x", "does not begin with \"Bearer\""),
        ] {
            assert!(authorization(value).contains(said), "{value}: {}", authorization(value));
        }
        for (name, said) in [
            ("access_token", r#"the name "access_token""#),
            ("__Secure-Access-Token", r#"the name "__Secure-Access-Token""#),
            ("session", r#"TokenSource::cookie("session")"#),
        ] {
            let said_here = of(&sources, &[("cookie", &format!("a=b; {name}={JWT}"))], "/");
            assert!(said_here.contains(said), "{name}: {said_here}");
        }
        assert!(of(&sources, &[("cookie", "__Host-access_token=")], "/").contains("is empty"));
        assert!(of(&sources, &[], &format!("/?Token={JWT}")).contains(r#"the name "Token""#));
        assert!(of(&sources, &[("x-access-token", JWT)], "/").contains(r#"TokenSource::header("x-access-token")"#));
        let skipped = [("secure-session-skipped", "quota_exceeded;session_identifier=\"secret\", unreachable")];
        assert!(of(&sources, &skipped, "/").contains(r#"bound login: "quota_exceeded", "unreachable""#));
        assert!(of(&sources[..1], &[], &format!("/?jwt={JWT}")).contains(r#"the query parameter "jwt""#));
        assert!(of(&sources[1..], &[("authorization", "Bearer secret")], "/").contains("TokenSource::bearer()"));
    }

    #[test]
    fn where_there_is_nothing_like_a_token_nothing_is_said() {
        let sources = [TokenSource::bearer(), TokenSource::cookie("t")];
        for fields in [&[][..], &[("cookie", "theme=dark; a")], &[("x-access-token", "secret"), ("accept", "*/*")]] {
            assert_eq!(of(&sources, fields, "/?page=2&token=3"), "");
        }
    }
}
