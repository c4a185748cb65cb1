//! The fuzz targets of jwt-core as functions: libFuzzer calls them, and so does the test that replays the seeds.
//!
//! Each says whether the input was accepted, and panics where an invariant is broken. What is to be accepted is said
//! by models that share nothing with jwt-core but the lexer of serde_json.

mod api_key;
mod claims;
mod client_certificate;
mod compact_token;
mod cookie_header;
mod cross_site;
mod device_proof;
mod dpop_proof;
mod elements;
mod event_token;
mod forwarded;
mod htu;
mod introspection_answer;
mod json_rpc;
mod key_set;
mod opaque_token;
mod proof;
mod reference;
mod remote_signature;
mod token;

use std::pin::pin;
use std::task::{Context, Poll, Waker};

pub use api_key::api_key;
pub use claims::claims;
pub use client_certificate::client_certificate;
pub use compact_token::compact_token;
pub use cookie_header::cookie_header;
pub use cross_site::cross_site;
pub use device_proof::device_proof;
pub use dpop_proof::dpop_proof;
pub use event_token::event_token;
pub use forwarded::forwarded;
pub use htu::htu;
pub use introspection_answer::introspection_answer;
pub use json_rpc::json_rpc;
pub use key_set::key_set;
pub use opaque_token::opaque_token;
pub use remote_signature::remote_signature;

/// What a future yields that waits for nothing, as those of the stores here do.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("a store that is here waits for nothing"),
    }
}
