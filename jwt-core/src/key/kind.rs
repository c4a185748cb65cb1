//! What kind of key some DER says it is, so that the wrong one is refused by its name.

use super::KeyError;
use super::der::{BIT_STRING, Element, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, members};
use crate::key::algorithm::{Algorithm, KeyType};

/// A type of key that is used here, or another one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum KeyKind {
    Known(&'static KeyType),
    /// One that no algorithm here uses.
    Other(&'static str),
}

impl KeyKind {
    /// Of a `SubjectPublicKeyInfo` (RFC 5280 §4.1.2.7), and the key in it; `None` where it is none.
    pub(super) fn of_spki(der: &[u8]) -> Option<(Self, &[u8])> {
        let members = members(Element::only(der)?.contents_of(SEQUENCE)?)?;
        let [identifier, key] = members.as_slice() else { return None };
        Some((Self::of_identifier(identifier)?, key.contents_of(BIT_STRING)?.strip_prefix(&[0])?))
    }

    /// Of a private key in PKCS#8 (RFC 5958 §2), and the key in it; `None` where it is none.
    pub(super) fn of_pkcs8(der: &[u8]) -> Option<(Self, &[u8])> {
        let members = members(Element::only(der)?.contents_of(SEQUENCE)?)?;
        let [version, identifier, key, ..] = members.as_slice() else { return None };
        version.contents_of(INTEGER)?;
        Some((Self::of_identifier(identifier)?, key.contents_of(OCTET_STRING)?))
    }

    /// `AlgorithmIdentifier`: what the key is for, and the curve after it.
    fn of_identifier(identifier: &Element<'_>) -> Option<Self> {
        let purpose = Element::read(identifier.contents_of(SEQUENCE)?)?;
        let curve = Element::read(purpose.rest).and_then(|parameters| parameters.contents_of(OBJECT_IDENTIFIER));
        let purpose = purpose.contents_of(OBJECT_IDENTIFIER)?;
        let known = Algorithm::ALL.iter().map(|algorithm| algorithm.key_type()).find(|key_type| match key_type.oids {
            [] => false,
            [own] => *own == purpose,
            [own, parameters @ ..] => *own == purpose && curve.is_some_and(|curve| parameters == [curve]),
        });
        Some(known.map_or_else(|| Self::Other(unsupported(purpose, curve)), Self::Known))
    }

    /// Whether the algorithm uses such keys.
    pub(super) fn check(self, algorithm: Algorithm) -> Result<(), KeyError> {
        match self {
            Self::Known(key_type) if key_type == algorithm.key_type() => Ok(()),
            Self::Known(_) => Err(KeyError::WrongKind(algorithm)),
            Self::Other(name) => Err(KeyError::UnsupportedKind(name)),
        }
    }
}

/// The name of a key that no algorithm here uses.
fn unsupported(purpose: &[u8], curve: Option<&[u8]>) -> &'static str {
    match (purpose, curve) {
        // RFC 4055 §3.1: such a key has parameters that the readers ignore.
        ([0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 10], _) => {
            "RSA bound to PSS by its identifier (PS256 takes a plain RSA key)"
        }
        // RFC 5480 §2.1.1.1
        ([0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1], Some([0x2b, 0x81, 0x04, 0, 0x0a])) => "secp256k1",
        ([0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1], Some(_)) => "another curve",
        ([0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1], None) => "a curve without a name",
        // RFC 8410 §3
        ([0x2b, 0x65, 0x6e], _) => "X25519, which encrypts",
        ([0x2b, 0x65, 0x6f], _) => "X448, which encrypts",
        ([0x2b, 0x65, 0x71], _) => "Ed448",
        // RFC 3279 §2.3.2
        ([0x2a, 0x86, 0x48, 0xce, 0x38, 4, 1], _) => "DSA",
        _ => "another kind",
    }
}
