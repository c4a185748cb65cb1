//! Foreign libraries as peers: what they sign and send is good here, and what we sign is good there.

#![expect(clippy::unwrap_used, reason = "all of this is tests")]

mod dpop_clients;
mod dpop_judges;
mod grpc_clients;
mod interop;
