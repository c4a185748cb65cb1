//! Base64url without padding. RFC 7515 §2.

pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    base64_simd::URL_SAFE_NO_PAD.encode_to_string(bytes.as_ref())
}

/// Nothing for a text that is not exactly what [`encode`] makes.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let bytes = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(text).ok()?;
    (encode(&bytes) == text).then_some(bytes)
}
