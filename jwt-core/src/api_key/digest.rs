//! What is kept of a key.

use std::fmt;
use std::str::FromStr;

use crate::config_error::debug_as_display;
use crate::key::crypto;
use crate::key::{Algorithm, SigningKey, VerifyingKey};

/// SHA-256 of an API key: what a service keeps of it. A slow hash, as for passwords, would add nothing, because a key has 256
/// random bits.
///
/// As text it is 64 hexadecimal digits in lower case, by `Display` and `FromStr`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ApiKeyDigest([u8; 32]);

impl ApiKeyDigest {
    pub(super) fn of(key: &[u8]) -> Self {
        let mut digest = [0; 32];
        // Both have 32 bytes.
        digest.iter_mut().zip(crypto::sha256(key)).for_each(|(to, from)| *to = from);
        Self(digest)
    }

    /// With these bytes, for a store with binary columns.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for ApiKeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ApiKeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Not 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the digest of an API key: it is 64 hexadecimal digits, as `key.digest().to_string()` writes them")]
pub struct NotADigest;

debug_as_display!(NotADigest);

impl FromStr for ApiKeyDigest {
    type Err = NotADigest;

    fn from_str(text: &str) -> Result<Self, NotADigest> {
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return Err(NotADigest) };
        let bytes = pairs.iter().map(|[high, low]| Some((digit(*high)? << 4) | digit(*low)?));
        let bytes: Vec<u8> = bytes.collect::<Option<_>>().ok_or(NotADigest)?;
        bytes.try_into().map(Self).map_err(|_| NotADigest)
    }
}

/// Compares digests in a time that says nothing about them: by the HMAC of both under a random key, which the backend compares
/// in constant time.
pub(super) struct Compare {
    sign: SigningKey,
    verify: VerifyingKey,
}

impl Compare {
    /// `None` where the operating system gives no random numbers.
    pub(super) fn new() -> Option<Self> {
        let sign = SigningKey::secret(Algorithm::HS256, crypto::random::<32>()?).ok()?;
        Some(Self { verify: sign.verifying_key(), sign })
    }

    pub(super) fn are_equal(&self, one: ApiKeyDigest, other: ApiKeyDigest) -> bool {
        self.sign.signature(&one.0).is_ok_and(|tag| self.verify.verify(&other.0, &tag))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_digest_is_written_and_read_and_nothing_else_is(bytes: [u8; 32], other: [u8; 32], text in "[0-9a-fA-Fg]{0,70}|\\PC{0,70}") {
            let digest = ApiKeyDigest::from_bytes(bytes);
            prop_assert_eq!(digest.to_string().parse(), Ok(digest));
            prop_assert_eq!(text.parse::<ApiKeyDigest>().is_ok(), text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()));
            let compare = Compare::new().unwrap();
            let other = ApiKeyDigest::from_bytes(other);
            prop_assert!(compare.are_equal(digest, digest) && compare.are_equal(digest, other) == (digest == other));
        }
    }
}
