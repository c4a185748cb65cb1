//! What is published leads somewhere: every link of the documentation that rustdoc makes, and of the Markdown in the
//! packages that Cargo makes.

mod documentation;
mod links;
mod package;
