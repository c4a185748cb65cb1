//! Tokens that are bound to a key of their client (RFC 9449), against every stack: what a proof has to be, and what becomes of
//! everything else.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use acceptance::{
    Connection, Log, NOW, Reply, STACKS, Server, User, base64url, builder, good_claims, hs256, request_to,
};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use jwt_core::binding::{Dpop, DpopKey, DpopNonces};
use jwt_core::clock::{Clock, NumericDate};
use jwt_core::error::{AuthError, AuthenticatorBuildError, ProofError, TokenError, Unavailable};
use jwt_core::metadata::ResourceMetadata;
use jwt_core::verify::{CredentialKind, LookUp, LookedUp};
use jwt_core::{Algorithm, Authenticator, AuthenticatorBuilder, KeySet, TokenSource};
use serde_json::{Value, json};

const ORIGIN: &str = "https://api.example.com";
const URL: &str = "https://api.example.com/me";
const ALGS: &str = "algs=\"Ed25519 EdDSA ES256 ";

type Build = fn(AuthenticatorBuilder<User>) -> AuthenticatorBuilder<User>;

/// A key pair of P-256 that signs whatever it is told to, from outside of this project.
struct Key {
    pair: EcdsaKeyPair,
}

impl Key {
    fn new() -> Self {
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref()).unwrap();
        Self { pair }
    }

    fn jwk(&self) -> Value {
        let point = self.pair.public_key().as_ref();
        json!({"kty": "EC", "crv": "P-256", "x": base64url(&point[1..33]), "y": base64url(&point[33..])})
    }

    fn thumbprint(&self) -> String {
        let jwk = self.jwk();
        let text = format!(r#"{{"crv":"P-256","kty":"EC","x":{},"y":{}}}"#, jwk["x"], jwk["y"]);
        base64url(digest(&SHA256, text.as_bytes()))
    }

    fn header(&self) -> Value {
        json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": self.jwk()})
    }

    fn sign(&self, header: &str, claims: &str) -> String {
        let message = format!("{}.{}", base64url(header), base64url(claims));
        let signature = self.pair.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
        format!("{message}.{}", base64url(signature))
    }

    fn token(&self) -> String {
        with_cnf(&json!({"jkt": self.thumbprint()}))
    }

    fn proof(&self, token: &str) -> String {
        self.sign(&self.header().to_string(), &claims(token).to_string())
    }
}

/// The claims of a good proof, each time with another `jti`.
fn claims(token: &str) -> Value {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let jti = format!("proof {}", NEXT.fetch_add(1, Ordering::Relaxed));
    json!({"jti": jti, "htm": "GET", "htu": URL, "iat": NOW, "ath": base64url(digest(&SHA256, token.as_bytes()))})
}

fn with_cnf(cnf: &Value) -> String {
    let mut claims = good_claims();
    claims["cnf"] = cnf.clone();
    hs256(&claims)
}

fn at(seconds: u64) -> NumericDate {
    NumericDate::from_secs(seconds)
}

fn servers(build: Build) -> Vec<Server> {
    STACKS.map(|stack| stack.start(build(builder()).build().unwrap())).into()
}

fn usual() -> Vec<Server> {
    servers(|builder| builder.public_origin(ORIGIN))
}

fn send(server: &Server, scheme: &str, token: &str, proofs: &[&str]) -> Reply {
    let authorization = format!("{scheme} {token}");
    let mut fields = vec![("authorization", &*authorization)];
    fields.extend(proofs.iter().map(|proof| ("dpop", *proof)));
    server.get("/me", &fields)
}

/// The status, and the reason in the challenge of that scheme.
fn told<'r>(reply: &'r Reply, scheme: &str) -> (u16, &'r str) {
    let challenge = reply.challenges().find(|challenge| challenge.starts_with(scheme)).unwrap_or_default();
    let reason = challenge.split_once("error=\"").and_then(|(_, rest)| rest.split('"').next()).unwrap_or_default();
    (reply.status, reason)
}

#[test]
fn a_bound_token_is_good_with_a_proof_of_its_key_and_never_without() {
    let key = Key::new();
    let token = key.token();
    for server in usual() {
        for _ in 0..3 {
            let reply = send(&server, "DPoP", &token, &[&key.proof(&token)]);
            assert_eq!(reply.status, 200, "{}: {reply:?}", server.stack);
            assert_eq!(serde_json::from_str::<User>(&reply.body).unwrap().name, "Alice");
            let reply = send(&server, "dpop", &token, &[&key.proof(&token)]);
            assert_eq!(reply.status, 200, "a scheme has no case: {reply:?}");
        }
        let reply = send(&server, "DPoP", &token, &[]);
        assert_eq!(told(&reply, "DPoP"), (401, "invalid_dpop_proof"), "{}: {reply:?}", server.stack);
        // RFC 9449 §7.2: what a thief would do.
        for proof in [None, Some(key.proof(&token))] {
            let proofs: Vec<&str> = proof.as_deref().into_iter().collect();
            let reply = send(&server, "Bearer", &token, &proofs);
            assert_eq!(told(&reply, "Bearer"), (401, "invalid_token"), "{}: {reply:?}", server.stack);
            assert_eq!(told(&reply, "DPoP").1, "", "the reason is told once: {reply:?}");
        }
        let unbound = hs256(&good_claims());
        let reply = send(&server, "DPoP", &unbound, &[&key.proof(&unbound)]);
        assert_eq!(told(&reply, "DPoP"), (401, "invalid_token"), "{}: {reply:?}", server.stack);
        assert_eq!(send(&server, "Bearer", &unbound, &[]).status, 200);
    }
}

#[test]
fn both_schemes_are_offered_where_both_are_accepted() {
    for server in usual() {
        let reply = server.get("/me", &[]);
        let challenges: Vec<&str> = reply.challenges().collect();
        assert_eq!((reply.status, challenges[0], challenges.len()), (401, "Bearer", 2), "{reply:?}");
        assert!(challenges[1].starts_with(&format!("DPoP {ALGS}")), "{reply:?}");
    }
    for server in servers(|builder| builder.public_origin(ORIGIN).require_dpop()) {
        let reply = server.get("/me", &[]);
        let challenges: Vec<&str> = reply.challenges().collect();
        assert!(challenges.len() == 1 && challenges[0].starts_with("DPoP algs="), "{reply:?}");
        let unbound = hs256(&good_claims());
        assert_eq!(told(&send(&server, "Bearer", &unbound, &[]), "DPoP"), (401, "invalid_token"));
        let key = Key::new();
        let token = key.token();
        assert_eq!(send(&server, "DPoP", &token, &[&key.proof(&token)]).status, 200);
        assert_eq!(told(&send(&server, "Bearer", &token, &[]), "DPoP"), (401, "invalid_token"));
    }
}

#[test]
fn one_proof_is_good_once() {
    let (key, other) = (Key::new(), Key::new());
    let token = key.token();
    for server in usual() {
        let first = key.proof(&token);
        assert_eq!(send(&server, "DPoP", &token, &[&first]).status, 200);
        for _ in 0..2 {
            let reply = send(&server, "DPoP", &token, &[&first]);
            assert_eq!(told(&reply, "DPoP"), (401, "invalid_dpop_proof"), "{}: {reply:?}", server.stack);
        }
        // The same name in another proof of the key is the same; with another key it is another one.
        let mut claims = claims(&token);
        let again = key.sign(&key.header().to_string(), &claims.to_string());
        assert_eq!(send(&server, "DPoP", &token, &[&again]).status, 200);
        claims["iat"] = (NOW - 1).into();
        let again = key.sign(&key.header().to_string(), &claims.to_string());
        assert_eq!(told(&send(&server, "DPoP", &token, &[&again]), "DPoP").0, 401);
        let others = other.token();
        claims["ath"] = base64url(digest(&SHA256, others.as_bytes())).into();
        let again = other.sign(&other.header().to_string(), &claims.to_string());
        assert_eq!(send(&server, "DPoP", &others, &[&again]).status, 200);
    }
}

/// What one proof of a request with a bound token is changed into, and the reason that the client is told.
#[test]
#[expect(clippy::too_many_lines, reason = "it is a table")]
fn everything_in_a_proof_is_checked() {
    let (key, other) = (Key::new(), Key::new());
    let token = key.token();
    let sign = |header: &Value, claims: &Value| key.sign(&header.to_string(), &claims.to_string());
    let with = |name: &str, value: Value| {
        let mut claims = claims(&token);
        claims[name] = value;
        sign(&key.header(), &claims)
    };
    let without = |name: &str| {
        let mut claims = claims(&token);
        claims.as_object_mut().unwrap().remove(name);
        sign(&key.header(), &claims)
    };
    let under = |name: &str, value: Value| {
        let mut header = key.header();
        header[name] = value;
        sign(&header, &claims(&token))
    };
    let under_jwk = |name: &str, value: Value| {
        let mut jwk = key.jwk();
        jwk[name] = value;
        under("jwk", jwk)
    };
    let mut refused = vec![
        ("empty", String::new()),
        ("no JWS", "proof".to_owned()),
        ("two parts", "a.b".to_owned()),
        ("no signature", key.proof(&token).rsplit_once('.').unwrap().0.to_owned() + "."),
        ("four parts", key.proof(&token) + ".x"),
        ("a list", format!("{}, {}", key.proof(&token), key.proof(&token))),
        ("too long", with("x", "x".repeat(20_000).into())),
        ("a long header", under("x", "x".repeat(9_000).into())),
        ("padding", key.proof(&token) + "="),
        ("the token itself", token.clone()),
        ("duplicate claims", {
            let claims = claims(&token).to_string().replace('{', r#"{"htm":"GET","#);
            key.sign(&key.header().to_string(), &claims)
        }),
        ("duplicate members", {
            let header = key.header().to_string().replacen('{', r#"{"typ":"dpop+jwt","#, 1);
            key.sign(&header, &claims(&token).to_string())
        }),
        ("duplicate members of the key", {
            let header = key.header().to_string().replace(r#""kty":"#, r#""kty":"EC","kty":"#);
            key.sign(&header, &claims(&token).to_string())
        }),
        ("too deep", {
            let claims = claims(&token).to_string().replacen(
                '{',
                &format!("{{\"x\":{}{},", "[".repeat(200), "]".repeat(200)),
                1,
            );
            key.sign(&key.header().to_string(), &claims)
        }),
        ("claims that are no object", key.sign(&key.header().to_string(), "[]")),
        ("something behind the claims", key.sign(&key.header().to_string(), &(claims(&token).to_string() + "x"))),
        ("crit", under("crit", json!(["exp"]))),
        ("b64", under("b64", json!(false))),
        ("another signature", {
            let (good, bad) = (key.proof(&token), other.proof(&token));
            format!("{}.{}", good.rsplit_once('.').unwrap().0, bad.rsplit_once('.').unwrap().1)
        }),
        ("a byte of the claims changed", {
            let claims = claims(&token).to_string().replace("GET", "PUT");
            let good = key.proof(&token);
            let mut parts = good.split('.');
            let (header, signature) = (parts.next().unwrap(), parts.nth(1).unwrap());
            format!("{header}.{}.{signature}", base64url(claims))
        }),
    ];
    for typ in [json!("JWT"), json!("at+jwt"), json!("dpop"), json!(""), json!(null), json!(1), json!("x/dpop+jwt")] {
        refused.push(("typ", under("typ", typ)));
    }
    for alg in ["none", "HS256", "ES384", "RS256", "es256", "", "EdDSA"] {
        refused.push(("alg", under("alg", alg.into())));
    }
    for jwk in [json!(null), json!("x"), json!({}), json!({"kty": "oct", "k": base64url([7; 32])}), json!([])] {
        refused.push(("jwk", under("jwk", jwk)));
    }
    for private in ["d", "p", "q", "dp", "dq", "qi", "oth", "priv", "k"] {
        refused.push(("a private member", under_jwk(private, base64url([7; 32]).into())));
    }
    for (name, value) in
        [("alg", json!("ES384")), ("use", json!("enc")), ("key_ops", json!(["sign"])), ("x", json!("AA"))]
    {
        refused.push(("a key that says something else", under_jwk(name, value)));
    }
    for name in ["jti", "htm", "htu", "iat", "ath"] {
        refused.push(("a missing claim", without(name)));
        refused.push(("null", with(name, Value::Null)));
        refused.push(("another type", with(name, json!([1]))));
        refused.push(("another type", with(name, json!({}))));
    }
    for (name, value) in [
        ("jti", json!("")),
        ("jti", json!("x".repeat(513))),
        ("jti", json!(1)),
        ("htm", json!("get")),
        ("htm", json!("POST")),
        ("htm", json!("")),
        ("htu", json!("http://api.example.com/me")),
        ("htu", json!("https://api.example.com/")),
        ("htu", json!("https://api.example.com/me/")),
        ("htu", json!("https://api.example.com/Me")),
        ("htu", json!("https://api.example.com:8443/me")),
        ("htu", json!("https://evil.example/me")),
        ("htu", json!("https://api.example.com.evil.example/me")),
        ("htu", json!("https://api.example.com@evil.example/me")),
        ("htu", json!("https://user@api.example.com/me")),
        ("htu", json!("/me")),
        ("htu", json!("")),
        ("htu", json!("https://api.example.com/me%00")),
        ("ath", json!("")),
        ("ath", json!(base64url(digest(&SHA256, b"another token")))),
        ("ath", json!(token)),
        ("iat", json!(NOW - 61)),
        ("iat", json!(NOW + 31)),
        ("iat", json!(NOW.to_string())),
        ("iat", json!(-1)),
        ("iat", json!(1e300)),
        ("iat", json!(true)),
        ("iat", json!(0)),
        ("nonce", json!(1)),
        ("exp", json!(NOW - 30)),
        ("exp", json!("soon")),
        ("exp", json!(-1)),
        ("nbf", json!(NOW + 31)),
        ("nbf", json!("soon")),
    ] {
        refused.push((name, with(name, value)));
    }
    let served = [
        ("typ", under("typ", "DPoP+JWT".into())),
        ("typ", under("typ", "application/dpop+jwt".into())),
        ("members that nobody knows", under("x", json!({"a": [1]}))),
        ("kid", under("kid", "k".into())),
        ("claims that nobody knows", with("x", json!({"a": [1]}))),
        ("a nonce that nobody asked for", with("nonce", "n".into())),
        ("query and fragment", with("htu", "https://api.example.com/me?a=b#c".into())),
        ("another spelling", with("htu", "HTTPS://API.example.com:443/%6de".into())),
        ("dots", with("htu", "https://api.example.com/x/../me".into())),
        ("as old as may be", with("iat", json!(NOW - 60))),
        ("as early as may be", with("iat", json!(NOW + 30))),
        ("an end of its own", with("exp", json!(NOW - 29))),
        ("a beginning of its own", with("nbf", json!(NOW + 30))),
        ("a fraction", with("iat", json!(1_789_999_999.5))),
        ("a key that says it is for this", under_jwk("use", "sig".into())),
        ("a key with a name", under_jwk("kid", "k".into())),
    ];
    for server in usual() {
        for (case, proof) in &refused {
            let reply = send(&server, "DPoP", &token, &[proof]);
            assert_eq!(told(&reply, "DPoP"), (401, "invalid_dpop_proof"), "{} {case}: {reply:?}", server.stack);
            assert_eq!(told(&reply, "Bearer").1, "", "{case}: {reply:?}");
            assert!(!reply.body.contains(&token), "{case}");
        }
        for (case, proof) in &served {
            let reply = send(&server, "DPoP", &token, &[proof]);
            assert_eq!(reply.status, 200, "{} {case}: {reply:?}", server.stack);
        }
        // Another key than that of the token: the token is not this client's (RFC 9449 §7.1).
        let reply = send(&server, "DPoP", &token, &[&other.proof(&token)]);
        assert_eq!(told(&reply, "DPoP"), (401, "invalid_token"), "{}: {reply:?}", server.stack);
        let reply = send(&server, "DPoP", &token, &[&key.proof(&token), &key.proof(&token)]);
        assert_eq!(told(&reply, "DPoP"), (401, "invalid_dpop_proof"), "{}: {reply:?}", server.stack);
    }
}

#[test]
fn a_token_that_is_bound_otherwise_is_refused() {
    let key = Key::new();
    let jkt = key.thumbprint();
    for cnf in [
        json!({}),
        json!(null),
        json!(1),
        json!([jkt]),
        json!({"jkt": null}),
        json!({"jkt": "short"}),
        json!({"jkt": format!("{jkt}=")}),
        json!({"kid": "k"}),
        json!({"jwk": key.jwk()}),
        json!({"x5t#S256": jkt}),
        json!({"jkt": Key::new().thumbprint()}),
    ] {
        let token = with_cnf(&cnf);
        for server in usual() {
            let reply = send(&server, "DPoP", &token, &[&key.proof(&token)]);
            assert_eq!(told(&reply, "DPoP"), (401, "invalid_token"), "{} {cnf}: {reply:?}", server.stack);
            let reply = send(&server, "Bearer", &token, &[]);
            assert_eq!(told(&reply, "Bearer"), (401, "invalid_token"), "{} {cnf}: {reply:?}", server.stack);
        }
    }
}

#[test]
fn a_bound_token_from_elsewhere_than_authorization_is_refused() {
    let key = Key::new();
    let token = key.token();
    let build: Build =
        |builder| builder.public_origin(ORIGIN).source(TokenSource::bearer()).source(TokenSource::cookie("token"));
    for server in servers(build) {
        let (cookie, proof) = (format!("token={token}"), key.proof(&token));
        let reply = server.get("/me", &[("cookie", &cookie), ("dpop", &proof)]);
        assert_eq!((reply.status, told(&reply, "Bearer").1), (401, "invalid_token"), "{reply:?}");
        // Two tokens are two tokens, whatever their scheme.
        let authorization = format!("DPoP {token}");
        let reply = server.get("/me", &[("cookie", &cookie), ("authorization", &authorization), ("dpop", &proof)]);
        assert_eq!(told(&reply, "DPoP"), (400, "invalid_request"), "{reply:?}");
    }
    for server in usual() {
        for value in ["DPoP", "DPoP ", "DPoP\ta", "DPoP a, b", "DPoP a b"] {
            let reply = server.get("/me", &[("authorization", value)]);
            assert_eq!(told(&reply, "DPoP"), (400, "invalid_request"), "{value}: {reply:?}");
        }
    }
}

#[test]
fn the_way_out_lets_bound_tokens_pass_as_bearer_tokens_and_still_checks_proofs() {
    let (key, other) = (Key::new(), Key::new());
    let token = key.token();
    for server in servers(|builder| builder.public_origin(ORIGIN).dangerous_allow_bound_tokens()) {
        assert_eq!(send(&server, "Bearer", &token, &[]).status, 200);
        assert_eq!(send(&server, "DPoP", &token, &[&key.proof(&token)]).status, 200);
        assert_eq!(send(&server, "DPoP", &token, &[&other.proof(&token)]).status, 401);
        assert_eq!(send(&server, "DPoP", &token, &[]).status, 401);
    }
}

#[test]
fn without_a_public_origin_the_host_of_the_request_counts() {
    let key = Key::new();
    let token = key.token();
    for server in servers(|builder| builder) {
        for (host, htu, status) in [
            ("api.example.com", "https://api.example.com/me", 200),
            ("api.example.com", "http://api.example.com/me", 200),
            ("API.example.com:443", "https://api.example.com/me", 200),
            ("api.example.com:8080", "http://api.example.com:8080/me", 200),
            ("api.example.com", "https://other.example.com/me", 401),
            ("api.example.com:8080", "http://api.example.com/me", 401),
        ] {
            let mut claims = claims(&token);
            claims["htu"] = htu.into();
            let proof = key.sign(&key.header().to_string(), &claims.to_string());
            let authorization = format!("DPoP {token}");
            let head = request_to(host, "GET", "/me?a=b", &[("authorization", &authorization), ("dpop", &proof)]);
            let reply = Connection::open(server.address).send(&head);
            assert_eq!(reply.status, status, "{} {host} {htu}: {reply:?}", server.stack);
        }
    }
}

#[test]
fn a_public_origin_may_have_a_path_that_a_proxy_takes_off_and_there_may_be_several() {
    let key = Key::new();
    let token = key.token();
    for server in
        servers(|builder| builder.public_origin("https://example.com/api/").public_origin("http://internal:8080"))
    {
        for (htu, status) in [
            ("https://example.com/api/me", 200),
            ("http://internal:8080/me", 200),
            ("https://example.com/me", 401),
            ("http://internal:8080/api/me", 401),
            ("http://localhost/me", 401),
        ] {
            let mut claims = claims(&token);
            claims["htu"] = htu.into();
            let proof = key.sign(&key.header().to_string(), &claims.to_string());
            let reply = send(&server, "DPoP", &token, &[&proof]);
            assert_eq!(reply.status, status, "{} {htu}: {reply:?}", server.stack);
        }
    }
}

#[test]
fn a_full_memory_refuses_new_proofs_and_forgets_none() {
    let (key, other) = (Key::new(), Key::new());
    for server in servers(|builder| builder.public_origin(ORIGIN).dpop(Dpop::new().max_proofs(1000, 3))) {
        let token = key.token();
        let proofs: Vec<String> = (0..5).map(|_| key.proof(&token)).collect();
        let statuses: Vec<u16> = proofs.iter().map(|proof| send(&server, "DPoP", &token, &[proof]).status).collect();
        assert_eq!(statuses, [200, 200, 200, 503, 503], "{}", server.stack);
        let reply = send(&server, "DPoP", &token, &[&proofs[4]]);
        assert_eq!((reply.header("retry-after"), reply.challenges().count()), (Some("1"), 0), "{reply:?}");
        assert_eq!(told(&send(&server, "DPoP", &token, &[&proofs[0]]), "DPoP").0, 401, "it was used");
        let token = other.token();
        assert_eq!(send(&server, "DPoP", &token, &[&other.proof(&token)]).status, 200, "somebody else's");
    }
}

/// A clock that is moved by hand.
#[derive(Clone)]
struct Moving(Arc<AtomicU64>);

impl Clock for Moving {
    fn now(&self) -> NumericDate {
        at(self.0.load(Ordering::SeqCst))
    }
}

#[test]
fn a_demanded_nonce_comes_with_the_refusal_and_in_time_with_answers() {
    let key = Key::new();
    let token = key.token();
    for stack in STACKS {
        let clock = Moving(Arc::new(NOW.into()));
        let nonces = DpopNonces::new([7; 32]).unwrap();
        let auth = Authenticator::<User>::builder()
            .keys(KeySet::hs256(acceptance::SECRET).unwrap())
            .issuer(acceptance::ISSUER)
            .audience(acceptance::AUDIENCE)
            .clock(clock.clone())
            .public_origin(ORIGIN)
            .dpop(Dpop::new().nonces(&nonces));
        let server = stack.start(auth.build().unwrap());
        let with = |nonce: Option<&str>| {
            let mut claims = claims(&token);
            claims["iat"] = clock.now().as_secs().into();
            claims["nonce"] = nonce.into();
            let proof = key.sign(&key.header().to_string(), &claims.to_string());
            send(&server, "DPoP", &token, &[&proof])
        };
        let reply = with(None);
        assert_eq!(told(&reply, "DPoP"), (401, "use_dpop_nonce"), "{}: {reply:?}", server.stack);
        let nonce = reply.header("dpop-nonce").unwrap().to_owned();
        for _ in 0..2 {
            let reply = with(Some(&nonce));
            assert_eq!((reply.status, reply.header("dpop-nonce")), (200, None), "{}: {reply:?}", server.stack);
        }
        assert_eq!(told(&with(Some("made up")), "DPoP"), (401, "use_dpop_nonce"));
        clock.0.fetch_add(150, Ordering::SeqCst);
        let reply = with(Some(&nonce));
        assert_eq!(reply.status, 200, "{}: {reply:?}", server.stack);
        let next = reply.header("dpop-nonce").unwrap().to_owned();
        assert_ne!(next, nonce);
        clock.0.fetch_add(150, Ordering::SeqCst);
        let reply = with(Some(&nonce));
        assert_eq!(told(&reply, "DPoP"), (401, "use_dpop_nonce"), "it has run out: {reply:?}");
        assert!(reply.header("dpop-nonce").is_some());
        let reply = with(Some(&next));
        assert_eq!(reply.status, 200, "{}: {reply:?}", server.stack);
        // Nothing of that for a bearer token, and none without a good token.
        let reply = send(&server, "Bearer", &hs256(&good_claims()), &[]);
        assert_eq!((reply.status, reply.header("dpop-nonce")), (200, None), "{}: {reply:?}", server.stack);
    }
}

#[test]
fn a_handler_and_a_guard_see_how_a_token_was_shown_to_be_its_senders() {
    let key = DpopKey::generate(Algorithm::Ed25519).unwrap();
    let mut claims = good_claims();
    claims["cnf"] = json!({"jkt": key.thumbprint()});
    let token = hs256(&claims);
    let auth = builder().public_origin(ORIGIN).build().unwrap();
    let proof = key.proof("GET", "https://api.example.com/me?x=y").for_token(&token).issued_at(at(NOW)).sign().unwrap();
    let request = http::Request::get("/me").header("authorization", format!("DPoP {token}")).header("dpop", proof);
    let verdict = auth.authenticate(&request.body(()).unwrap());
    let verified = verdict.outcome().unwrap().result().unwrap().unwrap();
    assert!(
        verified.possession().by_dpop() && verified.possession().is_bound() && !verified.possession().by_certificate()
    );
    // Of a bare token nobody can say so.
    let error = auth.verifier().verify(&token).unwrap_err();
    assert!(matches!(error, AuthError::InvalidToken(TokenError::Bound)), "{error}");
}

#[test]
fn keys_of_every_algorithm_that_is_offered_make_proofs_that_are_good() {
    let auth = builder().public_origin(ORIGIN).build().unwrap();
    let answer = auth.answer(&AuthError::MissingToken);
    let algs = answer.challenges()[1].to_str().unwrap().split('"').nth(1).unwrap().to_owned();
    let mut tried = 0;
    for algorithm in algs.split(' ').map(|name| name.parse::<Algorithm>().unwrap()) {
        // The pure-Rust backend makes no RSA keys, and RSA keys take their time: one of them is enough.
        if algorithm.as_str().starts_with("RS") || matches!(algorithm, Algorithm::PS384 | Algorithm::PS512) {
            continue;
        }
        let Ok(key) = DpopKey::generate(algorithm) else { continue };
        let mut claims = good_claims();
        claims["cnf"] = json!({"jkt": key.thumbprint()});
        let token = hs256(&claims);
        for _ in 0..2 {
            let proof = key.proof("GET", URL).for_token(&token).issued_at(at(NOW)).sign().unwrap();
            let request = http::Request::get("/me").header("authorization", format!("DPoP {token}"));
            let request = request.header("dpop", &proof).body(()).unwrap();
            let result = auth.authenticate(&request).outcome().unwrap().result();
            assert!(result.is_ok(), "{algorithm}: {result:?}");
        }
        tried += 1;
    }
    assert!(tried >= 4, "{tried}");
}

#[test]
fn the_log_says_what_is_wrong_with_a_proof() {
    let key = Key::new();
    let token = key.token();
    let log = Log::here();
    for server in usual() {
        let mut claims = claims(&token);
        claims["htu"] = "https://internal/me\n".into();
        let proof = key.sign(&key.header().to_string(), &claims.to_string());
        send(&server, "DPoP", &token, &[&proof]);
        let text = log.take();
        assert_eq!(text.matches("request rejected").count(), 1, "{text}");
        let expected = r#"`htu` of the proof is "https://internal/me\n", which is not the address of the request, "https://api.example.com/me": if clients use another one, say so by `.public_origin"#;
        assert!(text.contains(expected), "{text}");
        assert!(!text.contains(&proof) && !text.contains(&token), "{text}");
    }
}

#[test]
fn settings_that_contradict_each_other_or_accept_nothing_are_errors() {
    let error = |build: Build| build(builder()).build().err().unwrap();
    for origin in ["api.example.com", "https://", "ftp://a", "https://user@a", "https://a?b", "https://a#b", ""] {
        let error = builder().public_origin(origin).build().unwrap_err();
        assert_eq!(error, AuthenticatorBuildError::PublicOrigin { origin: origin.into() });
    }
    let hmac = error(|builder| builder.dpop(Dpop::new().algorithm(Algorithm::HS256)));
    assert_eq!(hmac, AuthenticatorBuildError::ProofAlgorithm { algorithm: Algorithm::HS256 });
    for dpop in [Dpop::new().max_proofs(0, 1), Dpop::new().max_proofs(1, 0), Dpop::new().max_age(Duration::ZERO)] {
        assert_eq!(builder().dpop(dpop).build().unwrap_err(), AuthenticatorBuildError::NoProofs);
    }
    let contradiction = AuthenticatorBuildError::DpopContradiction;
    assert_eq!(error(|builder| builder.require_dpop().dangerous_allow_bound_tokens()), contradiction);
    assert_eq!(error(|builder| builder.require_dpop().source(TokenSource::cookie("token"))), contradiction);
    assert_eq!(
        error(|builder| builder.dpop(Dpop::new().max_age(Duration::from_secs(1)).max_age(Duration::from_secs(2)))),
        AuthenticatorBuildError::SetTwice { setting: "Dpop::max_age" }
    );
}

#[test]
fn errors_of_proofs_keep_what_they_are_about() {
    let auth = builder().public_origin(ORIGIN).build().unwrap();
    let key = Key::new();
    let token = key.token();
    let refused = |scheme: &str, proof: Option<&str>| {
        let mut request = http::Request::get("/me").header("authorization", format!("{scheme} {token}"));
        if let Some(proof) = proof {
            request = request.header("dpop", proof);
        }
        auth.authenticate(&request.body(()).unwrap()).outcome().unwrap().result().unwrap_err()
    };
    assert!(matches!(refused("DPoP", None), AuthError::InvalidProof(ProofError::Missing)));
    let mut old = claims(&token);
    old["iat"] = (NOW - 100).into();
    let old = key.sign(&key.header().to_string(), &old.to_string());
    let error = refused("DPoP", Some(&old));
    assert!(matches!(error, AuthError::InvalidProof(ProofError::TooOld { by }) if by.as_secs() == 40), "{error}");
    assert_eq!(Unavailable::Proofs.retry_after(), Duration::from_secs(1));
}

#[test]
fn the_metadata_of_the_resource_says_which_proofs_are_accepted() {
    let document = || {
        ResourceMetadata::builder("https://api.example.com")
            .authorization_server("https://login.example.com")
            .build()
            .unwrap()
    };
    let metadata = document();
    let auth = builder().resource_metadata(&metadata).build().unwrap();
    let read = |metadata: &ResourceMetadata| serde_json::from_str::<Value>(metadata.json()).unwrap();
    let algorithms = read(&metadata)["dpop_signing_alg_values_supported"].clone();
    assert_eq!(algorithms[0], "Ed25519");
    let answer = auth.answer(&AuthError::MissingToken);
    let told: Vec<&str> = algorithms.as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    assert!(answer.challenges()[1].to_str().unwrap().contains(&format!("algs=\"{}\"", told.join(" "))));
    assert_eq!(read(&metadata)["dpop_bound_access_tokens_required"], Value::Null);
    // The same again is no contradiction, something else is one.
    builder().resource_metadata(&metadata).build().unwrap();
    let error = builder().resource_metadata(&metadata).require_dpop().build().unwrap_err();
    assert_eq!(error, AuthenticatorBuildError::SharedMetadata);
    let metadata = document();
    builder()
        .resource_metadata(&metadata)
        .require_dpop()
        .dpop(Dpop::new().algorithm(Algorithm::ES256))
        .build()
        .unwrap();
    assert_eq!(read(&metadata)["dpop_signing_alg_values_supported"], json!(["ES256"]));
    assert_eq!(read(&metadata)["dpop_bound_access_tokens_required"], true);
    // Where no proof can come, none is spoken of.
    let metadata = document();
    builder().resource_metadata(&metadata).source(TokenSource::cookie("token")).build().unwrap();
    assert_eq!(read(&metadata)["dpop_signing_alg_values_supported"], Value::Null);
}

/// Looked up elsewhere, as a token of another issuer that is no JWT.
struct LookedUpElsewhere;

impl CredentialKind for LookedUpElsewhere {
    fn recognizes(&self, token: &[u8]) -> bool {
        token.starts_with(b"Kz~")
    }

    fn look_up<'a>(&'a self, _: &'a [u8]) -> LookUp<'a> {
        let claims = r#"{"sub":"alice","name":"Alice","cnf":{"jkt":"0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}}"#;
        Box::pin(async move { Ok(Some(LookedUp::new(claims))) })
    }
}

/// RFC 9449 §7.1: the token, the proof that comes with it, and the thumbprint that §6.1 has in its example of `cnf`.
#[test]
fn the_example_of_the_standard_is_accepted_once_and_at_its_time() {
    const TOKEN: &str = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";
    const PROOF: &str = concat!(
        "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0Rsc",
        "EJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In",
        "19.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN",
        "0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.",
        "2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA",
    );
    for (now, good) in [(1_562_262_618, true), (1_562_262_678, true), (1_562_262_679, false), (1_562_262_587, false)] {
        let auth = Authenticator::<User>::builder()
            .credentials(LookedUpElsewhere)
            .clock(Moving(Arc::new(now.into())))
            .public_origin("https://resource.example.org")
            .build()
            .unwrap();
        let send = || {
            let request = http::Request::get("/protectedresource").header("authorization", format!("DPoP {TOKEN}"));
            let verdict = auth.authenticate(&request.header("dpop", PROOF).body(()).unwrap());
            tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(verdict.settled()).result()
        };
        let first = send();
        assert_eq!(first.is_ok(), good, "{now}: {first:?}");
        assert!(send().is_err(), "{now}: it was used");
    }
}
