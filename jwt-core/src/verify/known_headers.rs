use std::collections::HashMap;
use std::sync::Arc;

use super::Header;
use crate::key::VerifyingKey;

/// Header segments that a proved token had, each with the key under which its signature held.
///
/// Only somebody with a signing key can add one; the map is bounded all the same.
pub(super) struct KnownHeaders {
    /// The first ones, compared in turn: a service with a handful of keys never hashes a header.
    few: Vec<(Box<[u8]>, Known)>,
    many: HashMap<Box<[u8]>, Known>,
    capacity: usize,
}

/// How many headers are compared in turn.
const FEW: usize = 4;

pub(super) struct Known {
    pub(super) header: Arc<Header>,
    pub(super) key: VerifyingKey,
    /// No other key comes into question for this header, so a signature that fails has failed for good.
    pub(super) only_candidate: bool,
}

impl KnownHeaders {
    pub(super) fn for_keys(keys: usize) -> Self {
        Self { few: Vec::with_capacity(FEW), many: HashMap::new(), capacity: keys.saturating_mul(2).max(64) }
    }

    pub(super) fn get(&self, segment: &[u8]) -> Option<&Known> {
        let few = self.few.iter().find(|(known, _)| **known == *segment).map(|(_, known)| known);
        few.or_else(|| if self.many.is_empty() { None } else { self.many.get(segment) })
    }

    pub(super) fn insert(&mut self, segment: &[u8], known: Known) {
        if self.get(segment).is_some() {
            // Another request was faster.
        } else if self.few.len() < FEW {
            self.few.push((segment.into(), known));
        } else {
            if self.many.len() >= self.capacity {
                self.many.clear();
            }
            self.many.insert(segment.into(), known);
        }
    }
}
