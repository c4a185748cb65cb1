//! The whole story of sessions and JWTs, running: a cluster, and a page that shows it. `cargo run -p story`.
//!
//! A login service, three instances of an orders service behind a balancer (two on axum, one on actix-web), an invoices
//! service that orders calls, and a cache that all of them share. What the page switches and kills is real: a killed
//! instance loses its listener, its connections and its memory.

mod access;
mod cable;
mod cache;
mod client;
mod cluster;
mod front;
mod instance;
mod invoices;
mod load;
mod login;
mod orders;
mod orders_actix;
mod page;
mod provider;
mod sentence;
mod source;
mod theft;
mod user;
mod witness;
mod world;

pub use cluster::{Cluster, Setup, State, Tick};
pub use front::Balancer;
pub use load::{Counts, Kind, Load};
pub use page::serve;
pub use provider::{Event, Happens};
pub use sentence::of as sentence;
pub use witness::Listener;
