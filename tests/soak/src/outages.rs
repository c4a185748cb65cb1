//! When what the servers depend on was away, and who takes it away.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use postgres_servers::PostgresServer;
use redis_servers::RedisServer;

use crate::report::Report;
use crate::traffic::Store;

/// How long after the end of an outage a server may still answer 503: until it has connected again.
const RECONNECTING: Duration = Duration::from_secs(5);
/// A thread that sleeps for so long at a time sees whether the machine has room for this program.
const TICK: Duration = Duration::from_millis(50);
/// A store is waited for about that long.
const WAIT: Duration = Duration::from_secs(1);
/// If so much of that time is the machine's, who is waited for may be there.
const STOOD_STILL: Duration = Duration::from_millis(500);

/// The outages so far.
#[derive(Default)]
pub(crate) struct Outages {
    redis: Mutex<Vec<Span>>,
    postgres: Mutex<Vec<Span>>,
    /// When the machine had no room for this program, or little.
    machine: Mutex<Vec<Span>>,
}

struct Span {
    start: Instant,
    end: Option<Instant>,
}

impl Span {
    fn touches(&self, sent: Instant, answered: Instant) -> bool {
        self.start <= answered && self.end.is_none_or(|end| sent <= end + RECONNECTING)
    }
}

fn lock(spans: &Mutex<Vec<Span>>) -> MutexGuard<'_, Vec<Span>> {
    spans.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The thread that takes the stores away and brings them back.
pub(crate) struct Trouble {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Outages {
    fn of(&self, store: Store) -> &Mutex<Vec<Span>> {
        match store {
            Store::Redis => &self.redis,
            Store::Postgres => &self.postgres,
        }
    }

    /// Whether a request that was sent and answered then may have met an outage of that store.
    pub(crate) fn excuse(&self, store: Store, sent: Instant, answered: Instant) -> bool {
        lock(self.of(store)).iter().rev().take(4).any(|span| span.touches(sent, answered))
    }

    /// For how long that store has been back.
    pub(crate) fn back_for(&self, store: Store) -> Option<Duration> {
        lock(self.of(store)).last().and_then(|span| span.end).map(|end| end.elapsed())
    }

    /// Whether the machine stood still.
    pub(crate) fn stood_still(&self, sent: Instant, answered: Instant) -> bool {
        lock(&self.machine).iter().rev().take(4).any(|span| span.touches(sent, answered))
    }

    /// For how long it did, all in all.
    pub(crate) fn stood_still_for(&self) -> Duration {
        lock(&self.machine).iter().filter_map(|span| Some(span.end? - span.start)).sum()
    }

    /// Measures from now on by how much a thread wakes up too late.
    pub(crate) fn watch_the_machine(self: Arc<Self>) {
        thread::spawn(move || {
            let mut ticks = Vec::new();
            loop {
                let start = Instant::now();
                thread::sleep(TICK);
                let end = Instant::now();
                ticks.push((start, end));
                ticks.retain(|(_, tick)| end - *tick < WAIT);
                let late: Duration = ticks.iter().map(|(start, end)| (*end - *start).saturating_sub(TICK)).sum();
                if late >= STOOD_STILL {
                    self.stood_still_since(ticks[0].0, end);
                }
            }
        });
    }

    fn stood_still_since(&self, start: Instant, end: Instant) {
        let mut spans = lock(&self.machine);
        match spans.last_mut() {
            Some(last) if last.end.is_some_and(|last| last >= start) => last.end = Some(end),
            _ => spans.push(Span { start, end: Some(end) }),
        }
    }

    fn begins(&self, store: Store) {
        lock(self.of(store)).push(Span { start: Instant::now(), end: None });
    }

    fn ends(&self, store: Store) {
        if let Some(last) = lock(self.of(store)).last_mut() {
            last.end = Some(Instant::now());
        }
    }

    /// Takes the stores away and brings them back, in turns, until it is stopped.
    pub(crate) fn trouble(
        self: Arc<Self>,
        mut redis: RedisServer,
        mut postgres: PostgresServer,
        report: Arc<Report>,
    ) -> Trouble {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = thread::spawn(move || {
            // Whether that is still to be done: nothing is left half done.
            let wait = |seconds: f64| {
                let until = Instant::now() + Duration::from_secs_f64(seconds);
                while Instant::now() < until && !stopped.load(Ordering::Relaxed) {
                    thread::sleep(Duration::from_millis(50));
                }
            };
            while !stopped.load(Ordering::Relaxed) {
                wait(7.0);
                self.begins(Store::Redis);
                redis.kill();
                wait(1.5);
                // A process ends with the thread that started it: this one.
                redis.restart();
                self.ends(Store::Redis);
                report.trouble("Redis killed");
                wait(7.0);
                self.begins(Store::Postgres);
                postgres.kill();
                wait(1.5);
                postgres.restart();
                self.ends(Store::Postgres);
                report.trouble("PostgreSQL killed");
                wait(7.0);
                self.begins(Store::Redis);
                redis.pause();
                wait(3.0);
                redis.resume();
                self.ends(Store::Redis);
                report.trouble("Redis hung");
                wait(7.0);
                self.begins(Store::Postgres);
                postgres.pause();
                wait(3.0);
                postgres.resume();
                self.ends(Store::Postgres);
                report.trouble("PostgreSQL hung");
            }
        });
        Trouble { stop, thread }
    }
}

impl Trouble {
    /// Waits until everything is there again, and ends the stores.
    pub(crate) fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.thread.join();
    }
}
