//! How rejections become responses: with a problem document, without a body, or in the words of the application.

use std::fmt;

use http::Response;
use http::request::Parts;
use jwt_core::AuthError;
use jwt_core::adapter::Rejection;

/// Makes the response to a rejected request. Implemented by [`ProblemBody`], by [`EmptyBody`] and by whatever is given
/// to [`JwtAuth::on_rejection_response`](crate::JwtAuth::on_rejection_response) or, for axum, to `JwtAuth::on_rejection`.
pub trait RejectionBody<B> {
    /// The response.
    fn response(&self, rejection: &Rejection, request: &Parts) -> Response<B>;
}

/// A problem document (RFC 9457), for response bodies that can be made out of a text: axum's, `Full` of
/// http-body-util, `String`. The default.
#[derive(Debug, Clone, Copy, Default)]
pub struct ProblemBody;

impl<B: From<&'static str>> RejectionBody<B> for ProblemBody {
    fn response(&self, rejection: &Rejection, _: &Parts) -> Response<B> {
        rejection.answer.response().map(B::from)
    }
}

/// No body, for response bodies that have a default.
#[derive(Debug, Clone, Copy, Default)]
pub struct EmptyBody;

impl<B: Default> RejectionBody<B> for EmptyBody {
    fn response(&self, rejection: &Rejection, _: &Parts) -> Response<B> {
        rejection.answer.head().map(|()| B::default())
    }
}

/// A function of the application; see [`JwtAuth::on_rejection_response`](crate::JwtAuth::on_rejection_response).
#[derive(Clone, Copy)]
pub struct Hook<F>(pub(crate) F);

impl<F, B> RejectionBody<B> for Hook<F>
where
    F: Fn(&AuthError, &Parts, Response<()>) -> Response<B>,
{
    fn response(&self, rejection: &Rejection, request: &Parts) -> Response<B> {
        refusing((self.0)(&rejection.error, request, rejection.answer.head()), rejection)
    }
}

impl<F> fmt::Debug for Hook<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hook")
    }
}

/// The response of the application, which refuses whatever it says.
pub(crate) fn refusing<B>(mut response: Response<B>, rejection: &Rejection) -> Response<B> {
    *response.status_mut() = rejection.complete(response.status(), response.headers_mut());
    response
}

/// A rejection by a guard or an extractor, in the extensions of its response: on its way to the layer outside, which
/// knows how the application answers.
#[derive(Clone)]
pub(crate) struct Rejected {
    pub(crate) rejection: Rejection,
    pub(crate) request: Box<Parts>,
}

impl Rejected {
    /// A response that is complete in itself, where no layer is outside.
    pub(crate) fn with<B>(self, mut response: Response<B>) -> Response<B> {
        response.extensions_mut().insert(self);
        response
    }

    /// The response as the layer makes it, in place of this one, if it is a rejection.
    pub(crate) fn reword<B>(response: &mut Response<B>, layer: &impl RejectionBody<B>) {
        if let Some(Self { rejection, request }) = response.extensions_mut().remove() {
            *response = layer.response(&rejection, &request);
        }
    }
}
