//! Proofs of possession for calls with a bound token (RFC 9449).

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::ForwardError;
use crate::binding::DpopKey;
use crate::clock::NumericDate;

/// The longest nonce that is kept, in bytes.
const MAX_NONCE: usize = 512;

/// The call that a proof is for.
pub(super) struct Call {
    pub(super) method: Box<str>,
    pub(super) address: String,
    pub(super) target: usize,
}

/// The key of this service, and the nonces that the targets have sent.
pub(super) struct Proofs {
    pub(super) key: DpopKey,
    nonces: Mutex<Vec<Option<Box<str>>>>,
}

impl Proofs {
    pub(super) fn new(key: DpopKey, targets: usize) -> Self {
        Self { key, nonces: Mutex::new(vec![None; targets]) }
    }

    pub(super) fn note(&self, target: usize, nonce: &str) {
        if let Some(place) = self.nonces().get_mut(target)
            && nonce.len() <= MAX_NONCE
        {
            *place = Some(nonce.into());
        }
    }

    pub(super) fn proof(&self, call: &Call, token: &str, now: NumericDate) -> Result<String, ForwardError> {
        let nonce = self.nonces().get(call.target).cloned().flatten();
        let proof = self.key.proof(&call.method, &call.address).for_token(token).issued_at(now);
        let proof = match &nonce {
            Some(nonce) => proof.nonce(nonce),
            None => proof,
        };
        proof.sign().map_err(|_| ForwardError::Proof)
    }

    /// Each nonce is whole at every moment, so a panic elsewhere does not make it worse.
    fn nonces(&self) -> MutexGuard<'_, Vec<Option<Box<str>>>> {
        self.nonces.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
