//! Keys that are fetched: what everybody is told of them, and with the feature `remote`, how that is done.

#[cfg(feature = "remote")]
mod bearer;
#[cfg(feature = "remote")]
mod client;
#[cfg(any(feature = "introspection", feature = "oidc"))]
mod credentials;
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
/// What other rooms need that ask providers too.
#[cfg(any(feature = "introspection", feature = "oidc"))]
#[allow(unused_imports, reason = "each of both rooms needs some")]
pub(crate) mod parts {
    pub(crate) use super::client::DefaultClient;
    pub(crate) use super::credentials::{Credentials, Method};
    pub(crate) use super::get::{discover, document, not_found, send};
    pub(crate) use super::metadata::{Metadata, absolute, check_named};
    pub(crate) use super::roots::RootCertificates;
}
#[cfg(feature = "remote")]
pub(crate) use set::OnDemand;
#[cfg(feature = "remote")]
pub use set::RemoteKeySet;
pub use status::KeyStatus;
