//! What a token says of itself that a revocation can name.

use crate::clock::NumericDate;

/// The members of a token that say whether it is revoked. A [`VerifiedToken`](crate::VerifiedToken) by reference converts
/// into one; for a token that is verified elsewhere, such as an opaque one, fill it yourself:
///
/// ```
/// # use std::sync::Arc;
/// # use jwt_core::{MemoryStore, Revocations, revocation::TokenIdentity};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let revocations = Revocations::builder(Arc::new(MemoryStore::new())).open().await?;
/// let token = TokenIdentity { issuer: Some("https://issuer.example.com"), token_id: Some("1"), ..TokenIdentity::default() };
/// assert!(revocations.check(token).is_ok());
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TokenIdentity<'t> {
    /// `iss`: who issued it.
    pub issuer: Option<&'t str>,
    /// `jti`: its name. Without one, it cannot be revoked by itself.
    pub token_id: Option<&'t str>,
    /// `sid`: the login that it belongs to. Without one, it is not revoked with the other tokens of its login.
    pub session_id: Option<&'t str>,
    /// `sub`: whom it is about. Without one, it is not revoked with the other tokens of its subject.
    pub subject: Option<&'t str>,
    /// `iat`: when it was issued. Without it, it counts as older than every revocation of its subject.
    pub issued_at: Option<NumericDate>,
}
