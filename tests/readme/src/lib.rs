//! Compiles every Rust block of the README and of all documents below `docs/`, exactly as it is written, together with
//! the names that a reader would have at hand.

#![allow(
    dead_code,
    non_snake_case,
    unnameable_test_items,
    unused,
    unused_qualifications,
    clippy::all,
    clippy::pedantic,
    reason = "the blocks are written to be read"
)]

mod at_hand;

include!(concat!(env!("OUT_DIR"), "/blocks.rs"));
