//! `SameOrigin`: what a handler of actix-web logs in by.

use std::future::{Ready, ready};
use std::ops::Deref;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use jwt_core::login::LoginAttempt;

use crate::login_rejection::LoginRejection;
use crate::request::Head;

/// A request that logs in and that no page of another site has made, as an extractor for actix-web: a handler gets to a
/// login in cookies by it alone. A [`LoginRoutes`](crate::LoginRoutes) must be around the route.
///
/// A request of a page of another site is a 403, and a GET a 405: a link on any site can make one.
///
/// ```
/// use actix_web::{HttpResponse, web::Form};
/// use jwt_actix::{LoginRejection, SameOrigin, response};
///
/// # #[derive(serde::Deserialize)]
/// # struct Credentials { name: String, password: String }
/// # #[derive(serde::Serialize)]
/// # struct User { sub: String }
/// # async fn check_password(credentials: Credentials) -> Result<User, LoginRejection> { Ok(User { sub: credentials.name }) }
/// async fn log_in(attempt: SameOrigin, Form(credentials): Form<Credentials>) -> Result<HttpResponse, LoginRejection> {
///     let user = check_password(credentials).await?;
///     Ok(response(attempt.log_in(&user).await?.response()))
/// }
/// # let _ = actix_web::App::new().route("/auth/login", actix_web::web::post().to(log_in));
/// ```
#[derive(Debug, Clone)]
pub struct SameOrigin(pub LoginAttempt);

impl Deref for SameOrigin {
    type Target = LoginAttempt;

    fn deref(&self) -> &LoginAttempt {
        &self.0
    }
}

impl FromRequest for SameOrigin {
    type Error = LoginRejection;
    type Future = Ready<Result<Self, LoginRejection>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let attempt = LoginAttempt::of(request.extensions().get(), &Head(request));
        ready(attempt.map(Self).map_err(LoginRejection::from))
    }
}
