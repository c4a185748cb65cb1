//! Counters that threads do not wait for.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Counts hits and misses without making the threads of a server wait for each other: each counts on a line of memory of
/// its own, as long as there are no more threads than lines.
#[derive(Default)]
pub(super) struct Counters([Line; LINES]);

const LINES: usize = 16;

/// Two cache lines, which is what a processor fetches at a time.
#[derive(Default)]
#[repr(align(128))]
struct Line {
    hits: AtomicU64,
    misses: AtomicU64,
}

impl Counters {
    pub(super) fn hit(&self) {
        self.line().hits.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn miss(&self) {
        self.line().misses.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn hits(&self) -> u64 {
        self.0.iter().map(|line| line.hits.load(Ordering::Relaxed)).sum()
    }

    pub(super) fn misses(&self) -> u64 {
        self.0.iter().map(|line| line.misses.load(Ordering::Relaxed)).sum()
    }

    fn line(&self) -> &Line {
        thread_local! {
            static NUMBER: usize = {
                static THREADS: AtomicUsize = AtomicUsize::new(0);
                THREADS.fetch_add(1, Ordering::Relaxed)
            };
        }
        // While a thread ends its number may be gone already.
        let number = NUMBER.try_with(|number| *number).unwrap_or_default();
        &self.0[number % LINES]
    }
}
