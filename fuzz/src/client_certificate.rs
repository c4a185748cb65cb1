use std::net::Ipv4Addr;
use std::sync::LazyLock;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use http::header::{AUTHORIZATION, HeaderName};
use http::{HeaderValue, Request};
use jwt_core::adapter::{PeerAddress, Verdict};
use jwt_core::binding::TrustedProxies;
use jwt_core::error::TokenError;
use jwt_core::{AuthError, Authenticator, KeySet};

use crate::elements;
use crate::token::{SECRET, Stopped, sign};

/// What is in it plays no part.
const DER: &[u8] = b"the certificate of the client";
const OTHER: &[u8] = b"another certificate";

static TOKEN: LazyLock<String> = LazyLock::new(|| {
    let hash = URL_SAFE_NO_PAD.encode(digest(&SHA256, DER));
    let claims = format!(r#"{{"aud":"api","exp":1790000900,"sub":"alice","cnf":{{"x5t#S256":"{hash}"}}}}"#);
    sign(br#"{"alg":"HS256"}"#, claims.as_bytes())
});

/// The name of each field, and who believes it.
static FIELDS: LazyLock<[(HeaderName, Authenticator<()>); 3]> = LazyLock::new(|| {
    let at = || TrustedProxies::at(["127.0.0.1"]);
    let all = [
        ("client-cert", at().client_cert()),
        ("x-ssl-client-cert", at().client_cert_pem("x-ssl-client-cert")),
        ("x-forwarded-client-cert", at().x_forwarded_client_cert()),
    ];
    all.map(|(name, proxies)| {
        let auth = Authenticator::builder()
            .keys(KeySet::hs256(SECRET).expect("the secret is long enough"))
            .audience("api")
            .clock(Stopped)
            .trusted_proxies(proxies)
            .build();
        (HeaderName::from_static(name), auth.expect("it is configured completely"))
    })
});

/// The first byte says which field: `C` is that of RFC 9440, `N` that of nginx, `E` that of Envoy. Each line behind it is one
/// value. Bytes that no field can hold stand for the right certificate as base64 (1), as an escaped PEM (2) and as a hash
/// (3), and for those of another one (4, 5 and 6). True where the certificate is the right one.
pub fn client_certificate(data: &[u8]) -> bool {
    let Some((kind, text)) = data.split_first() else { return false };
    let Some(index) = [b'C', b'N', b'E'].iter().position(|known| known == kind) else { return false };
    let (name, auth) = &FIELDS[index];
    let mut request = Request::new(());
    let mut values = Vec::new();
    for line in text.split(|byte| *byte == b'\n').take(4) {
        // The field as a server hands it over: without white space at its ends (RFC 9110 §5.5).
        let line = filled_in(line).trim_ascii().to_vec();
        if let Ok(value) = HeaderValue::from_bytes(&line) {
            request.headers_mut().append(name, value);
            values.push(line);
        }
    }
    let bearer = format!("Bearer {}", &*TOKEN);
    request.headers_mut().insert(AUTHORIZATION, HeaderValue::from_str(&bearer).expect("a token is ASCII"));
    request.extensions_mut().insert(PeerAddress(Ipv4Addr::LOCALHOST.into()));
    let is_good = is_good(auth, &request);

    let value = match values.as_slice() {
        [value] if value.len() <= 16 * 1024 => std::str::from_utf8(value).ok(),
        _ => None,
    };
    match (index, value) {
        (_, None) => assert!(!is_good, "there is no such value"),
        (0, Some(value)) => assert_eq!(is_good, is_bytes(value), "{value}"),
        (1, Some(value)) => assert!(!is_good || has_pem(value), "{value}"),
        (_, Some(value)) => {
            let element = elements::last(value, |byte| elements::is_of_token(byte) || b"()/:<=>?@[]{}".contains(&byte));
            let said = element
                .and_then(|element| Some((elements::only(&element, "hash")?, elements::only(&element, "cert")?)));
            match said {
                None | Some((None, None)) => assert!(!is_good, "{value}"),
                Some((Some(hash), None)) => assert_eq!(is_good, hash.to_lowercase() == hex(DER), "{value}"),
                Some((None, Some(cert))) => assert!(!is_good || has_pem(&cert), "{value}"),
                Some((Some(hash), Some(cert))) => {
                    assert!(!is_good || hash.to_lowercase() == hex(DER) && has_pem(&cert), "{value}");
                }
            }
        }
    }
    // Nobody else may say so.
    request.extensions_mut().insert(PeerAddress(Ipv4Addr::new(127, 0, 0, 2).into()));
    assert!(!self::is_good(auth, &request), "it came from anybody");
    is_good
}

fn is_good(auth: &Authenticator<()>, request: &Request<()>) -> bool {
    match auth.authenticate(request) {
        Verdict::Verified(token) => token.possession().by_certificate(),
        Verdict::Rejected(AuthError::InvalidToken(TokenError::NoCertificate(_) | TokenError::OtherCertificate)) => {
            false
        }
        verdict => panic!("{verdict:?}"),
    }
}

fn filled_in(line: &[u8]) -> Vec<u8> {
    let mut value = Vec::new();
    for byte in line {
        match byte {
            1 => value.extend(STANDARD.encode(DER).bytes()),
            2 => value.extend(pem(DER).bytes()),
            3 => value.extend(hex(DER).bytes()),
            4 => value.extend(STANDARD.encode(OTHER).bytes()),
            5 => value.extend(pem(OTHER).bytes()),
            6 => value.extend(hex(OTHER).bytes()),
            other => value.push(*other),
        }
    }
    value
}

fn hex(der: &[u8]) -> String {
    digest(&SHA256, der).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn pem(der: &[u8]) -> String {
    format!("-----BEGIN%20CERTIFICATE-----%0A{}%0A-----END%20CERTIFICATE-----%0A", STANDARD.encode(der))
}

/// RFC 9651 §3.3.5: base64 between colons, padded or not.
fn is_bytes(value: &str) -> bool {
    let text = value.trim_matches(' ');
    let Some(text) = text.strip_prefix(':').and_then(|text| text.strip_suffix(':')) else { return false };
    [STANDARD.decode(text), STANDARD_NO_PAD.decode(text)].iter().flatten().any(|der| der == DER)
}

/// Whether the certificate is in what the escapes stand for, in whatever lines.
fn has_pem(escaped: &str) -> bool {
    let mut plain = String::new();
    let mut rest = escaped;
    while let Some(at) = rest.find('%') {
        plain.push_str(&rest[..at]);
        let code = rest.get(at + 1..at + 3).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let Some(code) = code else { return false };
        plain.push(char::from(code));
        rest = &rest[at + 3..];
    }
    plain.push_str(rest);
    let body = plain.trim_ascii().strip_prefix("-----BEGIN CERTIFICATE-----");
    let Some(body) = body.and_then(|rest| rest.strip_suffix("-----END CERTIFICATE-----")) else { return false };
    let body: String = body.chars().filter(|character| !character.is_ascii_whitespace()).collect();
    [STANDARD.decode(&body), STANDARD_NO_PAD.decode(&body)].iter().flatten().any(|der| der == DER)
}
