//! What is remembered of a sign-in: refresh tokens and sessions.

pub(crate) mod opaque;
pub(crate) mod refresh;
mod sessions;
pub(crate) mod sign_in;

pub use sessions::{Sessions, SessionsBuilder};
