use std::fmt;
use std::future::{Ready, ready};
use std::ops::Deref;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::{FromRequest, HttpMessage, HttpRequest, HttpResponse, ResponseError};
use jwt_core::{Admission, CompactToken, Rejection, VerifiedToken};

use crate::rejection;

/// The claims of the verified token, as an extractor for actix-web.
///
/// `Option<Claims<C>>` is `None` for an anonymous request, where the authenticator is
/// [optional](jwt_core::AuthenticatorBuilder::optional). Without [`JwtAuth`](crate::JwtAuth) around the route,
/// `Claims<C>` is a 500 whose log line names the mend; **`Option<Claims<C>>` is `None` there as well**, since actix-web
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

/// Why [`Claims`] or [`Token`] could not be extracted.
#[derive(Debug, Clone)]
pub struct ExtractError(pub Rejection);

impl fmt::Display for ExtractError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl ResponseError for ExtractError {
    fn status_code(&self) -> StatusCode {
        rejection::status(&self.0.answer)
    }

    fn error_response(&self) -> HttpResponse {
        rejection::extractor_refusal(self.0.clone())
    }
}

impl<C: Send + Sync + 'static> FromRequest for Claims<C> {
    type Error = ExtractError;
    type Future = Ready<Result<Self, ExtractError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Admission::claims(request.extensions().get()).map(Self).map_err(ExtractError))
    }
}

impl FromRequest for Token {
    type Error = ExtractError;
    type Future = Ready<Result<Self, ExtractError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Admission::token(request.extensions().get()).map(Self).map_err(ExtractError))
    }
}
