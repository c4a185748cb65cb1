//! Moments, and where the present one comes from.

use std::fmt;
use std::time::{Duration, SystemTime};

/// A moment as RFC 7519 §2 counts it: seconds since 1970-01-01T00:00:00Z, leap seconds ignored, fractions allowed.
///
/// Never negative and never beyond `i64::MAX` seconds: a claim outside of that is refused when it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NumericDate(Duration);

/// The first second that is not a moment any more.
const LIMIT: u64 = 1 << 63;

impl NumericDate {
    /// The moment `seconds` after the epoch. Saturates at `i64::MAX`.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(Duration::from_secs(if seconds < LIMIT { seconds } else { LIMIT - 1 }))
    }

    /// The moment `millis` milliseconds after the epoch.
    pub const fn from_millis(millis: u64) -> Self {
        Self(Duration::from_millis(millis))
    }

    /// From a JSON number; `None` where it is no moment.
    pub(crate) fn from_number(number: Number) -> Option<Self> {
        match number {
            Number::Unsigned(seconds) if seconds < LIMIT => Some(Self(Duration::from_secs(seconds))),
            Number::Float(seconds) => {
                let duration = Duration::try_from_secs_f64(seconds).ok()?;
                (duration.as_secs() < LIMIT).then_some(Self(duration))
            }
            Number::Unsigned(_) | Number::Negative(_) => None,
        }
    }

    /// A moment that much later. Saturates.
    pub(crate) fn saturating_add(self, time: Duration) -> Self {
        let later = self.0.saturating_add(time);
        if later.as_secs() < LIMIT { Self(later) } else { Self::from_secs(LIMIT) }
    }

    /// Whole seconds since the epoch.
    pub const fn as_secs(self) -> u64 {
        self.0.as_secs()
    }

    /// Whole milliseconds since the epoch. Saturates.
    pub fn as_millis(self) -> u64 {
        u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX)
    }

    /// The time since the epoch.
    pub const fn since_epoch(self) -> Duration {
        self.0
    }
}

/// A number as the JSON reader hands it over.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Number {
    Unsigned(u64),
    Negative(i64),
    Float(f64),
}

impl From<SystemTime> for NumericDate {
    /// A time before the epoch becomes the epoch.
    fn from(time: SystemTime) -> Self {
        Self(time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default())
    }
}

impl fmt::Display for NumericDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.as_secs_f64())
    }
}

/// Where the present time comes from. [`SystemClock`] unless the builder is told otherwise.
///
/// ```
/// use jwt_core::clock::{Clock, NumericDate};
///
/// /// It is always noon.
/// struct Stopped;
///
/// impl Clock for Stopped {
///     fn now(&self) -> NumericDate {
///         NumericDate::from_secs(1_790_000_000)
///     }
/// }
/// ```
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> NumericDate;
}

/// The clock of the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> NumericDate {
        SystemTime::now().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_are_no_moment_are_refused() {
        for number in [
            Number::Negative(-1),
            Number::Float(-0.5),
            Number::Float(f64::NAN),
            Number::Float(f64::INFINITY),
            Number::Float(9.3e18),
            Number::Unsigned(u64::MAX),
        ] {
            assert_eq!(NumericDate::from_number(number), None, "{number:?}");
        }
    }

    #[test]
    fn fractions_keep_their_place_between_the_seconds() {
        let date = NumericDate::from_number(Number::Float(1.5)).unwrap();
        assert!(NumericDate::from_secs(1) < date && date < NumericDate::from_secs(2));
    }

    #[test]
    fn a_system_clock_before_the_epoch_reads_as_the_epoch() {
        let before = SystemTime::UNIX_EPOCH - Duration::from_secs(5);
        assert_eq!(NumericDate::from(before), NumericDate::from_secs(0));
    }
}
