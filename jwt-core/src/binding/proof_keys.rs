//! The keys of proofs, parsed once and kept: each under its thumbprint, together with the header that it came in.

use std::collections::HashMap;
use std::mem;
use std::sync::{Arc, PoisonError, RwLock};

use crate::claims::confirmation::Thumbprint;
use crate::key::VerifyingKey;

/// A header of proofs whose key was parsed.
pub(super) struct ProofKey {
    /// The first segment of the proof: all proofs of one client have the same.
    pub(super) segment: Box<[u8]>,
    pub(super) key: VerifyingKey,
}

const SHARDS: usize = 16;
/// With two generations in each of sixteen shards, some 16 000 keys. The segment and the parsed key are about 1 KiB.
const PER_GENERATION: usize = 512;

/// The keys of proofs that were good lately. A key that is not found again until as many others have come is forgotten.
pub(super) struct ProofKeys([RwLock<Generations>; SHARDS]);

type Keys = HashMap<Thumbprint, Arc<ProofKey>, foldhash::fast::RandomState>;

#[derive(Default)]
struct Generations {
    young: Keys,
    old: Keys,
}

impl ProofKeys {
    pub(super) fn new() -> Self {
        Self(std::array::from_fn(|_| RwLock::default()))
    }

    fn shard(&self, thumbprint: &Thumbprint) -> &RwLock<Generations> {
        &self.0[usize::from(thumbprint[0]) % SHARDS]
    }

    /// The key of that thumbprint, if it came in this header.
    pub(super) fn get(&self, thumbprint: &Thumbprint, segment: &[u8]) -> Option<Arc<ProofKey>> {
        let shard = self.shard(thumbprint);
        let (found, is_old) = {
            let shard = shard.read().unwrap_or_else(PoisonError::into_inner);
            match shard.young.get(thumbprint) {
                Some(key) => (key.clone(), false),
                None => (shard.old.get(thumbprint)?.clone(), true),
            }
        };
        if *found.segment != *segment {
            return None;
        }
        if is_old {
            self.insert(thumbprint, found.clone());
        }
        Some(found)
    }

    pub(super) fn insert(&self, thumbprint: &Thumbprint, key: Arc<ProofKey>) {
        let mut shard = self.shard(thumbprint).write().unwrap_or_else(PoisonError::into_inner);
        if shard.young.len() >= PER_GENERATION {
            shard.old = mem::take(&mut shard.young);
        }
        shard.young.insert(*thumbprint, key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::algorithm::Algorithm;

    #[test]
    fn a_key_is_found_under_its_thumbprint_and_header_and_forgotten_in_the_end() {
        let keys = ProofKeys::new();
        let key = VerifyingKey::secret(Algorithm::HS256, [7; 32]).unwrap();
        let thumbprint = |number: u32| {
            let mut thumbprint = [0; 32];
            thumbprint[28..].copy_from_slice(&number.to_be_bytes());
            thumbprint
        };
        let insert = |number| {
            keys.insert(&thumbprint(number), Arc::new(ProofKey { segment: (*b"header").into(), key: key.clone() }));
        };
        insert(0);
        insert(1);
        assert!(keys.get(&thumbprint(0), b"header").is_some());
        assert!(keys.get(&thumbprint(0), b"another").is_none() && keys.get(&thumbprint(2), b"header").is_none());
        for number in 2..10_000 {
            insert(number);
            // One that is in use stays.
            assert!(keys.get(&thumbprint(0), b"header").is_some(), "{number}");
        }
        assert!(keys.get(&thumbprint(1), b"header").is_none());
        let shard = keys.shard(&thumbprint(0)).read().unwrap();
        assert!(shard.young.len() + shard.old.len() <= 2 * PER_GENERATION);
    }
}
