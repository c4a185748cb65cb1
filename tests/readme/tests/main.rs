//! What the documents say of themselves.

mod length;
mod links;
mod words;
