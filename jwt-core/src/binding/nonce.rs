//! Nonces that a client has to put into its proofs (RFC 9449 §8, §9): made and checked without remembering any.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;

use crate::base64url;
use crate::clock::NumericDate;
use crate::key::algorithm::Algorithm;
use crate::key::crypto::{self, Material, PrivateKey, PublicKey};
use crate::key::{KeyError, check_secret};

/// Nonces that clients have to put into their proofs, so that a proof cannot have been made long before it is used, on a
/// device that somebody had for a moment (RFC 9449 §8, §9). A client gets the first one with a 401 `use_dpop_nonce` and tries
/// again, and the next ones in time with other answers: most client libraries do that by themselves.
///
/// A nonce is a moment, sealed by a secret. Nothing is kept, and every instance with the same secret accepts those of all.
///
/// ```
/// use jwt_core::binding::{Dpop, DpopNonces};
///
/// let nonces = DpopNonces::new(b"a secret of at least thirty-two bytes")?;
/// let dpop = Dpop::new().nonces(&nonces);
/// # let _ = dpop;
/// # Ok::<(), jwt_core::key::KeyError>(())
/// ```
#[derive(Clone)]
pub struct DpopNonces(Arc<Nonces>);

struct Nonces {
    sign: PrivateKey,
    /// That of the secret, and that of the one before.
    verify: Vec<PublicKey>,
    lifetime: Duration,
}

/// Nothing else that is signed with a secret begins like this, should somebody use one secret for several things.
const PURPOSE: &[u8] = b"dpop nonce\0";
const MOMENT: usize = 8;
/// HMAC-SHA-256.
const SEAL: usize = 32;

impl DpopNonces {
    /// Sealed by a secret of at least 32 bytes, the same on every instance. Each is good for five minutes.
    pub fn new(secret: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        let (algorithm, secret) = (Algorithm::HS256, secret.as_ref());
        check_secret(algorithm, secret)?;
        Ok(Self(Arc::new(Nonces {
            sign: PrivateKey::secret(algorithm, secret)?,
            verify: vec![PublicKey::new(algorithm, &Material::Secret(secret))?],
            lifetime: Duration::from_secs(300),
        })))
    }

    /// Sealed by a secret that this process makes up: for one instance. After a restart, a client gets a new nonce.
    pub fn of_this_process() -> Result<Self, KeyError> {
        Self::new(crypto::random::<32>().ok_or(KeyError::Invalid(Algorithm::HS256))?)
    }

    /// Accepts those that are sealed by this secret as well, which was the one before: while instances change to the new one.
    /// Called again, each of them.
    pub fn previous(self, secret: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        let (algorithm, secret) = (Algorithm::HS256, secret.as_ref());
        check_secret(algorithm, secret)?;
        let mut verify = self.0.verify.clone();
        verify.push(PublicKey::new(algorithm, &Material::Secret(secret))?);
        Ok(Self(Arc::new(Nonces { sign: self.0.sign.clone(), verify, lifetime: self.0.lifetime })))
    }

    /// For how long one is good. Five minutes. A client gets the next one with an answer once half of that has passed.
    #[must_use]
    pub fn lifetime(self, lifetime: Duration) -> Self {
        let Nonces { sign, verify, .. } = &*self.0;
        Self(Arc::new(Nonces { sign: sign.clone(), verify: verify.clone(), lifetime }))
    }

    /// One that is made at that moment; `None` where nothing can be sealed, which no backend does.
    pub(crate) fn at(&self, now: NumericDate) -> Option<HeaderValue> {
        let moment = now.as_secs().to_be_bytes();
        let seal = self.0.sign.sign(&message(moment)).ok()?;
        HeaderValue::try_from(base64url::encode([&moment[..], &seal].concat())).ok()
    }

    /// Whether it was made here and is not too old; and whether it is time for another one.
    pub(crate) fn check(&self, nonce: &str, now: NumericDate) -> Option<Freshness> {
        let mut buffer = [0; MOMENT + SEAL];
        let bytes = base64url::decode_into(nonce.as_bytes(), &mut buffer)?;
        let (moment, seal) = bytes.split_first_chunk::<MOMENT>()?;
        if !self.0.verify.iter().any(|key| key.verify(&message(*moment), seal)) {
            return None;
        }
        let made = Duration::from_secs(u64::from_be_bytes(*moment));
        // Another instance may be ahead by as much as clocks differ; what is sealed was made by one of them.
        let age = now.since_epoch().saturating_sub(made);
        match age {
            _ if age >= self.0.lifetime => None,
            _ if age >= self.0.lifetime / 2 => Some(Freshness::Aging),
            _ => Some(Freshness::Fresh),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Freshness {
    Fresh,
    /// It is good, and it is time for another one.
    Aging,
}

fn message(moment: [u8; MOMENT]) -> Vec<u8> {
    [PURPOSE, &moment].concat()
}

impl fmt::Debug for DpopNonces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DpopNonces").field("lifetime", &self.0.lifetime).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(secret: u8) -> DpopNonces {
        DpopNonces::new([secret; 32]).unwrap()
    }

    #[test]
    fn a_nonce_is_good_on_every_instance_with_the_secret_for_its_life() {
        let (one, other, now) = (of(1), of(1), 1_790_000_000);
        let at = NumericDate::from_secs;
        let nonce = one.at(at(now)).unwrap();
        let nonce = nonce.to_str().unwrap();
        for (later, expected) in [
            (0, Some(Freshness::Fresh)),
            (149, Some(Freshness::Fresh)),
            (150, Some(Freshness::Aging)),
            (299, Some(Freshness::Aging)),
            (300, None),
        ] {
            assert_eq!(other.check(nonce, at(now + later)), expected, "{later}");
        }
        // A clock that is behind.
        assert_eq!(other.check(nonce, at(now - 5)), Some(Freshness::Fresh));
        assert_eq!(of(2).check(nonce, at(now)), None);
        assert_eq!(of(2).previous([1; 32]).unwrap().check(nonce, at(now)), Some(Freshness::Fresh));
    }

    #[test]
    fn what_was_not_sealed_here_is_none() {
        let (nonces, now) = (of(1), NumericDate::from_secs(1_790_000_000));
        let nonce = nonces.at(now).unwrap().to_str().unwrap().to_owned();
        for at in 0..nonce.len() {
            let mut changed = nonce.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(nonces.check(std::str::from_utf8(&changed).unwrap(), now), None, "{at}");
        }
        for nonce in ["", "a", &nonce[1..], &format!("{nonce}A")] {
            assert_eq!(nonces.check(nonce, now), None, "{nonce}");
        }
        assert!(DpopNonces::new([1; 31]).is_err());
    }
}
