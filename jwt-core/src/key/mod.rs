//! Keys: each is made for one algorithm and used with no other (RFC 8725 §3.1). Loaded, generated, fetched, replaced.

pub(crate) mod algorithm;
pub(crate) mod crypto;
pub(crate) mod der;
mod error;
mod jwk;
mod kind;
mod live;
mod mistaken;
pub(crate) mod pem;
mod pkcs8;
mod private_jwk;
pub(crate) mod public_jwk;
mod remote;
mod secret;
mod set;
mod signing;
mod source;
mod verifying;

pub use algorithm::{Algorithm, UnknownAlgorithm};
pub use error::{KeyError, SigningError};
pub use live::LiveKeys;
pub(crate) use live::Snapshot;
pub use mistaken::NotASecret;
#[cfg(feature = "remote")]
pub(crate) use remote::OnDemand;
#[cfg(feature = "remote")]
pub use remote::RemoteKeySet;
#[cfg(any(feature = "introspection", feature = "oidc"))]
pub(crate) use remote::parts as remote_parts;
pub use remote::{Fetch, FetchError, Fetching, KeyStatus, RemoteKeySetBuildError, Tried};
pub(crate) use secret::check as check_secret;
pub use set::{KeySet, SkippedKey};
pub(crate) use set::{Named, NoCandidate};
pub use signing::SigningKey;
#[allow(unused_imports, reason = "the last one is for issuers (feature `login`)")]
pub(crate) use signing::{MAX_HEADER, MAX_KID, signing_input};
pub use source::KeySource;
pub(crate) use source::{Asked, KeyFeed, Lack, Question, Source, Wait, Waited};
pub use verifying::VerifyingKey;
