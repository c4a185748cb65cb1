//! What verified claims allow: policies, and what adapters ask for on behalf of extractors and guards.

mod admission;
mod authorization_details;
#[cfg(feature = "testing")]
mod for_test;
#[cfg(feature = "mcp")]
pub mod mcp;
mod openapi;
mod policy;
mod step_up;

pub use admission::{Admission, FromAdmission, Rejection};
pub use authorization_details::AuthorizationDetail;
pub use policy::{Deciding, Decision, Policy};

pub use crate::verify::{Grants, RealmAccess, ResourceAccess, Roles, Scopes};
