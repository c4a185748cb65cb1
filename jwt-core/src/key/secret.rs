//! HMAC secrets: how long they must be.

use super::KeyError;
use crate::base64url;
use crate::key::algorithm::{Algorithm, Family};

/// Whether a secret may be used with the algorithm.
pub(crate) fn check(algorithm: Algorithm, secret: &[u8]) -> Result<(), KeyError> {
    if algorithm.family() != Family::Hmac {
        return Err(KeyError::WrongKind(algorithm));
    }
    let needed = algorithm.least_secret();
    if secret.len() < needed {
        return Err(KeyError::WeakSecret { algorithm, bytes: secret.len(), needed });
    }
    Ok(())
}

pub(super) fn decode(secret: &str) -> Result<Vec<u8>, KeyError> {
    let text = secret.trim_end_matches('=').replace('+', "-").replace('/', "_");
    base64url::decode(text.as_bytes()).ok_or(KeyError::Base64)
}
