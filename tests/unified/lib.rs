//! The acceptance suite with every feature on that another crate might switch on: both backends of
//! cryptography, and of serde_json whatever changes how it reads.
