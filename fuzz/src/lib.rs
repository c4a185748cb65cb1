//! The fuzz targets of jwt-core as functions: libFuzzer calls them, and so does the test that replays the seeds.
//!
//! Each says whether the input was accepted, and panics where an invariant is broken. What is to be accepted is said
//! by models that share nothing with jwt-core but the lexer of serde_json.

mod claims;
mod compact_token;
mod cookie_header;
mod cross_site;
mod key_set;
mod opaque_token;
mod reference;
mod token;

pub use claims::claims;
pub use compact_token::compact_token;
pub use cookie_header::cookie_header;
pub use cross_site::cross_site;
pub use key_set::key_set;
pub use opaque_token::opaque_token;
