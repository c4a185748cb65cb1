use std::hash::{BuildHasher, Hasher, RandomState};

/// Hashes the end of a signature: bytes that are as good as random already, so that a few multiplications spread them.
///
/// The seed is a random number, once for each cache. Whoever can choose what is hashed here can sign.
#[derive(Clone)]
pub(super) struct TailHash {
    seed: u64,
}

/// Odd, and without a pattern: the fraction of the golden ratio.
const MULTIPLE: u64 = 0x9e37_79b9_7f4a_7c15;

impl TailHash {
    pub(super) fn new() -> Self {
        Self { seed: RandomState::new().hash_one(MULTIPLE) }
    }
}

impl BuildHasher for TailHash {
    type Hasher = TailHasher;

    fn build_hasher(&self) -> TailHasher {
        TailHasher(self.seed)
    }
}

pub(super) struct TailHasher(u64);

impl Hasher for TailHasher {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.mix(u64::from_le_bytes(*word));
        }
        if !rest.is_empty() {
            let mut word = [0; 8];
            word[..rest.len()].copy_from_slice(rest);
            self.mix(u64::from_le_bytes(word));
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

impl TailHasher {
    /// Both halves of the product, so that every bit of the word reaches every bit of the hash.
    #[expect(clippy::cast_possible_truncation, reason = "the lower half")]
    fn mix(&mut self, word: u64) {
        let product = u128::from(self.0 ^ word) * u128::from(MULTIPLE);
        self.0 = product as u64 ^ (product >> 64) as u64;
    }
}
