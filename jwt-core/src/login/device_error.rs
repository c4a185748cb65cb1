//! Why a login is not bound to a browser, or not refreshed by it.

use crate::config_error::debug_as_display;
use crate::error::ProofError;

/// Why a browser could not bind a login to its key, or not refresh one that is bound (Device Bound Session Credentials).
#[derive(Clone, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// A registration without `Secure-Session-Response`, or a request with several.
    #[error("`Secure-Session-Response` is not there exactly once: only a browser that binds a login sends it")]
    Response,
    /// A refresh without `Sec-Secure-Session-Id`, or with that of another login than the one of the refresh token.
    #[error("`Sec-Secure-Session-Id` does not name the login of the refresh token")]
    Session,
    /// The proof is not good: `typ` has to be `dbsc+jwt`, `alg` ES256, and it is signed by the key of the login.
    #[error("the proof in `Secure-Session-Response` is not good: {0}")]
    Proof(#[from] ProofError),
    /// The challenge in the proof is not one for this refresh token, is too old, or was answered before.
    #[error("`jti` of the proof is not a challenge for this refresh token, is too old, or was answered before")]
    Challenge,
    /// The login may not be bound: it did not begin in cookies, or before `.bind_to_device()`.
    #[error("the login may not be bound: it began without cookies, or before `.bind_to_device()` was there")]
    NotOffered,
    /// A login that is bound already.
    #[error("the login is bound to a key already")]
    AlreadyBound,
    /// A refresh by a key of a login that has none.
    #[error("the login is not bound to a key")]
    NotBound,
}

debug_as_display!(DeviceError);
