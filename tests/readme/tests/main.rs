//! What the documents say of themselves.

mod errors;
mod length;
mod links;
mod words;
