//! What verified claims allow: policies, and what adapters ask for on behalf of extractors and guards.

mod admission;
#[cfg(feature = "testing")]
mod for_test;
mod policy;

pub use admission::{Admission, FromAdmission, Rejection};
pub use policy::{Deciding, Decision, Policy};

pub use crate::verify::{Grants, RealmAccess, ResourceAccess, Roles, Scopes};
