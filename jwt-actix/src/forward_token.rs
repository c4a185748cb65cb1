//! Passing the token on to other services, by awc.

use actix_web::http::Uri;
use actix_web::http::header::{HeaderName, HeaderValue};
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
/// let mut call = client.get("https://invoices.example.com/unpaid");
/// for field in forward.headers(&token, "GET", call.get_uri()).await? {
///     call = call.insert_header(field);
/// }
/// let answer = call.send().await?;
/// ```
#[derive(Debug, Clone)]
pub struct ForwardToken(Forwarder);

impl ForwardToken {
    /// Asks this forwarder.
    pub fn new(forwarder: Forwarder) -> Self {
        Self(forwarder)
    }

    /// The header fields for a call with that method to this address on behalf of the token's user, marked as sensitive:
    /// `Authorization` and, where the token was exchanged for a bound one, `DPoP`. Insert them into the request of exactly this
    /// address; `insert_header` replaces one that is there already.
    ///
    /// awc drops `Authorization` where it follows a redirect to another origin.
    ///
    /// # Errors
    /// Where the token must not go there, or not any more: see [`ForwardError`].
    pub async fn headers(
        &self,
        token: &CompactToken,
        method: &str,
        address: &Uri,
    ) -> Result<Vec<(HeaderName, HeaderValue)>, ForwardError> {
        let fields = self.0.headers(token, method, address.to_string()).await?;
        let convert = |(name, value): (&jwt_core::adapter::HeaderName, &jwt_core::adapter::HeaderValue)| {
            let name = HeaderName::from_bytes(name.as_str().as_bytes()).ok()?;
            let mut value = HeaderValue::from_bytes(value.as_bytes()).ok()?;
            value.set_sensitive(true);
            Some((name, value))
        };
        fields.iter().map(convert).collect::<Option<_>>().ok_or(ForwardError::Unsendable)
    }
}
