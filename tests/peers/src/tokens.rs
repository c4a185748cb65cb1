//! Keys, tokens and claims, the same for everybody, made again in every run.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaKeyPair};
use base64_simd::{STANDARD, URL_SAFE_NO_PAD};
use jwt_core::{Algorithm, SigningKey};
use serde::{Deserialize, Serialize};

pub(crate) const ISSUER: &str = "https://issuer.example.com";
pub(crate) const AUDIENCE: &str = "https://api.example.com";

/// Text, since one peer takes no other secret.
const SECRET: &str = "benchmarks only: forty-eight bytes that are known";

/// What the application reads. Everything else is for the verifier.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct User {
    pub(crate) sub: String,
    pub(crate) name: String,
    pub(crate) admin: bool,
    pub(crate) scope: String,
}

/// The same for crates that read the registered claims into a type of their own, and leave the application the rest.
#[derive(Debug, Clone, Deserialize)]
#[expect(dead_code, reason = "read, so that it costs what the others' claims cost")]
pub(crate) struct UserWithoutSubject {
    name: String,
    admin: bool,
    scope: String,
}

/// What stands in a token.
#[derive(Debug, Clone, Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    exp: u64,
    iat: u64,
    name: &'a str,
    admin: bool,
    scope: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cnf: Option<Confirmation<'a>>,
}

/// The key that a token is bound to (RFC 9449 §6.1).
#[derive(Debug, Clone, Serialize)]
struct Confirmation<'a> {
    jkt: &'a str,
}

impl Default for Claims<'_> {
    fn default() -> Self {
        let now = now();
        Self {
            iss: ISSUER,
            sub: "auth0|5f7c8ec7c33c",
            aud: AUDIENCE,
            // Far enough that no run ends it.
            exp: now + 24 * 3600,
            iat: now,
            name: "Ada Lovelace",
            admin: true,
            scope: "read:reports",
            cnf: None,
        }
    }
}

/// A key pair or a secret in all the forms that somebody asks for.
pub(crate) struct Key {
    pub(crate) algorithm: Algorithm,
    pub(crate) kid: String,
    /// The HMAC secret; empty for the others.
    pub(crate) secret: String,
    /// The public key as SPKI; empty for HMAC.
    pub(crate) public_der: Vec<u8>,
    /// The same in PEM.
    pub(crate) public_pem: String,
    /// A JWK Set with the public key; only for RSA.
    pub(crate) jwks: String,
    signing: SigningKey,
}

impl Key {
    pub(crate) fn generate(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::HS256 => Self::secret(SECRET, "2026-11"),
            Algorithm::RS256 | Algorithm::PS256 => {
                let pair = RsaKeyPair::generate(KeySize::Rsa2048).expect("an RSA key");
                let private: Pkcs8V1Der<'_> = pair.as_der().expect("PKCS#8");
                let mut key = Self::pair(algorithm, private.as_ref(), pair.public_key());
                let modulus = pair.public_key().modulus();
                let n = URL_SAFE_NO_PAD.encode_to_string(modulus.big_endian_without_leading_zero());
                let jwk = serde_json::json!({
                    "kty": "RSA", "use": "sig", "alg": algorithm.as_str(), "kid": key.kid, "n": n, "e": "AQAB",
                });
                key.jwks = serde_json::json!({ "keys": [jwk] }).to_string();
                key
            }
            Algorithm::ES256 => {
                let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("an EC key");
                Self::pair(algorithm, pair.to_pkcs8v1().expect("PKCS#8").as_ref(), pair.public_key())
            }
            Algorithm::EdDSA => {
                let pair = Ed25519KeyPair::generate().expect("an Ed25519 key");
                Self::pair(algorithm, pair.to_pkcs8v1().expect("PKCS#8").as_ref(), pair.public_key())
            }
            other => panic!("no benchmark uses {other}"),
        }
    }

    /// An HS256 secret.
    pub(crate) fn secret(secret: &str, kid: &str) -> Self {
        let signing = SigningKey::secret(Algorithm::HS256, secret).expect("a secret").with_kid(kid);
        Self {
            algorithm: Algorithm::HS256,
            kid: kid.to_owned(),
            secret: secret.to_owned(),
            public_der: Vec::new(),
            public_pem: String::new(),
            jwks: String::new(),
            signing,
        }
    }

    fn pair(algorithm: Algorithm, private: &[u8], public: &impl AsDer<PublicKeyX509Der<'static>>) -> Self {
        let kid = "2026-11";
        let public_der = public.as_der().expect("SPKI").as_ref().to_vec();
        let signing = SigningKey::pem(algorithm, pem("PRIVATE KEY", private)).expect("a private key").with_kid(kid);
        Self {
            algorithm,
            kid: kid.to_owned(),
            secret: String::new(),
            public_pem: pem("PUBLIC KEY", &public_der),
            public_der,
            jwks: String::new(),
            signing,
        }
    }

    /// A token that is good.
    pub(crate) fn token(&self) -> String {
        self.sign(&Claims::default())
    }

    /// A token that is good, and another one for every number.
    pub(crate) fn token_of_user(&self, number: usize) -> String {
        self.sign(&Claims { sub: &format!("auth0|{number:012x}"), ..Claims::default() })
    }

    /// A token that is good with a proof of the key that has this thumbprint.
    pub(crate) fn bound_token(&self, jkt: &str) -> String {
        self.sign(&Claims { cnf: Some(Confirmation { jkt }), ..Claims::default() })
    }

    /// Tokens that are good but for one thing, which is named.
    pub(crate) fn bad_tokens(&self) -> Vec<(&'static str, String)> {
        let hour_ago = now() - 3600;
        vec![
            ("tampered", tampered(&self.token())),
            ("expired", self.sign(&Claims { exp: hour_ago, iat: hour_ago - 60, ..Claims::default() })),
            ("of another issuer", self.sign(&Claims { iss: "https://other.example.com", ..Claims::default() })),
            ("for another audience", self.sign(&Claims { aud: "https://other.example.com", ..Claims::default() })),
        ]
    }

    fn sign(&self, claims: &Claims<'_>) -> String {
        self.signing.sign(claims).expect("a token")
    }
}

/// The same token with another character in the middle of its signature.
pub(crate) fn tampered(token: &str) -> String {
    let dot = token.rfind('.').expect("a signature");
    let at = dot + (token.len() - dot) / 2;
    let other = if token.as_bytes()[at] == b'A' { "B" } else { "A" };
    let mut token = token.to_owned();
    token.replace_range(at..=at, other);
    token
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock past 1970").as_secs()
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode_to_string(der);
    let mut pem = format!("-----BEGIN {label}-----\n");
    for line in text.as_bytes().chunks(64) {
        pem.extend(line.iter().map(|byte| char::from(*byte)));
        pem.push('\n');
    }
    pem + &format!("-----END {label}-----\n")
}
