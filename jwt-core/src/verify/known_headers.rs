//! Headers that were verified before, so that a header is parsed once and not for each token.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::Header;
use crate::key::VerifyingKey;

/// Header segments that a verified token had, each with the key under which its signature held.
///
/// Only somebody with a signing key can add one; the map is bounded all the same.
#[derive(Clone)]
pub(super) struct KnownHeaders {
    /// The keys under which they were learned.
    pub(super) generation: u64,
    /// The first ones, compared in turn: a service with a handful of keys never hashes a header.
    few: Vec<(Arc<[u8]>, Arc<Known>)>,
    many: HashMap<Arc<[u8]>, Arc<Known>, RandomState>,
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
    pub(super) fn new(generation: u64) -> Self {
        Self { generation, few: Vec::new(), many: HashMap::default() }
    }

    pub(super) fn get(&self, segment: &[u8]) -> Option<&Known> {
        let few = self.few.iter().find(|(known, _)| **known == *segment).map(|(_, known)| known);
        let found = few.or_else(|| if self.many.is_empty() { None } else { self.many.get(segment) });
        found.map(|known| &**known)
    }

    /// These, and one more of a set of so many keys.
    pub(super) fn with(&self, segment: &[u8], known: &Arc<Known>, keys: usize) -> Self {
        let mut more = self.clone();
        if more.get(segment).is_some() {
            // Another request was faster.
        } else if more.few.len() < FEW {
            more.few.push((segment.into(), known.clone()));
        } else {
            if more.many.len() >= keys.saturating_mul(2).max(64) {
                more.many.clear();
            }
            more.many.insert(segment.into(), known.clone());
        }
        more
    }
}
