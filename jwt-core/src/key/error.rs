//! Why a key cannot be loaded, and why nothing can be signed with one.

use std::fmt;
use std::sync::Arc;

use crate::claims::RegisteredClaim;
use crate::config_error::{debug_as_display, unverified};
use crate::key::algorithm::Algorithm;
use crate::key::{NotASecret, SkippedKey};

/// Why a key cannot be loaded, and what to do about it. Holds nothing of the key.
///
/// `Debug` says what `Display` says.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// A secret shorter than the output of the hash (RFC 7518 §3.2).
    #[error(
        "a secret of {bytes} bytes is too short for {algorithm}, which needs {needed}: make one with `openssl rand -base64 {needed}`, and load it by `VerifyingKey::secret_base64(…)` or `SigningKey::secret_base64(…)`"
    )]
    WeakSecret {
        /// The algorithm asked for.
        algorithm: Algorithm,
        /// The length of the secret, in bytes.
        bytes: usize,
        /// The least length, in bytes.
        needed: usize,
    },
    /// A key, or the address of keys, where a secret is expected. Whoever knows the public key could sign.
    #[error("a secret for HMAC is random bytes that nobody else knows, and this is {0}")]
    NotASecret(NotASecret),
    /// A modulus under 2048 bits or above what the backend takes.
    #[error("an RSA key of {bits} bits is refused: use 2048 to 8192 bits (4096 with the pure-Rust backend)")]
    RsaSize {
        /// The size of the modulus, in bits.
        bits: usize,
    },
    /// An even modulus, or a public exponent that is even, one, or oversized.
    #[error("the RSA key has an even modulus, or an exponent that is even, 1 or too large: make one with 65537")]
    RsaExponent,
    /// An Ed25519 key of small order: anybody can make signatures that it accepts (RFC 8032 §8.9).
    #[error("the Ed25519 key has small order: anybody can make signatures that it accepts; make a new one")]
    SmallOrder,
    /// A key of another kind than the algorithm needs.
    #[error("this key is not of the kind that {0} needs: load it with the algorithm that it was made for")]
    WrongKind(Algorithm),
    /// A key of a kind that no algorithm here uses.
    #[error("a key of {0}, which is not supported: use RSA, P-256, P-384, P-521, Ed25519 or ML-DSA")]
    UnsupportedKind(&'static str),
    /// The bytes are no key of that kind: not on the curve, of the wrong length, or damaged.
    #[error(
        "this is no valid key for {0}: it is damaged, or its numbers do not belong together or are not of full length, with the zeros in front; copy it again"
    )]
    Invalid(Algorithm),
    /// A private key where a public one is expected.
    #[error("this is a private key: a verifier needs the public one (`openssl pkey -in key.pem -pubout`)")]
    Private,
    /// A public key where a private one is expected.
    #[error("this is a public key: to sign, give the private one that belongs to it")]
    NotPrivate,
    /// A certificate where a private key is expected.
    #[error("this is a certificate, which holds a public key: to sign, give the private key that belongs to it")]
    Certificate,
    /// A private key that is encrypted with a passphrase.
    #[error(
        "the private key is encrypted: decrypt it with `openssl pkey -in key.pem -out plain.pem`, and make sure that only the service can read the result"
    )]
    Encrypted,
    /// A private key in another form than PKCS#8 and PKCS#1: SEC 1, or the one of OpenSSH.
    #[error(
        "a private key that is neither PKCS#8 nor PKCS#1: convert it (`openssl pkcs8 -topk8 -nocrypt -in key.pem`, or `ssh-keygen -p -m PKCS8 -f key` for one of OpenSSH)"
    )]
    NotPkcs8,
    /// Nothing, or only white space.
    #[error("the key is empty: is it the right file, and was something written to it?")]
    EmptyInput,
    /// Not PEM, or a block that is damaged.
    #[error(
        "no complete PEM block, from its `-----BEGIN` to its `-----END` line: give the text of the file and not its path, and check that line breaks have not become `\\n` in text; for DER and JWK, there are `der(…)` and `jwk(…)`"
    )]
    NotPem,
    /// PEM of something that is no key and no certificate, such as a certificate request.
    #[error(
        "PEM of another kind: to verify, give PUBLIC KEY, RSA PUBLIC KEY or CERTIFICATE; to sign, PRIVATE KEY or RSA PRIVATE KEY"
    )]
    OtherPem,
    /// More than one key or certificate in one PEM text, and nothing that says which one is meant.
    #[error(
        "{blocks} PEM blocks where one is expected: give the one that is meant, or load each and pass them to `KeySet::new`"
    )]
    SeveralBlocks {
        /// How many there are.
        blocks: usize,
    },
    /// Not DER of a key or a certificate.
    #[error("not the DER form of a key or a certificate: it is damaged, or something else")]
    Der,
    /// A secret that is not base64.
    #[error("the secret is not base64: copy it again, or give its bytes to `secret(…)`")]
    Base64,
    /// Not a JWK (RFC 7517 §4), or one with a missing, duplicate or malformed member, such as one of the kind `AKP` without
    /// `alg` (RFC 9964 §3).
    #[error(
        "not a well-formed JWK: a JSON object with `kty` and the members of that kind of key, each once, in base64url, and `alg` where `kty` is `AKP`"
    )]
    Jwk,
    /// A good JWK whose members are not spelled as RFC 7518 §6 says.
    #[error("the JWK is padded or has wrong zeros in front: correct it, or use `lenient_jwk(…)` or `lenient_jwks(…)`")]
    Misspelled,
    /// Not a JWK Set (RFC 7517 §5).
    #[error("not a JWK Set: a JSON object with an array `keys`; one key alone is read by `VerifyingKey::jwk(…)`")]
    JwkSet,
    /// A `kty`, `crv` or `alg` that is not supported, or an RSA key of more than two primes.
    #[error(
        "a JWK of an unsupported `kty`, `crv` or `alg`, or an RSA key of more than two primes: use RSA, P-256, P-384, P-521, Ed25519 or ML-DSA"
    )]
    Unsupported,
    /// `use` or `key_ops` (RFC 7517 §4.2, §4.3) do not allow the key to verify.
    #[error("the `use` or `key_ops` of the JWK does not allow it to verify signatures: take the key with `use` `sig`")]
    NotForVerification,
    /// `use` or `key_ops` (RFC 7517 §4.2, §4.3) do not allow the key to sign.
    #[error("the `use` or `key_ops` of the JWK does not allow it to sign: take the key with `use` `sig`")]
    NotForSigning,
    /// `key_ops` names an operation twice (RFC 7517 §4.3), or one that the `use` of the JWK excludes.
    #[error(
        "the `key_ops` of the JWK names an operation twice, or one that its `use` excludes: have whoever makes it name each once, and `sign` and `verify` alone"
    )]
    KeyOps,
    /// The key says it is for another algorithm than the one asked for.
    #[error("by its `kty`, `crv` or `alg` the JWK is for other algorithms than the one asked for: use one of those")]
    OtherAlgorithm,
    /// A secret or a private key in a set that anybody can fetch.
    #[error("a secret or private key in a published set is known to everybody: remove it and make a new one")]
    Published,
    /// A set without any key that can verify.
    #[error("no usable key: {}", Reasons(skipped))]
    Empty {
        /// The keys that the set has, and why each of them cannot be used.
        skipped: Arc<[SkippedKey]>,
    },
    /// A private JWK whose public members are not those of its private ones.
    #[error("the public members of the JWK do not belong to its private ones: copy the whole key again")]
    OtherPublicHalf,
    /// No key can be made here: the backend has no generator for it, or there are no random numbers.
    #[error("no key for {0} can be made here: load one of `openssl genpkey` (only `aws-lc-rs` makes RSA keys)")]
    Generate(Algorithm),
    /// The compiled-in backend lacks the algorithm.
    #[error("{0} is not in the pure-Rust backend: build with the feature `aws-lc-rs`")]
    NotInThisBackend(Algorithm),
}

/// Why the keys of a set cannot be used, one after the other.
struct Reasons<'k>(&'k [SkippedKey]);

impl fmt::Display for Reasons<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MAX_LISTED: usize = 8;
        if self.0.is_empty() {
            return f.write_str("the set is empty");
        }
        for (place, SkippedKey { index, kid, reason }) in self.0.iter().take(MAX_LISTED).enumerate() {
            let (semicolon, number) = (if place == 0 { "" } else { "; " }, index + 1);
            match kid {
                // Its owner chose it, who may be anybody.
                Some(kid) => write!(f, "{semicolon}key {number}, {}: {reason}", unverified(kid))?,
                None => write!(f, "{semicolon}key {number}: {reason}")?,
            }
        }
        match self.0.len().saturating_sub(MAX_LISTED) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

/// Why a token cannot be signed.
///
/// `Debug` says what `Display` says.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SigningError {
    /// The claims do not serialize, not to a JSON object, or to one with a member twice.
    #[error(
        "the claims do not serialize to a JSON object whose members each have a name of their own: give a struct or a map"
    )]
    Claims,
    /// A registered claim has a type or a value that RFC 7519 §4.1 does not allow, so that every verifier refuses the
    /// token. An `Option` that is `None` serializes to `null`, which is no string and no number.
    #[error(
        "claim `{0}` has the wrong type, and every verifier refuses such a token: leave it out where it has no value (`#[serde(skip_serializing_if = \"Option::is_none\")]`)"
    )]
    ClaimType(RegisteredClaim),
    /// `cnf` is not an object (RFC 7800 §3.1).
    #[error("claim `cnf` is not an object (RFC 7800 §3.1): leave it out where the token is bound to no key")]
    Confirmation,
    /// The name of the key is longer than verifiers here accept.
    #[error(
        "a `kid` of {bytes} bytes is longer than the {limit} that verifiers here accept: give the key a shorter name"
    )]
    KidTooLong {
        /// The length of the name, in bytes.
        bytes: usize,
        /// The longest, in bytes.
        limit: usize,
    },
    /// The header, with `typ` and `kid`, is longer than verifiers here accept.
    #[error(
        "a header of {bytes} characters is longer than the {limit} that verifiers here accept: shorten the `typ` or the `kid`"
    )]
    HeaderTooLong {
        /// The length of the header, in characters of base64url.
        bytes: usize,
        /// The longest.
        limit: usize,
    },
    /// The backend cannot sign, for example because there are no random numbers.
    #[error("the backend cannot make the signature: check that the system has random numbers")]
    Failed,
}

debug_as_display!(KeyError, SigningError);
