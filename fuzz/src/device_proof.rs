use std::sync::{Arc, LazyLock};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use jwt_core::{Algorithm, Issuer, Logins, MemoryStore, RefreshTokens, SigningKey};
use serde_json::{Value, json};

use crate::now;
use crate::token::{SECRET, Stopped};

const REGISTER: &str = "/auth/device/register";
const REFRESH: &str = "/auth/device/refresh";

static KEY: LazyLock<EcdsaKeyPair> =
    LazyLock::new(|| EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("there are random numbers"));

/// A proof that a browser sends to refresh its bound login: the header is the first line of the input, the claims are the rest,
/// and `CHALLENGE` in them stands for the one that it was asked to sign. The input as it is, is sent too, and never accepted.
/// True where the login is refreshed.
pub fn device_proof(data: &[u8]) -> bool {
    let key = SigningKey::secret(Algorithm::HS256, SECRET).expect("the secret is long enough");
    let issuer = Issuer::builder("https://a.example").audience("api").signing_key(key).clock(Stopped).build();
    let refresh = RefreshTokens::builder(Arc::new(MemoryStore::new())).clock(Stopped).build();
    let logins = Logins::builder(issuer.expect("it is complete"), refresh.expect("these are the defaults"));
    let logins = logins.bind_to_device().build().expect("these are the defaults");
    let jar = bound(&logins);
    if let Ok(raw) = HeaderValue::from_bytes(data) {
        for path in [REGISTER, REFRESH] {
            let status = send(&logins, path, &jar, Some(raw.clone())).status().as_u16();
            assert!(matches!(status, 400 | 403), "{path}: {status}");
        }
    }
    let Some(end) = data.iter().position(|byte| *byte == b'\n') else { return false };
    let (header, claims) = (&data[..end], String::from_utf8_lossy(&data[end + 1..]));
    // What was sent before may have used the refresh token up: a browser has one of its own.
    let jar = bound(&logins);
    let asked = send(&logins, REFRESH, &jar, None);
    let challenge = challenge_in(asked.headers()["secure-session-challenge"].to_str().expect("it is text"));
    let claims = claims.replace("CHALLENGE", &challenge);
    let proof = HeaderValue::from_str(&sign(header, claims.as_bytes())).expect("base64url can stand in a header field");
    let status = send(&logins, REFRESH, &jar, Some(proof)).status().as_u16();
    assert!(matches!(status, 200 | 400 | 403), "{status}");
    if status == 200 {
        let header: Value = serde_json::from_slice(header).expect("only JSON is a header");
        let claims: Value = serde_json::from_str(&claims).expect("only JSON is accepted");
        assert_eq!(
            (&header["alg"], &claims["jti"]),
            (&json!("ES256"), &json!(challenge)),
            "accepted against the model"
        );
    }
    status == 200
}

/// The cookies of a login that is bound.
fn bound(logins: &Logins) -> HeaderMap {
    let request = Request::post("/auth/login").header("sec-fetch-site", "same-origin").body(()).expect("a request");
    let attempt = logins.attempt(&request).expect("it is of this origin");
    let login = now(attempt.log_in(&json!({"sub": "alice"})).into_future()).expect("there is room");
    let offer = challenge_in(login.headers()["secure-session-registration"].to_str().expect("it is text"));
    let point = KEY.public_key().as_ref();
    let [x, y] = [&point[1..33], &point[33..]].map(|half| URL_SAFE_NO_PAD.encode(half));
    let header = json!({"alg": "ES256", "typ": "dbsc+jwt", "jwk": {"kty": "EC", "crv": "P-256", "x": x, "y": y}});
    let proof = sign(header.to_string().as_bytes(), json!({"jti": offer}).to_string().as_bytes());
    let proof = HeaderValue::from_str(&proof).expect("base64url can stand in a header field");
    let response = send(logins, REGISTER, login.headers(), Some(proof));
    assert_eq!(response.status(), 200);
    response.headers().clone()
}

/// The longest part in quotes.
fn challenge_in(field: &str) -> String {
    field.split('"').max_by_key(|part| part.len()).expect("there is one").to_owned()
}

fn send(logins: &Logins, path: &str, jar: &HeaderMap, proof: Option<HeaderValue>) -> Response<String> {
    let pairs: Vec<_> =
        jar.get_all("set-cookie").iter().filter_map(|cookie| cookie.to_str().ok()?.split(';').next()).collect();
    let session = pairs.iter().find_map(|pair| pair.strip_prefix("__Host-refresh_token_id=")).unwrap_or_default();
    let request = Request::post(path).header("cookie", pairs.join("; ")).header("sec-secure-session-id", session);
    let mut request = request.body(()).expect("a request");
    request.headers_mut().extend(proof.map(|proof| (HeaderName::from_static("secure-session-response"), proof)));
    let auth = logins.authenticator::<Value>().build().expect("an issuer knows what to expect");
    now(logins.route(&request).expect("it is a route").respond(&auth, &request, Ok(&[])))
}

fn sign(header: &[u8], claims: &[u8]) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = KEY.sign(&SystemRandom::new(), message.as_bytes()).expect("the key signs");
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}
