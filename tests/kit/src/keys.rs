//! The key pairs of the kit: what it signs tokens with, and what it publishes.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaKeyPair};
use aws_lc_rs::{digest, hmac, rand};
use serde_json::{Value, json};

use crate::base64url;
use crate::certificates::Certificates;

/// The algorithms that the kit can sign with.
pub(crate) const ALGORITHMS: [&str; 13] = [
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "HS256", "HS384", "HS512",
];

/// What a key is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Role {
    /// It is in the published set.
    Now,
    /// It is published later, in the cases about rotation.
    Next,
    /// It is never published.
    Stranger,
}

/// A key pair and its name.
pub(crate) struct Key {
    pub(crate) kid: String,
    pub(crate) algorithm: &'static str,
    pair: Pair,
}

enum Pair {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
    Secret(Vec<u8>),
}

/// Kinds of key material; some algorithms share one.
fn family(algorithm: &str) -> &'static str {
    match &algorithm[..2] {
        "RS" | "PS" => "rsa",
        "HS" => "secret",
        "Ed" => "ed25519",
        _ => match algorithm {
            "ES256" => "p256",
            "ES384" => "p384",
            _ => "p521",
        },
    }
}

fn generate(family: &str) -> Result<Vec<u8>, String> {
    let failed = |_| format!("no {family} key can be made here");
    match family {
        "rsa" => {
            let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(failed)?;
            Ok(AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&pair).map_err(failed)?.as_ref().to_vec())
        }
        "secret" => {
            let mut secret = vec![0; 64];
            rand::fill(&mut secret).map_err(failed)?;
            Ok(secret)
        }
        "ed25519" => {
            Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map(|der| der.as_ref().to_vec()).map_err(failed)
        }
        curve => EcdsaKeyPair::generate_pkcs8(signing(curve), &SystemRandom::new())
            .map(|der| der.as_ref().to_vec())
            .map_err(failed),
    }
}

fn signing(curve: &str) -> &'static signature::EcdsaSigningAlgorithm {
    match curve {
        "p256" => &signature::ECDSA_P256_SHA256_FIXED_SIGNING,
        "p384" => &signature::ECDSA_P384_SHA384_FIXED_SIGNING,
        _ => &signature::ECDSA_P521_SHA512_FIXED_SIGNING,
    }
}

impl Key {
    fn read(kid: String, algorithm: &'static str, material: &[u8]) -> Result<Self, String> {
        let family = family(algorithm);
        let bad = |_| format!("the key {kid:?} is no {family} key");
        let pair = match family {
            "rsa" => Pair::Rsa(RsaKeyPair::from_pkcs8(material).map_err(bad)?),
            "secret" => Pair::Secret(material.to_vec()),
            "ed25519" => Pair::Ed(Ed25519KeyPair::from_pkcs8(material).map_err(bad)?),
            curve => Pair::Ec(EcdsaKeyPair::from_pkcs8(signing(curve), material).map_err(bad)?),
        };
        Ok(Self { kid, algorithm, pair })
    }

    /// A secret of any length, for tokens that confuse keys.
    pub(crate) fn secret(secret: &[u8]) -> Self {
        Self { kid: "secret".to_owned(), algorithm: "HS256", pair: Pair::Secret(secret.to_vec()) }
    }

    /// The signature of that text by that algorithm, which must be one for this kind of key. RFC 7518 §3.
    pub(crate) fn sign(&self, algorithm: &str, input: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair) => {
                let padding: &dyn signature::RsaEncoding = match algorithm {
                    "RS384" => &signature::RSA_PKCS1_SHA384,
                    "RS512" => &signature::RSA_PKCS1_SHA512,
                    "PS256" => &signature::RSA_PSS_SHA256,
                    "PS384" => &signature::RSA_PSS_SHA384,
                    "PS512" => &signature::RSA_PSS_SHA512,
                    _ => &signature::RSA_PKCS1_SHA256,
                };
                let mut made = vec![0; pair.public_modulus_len()];
                pair.sign(padding, &random, input, &mut made).expect("a good RSA key signs");
                made
            }
            Pair::Ec(pair) => pair.sign(&random, input).expect("a good EC key signs").as_ref().to_vec(),
            Pair::Ed(pair) => pair.sign(input).as_ref().to_vec(),
            Pair::Secret(secret) => {
                let hash = match algorithm {
                    "HS384" => hmac::HMAC_SHA384,
                    "HS512" => hmac::HMAC_SHA512,
                    _ => hmac::HMAC_SHA256,
                };
                hmac::sign(&hmac::Key::new(hash, secret), input).as_ref().to_vec()
            }
        }
    }

    /// The public key as a JWK with `kid`, `alg` and `use`. RFC 7517 §4, RFC 7518 §6.
    pub(crate) fn jwk(&self) -> Value {
        let mut jwk = match &self.pair {
            Pair::Rsa(pair) => {
                let (n, e) = rsa_numbers(pair.public_key().as_ref());
                json!({"kty": "RSA", "n": base64url::encode(n), "e": base64url::encode(e)})
            }
            Pair::Ec(pair) => {
                let point = &pair.public_key().as_ref()[1..];
                let (x, y) = point.split_at(point.len() / 2);
                let curve = match family(self.algorithm) {
                    "p256" => "P-256",
                    "p384" => "P-384",
                    _ => "P-521",
                };
                json!({"kty": "EC", "crv": curve, "x": base64url::encode(x), "y": base64url::encode(y)})
            }
            Pair::Ed(pair) => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": base64url::encode(pair.public_key().as_ref())})
            }
            Pair::Secret(secret) => json!({"kty": "oct", "k": base64url::encode(secret)}),
        };
        jwk["kid"] = json!(self.kid);
        jwk["alg"] = json!(self.algorithm);
        jwk["use"] = json!("sig");
        jwk
    }

    /// The public key as a JWK with what it consists of, and nothing else.
    pub(crate) fn public(&self) -> Value {
        let mut jwk = self.jwk();
        if let Some(members) = jwk.as_object_mut() {
            members.retain(|name, _| !["kid", "alg", "use"].contains(&&**name));
        }
        jwk
    }

    /// RFC 7638: SHA-256 of the members that the kind of key needs, in order, without spaces.
    pub(crate) fn thumbprint(&self) -> String {
        let jwk = self.public();
        let members: BTreeMap<&String, &Value> = jwk.as_object().into_iter().flatten().collect();
        base64url::encode(sha256(json!(members).to_string().as_bytes()))
    }

    /// The public key as a DER SubjectPublicKeyInfo, or the bytes of the secret.
    pub(crate) fn der(&self) -> Vec<u8> {
        let der = match &self.pair {
            Pair::Rsa(pair) => pair.public_key().as_der(),
            Pair::Ec(pair) => pair.public_key().as_der(),
            Pair::Ed(pair) => pair.public_key().as_der(),
            Pair::Secret(secret) => return secret.clone(),
        };
        der.map(|der: aws_lc_rs::encoding::PublicKeyX509Der<'_>| der.as_ref().to_vec()).unwrap_or_default()
    }

    /// The public key in PEM, as files have it: with a line end after the last line.
    pub(crate) fn pem(&self) -> String {
        let text = base64_simd::STANDARD.encode_to_string(self.der());
        let mut pem = String::from("-----BEGIN PUBLIC KEY-----\n");
        for line in text.as_bytes().chunks(64) {
            pem.push_str(&String::from_utf8_lossy(line));
            pem.push('\n');
        }
        pem + "-----END PUBLIC KEY-----\n"
    }

    /// The bytes of a secret; of any other key, those of its most obvious public number.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        match &self.pair {
            Pair::Rsa(pair) => rsa_numbers(pair.public_key().as_ref()).0.to_vec(),
            Pair::Ec(pair) => pair.public_key().as_ref().to_vec(),
            Pair::Ed(pair) => pair.public_key().as_ref().to_vec(),
            Pair::Secret(secret) => secret.clone(),
        }
    }
}

pub(crate) fn sha256(bytes: &[u8]) -> Vec<u8> {
    digest::digest(&digest::SHA256, bytes).as_ref().to_vec()
}

/// Modulus and exponent of an RSAPublicKey in DER: a sequence of two integers. RFC 8017 §A.1.1.
fn rsa_numbers(der: &[u8]) -> (&[u8], &[u8]) {
    let (_, sequence, _) = der_value(der);
    let (_, n, rest) = der_value(sequence);
    let (_, e, _) = der_value(rest);
    (n.strip_prefix(&[0]).unwrap_or(n), e.strip_prefix(&[0]).unwrap_or(e))
}

/// Tag, value and rest of the first DER value.
fn der_value(der: &[u8]) -> (u8, &[u8], &[u8]) {
    let (tag, first, rest) = (der[0], usize::from(der[1]), &der[2..]);
    let (length, rest) = if first < 0x80 {
        (first, rest)
    } else {
        let (bytes, rest) = rest.split_at(first & 0x7f);
        (bytes.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), rest)
    };
    let (value, rest) = rest.split_at(length);
    (tag, value, rest)
}

/// All keys of a run. One file has them, so that a server with static keys knows them the next time too.
pub(crate) struct Keys {
    now: Vec<Key>,
    next: Vec<Key>,
    strangers: Vec<Key>,
    material: BTreeMap<String, Vec<u8>>,
    certificates: OnceLock<Result<Certificates, String>>,
    /// Where the certificates are kept.
    directory: Option<PathBuf>,
}

impl Keys {
    fn empty(material: BTreeMap<String, Vec<u8>>, directory: Option<PathBuf>) -> Self {
        let certificates = OnceLock::new();
        Self { now: Vec::new(), next: Vec::new(), strangers: Vec::new(), material, certificates, directory }
    }

    /// The certificates of clients, and of a server that has none. They are made when they are needed first.
    pub(crate) fn certificates(&self) -> Result<&Certificates, String> {
        let made = self.certificates.get_or_init(|| match &self.directory {
            Some(directory) => Certificates::open(directory),
            None => Certificates::new(),
        });
        made.as_ref().map_err(Clone::clone)
    }

    /// Where a server finds them.
    pub(crate) fn directory(&self) -> Option<&Path> {
        self.directory.as_deref()
    }

    /// New keys for these algorithms.
    pub(crate) fn new(algorithms: &[&'static str]) -> Result<Self, String> {
        let mut keys = Self::empty(BTreeMap::new(), None);
        keys.complete(algorithms)?;
        Ok(keys)
    }

    /// The keys of that file; it is written first where there is none, or where it has not all of them.
    pub(crate) fn open(file: &Path, algorithms: &[&'static str]) -> Result<Self, String> {
        let wrong = |why: &dyn std::fmt::Display| format!("{}: {why}", file.display());
        let mut material = BTreeMap::new();
        if file.exists() {
            let text = fs::read_to_string(file).map_err(|error| wrong(&error))?;
            let read: BTreeMap<String, String> = serde_json::from_str(&text).map_err(|error| wrong(&error))?;
            for (name, text) in read {
                let bytes = base64url::decode(&text).ok_or_else(|| wrong(&format!("{name}: no base64url")))?;
                material.insert(name, bytes);
            }
        }
        let known = material.len();
        let mut keys = Self::empty(material, Some(file.with_extension("certificates")));
        keys.complete(algorithms).map_err(|error| wrong(&error))?;
        if keys.material.len() != known {
            keys.save(file).map_err(|error| wrong(&error))?;
        }
        Ok(keys)
    }

    fn complete(&mut self, algorithms: &[&'static str]) -> Result<(), String> {
        for algorithm in algorithms {
            for role in [Role::Now, Role::Next, Role::Stranger] {
                let family = family(algorithm);
                // Each published key is for one algorithm. The others may share.
                let name = match role {
                    Role::Now => format!("now-{algorithm}"),
                    Role::Next => format!("next-{family}"),
                    Role::Stranger => format!("stranger-{family}"),
                };
                if !self.material.contains_key(&name) {
                    self.material.insert(name.clone(), generate(family)?);
                }
                let kid = match role {
                    Role::Next => format!("kit-next-{}", algorithm.to_lowercase()),
                    _ => format!("kit-{}", algorithm.to_lowercase()),
                };
                let key = Key::read(kid, algorithm, &self.material[&name])?;
                match role {
                    Role::Now => self.now.push(key),
                    Role::Next => self.next.push(key),
                    Role::Stranger => self.strangers.push(key),
                }
            }
        }
        Ok(())
    }

    fn save(&self, file: &Path) -> std::io::Result<()> {
        let texts: BTreeMap<&String, String> =
            self.material.iter().map(|(name, bytes)| (name, base64url::encode(bytes))).collect();
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut open = options.open(file)?;
        open.write_all(&serde_json::to_vec_pretty(&texts)?)?;
        open.write_all(b"\n")
    }

    pub(crate) fn of(&self, role: Role, algorithm: &str) -> &Key {
        let keys = match role {
            Role::Now => &self.now,
            Role::Next => &self.next,
            Role::Stranger => &self.strangers,
        };
        keys.iter().find(|key| key.algorithm == algorithm).unwrap_or(&keys[0])
    }

    /// The published keys.
    pub(crate) fn published(&self) -> &[Key] {
        &self.now
    }

    /// The JWK Set of the published keys.
    pub(crate) fn jwks(&self) -> Value {
        json!({"keys": self.now.iter().map(Key::jwk).collect::<Vec<_>>()})
    }
}
