//! What becomes of a verification when there is more of something: threads, keys, tokens, junk. Ours only, HS256.

use std::hint::black_box;
use std::process::Command;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use std::{fs, thread};

use jwt_core::{Algorithm, Authenticator};

use crate::alloc;
use crate::measure::{Case, Id, ROUNDS, Row, measure};
use crate::ours::{self, Mode};
use crate::tokens::{Key, User, tampered};

pub(crate) const LAYER: &str = "scale";

/// Bytes that are alive after many distinct tokens and were not before.
pub(crate) const GROWN_BYTES: &str = "grown_bytes";

pub(crate) const MANY_TOKENS: usize = 1_000_000;
const MANY_KEYS: usize = 1000;
const HOT_TOKENS: usize = 1000;
const FLOOD: usize = 10_000;

pub(crate) fn id(what: &str, mode: Mode) -> Id {
    Id::new(LAYER, "HS256", format!("ours, {what}"), mode.name())
}

/// Measures; `wanted` says which rows.
pub(crate) fn rows(wanted: impl Fn(&Id) -> bool) -> Vec<Row> {
    let mut cases = Vec::new();
    cases.extend([1, MANY_KEYS].map(keys));
    cases.extend([1, HOT_TOKENS].map(hot_tokens));
    cases.retain(|case| wanted(&case.id));
    let mut rows = measure(cases);
    // The others do not fit into turns; each measures a few rows against each other.
    for mode in Mode::BOTH {
        if threads_names().iter().any(|name| wanted(&id(name, mode))) {
            rows.extend(threads(mode));
        }
    }
    if wanted(&id(QUIET, Mode::Cached)) || wanted(&id(FLOODED, Mode::Cached)) {
        rows.extend(flood());
    }
    if wanted(&id(&many_tokens_name(), Mode::Cached)) {
        rows.push(many_tokens());
    }
    rows
}

pub(crate) fn keys_name(count: usize) -> String {
    format!("{count} key{}", if count == 1 { "" } else { "s" })
}

/// The token of the key in the middle, where the others have been used, too.
fn keys(count: usize) -> Case {
    let keys: Vec<Key> = (0..count)
        .map(|n| {
            Key::secret(&format!("secret {n:04} of forty-eight bytes, none of them hidden"), &format!("key-{n:04}"))
        })
        .collect();
    let authenticator = ours::authenticator(Algorithm::HS256, &keys, Mode::Cold);
    for key in &keys {
        assert!(ours::verify(&authenticator, &key.token()).is_some());
    }
    let token = keys[count / 2].token();
    Case::new(id(&keys_name(count), Mode::Cold), move |calls| {
        for _ in 0..calls {
            assert!(ours::verify(&authenticator, black_box(&token)).is_some());
        }
    })
}

/// That many tokens in turn.
fn hot_tokens(count: usize) -> Case {
    let (authenticator, tokens) = hot(count, Mode::Cached);
    let mut next = 0;
    let name = format!("{count} hot token{}", if count == 1 { "" } else { "s" });
    Case::new(id(&name, Mode::Cached), move |calls| {
        for _ in 0..calls {
            assert!(ours::verify(&authenticator, black_box(&tokens[next])).is_some());
            next = if next + 1 == tokens.len() { 0 } else { next + 1 };
        }
    })
}

/// An authenticator, and tokens that it has seen.
fn hot(count: usize, mode: Mode) -> (Authenticator<User>, Vec<String>) {
    let keys = [Key::generate(Algorithm::HS256)];
    let authenticator = ours::authenticator(Algorithm::HS256, &keys, mode);
    let tokens: Vec<String> = (0..count).map(|number| keys[0].token_of_user(number)).collect();
    for token in &tokens {
        assert!(ours::verify(&authenticator, token).is_some());
    }
    (authenticator, tokens)
}

pub(crate) fn threads_name(count: usize) -> String {
    format!("{count} thread{}", if count == 1 { "" } else { "s" })
}

/// Two threads that share nothing.
pub(crate) const APART: &str = "2 threads, nothing shared";

/// Two threads that do nothing but count a reference to the same token, up and down.
pub(crate) const COUNTING: [&str; 2] = ["1 thread, one reference count", "2 threads, one reference count"];

/// How many hot tokens the threads share.
pub(crate) const SHARED: [usize; 2] = [1, HOT_TOKENS];

pub(crate) fn sharing_name(threads: usize, tokens: usize) -> String {
    format!("{}, {tokens} hot token{}", threads_name(threads), if tokens == 1 { "" } else { "s" })
}

/// One cache, and no token that two of the threads see.
pub(crate) fn own_tokens_name(threads: usize) -> String {
    format!("{}, each with {HOT_TOKENS} hot tokens", threads_name(threads))
}

fn threads_names() -> Vec<String> {
    let mut names: Vec<String> = [1, 2].map(threads_name).into();
    names.push(APART.to_owned());
    names.extend(SHARED.into_iter().flat_map(|tokens| [1, 2].map(|threads| sharing_name(threads, tokens))));
    names.extend([1, 2].map(own_tokens_name));
    names.extend(COUNTING.map(str::to_owned));
    names
}

/// One thread against two, on the same authenticator and the same tokens, and against two with one each, which tells
/// what the machine has to give. `ns` is the wall time of one call of all the threads together.
fn threads(mode: Mode) -> Vec<Row> {
    // Short, and many of them: both cores have to be free at a time.
    const TURN: Duration = Duration::from_millis(10);
    let shared = hot(64, mode);
    let apart = [hot(64, mode), hot(64, mode)];
    let few_and_many = SHARED.map(|count| hot(count, mode));
    let own = hot(2 * HOT_TOKENS, mode);
    let own = own.1.chunks(HOT_TOKENS).map(|tokens| (own.0.clone(), tokens.to_vec())).collect::<Vec<_>>();
    let proved = ours::verify(&shared.0, &shared.1[0]).expect("a good token");
    let look_up = |(authenticator, _): &Hot, token: &str| ours::verify(authenticator, token).is_some();
    let count = |_: &Hot, _: &str| black_box(proved.clone()).admin;
    let mut settings: Vec<(String, Vec<&Hot>, &(dyn Fn(&Hot, &str) -> bool + Sync))> = vec![
        (threads_name(1), vec![&shared], &look_up),
        (threads_name(2), vec![&shared, &shared], &look_up),
        (APART.to_owned(), apart.iter().collect(), &look_up),
    ];
    if mode == Mode::Cached {
        for (count, shared) in SHARED.into_iter().zip(&few_and_many) {
            settings.push((sharing_name(1, count), vec![shared], &look_up));
            settings.push((sharing_name(2, count), vec![shared, shared], &look_up));
        }
        settings.push((own_tokens_name(1), vec![&own[0]], &look_up));
        settings.push((own_tokens_name(2), own.iter().collect(), &look_up));
        settings.push((COUNTING[0].to_owned(), vec![&shared], &count));
        settings.push((COUNTING[1].to_owned(), vec![&shared, &shared], &count));
    }
    let mut rounds = vec![Vec::new(); settings.len()];
    let mut disturbed = 0;
    for _ in 0..10 * ROUNDS {
        for ((_, threads, call), rounds) in settings.iter().zip(&mut rounds) {
            match in_parallel(TURN, threads, call) {
                Some(round) => rounds.push(round),
                None => disturbed += 1,
            }
        }
        if rounds.iter().all(|rounds| rounds.len() >= 2 * ROUNDS) {
            break;
        }
    }
    let turns = rounds.iter().map(Vec::len).sum::<usize>() + disturbed;
    eprintln!("{LAYER}: {disturbed} of {turns} turns do not count, since a thread waited for a core");
    assert!(rounds.iter().all(|rounds| !rounds.is_empty()), "no core was free in any round");
    settings.into_iter().zip(rounds).map(|((name, ..), rounds)| Row::new(id(&name, mode), rounds, None)).collect()
}

type Hot = (Authenticator<User>, Vec<String>);

/// A thread for each of `hot`, on a core of its own. Each has a clock of its own: the one that starts and stops them may have to
/// wait for a core, and what they did meanwhile would count as done in no time. None where one of them had to wait for its core.
fn in_parallel(turn: Duration, hot: &[&Hot], call: &(dyn Fn(&Hot, &str) -> bool + Sync)) -> Option<f64> {
    let (start, stop) = (Barrier::new(hot.len() + 1), AtomicBool::new(false));
    let rates: Vec<Option<f64>> = thread::scope(|scope| {
        let (start, stop) = (&start, &stop);
        let work = |(worker, hot_of_worker): (usize, &&Hot)| {
            let tokens = &hot_of_worker.1;
            // Each begins somewhere else, as requests do.
            let mut tokens = tokens.iter().cycle().skip(worker * tokens.len() / hot.len());
            let mut calls = 0;
            pin(worker);
            start.wait();
            let (waited, begun) = (waited(), Instant::now());
            while !stop.load(Ordering::Relaxed) {
                for token in tokens.by_ref().take(16) {
                    assert!(call(hot_of_worker, black_box(token)));
                }
                calls += 16;
            }
            let took = begun.elapsed();
            let waited = self::waited().saturating_sub(waited);
            (waited < took / 50).then(|| f64::from(calls) / took.as_secs_f64())
        };
        let workers: Vec<_> = hot.iter().enumerate().map(|one| scope.spawn(move || work(one))).collect();
        start.wait();
        thread::sleep(turn);
        stop.store(true, Ordering::Relaxed);
        workers.into_iter().map(|worker| worker.join().expect("a worker")).collect()
    });
    Some(1e9 / rates.into_iter().sum::<Option<f64>>()?)
}

/// How long this thread was ready to run and had no core. Nothing where the kernel does not say.
fn waited() -> Duration {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let waited = text.split(' ').nth(1).and_then(|waited| waited.parse().ok());
    Duration::from_nanos(waited.unwrap_or_default())
}

/// Keeps this thread on the core of that number, where there is `taskset`.
fn pin(core: usize) {
    let Ok(thread) = fs::read_link("/proc/thread-self") else { return };
    let Some(thread) = thread.file_name().and_then(|name| name.to_str()) else { return };
    let _ = Command::new("taskset").args(["-cp", &core.to_string(), thread]).output();
}

pub(crate) const QUIET: &str = "without a flood";
pub(crate) const FLOODED: &str = "beside a flood";

/// Good tokens on this thread, while another one sends bad ones as fast as it can, or does nothing.
fn flood() -> Vec<Row> {
    let (authenticator, tokens) = hot(100, Mode::Cached);
    let junk: Vec<String> = hot(FLOOD, Mode::Cold).1.iter().map(|token| tampered(token)).collect();
    let (flooding, stop) = (AtomicBool::new(false), AtomicBool::new(false));
    let mut rounds = [Vec::new(), Vec::new()];
    thread::scope(|scope| {
        scope.spawn(|| {
            for token in junk.iter().cycle() {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                if flooding.load(Ordering::Relaxed) {
                    assert!(ours::verify(&authenticator, token).is_none());
                } else {
                    thread::sleep(Duration::from_micros(50));
                }
            }
        });
        for _ in 0..ROUNDS {
            for (flooded, rounds) in [false, true].into_iter().zip(&mut rounds) {
                flooding.store(flooded, Ordering::Relaxed);
                thread::sleep(Duration::from_millis(1));
                let begun = Instant::now();
                for token in tokens.iter().cycle().take(5000) {
                    assert!(ours::verify(&authenticator, black_box(token)).is_some());
                }
                rounds.push(begun.elapsed().as_nanos() as f64 / 5000.0);
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    let row = |(name, rounds)| Row::new(id(name, Mode::Cached), rounds, None);
    [QUIET, FLOODED].into_iter().zip(rounds).map(row).collect()
}

pub(crate) fn many_tokens_name() -> String {
    format!("{MANY_TOKENS} distinct tokens")
}

/// Tokens of which none comes twice: what it costs to remember them for nothing, in time and in memory.
fn many_tokens() -> Row {
    const AT_ONCE: usize = 1000;
    let keys = [Key::generate(Algorithm::HS256)];
    let (mut rounds, mut allocations) = (Vec::with_capacity(MANY_TOKENS / AT_ONCE), 0);
    let live = alloc::live_bytes();
    // Behind the reading of the meter: what a cache sets aside when it is made is a part of it.
    let authenticator = ours::authenticator(Algorithm::HS256, &keys, Mode::Cached);
    for first in (0..MANY_TOKENS).step_by(AT_ONCE) {
        let tokens: Vec<String> = (first..first + AT_ONCE).map(|number| keys[0].token_of_user(number)).collect();
        let (before, begun) = (alloc::allocations(), Instant::now());
        for token in &tokens {
            assert!(ours::verify(&authenticator, black_box(token)).is_some());
        }
        rounds.push(begun.elapsed().as_nanos() as f64 / AT_ONCE as f64);
        allocations += alloc::allocations() - before;
    }
    let grown = alloc::live_bytes() - live;
    let allocations = allocations as f64 / MANY_TOKENS as f64;
    let mut row = Row::new(id(&many_tokens_name(), Mode::Cached), rounds, Some(allocations));
    row.extra.push((GROWN_BYTES, grown as f64));
    row
}
