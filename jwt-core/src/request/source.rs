//! Where in a request a token is looked for, and the credential that is found there.

use std::borrow::Cow;
use std::fmt;

use http::header::{AUTHORIZATION, COOKIE, HeaderName, SEC_WEBSOCKET_PROTOCOL};

use crate::error::{AuthenticatorBuildError, RequestError};
use crate::request::RequestHead;

/// RFC 6750 §2.1.
const BEARER: &str = "Bearer";
/// RFC 9449 §7.1.
const DPOP: &str = "DPoP";

/// A place in a request where a token may stand.
///
/// Any combination can be configured, each place once. There is no precedence to remember: a request that carries
/// tokens in two configured places is refused, even when they are equal (RFC 6750 §2), and so is one that repeats
/// a place. A place that is not configured is not looked at.
/// [`dangerous_allow_several_tokens`](crate::AuthenticatorBuilder::dangerous_allow_several_tokens) makes the order of the
/// places one of precedence.
///
/// ```
/// use jwt_core::TokenSource;
///
/// let sources = [
///     TokenSource::bearer(),                                   // Authorization: Bearer <token>
///     TokenSource::cookie("__Host-access_token"),              // Cookie: __Host-access_token=<token>
///     TokenSource::header("x-forwarded-access-token"),         // X-Forwarded-Access-Token: <token>
///     TokenSource::header_with_scheme("x-api-auth", "Token"),  // X-Api-Auth: Token <token>
///     TokenSource::query("access_token"),                      // ?access_token=<token>, the last resort
/// ];
/// # let _ = sources;
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenSource(Place);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    Header {
        /// Or the text that no header field can be named.
        name: Result<HeaderName, String>,
        scheme: Option<Cow<'static, str>>,
    },
    Cookie {
        name: String,
        /// Quotes around the value and a scheme in front of the token are taken off.
        lenient: bool,
    },
    Query {
        name: String,
    },
    WebSocketProtocol {
        prefix: String,
    },
}

impl TokenSource {
    /// `Authorization: Bearer <token>` (RFC 6750 §2.1), the scheme without regard to case. The default.
    ///
    /// Or `Authorization: DPoP <token>` beside a proof in the field `DPoP` (RFC 9449 §7.1), for tokens that are bound to a key.
    /// Credentials of another scheme hold no token for this source.
    pub const fn bearer() -> Self {
        Self(Place::Header { name: Ok(AUTHORIZATION), scheme: Some(Cow::Borrowed(BEARER)) })
    }

    /// Whether tokens under the scheme `DPoP` are looked for as well: where a bearer token would be.
    pub(crate) fn is_bearer(&self) -> bool {
        *self == Self::bearer()
    }

    /// The cookie of exactly that name: byte for byte, nothing decoded, nothing folded. Prefer a `__Host-` name.
    ///
    /// A cookie without a value holds no token. **A cookie is sent by the browser without being asked**, so requests
    /// that change something are looked at for where they come from; see
    /// [`trusted_origin`](crate::AuthenticatorBuilder::trusted_origin).
    pub fn cookie(name: impl Into<String>) -> Self {
        Self(Place::Cookie { name: name.into(), lenient: false })
    }

    /// The same for a cookie that somebody else writes, whose value may have double quotes around it, and `Bearer` and a
    /// space, or `%20` for that, in front of the token. Frameworks that set `Bearer <token>` as a value write it so. A plain
    /// value is taken as well.
    pub fn lenient_cookie(name: impl Into<String>) -> Self {
        Self(Place::Cookie { name: name.into(), lenient: true })
    }

    /// A header field that holds the bare token. Only for a header that nobody but a trusted proxy can set, or that
    /// a browser never sends by itself.
    pub fn header(name: impl AsRef<str>) -> Self {
        Self(Place::Header { name: header_name(name.as_ref()), scheme: None })
    }

    /// A header field that holds a scheme, spaces, and the token, like [`bearer`](Self::bearer) under other names.
    pub fn header_with_scheme(name: impl AsRef<str>, scheme: impl Into<String>) -> Self {
        Self(Place::Header { name: header_name(name.as_ref()), scheme: Some(Cow::Owned(scheme.into())) })
    }

    /// The query parameter of exactly that name: the last resort of RFC 6750 §2.3.
    ///
    /// Addresses are kept in histories, logs and `Referer` headers, so a token in one is soon a shared token. For
    /// clients that can set neither header nor cookie (a download link, an `EventSource`), with a token that lives
    /// for seconds.
    pub fn query(name: impl Into<String>) -> Self {
        Self(Place::Query { name: name.into() })
    }

    /// The field of a request that it looks at.
    pub(crate) fn header_field(&self) -> Option<&HeaderName> {
        match &self.0 {
            Place::Header { name, .. } => name.as_ref().ok(),
            Place::Cookie { .. } => Some(&COOKIE),
            Place::Query { .. } => None,
            Place::WebSocketProtocol { .. } => Some(&SEC_WEBSOCKET_PROTOCOL),
        }
    }

    /// The subprotocol of a WebSocket handshake that begins with that prefix, without it: for browsers, whose
    /// `WebSocket` can set no header field but `Sec-WebSocket-Protocol` (RFC 6455 §11.3.4).
    ///
    /// `TokenSource::websocket_protocol("bearer.")` is for `new WebSocket(url, ["chat", "bearer." + token])`. The server
    /// must select the other one, `chat`: a browser closes the connection where none is selected, and the token has no
    /// business in an answer. A page of another site cannot know the token, so no check of the origin is needed.
    pub fn websocket_protocol(prefix: impl Into<String>) -> Self {
        Self(Place::WebSocketProtocol { prefix: prefix.into() })
    }

    pub(crate) fn place(&self) -> &Place {
        &self.0
    }

    pub(crate) fn check(&self) -> Result<(), AuthenticatorBuildError> {
        let is_token = |name: &str| HeaderName::from_bytes(name.as_bytes()).is_ok();
        let valid = match &self.0 {
            Place::Header { name, scheme } => name.is_ok() && scheme.as_deref().is_none_or(is_token),
            Place::Cookie { name, .. } => is_token(name),
            Place::WebSocketProtocol { prefix } => is_token(prefix),
            Place::Query { name } => {
                !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b))
            }
        };
        if valid { Ok(()) } else { Err(AuthenticatorBuildError::SourceName { token_source: self.to_string().into() }) }
    }

    fn find<'r>(&self, head: &'r impl RequestHead) -> Result<Option<&'r [u8]>, RequestError> {
        match &self.0 {
            Place::Header { name, scheme } => {
                let Ok(name) = name else { return Ok(None) };
                let Some(value) = only(head.header_values(name))? else { return Ok(None) };
                match scheme {
                    Some(scheme) => after_scheme(value, scheme),
                    None => credentials(value).map(Some),
                }
            }
            Place::Cookie { name, lenient } => {
                let values = head.header_values(&COOKIE).flat_map(|header| cookie_values(header, name));
                let Some(value) = only(values)? else { return Ok(None) };
                match if *lenient { crate::request::cookie_value::undecorated(value) } else { value } {
                    [] => Ok(None),
                    [b'"', ..] => Err(RequestError::Malformed),
                    value => Ok(Some(value)),
                }
            }
            Place::Query { name } => {
                let values = head.query().unwrap_or_default().split('&').filter_map(|pair| {
                    let (key, value) = pair.split_once('=')?;
                    (key == name).then_some(value.as_bytes())
                });
                Ok(only(values)?.filter(|value| !value.is_empty()))
            }
            Place::WebSocketProtocol { prefix } => {
                // A list, in one field or in several (RFC 9110 §5.3). Subprotocols compare byte for byte.
                let entries = head.header_values(&SEC_WEBSOCKET_PROTOCOL).flat_map(|value| value.split(|b| *b == b','));
                let tokens = entries.filter_map(|entry| entry.trim_ascii().strip_prefix(prefix.as_bytes()));
                only(tokens)?.map(credentials).transpose()
            }
        }
    }
}

fn header_name(text: &str) -> Result<HeaderName, String> {
    text.parse().map_err(|_| text.to_owned())
}

impl fmt::Display for TokenSource {
    /// In words, for errors and for the log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Header { name, scheme } => {
                let name = name.as_ref().map_or_else(String::as_str, HeaderName::as_str);
                match scheme {
                    Some(scheme) => write!(f, "the header field {name:?} with the scheme {scheme:?}"),
                    None => write!(f, "the header field {name:?}"),
                }
            }
            Place::Cookie { name, .. } => write!(f, "the cookie {name:?}"),
            Place::Query { name } => write!(f, "the query parameter {name:?}"),
            Place::WebSocketProtocol { prefix } => write!(f, "the WebSocket subprotocol {prefix:?}"),
        }
    }
}

/// How a token came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presented {
    /// By itself: whoever holds it may use it.
    Bare,
    /// Under the scheme `DPoP`, beside a proof (RFC 9449 §7.1).
    WithProof,
    /// In a cookie: a browser sends it by itself, whoever made the page that asks for the request.
    InCookie,
}

/// A token, and how it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Credential<'r> {
    pub(crate) token: &'r [u8],
    pub(crate) presented: Presented,
}

/// The one credential of a request, from whichever source; the first one where `first_counts`.
pub(crate) fn extract<'r>(
    sources: &[TokenSource],
    first_counts: bool,
    head: &'r impl RequestHead,
) -> Result<Option<Credential<'r>>, RequestError> {
    let mut found = None;
    for source in sources {
        let presented = if let Place::Cookie { .. } = source.0 { Presented::InCookie } else { Presented::Bare };
        let credential = match source.find(head)? {
            Some(token) => Some(Credential { token, presented }),
            None if source.is_bearer() => with_proof(head)?,
            None => None,
        };
        if credential.is_some() {
            if found.is_some() {
                return Err(RequestError::SeveralSources);
            }
            found = credential;
            if first_counts {
                break;
            }
        }
    }
    Ok(found)
}

/// The token under the scheme `DPoP`, which stands where a bearer token does.
fn with_proof(head: &impl RequestHead) -> Result<Option<Credential<'_>>, RequestError> {
    let Some(value) = only(head.header_values(&AUTHORIZATION))? else { return Ok(None) };
    let token = after_scheme(value, DPOP)?;
    Ok(token.map(|token| Credential { token, presented: Presented::WithProof }))
}

/// Whether the token of a request comes under the scheme `DPoP`.
pub(crate) fn is_with_proof(head: &impl RequestHead) -> bool {
    matches!(with_proof(head), Ok(Some(_)) | Err(RequestError::Malformed))
}

/// Every token in `Authorization` and every cookie of that name, however many there are: for what ends logins, and refuses
/// nothing.
#[allow(dead_code, reason = "for the feature `login`")]
pub(crate) fn all<'r>(head: &'r impl RequestHead, cookie: &'r str) -> impl Iterator<Item = Credential<'r>> {
    let fields = head.header_values(&AUTHORIZATION);
    let bare = fields.flat_map(|value| [BEARER, DPOP].map(|scheme| after_scheme(value, scheme).ok().flatten()));
    let bare = bare.flatten().map(|token| Credential { token, presented: Presented::Bare });
    let cookies = head.header_values(&COOKIE).flat_map(move |header| cookie_values(header, cookie));
    let cookies = cookies.filter(|token| !token.is_empty());
    bare.chain(cookies.map(|token| Credential { token, presented: Presented::InCookie }))
}

/// The one item; none is fine, two are not.
fn only<'r>(mut items: impl Iterator<Item = &'r [u8]>) -> Result<Option<&'r [u8]>, RequestError> {
    let first = items.next();
    if first.is_some() && items.next().is_some() {
        return Err(RequestError::Repeated);
    }
    Ok(first)
}

/// `scheme 1*SP token` (RFC 9110 §11.4); `None` for another scheme.
fn after_scheme<'r>(value: &'r [u8], scheme: &str) -> Result<Option<&'r [u8]>, RequestError> {
    let Some((name, rest)) = value.split_at_checked(scheme.len()) else { return Ok(None) };
    // Equal as it stands, nearly always, which is found out sooner.
    if name != scheme.as_bytes() && !name.eq_ignore_ascii_case(scheme.as_bytes()) {
        return Ok(None);
    }
    match rest {
        // The name of the scheme alone, or separated from its token by something that is no space.
        [] | [b'\t', ..] => Err(RequestError::Malformed),
        [b' ', ..] => {
            let spaces = rest.iter().take_while(|byte| **byte == b' ').count();
            credentials(&rest[spaces..]).map(Some)
        }
        // The name of a scheme that only begins like this one.
        _ => Ok(None),
    }
}

/// A single token. Whether its characters are those of a token is for the verifier to say; what is refused here is
/// a list of credentials, because another reader of the same header may pick another one of them.
fn credentials(value: &[u8]) -> Result<&[u8], RequestError> {
    if value.is_empty() || memchr::memchr3(b' ', b'\t', b',', value).is_some() {
        return Err(RequestError::Malformed);
    }
    Ok(value)
}

/// The values of the cookies of exactly that name (RFC 6265 §5.4). `;` always ends a cookie, quoted or not.
pub(crate) fn cookie_values<'r>(header: &'r [u8], name: &str) -> impl Iterator<Item = &'r [u8]> {
    header.split(|b| *b == b';').filter_map(move |pair| {
        // Deliberately not decoded, folded or trimmed any further: whatever else is done to a name lets one cookie
        // pass for another.
        let rest = pair.trim_ascii().strip_prefix(name.as_bytes())?;
        rest.strip_prefix(b"=")
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn request(fields: &[(&str, &str)], target: &str) -> http::Request<()> {
        let mut request = http::Request::builder().uri(target);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap()
    }

    fn find(sources: &[TokenSource], fields: &[(&str, &str)]) -> Result<Option<String>, RequestError> {
        let request = request(fields, "/");
        extract(sources, false, &request)
            .map(|found| found.map(|found| String::from_utf8(found.token.to_vec()).unwrap()))
    }

    #[test]
    fn the_scheme_is_read_without_regard_to_case_and_with_any_number_of_spaces() {
        for value in ["Bearer a.b.c", "bearer a.b.c", "BEARER a.b.c", "BeArEr    a.b.c"] {
            assert_eq!(
                find(&[TokenSource::bearer()], &[("authorization", value)]),
                Ok(Some("a.b.c".into())),
                "{value}"
            );
        }
    }

    #[test]
    fn another_scheme_holds_no_token() {
        for value in ["Basic dXNlcjpwYXNz", "Bearerx a.b.c", "Bear", "Bearer.a.b.c", "DPoPx a.b.c", "Token a.b.c", ""] {
            assert_eq!(find(&[TokenSource::bearer()], &[("authorization", value)]), Ok(None), "{value}");
        }
    }

    #[test]
    fn a_scheme_without_exactly_one_token_is_malformed() {
        for value in [
            "Bearer",
            "Bearer ",
            "Bearer\ta.b.c",
            "Bearer \ta.b.c",
            "Bearer  \t a.b.c",
            "Bearer a.b.c\t",
            "Bearer a.b.c d.e.f",
            "Bearer a.b.c,",
            "Bearer a, Bearer b",
        ] {
            assert_eq!(
                find(&[TokenSource::bearer()], &[("authorization", value)]),
                Err(RequestError::Malformed),
                "{value}"
            );
        }
    }

    #[test]
    fn two_authorization_fields_are_refused_whatever_they_hold() {
        let fields = [("authorization", "Bearer a.b.c"), ("authorization", "Basic dXNlcjpwYXNz")];
        assert_eq!(find(&[TokenSource::bearer()], &fields), Err(RequestError::Repeated));
    }

    #[test]
    fn a_cookie_named_alike_is_another_cookie() {
        let cookies =
            "xaccess_token=1; access_tokenX=2; Access_Token=3; access%5Ftoken=4; access_token =5; access_token";
        assert_eq!(find(&[TokenSource::cookie("access_token")], &[("cookie", cookies)]), Ok(None));
    }

    #[test]
    fn a_cookie_is_found_among_others_and_across_fields() {
        for fields in [
            &[("cookie", "access_token=a.b.c")][..],
            &[("cookie", "theme=dark; access_token=a.b.c; lang=en")],
            &[("cookie", "theme=dark;access_token=a.b.c")],
            &[("cookie", "theme=dark"), ("cookie", "access_token=a.b.c")],
            &[("cookie", "quoted=\"x; access_token=a.b.c; y\"")],
        ] {
            assert_eq!(find(&[TokenSource::cookie("access_token")], fields), Ok(Some("a.b.c".into())), "{fields:?}");
        }
    }

    #[test]
    fn the_same_cookie_twice_is_refused_even_when_one_is_empty() {
        for cookies in ["t=a.b.c; t=a.b.c", "t=a.b.c; t=", "t=; t=a.b.c"] {
            assert_eq!(find(&[TokenSource::cookie("t")], &[("cookie", cookies)]), Err(RequestError::Repeated));
        }
        let fields = [("cookie", "t=a.b.c"), ("cookie", "t=d.e.f")];
        assert_eq!(find(&[TokenSource::cookie("t")], &fields), Err(RequestError::Repeated));
    }

    #[test]
    fn an_empty_cookie_holds_no_token_and_a_quoted_one_is_malformed() {
        assert_eq!(find(&[TokenSource::cookie("t")], &[("cookie", "t=")]), Ok(None));
        assert_eq!(find(&[TokenSource::cookie("t")], &[("cookie", "t=\"a.b.c\"")]), Err(RequestError::Malformed));
    }

    #[test]
    fn tokens_in_two_configured_places_are_refused_even_when_equal() {
        let both = [TokenSource::bearer(), TokenSource::cookie("t")];
        let fields = [("authorization", "Bearer a.b.c"), ("cookie", "t=a.b.c")];
        assert_eq!(find(&both, &fields), Err(RequestError::SeveralSources));
        assert_eq!(find(&both[..1], &fields), Ok(Some("a.b.c".into())));
        assert_eq!(find(&both, &[("authorization", "Basic x"), ("cookie", "t=a.b.c")]), Ok(Some("a.b.c".into())));
    }

    #[test]
    fn a_named_header_works_with_and_without_a_scheme() {
        let bare = [TokenSource::header("X-Token")];
        assert_eq!(find(&bare, &[("x-token", "a.b.c")]), Ok(Some("a.b.c".into())));
        assert_eq!(find(&bare, &[("x-token", "Bearer a.b.c")]), Err(RequestError::Malformed));
        assert_eq!(find(&bare, &[("x-token", "a"), ("x-token", "b")]), Err(RequestError::Repeated));
        let schemed = [TokenSource::header_with_scheme("X-Token", "Token")];
        assert_eq!(find(&schemed, &[("x-token", "token a.b.c")]), Ok(Some("a.b.c".into())));
        assert_eq!(find(&schemed, &[("x-token", "a.b.c")]), Ok(None));
    }

    #[test]
    fn a_query_parameter_is_found_by_its_exact_name() {
        let source = [TokenSource::query("access_token")];
        let find = |target: &str| {
            let request = request(&[], target);
            extract(&source, false, &request).map(|found| found.map(|found| found.token.to_vec()))
        };
        assert_eq!(find("/?a=1&access_token=a.b.c"), Ok(Some(b"a.b.c".to_vec())));
        assert_eq!(find("/?xaccess_token=a&access%5Ftoken=b&Access_token=c&access_token"), Ok(None));
        assert_eq!(find("/?access_token="), Ok(None));
        assert_eq!(find("/?access_token=a&access_token=b"), Err(RequestError::Repeated));
        assert_eq!(find("/"), Ok(None));
    }

    #[test]
    fn a_subprotocol_is_found_by_its_prefix_among_others() {
        let source = [TokenSource::websocket_protocol("bearer.")];
        let find = |fields: &[&str]| {
            let fields: Vec<_> = fields.iter().map(|value| ("sec-websocket-protocol", *value)).collect();
            find(&source, &fields)
        };
        for fields in
            [&["chat, bearer.a.b.c"][..], &["bearer.a.b.c,chat"], &["chat", "bearer.a.b.c"], &["bearer.a.b.c"]]
        {
            assert_eq!(find(fields), Ok(Some("a.b.c".into())), "{fields:?}");
        }
        for fields in [&[][..], &["chat"], &["chat, a.b.c"], &["Bearer.a.b.c"], &["xbearer.a.b.c"], &["bearer"]] {
            assert_eq!(find(fields), Ok(None), "{fields:?}");
        }
        for fields in [&["bearer.a, bearer.b"][..], &["bearer.a", "bearer.a"]] {
            assert_eq!(find(fields), Err(RequestError::Repeated), "{fields:?}");
        }
        for fields in [&["chat, bearer."][..], &["bearer.a b"], &["bearer.,chat"]] {
            assert_eq!(find(fields), Err(RequestError::Malformed), "{fields:?}");
        }
    }

    #[test]
    fn a_credential_knows_whether_a_proof_comes_with_it_and_whether_a_browser_sent_it() {
        let sources = [TokenSource::bearer(), TokenSource::header_with_scheme("x-token", "Token")];
        let found = |sources: &[TokenSource], field: (&str, &str)| {
            let request = request(&[field], "/");
            let found = extract(sources, false, &request).unwrap().unwrap();
            assert_eq!(found.token, b"a.b.c");
            found.presented
        };
        assert_eq!(found(&sources, ("authorization", "bEARER a.b.c")), Presented::Bare);
        assert_eq!(found(&sources, ("authorization", "dPoP a.b.c")), Presented::WithProof);
        assert_eq!(found(&sources, ("x-token", "token a.b.c")), Presented::Bare);
        assert_eq!(found(&[TokenSource::header("x-token")], ("x-token", "a.b.c")), Presented::Bare);
        assert_eq!(found(&[TokenSource::cookie("t")], ("cookie", "t=a.b.c")), Presented::InCookie);
        // Elsewhere than where bearer tokens come, it is another scheme.
        let request = request(&[("authorization", "DPoP a.b.c")], "/");
        assert_eq!(extract(&[TokenSource::cookie("t")], false, &request), Ok(None));
    }

    #[test]
    fn names_that_no_request_can_carry_are_refused() {
        for source in [
            TokenSource::cookie(""),
            TokenSource::cookie("a b"),
            TokenSource::cookie("a;b"),
            TokenSource::header("x\r\ny"),
            TokenSource::header_with_scheme("x", ""),
            TokenSource::query("a&b"),
            TokenSource::websocket_protocol(""),
            TokenSource::websocket_protocol("a,b"),
        ] {
            let error = source.check().unwrap_err().to_string();
            assert!(error.starts_with("the ") && error.contains("is no token source"), "{source:?}: {error}");
        }
    }

    proptest! {
        #[test]
        fn whatever_the_cookie_field_holds_only_the_exact_name_is_read(
            pairs in prop::collection::vec(("[a-zA-Z_%=\" ]{0,6}", "[a-z0-9.\"=, ]{0,6}"), 0..6),
        ) {
            let header = pairs.iter().map(|(n, v)| format!("{n}={v}")).collect::<Vec<_>>().join("; ");
            let exact: Vec<&str> = header
                .split(';')
                .filter_map(|pair| pair.trim_ascii().split_once('='))
                .filter_map(|(name, value)| (name == "t").then_some(value))
                .collect();
            let values: Vec<&[u8]> = cookie_values(header.as_bytes(), "t").collect();
            prop_assert_eq!(values, exact.iter().map(|v| v.as_bytes()).collect::<Vec<_>>());
        }

        #[test]
        fn no_header_bytes_make_the_reader_panic(value in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = after_scheme(&value, "Bearer");
            let _ = cookie_values(&value, "t").count();
        }
    }
}
