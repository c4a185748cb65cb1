//! The acceptance suite with every feature on that another crate might switch on: both crypto backends of
//! jsonwebtoken, and of serde_json whatever changes how it reads.
