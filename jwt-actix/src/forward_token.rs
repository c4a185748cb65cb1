//! Passing the token on to other services, by awc.

use actix_web::http::Uri;
use actix_web::http::header::{AUTHORIZATION, HeaderName, HeaderValue};
use jwt_core::CompactToken;
use jwt_core::forward::{ForwardError, Forwarder};

/// Passes the token of the request being served on to the services of a [`Forwarder`], and to no other, by awc.
///
/// For reqwest and other clients on `http` 1, the forwarder alone is enough.
///
/// ```
/// use jwt_actix::forward::Forwarder;
/// use jwt_actix::{ForwardToken, Token};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let invoices = Forwarder::builder().target("https://invoices.example.com").build()?;
/// let forward = ForwardToken::new(invoices);
/// # let _ = forward;
/// # Ok(())
/// # }
/// ```
///
/// and in a handler with `Token(token): Token` and an `awc::Client`:
///
/// ```ignore
/// let call = client.get("https://invoices.example.com/unpaid");
/// let authorization = forward.authorization(&token, call.get_uri()).await?;
/// let answer = call.insert_header(authorization).send().await?;
/// ```
#[derive(Debug, Clone)]
pub struct ForwardToken(Forwarder);

impl ForwardToken {
    /// Asks this forwarder.
    pub fn new(forwarder: Forwarder) -> Self {
        Self(forwarder)
    }

    /// The `Authorization` header for a call to this address on behalf of the token's user, marked as sensitive. Insert
    /// it into the request of exactly this address; `insert_header` replaces one that is there already.
    ///
    /// awc drops it where it follows a redirect to another origin.
    ///
    /// # Errors
    /// Where the token must not go there, or not any more: see [`ForwardError`].
    pub async fn authorization(
        &self,
        token: &CompactToken,
        address: &Uri,
    ) -> Result<(HeaderName, HeaderValue), ForwardError> {
        let value = self.0.authorization(token, address.to_string()).await?;
        let mut value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| ForwardError::Unsendable)?;
        value.set_sensitive(true);
        Ok((AUTHORIZATION, value))
    }
}
