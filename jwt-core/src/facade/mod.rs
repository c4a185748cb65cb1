//! The crates `tracing` and `metrics`, or macros that do nothing in their place. One `cfg` here for each, and none where
//! something is logged or counted.

#[cfg(not(feature = "metrics"))]
#[path = "no_metrics.rs"]
#[allow(clippy::unused_self, reason = "the types are those of the crate")]
pub(crate) mod metrics;
#[cfg(not(feature = "tracing"))]
#[path = "no_tracing.rs"]
#[allow(
    clippy::extra_unused_type_parameters,
    clippy::unused_self,
    clippy::upper_case_acronyms,
    reason = "names and types are those of the crate"
)]
pub(crate) mod tracing;

#[cfg(feature = "metrics")]
pub(crate) use ::metrics;
#[cfg(feature = "tracing")]
pub(crate) use ::tracing;
