use std::ops::Deref;

use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use axum_core::response::{IntoResponse, Response};
use http::request::Parts;
use jwt_core::{Admission, CompactToken, Rejection, VerifiedToken};

use crate::rejection::{ProblemBody, RejectionBody};

/// The claims of the verified token, as an extractor for axum.
///
/// `Option<Claims<C>>` is `None` for an anonymous request, where the authenticator is
/// [optional](jwt_core::AuthenticatorBuilder::optional). On a route without [`JwtAuth`](crate::JwtAuth) both are a 500
/// whose log line names the mend.
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
#[derive(Debug, Clone)]
pub struct ExtractRejection(pub Rejection);

impl IntoResponse for ExtractRejection {
    fn into_response(self) -> Response {
        ProblemBody.response(&self.0)
    }
}

impl<C: Send + Sync + 'static, S: Send + Sync> FromRequestParts<S> for Claims<C> {
    type Rejection = ExtractRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ExtractRejection> {
        Admission::claims(parts.extensions.get()).map(Self).map_err(ExtractRejection)
    }
}

impl<C: Send + Sync + 'static, S: Send + Sync> OptionalFromRequestParts<S> for Claims<C> {
    type Rejection = ExtractRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, ExtractRejection> {
        let claims = Admission::optional_claims(parts.extensions.get()).map_err(ExtractRejection)?;
        Ok(claims.map(Self))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Token {
    type Rejection = ExtractRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ExtractRejection> {
        Admission::token(parts.extensions.get()).map(Self).map_err(ExtractRejection)
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for Token {
    type Rejection = ExtractRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, ExtractRejection> {
        let token = Admission::optional_token(parts.extensions.get()).map_err(ExtractRejection)?;
        Ok(token.map(Self))
    }
}
