//! What the log, spans and counters are told of requests. Takes fields, so that it knows nothing of those who tell it.

pub(crate) mod log;
pub(crate) mod near_miss;
pub(crate) mod spans;
