//! Compiles every Rust block of the README and of some of the documents beside it, as it stands there, among the names that a reader would have at hand.

#![allow(dead_code, non_snake_case, unused, clippy::all, clippy::pedantic, reason = "the blocks are there to be read")]

/// What the blocks take for granted.
mod at_hand {
    pub(crate) use jwt_core::{AuthError, Authenticator, KeySet};
    pub(crate) use jwt_tower::Claims;

    #[derive(serde::Deserialize)]
    pub(crate) struct User {
        pub(crate) name: String,
        pub(crate) tenant: String,
    }

    #[derive(serde::Deserialize)]
    pub(crate) struct Job {
        pub(crate) task: String,
    }

    #[derive(Debug, thiserror::Error)]
    #[error("the tenant is locked")]
    pub(crate) struct Locked;
}

include!(concat!(env!("OUT_DIR"), "/blocks.rs"));
