//! Clients of the Model Context Protocol that nobody here wrote, and its conformance suite, against protected servers.

#![expect(clippy::unwrap_used, reason = "all of this is tests")]

mod clients;
mod conformance;
mod discovery;
mod peer;
