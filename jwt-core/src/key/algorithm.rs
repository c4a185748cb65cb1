//! The signature algorithms: one row for each. Everything else that differs by algorithm reads its row.

use std::fmt;
use std::str::FromStr;

/// How keys are read, signatures are verified and keys are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    Hmac,
    Rsa,
    Ec,
    /// The private key is a seed, and the public one a string of bytes.
    Seed,
}

/// A type of key, as JWK (RFC 7518 §6, RFC 8037 §2, RFC 9964 §3) and DER name it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct KeyType {
    pub(crate) family: Family,
    /// `kty` of a JWK.
    pub(crate) kty: &'static str,
    /// `crv` of a JWK.
    pub(crate) crv: Option<&'static str>,
    /// The length of a private key in bytes; 0 where it is not fixed.
    pub(crate) private: usize,
    /// The same of a public one, or of each of its coordinates.
    pub(crate) public: usize,
    /// The object identifiers of an `AlgorithmIdentifier` (RFC 5280 §4.1.1.2), without tag and length: what the key is
    /// for and, for `id-ecPublicKey`, its curve. Empty where DER has no such keys.
    pub(crate) oids: &'static [&'static [u8]],
}

/// A hash function of SHA-2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

/// Who signs and verifies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BackendName {
    AwsLcRs,
    RustCrypto,
}

/// `1.2.840.10045.2.1` (RFC 5480 §2.1.1).
const ID_EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];

/// A secret has no form in DER.
pub(crate) const OCT: KeyType = of(Family::Hmac, "oct", None, 0, 0, &[]);
/// `1.2.840.113549.1.1.1` (RFC 8017 §A.1).
pub(crate) const RSA: KeyType = of(Family::Rsa, "RSA", None, 0, 0, &[&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1]]);
/// `prime256v1` (RFC 5480 §2.1.1.1).
const P256: KeyType =
    of(Family::Ec, "EC", Some("P-256"), 32, 32, &[ID_EC_PUBLIC_KEY, &[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7]]);
/// `secp384r1` (RFC 5480 §2.1.1.1).
const P384: KeyType = of(Family::Ec, "EC", Some("P-384"), 48, 48, &[ID_EC_PUBLIC_KEY, &[0x2b, 0x81, 4, 0, 0x22]]);
/// `secp521r1` (RFC 5480 §2.1.1.1).
const P521: KeyType = of(Family::Ec, "EC", Some("P-521"), 66, 66, &[ID_EC_PUBLIC_KEY, &[0x2b, 0x81, 4, 0, 0x23]]);
/// `1.3.101.112` (RFC 8410 §3).
const ED25519: KeyType = of(Family::Seed, "OKP", Some("Ed25519"), 32, 32, &[&[0x2b, 0x65, 0x70]]);

/// `2.16.840.1.101.3.4.3.17` to `.19` (RFC 9881 §2). `alg` says which of them a JWK is (RFC 9964 §3).
const ML_DSA_44: KeyType = of(Family::Seed, "AKP", None, 32, 1312, &[&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, 17]]);
const ML_DSA_65: KeyType = of(Family::Seed, "AKP", None, 32, 1952, &[&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, 18]]);
const ML_DSA_87: KeyType = of(Family::Seed, "AKP", None, 32, 2592, &[&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, 19]]);

const fn of(
    family: Family,
    kty: &'static str,
    crv: Option<&'static str>,
    private: usize,
    public: usize,
    oids: &'static [&'static [u8]],
) -> KeyType {
    KeyType { family, kty, crv, private, public, oids }
}

const BOTH: &[BackendName] = &[BackendName::AwsLcRs, BackendName::RustCrypto];
const AWS_LC_RS: &[BackendName] = &[BackendName::AwsLcRs];

/// What there is to know about one algorithm.
struct Row {
    name: &'static str,
    key_type: &'static KeyType,
    hash: Hash,
    max_signature: usize,
    backends: &'static [BackendName],
}

/// Makes the enum, [`Algorithm::ALL`] and the look-up of a row from the rows: name, type of key, hash, largest signature
/// in bytes, backends that have it. Where several algorithms share a type of key without a curve, the first of them is
/// what a JWK without `alg` is used with.
macro_rules! algorithms {
    ($($(#[$doc:meta])* $variant:ident: $name:literal $key_type:ident $hash:ident $signature:literal $backends:ident;)+) => {
        /// A signature algorithm of RFC 7518 §3.1, RFC 8037 §3.1, RFC 9864 §2.2 or RFC 9964 §5.
        ///
        /// There is no `none`, and an unknown name is an error, never a guess.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Algorithm {
            $($(#[$doc])* $variant,)+
        }

        impl Algorithm {
            /// Every algorithm, in the order of their declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            const fn row(self) -> &'static Row {
                match self {
                    $(Self::$variant => &Row {
                        name: $name,
                        key_type: &$key_type,
                        hash: Hash::$hash,
                        max_signature: $signature,
                        backends: $backends,
                    },)+
                }
            }
        }
    };
}

algorithms! {
    /// HMAC with SHA-256.
    HS256:   "HS256"   OCT     Sha256   32 BOTH;
    /// HMAC with SHA-384.
    HS384:   "HS384"   OCT     Sha384   48 BOTH;
    /// HMAC with SHA-512.
    HS512:   "HS512"   OCT     Sha512   64 BOTH;
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    RS256:   "RS256"   RSA     Sha256 1024 BOTH;
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    RS384:   "RS384"   RSA     Sha384 1024 BOTH;
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    RS512:   "RS512"   RSA     Sha512 1024 BOTH;
    /// RSASSA-PSS with SHA-256, MGF1 with SHA-256, and a salt of 32 bytes.
    PS256:   "PS256"   RSA     Sha256 1024 BOTH;
    /// RSASSA-PSS with SHA-384, MGF1 with SHA-384, and a salt of 48 bytes.
    PS384:   "PS384"   RSA     Sha384 1024 BOTH;
    /// RSASSA-PSS with SHA-512, MGF1 with SHA-512, and a salt of 64 bytes.
    PS512:   "PS512"   RSA     Sha512 1024 BOTH;
    /// ECDSA on P-256 with SHA-256.
    ES256:   "ES256"   P256    Sha256   64 BOTH;
    /// ECDSA on P-384 with SHA-384.
    ES384:   "ES384"   P384    Sha384   96 BOTH;
    /// ECDSA on P-521 with SHA-512. Not in the pure-Rust backend.
    ES512:   "ES512"   P521    Sha512  132 AWS_LC_RS;
    /// Ed25519 under the older, polymorphic name of RFC 8037.
    EdDSA:   "EdDSA"   ED25519 Sha512   64 BOTH;
    /// Ed25519 under the fully specified name of RFC 9864.
    Ed25519: "Ed25519" ED25519 Sha512   64 BOTH;
    /// ML-DSA (FIPS 204) with the parameters of category 2. Not in the pure-Rust backend, as the next two.
    MlDsa44: "ML-DSA-44" ML_DSA_44 Sha512 2420 AWS_LC_RS;
    /// ML-DSA with the parameters of category 3.
    MlDsa65: "ML-DSA-65" ML_DSA_65 Sha512 3309 AWS_LC_RS;
    /// ML-DSA with the parameters of category 5.
    MlDsa87: "ML-DSA-87" ML_DSA_87 Sha512 4627 AWS_LC_RS;
}

impl Algorithm {
    /// The name in the `alg` header, case-sensitive.
    pub const fn as_str(self) -> &'static str {
        self.row().name
    }

    pub(crate) const fn key_type(self) -> &'static KeyType {
        self.row().key_type
    }

    pub(crate) const fn family(self) -> Family {
        self.key_type().family
    }

    /// The hash function that the message goes through. Ed25519 has SHA-512 in it (RFC 8032 §5.1). Nothing says which one
    /// goes with ML-DSA, which has no function of SHA-2 in it.
    pub(crate) const fn hash(self) -> Hash {
        self.row().hash
    }

    /// The least length of a secret, in bytes: the output of the hash (RFC 7518 §3.2).
    pub(crate) const fn least_secret(self) -> usize {
        self.hash().len()
    }

    /// The largest signature, in bytes.
    pub(crate) const fn max_signature(self) -> usize {
        self.row().max_signature
    }

    pub(crate) const fn backends(self) -> &'static [BackendName] {
        self.row().backends
    }
}

impl Hash {
    /// The length of the output, in bytes.
    pub(crate) const fn len(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }
}

/// The largest signature of all algorithms, in bytes: ML-DSA-87.
pub(crate) const MAX_SIGNATURE: usize = {
    let (mut largest, mut index) = (0, 0);
    while index < Algorithm::ALL.len() {
        let bytes = Algorithm::ALL[index].max_signature();
        if bytes > largest {
            largest = bytes;
        }
        index += 1;
    }
    largest
};

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The name is not one of [`Algorithm::ALL`].
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a supported signature algorithm: use one of {}", names())]
pub struct UnknownAlgorithm;

crate::config_error::debug_as_display!(UnknownAlgorithm);

fn names() -> String {
    Algorithm::ALL.iter().map(|algorithm| algorithm.as_str()).collect::<Vec<_>>().join(", ")
}

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    fn from_str(name: &str) -> Result<Self, UnknownAlgorithm> {
        Self::ALL.iter().copied().find(|algorithm| algorithm.as_str() == name).ok_or(UnknownAlgorithm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bounds_of_signatures_are_those_of_the_rows() {
        assert_eq!(MAX_SIGNATURE, 4627);
        for algorithm in Algorithm::ALL {
            let (bytes, key_type) = (algorithm.max_signature(), algorithm.key_type());
            match algorithm.family() {
                Family::Hmac => assert_eq!(bytes, algorithm.hash().len(), "{algorithm}"),
                Family::Rsa => assert_eq!(bytes, 8192 / 8, "{algorithm}"),
                Family::Seed if key_type.kty == "AKP" => assert!(bytes > key_type.public, "{algorithm}"),
                Family::Ec | Family::Seed => assert_eq!(bytes, 2 * key_type.public, "{algorithm}"),
            }
        }
    }

    #[test]
    fn a_name_is_read_as_it_is_written_and_in_no_other_way() {
        for algorithm in Algorithm::ALL {
            let name = algorithm.as_str();
            assert_eq!(name.parse(), Ok(*algorithm));
            assert_eq!(name.to_lowercase().parse::<Algorithm>(), Err(UnknownAlgorithm));
            assert!(UnknownAlgorithm.to_string().contains(name));
        }
    }
}
