//! Why there is no login, as what a handler of actix-web returns.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use jwt_core::LoginError;
use jwt_core::adapter::HeaderMap;
use jwt_core::login::LoginRefusal;

use crate::response::response;

/// Why somebody is not logged in, renewed or logged out, as the error of a handler: `?` makes it of a [`LoginError`], a
/// [`LoginRefusal`], a [`StoreError`](jwt_core::store::StoreError) and what else a login may fail of.
///
/// As a response, it is what [`LoginRefusal::response`] says, with the cookies cleared of a login that has ended. The
/// reason goes to the log.
///
/// ```
/// use actix_web::web;
/// use jwt_actix::{Claims, LoginRejection, Logins};
///
/// async fn lock(logins: web::Data<Logins>, Claims(admin): Claims<()>) -> Result<&'static str, LoginRejection> {
///     logins.log_out_everywhere("alice").await?;
///     Ok("locked")
/// }
/// # let _ = actix_web::App::new().route("/lock", web::post().to(lock));
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

impl ResponseError for LoginRejection {
    fn status_code(&self) -> StatusCode {
        // By way of the number: the types are of two versions of `http`. Not of the response, which would log it again.
        StatusCode::from_u16(self.0.reason().status().as_u16()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        response(self.0.response())
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
