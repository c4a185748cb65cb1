//! The keys of an issuer, and the phases that each goes through.

use std::time::Duration;

use super::jwks::thumbprint;
use super::{IssuerKey, RotationError};
use crate::clock::NumericDate;
use crate::key::{Algorithm, KeySet, VerifyingKey};

/// How long a key stays published after the end of its last token, since clocks differ.
const SLACK: Duration = Duration::from_secs(5 * 60);

/// The size of a cookie that every browser keeps, in bytes (RFC 6265 §6.1).
pub(crate) const MAX_COOKIE: usize = 4096;

/// The keys of an issuer, each in its phase. One of them signs.
pub(super) struct Ring {
    held: Vec<Held>,
    /// The longest lifetime of a token.
    lifetime: Duration,
    /// Whether browsers keep the tokens in cookies.
    in_cookies: bool,
}

struct Held {
    key: IssuerKey,
    phase: Phase,
}

#[derive(Clone, Copy, PartialEq)]
enum Phase {
    /// Published. Signs only when it is activated.
    Published,
    /// Published, and signs from that moment on.
    Scheduled { from: NumericDate },
    /// Signs. Always exactly one key, the first one.
    Active,
    /// No longer signs. Published until that moment.
    Retiring { until: NumericDate },
}

impl Ring {
    pub(super) fn new(key: IssuerKey, lifetime: Duration) -> Self {
        Self { held: vec![Held { key: named(key), phase: Phase::Active }], lifetime, in_cookies: false }
    }

    pub(super) fn active(&self) -> &IssuerKey {
        &self.held[0].key
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &IssuerKey> {
        self.held.iter().map(|held| &held.key)
    }

    pub(super) fn verifying_keys(&self) -> impl Iterator<Item = VerifyingKey> {
        self.keys().map(IssuerKey::verifying_key)
    }

    /// Whether these are the same keys, whatever the phase of each.
    pub(super) fn has_exactly(&self, keys: &KeySet) -> bool {
        let keys = keys.keys();
        keys.len() == self.held.len() && self.verifying_keys().all(|own| keys.iter().any(|key| key.is_same(&own)))
    }

    /// When the next change is due.
    pub(super) fn due(&self) -> Option<NumericDate> {
        let dues = self.held.iter().filter_map(|held| match held.phase {
            Phase::Scheduled { from: due } | Phase::Retiring { until: due } => Some(due),
            Phase::Published | Phase::Active => None,
        });
        dues.min()
    }

    /// Does what is due by now.
    pub(super) fn advance(&mut self, now: NumericDate) {
        self.held.retain(|held| !matches!(held.phase, Phase::Retiring { until } if until <= now));
        let due = |held: &Held| match held.phase {
            Phase::Scheduled { from } if from <= now => Some(from),
            _ => None,
        };
        // One after the other, where several are due: the last one signs, and each of the others retires.
        while let Some((index, _)) = self
            .held
            .iter()
            .enumerate()
            .filter_map(|(index, held)| Some((index, due(held)?)))
            .min_by_key(|(_, from)| *from)
        {
            self.promote(index, now);
        }
    }

    pub(super) fn publish(&mut self, key: IssuerKey) -> Result<(), RotationError> {
        self.add(key, Phase::Published)
    }

    pub(super) fn schedule(
        &mut self,
        key: IssuerKey,
        now: NumericDate,
        head_start: Duration,
    ) -> Result<(), RotationError> {
        self.add(key, Phase::Scheduled { from: later(now, head_start) })
    }

    pub(super) fn activate(&mut self, kid: &str, now: NumericDate) -> Result<(), RotationError> {
        let index = self.find(kid)?;
        if index > 0 {
            self.promote(index, now);
        }
        Ok(())
    }

    /// Takes no keys from now on whose tokens are too large for a cookie. The algorithm of one that is there already, if
    /// there is one.
    pub(super) fn keep_in_cookies(&mut self) -> Result<(), Algorithm> {
        let too_large = self.keys().map(IssuerKey::algorithm).find(|algorithm| !fits_cookie(*algorithm));
        self.in_cookies |= too_large.is_none();
        too_large.map_or(Ok(()), Err)
    }

    pub(super) fn withdraw(&mut self, kid: &str) -> Result<(), RotationError> {
        match self.find(kid)? {
            0 => Err(RotationError::Active),
            index => {
                self.held.remove(index);
                Ok(())
            }
        }
    }

    fn add(&mut self, key: IssuerKey, phase: Phase) -> Result<(), RotationError> {
        if self.in_cookies && !fits_cookie(key.algorithm()) {
            return Err(RotationError::TooLargeForCookie { algorithm: key.algorithm() });
        }
        let key = named(key);
        if key.kid().is_some_and(|kid| self.find(kid).is_ok()) {
            return Err(RotationError::DuplicateKid);
        }
        self.held.push(Held { key, phase });
        Ok(())
    }

    fn find(&self, kid: &str) -> Result<usize, RotationError> {
        self.held.iter().position(|held| held.key.kid() == Some(kid)).ok_or(RotationError::UnknownKid)
    }

    /// The key at `index` signs from now on, and the one before retires.
    fn promote(&mut self, index: usize, now: NumericDate) {
        self.held[0].phase = Phase::Retiring { until: later(now, self.lifetime.saturating_add(SLACK)) };
        self.held[index].phase = Phase::Active;
        self.held.swap(0, index);
    }
}

/// Whether a cookie has room for more than the signature of a token, in base64url.
fn fits_cookie(algorithm: Algorithm) -> bool {
    algorithm.max_signature() * 4 / 3 < MAX_COOKIE
}

/// Names a key pair without a name by its thumbprint. A secret gets no name, since a thumbprint would reveal it.
pub(super) fn named(key: IssuerKey) -> IssuerKey {
    if key.kid().is_some() {
        return key;
    }
    match thumbprint(&key) {
        Some(thumbprint) => key.with_kid(thumbprint),
        None => key,
    }
}

fn later(now: NumericDate, duration: Duration) -> NumericDate {
    let rounded_up = duration.as_secs().saturating_add(u64::from(duration.subsec_nanos() > 0));
    NumericDate::from_secs(now.as_secs().saturating_add(rounded_up).saturating_add(1))
}
