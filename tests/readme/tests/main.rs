//! What the documents say of themselves.

mod errors;
mod guide;
mod length;
mod links;
mod suites;
mod words;
