//! The crates `tracing` and `metrics`, or macros that do nothing in their place. One `cfg` here for each, and none where
//! something is logged or counted.

#[cfg(not(feature = "metrics"))]
#[path = "no_metrics.rs"]
pub(crate) mod metrics;
#[cfg(not(feature = "tracing"))]
#[path = "no_tracing.rs"]
pub(crate) mod tracing;

#[cfg(feature = "metrics")]
pub(crate) use ::metrics;
#[cfg(feature = "tracing")]
pub(crate) use ::tracing;
