//! The port to whoever signs where the private key is: a key management service, a hardware security module, Vault.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use crate::config_error::debug_as_display;
use crate::error::TransportError;
use crate::key::Algorithm;
use crate::key::algorithm::Family;
use crate::key::crypto;
use crate::key::der::{Element, INTEGER, SEQUENCE};

/// Signs where the private key is: in a key management service, a hardware security module, Vault. For a
/// [`RemoteSigningKey`](super::RemoteSigningKey).
///
/// An implementation sends the [input](SigningInput), or its digest, to the service and returns the signature. A client
/// that blocks, such as one for PKCS#11, belongs on a thread that may: `tokio::task::spawn_blocking`. It may be called for
/// several tokens at once. A call whose caller goes away or waits for too long is dropped.
///
/// ```
/// use jwt_core::issue::{Signer, SignerError, Signing, SigningInput};
/// # #[derive(Debug, thiserror::Error)]
/// # #[error("unreachable")]
/// # struct Down;
/// # struct Kms;
/// # impl Kms {
/// #     async fn sign(&self, _: &str, _: Vec<u8>) -> Result<Vec<u8>, Down> { Err(Down) }
/// # }
///
/// /// A key of a key management service, which signs digests and answers in DER.
/// struct KmsKey {
///     client: Kms,
///     key_id: String,
/// }
///
/// impl Signer for KmsKey {
///     fn sign<'a>(&'a self, input: SigningInput<'a>) -> Signing<'a> {
///         Box::pin(async move {
///             let signature = self.client.sign(&self.key_id, input.digest()).await.map_err(SignerError::failed)?;
///             input.raw_signature(&signature)
///         })
///     }
/// }
/// # let _ = KmsKey { client: Kms, key_id: String::new() };
/// ```
pub trait Signer: Send + Sync {
    /// The signature in the form of a JWS (RFC 7518 §3): for ES256, ES384 and ES512, R and S behind each other, each as long
    /// as the curve says (32, 48, 66 bytes); for RSA, as many bytes as the modulus has; for Ed25519, 64 bytes; for ML-DSA, what FIPS 204 §7.2 encodes, with an empty
    /// context.
    ///
    /// It is verified with the public key before a token leaves.
    ///
    /// # Errors
    /// [`SignerError::failed`], where there is no signature.
    fn sign<'a>(&'a self, input: SigningInput<'a>) -> Signing<'a>;
}

/// A signature that is under way.
pub type Signing<'a> = Pin<Box<dyn Future<Output = Result<Vec<u8>, SignerError>> + Send + 'a>>;

/// What is to be signed, and by which algorithm.
#[derive(Clone, Copy)]
pub struct SigningInput<'a> {
    pub(super) algorithm: Algorithm,
    pub(super) message: &'a [u8],
}

impl SigningInput<'_> {
    /// By which algorithm.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The bytes that are signed (RFC 7515 §5.1): header and claims of the token, for services that hash themselves, and for
    /// Ed25519 and ML-DSA.
    pub fn message(&self) -> &[u8] {
        self.message
    }

    /// Their digest by the hash of the algorithm: SHA-256, SHA-384 or SHA-512. For services that sign digests
    /// of RSA and ECDSA.
    pub fn digest(&self) -> Vec<u8> {
        crypto::digest(self.algorithm, self.message)
    }

    /// The form that a JWS needs of a signature that a service gives in DER (`ECDSA-Sig-Value` of RFC 3279 §2.2.3), as AWS
    /// KMS and Google Cloud KMS do. Signatures of RSA, Ed25519 and ML-DSA have one form only and stay as they are.
    ///
    /// # Errors
    /// [`SignerError::WrongSignature`] where it is not in DER, or too large for the curve.
    pub fn raw_signature(&self, signature: &[u8]) -> Result<Vec<u8>, SignerError> {
        match self.algorithm.family() {
            Family::Ec => raw(signature, self.algorithm.key_type().public).ok_or(SignerError::WrongSignature),
            _ => Ok(signature.to_vec()),
        }
    }
}

impl fmt::Debug for SigningInput<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningInput").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

/// `r` and `s` of a signature in DER, each of that length.
fn raw(der: &[u8], length: usize) -> Option<Vec<u8>> {
    let whole = Element::read(der)?;
    let r = Element::read(whole.contents_of(SEQUENCE)?)?;
    let s = Element::read(r.rest)?;
    if !whole.rest.is_empty() || !s.rest.is_empty() {
        return None;
    }
    let mut raw = Vec::with_capacity(2 * length);
    for number in [r, s] {
        let digits = number.contents_of(INTEGER)?;
        let zeros = digits.iter().take_while(|byte| **byte == 0).count();
        let digits = &digits[zeros..];
        raw.resize(raw.len() + length.checked_sub(digits.len())?, 0);
        raw.extend_from_slice(digits);
    }
    Some(raw)
}

/// Why a signer gave no signature that can be used. Nothing was signed in its place.
///
/// `Debug` says what `Display` says.
#[derive(Clone, thiserror::Error)]
#[non_exhaustive]
pub enum SignerError {
    /// The service with the key failed, or cannot be reached.
    #[error("the signer failed: {0}")]
    Failed(TransportError),
    /// The service did not answer in time.
    #[error(
        "the signer has not answered within {after:?}: is it down, or `.with_timeout(…)` of the `RemoteSigningKey` too short?"
    )]
    Timeout {
        /// How long it was waited for.
        after: Duration,
    },
    /// What the signer gave is no signature of the token under the public key.
    #[error(
        "what the signer gave is no signature of the token under the public key: is that the public half of the same key, was the right thing signed (message or digest), and is it in the form of a JWS? `SigningInput::raw_signature` reads DER"
    )]
    WrongSignature,
    /// There is no Tokio runtime, whose clock limits the time.
    #[error("no Tokio runtime: sign with a key that is elsewhere inside of one")]
    NoRuntime,
}

impl SignerError {
    /// The failure of a service, or of a client of it.
    pub fn failed(reason: impl Error + Send + Sync + 'static) -> Self {
        Self::Failed(TransportError::new(reason))
    }
}

impl PartialEq for SignerError {
    /// Failures are equal where they say the same.
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}

impl Eq for SignerError {}

debug_as_display!(SignerError);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn integer(digits: &[u8]) -> Vec<u8> {
        let mut digits: Vec<u8> = digits.iter().copied().skip_while(|byte| *byte == 0).collect();
        if digits.first().is_none_or(|byte| *byte >= 0x80) {
            digits.insert(0, 0);
        }
        [&[INTEGER, u8::try_from(digits.len()).unwrap()][..], &digits].concat()
    }

    fn der(r: &[u8], s: &[u8]) -> Vec<u8> {
        let body = [integer(r), integer(s)].concat();
        let length = u8::try_from(body.len()).unwrap();
        let head = if length < 0x80 { vec![SEQUENCE, length] } else { vec![SEQUENCE, 0x81, length] };
        [head, body].concat()
    }

    proptest! {
        #[test]
        fn both_numbers_get_the_length_of_the_curve(
            r in prop::collection::vec(any::<u8>(), 66), s in prop::collection::vec(any::<u8>(), 66), zeros in 0..40_usize
        ) {
            for (algorithm, length) in [(Algorithm::ES256, 32), (Algorithm::ES384, 48), (Algorithm::ES512, 66)] {
                let (mut r, s) = (r[..length].to_vec(), &s[..length]);
                r[..zeros.min(length)].fill(0);
                let input = SigningInput { algorithm, message: b"" };
                prop_assert_eq!(input.raw_signature(&der(&r, s)).unwrap(), [&r, s].concat());
            }
        }

        #[test]
        fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let input = SigningInput { algorithm: Algorithm::ES256, message: b"" };
            prop_assert!(input.raw_signature(&bytes).is_ok_and(|raw| raw.len() == 64) || input.raw_signature(&bytes).is_err());
        }
    }

    #[test]
    fn what_is_not_a_signature_in_der_is_refused() {
        let input = SigningInput { algorithm: Algorithm::ES256, message: b"" };
        let good = der(&[1; 32], &[2; 32]);
        for wrong in [&[][..], &[0; 64], &good[1..], &good[..69], &[&good[..], &[0]].concat(), &der(&[1; 33], &[2; 32])]
        {
            assert_eq!(input.raw_signature(wrong), Err(SignerError::WrongSignature), "{wrong:?}");
        }
        let rsa = SigningInput { algorithm: Algorithm::RS256, message: b"" };
        assert_eq!(rsa.raw_signature(&[7; 256]), Ok(vec![7; 256]));
    }
}
