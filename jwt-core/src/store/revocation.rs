//! What a store keeps of a revocation.

use serde::{Deserialize, Serialize};

use crate::clock::NumericDate;

/// Tokens that are refused from some moment on.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Revocation {
    /// Which tokens.
    pub target: RevocationTarget,
    /// When all of them have expired, so that the revocation need not be remembered any longer.
    #[serde(with = "super::time::millis")]
    pub forget_at: NumericDate,
}

impl Revocation {
    /// Whether this entry says all that another one says, so that a store can drop the other one: both are for the same
    /// subject, and this one is for no fewer tokens and for no shorter time.
    pub fn replaces(&self, other: &Self) -> bool {
        let (
            RevocationTarget::Subject { issuer, subject, not_before },
            RevocationTarget::Subject { issuer: of, subject: whose, not_before: before },
        ) = (&self.target, &other.target)
        else {
            return false;
        };
        (issuer, subject) == (of, whose) && not_before >= before && self.forget_at >= other.forget_at
    }
}

impl RevocationTarget {
    /// How many entries a store of that capacity may have before this one: the last tenth is for entries of subjects, so
    /// that everybody can be logged out everywhere, also where single tokens have filled the rest.
    pub fn room(&self, capacity: usize) -> usize {
        match self {
            Self::Subject { .. } => capacity,
            Self::Token { .. } | Self::Session { .. } => capacity - capacity / 10,
        }
    }
}

/// Which tokens a [`Revocation`] is about. A token without `iss` has the empty issuer.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RevocationTarget {
    /// One token.
    Token {
        /// Its `iss`.
        issuer: String,
        /// Its `jti`.
        id: String,
    },
    /// All tokens of one login.
    Session {
        /// Their `iss`.
        issuer: String,
        /// Their `sid`.
        id: String,
    },
    /// All tokens of a subject that were issued before a moment, and those that do not say when they were issued.
    Subject {
        /// Their `iss`.
        issuer: String,
        /// Their `sub`.
        subject: String,
        /// The moment that `iat` is compared with.
        #[serde(with = "super::time::millis")]
        not_before: NumericDate,
    },
}
