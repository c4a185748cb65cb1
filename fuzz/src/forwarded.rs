use std::net::{IpAddr, Ipv4Addr};
use std::sync::LazyLock;

use http::header::{AUTHORIZATION, FORWARDED, HOST, HeaderName};
use http::{HeaderValue, Request};
use jwt_core::adapter::{PeerAddress, Verdict};
use jwt_core::binding::{DpopKey, TrustedProxies};
use jwt_core::clock::NumericDate;
use jwt_core::error::ProofError;
use jwt_core::{Algorithm, AuthError, Authenticator, KeySet};

use crate::elements;
use crate::token::{NOW, SECRET, Stopped, sign};

const PROXY: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 7));
const DPOP: HeaderName = HeaderName::from_static("dpop");
const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// The address that the proof is for is `https://api.example.com/me`.
static CREDENTIALS: LazyLock<(String, String)> = LazyLock::new(|| {
    let key = DpopKey::generate(Algorithm::Ed25519).expect("there are random numbers");
    let claims = format!(r#"{{"aud":"api","exp":1790000900,"sub":"alice","cnf":{{"jkt":"{}"}}}}"#, key.thumbprint());
    let token = sign(br#"{"alg":"HS256"}"#, claims.as_bytes());
    let proof = key.proof("GET", "https://api.example.com/me").for_token(&token);
    let proof = proof.issued_at(NumericDate::from_secs(NOW)).sign().expect("the key signs");
    (token, proof)
});

/// The first believes `Forwarded`, the second `X-Forwarded-Proto` and `X-Forwarded-Host`.
static AUTHENTICATORS: LazyLock<[Authenticator<()>; 2]> = LazyLock::new(|| {
    let proxies = TrustedProxies::at(["10.0.0.7"]);
    let others = TrustedProxies::at(["10.0.0.0/29"]);
    [proxies.forwarded(), others.x_forwarded_proto().x_forwarded_host()].map(|proxies| {
        Authenticator::builder()
            .keys(KeySet::hs256(SECRET).expect("the secret is long enough"))
            .audience("api")
            .clock(Stopped)
            .trusted_proxies(proxies)
            .build()
            .expect("it is configured completely")
    })
});

/// Each line of the input is a header field: `F` and the value of `Forwarded`, `P` of `X-Forwarded-Proto`, `X` of
/// `X-Forwarded-Host`, `H` of `Host`. True where one of the authenticators takes the request for one to
/// `https://api.example.com/me`.
pub fn forwarded(data: &[u8]) -> bool {
    let (token, proof) = &*CREDENTIALS;
    let mut request = Request::new(());
    *request.uri_mut() = "/me".parse().expect("it is a path");
    for line in data.split(|byte| *byte == b'\n').take(16) {
        let name = match line.first() {
            Some(b'F') => FORWARDED,
            Some(b'P') => PROTO,
            Some(b'X') => X_HOST,
            Some(b'H') => HOST,
            _ => continue,
        };
        // The field as a server hands it over: without white space at its ends (RFC 9110 §5.5).
        if let Ok(value) = HeaderValue::from_bytes(line[1..].trim_ascii()) {
            request.headers_mut().append(name, value);
        }
    }
    let value = |text: &str| HeaderValue::from_str(text).expect("tokens are ASCII");
    request.headers_mut().insert(AUTHORIZATION, value(&format!("DPoP {token}")));
    request.headers_mut().insert(DPOP, value(proof));

    let said = [by_forwarded(&request), by_x_forwarded(&request)];
    let mut any = false;
    for (auth, said) in AUTHENTICATORS.iter().zip(said) {
        request.extensions_mut().insert(PeerAddress(PROXY));
        let is_meant = is_taken(auth, &request);
        assert_eq!(is_meant, said == Some(("https".to_owned(), "api.example.com".to_owned())), "{said:?}");
        any |= is_meant;
        // Anybody else says nothing: the host of the request counts, under either scheme.
        request.extensions_mut().insert(PeerAddress(Ipv4Addr::LOCALHOST.into()));
        let own = host(&request).and_then(|host| authority(&host, "https"));
        assert_eq!(is_taken(auth, &request), own.as_deref() == Some("api.example.com"), "{own:?}");
    }
    any
}

/// A proof that was used before has passed the check of its address.
fn is_taken(auth: &Authenticator<()>, request: &Request<()>) -> bool {
    match auth.authenticate(request) {
        Verdict::Verified(_) | Verdict::Rejected(AuthError::InvalidProof(ProofError::Replayed)) => true,
        Verdict::Rejected(AuthError::InvalidProof(ProofError::Address { .. } | ProofError::Proxy(_))) => false,
        verdict => panic!("{verdict:?}"),
    }
}

/// Scheme and authority, each in its normal spelling.
type Said = Option<(String, String)>;

/// RFC 7239 §4, of the last element.
fn by_forwarded(request: &Request<()>) -> Said {
    let value = last(request, &FORWARDED)?;
    let element = elements::last(&value, |byte| elements::is_of_token(byte))?;
    let scheme = scheme(&elements::only(&element, "proto")??)?;
    let host = match elements::only(&element, "host")? {
        Some(host) => host,
        None => host(request)?,
    };
    Some((scheme.clone(), authority(&host, &scheme)?))
}

fn by_x_forwarded(request: &Request<()>) -> Said {
    let word = |name: HeaderName| {
        let value = last(request, &name)?;
        Some(value.split(',').next_back()?.trim_matches([' ', '\t']).to_owned())
    };
    let scheme = scheme(&word(PROTO)?)?;
    let authority = authority(&word(X_HOST)?, &scheme)?;
    Some((scheme, authority))
}

fn last(request: &Request<()>, name: &HeaderName) -> Option<String> {
    let value = request.headers().get_all(name).iter().next_back()?;
    String::from_utf8(value.as_bytes().to_vec()).ok().filter(|value| value.len() <= 8 * 1024)
}

fn host(request: &Request<()>) -> Option<String> {
    let hosts: Vec<_> = request.headers().get_all(HOST).iter().collect();
    let [host] = hosts.as_slice() else { return None };
    String::from_utf8(host.as_bytes().to_vec()).ok()
}

fn scheme(text: &str) -> Option<String> {
    let text = text.to_lowercase();
    matches!(&*text, "https" | "http").then_some(text)
}

/// Without a port that goes without saying, as far as it is `api.example.com`; any other is told apart from that.
fn authority(text: &str, scheme: &str) -> Option<String> {
    let (host, port) = text.split_once(':').unwrap_or((text, ""));
    let is_usual = match port {
        "" => true,
        port if port.bytes().all(|digit| digit.is_ascii_digit()) => {
            port.trim_start_matches('0') == if scheme == "https" { "443" } else { "80" }
        }
        _ => return None,
    };
    // Letters may be escaped (RFC 3986 §6.2.2.2).
    let mut plain = Vec::new();
    let mut rest = host.as_bytes();
    while let [first, more @ ..] = rest {
        rest = more;
        match (first, more) {
            (b'%', [high, low, more @ ..]) => {
                let digits = std::str::from_utf8(&[*high, *low]).ok()?.to_owned();
                let digits = Some(digits).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
                plain.push(u8::from_str_radix(&digits, 16).ok()?);
                rest = more;
            }
            (b'%', _) => return None,
            (other, _) => plain.push(*other),
        }
    }
    let plain = String::from_utf8_lossy(&plain).to_ascii_lowercase();
    Some(if is_usual { plain } else { format!("{plain}:{port}") })
}
