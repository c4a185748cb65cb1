//! A connection on a thread of its own: SQLite blocks, and may not do so on the threads of the async runtime.

use std::fmt;
use std::thread;
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::store::StoreError;

/// How many operations wait for a connection at most. Further callers wait for a place, as long as they may.
const QUEUE: usize = 256;

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// Sends operations to the thread of a connection. The thread ends with the last of these.
#[derive(Clone)]
pub(super) struct Worker {
    jobs: mpsc::Sender<Job>,
}

/// Why an operation failed.
pub(super) enum Fault {
    Driver(rusqlite::Error),
    Store(StoreError),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Driver(error)
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Driver(error) => Self::unavailable(error),
            Fault::Store(error) => error,
        }
    }
}

impl Worker {
    /// Opens a connection by that function, on its thread.
    pub(super) async fn start(
        name: &str,
        open: impl FnOnce() -> Result<Connection, Fault> + Send + 'static,
    ) -> Result<Self, StoreError> {
        let (jobs, mut next) = mpsc::channel::<Job>(QUEUE);
        let (opened, is_open) = oneshot::channel();
        let run = move || {
            let mut connection = match open() {
                Ok(connection) => connection,
                Err(fault) => {
                    let _ = opened.send(Err(fault));
                    return;
                }
            };
            let _ = opened.send(Ok(()));
            while let Some(job) = next.blocking_recv() {
                job(&mut connection);
            }
        };
        thread::Builder::new().name(name.to_owned()).spawn(run).map_err(StoreError::unavailable)?;
        is_open.await.map_err(|_| stopped())??;
        Ok(Self { jobs })
    }

    /// The answer of an operation. One that nobody waits for any more is not begun.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        timeout: Duration,
        operation: impl FnOnce(&mut Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            if !answer.is_closed() {
                let _ = answer.send(operation(connection));
            }
        });
        let work = async {
            self.jobs.send(job).await.map_err(|_| stopped())?;
            answered.await.map_err(|_| stopped())?.map_err(StoreError::from)
        };
        tokio::time::timeout(timeout, work).await.unwrap_or_else(|late| Err(StoreError::unavailable(late)))
    }
}

/// The thread is gone.
#[derive(Debug)]
struct Stopped;

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the thread of the database has ended")
    }
}

impl std::error::Error for Stopped {}

fn stopped() -> StoreError {
    StoreError::unavailable(Stopped)
}
