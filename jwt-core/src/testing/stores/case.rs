//! One case, and what becomes of it.

use std::any::Any;
use std::fmt;
use std::pin::Pin;

use crate::config_error::debug_as_display;

/// A case: what it shows, and how.
pub(super) struct Case<S> {
    pub(super) name: &'static str,
    pub(super) run: fn(S) -> Pin<Box<dyn Future<Output = ()> + Send>>,
}

/// The cases that these functions are.
macro_rules! cases {
    ($($name:ident),* $(,)?) => {
        vec![$(Case { name: stringify!($name), run: |store| Box::pin($name(store)) }),*]
    };
}

pub(super) use cases;

/// Runs all, each on a store of its own, and goes on where one fails.
pub(super) async fn run<S>(cases: Vec<Case<S>>, open: impl AsyncFn() -> S) -> Result<usize, Failures> {
    let (count, mut failures) = (cases.len(), Vec::new());
    for case in cases {
        if let Err(error) = tokio::spawn((case.run)(open().await)).await {
            failures.push((case.name, error.try_into_panic().map_or_else(|_| "cancelled".into(), said)));
        }
    }
    if failures.is_empty() { Ok(count) } else { Err(Failures { failures, cases: count }) }
}

/// What somebody said who panicked.
fn said(panic: Box<dyn Any + Send>) -> String {
    match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => panic.downcast_ref::<&str>().map_or_else(|| "it panicked".into(), |text| (*text).to_owned()),
    }
}

/// The cases that a store has failed.
#[derive(Clone)]
pub struct Failures {
    failures: Vec<(&'static str, String)>,
    cases: usize,
}

impl Failures {
    /// The names of the cases.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.failures.iter().map(|(name, _)| *name)
    }
}

impl fmt::Display for Failures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} cases failed", self.failures.len(), self.cases)?;
        for (name, message) in &self.failures {
            write!(f, "\n{}: {message}", name.replace('_', " "))?;
        }
        Ok(())
    }
}

debug_as_display!(Failures);

impl std::error::Error for Failures {}
