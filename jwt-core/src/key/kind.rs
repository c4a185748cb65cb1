//! What kind of key some DER says it is, so that the wrong one is refused by its name.

use super::KeyError;
use super::der::Element;
use crate::key::algorithm::{Algorithm, Family};

const INTEGER: u8 = 0x02;
const OBJECT_IDENTIFIER: u8 = 0x06;
const SEQUENCE: u8 = 0x30;

/// By algorithm and, for a curve, its name.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum KeyKind {
    Rsa,
    P256,
    P384,
    P521,
    Ed25519,
    /// One that no algorithm here uses.
    Other(&'static str),
}

impl KeyKind {
    /// Of a `SubjectPublicKeyInfo` (RFC 5280 §4.1.2.7); `None` where it is none.
    pub(super) fn of_spki(der: &[u8]) -> Option<Self> {
        Self::of_identifier(Element::read(der)?.contents_of(SEQUENCE)?)
    }

    /// Of a private key in PKCS#8 (RFC 5958 §2); `None` where it is none.
    pub(super) fn of_pkcs8(der: &[u8]) -> Option<Self> {
        let version = Element::read(Element::read(der)?.contents_of(SEQUENCE)?)?;
        version.contents_of(INTEGER)?;
        Self::of_identifier(version.rest)
    }

    /// `AlgorithmIdentifier`: what the key is for, and the curve behind it.
    fn of_identifier(der: &[u8]) -> Option<Self> {
        let algorithm = Element::read(Element::read(der)?.contents_of(SEQUENCE)?)?;
        let curve = || Element::read(algorithm.rest)?.contents_of(OBJECT_IDENTIFIER);
        Some(match algorithm.contents_of(OBJECT_IDENTIFIER)? {
            // RFC 8017 §A.1
            [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1] => Self::Rsa,
            // RFC 4055 §3.1: such a key has parameters that the readers do not heed.
            [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 10] => {
                Self::Other("RSA bound to PSS by its identifier (PS256 takes a plain RSA key)")
            }
            // RFC 5480 §2.1.1.1
            [0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1] => match curve() {
                Some([0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7]) => Self::P256,
                Some([0x2b, 0x81, 0x04, 0, 0x22]) => Self::P384,
                Some([0x2b, 0x81, 0x04, 0, 0x23]) => Self::P521,
                Some([0x2b, 0x81, 0x04, 0, 0x0a]) => Self::Other("secp256k1"),
                Some(_) => Self::Other("another curve"),
                None => Self::Other("a curve without a name"),
            },
            // RFC 8410 §3
            [0x2b, 0x65, 0x6e] => Self::Other("X25519, which encrypts"),
            [0x2b, 0x65, 0x6f] => Self::Other("X448, which encrypts"),
            [0x2b, 0x65, 0x70] => Self::Ed25519,
            [0x2b, 0x65, 0x71] => Self::Other("Ed448"),
            // RFC 3279 §2.3.2
            [0x2a, 0x86, 0x48, 0xce, 0x38, 4, 1] => Self::Other("DSA"),
            _ => Self::Other("another kind"),
        })
    }

    /// Whether the algorithm uses such keys.
    pub(super) fn check(self, algorithm: Algorithm) -> Result<(), KeyError> {
        let good = match self {
            Self::Rsa => algorithm.family() == Family::Rsa,
            Self::P256 => algorithm == Algorithm::ES256,
            Self::P384 => algorithm == Algorithm::ES384,
            Self::P521 => algorithm == Algorithm::ES512,
            Self::Ed25519 => algorithm.family() == Family::Ed25519,
            Self::Other(name) => return Err(KeyError::UnsupportedKind(name)),
        };
        if good { Ok(()) } else { Err(KeyError::WrongKind(algorithm)) }
    }
}
