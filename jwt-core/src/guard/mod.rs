//! What verified claims allow.

pub(crate) mod admission;
pub(crate) mod policy;
