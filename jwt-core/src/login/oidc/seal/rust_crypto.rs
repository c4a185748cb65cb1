//! Encryption by the crates of RustCrypto.

use aes_gcm::aead::{Aead as _, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};

use super::{Aead, KEY, NONCE};

pub(super) struct RustCrypto;

impl Aead for RustCrypto {
    fn seal(&self, key: &[u8; KEY], nonce: [u8; NONCE], context: &[u8], text: &[u8]) -> Option<Vec<u8>> {
        let cipher = Aes256Gcm::new_from_slice(key).ok()?;
        cipher.encrypt(&Nonce::from(nonce), Payload { msg: text, aad: context }).ok()
    }

    fn open(&self, key: &[u8; KEY], nonce: [u8; NONCE], context: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let cipher = Aes256Gcm::new_from_slice(key).ok()?;
        cipher.decrypt(&Nonce::from(nonce), Payload { msg: sealed, aad: context }).ok()
    }
}
