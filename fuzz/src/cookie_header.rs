use std::sync::LazyLock;

use http::header::{AUTHORIZATION, COOKIE, HeaderName};
use http::{HeaderValue, Request, StatusCode};
use jwt_core::adapter::Verdict;
use jwt_core::{AuthError, Authenticator, KeySet, TokenSource};

use crate::token::{SECRET, Stopped, sign};

const NAME: &str = "__Host-token";

static AUTHENTICATOR: LazyLock<Authenticator<()>> = LazyLock::new(|| {
    Authenticator::builder()
        .keys(KeySet::hs256(SECRET).expect("the secret is long enough"))
        .audience("api")
        .clock(Stopped)
        .source(TokenSource::bearer())
        .source(TokenSource::cookie(NAME))
        .optional()
        .build()
        .expect("it is configured completely")
});

/// What stands for the tokens in the input: bytes that no header field can hold. The last of them is expired.
static TOKENS: LazyLock<[(u8, String); 3]> = LazyLock::new(|| {
    let token = |claims: &[u8]| sign(br#"{"alg":"HS256"}"#, claims);
    [
        (1, token(br#"{"aud":"api","exp":1790000900,"sub":"alice"}"#)),
        (2, token(br#"{"aud":"api","exp":1790000900,"sub":"bob"}"#)),
        (3, token(br#"{"aud":"api","exp":1789990000,"sub":"alice"}"#)),
    ]
});

/// What a request says, by RFC 6750 §2 and RFC 6265 §5.4.
#[derive(Debug, PartialEq)]
enum Said {
    Nothing,
    Nonsense,
    Token(Vec<u8>),
    /// One that is said to come with a proof (RFC 9449 §7.1). None of the tokens here is bound to a key.
    UnderDpop,
}

/// Each line of the input is a header field: `A` and the value of `Authorization`, `C` and that of `Cookie`.
pub fn cookie_header(data: &[u8]) -> bool {
    let mut request = Request::new(());
    let mut fields: Vec<(HeaderName, Vec<u8>)> = Vec::new();
    for line in data.split(|byte| *byte == b'\n').take(16) {
        let name = match line.first() {
            Some(b'A') => AUTHORIZATION,
            Some(b'C') => COOKIE,
            _ => continue,
        };
        let value = with_tokens(&line[1..]);
        // The field as a server hands it over: without white space at its ends (RFC 9110 §5.5).
        if let Ok(parsed) = HeaderValue::from_bytes(value.trim_ascii()) {
            request.headers_mut().append(name.clone(), parsed);
            fields.push((name, value.trim_ascii().to_vec()));
        }
    }

    let verdict = AUTHENTICATOR.authenticate(&request);
    let good = |token: &[u8]| TOKENS[..2].iter().any(|(_, good)| good.as_bytes() == token);
    match (said(&fields), &verdict) {
        (Said::Nothing, Verdict::Anonymous) => {}
        (Said::Nonsense, Verdict::Rejected(error @ AuthError::InvalidRequest(_))) => {
            assert_answer(error, StatusCode::BAD_REQUEST);
        }
        (Said::Token(token), Verdict::Rejected(error @ AuthError::InvalidToken(_))) => {
            assert!(!good(&token), "a good token is refused: {error}");
            assert_answer(error, StatusCode::UNAUTHORIZED);
        }
        (Said::Token(token), Verdict::Verified(verified)) => {
            assert!(good(&token), "a bad token is accepted");
            assert_eq!(verified.token().as_str().as_bytes(), token, "another token was read");
        }
        (Said::UnderDpop, Verdict::Rejected(error @ (AuthError::InvalidToken(_) | AuthError::InvalidProof(_)))) => {
            assert_answer(error, StatusCode::UNAUTHORIZED);
        }
        (said, verdict) => panic!("{said:?} became {verdict:?}"),
    }
    matches!(verdict, Verdict::Verified(_))
}

fn with_tokens(line: &[u8]) -> Vec<u8> {
    let mut value = Vec::with_capacity(line.len());
    for byte in line {
        match TOKENS.iter().find(|(mark, _)| mark == byte) {
            Some((_, token)) => value.extend_from_slice(token.as_bytes()),
            None => value.push(*byte),
        }
    }
    value
}

fn said(fields: &[(HeaderName, Vec<u8>)]) -> Said {
    let values = |name: HeaderName| fields.iter().filter(move |(field, _)| *field == name).map(|(_, value)| value);

    let authorizations: Vec<&Vec<u8>> = values(AUTHORIZATION).collect();
    let mut pairs: Vec<&[u8]> = Vec::new();
    for cookie in values(COOKIE) {
        pairs.extend(cookie.split(|byte| *byte == b';').map(<[u8]>::trim_ascii));
    }
    let cookies: Vec<&[u8]> = pairs
        .into_iter()
        .filter_map(|pair| {
            let equals = pair.iter().position(|byte| *byte == b'=')?;
            (&pair[..equals] == NAME.as_bytes()).then_some(&pair[equals + 1..])
        })
        .collect();

    let by_header = match authorizations.as_slice() {
        [] => Said::Nothing,
        [value] => credential(value),
        _ => Said::Nonsense,
    };
    let by_cookie = match cookies.as_slice() {
        [] | [[]] => Said::Nothing,
        [[b'"', ..]] => Said::Nonsense,
        [value] => Said::Token(value.to_vec()),
        _ => Said::Nonsense,
    };
    match (by_header, by_cookie) {
        (Said::Nothing, one) | (one, Said::Nothing) => one,
        _ => Said::Nonsense,
    }
}

/// `"Bearer" 1*SP b64token`, and the same with `"DPoP"`.
fn credential(value: &[u8]) -> Said {
    let end = value.iter().position(|byte| matches!(byte, b' ' | b'\t')).unwrap_or(value.len());
    let (scheme, rest) = value.split_at(end);
    let is_dpop = scheme.eq_ignore_ascii_case(b"dpop");
    if !is_dpop && !scheme.eq_ignore_ascii_case(b"bearer") {
        return Said::Nothing;
    }
    let spaces = rest.iter().take_while(|byte| **byte == b' ').count();
    let token = &rest[spaces..];
    let one = !token.is_empty() && !token.iter().any(|byte| b" \t,".contains(byte));
    match one && rest.starts_with(b" ") {
        true if is_dpop => Said::UnderDpop,
        true => Said::Token(token.to_vec()),
        false => Said::Nonsense,
    }
}

/// Nothing that the client sent is sent back.
fn assert_answer(error: &AuthError, status: StatusCode) {
    let answer = AUTHENTICATOR.answer(error);
    assert_eq!(answer.status, status);
    // The reason is told once, whatever schemes there are.
    let challenges = answer.challenges().iter().map(|challenge| challenge.to_str().expect("a challenge is ASCII"));
    let with_reason: Vec<&str> = challenges.filter(|challenge| challenge.contains("error=")).collect();
    let [challenge] = with_reason.as_slice() else { panic!("an answer of this kind has one reason: {with_reason:?}") };
    let (scheme, rest) = challenge.split_once(' ').expect("a scheme is in front");
    assert!(["Bearer", "DPoP"].contains(&scheme) && rest.starts_with("error=\"invalid_"), "{challenge}");
}
