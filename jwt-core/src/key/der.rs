//! Reads elements of DER: to find the public key of an X.509 certificate (RFC 5280 §4.1), and to see how deeply
//! something is nested.

pub(crate) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(crate) const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;

/// The `SubjectPublicKeyInfo` of a certificate, in DER.
pub(super) fn certificate_spki(der: &[u8]) -> Option<&[u8]> {
    let certificate = Element::read(der)?.contents_of(SEQUENCE)?;
    let mut rest = Element::read(certificate)?.contents_of(SEQUENCE)?;
    if rest.first() == Some(&VERSION) {
        rest = Element::read(rest)?.rest;
    }
    // serialNumber, signature, issuer, validity, subject
    for _ in 0..5 {
        rest = Element::read(rest)?.rest;
    }
    let spki = Element::read(rest)?;
    (spki.tag == SEQUENCE).then_some(spki.whole)
}

/// How deeply the DER of a key may be nested. The keys that are read here are nested four deep.
const MAX_DEPTH: usize = 16;

/// Whether this is DER that is not nested too deeply for a parser that recurses.
pub(super) fn is_shallow(der: &[u8]) -> bool {
    is_within(der, MAX_DEPTH)
}

fn is_within(mut der: &[u8], depth: usize) -> bool {
    while !der.is_empty() {
        let Some(element) = Element::read(der) else { return false };
        let constructed = element.tag & 0x20 != 0;
        if constructed && (depth == 0 || !is_within(element.contents, depth - 1)) {
            return false;
        }
        der = element.rest;
    }
    true
}

/// The first element of some DER (X.690 §8.1).
pub(crate) struct Element<'d> {
    pub(crate) tag: u8,
    pub(crate) contents: &'d [u8],
    whole: &'d [u8],
    pub(crate) rest: &'d [u8],
}

impl<'d> Element<'d> {
    pub(crate) fn read(der: &'d [u8]) -> Option<Self> {
        let (&tag, &first) = (der.first()?, der.get(1)?);
        let (header, length) = match first {
            0..=0x7f => (2, usize::from(first)),
            // One to three bytes of length: nothing that is read here is longer.
            0x81..=0x83 => {
                let bytes = der.get(2..2 + usize::from(first & 0x7f))?;
                (2 + bytes.len(), bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)))
            }
            _ => return None,
        };
        let (whole, rest) = der.split_at_checked(header + length)?;
        Some(Self { tag, contents: &whole[header..], whole, rest })
    }

    pub(crate) fn contents_of(&self, tag: u8) -> Option<&'d [u8]> {
        (self.tag == tag).then_some(self.contents)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_key_is_found_behind_five_elements_with_and_without_a_version() {
        let (serial, empty, spki) = ([0x02, 1, 5], [0x30, 0], [0x30, 2, 0x05, 0]);
        for version in [&[][..], &[0xa0, 3, 2, 1, 2]] {
            let tbs = [version, &serial, &empty, &empty, &empty, &empty, &spki].concat();
            let length = u8::try_from(tbs.len()).unwrap();
            let certificate = [&[0x30, length + 2, 0x30, length], tbs.as_slice()].concat();
            assert_eq!(certificate_spki(&certificate), Some(&spki[..]));
            assert_eq!(certificate_spki(&certificate[..certificate.len() - 1]), None);
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(der in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = certificate_spki(&der);
            let _ = is_shallow(&der);
        }
    }
}
