//! Tokens whose signature holds, whatever is in them.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jwt_core::clock::{Clock, NumericDate};

pub(crate) const SECRET: &[u8] = b"a secret of at least thirty-two bytes";
pub(crate) const NOW: u64 = 1_790_000_000;

/// A clock that stands still, so that an input means the same at every run.
pub(crate) struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> NumericDate {
        NumericDate::from_secs(NOW)
    }
}

/// Signs whatever bytes are given as header and claims with HS256.
pub(crate) fn sign(header: &[u8], claims: &[u8]) -> String {
    sign_by(SECRET, header, claims)
}

/// The same by another secret.
pub(crate) fn sign_by(secret: &[u8], header: &[u8], claims: &[u8]) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// The header and the claims, if these are three segments and the last is the HS256 signature of the others.
pub(crate) fn open(token: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let segments: Vec<&[u8]> = token.split(|byte| *byte == b'.').collect();
    let [header, claims, _] = segments.as_slice() else { return None };
    let (header, claims) = (URL_SAFE_NO_PAD.decode(header).ok()?, URL_SAFE_NO_PAD.decode(claims).ok()?);
    (sign(&header, &claims).as_bytes() == token).then_some((header, claims))
}
