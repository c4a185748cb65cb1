use jwt_core::Algorithm;
use serde_json::{Value, json};

/// The secret that HS256 tokens are signed with.
pub const SECRET: &[u8] = b"the acceptance suite's secret, known to all";
/// The issuer that is expected.
pub const ISSUER: &str = "https://issuer.example.com";
/// The audience that is expected.
pub const AUDIENCE: &str = "api";
/// The time at which the clock stands still.
pub const NOW: u64 = 1_790_000_000;

/// The text of a file of `keys/`.
///
/// # Panics
/// Where there is no such file.
pub fn key_file(name: &str) -> String {
    String::from_utf8(key_bytes(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The bytes of a file of `keys/`.
///
/// # Panics
/// Where there is no such file.
pub fn key_bytes(name: &str) -> Vec<u8> {
    let path = format!("{}/keys/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The file that holds the key for an algorithm, without its ending; `None` for the algorithms of secrets.
pub fn named_key(algorithm: Algorithm) -> Option<&'static str> {
    match algorithm.as_str() {
        "HS256" | "HS384" | "HS512" => None,
        "ES256" => Some("p256"),
        "ES384" => Some("p384"),
        "ES512" => Some("p521"),
        "EdDSA" | "Ed25519" => Some("ed25519"),
        "ML-DSA-44" => Some("ml-dsa-44"),
        "ML-DSA-65" => Some("ml-dsa-65"),
        "ML-DSA-87" => Some("ml-dsa-87"),
        _ => Some("rsa"),
    }
}

/// Whether the backend that was built in has the algorithm: the pure-Rust one lacks ES512 and ML-DSA.
pub fn is_built_in(algorithm: Algorithm) -> bool {
    cfg!(feature = "aws-lc-rs") || !matches!(algorithm.as_str(), "ES512" | "ML-DSA-44" | "ML-DSA-65" | "ML-DSA-87")
}

/// Claims that everything expects of them.
pub fn good_claims() -> Value {
    json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "name": "Alice", "exp": NOW + 600, "iat": NOW})
}

/// Claims signed by HS256 with [`SECRET`], also those that a signing key refuses.
pub fn hs256(claims: &Value) -> String {
    compact(r#"{"typ":"JWT","alg":"HS256"}"#, claims.to_string().as_bytes())
}

/// Base64url without padding.
pub fn base64url(bytes: impl AsRef<[u8]>) -> String {
    base64_simd::URL_SAFE_NO_PAD.encode_to_string(bytes)
}

/// A token of any header and any payload text, signed by HS256 with [`SECRET`] all the same.
pub fn compact(header: &str, payload: &[u8]) -> String {
    sign(&format!("{}.{}", base64url(header.as_bytes()), base64url(payload)))
}

/// Any text before the last dot, with its HS256 signature behind it.
pub fn sign(message: &str) -> String {
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, SECRET);
    format!("{message}.{}", base64url(aws_lc_rs::hmac::sign(&key, message.as_bytes()).as_ref()))
}
