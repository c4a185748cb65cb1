use std::fmt;

use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response};
use jwt_core::{Answer, AuthError, Rejection};

/// Makes the response to a rejected request. Implemented by [`ProblemBody`], by [`EmptyBody`] and by whatever is given
/// to [`JwtAuth::on_rejection`](crate::JwtAuth::on_rejection).
pub trait RejectionBody<B> {
    /// The response.
    fn response(&self, rejection: &Rejection) -> Response<B>;
}

/// A problem document (RFC 9457), for response bodies that can be made out of a text: axum's, `Full` of
/// http-body-util, `String`. The default.
#[derive(Debug, Clone, Copy, Default)]
pub struct ProblemBody;

impl<B: From<&'static str>> RejectionBody<B> for ProblemBody {
    fn response(&self, rejection: &Rejection) -> Response<B> {
        let mut response = head(&rejection.answer).map(|()| rejection.answer.body.into());
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(Answer::CONTENT_TYPE));
        response
    }
}

/// No body, for response bodies that have a default.
#[derive(Debug, Clone, Copy, Default)]
pub struct EmptyBody;

impl<B: Default> RejectionBody<B> for EmptyBody {
    fn response(&self, rejection: &Rejection) -> Response<B> {
        head(&rejection.answer).map(|()| B::default())
    }
}

/// A function of the application; see [`JwtAuth::on_rejection`](crate::JwtAuth::on_rejection).
#[derive(Clone, Copy)]
pub struct Hook<F>(pub(crate) F);

impl<F, B> RejectionBody<B> for Hook<F>
where
    F: Fn(&AuthError, Response<()>) -> Response<B>,
{
    fn response(&self, rejection: &Rejection) -> Response<B> {
        (self.0)(&rejection.error, head(&rejection.answer))
    }
}

impl<F> fmt::Debug for Hook<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hook")
    }
}

fn head(answer: &Answer) -> Response<()> {
    let mut response = Response::new(());
    *response.status_mut() = answer.status;
    response.headers_mut().extend(answer.headers());
    response
}
