//! Keys that are fetched: what everybody is told of them, and with the feature `remote`, how that is done.

#[cfg(feature = "remote")]
mod client;
mod error;
mod fetch;
#[cfg(feature = "remote")]
mod get;
#[cfg(feature = "remote")]
mod metadata;
#[cfg(feature = "remote")]
mod roots;
#[cfg(feature = "remote")]
mod set;
mod status;

pub use error::RemoteKeySetBuildError;
pub use fetch::{Fetch, FetchError, Fetching, Tried};
#[cfg(feature = "remote")]
pub(crate) use set::OnDemand;
#[cfg(feature = "remote")]
pub use set::RemoteKeySet;
pub use status::KeyStatus;
