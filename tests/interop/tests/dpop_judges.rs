//! A second opinion on proofs (RFC 9449): some two hundred, good ones and ones that are broken in one thing each, go to our
//! servers and to two packages of npm. Where we do not agree, the clause is here, and nowhere else may we disagree.

mod disagreements;

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use acceptance::{AUDIENCE, Connection, ISSUER, STACKS, Server, User, base64url, request_to};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm, KeyPair,
};
use interop_tests::{Judged, Library, Peer};
use jwt_core::binding::DpopKey;
use jwt_core::{Algorithm, Authenticator, KeySet};
use serde_json::{Value, json};

use disagreements::{LAXER, STRICTER};

const URL: &str = "https://api.example.com/me";
pub(super) const OAUTH: &str = "oauth4webapi";
pub(super) const EXPRESS: &str = "express-oauth2-jwt-bearer";

/// The issuer: its keys as everybody gets them, and its tokens, also such as no signer of ours makes.
struct Tokens {
    key: Key,
    jwks: Value,
    now: u64,
}

impl Tokens {
    fn new() -> Self {
        let key = Key::new();
        let mut jwk = key.jwk();
        (jwk["alg"], jwk["use"], jwk["kid"]) = ("ES256".into(), "sig".into(), "issuer".into());
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
        Self { key, jwks: json!({"keys": [jwk]}), now }
    }

    fn token(&self, cnf: Option<&Value>) -> String {
        let mut claims = json!({
            "iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "name": "Alice", "client_id": "peer", "jti": "token",
            "iat": self.now, "exp": self.now + 600,
        });
        if let Some(cnf) = cnf {
            claims["cnf"] = cnf.clone();
        }
        let header = json!({"typ": "at+jwt", "alg": "ES256", "kid": "issuer"});
        self.key.sign(&header.to_string(), &claims.to_string())
    }

    fn bound_to(&self, jkt: &str) -> String {
        self.token(Some(&json!({"jkt": jkt})))
    }
}

/// A key of P-256 that signs whatever it is told to.
struct Key(Vec<u8>);

impl Key {
    fn new() -> Self {
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).unwrap();
        Self(document.as_ref().to_vec())
    }

    fn pair(&self, algorithm: &'static EcdsaSigningAlgorithm) -> EcdsaKeyPair {
        EcdsaKeyPair::from_pkcs8(algorithm, &self.0).unwrap()
    }

    fn jwk(&self) -> Value {
        let pair = self.pair(&ECDSA_P256_SHA256_FIXED_SIGNING);
        let point = pair.public_key().as_ref();
        json!({"kty": "EC", "crv": "P-256", "x": base64url(&point[1..33]), "y": base64url(&point[33..])})
    }

    fn thumbprint(&self) -> String {
        let jwk = self.jwk();
        hash(format!(r#"{{"crv":"P-256","kty":"EC","x":{},"y":{}}}"#, jwk["x"], jwk["y"]).as_bytes())
    }

    fn header(&self) -> Value {
        json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": self.jwk()})
    }

    fn signature(&self, message: &str, algorithm: &'static EcdsaSigningAlgorithm) -> Vec<u8> {
        self.pair(algorithm).sign(&SystemRandom::new(), message.as_bytes()).unwrap().as_ref().to_vec()
    }

    /// Signs these texts as they are.
    fn sign(&self, header: &str, claims: &str) -> String {
        self.sign_segments(&base64url(header), &base64url(claims))
    }

    fn sign_segments(&self, header: &str, claims: &str) -> String {
        let message = format!("{header}.{claims}");
        let signature = self.signature(&message, &ECDSA_P256_SHA256_FIXED_SIGNING);
        format!("{message}.{}", base64url(signature))
    }
}

fn hash(text: &[u8]) -> String {
    base64url(digest(&SHA256, text))
}

/// One request: what stands in `Authorization` and in `DPoP`.
struct Case {
    name: String,
    method: &'static str,
    authorization: String,
    proof: String,
}

/// What the cases are made of: a token, its key, and the claims of a good proof.
struct Maker<'t> {
    tokens: &'t Tokens,
    key: Key,
    token: String,
    cases: Vec<Case>,
}

impl<'t> Maker<'t> {
    fn new(tokens: &'t Tokens) -> Self {
        let key = Key::new();
        let token = tokens.bound_to(&key.thumbprint());
        Self { tokens, key, token, cases: Vec::new() }
    }

    fn claims(&self) -> Value {
        let jti = format!("proof {}", self.cases.len());
        json!({"jti": jti, "htm": "GET", "htu": URL, "iat": self.tokens.now, "ath": hash(self.token.as_bytes())})
    }

    fn good(&self) -> String {
        self.key.sign(&self.key.header().to_string(), &self.claims().to_string())
    }

    fn add(&mut self, name: impl Into<String>, proof: String) {
        let authorization = format!("DPoP {}", self.token);
        self.add_request(name, "GET", authorization, proof);
    }

    fn add_request(&mut self, name: impl Into<String>, method: &'static str, authorization: String, proof: String) {
        self.cases.push(Case { name: name.into(), method, authorization, proof });
    }

    /// A good proof with another value of that claim, or without it.
    fn claim(&mut self, claim: &str, value: Option<Value>) {
        let mut claims = self.claims();
        let members = claims.as_object_mut().unwrap();
        let name = if let Some(value) = value {
            let name = format!("{claim} {}", shortened(&value.to_string()));
            members.insert(claim.to_owned(), value);
            name
        } else {
            members.remove(claim);
            format!("{claim} missing")
        };
        let proof = self.key.sign(&self.key.header().to_string(), &claims.to_string());
        self.add(name, proof);
    }

    /// The same for a member of the header, or of its key.
    fn header(&mut self, in_key: bool, member: &str, value: Option<Value>) {
        let mut header = self.key.header();
        let members = if in_key { header["jwk"].as_object_mut() } else { header.as_object_mut() }.unwrap();
        let of = if in_key { "jwk." } else { "header " };
        let name = if let Some(value) = value {
            let name = format!("{of}{member} {}", shortened(&value.to_string()));
            members.insert(member.to_owned(), value);
            name
        } else {
            members.remove(member);
            format!("{of}{member} missing")
        };
        let proof = self.key.sign(&header.to_string(), &self.claims().to_string());
        self.add(name, proof);
    }

    /// A good proof whose claims are changed as text.
    fn claims_text(&mut self, name: &str, change: impl FnOnce(String) -> String) {
        let claims = change(self.claims().to_string());
        let proof = self.key.sign(&self.key.header().to_string(), &claims);
        self.add(name, proof);
    }

    fn header_text(&mut self, name: &str, change: impl FnOnce(String) -> String) {
        let header = change(self.key.header().to_string());
        let proof = self.key.sign(&header, &self.claims().to_string());
        self.add(name, proof);
    }
}

fn shortened(text: &str) -> String {
    if text.len() > 60 { format!("{}… of {} bytes", &text[..20], text.len()) } else { text.to_owned() }
}

fn cases(tokens: &Tokens) -> Vec<Case> {
    let mut make = Maker::new(tokens);
    let now = tokens.now;
    make.add("good", make.good());
    of_claims(&mut make, now);
    of_addresses(&mut make);
    of_headers(&mut make);
    of_keys(&mut make);
    of_texts(&mut make);
    of_segments(&mut make);
    of_requests(&mut make);
    of_algorithms(&mut make);
    make.cases
}

fn of_claims(make: &mut Maker<'_>, now: u64) {
    let of_every_type = [json!(null), json!(true), json!(7), json!(""), json!([]), json!({}), json!(["GET"])];
    for claim in ["jti", "htm", "htu", "iat", "ath"] {
        make.claim(claim, None);
        for value in &of_every_type {
            make.claim(claim, Some(value.clone()));
        }
    }
    for method in ["get", "Get", "POST", "HEAD", " GET", "GET ", "G\u{0}ET", "*"] {
        make.claim("htm", Some(method.into()));
    }
    for age in [10, 45, 90, 200, 400, 3600] {
        make.claims_text(&format!("iat {age} seconds ago"), |text| {
            text.replace(&format!("\"iat\":{now}"), &format!("\"iat\":{}", now - age))
        });
    }
    for early in [10, 120, 200, 400] {
        make.claims_text(&format!("iat in {early} seconds"), |text| {
            text.replace(&format!("\"iat\":{now}"), &format!("\"iat\":{}", now + early))
        });
    }
    for (name, iat) in [
        ("iat with a fraction", format!("{now}.5")),
        ("iat with an exponent", format!("{}e1", now / 10)),
        ("iat as text", format!("\"{now}\"")),
        ("iat in milliseconds", format!("{now}000")),
        ("iat negative", format!("-{now}")),
        ("iat beyond all numbers", "1e400".to_owned()),
        ("iat in a list", format!("[{now}]")),
    ] {
        make.claims_text(name, |text| text.replace(&format!("\"iat\":{now}"), &format!("\"iat\":{iat}")));
    }
    let ath = hash(make.token.as_bytes());
    for (name, ath) in [
        ("ath with padding", format!("{ath}=")),
        ("ath in another case", ath.to_lowercase()),
        ("ath of another token", hash(b"another token")),
        ("ath cut", ath[..42].to_owned()),
        ("ath with something behind it", format!("{ath}A")),
        ("ath in hexadecimal digits", "0123456789abcdef".repeat(4)),
        ("ath that is the token", make.token.clone()),
    ] {
        let mut claims = make.claims();
        claims["ath"] = ath.into();
        let proof = make.key.sign(&make.key.header().to_string(), &claims.to_string());
        make.add(name, proof);
    }
    for jti in ["x", "\u{0}", "日本", &"x".repeat(512), &"x".repeat(513), &"x".repeat(4096)] {
        make.claim("jti", Some(jti.into()));
    }
    for nonce in [json!("nobody asked for it"), json!(""), json!(7), json!(null)] {
        make.claim("nonce", Some(nonce));
    }
    make.claims_text("exp that has passed", |text| text.replacen('{', &format!("{{\"exp\":{},", now - 3600), 1));
    make.claims_text("exp to come", |text| text.replacen('{', &format!("{{\"exp\":{},", now + 3600), 1));
    make.claims_text("nbf to come", |text| text.replacen('{', &format!("{{\"nbf\":{},", now + 3600), 1));
    make.claims_text("nbf that has passed", |text| text.replacen('{', &format!("{{\"nbf\":{},", now - 3600), 1));
    make.claim("exp", Some("soon".into()));
    make.claim("nbf", Some("soon".into()));
    make.claim("aud", Some("somebody else".into()));
    make.claim("iss", Some("somebody else".into()));
    make.claim("x", Some(json!({"a": [1, {"b": null}]})));
}

fn of_addresses(make: &mut Maker<'_>) {
    for url in [
        "https://api.example.com/me?page=2",
        "https://api.example.com/me#top",
        "https://api.example.com/me?#",
        "HTTPS://api.example.com/me",
        "https://API.Example.COM/me",
        "https://api.example.com:443/me",
        "https://api.example.com:0443/me",
        "https://api.example.com:/me",
        "https://api.example.com/%6De",
        "https://api.example.com/%6de",
        "https://api.example.com/m%65",
        "https://api.example.com/./me",
        "https://api.example.com/x/../me",
        "https://api.example.com/x/%2e%2e/me",
        "https://api.example.com/../me",
        "https://%61pi.example.com/me",
        "https://api.example.com",
        "https://api.example.com/",
        "https://api.example.com/me/",
        "https://api.example.com//me",
        "https://api.example.com/Me",
        "https://api.example.com/me/.",
        "https://api.example.com/me%2F",
        "https://api.example.com/me%00",
        "https://api.example.com/me%",
        "https://api.example.com/me ",
        " https://api.example.com/me",
        "https://api.example.com/m\te",
        "https://api.example.com/me\n",
        "https://api.example.com\\me",
        "https:/api.example.com/me",
        "https:api.example.com/me",
        "https:///api.example.com/me",
        "https://api.example.com./me",
        "https://api.example.com:80/me",
        "https://api.example.com:8443/me",
        "https://api.example.com:99999/me",
        "https://user@api.example.com/me",
        "https://user:password@api.example.com/me",
        "https://@api.example.com/me",
        "https://api.example.com@evil.example/me",
        "https://api.example.com.evil.example/me",
        "https://evil.example/me",
        "http://api.example.com/me",
        "wss://api.example.com/me",
        "//api.example.com/me",
        "/me",
        "me",
        "https://ａpi.example.com/me",
    ] {
        make.claim("htu", Some(url.into()));
    }
}

fn of_headers(make: &mut Maker<'_>) {
    make.header(false, "typ", None);
    for typ in [
        json!("DPoP+JWT"),
        json!("application/dpop+jwt"),
        json!("Application/DPoP+JWT"),
        json!("JWT"),
        json!("at+jwt"),
        json!("dpop"),
        json!("dpop+jwt "),
        json!("x/dpop+jwt"),
        json!(""),
        json!(null),
        json!(7),
        json!(["dpop+jwt"]),
    ] {
        make.header(false, "typ", Some(typ));
    }
    make.header(false, "alg", None);
    for alg in ["none", "None", "HS256", "ES384", "RS256", "EdDSA", "es256", "ES256K", ""] {
        make.header(false, "alg", Some(alg.into()));
    }
    make.header(false, "alg", Some(json!(["ES256"])));
    for (name, value) in [
        ("crit", json!([])),
        ("crit", json!(["exp"])),
        ("crit", json!(["b64"])),
        ("crit", json!(null)),
        ("b64", json!(false)),
        ("b64", json!(true)),
        ("kid", json!("k")),
        ("kid", json!(7)),
        ("jku", json!("https://evil.example/jwks")),
        ("x5c", json!(["AAAA"])),
        ("x", json!({"a": [1]})),
        ("x", json!("x".repeat(9000))),
    ] {
        make.header(false, name, Some(value));
    }
}

fn of_keys(make: &mut Maker<'_>) {
    let (jwk, another) = (make.key.jwk(), Key::new());
    make.header(false, "jwk", None);
    for value in [json!(null), json!("x"), json!([]), json!({}), json!([jwk]), json!({"kty": "oct", "k": "AAAA"})] {
        make.header(false, "jwk", Some(value));
    }
    let proof = another.sign(&another.header().to_string(), &make.claims().to_string());
    make.add("jwk of another key, which signed", proof);
    let proof = make.key.sign(&another.header().to_string(), &make.claims().to_string());
    make.add("jwk of another key, which did not sign", proof);
    let proof = another.sign(&make.key.header().to_string(), &make.claims().to_string());
    make.add("signed by another key", proof);
    for member in ["kty", "crv", "x", "y"] {
        make.header(true, member, None);
    }
    let text = |member: &str| jwk[member].as_str().unwrap().to_owned();
    for (member, value) in [
        ("kty", json!("ec")),
        ("kty", json!("OKP")),
        ("crv", json!("P-384")),
        ("crv", json!("p-256")),
        ("x", json!(text("y"))),
        ("x", json!("AA")),
        ("x", json!(format!("{}=", text("x")))),
        ("y", json!(format!(" {}", text("y")))),
        ("x", json!(format!("{}AA", text("x")))),
        ("alg", json!("ES256")),
        ("alg", json!("ES384")),
        ("use", json!("sig")),
        ("use", json!("enc")),
        ("key_ops", json!(["verify"])),
        ("key_ops", json!(["sign"])),
        ("key_ops", json!([])),
        ("kid", json!("k")),
        ("ext", json!(true)),
        ("x", json!(7)),
    ] {
        make.header(true, member, Some(value));
    }
    for member in ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"] {
        make.header(true, member, Some("BwcH".into()));
    }
}

/// The same JSON in other words, and what is hardly JSON.
fn of_texts(make: &mut Maker<'_>) {
    for claim in ["jti", "htm", "htu", "iat", "ath"] {
        let value = make.claims()[claim].clone();
        make.claims_text(&format!("{claim} twice, the same"), |text| {
            text.replacen('{', &format!("{{\"{claim}\":{value},"), 1)
        });
        make.claims_text(&format!("{claim} twice, the first one wrong"), |text| {
            text.replacen('{', &format!("{{\"{claim}\":\"x\","), 1)
        });
    }
    make.claims_text("htm twice, once escaped", |text| text.replacen('{', r#"{"ht\u006d":"GET","#, 1));
    make.claims_text("htm escaped", |text| text.replace("\"htm\"", r#""ht\u006d""#));
    make.claims_text("an unknown claim twice", |text| text.replacen('{', r#"{"x":1,"x":2,"#, 1));
    make.claims_text("an unknown claim with a member twice", |text| text.replacen('{', r#"{"x":{"y":1,"y":2},"#, 1));
    make.claims_text("claims with white space", |text| format!(" {}\r\n\t", text.replace(':', " : ")));
    make.claims_text("claims with a byte order mark", |text| format!("\u{feff}{text}"));
    make.claims_text("claims with something behind them", |text| text + "x");
    make.claims_text("claims twice", |text| text.clone() + &text);
    make.claims_text("claims with a comma at the end", |text| text.replace('}', ",}"));
    make.claims_text("claims that are cut", |text| text[..text.len() - 1].to_owned());
    make.claims_text("claims that are a list", |text| format!("[{text}]"));
    make.claims_text("claims that are null", |_| "null".to_owned());
    make.claims_text("claims that are nothing", |_| String::new());
    make.claims_text("claims that are deep", |text| {
        text.replacen('{', &format!("{{\"x\":{}{},", "[".repeat(200), "]".repeat(200)), 1)
    });
    make.claims_text("a surrogate alone", |text| text.replacen('{', r#"{"x":"\ud800","#, 1));
    make.claims_text("a control character in a text", |text| text.replacen('{', "{\"x\":\"\n\",", 1));
    make.header_text("typ twice", |text| text.replacen('{', r#"{"typ":"dpop+jwt","#, 1));
    make.header_text("typ twice, the first one wrong", |text| text.replacen('{', r#"{"typ":"JWT","#, 1));
    make.header_text("alg twice", |text| text.replacen('{', r#"{"alg":"ES256","#, 1));
    make.header_text("alg twice, the first one none", |text| text.replacen('{', r#"{"alg":"none","#, 1));
    make.header_text("jwk twice, the first one null", |text| text.replacen('{', r#"{"jwk":null,"#, 1));
    make.header_text("kty twice", |text| text.replace(r#""kty":"#, r#""kty":"EC","kty":"#));
    make.header_text("a header with white space", |text| format!("\n{text} "));
    make.header_text("a header with something behind it", |text| text + "{}");
    make.header_text("a header that is a list", |text| format!("[{text}]"));
}

fn of_segments(make: &mut Maker<'_>) {
    make.add("empty", String::new());
    make.add("no JWS", "proof".to_owned());
    make.add("two segments", make.good().rsplit_once('.').unwrap().0.to_owned());
    make.add("four segments", make.good() + ".AA");
    make.add("five segments", make.good() + ".AA.AA");
    make.add("no signature", make.good().rsplit_once('.').unwrap().0.to_owned() + ".");
    make.add("padding", make.good() + "==");
    make.add("a space in it", make.good().replacen('.', ". ", 1));
    make.add("a list of two", format!("{}, {}", make.good(), make.good()));
    make.add("in quotes", format!("\"{}\"", make.good()));
    make.add("the token", make.token.clone());
    let good = make.good();
    let (message, signature) = good.rsplit_once('.').unwrap();
    let other = make.key.signature("something else", &ECDSA_P256_SHA256_FIXED_SIGNING);
    make.add("the signature of something else", format!("{message}.{}", base64url(other)));
    let der = make.key.signature(message, &ECDSA_P256_SHA256_ASN1_SIGNING);
    make.add("a signature in DER", format!("{message}.{}", base64url(der)));
    make.add("a signature of zeros", format!("{message}.{}", base64url([0; 64])));
    make.add("a signature that is cut", format!("{message}.{}", &signature[..84]));
    make.add("a signature with more behind it", format!("{message}.{signature}AAAA"));
    // 64 bytes are 86 characters, the last of which has four bits to spare.
    let last = if signature.ends_with('A') { 'B' } else { char::from(signature.as_bytes()[85] + 1) };
    make.add("a signature with bits to spare", format!("{message}.{}{last}", &signature[..85]));
    make.add("a signature of the other alphabet", format!("{message}.{}", other_alphabet(signature)));
    let (header, claims) = (make.key.header().to_string(), make.claims().to_string());
    let proof = make.key.sign_segments(&(base64url(&header) + "="), &base64url(&claims));
    make.add("a header with padding", proof);
    let proof = make.key.sign_segments(&base64url(&header), &(base64url(&claims) + "=="));
    make.add("claims with padding", proof);
    let proof = make.key.sign_segments(&base64url(&header), &claims);
    make.add("claims that are not encoded", proof);
    make.claim("x", Some("x".repeat(20_000).into()));
}

fn other_alphabet(text: &str) -> String {
    text.replace('-', "+").replace('_', "/")
}

fn of_requests(make: &mut Maker<'_>) {
    let dpop = format!("DPoP {}", make.token);
    make.add_request("scheme in lower case", "GET", dpop.replace("DPoP", "dpop"), make.good());
    make.add_request("scheme in upper case", "GET", dpop.replace("DPoP", "DPOP"), make.good());
    make.add_request("the scheme Bearer", "GET", dpop.replace("DPoP", "Bearer"), make.good());
    make.add_request("a scheme that nobody knows", "GET", dpop.replace("DPoP", "PoP"), make.good());
    make.add_request("two spaces behind the scheme", "GET", dpop.replace("DPoP ", "DPoP  "), make.good());
    make.add_request("a request by POST", "POST", dpop.clone(), make.good());
    let mut claims = make.claims();
    claims["htm"] = "POST".into();
    let proof = make.key.sign(&make.key.header().to_string(), &claims.to_string());
    make.add_request("proof and request by POST", "POST", dpop.clone(), proof);
    for (name, cnf) in [
        ("a token without cnf", None),
        ("a token with an empty cnf", Some(json!({}))),
        ("a token whose cnf is null", Some(json!(null))),
        ("a token whose cnf is text", Some(json!(make.key.thumbprint()))),
        ("a token whose jkt is null", Some(json!({"jkt": null}))),
        ("a token whose jkt is empty", Some(json!({"jkt": ""}))),
        ("a token whose jkt has padding", Some(json!({"jkt": make.key.thumbprint() + "="}))),
        ("a token that is bound to a certificate", Some(json!({"x5t#S256": make.key.thumbprint()}))),
        ("a token that is bound in another way", Some(json!({"jkt": make.key.thumbprint(), "kid": "k"}))),
    ] {
        let token = make.tokens.token(cnf.as_ref());
        let mut claims = make.claims();
        claims["ath"] = hash(token.as_bytes()).into();
        let proof = make.key.sign(&make.key.header().to_string(), &claims.to_string());
        make.add_request(name, "GET", format!("DPoP {token}"), proof);
    }
    let used = make.cases[0].proof.clone();
    make.add("a proof that was used", used);
}

/// Keys of other algorithms, each with a token of its own.
fn of_algorithms(make: &mut Maker<'_>) {
    use Algorithm::{ES256, ES384, ES512, Ed25519, EdDSA, PS256, RS256};
    for algorithm in [ES256, ES384, ES512, Ed25519, EdDSA, PS256, RS256] {
        let key = DpopKey::generate(algorithm).unwrap();
        let token = make.tokens.bound_to(key.thumbprint());
        let proof = key.proof("GET", URL).for_token(&token).sign().unwrap();
        make.add_request(format!("a key for {algorithm}"), "GET", format!("DPoP {token}"), proof);
    }
}

/// Ours, on every stack. The peers are as strict with the age of a proof where they can be.
fn servers(tokens: &Tokens) -> Vec<Server> {
    let start = |stack: acceptance::Stack| {
        let keys = KeySet::jwks(tokens.jwks.to_string()).unwrap();
        let builder = Authenticator::<User>::builder().keys(keys).issuer(ISSUER).audience(AUDIENCE);
        stack.start(builder.public_origin("https://api.example.com").build().unwrap())
    };
    STACKS.into_iter().map(start).collect()
}

fn our_verdict(server: &Server, case: &Case) -> bool {
    let fields = [("authorization", &*case.authorization), ("dpop", &*case.proof)];
    let reply = Connection::open(server.address).send(&request_to("localhost", case.method, "/me", &fields));
    assert!([200, 400, 401].contains(&reply.status), "{} {}: {reply:?}", server.stack, case.name);
    reply.status == 200
}

#[test]
fn we_disagree_with_others_about_a_proof_only_where_a_clause_says_why() {
    let installed = Library::Dpop.is_installed();
    if !outside::is_there(installed, "oauth4webapi or express-oauth2-jwt-bearer", "tests/setup interop") {
        return;
    }
    let mut peer = Peer::start(Library::Dpop).unwrap();
    let tokens = Tokens::new();
    let servers = servers(&tokens);
    let cases = cases(&tokens);
    assert!(cases.len() >= 200, "{}", cases.len());
    let (mut names, mut good) = (BTreeSet::new(), 0);
    let (mut found, mut reasons) = (BTreeSet::new(), BTreeMap::new());
    for case in &cases {
        assert!(names.insert(&*case.name), "{} is there twice", case.name);
        let ours: Vec<bool> = servers.iter().map(|server| our_verdict(server, case)).collect();
        assert!(ours.iter().all(|verdict| *verdict == ours[0]), "{}: the stacks disagree: {ours:?}", case.name);
        good += usize::from(ours[0]);
        let (authorization, proof) = (&*case.authorization, &*case.proof);
        let judged = Judged {
            jwks: &tokens.jwks,
            issuer: ISSUER,
            audience: AUDIENCE,
            method: case.method,
            url: URL,
            authorization,
            proof,
        };
        for (judge, reason) in peer.judge(&judged).unwrap() {
            if reason.is_none() != ours[0] {
                let disagreement = (ours[0], case.name.clone(), judge);
                reasons.insert(disagreement.clone(), reason);
                found.insert(disagreement);
            }
        }
    }
    assert!(good >= 25, "{good} of them are good");
    let listed: BTreeSet<(bool, String, String)> = [(false, STRICTER), (true, LAXER)]
        .into_iter()
        .flat_map(|(served, list)| list.iter().map(move |one| (served, one)))
        .flat_map(|(served, one)| one.cases.iter().map(move |case| (served, *case, one.judges)))
        .flat_map(|(served, case, judges)| {
            judges.iter().map(move |judge| (served, case.to_owned(), (*judge).to_owned()))
        })
        .collect();
    let unexplained: Vec<_> = found.difference(&listed).map(|one| (one, &reasons[one])).collect();
    assert!(unexplained.is_empty(), "served here or not, and there what? {unexplained:#?}");
    let outdated: Vec<_> = listed.difference(&found).collect();
    assert!(outdated.is_empty(), "agreed on, and yet listed: {outdated:#?}");
}
