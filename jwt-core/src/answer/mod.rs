//! Everything that writes an answer: status, challenges, header fields and documents.

pub(crate) mod cache_control;
pub(crate) mod challenge;
pub(crate) mod grpc;
pub(crate) mod metadata;
