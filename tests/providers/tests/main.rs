//! What the recipe of each provider makes of its tokens.

#![expect(clippy::unwrap_used, reason = "all of this is tests")]

mod recipes;
mod table;
