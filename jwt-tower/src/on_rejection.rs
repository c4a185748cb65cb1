//! How an application on axum answers in its own words.

use std::fmt;

use axum_core::body::Body;
use axum_core::response::IntoResponse;
use http::Response;
use http::request::Parts;
use jwt_core::AuthError;
use jwt_core::adapter::Rejection;

use crate::auth::JwtAuth;
use crate::rejection::{RejectionBody, refusing};

impl<R> JwtAuth<R> {
    /// Answers rejected requests by a function of an application on axum. It gets the error, the head of the request, and the
    /// head of the answer, with status and challenge set. It returns anything that axum takes for a response. For other
    /// stacks, see [`on_rejection_response`](Self::on_rejection_response).
    ///
    /// A refusal stays one: where the response says that all is well, it gets the status of the answer, and where it has no
    /// challenge, `Cache-Control` or `Retry-After`, it gets those of the answer. A redirect stays a redirect.
    ///
    /// What a [`Require`](crate::Require) or an extractor further inside refuses comes by here as well. The response is
    /// replaced as a whole: what other layers in between have put into its head is lost.
    ///
    /// [`AuthError::public_message`] is safe to show. **The text of the error itself is not**: it is for the log.
    ///
    /// ```
    /// # use jwt_tower::{Authenticator, JwtAuth, KeySet};
    /// # let auth = Authenticator::<()>::builder()
    /// #     .keys(KeySet::hs256(b"a secret of at least thirty-two bytes")?)
    /// #     .audience("api")
    /// #     .build()?;
    /// let layer = JwtAuth::new(auth).on_rejection(|error, _request, _head| error.public_message());
    /// # let _ = layer;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn on_rejection<F, T>(self, hook: F) -> JwtAuth<AxumHook<F>>
    where
        F: Fn(&AuthError, &Parts, Response<()>) -> T,
        T: IntoResponse,
    {
        JwtAuth { authenticator: self.authenticator, facts: self.facts, rejection: AxumHook(hook) }
    }
}

/// A function of an application on axum; see [`JwtAuth::on_rejection`].
#[derive(Clone, Copy)]
pub struct AxumHook<F>(F);

impl<F, T> RejectionBody<Body> for AxumHook<F>
where
    F: Fn(&AuthError, &Parts, Response<()>) -> T,
    T: IntoResponse,
{
    fn response(&self, rejection: &Rejection, request: &Parts) -> Response<Body> {
        refusing((self.0)(&rejection.error, request, rejection.answer.head()).into_response(), rejection)
    }
}

impl<F> fmt::Debug for AxumHook<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AxumHook")
    }
}
