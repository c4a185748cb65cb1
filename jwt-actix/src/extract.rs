//! Extractors: the verified claims, and the compact token.

use std::fmt;
use std::future::{Ready, ready};
use std::ops::Deref;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::{FromRequest, HttpMessage, HttpRequest, HttpResponse, ResponseError};
use jwt_core::adapter::{Admission, Rejection};
use jwt_core::{AuthError, CompactToken, VerifiedToken};

use crate::rejection;
use crate::request::Head;

/// The claims of the verified token, as an extractor for actix-web.
///
/// `Option<Claims<C>>` is `None` for an anonymous request, where the authenticator is
/// [optional](jwt_core::AuthenticatorBuilder::optional). Without [`JwtAuth`](crate::JwtAuth) around the route,
/// `Claims<C>` is a 500 whose log line names the fix; **`Option<Claims<C>>` is `None` there as well**, since actix-web
/// turns every error of an extractor in an `Option` into `None`. The log line is written all the same.
///
/// ```
/// use jwt_actix::Claims;
///
/// #[derive(serde::Deserialize)]
/// struct User {
///     name: String,
/// }
///
/// async fn me(Claims(user): Claims<User>) -> String {
///     format!("{} ({})", user.name, user.subject().unwrap_or("nobody"))
/// }
/// # let _ = me;
/// ```
#[derive(Debug, Clone)]
pub struct Claims<C>(pub VerifiedToken<C>);

impl<C: Clone> Claims<C> {
    /// The application's claims by value; see [`VerifiedToken::into_claims`].
    pub fn into_claims(self) -> C {
        self.0.into_claims()
    }
}

impl<C> Deref for Claims<C> {
    type Target = VerifiedToken<C>;

    fn deref(&self) -> &VerifiedToken<C> {
        &self.0
    }
}

/// The compact token that was verified, as an extractor for actix-web: to pass it on to another service.
#[derive(Debug, Clone)]
pub struct Token(pub CompactToken);

impl Deref for Token {
    type Target = CompactToken;

    fn deref(&self) -> &CompactToken {
        &self.0
    }
}

/// Why [`Claims`] or [`Token`] could not be extracted, as a response.
#[derive(Debug, Clone)]
pub struct ExtractRejection(Rejection);

impl ExtractRejection {
    fn new(rejection: Rejection, request: &HttpRequest) -> Self {
        Self(rejection.for_request(&Head(request)))
    }

    /// Why.
    pub fn error(&self) -> &AuthError {
        &self.0.error
    }
}

impl fmt::Display for ExtractRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl ResponseError for ExtractRejection {
    fn status_code(&self) -> StatusCode {
        rejection::extractor_rejection(self.0.clone()).status()
    }

    fn error_response(&self) -> HttpResponse {
        self.0.report();
        rejection::extractor_rejection(self.0.clone())
    }
}

impl<C: Send + Sync + 'static> FromRequest for Claims<C> {
    type Error = ExtractRejection;
    type Future = Ready<Result<Self, ExtractRejection>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let claims = Admission::claims(request.extensions().get());
        ready(claims.map(Self).map_err(|rejection| ExtractRejection::new(rejection, request)))
    }
}

impl FromRequest for Token {
    type Error = ExtractRejection;
    type Future = Ready<Result<Self, ExtractRejection>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let token = Admission::token(request.extensions().get());
        ready(token.map(Self).map_err(|rejection| ExtractRejection::new(rejection, request)))
    }
}
