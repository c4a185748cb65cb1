//! A provider: its documents, and keys that sign without the library that is tested.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use base64_simd::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use jwt_core::key::{Fetch, FetchError, Fetching};
use serde_json::{Value, json};

/// The documents of a provider, by their addresses. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Fake(Arc<Mutex<Documents>>);

#[derive(Debug, Default)]
struct Documents {
    found: HashMap<String, String>,
    bearer: Option<String>,
    asked_with_token: Vec<String>,
}

impl Fake {
    /// Publishes this there from now on.
    pub fn publish(&self, address: &str, document: &Value) {
        self.with(|documents| documents.found.insert(address.to_owned(), document.to_string()));
    }

    /// Answers only those who send this token.
    pub fn only_for(&self, bearer: &str) {
        self.with(|documents| documents.bearer = Some(format!("Bearer {bearer}")));
    }

    /// The addresses that a token was sent to.
    pub fn asked_with_token(&self) -> Vec<String> {
        self.with(|documents| documents.asked_with_token.clone())
    }

    fn with<T>(&self, change: impl FnOnce(&mut Documents) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Fetch for Fake {
    fn fetch(&self, request: http::Request<Vec<u8>>, _max_bytes: usize) -> Fetching<'_> {
        let authorization = request.headers().get("authorization").and_then(|value| value.to_str().ok());
        let (status, body) = self.with(|documents| {
            if authorization.is_some() {
                documents.asked_with_token.push(request.uri().to_string());
            }
            if documents.bearer.is_some() && documents.bearer.as_deref() != authorization {
                return (401, String::new());
            }
            documents.found.get(&request.uri().to_string()).map_or((404, String::new()), |body| (200, body.clone()))
        });
        Box::pin(async move {
            let mut response = http::Response::new(body.into_bytes());
            *response.status_mut() = http::StatusCode::from_u16(status).map_err(FetchError::transport)?;
            Ok(response)
        })
    }
}

/// An algorithm of providers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// RS256, as most have it.
    Rs256,
    /// ES256.
    Es256,
    /// Ed25519, named `EdDSA`.
    EdDsa,
}

enum Secret {
    Rsa(Box<RsaKeyPair>),
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

/// A key of a provider.
#[derive(Clone)]
pub struct Signer {
    /// Its name.
    pub kid: String,
    secret: Arc<Secret>,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer").field("kid", &self.kid).finish_non_exhaustive()
    }
}

impl Signer {
    /// A new one.
    ///
    /// # Panics
    /// Where there is no randomness to be had.
    pub fn new(algorithm: Kind, kid: &str) -> Self {
        let secret = match algorithm {
            Kind::Rs256 => Secret::Rsa(Box::new(RsaKeyPair::generate(KeySize::Rsa2048).expect("a key"))),
            Kind::Es256 => Secret::Ec(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key")),
            Kind::EdDsa => Secret::Ed(Ed25519KeyPair::generate().expect("a key")),
        };
        Self { kid: kid.to_owned(), secret: Arc::new(secret) }
    }

    /// The same key under that name.
    #[must_use]
    pub fn named(&self, kid: &str) -> Self {
        Self { kid: kid.to_owned(), secret: self.secret.clone() }
    }

    fn alg(&self) -> &'static str {
        match *self.secret {
            Secret::Rsa(_) => "RS256",
            Secret::Ec(_) => "ES256",
            Secret::Ed(_) => "EdDSA",
        }
    }

    /// The public half as a JWK.
    pub fn jwk(&self) -> Value {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode_to_string(bytes);
        let mut jwk = match &*self.secret {
            Secret::Rsa(key) => {
                // PKCS#1 of 2048 bits (RFC 8017 §A.1.1): two lengths and a zero in front of the modulus, 65537 at the end.
                let der = key.public_key().as_ref();
                json!({"kty": "RSA", "n": text(&der[9..265]), "e": text(&der[der.len() - 3..])})
            }
            Secret::Ec(key) => {
                let point = key.public_key().as_ref();
                json!({"kty": "EC", "crv": "P-256", "x": text(&point[1..33]), "y": text(&point[33..])})
            }
            Secret::Ed(key) => json!({"kty": "OKP", "crv": "Ed25519", "x": text(key.public_key().as_ref())}),
        };
        (jwk["kid"], jwk["alg"], jwk["use"]) = (self.kid.as_str().into(), self.alg().into(), "sig".into());
        jwk
    }

    /// The public half of a key of a curve as PEM.
    ///
    /// # Panics
    /// Where it is another key.
    pub fn pem(&self) -> String {
        let Secret::Ec(key) = &*self.secret else { panic!("only keys of a curve are published as PEM here") };
        let der: PublicKeyX509Der<'_> = key.public_key().as_der().expect("it can be written");
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode_to_string(der.as_ref()))
    }

    /// A token with these claims, and these members in its header beside `alg` and `kid`. `padded` writes it as AWS does.
    ///
    /// # Panics
    /// Where there is no randomness to be had.
    pub fn sign(&self, header: &Value, claims: &Value, padded: bool) -> String {
        let mut whole = json!({"alg": self.alg(), "kid": self.kid});
        for (name, value) in header.as_object().into_iter().flatten() {
            whole[name] = value.clone();
        }
        let text = |bytes: &[u8]| {
            if padded { URL_SAFE.encode_to_string(bytes) } else { URL_SAFE_NO_PAD.encode_to_string(bytes) }
        };
        let message = format!("{}.{}", text(whole.to_string().as_bytes()), text(claims.to_string().as_bytes()));
        let (bytes, random) = (message.as_bytes(), SystemRandom::new());
        let signature = match &*self.secret {
            Secret::Rsa(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, bytes, &mut signature).expect("it signs");
                signature
            }
            Secret::Ec(key) => key.sign(&random, bytes).expect("it signs").as_ref().to_vec(),
            Secret::Ed(key) => key.sign(bytes).as_ref().to_vec(),
        };
        format!("{message}.{}", text(&signature))
    }
}
