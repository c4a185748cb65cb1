//! HMAC secrets: how long they must be, and what is none.

use super::mistaken::{from_base64, from_hex};
use super::{KeyError, NotASecret};
use crate::base64url;
use crate::facade::tracing;
use crate::key::algorithm::{Algorithm, Family};

/// Whether a secret may be used with the algorithm. Where it looks like the text of a shorter one, the log says so.
pub(crate) fn check(algorithm: Algorithm, secret: &[u8]) -> Result<(), KeyError> {
    if algorithm.family() != Family::Hmac {
        return Err(KeyError::WrongKind(algorithm));
    }
    if let Some(mistaken) = NotASecret::recognize(secret) {
        return Err(KeyError::NotASecret(mistaken));
    }
    let needed = algorithm.least_secret();
    if secret.len() < needed {
        return Err(KeyError::WeakSecret { algorithm, bytes: secret.len(), needed });
    }
    if let Some(bytes) = meant(secret).map(|bytes| bytes.len()).filter(|bytes| *bytes < needed) {
        tracing::warn!(target: "jwt", %algorithm, bytes, needed, "the secret looks like base64 or hexadecimal digits of a shorter one, and is used as the text that it is: load base64 by `secret_base64(…)`, which decodes it");
    }
    Ok(())
}

/// The bytes that a secret is the text of, in base64 or hexadecimal digits; `None` where it does not look like either.
pub(super) fn meant(secret: &[u8]) -> Option<Vec<u8>> {
    // A passphrase of letters alone is base64 by chance.
    let has = |kind: fn(&u8) -> bool| secret.iter().any(kind);
    let is_mixed =
        has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase) && has(|byte| !byte.is_ascii_alphabetic());
    from_hex(secret).or_else(|| from_base64(secret).filter(|_| is_mixed))
}

/// The bytes of a secret in base64, of either alphabet, with or without padding.
pub(super) fn decode(secret: &str) -> Result<Vec<u8>, KeyError> {
    if let Some(mistaken) = NotASecret::recognize(secret.as_bytes()) {
        return Err(KeyError::NotASecret(mistaken));
    }
    let text = secret.trim_end_matches('=').replace('+', "-").replace('/', "_");
    base64url::decode(text.as_bytes()).ok_or(KeyError::Base64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_a_secret_is_told_by_its_look() {
        for (text, bytes) in [
            ("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz", 24),
            ("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNA==", 25),
            ("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNA", 25),
            ("00112233445566778899aabbccddeeff", 16),
            ("00112233445566778899AABBCCDDEEFF\n", 16),
        ] {
            assert_eq!(meant(text.as_bytes()).map(|decoded| decoded.len()), Some(bytes), "{text}");
            check(Algorithm::HS256, text.as_bytes()).unwrap();
        }
        for text in [
            "a secret of at least thirty-two bytes",
            "correcthorsebatterystaplecorrecthorse",
            "CorrectHorseBatteryStapleCorrectHorse",
            "550e8400-e29b-41d4-a716-446655440000",
        ] {
            assert_eq!(meant(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn a_text_that_is_too_short_is_refused_with_a_hint() {
        let text = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
        for algorithm in [Algorithm::HS384, Algorithm::HS512] {
            let error = check(algorithm, text.as_bytes()).unwrap_err();
            assert!(matches!(error, KeyError::WeakSecret { bytes: 44, .. }));
            assert!(error.to_string().contains("`VerifyingKey::secret_base64(…)`"), "{error}");
        }
        assert_eq!(decode(text).unwrap().len(), 32);
    }
}
