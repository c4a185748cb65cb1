//! Base64url as RFC 7515 §2 writes it: no padding, no white space, no bits left over.

use std::mem::MaybeUninit;

use base64_simd::{Out, URL_SAFE_NO_PAD};

/// Decodes; `None` for whatever an encoder would not have written.
pub(crate) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode_to_vec(text).ok()
}

/// Decodes into the front of `buffer`; `None` also where it is too small.
pub(crate) fn decode_into<'b>(text: &[u8], buffer: &'b mut [u8]) -> Option<&'b [u8]> {
    decode_out(text, Out::from_slice(buffer))
}

/// The same for a buffer that was not filled before.
pub(crate) fn decode_into_uninit<'b>(text: &[u8], buffer: &'b mut [MaybeUninit<u8>]) -> Option<&'b [u8]> {
    decode_out(text, Out::from_uninit_slice(buffer))
}

fn decode_out<'b>(text: &[u8], buffer: Out<'b, [u8]>) -> Option<&'b [u8]> {
    if URL_SAFE_NO_PAD.decoded_length(text).ok()? > buffer.len() {
        return None;
    }
    URL_SAFE_NO_PAD.decode(text, buffer).ok().map(|decoded| &*decoded)
}

/// Decodes onto the end of `buffer`.
pub(crate) fn decode_onto(text: &[u8], buffer: &mut Vec<u8>) -> Option<()> {
    URL_SAFE_NO_PAD.decode_append(text, buffer).ok()
}

/// A text whose length says that it is padded (RFC 4648 §4), without its padding.
pub(crate) fn without_padding(text: &[u8]) -> &[u8] {
    if !text.len().is_multiple_of(4) {
        return text;
    }
    text.strip_suffix(b"==").or(text.strip_suffix(b"=")).unwrap_or(text)
}

/// The parts without their padding, if there is any and each part is as long as padding makes it.
pub(crate) fn without_padding_of_all(parts: [&[u8]; 3]) -> Option<[&[u8]; 3]> {
    let padded = parts.iter().any(|part| part.ends_with(b"="));
    (padded && parts.iter().all(|part| part.len().is_multiple_of(4))).then(|| parts.map(without_padding))
}

/// Encodes.
pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode_to_string(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_an_encoder_would_not_have_written_is_refused() {
        for text in ["QQ==", "QR", "QUJ", "Q", "QUI=", "QU JD", "QUJD\n", "+/+/", "QUJD\0", "QUJDR", "QUJDQQ=", "ÄÄ"]
        {
            assert_eq!(decode(text.as_bytes()), None, "{text:?}");
            assert_eq!(decode_into(text.as_bytes(), &mut [0; 16]), None, "{text:?}");
            assert_eq!(decode_onto(text.as_bytes(), &mut Vec::new()), None, "{text:?}");
        }
    }

    #[test]
    fn padding_is_taken_off_where_an_encoder_would_have_written_it() {
        for (text, plain) in [("QQ==", "QQ"), ("QUI=", "QUI"), ("QUJD", "QUJD"), ("", "")] {
            assert_eq!(without_padding(text.as_bytes()), plain.as_bytes(), "{text:?}");
        }
        for text in ["QQ=", "QUI==", "QUJD=", "QUJD====", "====", "=", "Q===", "QR==", "QUJ="] {
            assert_eq!(decode(without_padding(text.as_bytes())), None, "{text:?}");
        }
    }

    #[test]
    fn a_buffer_that_is_too_small_is_no_panic() {
        assert_eq!(decode_into(b"QUJD", &mut [0; 2]), None);
        assert_eq!(decode_into(b"QUJD", &mut [0; 3]), Some(&b"ABC"[..]));
    }

    proptest! {
        #[test]
        fn it_reads_back_what_it_wrote(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(decode(encode(&bytes).as_bytes()), Some(bytes));
        }

        #[test]
        fn what_it_reads_it_would_write_the_same(text in "[A-Za-z0-9_-]{0,100}") {
            if let Some(bytes) = decode(text.as_bytes()) {
                prop_assert_eq!(encode(bytes), text);
            }
        }
    }
}
