use std::sync::LazyLock;

use http::header::{COOKIE, HOST, HeaderName, ORIGIN, UPGRADE};
use http::{HeaderValue, Method, Request};
use jwt_core::adapter::Verdict;
use jwt_core::{AuthError, Authenticator, CsrfTokens, KeySet, TokenSource};

use crate::token::{SECRET, Stopped, sign};

const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const CSRF: HeaderName = HeaderName::from_static("x-csrf-token");
const TRUSTED: &str = "https://app.example.com";

static TOKENS: LazyLock<CsrfTokens> = LazyLock::new(|| CsrfTokens::new(SECRET).expect("the secret is long enough"));

/// What stands for a good `X-CSRF-Token` in the input, a byte that no header field can hold, and for that of another login.
static MARKS: LazyLock<[(u8, String); 2]> = LazyLock::new(|| {
    let token = |token_id| TOKENS.token_for(token_id).expect("there are random numbers");
    [(1, token("one")), (2, token("another"))]
});

/// The access token is always good: what is looked at is where the request comes from.
static ACCESS: LazyLock<String> = LazyLock::new(|| {
    format!("t={}", sign(br#"{"alg":"HS256"}"#, br#"{"aud":"api","exp":1790000900,"sub":"alice","jti":"one"}"#))
});

/// The first takes what says nothing; the second wants `Sec-Fetch-Site` or `Origin`, and `X-CSRF-Token`.
static AUTHENTICATORS: LazyLock<[Authenticator<()>; 2]> = LazyLock::new(|| {
    let builder = || {
        Authenticator::builder()
            .keys(KeySet::hs256(SECRET).expect("the secret is long enough"))
            .audience("api")
            .clock(Stopped)
            .source(TokenSource::cookie("t"))
            .trusted_origin(TRUSTED)
    };
    [builder(), builder().origin_required().csrf(&TOKENS)].map(|builder| builder.build().expect("it is complete"))
});

/// Each line of the input is a part of a request by its first letter: `M`ethod, `T`arget, `S`ec-Fetch-Site, `O`rigin,
/// `H`ost, `U`pgrade, and `X` for `X-CSRF-Token`. True where both authenticators let it pass.
pub fn cross_site(data: &[u8]) -> bool {
    let mut request = Request::new(());
    request.headers_mut().insert(COOKIE, HeaderValue::from_str(&ACCESS).expect("a token is ASCII"));
    for line in data.split(|byte| *byte == b'\n').take(16) {
        let Some((first, rest)) = line.split_first() else { continue };
        let name = match first {
            b'M' => {
                *request.method_mut() = Method::from_bytes(rest).unwrap_or(Method::POST);
                continue;
            }
            b'T' => {
                *request.uri_mut() = rest.try_into().unwrap_or_default();
                continue;
            }
            b'S' => SITE,
            b'O' => ORIGIN,
            b'H' => HOST,
            b'U' => UPGRADE,
            b'X' => CSRF,
            _ => continue,
        };
        // As a server hands it over: without white space at its ends (RFC 9110 §5.5).
        if let Ok(value) = HeaderValue::from_bytes(with_tokens(rest).trim_ascii()) {
            request.headers_mut().append(name, value);
        }
    }
    let expected = [passes(&request, false), passes(&request, true)];
    for (auth, expected) in AUTHENTICATORS.iter().zip(expected) {
        match auth.authenticate(&request) {
            Verdict::Verified(_) => assert!(expected, "a page of another site may have asked: {request:?}"),
            Verdict::Rejected(error @ AuthError::CrossSite(_)) => {
                assert!(!expected, "{error}: {request:?}");
                let answer = auth.answer(&error);
                assert_eq!((answer.status.as_u16(), answer.challenges().len()), (403, 0));
            }
            other => panic!("{request:?} became {other:?}"),
        }
    }
    expected == [true, true]
}

fn with_tokens(line: &[u8]) -> Vec<u8> {
    let mut value = Vec::with_capacity(line.len());
    for byte in line {
        match MARKS.iter().find(|(mark, _)| mark == byte) {
            Some((_, token)) => value.extend_from_slice(token.as_bytes()),
            None => value.push(*byte),
        }
    }
    value
}

/// The rules as docs/how-to/cross-site-requests.md has them.
fn passes(request: &Request<()>, demanding: bool) -> bool {
    let all = |name: HeaderName| request.headers().get_all(name).iter().map(HeaderValue::as_bytes).collect::<Vec<_>>();
    let opens_a_socket = all(UPGRADE).iter().flat_map(|value| value.split(|byte| *byte == b',')).any(|protocol| {
        let protocol = protocol.to_ascii_lowercase();
        protocol.trim_ascii_start().strip_prefix(b"websocket").is_some_and(|rest| {
            let rest = rest.trim_ascii_start();
            rest.is_empty() || rest.starts_with(b"/")
        })
    });
    let safe = [Method::GET, Method::HEAD, Method::OPTIONS, Method::TRACE].contains(request.method());
    if safe && !opens_a_socket {
        return true;
    }
    let (sites, origins, tokens) = (all(SITE), all(ORIGIN), all(CSRF));
    if sites.len() > 1 || origins.len() > 1 {
        return false;
    }
    let origin = origins.first().copied();
    let trusted = origin == Some(TRUSTED.as_bytes());
    let comes_from_us = match (sites.first().copied(), origin) {
        (Some(site), _) => site == b"same-origin" || site == b"none" || trusted,
        (None, None) => !demanding,
        (None, Some(_)) if trusted => true,
        (None, Some(origin)) => match (request.uri().authority(), all(HOST).as_slice()) {
            (Some(authority), _) => is_of(origin, authority.as_str().as_bytes()),
            (None, [host]) => is_of(origin, host),
            (None, _) => false,
        },
    };
    comes_from_us && (!demanding || tokens == [MARKS[0].1.as_bytes()])
}

/// Whether the origin is that host, which may leave out the port that goes without saying, and so may the origin.
fn is_of(origin: &[u8], host: &[u8]) -> bool {
    [("https://", ":443"), ("http://", ":80")].into_iter().any(|(scheme, port)| {
        let Some(own) = origin.strip_prefix(scheme.as_bytes()) else { return false };
        let (own, host, port) = (own.to_ascii_lowercase(), host.to_ascii_lowercase(), port.as_bytes());
        let longer = |long: &[u8], short: &[u8]| long == [short, port].concat() && !short.ends_with(port);
        !own.is_empty() && (own == host || longer(&own, &host) || longer(&host, &own))
    })
}
