//! Reads elements of DER: to find a key in it, and to see what it is.

use super::jwk::without_zeros;

pub(crate) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(crate) const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;

/// The `SubjectPublicKeyInfo` of a certificate, in DER.
pub(super) fn certificate_spki(der: &[u8]) -> Option<&[u8]> {
    let certificate = Element::read(der)?.contents_of(SEQUENCE)?;
    let members = members(Element::read(certificate)?.contents_of(SEQUENCE)?)?;
    // Behind serialNumber, signature, issuer, validity and subject.
    let spki = members.iter().skip_while(|member| member.tag == VERSION).nth(5)?;
    (spki.tag == SEQUENCE).then_some(spki.whole)
}

/// The members of a SEQUENCE of unsigned numbers, big-endian, without zeros in front; `None` where it is something else.
pub(super) fn integers(der: &[u8]) -> Option<Vec<&[u8]>> {
    let is_unsigned = |digits: &&[u8]| digits.first().is_some_and(|first| *first < 0x80);
    let members = members(Element::only(der)?.contents_of(SEQUENCE)?)?;
    members.iter().map(|number| number.contents_of(INTEGER).filter(is_unsigned).map(without_zeros)).collect()
}

/// More members than anything has that is read here.
const MAX_MEMBERS: usize = 16;

/// The elements that some DER is made of, one after the other.
pub(super) fn members(mut der: &[u8]) -> Option<Vec<Element<'_>>> {
    let mut members = Vec::new();
    while !der.is_empty() {
        let member = Element::read(der).filter(|_| members.len() < MAX_MEMBERS)?;
        der = member.rest;
        members.push(member);
    }
    Some(members)
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

    /// The first and only one.
    pub(super) fn only(der: &'d [u8]) -> Option<Self> {
        Self::read(der).filter(|element| element.rest.is_empty())
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
            let _ = integers(&der);
        }
    }
}
