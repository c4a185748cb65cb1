//! Why a proof of possession is not good.

use std::time::Duration;

use super::{Malformed, ProxyError};
use crate::key::KeyError;

/// Why a DPoP proof (RFC 9449 §4.3) is not good. For the log and for code: the client learns `invalid_dpop_proof`, or
/// `use_dpop_nonce` where a nonce is wanted.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// There is no `DPoP` header field beside a token that was sent under the scheme `DPoP`.
    #[error("no header field `DPoP` beside a token under the scheme `DPoP`")]
    Missing,
    /// There is more than one `DPoP` header field.
    #[error("the header field `DPoP` is there more than once")]
    Repeated,
    /// Longer than what is read, in bytes.
    #[error("the proof is longer than {limit} bytes")]
    TooLong {
        /// The limit, in bytes.
        limit: usize,
    },
    /// Not a compact JWS, or a part that cannot be read.
    #[error("malformed proof: {0}")]
    Malformed(Malformed),
    /// A `crit` header, or `b64` other than true: nothing of that kind is understood here.
    #[error("the proof has a critical header that is not understood")]
    CriticalHeader,
    /// `typ` is not `dpop+jwt`.
    #[error("`typ` of the proof is not `dpop+jwt`")]
    Type,
    /// `alg` is no algorithm that is accepted for proofs, such as `none` or one with a secret.
    #[error("`alg` of the proof is not accepted: the challenge names those that are in `algs`")]
    Algorithm,
    /// `jwk` holds a secret or a private key.
    #[error("`jwk` of the proof holds a secret or a private key, which has to stay with its client")]
    PrivateKey,
    /// `jwk` holds no key that the proof could be verified with.
    #[error("`jwk` of the proof is not usable: {0}")]
    Key(KeyError),
    /// The signature does not hold under `jwk`.
    #[error("the signature of the proof does not hold")]
    Signature,
    /// A claim that is needed is not there, or has the wrong type.
    #[error("claim `{0}` of the proof is missing, or has the wrong type")]
    Claim(&'static str),
    /// `htm` is not the method of the request.
    #[error("`htm` of the proof is not the method of the request")]
    Method,
    /// `htu` is not the address of the request, as far as this service knows it.
    #[error(
        "`htu` of the proof is {found}, which is not the address of the request, {expected}: if clients use another one, say so by `.public_origin(\"https://…\")`"
    )]
    Address {
        /// What the proof says, as debug text of at most 128 characters.
        found: Box<str>,
        /// The address that this service knows the request by, as debug text of at most 128 characters.
        expected: Box<str>,
    },
    /// The address of the request is not known, since a trusted proxy does not say it.
    #[error("the address of the request is not known, which `htu` of the proof has to be: {0}")]
    Proxy(ProxyError),
    /// `ath` is not the hash of the token that it came with.
    #[error("`ath` of the proof is not the hash of the token")]
    AccessTokenHash,
    /// Signed too long ago, by `iat`.
    #[error("the proof is older than allowed by {} s, by `iat`", by.as_secs())]
    TooOld {
        /// The age beyond the maximum.
        by: Duration,
    },
    /// Signed later than now and the leeway, by `iat`.
    #[error("the proof was signed {} s in the future, by `iat`: the clock of the client is wrong", early.as_secs())]
    InFuture {
        /// The time until `iat`.
        early: Duration,
    },
    /// It says itself that it is not good now (RFC 7519 §4.1.4, §4.1.5), which no proof needs to.
    #[error("the proof is not good now, by its own `exp` or `nbf`")]
    NotNow,
    /// The same proof was used before.
    #[error("the proof was used before")]
    Replayed,
    /// It has no nonce, and one is demanded.
    #[error("the proof has no `nonce`, which this service demands: the client gets one with the answer")]
    NonceMissing,
    /// Its nonce was not made here, or too long ago.
    #[error("`nonce` of the proof is not one of this service, or too old: the client gets another one with the answer")]
    NonceInvalid,
}

impl ProofError {
    /// Whether another try with the nonce of the answer may do.
    pub(crate) fn wants_nonce(&self) -> bool {
        matches!(self, Self::NonceMissing | Self::NonceInvalid)
    }
}
