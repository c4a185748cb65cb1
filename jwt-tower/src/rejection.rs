use std::fmt;

use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderValue, Response};
use jwt_core::{Answer, AuthError, Rejection};

/// Makes the response to a rejected request. Implemented by [`ProblemBody`], by [`EmptyBody`] and by whatever is given
/// to [`JwtAuth::on_rejection`](crate::JwtAuth::on_rejection).
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
        problem(&rejection.answer)
    }
}

/// No body, for response bodies that have a default.
#[derive(Debug, Clone, Copy, Default)]
pub struct EmptyBody;

impl<B: Default> RejectionBody<B> for EmptyBody {
    fn response(&self, rejection: &Rejection, _: &Parts) -> Response<B> {
        head(&rejection.answer).map(|()| B::default())
    }
}

/// A function of the application; see [`JwtAuth::on_rejection`](crate::JwtAuth::on_rejection).
#[derive(Clone, Copy)]
pub struct Hook<F>(pub(crate) F);

impl<F, B> RejectionBody<B> for Hook<F>
where
    F: Fn(&AuthError, &Parts, Response<()>) -> Response<B>,
{
    fn response(&self, rejection: &Rejection, request: &Parts) -> Response<B> {
        (self.0)(&rejection.error, request, head(&rejection.answer))
    }
}

impl<F> fmt::Debug for Hook<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hook")
    }
}

/// A refusal by a guard or an extractor, in the extensions of its response: on its way to the layer outside, which
/// knows how the application answers.
#[derive(Clone)]
pub(crate) struct Refusal {
    pub(crate) rejection: Rejection,
    pub(crate) request: Box<Parts>,
}

impl Refusal {
    /// A response that says it all, should no layer be outside.
    pub(crate) fn with<B>(self, response: Response<B>) -> Response<B> {
        let mut response = response;
        response.extensions_mut().insert(self);
        response
    }

    /// Puts the words of the layer in the place of the response, if it is a refusal.
    pub(crate) fn reword<B>(response: &mut Response<B>, words: &impl RejectionBody<B>) {
        if let Some(Self { rejection, request }) = response.extensions_mut().remove() {
            *response = words.response(&rejection.for_request(&*request), &request);
        }
    }
}

/// Status and header fields, without a body yet.
pub(crate) fn head(answer: &Answer) -> Response<()> {
    let mut response = Response::new(());
    *response.status_mut() = answer.status;
    response.headers_mut().extend(answer.headers());
    response
}

/// The whole answer, with its problem document.
pub(crate) fn problem<B: From<&'static str>>(answer: &Answer) -> Response<B> {
    let mut response = head(answer).map(|()| answer.body.into());
    // A media type that is there already is that of gRPC, which has no document.
    let content_type = response.headers_mut().entry(CONTENT_TYPE);
    content_type.or_insert(HeaderValue::from_static(Answer::CONTENT_TYPE));
    response
}
