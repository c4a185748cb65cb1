//! Extractors for axum: the verified claims, and the compact token.

use std::fmt;
use std::ops::Deref;

use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use axum_core::response::{IntoResponse, Response};
use http::request::Parts;
use jwt_core::adapter::{Admission, Rejection};
use jwt_core::{AuthError, CompactToken, VerifiedToken};

use crate::rejection::Rejected;

/// The claims of the verified token, as an extractor for axum.
///
/// `Option<Claims<C>>` is `None` for an anonymous request, where the authenticator is
/// [optional](jwt_core::AuthenticatorBuilder::optional). On a route without [`JwtAuth`](crate::JwtAuth) both are a 500
/// whose log line names the fix.
///
/// ```
/// use jwt_tower::Claims;
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

/// The compact token that was verified, as an extractor for axum: to pass it on to another service.
#[derive(Debug, Clone)]
pub struct Token(pub CompactToken);

impl Deref for Token {
    type Target = CompactToken;

    fn deref(&self) -> &CompactToken {
        &self.0
    }
}

/// Why [`Claims`] or [`Token`] could not be extracted, as a response.
#[derive(Clone)]
pub struct ExtractRejection {
    rejection: Rejection,
    request: Box<Parts>,
}

impl ExtractRejection {
    fn new(rejection: Rejection, request: &Parts) -> Self {
        Self { rejection: rejection.for_request(request), request: Box::new(request.clone()) }
    }

    /// Why.
    pub fn error(&self) -> &AuthError {
        &self.rejection.error
    }
}

impl fmt::Debug for ExtractRejection {
    /// Without the request, which holds the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ExtractRejection").field(&self.rejection).finish()
    }
}

impl IntoResponse for ExtractRejection {
    fn into_response(self) -> Response {
        self.rejection.report();
        let response = self.rejection.answer.response().map(Into::into);
        Rejected { rejection: self.rejection, request: self.request }.with(response)
    }
}

impl<C: Send + Sync + 'static, S: Send + Sync> FromRequestParts<S> for Claims<C> {
    type Rejection = ExtractRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ExtractRejection> {
        let claims = Admission::claims(parts.extensions.get());
        claims.map(Self).map_err(|rejection| ExtractRejection::new(rejection, parts))
    }
}

impl<C: Send + Sync + 'static, S: Send + Sync> OptionalFromRequestParts<S> for Claims<C> {
    type Rejection = ExtractRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, ExtractRejection> {
        let claims = Admission::optional_claims(parts.extensions.get());
        claims.map(|claims| claims.map(Self)).map_err(|rejection| ExtractRejection::new(rejection, parts))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Token {
    type Rejection = ExtractRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ExtractRejection> {
        let token = Admission::token(parts.extensions.get());
        token.map(Self).map_err(|rejection| ExtractRejection::new(rejection, parts))
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for Token {
    type Rejection = ExtractRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, ExtractRejection> {
        let token = Admission::optional_token(parts.extensions.get());
        token.map(|token| token.map(Self)).map_err(|rejection| ExtractRejection::new(rejection, parts))
    }
}
