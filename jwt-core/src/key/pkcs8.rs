//! Writes private keys in DER, as the backends read them, from their numbers.

use super::der::{BIT_STRING, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE};
use super::jwk::without_zeros;
use crate::key::algorithm::{Family, KeyType};

const PUBLIC_KEY: u8 = 0xa1;
const SEED: u8 = 0x80;

/// PKCS#8 (RFC 5958) of a seed, or of the scalar of a curve and the uncompressed point that belongs to it.
pub(crate) fn of(key_type: &KeyType, number: &[u8], point: Option<&[u8]>) -> Vec<u8> {
    let key = if key_type.family == Family::Ec {
        // ECPrivateKey of RFC 5915 §3.
        let public = point.map(|point| element(PUBLIC_KEY, &[&element(BIT_STRING, &[&[0], point])]));
        element(SEQUENCE, &[&[INTEGER, 1, 1], &element(OCTET_STRING, &[number]), &public.unwrap_or_default()])
    } else {
        // RFC 8410 §7, RFC 9881 §6.
        element(if key_type.kty == "AKP" { SEED } else { OCTET_STRING }, &[number])
    };
    let oids: Vec<Vec<u8>> = key_type.oids.iter().map(|oid| element(OBJECT_IDENTIFIER, &[*oid])).collect();
    let identifier = element(SEQUENCE, &oids.iter().map(Vec::as_slice).collect::<Vec<_>>());
    element(SEQUENCE, &[&[INTEGER, 1, 0], &identifier, &element(OCTET_STRING, &[&key])])
}

/// PKCS#1 of an RSA key: n, e, d, p, q, dp, dq and qi (RFC 8017 §A.1.2).
pub(crate) fn rsa<'n>(numbers: impl Iterator<Item = &'n [u8]>) -> Vec<u8> {
    let version = [[INTEGER, 1, 0].to_vec()];
    let members: Vec<Vec<u8>> = version.into_iter().chain(numbers.map(integer)).collect();
    element(SEQUENCE, &members.iter().map(Vec::as_slice).collect::<Vec<_>>())
}

/// An unsigned number, big-endian, as the shortest INTEGER.
fn integer(number: &[u8]) -> Vec<u8> {
    let number = without_zeros(number);
    let sign: &[u8] = if number.first().is_none_or(|byte| byte & 0x80 != 0) { &[0] } else { &[] };
    element(INTEGER, &[sign, number])
}

/// An element (X.690 §8.1) with these contents, one after the other.
fn element(tag: u8, contents: &[&[u8]]) -> Vec<u8> {
    let contents = contents.concat();
    let length = contents.len().to_be_bytes();
    let mut element = vec![tag];
    match without_zeros(&length) {
        [] => element.push(0),
        [short @ 0..=0x7f] => element.push(*short),
        // At most eight of them.
        long => {
            element.push(0x80 | u8::try_from(long.len()).unwrap_or_default());
            element.extend_from_slice(long);
        }
    }
    element.extend_from_slice(&contents);
    element
}
