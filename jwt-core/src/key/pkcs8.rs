//! What is written of DER here: private keys as the backends read them, out of the numbers that they are.

/// `1.2.840.10045.2.1`, with `prime256v1`, `secp384r1`, `secp521r1` (RFC 5480 §2.1).
const EC: &[u8] = &[0x06, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
const P256: &[u8] = &[0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
const P384: &[u8] = &[0x06, 5, 0x2b, 0x81, 0x04, 0x00, 0x22];
const P521: &[u8] = &[0x06, 5, 0x2b, 0x81, 0x04, 0x00, 0x23];
/// `1.3.101.112` (RFC 8410 §3).
const ED25519: &[u8] = &[0x06, 3, 0x2b, 0x65, 0x70];

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const SEQUENCE: u8 = 0x30;
const PUBLIC_KEY: u8 = 0xa1;

/// PKCS#8 (RFC 5958) of a key on P-256: the scalar, and the uncompressed point that belongs to it.
pub(crate) fn ec_p256(scalar: &[u8], point: Option<&[u8]>) -> Vec<u8> {
    ec(P256, scalar, point)
}

/// The same on P-384.
pub(crate) fn ec_p384(scalar: &[u8], point: Option<&[u8]>) -> Vec<u8> {
    ec(P384, scalar, point)
}

/// The same on P-521.
pub(crate) fn ec_p521(scalar: &[u8], point: Option<&[u8]>) -> Vec<u8> {
    ec(P521, scalar, point)
}

fn ec(curve: &[u8], scalar: &[u8], point: Option<&[u8]>) -> Vec<u8> {
    // ECPrivateKey of RFC 5915 §3.
    let public = point.map(|point| element(PUBLIC_KEY, &[&element(BIT_STRING, &[&[0], point])]));
    let key = element(SEQUENCE, &[&[INTEGER, 1, 1], &element(OCTET_STRING, &[scalar]), &public.unwrap_or_default()]);
    pkcs8(&[EC, curve], &key)
}

/// PKCS#8 of an Ed25519 seed (RFC 8410 §7).
pub(crate) fn ed25519(seed: &[u8]) -> Vec<u8> {
    pkcs8(&[ED25519], &element(OCTET_STRING, &[seed]))
}

/// PKCS#1 of an RSA key: n, e, d, p, q, dp, dq and qi (RFC 8017 §A.1.2).
pub(crate) fn rsa<'n>(numbers: impl Iterator<Item = &'n [u8]>) -> Vec<u8> {
    let version = [[INTEGER, 1, 0].to_vec()];
    let members: Vec<Vec<u8>> = version.into_iter().chain(numbers.map(integer)).collect();
    element(SEQUENCE, &members.iter().map(Vec::as_slice).collect::<Vec<_>>())
}

fn pkcs8(algorithm: &[&[u8]], key: &[u8]) -> Vec<u8> {
    element(SEQUENCE, &[&[INTEGER, 1, 0], &element(SEQUENCE, algorithm), &element(OCTET_STRING, &[key])])
}

/// A number of no sign, big-endian, as the shortest INTEGER.
fn integer(number: &[u8]) -> Vec<u8> {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let number = &number[zeros..];
    let sign: &[u8] = if number.first().is_none_or(|byte| byte & 0x80 != 0) { &[0] } else { &[] };
    element(INTEGER, &[sign, number])
}

/// An element (X.690 §8.1) with these contents, one behind the other.
fn element(tag: u8, contents: &[&[u8]]) -> Vec<u8> {
    let contents = contents.concat();
    let length = contents.len().to_be_bytes();
    let length = &length[length.iter().take_while(|byte| **byte == 0).count()..];
    let mut element = vec![tag];
    match length {
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
