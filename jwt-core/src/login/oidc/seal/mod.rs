//! Texts that a store keeps and nobody else can read: authenticated encryption with associated data, by AES-256-GCM
//! (NIST SP 800-38D).

#[cfg(feature = "aws-lc-rs")]
mod aws_lc;
#[cfg(feature = "rust-crypto")]
mod rust_crypto;

use crate::base64url;
use crate::key::algorithm::Algorithm;
use crate::key::crypto::{self, PrivateKey};
use crate::key::{KeyError, check_secret};
use crate::store::SignInId;

const KEY: usize = 32;
const NONCE: usize = 12;

/// A library that encrypts. The tag is behind the text.
trait Aead: Sync {
    fn seal(&self, key: &[u8; KEY], nonce: [u8; NONCE], context: &[u8], text: &[u8]) -> Option<Vec<u8>>;

    /// `None` for what was not sealed with this key, this nonce and this context.
    fn open(&self, key: &[u8; KEY], nonce: [u8; NONCE], context: &[u8], sealed: &[u8]) -> Option<Vec<u8>>;
}

/// The compiled-in libraries, the preferred one first.
const LIBRARIES: &[&dyn Aead] = &[
    #[cfg(feature = "aws-lc-rs")]
    &aws_lc::AwsLcRs,
    #[cfg(feature = "rust-crypto")]
    &rust_crypto::RustCrypto,
];

/// Secrets that refresh tokens are encrypted with. The first encrypts, and all decrypt.
///
/// Each login has a key of its own: HMAC-SHA256 over its name under the secret (NIST SP 800-108 §4.1, one block). So a random
/// nonce is never at its limit, however many logins there are.
pub(super) struct Ring(Vec<PrivateKey>);

impl Ring {
    pub(super) fn new(secrets: &[Vec<u8>]) -> Result<Self, KeyError> {
        let algorithm = Algorithm::HS256;
        let key = |secret: &Vec<u8>| {
            check_secret(algorithm, secret)?;
            PrivateKey::secret(algorithm, secret)
        };
        secrets.iter().map(key).collect::<Result<_, _>>().map(Self)
    }

    /// `None` where there are no random numbers.
    pub(super) fn seal(&self, provider: &str, login: SignInId, text: &str) -> Option<String> {
        let context = context(provider, login);
        let key = key(self.0.first()?, &context)?;
        let nonce: [u8; NONCE] = crypto::random()?;
        let sealed = LIBRARIES.first()?.seal(&key, nonce, &context, text.as_bytes())?;
        Some(base64url::encode([&nonce[..], &sealed].concat()))
    }

    /// `None` where none of the secrets has sealed it, for that login at that provider.
    pub(super) fn open(&self, provider: &str, login: SignInId, sealed: &str) -> Option<String> {
        let context = context(provider, login);
        let bytes = base64url::decode(sealed.as_bytes())?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE>()?;
        let library = LIBRARIES.first()?;
        let text = self.0.iter().find_map(|secret| library.open(&key(secret, &context)?, *nonce, &context, sealed))?;
        String::from_utf8(text).ok()
    }
}

/// What a text is sealed for. No name of a provider has such a separator in it.
fn context(provider: &str, login: SignInId) -> Vec<u8> {
    [b"refresh token of a provider\0", provider.as_bytes(), b"\0", login.as_bytes()].concat()
}

fn key(secret: &PrivateKey, context: &[u8]) -> Option<[u8; KEY]> {
    secret.sign(context).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOGIN: SignInId = SignInId::new([1; 16]);

    fn ring(secrets: &[u8]) -> Ring {
        let secrets: Vec<Vec<u8>> = secrets.iter().map(|byte| vec![*byte; 32]).collect();
        Ring::new(&secrets).unwrap()
    }

    #[test]
    fn what_was_sealed_is_read_for_the_same_login_at_the_same_provider_alone() {
        let sealed = ring(&[1]).seal("a", LOGIN, "a token").unwrap();
        assert_eq!(ring(&[1]).open("a", LOGIN, &sealed).as_deref(), Some("a token"));
        assert_eq!(ring(&[1]).open("b", LOGIN, &sealed), None);
        assert_eq!(ring(&[1]).open("a", SignInId::new([2; 16]), &sealed), None);
        assert_ne!(ring(&[1]).seal("a", LOGIN, "a token").unwrap(), sealed, "another nonce");
    }

    #[test]
    fn the_first_secret_seals_and_all_of_them_open() {
        let old = ring(&[1]).seal("a", LOGIN, "x").unwrap();
        let new = ring(&[2, 1]).seal("a", LOGIN, "y").unwrap();
        assert_eq!(ring(&[2, 1]).open("a", LOGIN, &old).as_deref(), Some("x"));
        assert_eq!(ring(&[1]).open("a", LOGIN, &new), None);
        assert_eq!(ring(&[2]).open("a", LOGIN, &new).as_deref(), Some("y"));
        assert!(matches!(Ring::new(&[vec![1; 31]]), Err(KeyError::WeakSecret { needed: 32, .. })));
    }

    #[test]
    fn no_bit_of_it_can_be_changed_and_nothing_can_be_left_out() {
        let sealed = base64url::decode(ring(&[1]).seal("a", LOGIN, "a token").unwrap().as_bytes()).unwrap();
        for bit in 0..sealed.len() * 8 {
            let mut changed = sealed.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(ring(&[1]).open("a", LOGIN, &base64url::encode(changed)), None, "{bit}");
        }
        for length in 0..sealed.len() {
            assert_eq!(ring(&[1]).open("a", LOGIN, &base64url::encode(&sealed[..length])), None, "{length}");
        }
        assert_eq!(ring(&[1]).open("a", LOGIN, "no base64url!"), None);
    }

    #[test]
    fn what_one_library_seals_each_of_them_opens() {
        // Test case 16 of the specification of GCM by McGrew and Viega.
        let hex = |text: &str| -> Vec<u8> {
            (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
        };
        let key: [u8; KEY] =
            hex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308").try_into().unwrap();
        let nonce: [u8; NONCE] = hex("cafebabefacedbaddecaf888").try_into().unwrap();
        let context = hex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
        let text = hex(
            "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
        );
        let expected = hex(
            "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b",
        );
        for sealer in LIBRARIES {
            assert_eq!(sealer.seal(&key, nonce, &context, &text).unwrap(), expected);
            assert_eq!(sealer.open(&key, nonce, &context, &expected).unwrap(), text);
            assert_eq!(sealer.open(&key, nonce, b"another", &expected), None);
        }
    }
}
