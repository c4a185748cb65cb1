//! Tokens that are bound to a certificate of their client (RFC 8705), and what proxies say of clients, against every stack. With
//! real TLS: tests/mtls.

use std::fmt::Write;
use std::net::IpAddr;
use std::sync::Arc;

use acceptance::{
    Connection, Log, NOW, Reply, STACKS, Server, User, base64url, builder, good_claims, hs256, request_to,
};
use aws_lc_rs::digest::{SHA256, digest};
use axum::extract::OriginalUri;
use base64_simd::STANDARD;
use http_body_util::Empty;
use hyper::body::Bytes;
use jwt_core::adapter::{ClientCertificate, PeerAddress};
use jwt_core::binding::{DpopKey, Possession, TrustedProxies};
use jwt_core::clock::NumericDate;
use jwt_core::error::{AuthError, AuthenticatorBuildError, CertificateError, ProofError, ProxyError, TokenError};
use jwt_core::{Algorithm, AuthenticatorBuilder, TokenSource};
use jwt_tower::{Claims, JwtAuth, RejectionBody};
use serde_json::{Value, json};
use tower::ServiceExt;

/// RFC 8705, appendix A: the thumbprint, and the certificate that it is of.
const THUMBPRINT: &str = "A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0";
const CERTIFICATE: &str = "\
-----BEGIN CERTIFICATE-----
MIIBBjCBrAIBAjAKBggqhkjOPQQDAjAPMQ0wCwYDVQQDDARtdGxzMB4XDTE4MTAx
ODEyMzcwOVoXDTIyMDUwMjEyMzcwOVowDzENMAsGA1UEAwwEbXRsczBZMBMGByqG
SM49AgEGCCqGSM49AwEHA0IABNcnyxwqV6hY8QnhxxzFQ03C7HKW9OylMbnQZjjJ
/Au08/coZwxS7LfA4vOLS9WuneIXhbGGWvsDSb0tH6IxLm8wCgYIKoZIzj0EAwID
SQAwRgIhAP0RC1E+vwJD/D1AGHGzuri+hlV/PpQEKTWUVeORWz83AiEA5x2eXZOV
bUlJSGQgjwD5vaUaKlLR50Q2DmFfQj1L+SY=
-----END CERTIFICATE-----
";
const OTHER: &[u8] = b"a certificate of somebody else";

type Build = fn(AuthenticatorBuilder<User>) -> AuthenticatorBuilder<User>;

fn der() -> Vec<u8> {
    let base64: String = CERTIFICATE.lines().filter(|line| !line.starts_with('-')).collect();
    STANDARD.decode_to_vec(base64).unwrap()
}

fn with_cnf(cnf: Value) -> String {
    let mut claims = good_claims();
    claims["cnf"] = cnf;
    hs256(&claims)
}

fn token() -> String {
    with_cnf(json!({"x5t#S256": THUMBPRINT}))
}

fn servers(build: Build) -> Vec<Server> {
    STACKS.map(|stack| stack.start(build(builder()).build().unwrap())).into()
}

fn bytes_of(der: &[u8]) -> String {
    format!(":{}:", STANDARD.encode_to_string(der))
}

/// As nginx escapes it.
fn escaped(pem: &str) -> String {
    pem.bytes().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(byte.into());
        } else {
            write!(text, "%{byte:02X}").unwrap();
        }
        text
    })
}

fn pem_of(der: &[u8]) -> String {
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", STANDARD.encode_to_string(der))
}

fn hex(der: &[u8]) -> String {
    digest(&SHA256, der).as_ref().iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}

fn send(server: &Server, token: &str, more: &[(&str, &str)]) -> Reply {
    let authorization = format!("Bearer {token}");
    server.get("/me", &[&[("authorization", &*authorization)], more].concat())
}

/// The status, and the reason in the challenge for bearer tokens.
fn told(reply: &Reply) -> (u16, &str) {
    let challenge = reply.challenges().find(|challenge| challenge.starts_with("Bearer")).unwrap_or_default();
    let reason = challenge.split_once("error=\"").and_then(|(_, rest)| rest.split('"').next()).unwrap_or_default();
    (reply.status, reason)
}

const REFUSED: (u16, &str) = (401, "invalid_token");

/// A way in which a named proxy says a certificate.
struct Way {
    build: Build,
    field: &'static str,
    good: Vec<String>,
    other: Vec<String>,
    /// What is not said in the right form.
    garbage: Vec<String>,
}

fn ways() -> [Way; 3] {
    let der = der();
    let (pem, hash) = (escaped(CERTIFICATE), hex(&der));
    let bytes = bytes_of(&der);
    let base64 = STANDARD.encode_to_string(&der);
    let garbage = |more: &[&str]| {
        let mut all: Vec<String> = more.iter().map(|text| (*text).to_owned()).collect();
        all.extend(["x".to_owned(), ",".to_owned(), "%".to_owned(), "\"".to_owned(), "x".repeat(20_000)]);
        all
    };
    [
        Way {
            build: |builder| builder.trusted_proxies(TrustedProxies::at(["127.0.0.1"]).client_cert()),
            field: "client-cert",
            good: vec![bytes.clone(), bytes.replace('=', "")],
            other: vec![bytes_of(OTHER)],
            garbage: garbage(&[
                &base64,
                &format!(":{base64}"),
                &format!("{base64}:"),
                &format!("\"{base64}\""),
                &format!("{bytes}, {bytes}"),
                &format!("{bytes};x=1"),
                &format!(": {base64}:"),
                &bytes.replacen('M', "-", 1),
                &pem,
                &format!("Hash={hash}"),
                ":::",
            ]),
        },
        Way {
            build: |builder| {
                builder.trusted_proxies(TrustedProxies::at(["127.0.0.0/8"]).client_cert_pem("X-SSL-Client-Cert"))
            },
            field: "x-ssl-client-cert",
            good: vec![pem.clone(), escaped(&CERTIFICATE.replace('\n', "\r\n")), pem.to_lowercase_escapes()],
            other: vec![escaped(&pem_of(OTHER))],
            garbage: garbage(&[
                &bytes,
                &base64,
                &pem[..pem.len() / 2],
                &format!("{pem}{pem}"),
                &format!("x{pem}"),
                &format!("{pem}x"),
                &pem.replacen("%0A", "%0AA:%20b%0A%0A", 1),
                &escaped(&CERTIFICATE.replace("CERTIFICATE", "PUBLIC KEY")),
                &pem.replace("%0A", "%0"),
                &pem.replace("%0A", "%zz"),
                &escaped("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"),
            ]),
        },
        Way {
            build: |builder| {
                builder.trusted_proxies(TrustedProxies::at(["10.0.0.1", "127.0.0.1"]).x_forwarded_client_cert())
            },
            field: "x-forwarded-client-cert",
            good: vec![
                format!("Hash={hash}"),
                format!("hash={}", hash.to_uppercase()),
                format!("By=spiffe://a/b;Hash={hash};Subject=\"CN=a,O=\\\"b;c\\\"\";URI=;DNS=a.example;DNS=b.example"),
                format!("Cert=\"{pem}\""),
                format!("Hash={hash};Cert=\"{pem}\";Chain=\"{pem}\""),
                format!("Hash={},Hash={hash}", hex(OTHER)),
            ],
            other: vec![format!("Hash={}", hex(OTHER)), format!("Hash={hash},Hash={}", hex(OTHER))],
            garbage: garbage(&[
                &bytes,
                &pem,
                "By=spiffe://a/b",
                &format!("Hash={}", &hash[..62]),
                &format!("Hash={hash}00"),
                &format!("Hash={hash};Hash={hash}"),
                &format!("Hash={hash};Cert=\"{}\"", escaped(&pem_of(OTHER))),
                &format!("Hash={hash};Cert=\"\""),
                &format!("Hash={hash};Subject=\"CN=a"),
                &format!("Hash={hash};Subject=\"CN=a\"x"),
                &format!("Hash = {hash}"),
                &format!("Hash={hash} Hash={hash}"),
            ]),
        },
    ]
}

trait LowercaseEscapes {
    fn to_lowercase_escapes(&self) -> String;
}

impl LowercaseEscapes for String {
    fn to_lowercase_escapes(&self) -> String {
        self.replace("%0A", "%0a").replace("%2B", "%2b").replace("%2F", "%2f").replace("%3D", "%3d")
    }
}

#[test]
fn a_token_is_good_with_the_certificate_that_a_named_proxy_says_and_with_no_other() {
    for Way { build, field, good, other, garbage } in ways() {
        for server in servers(build) {
            let stack = server.stack;
            for value in &good {
                let reply = send(&server, &token(), &[(field, value)]);
                assert_eq!(reply.status, 200, "{stack} {field}: {value}: {reply:?}");
            }
            for value in other.iter().chain(&garbage) {
                let reply = send(&server, &token(), &[(field, value)]);
                assert_eq!(told(&reply), REFUSED, "{stack} {field}: {value}");
            }
            for twice in [[(field, &*good[0]); 2], [(field, &*good[0]), (field, &*other[0])]] {
                assert_eq!(told(&send(&server, &token(), &twice)), REFUSED, "{stack} {field}");
            }
            assert_eq!(told(&send(&server, &token(), &[])), REFUSED, "{stack} {field}");
            assert_eq!(told(&send(&server, &token(), &[(field, "")])), REFUSED, "{stack} {field}");
            // What the proxy does not set is the client's.
            for name in ["client-cert", "x-ssl-client-cert", "x-forwarded-client-cert", "x-client-cert"] {
                if name != field {
                    assert_eq!(told(&send(&server, &token(), &[(name, &good[0])])), REFUSED, "{stack} {name}");
                }
            }
            // A bearer token needs none, and one that is not bound gets no better by one.
            for fields in [&[][..], &[(field, &*other[0])], &[(field, "garbage")]] {
                assert_eq!(send(&server, &hs256(&good_claims()), fields).status, 200, "{stack} {field}");
            }
        }
    }
}

#[test]
fn a_field_from_anybody_else_is_ignored() {
    let builds: [Build; 4] = [
        |builder| builder,
        |builder| builder.trusted_proxies(TrustedProxies::at(["10.0.0.7", "::1", "127.0.0.2"]).client_cert()),
        |builder| builder.trusted_proxies(TrustedProxies::at(["128.0.0.0/1", "10.0.0.0/8"]).client_cert()),
        |builder| builder.trusted_proxies(TrustedProxies::at(["127.0.0.1"]).x_forwarded_proto()),
    ];
    for build in builds {
        for server in servers(build) {
            let reply = send(&server, &token(), &[("client-cert", &bytes_of(&der()))]);
            assert_eq!(told(&reply), REFUSED, "{}: {reply:?}", server.stack);
        }
    }
    for server in servers(|builder| builder.trusted_proxies(TrustedProxies::dangerous_every_peer().client_cert())) {
        assert_eq!(send(&server, &token(), &[("client-cert", &bytes_of(&der()))]).status, 200, "{}", server.stack);
        assert_eq!(told(&send(&server, &token(), &[])), REFUSED);
    }
}

/// The verdict on a request with these extensions.
fn verdict(
    builder: AuthenticatorBuilder<User>,
    token: &str,
    fields: &[(&str, &str)],
    extend: impl FnOnce(&mut http::Extensions),
) -> Result<Possession, AuthError> {
    let mut request = http::Request::get("/me").header("host", "api.example.com");
    if !fields.iter().any(|(name, _)| *name == "authorization") {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    let mut request = request.body(()).unwrap();
    extend(request.extensions_mut());
    let outcome = builder.build().unwrap().outcome(&request);
    Ok(outcome.unwrap().result()?.unwrap().possession())
}

fn certificate(der: &[u8]) -> ClientCertificate {
    ClientCertificate(Arc::from(der))
}

#[test]
fn the_certificate_of_the_connection_counts_and_wins_over_a_field() {
    let proxies = || builder().trusted_proxies(TrustedProxies::dangerous_every_peer().client_cert());
    let good = bytes_of(&der());
    for builder in [builder(), proxies()] {
        let shown = verdict(builder, &token(), &[], |all| drop(all.insert(certificate(&der())))).unwrap();
        assert!(shown.by_certificate() && shown.is_bound() && !shown.by_dpop());
    }
    for fields in [&[][..], &[("client-cert", &*good)]] {
        let error = verdict(proxies(), &token(), fields, |all| drop(all.insert(certificate(OTHER)))).unwrap_err();
        assert!(matches!(error, AuthError::InvalidToken(TokenError::OtherCertificate)), "{error}");
    }
    let error = verdict(builder(), &token(), &[], |all| drop(all.insert(certificate(b"")))).unwrap_err();
    assert!(matches!(error, AuthError::InvalidToken(TokenError::NoCertificate(_))), "{error}");
    // Of a bare token nobody can say so.
    let error = builder().build().unwrap().verifier().verify(token()).unwrap_err();
    assert!(matches!(error, AuthError::InvalidToken(TokenError::Bound)), "{error}");
}

#[test]
fn the_log_says_why_no_certificate_is_known() {
    let named = || builder().trusted_proxies(TrustedProxies::at(["10.0.0.7"]).client_cert());
    let from = |address: &str| {
        let address: IpAddr = address.parse().unwrap();
        move |all: &mut http::Extensions| {
            all.insert(PeerAddress(address));
        }
    };
    let good = bytes_of(&der());
    let good = ("client-cert", &*good);
    let reason = |result: Result<Possession, AuthError>| match result.unwrap_err() {
        AuthError::InvalidToken(TokenError::NoCertificate(error)) => error,
        error => panic!("{error}"),
    };
    let field = http::HeaderName::from_static("client-cert");
    assert_eq!(reason(verdict(builder(), &token(), &[good], |_| ())), CertificateError::NotShown);
    let unknown = reason(verdict(named(), &token(), &[good], |_| ()));
    assert_eq!(unknown, CertificateError::PeerUnknown { field: field.clone() });
    let other = reason(verdict(named(), &token(), &[good], from("10.0.0.8")));
    let peer = "10.0.0.8".parse().unwrap();
    assert_eq!(other, CertificateError::OtherPeer { peer, field: field.clone() });
    let none = reason(verdict(named(), &token(), &[], from("10.0.0.7")));
    assert_eq!(none, CertificateError::NotForwarded { field: field.clone() });
    let empty = reason(verdict(named(), &token(), &[("client-cert", "::")], from("10.0.0.7")));
    assert_eq!(empty, CertificateError::NotForwarded { field: field.clone() });
    let unreadable = reason(verdict(named(), &token(), &[("client-cert", "x")], from("::ffff:10.0.0.7")));
    assert_eq!(unreadable, CertificateError::Forwarded(ProxyError::Unreadable { field: field.clone() }));
    let twice = reason(verdict(named(), &token(), &[good, good], from("10.0.0.7")));
    assert_eq!(twice, CertificateError::Forwarded(ProxyError::Repeated { field }));
    assert!(verdict(named(), &token(), &[good], from("::ffff:10.0.0.7")).unwrap().by_certificate());

    let log = Log::here();
    for server in servers(|builder| builder) {
        send(&server, &token(), &[]);
        let text = log.take();
        assert_eq!(text.matches("request rejected").count(), 1, "{text}");
        assert!(text.contains("put it as `ClientCertificate` into the extensions"), "{text}");
        assert!(text.contains(".trusted_proxies("), "{text}");
    }
}

/// A token that is bound to a key and a certificate, and a proof of that key for it.
fn bound_twice(certificate: &str) -> (String, String) {
    let key = DpopKey::generate(Algorithm::ES256).unwrap();
    let token = with_cnf(json!({"jkt": key.thumbprint(), "x5t#S256": certificate}));
    let proof = key.proof("GET", "https://api.example.com/me").for_token(&token);
    let proof = proof.issued_at(NumericDate::from_secs(NOW)).sign().unwrap();
    (token, proof)
}

#[test]
fn a_token_that_is_bound_to_a_key_and_a_certificate_needs_both() {
    let with = |all: &mut http::Extensions| drop(all.insert(certificate(&der())));
    let (token, proof) = bound_twice(THUMBPRINT);
    let dpop = format!("DPoP {token}");
    let shown = |fields: &[(&str, &str)], extend: fn(&mut http::Extensions)| verdict(builder(), &token, fields, extend);
    let both = shown(&[("authorization", &dpop), ("dpop", &proof)], with).unwrap();
    assert!(both.by_certificate() && both.by_dpop());
    let error = shown(&[("authorization", &dpop), ("dpop", &proof)], |_| ()).unwrap_err();
    assert!(matches!(error, AuthError::InvalidToken(TokenError::NoCertificate(_))), "{error}");
    let error = shown(&[("authorization", &dpop)], with).unwrap_err();
    assert!(matches!(error, AuthError::InvalidProof(ProofError::Missing)), "{error}");
    let error = shown(&[], with).unwrap_err();
    assert!(matches!(error, AuthError::InvalidToken(TokenError::Bound)), "{error}");
    let (token, proof) = bound_twice(&base64url(digest(&SHA256, OTHER)));
    let dpop = format!("DPoP {token}");
    let error = verdict(builder(), &token, &[("authorization", &dpop), ("dpop", &proof)], with).unwrap_err();
    assert!(matches!(error, AuthError::InvalidToken(TokenError::OtherCertificate)), "{error}");
}

#[test]
fn a_token_that_is_bound_to_a_certificate_is_none_for_dpop() {
    let key = DpopKey::generate(Algorithm::ES256).unwrap();
    let token = token();
    let proof = key.proof("GET", "https://api.example.com/me").for_token(&token);
    let proof = proof.issued_at(NumericDate::from_secs(NOW)).sign().unwrap();
    let dpop = format!("DPoP {token}");
    let with = |all: &mut http::Extensions| drop(all.insert(certificate(&der())));
    let error = verdict(builder(), "", &[("authorization", &dpop), ("dpop", &proof)], with).unwrap_err();
    assert!(matches!(error, AuthError::InvalidToken(TokenError::Bound)), "{error}");
}

#[test]
fn only_bound_tokens_are_accepted_where_that_is_demanded() {
    let with = |all: &mut http::Extensions| drop(all.insert(certificate(&der())));
    let unbound = hs256(&good_claims());
    let demanding = || builder().require_bound_tokens();
    assert!(verdict(demanding(), &token(), &[], with).unwrap().by_certificate());
    let error = verdict(demanding(), &unbound, &[], with).unwrap_err();
    assert!(matches!(error, AuthError::InvalidToken(TokenError::ProofRequired)), "{error}");
    let key = DpopKey::generate(Algorithm::ES256).unwrap();
    let token_of_key = with_cnf(json!({"jkt": key.thumbprint()}));
    let proof = key.proof("GET", "https://api.example.com/me").for_token(&token_of_key);
    let proof = proof.issued_at(NumericDate::from_secs(NOW)).sign().unwrap();
    let dpop = format!("DPoP {token_of_key}");
    let fields = [("authorization", &*dpop), ("dpop", &*proof)];
    assert!(verdict(demanding(), "", &fields, |_| ()).unwrap().by_dpop());
    let error = verdict(demanding(), &token_of_key, &[], with).unwrap_err();
    assert!(matches!(error, AuthError::InvalidToken(TokenError::Bound)), "{error}");
    // A certificate does where a cookie has the token, and not where a proof is demanded.
    let cookie = format!("token={}", token());
    let in_cookie = || demanding().source(TokenSource::cookie("token"));
    let fields = [("authorization", "Basic eDp5"), ("cookie", &*cookie)];
    assert!(verdict(in_cookie(), "", &fields, with).unwrap().by_certificate());
    let error = verdict(builder().require_dpop(), &token(), &[], with).unwrap_err();
    assert!(matches!(error, AuthError::InvalidToken(TokenError::NotBound)), "{error}");

    for server in servers(AuthenticatorBuilder::require_bound_tokens) {
        let reply = send(&server, &unbound, &[]);
        assert_eq!((told(&reply), reply.challenges().count()), (REFUSED, 2), "{}: {reply:?}", server.stack);
    }
    let error = builder().require_bound_tokens().dangerous_allow_bound_tokens().build().unwrap_err();
    assert_eq!(error, AuthenticatorBuildError::BoundContradiction);
}

#[test]
fn the_way_out_lets_tokens_pass_as_bearer_tokens_whatever_the_certificate() {
    let build = || builder().dangerous_allow_bound_tokens();
    assert_eq!(verdict(build(), &token(), &[], |_| ()).unwrap(), Possession::BEARER);
    let other = verdict(build(), &token(), &[], |all| drop(all.insert(certificate(OTHER)))).unwrap();
    assert_eq!(other, Possession::BEARER);
    assert!(verdict(build(), &token(), &[], |all| drop(all.insert(certificate(&der())))).unwrap().by_certificate());
}

/// The status of a request with a proof for that `htu`.
fn proven(server: &Server, host: &str, htu: &str, fields: &[(&str, &str)]) -> u16 {
    let key = DpopKey::generate(Algorithm::ES256).unwrap();
    let token = with_cnf(json!({"jkt": key.thumbprint()}));
    let proof = key.proof("GET", htu).for_token(&token).issued_at(NumericDate::from_secs(NOW)).sign().unwrap();
    let authorization = format!("DPoP {token}");
    let all = [&[("authorization", &*authorization), ("dpop", &*proof)], fields].concat();
    Connection::open(server.address).send(&request_to(host, "GET", "/me", &all)).status
}

const PUBLIC: &str = "https://api.example.com/me";
const INTERNAL: &str = "http://internal:8080/me";

#[test]
fn a_named_proxy_says_the_address_that_the_client_used() {
    let cases: [(Build, &[(&str, bool)]); 4] = [
        (
            |builder| builder.trusted_proxies(TrustedProxies::at(["127.0.0.1"]).forwarded()),
            &[
                ("proto=https;host=api.example.com", true),
                ("for=192.0.2.1;Proto=HTTPS;Host=\"API.example.com:443\"", true),
                ("for=\"[2001:db8::1]\"; proto=https; host=api.example.com", true),
                ("proto=http;host=evil.example, proto=https;host=api.example.com", true),
                ("proto=https;host=api.example.com, for=10.0.0.1;proto=http;host=internal", false),
                ("proto=http;host=api.example.com", false),
                ("proto=https;host=other.example.com", false),
                ("proto=https;host=\"api.example.com:8443\"", false),
                ("host=api.example.com", false),
                ("proto=https", false),
                ("proto=https;proto=https;host=api.example.com", false),
                ("proto=https;host=api.example.com;host=api.example.com", false),
                ("proto=wss;host=api.example.com", false),
                ("proto=https;host=api.example.com/", false),
                ("proto=https;host=\"user@api.example.com\"", false),
                ("proto=https;host=\"api.example.com", false),
                ("for=\", proto=https;host=api.example.com", false),
                ("proto=https;host", false),
                ("https", false),
                ("", false),
            ],
        ),
        (
            |builder| {
                let proxies = TrustedProxies::at(["127.0.0.1"]).x_forwarded_proto().x_forwarded_host();
                builder.trusted_proxies(proxies)
            },
            &[
                ("https api.example.com", true),
                ("HTTPS API.example.com:443", true),
                ("http,https evil.example,api.example.com", true),
                ("https,http api.example.com", false),
                ("https api.example.com,evil.example", false),
                ("http api.example.com", false),
                ("https evil.example", false),
                ("https -", false),
                ("- api.example.com", false),
                ("ftp api.example.com", false),
                ("https, api.example.com", false),
                ("https api.example.com,", false),
            ],
        ),
        // What is not said to be set is what the client makes of it.
        (
            |builder| builder.trusted_proxies(TrustedProxies::at(["127.0.0.1"]).x_forwarded_proto()),
            &[("https api.example.com", false), ("https -", false)],
        ),
        (
            |builder| builder.trusted_proxies(TrustedProxies::at(["10.0.0.7"]).forwarded()),
            &[("proto=https;host=api.example.com", false)],
        ),
    ];
    for (build, values) in cases {
        for server in servers(build) {
            for (value, good) in values {
                let fields: Vec<(&str, &str)> = match value.split_once(' ') {
                    Some((proto, host)) if !value.contains('=') => {
                        [("x-forwarded-proto", proto), ("x-forwarded-host", host)]
                            .into_iter()
                            .filter(|(_, value)| *value != "-")
                            .collect()
                    }
                    _ => vec![("forwarded", value)],
                };
                let status = proven(&server, "internal:8080", PUBLIC, &fields);
                assert_eq!(status, if *good { 200 } else { 401 }, "{} {value}", server.stack);
                // The address here is none that a client used, if a proxy says another one.
                if *good {
                    assert_eq!(proven(&server, "internal:8080", INTERNAL, &fields), 401, "{} {value}", server.stack);
                }
            }
        }
    }
}

#[test]
fn what_the_proxy_does_not_say_is_as_the_request_has_it() {
    let proto: Build = |builder| builder.trusted_proxies(TrustedProxies::at(["127.0.0.1"]).x_forwarded_proto());
    let forwarded: Build = |builder| builder.trusted_proxies(TrustedProxies::at(["127.0.0.1"]).forwarded());
    for (build, fields) in [(proto, ("x-forwarded-proto", "https")), (forwarded, ("forwarded", "proto=https"))] {
        for server in servers(build) {
            assert_eq!(proven(&server, "api.example.com", PUBLIC, &[fields]), 200, "{}", server.stack);
            assert_eq!(proven(&server, "api.example.com", "http://api.example.com/me", &[fields]), 401);
            assert_eq!(proven(&server, "api.example.com", PUBLIC, &[]), 401, "the proxy sets it: {}", server.stack);
            // Several fields are one list.
            let earlier = (fields.0, "\"");
            assert_eq!(proven(&server, "api.example.com", PUBLIC, &[earlier, fields]), 200, "{}", server.stack);
            assert_eq!(proven(&server, "api.example.com", PUBLIC, &[fields, earlier]), 401, "{}", server.stack);
        }
    }
    // A certificate alone says nothing of the address, and a public origin says all of it.
    for server in servers(|builder| builder.trusted_proxies(TrustedProxies::at(["127.0.0.1"]).client_cert())) {
        assert_eq!(proven(&server, "api.example.com", PUBLIC, &[]), 200, "{}", server.stack);
    }
    let public: Build = |builder| {
        let proxies = TrustedProxies::at(["127.0.0.1"]).forwarded();
        builder.public_origin("https://api.example.com").trusted_proxies(proxies)
    };
    for server in servers(public) {
        for fields in [&[][..], &[("forwarded", "proto=http;host=internal")], &[("forwarded", "garbage")]] {
            assert_eq!(proven(&server, "internal:8080", PUBLIC, fields), 200, "{} {fields:?}", server.stack);
        }
    }
}

#[test]
fn the_log_says_what_is_wrong_with_the_field_of_a_proxy() {
    let log = Log::here();
    for server in servers(|builder| builder.trusted_proxies(TrustedProxies::at(["127.0.0.1"]).forwarded())) {
        for (fields, text) in [
            (&[][..], "the proxy has sent no `forwarded`, which it was said to set"),
            (&[("forwarded", "host=a")], "`forwarded` of the proxy is not in the form that is expected of it"),
        ] {
            assert_eq!(proven(&server, "api.example.com", PUBLIC, fields), 401);
            let log = log.take();
            assert!(log.contains(text) && log.matches("request rejected").count() == 1, "{log}");
        }
    }
}

#[test]
fn a_layer_inside_of_a_nested_router_of_axum_sees_the_address_that_the_client_used() {
    async fn me(Claims(user): Claims<User>) -> String {
        user.name.clone()
    }
    fn status<R>(layer: JwtAuth<R>, htu: &str) -> u16
    where
        R: RejectionBody<axum::body::Body> + Clone + Send + Sync + 'static,
    {
        let key = DpopKey::generate(Algorithm::ES256).unwrap();
        let token = with_cnf(json!({"jkt": key.thumbprint()}));
        let proof = key.proof("GET", htu).for_token(&token).issued_at(NumericDate::from_secs(NOW)).sign().unwrap();
        let inner = axum::Router::new().route("/me", axum::routing::get(me)).layer(layer);
        let app = axum::Router::new().nest("/api", inner);
        let request = http::Request::get("/api/me?a=b").header("host", "api.example.com");
        let request = request.header("authorization", format!("DPoP {token}")).header("dpop", proof);
        let answer = app.oneshot(request.body(Empty::<Bytes>::new()).unwrap());
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(answer).unwrap().status().as_u16()
    }
    let layer = || JwtAuth::new(builder().build().unwrap());
    for (htu, plain, original) in
        [("https://api.example.com/api/me", 401, 200), ("https://api.example.com/me", 200, 401)]
    {
        assert_eq!(status(layer(), htu), plain, "{htu}");
        assert_eq!(status(layer().uri_from::<OriginalUri>(), htu), original, "{htu}");
        // What a rejection looks like changes nothing of it.
        let worded = layer().uri_from::<OriginalUri>().on_rejection(|_, _, head| head.map(|()| String::new()));
        assert_eq!(status(worded, htu), original, "{htu}");
    }
}

#[test]
fn proxies_that_nothing_is_taken_from_or_that_are_everybody_are_errors() {
    let error = |proxies: TrustedProxies| builder().trusted_proxies(proxies).build().unwrap_err();
    for network in ["", "proxy", "10.0.0.7/8", "0.0.0.0/0", "::/0", "10.0.0.7:80"] {
        let expected = AuthenticatorBuildError::TrustedProxy { network: network.into() };
        assert_eq!(error(TrustedProxies::at(["10.0.0.7", network]).client_cert()), expected);
    }
    for proxies in [
        TrustedProxies::at(["10.0.0.7"]),
        TrustedProxies::dangerous_every_peer(),
        TrustedProxies::at([] as [&str; 0]).client_cert(),
        TrustedProxies::at(["10.0.0.7"]).forwarded().x_forwarded_proto(),
        TrustedProxies::at(["10.0.0.7"]).forwarded().x_forwarded_host(),
    ] {
        assert_eq!(error(proxies), AuthenticatorBuildError::TrustedProxyFields);
    }
    let expected = AuthenticatorBuildError::CertificateField { field: "no name".into() };
    assert_eq!(error(TrustedProxies::at(["10.0.0.7"]).client_cert_pem("no name")), expected);
    let twice = error(TrustedProxies::at(["10.0.0.7"]).client_cert().x_forwarded_client_cert());
    assert_eq!(twice, AuthenticatorBuildError::SetTwice { setting: "TrustedProxies::x_forwarded_client_cert" });
}
