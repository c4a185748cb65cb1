//! Why there is no login, as what a handler of axum returns.

use std::fmt;

use axum_core::response::{IntoResponse, Response};
use http::HeaderMap;
use jwt_core::LoginError;
use jwt_core::login::LoginRefusal;

/// Why somebody is not logged in, renewed or logged out, as the error of a handler: `?` makes it of a [`LoginError`], a
/// [`LoginRefusal`], a [`StoreError`](jwt_core::store::StoreError) and what else a login may fail of.
///
/// As a response, it is what [`LoginRefusal::response`] says, with the cookies cleared of a login that has ended. The
/// reason goes to the log.
///
/// ```
/// use axum::extract::State;
/// use jwt_tower::{Claims, LoginRejection, Logins};
///
/// async fn lock(State(logins): State<Logins>, Claims(admin): Claims<()>) -> Result<&'static str, LoginRejection> {
///     logins.log_out_everywhere("alice").await?;
///     Ok("locked")
/// }
/// # let _ = axum::Router::<Logins>::new().route("/lock", axum::routing::post(lock));
/// ```
#[derive(Clone)]
pub struct LoginRejection(LoginRefusal);

impl LoginRejection {
    /// Why.
    pub fn reason(&self) -> &LoginError {
        self.0.reason()
    }

    /// The header fields that make a browser forget a login that has ended, for a response of your own.
    pub fn headers(&self) -> &HeaderMap {
        self.0.headers()
    }
}

impl<E: Into<LoginRefusal>> From<E> for LoginRejection {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for LoginRejection {
    fn into_response(self) -> Response {
        self.0.response().into_response()
    }
}

impl fmt::Debug for LoginRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for LoginRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
