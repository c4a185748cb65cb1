//! `SameOrigin`: what a handler of axum logs in by.

use std::ops::Deref;

use axum_core::extract::FromRequestParts;
use http::request::Parts;
use jwt_core::login::LoginAttempt;

use crate::login_rejection::LoginRejection;

/// A request that logs in and that no page of another site has made, as an extractor for axum: a handler gets to a login in
/// cookies by it alone. A [`LoginRoutes`](crate::LoginRoutes) must be around the route.
///
/// A request of a page of another site is a 403, and a GET a 405: a link on any site can make one.
///
/// ```
/// use axum::extract::Form;
/// use axum::response::IntoResponse;
/// use jwt_tower::{LoginRejection, SameOrigin};
///
/// # #[derive(serde::Deserialize)]
/// # struct Credentials { name: String, password: String }
/// # #[derive(serde::Serialize)]
/// # struct User { sub: String }
/// # async fn check_password(credentials: Credentials) -> Result<User, LoginRejection> { Ok(User { sub: credentials.name }) }
/// async fn log_in(
///     attempt: SameOrigin,
///     Form(credentials): Form<Credentials>,
/// ) -> Result<impl IntoResponse, LoginRejection> {
///     let user = check_password(credentials).await?;
///     Ok(attempt.log_in(&user).await?.response())
/// }
/// # let _ = axum::Router::<()>::new().route("/auth/login", axum::routing::post(log_in));
/// ```
#[derive(Debug, Clone)]
pub struct SameOrigin(pub LoginAttempt);

impl Deref for SameOrigin {
    type Target = LoginAttempt;

    fn deref(&self) -> &LoginAttempt {
        &self.0
    }
}

impl<S: Send + Sync> FromRequestParts<S> for SameOrigin {
    type Rejection = LoginRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, LoginRejection> {
        Ok(Self(LoginAttempt::of(parts.extensions.get(), parts)?))
    }
}
