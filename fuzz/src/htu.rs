use std::sync::LazyLock;

use http::HeaderValue;
use http::header::HOST;
use jwt_core::Authenticator;
use serde_json::json;

use crate::proof::{ATH, authenticator, good_header, is_good, sign_proof, with_proof};
use crate::token::NOW;

/// Where the proxy takes a path off, and where the host of the request counts.
static PUBLIC: LazyLock<Authenticator<()>> =
    LazyLock::new(|| authenticator().public_origin("https://api.example.com/v1").build().expect("it is complete"));
static OWN: LazyLock<Authenticator<()>> = LazyLock::new(|| authenticator().build().expect("it is complete"));

/// Three lines: the `htu` of a proof, the target of the request, and its `Host`. True where the proof is good by the host of
/// the request or by the address that is said to be public.
pub fn htu(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else { return false };
    let mut lines = text.split('\n');
    let [htu, target, host] = [(); 3].map(|()| lines.next().unwrap_or_default());
    // The models have no limit, and the limit has tests of its own.
    if text.len() > 4096 {
        return false;
    }
    let claims = json!({"jti": "1", "htm": "GET", "htu": htu, "iat": NOW, "ath": *ATH}).to_string();
    let proof = sign_proof(good_header().as_bytes(), claims.as_bytes());
    let Some(mut request) = with_proof(target, proof.as_bytes()) else { return false };
    if let Ok(host) = HeaderValue::from_str(host.trim_ascii()) {
        request.headers_mut().insert(HOST, host);
    }
    let path = request.uri().path().to_owned();
    let meant = normal(htu);
    let is_meant = |address: String| meant.is_some() && meant == normal(&address);

    // The target may also be `*` (RFC 9112 §3.2.4), and name no path at all (§3.2.3).
    let by_public = is_meant(format!("https://api.example.com/v1{path}"));
    assert_eq!(is_good(&PUBLIC, &request), by_public, "{htu:?}, {path:?}");

    // A header field may hold what is no host: nothing of it may reach the path.
    let authority = match request.uri().authority() {
        Some(authority) => Some(authority.as_str().to_owned()),
        None => request.headers().get(HOST).and_then(|host| host.to_str().ok()).map(str::to_owned),
    };
    let schemes = request.uri().scheme_str().map_or(vec!["https", "http"], |scheme| vec![scheme]);
    let by_own = authority.filter(|authority| !authority.contains(['/', '?', '#'])).is_some_and(|authority| {
        path != "*" && schemes.iter().any(|scheme| is_meant(format!("{scheme}://{authority}{path}")))
    });
    assert_eq!(is_good(&OWN, &request), by_own, "{htu:?}, {path:?}, {:?}", request.headers().get(HOST));
    by_public || by_own
}

/// A character of an address as it counts: itself, or an octet that has to be escaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Octet {
    Plain(char),
    Escaped(u8),
}

use Octet::{Escaped, Plain};

/// Scheme, host, port and path, as they are compared. Slow and simple: by lists of octets, and dots are removed to the letter
/// of RFC 3986 §5.2.4.
pub(crate) type Normal = (&'static str, Vec<Octet>, u32, Vec<Octet>);

/// `None` for what is no address of http or https.
pub(crate) fn normal(url: &str) -> Option<Normal> {
    let lower = url.to_ascii_lowercase();
    let (scheme, start, default_port) = if lower.starts_with("https://") {
        ("https", 8, 443)
    } else if lower.starts_with("http://") {
        ("http", 7, 80)
    } else {
        return None;
    };
    // Without query and fragment (RFC 9449 §4.3).
    let rest: String = url[start..].chars().take_while(|c| !['?', '#'].contains(c)).collect();
    let authority: String = rest.chars().take_while(|c| *c != '/').collect();
    let path = &rest[authority.len()..];

    // RFC 3986 §3.2.2: brackets are for addresses of IPv6, whose colons are none of a port.
    let host_len = if authority.starts_with('[') {
        authority.find(']')? + 1
    } else {
        authority.chars().take_while(|c| *c != ':').map(char::len_utf8).sum()
    };
    let (host, port) = (&authority[..host_len], &authority[host_len..]);
    let is_of_host = |c: char| c.is_ascii_alphanumeric() || "-._~!$&'()*+,;=%[]:".contains(c);
    if host.is_empty() || !host.chars().all(is_of_host) {
        return None;
    }
    let host = octets(&host.to_ascii_lowercase())?.into_iter().map(|octet| match octet {
        Plain(c) => Plain(c.to_ascii_lowercase()),
        escaped @ Escaped(_) => escaped,
    });
    let port = match port.chars().next() {
        None => default_port,
        Some(':') if port.len() == 1 => default_port,
        Some(':') if port[1..].chars().all(|c| c.is_ascii_digit()) => {
            let number =
                port[1..].chars().try_fold(0_u32, |sum, digit| Some(sum.checked_mul(10)? + digit.to_digit(10)?));
            number.filter(|number| *number <= 65535)?
        }
        Some(_) => return None,
    };
    let path = if path.is_empty() { vec![Plain('/')] } else { without_dots(octets(path)?) };
    Some((scheme, host.collect(), port, path))
}

/// RFC 3986 §6.2.2.1 and §6.2.2.2.
fn octets(text: &str) -> Option<Vec<Octet>> {
    let chars: Vec<char> = text.chars().collect();
    let mut octets = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        let c = chars[at];
        if c == '%' {
            let digits: String = chars.get(at + 1..at + 3)?.iter().collect();
            if !digits.chars().all(|digit| digit.is_ascii_hexdigit()) {
                return None;
            }
            let octet = u8::from_str_radix(&digits, 16).ok()?;
            let c = char::from(octet);
            let is_unreserved = c.is_ascii_alphanumeric() || "-._~".contains(c);
            octets.push(if is_unreserved { Plain(c) } else { Escaped(octet) });
            at += 3;
            continue;
        }
        if !c.is_ascii_graphic() {
            return None;
        }
        // Neither reserved nor unreserved: it should have been escaped.
        let octet = u8::try_from(c).ok()?;
        octets.push(if "\"<>\\^`{|}".contains(c) { Escaped(octet) } else { Plain(c) });
        at += 1;
    }
    Some(octets)
}

/// RFC 3986 §5.2.4, step by step.
fn without_dots(mut input: Vec<Octet>) -> Vec<Octet> {
    let octets = |text: &str| text.chars().map(Plain).collect::<Vec<_>>();
    let mut output = Vec::new();
    while !input.is_empty() {
        let starts = |prefix: &str| input.starts_with(&octets(prefix));
        if starts("/./") {
            input.drain(..2);
        } else if input == octets("/.") {
            input.truncate(1);
        } else if starts("/../") || input == octets("/..") {
            let rest = if input.len() == 3 { octets("/") } else { input[3..].to_vec() };
            let last = output.iter().rposition(|octet| *octet == Plain('/'));
            output.truncate(last.unwrap_or(0));
            input = rest;
        } else {
            let end = input[1..].iter().position(|octet| *octet == Plain('/')).map_or(input.len(), |end| end + 1);
            output.extend(input.drain(..end));
        }
    }
    output
}
