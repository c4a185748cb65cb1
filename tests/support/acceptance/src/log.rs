use std::cell::RefCell;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::thread;

use tracing_subscriber::filter::LevelFilter;

thread_local! {
    /// Where this thread logs to.
    static HERE: RefCell<Option<Log>> = const { RefCell::new(None) };
}

/// What is logged, at any level, by the thread that asked for it and by the servers that this thread has started since.
#[derive(Debug, Clone, Default)]
pub struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// The log of this thread from now on. Tests run beside each other, each on a thread of its own, and none of them
    /// reads what another one logs.
    ///
    /// # Panics
    /// Where somebody else has set a subscriber for the whole process.
    pub fn here() -> Self {
        // One subscriber for all threads, since `tracing` remembers of each call whether anybody wants it: a subscriber
        // of one thread misses calls that another thread has made first.
        static SUBSCRIBER: Once = Once::new();
        SUBSCRIBER.call_once(|| {
            tracing_subscriber::fmt()
                .with_max_level(LevelFilter::TRACE)
                // What nobody asked for goes to a log that nobody reads.
                .with_writer(|| inherited().unwrap_or_default())
                .with_ansi(false)
                .init();
        });
        let log = Self::default();
        inherit(Some(log.clone()));
        log
    }

    /// What was logged since the last call.
    pub fn take(&self) -> String {
        let bytes = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Where this thread logs to, for a thread that it starts.
pub(crate) fn inherited() -> Option<Log> {
    HERE.with_borrow(Clone::clone)
}

/// Has this thread log to there.
pub(crate) fn inherit(log: Option<Log>) {
    HERE.set(log);
}

/// Starts a thread that logs to where this one does.
pub(crate) fn spawn(run: impl FnOnce() + Send + 'static) {
    let log = inherited();
    thread::spawn(move || {
        inherit(log);
        run();
    });
}
