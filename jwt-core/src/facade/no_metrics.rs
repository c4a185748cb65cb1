//! What is used of `metrics`, doing nothing. The labels are type-checked and never evaluated.

/// A counter or a gauge that nobody reads.
pub(crate) struct Unread;

impl Unread {
    pub(crate) fn increment(&self, _: u64) {}

    #[allow(dead_code, reason = "only fetched keys have gauges")]
    pub(crate) fn set<V>(&self, _: V) {}
}

macro_rules! unread {
    ($name:literal $(, $label:literal => $value:expr)* $(,)?) => {{
        if false {
            $(let _ = &$value;)*
        }
        $crate::facade::metrics::Unread
    }};
}

#[allow(unused_imports, reason = "only fetched keys have gauges")]
pub(crate) use {unread as counter, unread as gauge};
