//! What can be seen of the work: events, fields of spans, counters.

pub(crate) mod log;
pub(crate) mod spans;
