use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::clock::{Clock, NumericDate, SystemClock};

/// A clock that stands still until it is told otherwise. A clone is another hand on the same clock.
///
/// ```
/// use std::time::Duration;
/// use jwt_core::testing::TestClock;
/// use jwt_core::clock::{Clock, NumericDate};
///
/// let clock = TestClock::at(NumericDate::from_secs(1_790_000_000));
/// clock.advance(Duration::from_secs(60));
/// assert_eq!(clock.now(), NumericDate::from_secs(1_790_000_060));
/// ```
#[derive(Debug, Clone)]
pub struct TestClock(Arc<Mutex<NumericDate>>);

impl TestClock {
    /// Stands still at the present moment.
    pub fn new() -> Self {
        Self::at(NumericDate::from_secs(SystemClock.now().as_secs()))
    }

    /// Stands still at that moment.
    pub fn at(moment: NumericDate) -> Self {
        Self(Arc::new(Mutex::new(moment)))
    }

    /// Goes to that moment, forwards or back.
    pub fn set(&self, moment: NumericDate) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = moment;
    }

    /// Goes on by so much.
    pub fn advance(&self, by: Duration) {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *now = now.saturating_add(by);
    }
}

impl Default for TestClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for TestClock {
    fn now(&self) -> NumericDate {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
