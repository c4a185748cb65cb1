//! The challenges that the suite expects (RFC 6750 §3).

pub(super) const BARE: &str = "Bearer";
pub(super) const INVALID_REQUEST: &str = "Bearer error=\"invalid_request\"";
pub(super) const INVALID_TOKEN: &str = "Bearer error=\"invalid_token\"";
pub(super) const INVALID_TOKEN_OF_REALM: &str = "Bearer realm=\"the api\", error=\"invalid_token\"";
pub(super) const FORBIDDEN: &str = "Bearer error=\"insufficient_scope\"";
pub(super) const READ: &str = "Bearer error=\"insufficient_scope\", scope=\"read:things\"";
pub(super) const WRITE: &str = "Bearer error=\"insufficient_scope\", scope=\"write:things\"";
pub(super) const BOTH: &str = "Bearer error=\"insufficient_scope\", scope=\"read:things write:things\"";
