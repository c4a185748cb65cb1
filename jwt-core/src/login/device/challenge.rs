//! Challenges that a browser signs: made and checked without remembering any.
//!
//! A challenge is a moment and some random bytes, sealed together with the refresh token that comes with it by a secret which
//! only the record of the login has. So every instance can check it, it is good for one login, and not for what follows from
//! that refresh token: once it was answered, the next refresh token needs another one.

use std::time::Duration;

use crate::base64url;
use crate::clock::NumericDate;
use crate::key::algorithm::Algorithm;
use crate::key::crypto::{self, Material, PrivateKey, PublicKey};
use crate::store::{Digest, SignInId};

/// For how long a challenge is good: the browser answers at once.
pub(super) const LIFETIME: Duration = Duration::from_secs(60);
/// By how much the clock of another instance may be ahead.
const AHEAD: Duration = Duration::from_secs(30);

const MOMENT: usize = 8;
const RANDOM: usize = 8;
const SEALED: usize = MOMENT + RANDOM;
/// HMAC-SHA-256.
const SEAL: usize = 32;

/// What a challenge is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Register,
    Refresh,
}

/// Who is asked.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) purpose: Purpose,
    /// That of the login, in base64url.
    pub(super) secret: &'a str,
    pub(super) login: SignInId,
    /// That of the refresh token that comes with the answer.
    pub(super) token: Digest,
}

impl Asked<'_> {
    fn message(&self, sealed: &[u8]) -> Vec<u8> {
        let purpose: &[u8] = match self.purpose {
            Purpose::Register => b"device challenge\0register\0",
            Purpose::Refresh => b"device challenge\0refresh\0",
        };
        [purpose, self.login.as_bytes(), self.token.as_bytes(), sealed].concat()
    }

    /// A challenge that is made at that moment; `None` where there is no secret, or no random numbers.
    pub(super) fn challenge(&self, now: NumericDate) -> Option<String> {
        let secret = base64url::decode(self.secret.as_bytes())?;
        let sealed = [&now.as_millis().to_be_bytes()[..], &crypto::random::<RANDOM>()?].concat();
        let seal = PrivateKey::secret(Algorithm::HS256, &secret).ok()?.sign(&self.message(&sealed)).ok()?;
        Some(base64url::encode([sealed, seal].concat()))
    }

    /// When a challenge was made, where it was made for this and is not too old.
    pub(super) fn check(&self, challenge: &str, now: NumericDate) -> Option<NumericDate> {
        let secret = base64url::decode(self.secret.as_bytes())?;
        let mut buffer = [0; SEALED + SEAL];
        let bytes = base64url::decode_into(challenge.as_bytes(), &mut buffer)?;
        let (sealed, seal) = bytes.split_first_chunk::<SEALED>()?;
        let key = PublicKey::new(Algorithm::HS256, &Material::Secret(&secret)).ok()?;
        if !key.verify(&self.message(sealed), seal) {
            return None;
        }
        let made = NumericDate::from_millis(u64::from_be_bytes(*sealed.first_chunk::<MOMENT>()?));
        let is_new = now < made.saturating_add(LIFETIME) && made <= now.saturating_add(AHEAD);
        is_new.then_some(made)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_790_000_000_000;

    fn at(millis: u64) -> NumericDate {
        NumericDate::from_millis(millis)
    }

    fn asked(secret: &str) -> Asked<'_> {
        let (login, token) = (SignInId::new([1; 16]), Digest::new([2; 32]));
        Asked { purpose: Purpose::Refresh, secret, login, token }
    }

    #[test]
    fn a_challenge_is_for_one_refresh_token_of_one_login_and_for_a_minute() {
        let (secret, other) = (base64url::encode([7; 32]), base64url::encode([8; 32]));
        let asked = asked(&secret);
        let challenge = asked.challenge(at(NOW)).unwrap();
        assert_ne!(asked.challenge(at(NOW)).unwrap(), challenge);
        for (later, good) in [(0, true), (59_999, true), (60_000, false)] {
            assert_eq!(asked.check(&challenge, at(NOW + later)).is_some(), good, "{later}");
        }
        assert_eq!(asked.check(&challenge, at(NOW - 30_000)), Some(at(NOW)), "an instance that is behind");
        assert!(asked.check(&challenge, at(NOW - 30_001)).is_none());
        for another in [
            Asked { purpose: Purpose::Register, ..asked },
            Asked { secret: &other, ..asked },
            Asked { secret: "", ..asked },
            Asked { login: SignInId::new([3; 16]), ..asked },
            Asked { token: Digest::new([3; 32]), ..asked },
        ] {
            assert!(another.check(&challenge, at(NOW)).is_none());
        }
    }

    #[test]
    fn no_character_of_a_challenge_can_be_changed() {
        let secret = base64url::encode([7; 32]);
        let asked = asked(&secret);
        let challenge = asked.challenge(at(NOW)).unwrap();
        for index in 0..challenge.len() {
            let mut changed = challenge.clone().into_bytes();
            changed[index] = if changed[index] == b'A' { b'B' } else { b'A' };
            assert!(asked.check(std::str::from_utf8(&changed).unwrap(), at(NOW)).is_none(), "{index}");
        }
        for text in ["", "A", &challenge[1..], &format!("{challenge}A"), &"\u{e9}".repeat(32)] {
            assert!(asked.check(text, at(NOW)).is_none(), "{text}");
        }
    }
}
