//! Keys that are fetched: what everybody is told of them, and with the feature `remote`, how that is done.

mod error;
mod fetch;
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
