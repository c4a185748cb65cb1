//! Moments as stores count them: whole milliseconds since the epoch.

use std::time::Duration;

use crate::clock::NumericDate;

/// The last moment that stores are asked to count with, in the year 5138: what every one of them can write down.
const LAST_MILLIS: u64 = 99_999_999_999_999;

/// The moment in whole milliseconds that every store can count.
pub(crate) fn whole_millis(moment: NumericDate) -> NumericDate {
    NumericDate::from_millis(moment.as_millis().min(LAST_MILLIS))
}

/// The moment, or the next whole second: `iat` is written in whole seconds.
pub(crate) fn whole_seconds(moment: NumericDate) -> NumericDate {
    let rounds_up = moment.since_epoch().subsec_nanos() > 0;
    NumericDate::from_secs(moment.as_secs().saturating_add(u64::from(rounds_up)))
}

/// So long after that moment, in whole milliseconds that every store can count.
pub(crate) fn later(moment: NumericDate, by: Duration) -> NumericDate {
    let by = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
    whole_millis(NumericDate::from_millis(moment.as_millis().saturating_add(by)))
}

/// Serializes a moment as its milliseconds: for `#[serde(with = "…")]`.
pub(super) mod millis {
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::clock::NumericDate;

    pub(in crate::store) fn serialize<S: Serializer>(moment: &NumericDate, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(moment.as_millis())
    }

    pub(in crate::store) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NumericDate, D::Error> {
        u64::deserialize(deserializer).map(NumericDate::from_millis)
    }
}
