use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use super::Header;
use crate::key::VerifyingKey;

/// Header segments that a proved token had, each with the key under which its signature held.
///
/// Only somebody with a signing key can add one; the map is bounded all the same.
pub(super) struct KnownHeaders {
    map: RwLock<HashMap<Box<[u8]>, Arc<Known>>>,
    capacity: usize,
}

pub(super) struct Known {
    pub(super) header: Arc<Header>,
    pub(super) key: VerifyingKey,
    /// No other key comes into question for this header, so a signature that fails has failed for good.
    pub(super) only_candidate: bool,
}

impl KnownHeaders {
    pub(super) fn for_keys(keys: usize) -> Self {
        Self { map: RwLock::default(), capacity: keys.saturating_mul(2).max(64) }
    }

    pub(super) fn get(&self, segment: &[u8]) -> Option<Arc<Known>> {
        self.map.read().unwrap_or_else(PoisonError::into_inner).get(segment).cloned()
    }

    pub(super) fn insert(&self, segment: &[u8], header: &Arc<Header>, key: &VerifyingKey, only_candidate: bool) {
        let mut map = self.map.write().unwrap_or_else(PoisonError::into_inner);
        if map.len() >= self.capacity {
            map.clear();
        }
        map.insert(segment.into(), Arc::new(Known { header: header.clone(), key: key.clone(), only_candidate }));
    }
}
