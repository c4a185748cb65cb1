//! What was counted.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many bad things of a kind are kept word by word, and how much of each.
const EXAMPLES: u64 = 3;
const LENGTH: usize = 400;

/// The counters, by name. What is bad has a name that says so, and makes the soak fail.
#[derive(Default)]
pub(crate) struct Report {
    requests: AtomicU64,
    counts: Mutex<Counts>,
}

#[derive(Default)]
struct Counts {
    /// As they have to be.
    good: BTreeMap<&'static str, u64>,
    /// 503, while what the request needs was away.
    excused: BTreeMap<&'static str, u64>,
    /// What was done to the servers.
    trouble: BTreeMap<&'static str, u64>,
    /// What must not be, and examples of it.
    bad: BTreeMap<&'static str, u64>,
    examples: Vec<String>,
}

impl Report {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many were answered as they have to be.
    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    pub(crate) fn good(&self, what: &'static str, times: u64) {
        self.requests.fetch_add(times, Ordering::Relaxed);
        *self.counts().good.entry(what).or_default() += times;
    }

    pub(crate) fn excused(&self, what: &'static str) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        *self.counts().excused.entry(what).or_default() += 1;
    }

    pub(crate) fn trouble(&self, what: &'static str) {
        *self.counts().trouble.entry(what).or_default() += 1;
    }

    pub(crate) fn bad(&self, what: &'static str, example: &str) {
        let mut counts = self.counts();
        let times = counts.bad.entry(what).or_default();
        *times += 1;
        if *times <= EXAMPLES {
            let example: String = example.chars().take(LENGTH).collect();
            counts.examples.push(format!("{what}: {example}"));
        }
    }

    pub(crate) fn is_good(&self) -> bool {
        let counts = self.counts();
        // A soak in which nothing was asked shows nothing.
        counts.bad.is_empty() && GOOD.iter().all(|what| counts.good.get(what).is_some_and(|times| *times > 0))
    }

    /// In one line.
    pub(crate) fn progress(&self) -> String {
        let counts = self.counts();
        let sum = |counts: &BTreeMap<_, u64>| counts.values().sum::<u64>();
        let (requests, excused, bad) = (self.requests(), sum(&counts.excused), sum(&counts.bad));
        format!("{requests} requests, {excused} of them 503 for a good reason, {bad} bad")
    }

    pub(crate) fn table(&self) -> String {
        let counts = self.counts();
        let mut text = format!("{:>12}  requests\n", self.requests());
        for what in GOOD {
            if !counts.good.contains_key(what) {
                let _ = writeln!(text, "{:>12}! {what}", 0);
            }
        }
        for (title, counts) in [("", &counts.good), ("503: ", &counts.excused), ("", &counts.trouble)] {
            for (what, times) in counts {
                let _ = writeln!(text, "{times:>12}  {title}{what}");
            }
        }
        let _ = writeln!(text, "{:>12}  lost, or served although it must not be", counts.bad.values().sum::<u64>());
        for (what, times) in &counts.bad {
            let _ = writeln!(text, "{times:>12}! {what}");
        }
        for example in &counts.examples {
            let _ = writeln!(text, "            ! {example}");
        }
        text
    }
}

pub(crate) const CACHED: &str = "valid token, seen before: served";
pub(crate) const NEW: &str = "valid token, new: served";
pub(crate) const REFUSED: &str = "junk: refused";
pub(crate) const FLOOD: &str = "token of a key that nobody has: refused";
pub(crate) const LOGGED_IN: &str = "login";
pub(crate) const SERVED: &str = "token of a login: served";
pub(crate) const REFRESHED: &str = "refresh";
pub(crate) const LOGGED_OUT: &str = "logout";
pub(crate) const REFUSED_AFTER: &str = "token after the logout: refused";
pub(crate) const WITHDRAWN: &str = "token of a withdrawn key: refused";

/// What each soak has to have seen.
const GOOD: [&str; 10] =
    [CACHED, NEW, REFUSED, FLOOD, LOGGED_IN, SERVED, REFRESHED, LOGGED_OUT, REFUSED_AFTER, WITHDRAWN];
