//! Encryption by aws-lc-rs.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use super::{Aead, KEY, NONCE};

pub(super) struct AwsLcRs;

fn key(key: &[u8; KEY]) -> Option<LessSafeKey> {
    UnboundKey::new(&AES_256_GCM, key).ok().map(LessSafeKey::new)
}

impl Aead for AwsLcRs {
    fn seal(&self, secret: &[u8; KEY], nonce: [u8; NONCE], context: &[u8], text: &[u8]) -> Option<Vec<u8>> {
        let mut sealed = text.to_vec();
        let nonce = Nonce::assume_unique_for_key(nonce);
        key(secret)?.seal_in_place_append_tag(nonce, Aad::from(context), &mut sealed).ok()?;
        Some(sealed)
    }

    fn open(&self, secret: &[u8; KEY], nonce: [u8; NONCE], context: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let mut text = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(nonce);
        let length = key(secret)?.open_in_place(nonce, Aad::from(context), &mut text).ok()?.len();
        text.truncate(length);
        Some(text)
    }
}
