//! A proof of possession that was used, by what it is known again.

use super::confirmation::Thumbprint;
use crate::clock::NumericDate;

/// A DPoP proof that a request came with, and that is good: by what a memory of used proofs knows it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct UsedProof {
    /// The thumbprint of the key that signed it (RFC 7638).
    pub key: Thumbprint,
    /// A digest of that key and of `jti`.
    pub id: [u8; 16],
    /// From when on it is refused for its age, so that it need not be remembered.
    pub until: NumericDate,
    /// The same where a question is asked again, because its answer was lost, and different for every request.
    pub attempt: [u8; 8],
    /// How many proofs of this key may be remembered at once.
    pub limit: u32,
}

/// Whether a proof is used for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FirstUse {
    /// It is, and is remembered.
    Yes,
    /// It was used before.
    No,
    /// It is not known: no more can be remembered.
    Full,
}
