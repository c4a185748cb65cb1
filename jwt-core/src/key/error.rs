//! Why a key cannot be loaded.

use crate::key::algorithm::Algorithm;

/// Why a key cannot be loaded, and what to do about it. Holds nothing of the key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// A secret shorter than the output of the hash (RFC 7518 §3.2).
    #[error(
        "a secret of {bytes} bytes is too short for {algorithm}, which needs {needed}: make one with `openssl rand -base64 {needed}`"
    )]
    WeakSecret {
        /// The algorithm asked for.
        algorithm: Algorithm,
        /// The length of the secret, in bytes.
        bytes: usize,
        /// The least length, in bytes.
        needed: usize,
    },
    /// A modulus under 2048 bits or above what the backend takes.
    #[error("an RSA key of {bits} bits is refused: use 2048 to 8192 bits (4096 with the pure-Rust backend)")]
    RsaSize {
        /// The size of the modulus, in bits.
        bits: usize,
    },
    /// An even modulus, or a public exponent that is even, one, or oversized.
    #[error("the RSA key has a modulus or an exponent that no honest key has: make a new one, with exponent 65537")]
    RsaExponent,
    /// An Ed25519 key of small order, under which anybody can sign.
    #[error("the Ed25519 key is a point of small order, under which anybody can sign: make a new one")]
    SmallOrder,
    /// A key of another kind than the algorithm needs.
    #[error("this key is not of the kind that {0} needs: load it with the algorithm that it was made for")]
    WrongKind(Algorithm),
    /// A key of a kind that no algorithm here uses.
    #[error("a key of {0}, which is not supported: use RSA, P-256, P-384, P-521 or Ed25519")]
    UnsupportedKind(&'static str),
    /// The bytes are no key of that kind: not on the curve, of the wrong length, or damaged.
    #[error("these bytes are no valid key for {0}: damaged, or numbers that do not belong together; copy it anew")]
    Invalid(Algorithm),
    /// A private key where a public one is wanted.
    #[error("this is a private key: a verifier wants the public one (`openssl pkey -in key.pem -pubout`)")]
    Private,
    /// A public key where a private one is wanted.
    #[error("this is a public key: to sign, give the private one that belongs to it")]
    NotPrivate,
    /// A certificate where a private key is wanted.
    #[error("this is a certificate, which holds a public key: to sign, give the private key that belongs to it")]
    Certificate,
    /// A private key that is encrypted with a passphrase.
    #[error(
        "the private key is encrypted: decrypt it with `openssl pkey -in key.pem -out plain.pem`, and see that only the service can read the outcome"
    )]
    Encrypted,
    /// A private key in another form than PKCS#8 and PKCS#1, such as SEC 1 or that of OpenSSH.
    #[error(
        "a private key that is neither PKCS#8 nor PKCS#1: convert it (`openssl pkcs8 -topk8 -nocrypt -in key.pem`, or `ssh-keygen -p -m PKCS8 -f key` for one of OpenSSH)"
    )]
    NotPkcs8,
    /// Nothing at all, or nothing but white space.
    #[error("there is nothing in it: is it the right file, and has it been filled?")]
    EmptyInput,
    /// Not PEM, or a block that is damaged.
    #[error(
        "no whole PEM block, from its `-----BEGIN` to its `-----END` line: check that line breaks have not become `\\n` in text; DER and JWK have functions of their own"
    )]
    NotPem,
    /// PEM of something else than a key or a certificate, such as a certificate request.
    #[error(
        "PEM of another kind: to verify, give PUBLIC KEY, RSA PUBLIC KEY or CERTIFICATE; to sign, PRIVATE KEY or RSA PRIVATE KEY"
    )]
    OtherPem,
    /// More than one key or certificate in one PEM text: which one is meant, nobody says.
    #[error(
        "{blocks} PEM blocks where one is wanted: give the one that is meant, or load each and make a `KeySet::new` of them"
    )]
    SeveralBlocks {
        /// How many there are.
        blocks: usize,
    },
    /// Not DER of a key or a certificate.
    #[error("not the DER form of a key or a certificate: damaged, or something else")]
    Der,
    /// Not base64.
    #[error("not base64")]
    Base64,
    /// Not a JWK, or one with a missing, duplicate or ill-formed member.
    #[error("not a well-formed JWK")]
    Jwk,
    /// Not a JWK Set.
    #[error("not a JWK Set: a JSON object with an array `keys`")]
    JwkSet,
    /// A `kty`, `crv` or `alg` that is not supported.
    #[error("a JWK of an unsupported `kty`, `crv` or `alg`")]
    Unsupported,
    /// `use` or `key_ops` forbid what is wanted of the key.
    #[error("a JWK whose `use` or `key_ops` do not allow to verify signatures")]
    NotForVerification,
    /// `use` or `key_ops` forbid what is wanted of the key.
    #[error("a JWK whose `use` or `key_ops` do not allow to sign")]
    NotForSigning,
    /// The key says it is for another algorithm than the one asked for.
    #[error("the JWK is bound to another algorithm by its `alg`")]
    OtherAlgorithm,
    /// A secret or a private key in a set that anybody can fetch.
    #[error("a secret or private key that is published is nobody's own any more: remove it and make a new one")]
    Published,
    /// No key is left that can verify.
    #[error(
        "no usable key in the set ({skipped} skipped): see `KeySet::skipped` of a set that has one, or load the keys one by one"
    )]
    Empty {
        /// How many keys were there and could not be used.
        skipped: usize,
    },
    /// A private JWK whose public members are not those of its private ones.
    #[error("the public members of the JWK do not belong to its private ones")]
    OtherPublicHalf,
    /// No key can be made here, for want of random numbers or of a generator.
    #[error(
        "no key for {0} can be made here: make one with `openssl genpkey` and load it (RSA keys are made by the feature `aws-lc-rs` only)"
    )]
    Generate(Algorithm),
    /// The compiled-in backend lacks the algorithm.
    #[error("{0} is not in the pure-Rust backend: build with the feature `aws-lc-rs`")]
    NotInThisBackend(Algorithm),
}
